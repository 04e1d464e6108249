/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/node.h"

#include "cps/store/redis/topology/durable.h"
#include "cps/store/redis/topology/servers.h"

#include <stdlib.h>

static void node_on_up(void *owner)
{
    struct redis_node *node = owner;
    struct redis_servers *servers = node->servers;
    cpsd_count(&servers->store->counters.connections_up, 1);
    cpsd_count(&servers->store->counters.reconnects, servers->was_up);
    servers->was_up = true;
    servers->node_events->up(node);
}

static void node_on_down(void *owner)
{
    struct redis_node *node = owner;
    cpsd_count(&node->servers->store->counters.connections_up, UINT64_MAX);
    if (!node->leaving) {
        node->servers->node_events->down(node);
    }
}

static void node_on_closed(void *owner)
{
    struct redis_node *node = owner;
    if (--node->open) {
        return;
    }
    struct redis_servers *servers = node->servers;
    if (!node->embedded) {
        free(node);
    }
    redis_servers_part_closed(servers);
}

/* The primary of Sentinels has no address until one of them was asked. */
static bool node_locate(void *owner)
{
    return ((struct redis_node *)owner)->address.port != 0;
}

static struct cpsd_redis_conn_config node_config(struct redis_node *node)
{
    const struct redis_shared *shared = node->servers->shared;
    const struct cpsd_store_config *config = redis_servers_config(node->servers);
    return (struct cpsd_redis_conn_config){
        .use = CPSD_REDIS_FOR_REQUESTS,
        .address = &node->address,
        .scripts = shared->scripts,
        .script_count = shared->script_count,
        .sample_key = shared->sample_key,
        .timeout_ms = config->timeout_ms,
        .log = config->log,
        .up = node_on_up,
        .down = node_on_down,
        .closed = node_on_closed,
        .locate = shared->place.kind == CPSD_REDIS_SENTINEL ? node_locate : NULL,
        .owner = node,
    };
}

void redis_node_open(struct redis_node *node, struct redis_servers *servers)
{
    node->servers = servers;
    node->open = 1;
    servers->parts++;
    node->config = node_config(node);
    cpsd_redis_conn_open(&node->conn, servers->store->loop, &node->config);
    if (redis_servers_config(servers)->replicas) {
        node->open++;
        node->durable.config = node->config;
        redis_durable_open(node);
    }
}

void redis_node_close(struct redis_node *node)
{
    node->leaving = true;
    if (node->subscriber.opened) {
        cpsd_redis_conn_close(&node->subscriber.conn);
    }
    if (redis_servers_config(node->servers)->replicas) {
        cpsd_redis_conn_close(&node->durable.conn);
    }
    cpsd_redis_conn_close(&node->conn);
}

void redis_node_move(struct redis_node *node, const char *why)
{
    if (node->subscriber.opened) {
        cpsd_redis_conn_move(&node->subscriber.conn, why);
    }
    if (redis_servers_config(node->servers)->replicas) {
        cpsd_redis_conn_move(&node->durable.conn, why);
    }
    cpsd_redis_conn_move(&node->conn, why);
}

bool redis_node_ready(const struct redis_node *node)
{
    return !node->leaving && cpsd_redis_conn_up(&node->conn) &&
           (!redis_servers_config(node->servers)->replicas || cpsd_redis_conn_up(&node->durable.conn));
}

bool redis_node_send(struct redis_node *node, struct redis_request *request)
{
    request->node = node;
    if (node->leaving) {
        return false;
    }
    if (redis_request_needs_replicas(request)) {
        return redis_durable_send(node, request);
    }
    if (request->state == REDIS_REQUEST_ASKING && !cpsd_redis_conn_send(&node->conn, &request->asking)) {
        return false;
    }
    return cpsd_redis_conn_send(&node->conn, &request->wire);
}

struct cpsd_redis_conn *redis_node_conn_for(struct redis_node *node, const struct redis_request *request)
{
    return redis_request_needs_replicas(request) ? &node->durable.conn : &node->conn;
}
