/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/durable.h"

#include "cps/store/redis/topology/refusal.h"
#include "cps/store/redis/topology/servers.h"
#include "cps/store/redis/wire/command.h"

#include <assert.h>
#include <stddef.h>

static struct redis_node *durable_node(struct redis_durable *durable)
{
    return (struct redis_node *)((char *)durable - offsetof(struct redis_node, durable));
}

/* Sends the requests that were held while Redis waited, in one turn of the loop. */
static void durable_release(struct redis_durable *durable)
{
    const struct redis_node_events *events = durable_node(durable)->servers->node_events;
    for (struct redis_request *request = redis_request_list_take(&durable->held), *next; request; request = next) {
        next = request->next;
        events->resend(request);
    }
}

static bool durable_on_waited(struct cpsd_redis_request *wait, const redisReply *reply)
{
    struct redis_durable *durable = (struct redis_durable *)((char *)wait - offsetof(struct redis_durable, wait));
    struct redis_node *node = durable_node(durable);
    /* the answer is the number of replicas; an error (NOPERM, say) confirms nothing; NULL: the connection was lost */
    bool known = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0;
    if (reply && !known && reply->type != REDIS_REPLY_ERROR) {
        return false;
    }
    if (reply && !known) {
        redis_log_refusal(node, reply);
    }
    durable->waiting = false;
    bool enough = known && (uint64_t)reply->integer >= redis_servers_config(node->servers)->replicas;
    /* without an answer, the writes may be lost or not: they are repeated if that is harmless */
    for (struct redis_request *request = redis_request_list_take(&durable->done), *next; request; request = next) {
        next = request->next;
        if (enough) {
            redis_request_confirm(request);
        } else if (reply) {
            redis_request_fail(request, STIR_E_UNAVAILABLE);
        } else {
            node->servers->node_events->lost(request);
        }
    }
    durable_release(durable);
    return true;
}

/* Adds WAIT to the requests of this turn of the loop. */
static void durable_on_flushing(void *owner)
{
    struct redis_node *node = owner;
    struct redis_durable *durable = &node->durable;
    const struct cpsd_store_config *config = redis_servers_config(node->servers);
    if (!durable->dirty || durable->waiting) {
        return;
    }
    char replicas[CPSD_REDIS_DIGITS], ms[CPSD_REDIS_DIGITS];
    struct cpsd_redis_arg args[] = {cpsd_redis_arg_text("WAIT"), cpsd_redis_arg_number(replicas, config->replicas),
                                    cpsd_redis_arg_number(ms, config->timeout_ms / 2 + 1)};
    durable->wait = (struct cpsd_redis_request){
        .command = durable->command,
        .len = cpsd_redis_command_write(durable->command, args, 3),
        .due_ns = uv_hrtime() + UINT64_C(1000000) * config->timeout_ms,
        .answered = durable_on_waited,
    };
    assert(durable->wait.len <= sizeof(durable->command));
    durable->dirty = false;
    durable->waiting = cpsd_redis_conn_send(&durable->conn, &durable->wait);
    if (!durable->waiting) {
        cpsd_redis_conn_move(&durable->conn, "out of memory while asking it to wait for replicas");
    }
}

/* Retries the requests that were answered and for which WAIT was not sent yet. */
static void durable_on_down(void *owner)
{
    struct redis_node *node = owner;
    node->config.down(node);
    if (!node->durable.waiting) {
        struct redis_request *request = redis_request_list_take(&node->durable.done);
        for (struct redis_request *next; request; request = next) {
            next = request->next;
            node->servers->node_events->lost(request);
        }
    }
}

void redis_durable_open(struct redis_node *node)
{
    node->durable.config.flushing = durable_on_flushing;
    node->durable.config.down = durable_on_down;
    redis_request_list_init(&node->durable.held);
    redis_request_list_init(&node->durable.done);
    cpsd_redis_conn_open(&node->durable.conn, node->servers->store->loop, &node->durable.config);
}

bool redis_durable_send(struct redis_node *node, struct redis_request *request)
{
    struct redis_durable *durable = &node->durable;
    /* one place is for WAIT, and one for ASKING */
    if (!cpsd_redis_conn_up(&durable->conn) || durable->conn.pending + 2 >= CPSD_REDIS_PENDING_MAX) {
        return false;
    }
    if (durable->waiting) {
        redis_request_list_add(&durable->held, request);
        return true;
    }
    if (request->state == REDIS_REQUEST_ASKING && !cpsd_redis_conn_send(&durable->conn, &request->asking)) {
        return false;
    }
    if (!cpsd_redis_conn_send(&durable->conn, &request->wire)) {
        return false;
    }
    durable->dirty = true;
    return true;
}

void redis_durable_confirm_later(struct redis_request *request)
{
    redis_request_enter(request, REDIS_REQUEST_CONFIRMING);
    redis_request_list_add(&request->node->durable.done, request);
}
