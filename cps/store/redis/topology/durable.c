#include "cps/store/redis/redis_internal.h"
#include "cps/store/redis/wire/command.h"

#include <stddef.h>
#include <stdlib.h>

/*
 * durability = replicas:N. What was sent in one turn of the loop is followed by one WAIT N; results are told when its
 * answer says that N replicas have all that was before it. WAIT's offset is the server's as of the connection's last
 * command, whatever that did: an envelope that was there already is confirmed, too.
 */

static struct redis_node *node_of(struct redis_durable *durable)
{
    return (struct redis_node *)((char *)durable - offsetof(struct redis_node, durable));
}

/* What was held while Redis waited goes out together. */
static void release(struct redis_durable *durable)
{
    for (struct redis_op *op = redis_op_list_take(&durable->held), *next; op; op = next) {
        next = op->next;
        redis_route(op);
    }
}

static void confirmed(struct redis_op *op)
{
    cpsd_op_complete(&op->store->base, &op->op, &op->result);
    free(op);
}

static bool on_waited(struct cpsd_redis_request *request, const redisReply *reply)
{
    struct redis_durable *durable = (struct redis_durable *)((char *)request - offsetof(struct redis_durable, wait));
    struct redis_node *node = node_of(durable);
    bool known = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0;
    if (reply && !known && reply->type != REDIS_REPLY_ERROR) {
        return false;
    }
    if (reply && !known) {
        redis_log_refusal(node->store, node, reply);
    }
    durable->waiting = false;
    bool enough = known && (uint64_t)reply->integer >= node->store->base.backend->config.replicas;
    for (struct redis_op *op = redis_op_list_take(&durable->done), *next; op; op = next) {
        next = op->next;
        if (enough) {
            confirmed(op);
        } else if (reply) {
            redis_op_end(op, STIR_E_UNAVAILABLE);
        } else {
            redis_retry_or_fail(op);
        }
    }
    release(durable);
    return true;
}

static void on_flushing(void *owner)
{
    struct redis_node *node = owner;
    struct redis_durable *durable = &node->durable;
    const struct cpsd_store_config *config = &node->store->base.backend->config;
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
        .answered = on_waited,
    };
    durable->dirty = false;
    durable->waiting = cpsd_redis_conn_send(&durable->conn, &durable->wait);
    if (!durable->waiting) {
        cpsd_redis_conn_move(&durable->conn, "no memory to ask it to wait for replicas");
    }
}

/* What had been answered and WAIT had not yet been sent for. */
static void on_down(void *owner)
{
    struct redis_node *node = owner;
    node->config.down(node);
    if (!node->durable.waiting) {
        for (struct redis_op *op = redis_op_list_take(&node->durable.done), *next; op; op = next) {
            next = op->next;
            redis_retry_or_fail(op);
        }
    }
}

void redis_durable_open(struct redis_node *node)
{
    node->durable.config.flushing = on_flushing;
    node->durable.config.down = on_down;
    node->durable.held.end = &node->durable.held.first;
    node->durable.done.end = &node->durable.done.first;
    cpsd_redis_conn_open(&node->durable.conn, node->store->base.loop, &node->durable.config);
}

bool redis_durable_send(struct redis_node *node, struct redis_op *op)
{
    struct redis_durable *durable = &node->durable;
    /* one place is WAIT's, and one ASKING's */
    if (!cpsd_redis_conn_up(&durable->conn) || durable->conn.pending + 2 >= CPSD_REDIS_PENDING_MAX) {
        return false;
    }
    if (durable->waiting) {
        redis_op_list_add(&durable->held, op);
        return true;
    }
    if (op->ask && !cpsd_redis_conn_send(&durable->conn, &op->asking)) {
        return false;
    }
    if (!cpsd_redis_conn_send(&durable->conn, &op->request)) {
        return false;
    }
    durable->dirty = true;
    return true;
}

void redis_durable_done(struct redis_op *op)
{
    redis_op_list_add(&op->node->durable.done, op);
}
