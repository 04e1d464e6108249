#include "cps/store/redis/redis_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where a request goes, and what becomes of it there. Behind a cluster or Sentinels another server may take over: what
 * could not be done, and what can be done again, rests for a moment and is sent again while its time lasts. A server
 * alone that is away is said to be away at once.
 */
#define MS UINT64_C(1000000)
#define REST_MS 20       /* between two attempts */
#define PARKED_MAX 16384 /* requests that rest; more are refused */
#define HOPS_MAX 5       /* redirections in a row */
#define RELOADS_MAX 3    /* of the scripts for one request: they may be lost again while they are being loaded */
#define PATIENCE_MS 50   /* what an attempt has at least, however late it is made */
#define SAY_EVERY_NS (UINT64_C(10) * 1000000000)
#define UPKEEP_MS 1000

void redis_op_list_add(struct redis_op_list *list, struct redis_op *op)
{
    op->next = NULL;
    *list->end = op;
    list->end = &op->next;
}

struct redis_op *redis_op_list_take(struct redis_op_list *list)
{
    struct redis_op *first = list->first;
    list->first = NULL;
    list->end = &list->first;
    return first;
}

void redis_op_end(struct redis_op *op, enum stir_code code)
{
    cpsd_op_fail(&op->store->base, &op->op, code);
    free(op);
}

static void on_tick(uv_timer_t *timer)
{
    struct redis_store *store = timer->data;
    store->parked_count = 0;
    for (struct redis_op *op = redis_op_list_take(&store->parked), *next; op; op = next) {
        next = op->next;
        redis_route(op);
    }
}

/* Until the next tick, if it has the time. */
static void park(struct redis_op *op)
{
    struct redis_store *store = op->store;
    if (!store->patient || store->base.closing || store->parked_count >= PARKED_MAX ||
        uv_hrtime() + REST_MS * MS >= op->deadline_ns) {
        redis_op_end(op, STIR_E_UNAVAILABLE);
        return;
    }
    op->ask = false;
    op->hops = 0;
    redis_op_list_add(&store->parked, op);
    store->parked_count++;
    if (!uv_is_active((uv_handle_t *)&store->tick)) {
        uv_update_time(store->base.loop);
        (void)uv_timer_start(&store->tick, on_tick, REST_MS, 0);
    }
}

static struct redis_node *node_for(const struct redis_op *op)
{
    struct redis_store *store = op->store;
    if (op->ask) {
        return op->node;
    }
    return redis_is_cluster(store) ? redis_cluster_node(store, op->slot) : &store->only;
}

void redis_send(struct redis_op *op)
{
    struct redis_node *node = node_for(op);
    if (!node || !redis_node_send(node, op)) {
        park(op);
    }
}

void redis_route(struct redis_op *op)
{
    uint64_t now = uv_hrtime();
    redis_plain_begin(op);
    op->request.due_ns = op->deadline_ns > now + PATIENCE_MS * MS ? op->deadline_ns : now + PATIENCE_MS * MS;
    if (now >= op->deadline_ns) {
        redis_op_end(op, STIR_E_UNAVAILABLE);
    } else {
        redis_send(op);
    }
}

void redis_retry_or_fail(struct redis_op *op)
{
    if (op->undone || op->repeatable) {
        op->undone = false;
        park(op);
    } else {
        redis_op_end(op, STIR_E_UNAVAILABLE);
    }
}

/* What Redis refuses is not lost, only not done. */
void redis_log_refusal(struct redis_store *store, const struct redis_node *node, const redisReply *reply)
{
    char word[32], where[300];
    uint64_t now = uv_hrtime();
    if (store->said_ns && now - store->said_ns < SAY_EVERY_NS) {
        return;
    }
    store->said_ns = now;
    cpsd_redis_error_word(reply, word, sizeof(word));
    cpsd_redis_address_name(&node->address, where, sizeof(where));
    stir_log_plain(store->base.backend->config.log, STIR_LOG_ERROR, "Redis at %s: it refuses a request (%s)", where,
                   word);
}

static bool reload(struct redis_op *op)
{
    struct redis_node *node = op->node;
    bool durable = op->writes && op->store->base.backend->config.replicas;
    if (op->reloads >= RELOADS_MAX || !cpsd_redis_conn_reload(durable ? &node->durable.conn : &node->conn)) {
        return false;
    }
    op->reloads++;
    return redis_node_send(node, op);
}

static bool on_asked(struct cpsd_redis_request *request, const redisReply *reply)
{
    (void)request;
    (void)reply; /* if it was refused, so is what follows */
    return true;
}

/* MOVED and ASK. */
static void redirect(struct redis_op *op, const redisReply *reply)
{
    if (op->way != REDIS_BY_SCRIPT) { /* several commands, and ASKING is good for one */
        redis_plain_again(op);
        return;
    }
    static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
    unsigned slot = 0;
    struct redis_store *store = op->store;
    struct redis_node *node = op->hops++ < HOPS_MAX ? redis_cluster_redirect(store, op->node, reply, &slot) : NULL;
    bool ask = cpsd_redis_error_is(reply, "ASK");
    if (node && !ask) {
        redis_cluster_moved(store, slot, node);
    }
    if (!ask) {
        redis_scout_wanted(store, true);
    }
    op->ask = ask && node;
    op->asking = (struct cpsd_redis_request){.command = asking,
                                             .len = sizeof(asking) - 1,
                                             .due_ns = op->request.due_ns,
                                             .answered = on_asked};
    if (!node || !redis_node_send(node, op)) {
        park(op);
    }
}

/* An error answer: nothing was done. Returns false for one after which this server is not to be used further. */
static bool take_error(struct redis_op *op, const redisReply *reply)
{
    struct redis_store *store = op->store;
    struct redis_node *node = op->node;
    if (op->way == REDIS_FRESH) { /* the script will be told why; MOVED and the like may come to EXEC alone, too */
        store->lacks |= cpsd_redis_error_is(reply, "ERR") || strstr(reply->str, "NOPERM");
        redis_plain_again(op);
        return true;
    }
    if (cpsd_redis_error_is(reply, "NOSCRIPT") && reload(op)) {
        return true;
    }
    if (redis_is_cluster(store) && (cpsd_redis_error_is(reply, "MOVED") || cpsd_redis_error_is(reply, "ASK"))) {
        redirect(op, reply);
        return true;
    }
    if (cpsd_redis_error_is(reply, "TRYAGAIN") && store->patient) {
        park(op);
        return true;
    }
    redis_log_refusal(store, node, reply);
    if (cpsd_redis_error_is(reply, "READONLY")) {
        /* The primary is somewhere else now: look for it. */
        bool durable = op->writes && store->base.backend->config.replicas;
        struct cpsd_redis_conn *conn = durable ? &node->durable.conn : &node->conn;
        (void)snprintf(conn->refusal, sizeof(conn->refusal), "it is a replica now");
        op->undone = true;
        return false;
    }
    if (store->patient && (cpsd_redis_error_is(reply, "CLUSTERDOWN") || cpsd_redis_error_is(reply, "LOADING") ||
                           cpsd_redis_error_is(reply, "MASTERDOWN"))) {
        redis_scout_wanted(store, true);
        park(op);
        return true;
    }
    redis_op_end(op, STIR_E_UNAVAILABLE);
    return true;
}

bool redis_on_answer(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct redis_op *op = (struct redis_op *)request;
    if (!reply) {
        redis_retry_or_fail(op);
        return true;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        return take_error(op, reply);
    }
    op->confirm = op->writes && op->store->base.backend->config.replicas;
    if (!redis_take_answer(op, reply)) {
        return false;
    }
    if (op->confirm) {
        redis_durable_done(op);
    } else {
        free(op);
    }
    return true;
}

/* The handles. */

static void on_upkeep(uv_timer_t *timer)
{
    struct redis_store *store = timer->data;
    redis_sub_upkeep(store);
    if (store->scout.opened) {
        redis_scout_upkeep(store);
    }
}

void redis_upkeep_begin(struct redis_store *store)
{
    if (!store->upkeeping && !store->base.closing) {
        store->upkeeping = true;
        (void)uv_timer_start(&store->upkeep, on_upkeep, UPKEEP_MS, UPKEEP_MS);
    }
}

void redis_part_closed(struct redis_store *store)
{
    if (--store->parts == 0) {
        redis_sub_close(store);
        free((void *)store->slots);
        stir_buf_free(&store->text);
        store->closed(&store->base);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    redis_part_closed(handle->data);
}

void redis_route_open(struct redis_store *store)
{
    store->parked.end = &store->parked.first;
    (void)uv_timer_init(store->base.loop, &store->tick);
    (void)uv_timer_init(store->base.loop, &store->upkeep);
    store->tick.data = store->upkeep.data = store;
    store->parts += 2;
}

void redis_route_close(struct redis_store *store)
{
    for (struct redis_op *op = redis_op_list_take(&store->parked), *next; op; op = next) {
        next = op->next;
        redis_op_end(op, STIR_E_UNAVAILABLE);
    }
    uv_close((uv_handle_t *)&store->tick, on_handle_closed);
    uv_close((uv_handle_t *)&store->upkeep, on_handle_closed);
}
