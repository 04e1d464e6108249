#include "cps/store/redis/redis_internal.h"

/*
 * A server's connections: one for requests; where replicas have to confirm what was written, one for that, so that
 * reading goes on while it waits; and one for subscriptions, once somebody waits.
 */

static void on_up(void *owner)
{
    struct redis_node *node = owner;
    struct redis_store *store = node->store;
    cpsd_count(&store->base.counters.connections_up, 1);
    cpsd_count(&store->base.counters.reconnects, store->was_up);
    store->was_up = true;
    redis_check(node);
}

static void on_down(void *owner)
{
    struct redis_node *node = owner;
    cpsd_count(&node->store->base.counters.connections_up, UINT64_MAX);
    if (!node->leaving) {
        redis_scout_wanted(node->store, true);
    }
}

static void on_closed(void *owner)
{
    struct redis_node *node = owner;
    if (--node->open) {
        return;
    }
    struct redis_store *store = node->store;
    if (!node->embedded) {
        redis_cluster_node_closed(node);
    }
    redis_part_closed(store);
}

static bool locate(void *owner)
{
    return ((struct redis_node *)owner)->address.port != 0;
}

static struct cpsd_redis_conn_config config_of(struct redis_node *node, enum cpsd_redis_use use)
{
    const struct redis_backend *redis = redis_backend_of(node->store);
    return (struct cpsd_redis_conn_config){
        .use = use,
        .address = &node->address,
        .scripts = cpsd_redis_script_texts,
        .script_count = CPSD_REDIS_SCRIPTS,
        .sample_key = "cps:{}",
        .timeout_ms = redis->base.config.timeout_ms,
        .log = redis->base.config.log,
        .up = on_up,
        .down = on_down,
        .closed = on_closed,
        .locate = redis->place.kind == CPSD_REDIS_SENTINEL ? locate : NULL,
        .owner = node,
    };
}

void redis_node_open(struct redis_node *node, struct redis_store *store)
{
    node->store = store;
    node->open = 1;
    store->parts++;
    node->config = config_of(node, CPSD_REDIS_FOR_REQUESTS);
    cpsd_redis_conn_open(&node->conn, store->base.loop, &node->config);
    if (store->base.backend->config.replicas) {
        node->open++;
        node->durable.config = config_of(node, CPSD_REDIS_FOR_REQUESTS);
        redis_durable_open(node);
    }
}

void redis_node_close(struct redis_node *node)
{
    node->leaving = true;
    if (node->sub.opened) {
        cpsd_redis_conn_close(&node->sub.conn);
    }
    if (node->store->base.backend->config.replicas) {
        cpsd_redis_conn_close(&node->durable.conn);
    }
    cpsd_redis_conn_close(&node->conn);
}

void redis_node_move(struct redis_node *node, const char *why)
{
    if (node->sub.opened) {
        cpsd_redis_conn_move(&node->sub.conn, why);
    }
    if (node->store->base.backend->config.replicas) {
        cpsd_redis_conn_move(&node->durable.conn, why);
    }
    cpsd_redis_conn_move(&node->conn, why);
}

bool redis_node_ready(const struct redis_node *node)
{
    return !node->leaving && cpsd_redis_conn_up(&node->conn) &&
           (!node->store->base.backend->config.replicas || cpsd_redis_conn_up(&node->durable.conn));
}

bool redis_node_send(struct redis_node *node, struct redis_op *op)
{
    op->node = node;
    if (node->leaving) {
        return false;
    }
    if (op->writes && node->store->base.backend->config.replicas) {
        return redis_durable_send(node, op);
    }
    if (op->ask && !cpsd_redis_conn_send(&node->conn, &op->asking)) {
        return false;
    }
    return cpsd_redis_conn_send(&node->conn, &op->request);
}
