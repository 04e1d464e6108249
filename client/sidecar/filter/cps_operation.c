/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/cps_operation.h"

#include <string.h>

static void op_set_reason(struct sc_op *op, const char *text)
{
    size_t n = strnlen(text, sizeof(op->reason) - 1);
    memcpy(op->reason, text, n);
    op->reason[n] = '\0';
}

static void op_set_failure(struct sc_op *op, enum cps_code code, const char *text)
{
    op->code = code;
    op->verdict = cps_verdict_of(code);
    op_set_reason(op, text && text[0] ? text : cps_strerror(code));
}

/* ---- the end, on any thread ---- */

static void op_report(struct sc_op *op)
{
    struct sc_ops *ops = op->ops;
    op->next = NULL;
    uv_mutex_lock(&ops->lock);
    if (ops->last_ended) {
        ops->last_ended->next = op;
    } else {
        ops->ended = op;
    }
    ops->last_ended = op;
    uv_mutex_unlock(&ops->lock);
    (void)uv_async_send(&ops->async);
}

static void op_on_sent(void *arg, const struct cps_sent *sent)
{
    struct sc_op *op = arg;
    if (sent->error.code != CPS_OK) {
        op_set_failure(op, sent->error.code, sent->error.text);
    }
    op->spooled = sent->spooled > 0;
    op_report(op);
}

static void op_on_received(void *arg, const struct cps_result *result)
{
    struct sc_op *op = arg;
    op->code = result->error.code;
    op->verdict = result->verdict;
    memcpy(op->authority, result->authority, sizeof(op->authority));
    memcpy(op->ppt, result->ppt, sizeof(op->ppt));
    memcpy(op->attest, result->attest, sizeof(op->attest));
    memcpy(op->reading, result->reading, sizeof(op->reading));
    op_set_reason(op, result->error.text);
    op_report(op);
}

/* ---- the end, on the loop's thread ---- */

static void ops_begin_more(struct sc_ops *ops);

/* Ends an operation that neither a thread of libuv nor libcps uses any more. */
static void op_finish(struct sc_op *op)
{
    if (!op->working && !op->calling) {
        op->ops->under_way--;
        op->ops->done(op);
    }
}

void sc_ops_collect(struct sc_ops *ops)
{
    uv_mutex_lock(&ops->lock);
    struct sc_op *op = ops->ended;
    ops->ended = NULL;
    ops->last_ended = NULL;
    uv_mutex_unlock(&ops->lock);
    while (op) {
        struct sc_op *next = op->next;
        op->calling = false;
        op_finish(op);
        op = next;
    }
    ops_begin_more(ops);
}

static void ops_on_async(uv_async_t *async)
{
    sc_ops_collect(async->data);
}

/* ---- the beginning ---- */

/* Runs on a thread of libuv. */
static void op_publish(uv_work_t *work)
{
    struct sc_op *op = work->data;
    struct cps_recipient recipient = {.dest = op->message.dest[0], .keys = op->keys, .key_count = op->key_count};
    struct cps_error err = {0};
    enum cps_code code = cps_send_with_spool_async(op->cps, op->signer, &op->message, &recipient, 1, op->ttl_s,
                                                   op->spooling, op_on_sent, op, &err);
    if (code != CPS_OK) {
        op_set_failure(op, code, err.text);
        op_report(op);
    }
}

static void op_on_worked(uv_work_t *work, int status)
{
    struct sc_op *op = work->data;
    struct sc_ops *ops = op->ops;
    op->working = false;
    ops->working--;
    if (status != 0) { /* the operation was cancelled before it ran */
        op_set_failure(op, CPS_E_CLOSED, NULL);
        op->calling = false;
    }
    op_finish(op);
    ops_begin_more(ops);
}

static void op_begin_publish(struct sc_op *op)
{
    struct sc_ops *ops = op->ops;
    op->work.data = op;
    op->working = true;
    op->calling = true;
    ops->working++;
    if (uv_queue_work(ops->loop, &op->work, op_publish, op_on_worked) != 0) {
        op_on_worked(&op->work, UV_ECANCELED);
    }
}

static void op_begin_receive(struct sc_op *op)
{
    struct cps_error err = {0};
    op->calling = true;
    enum cps_code code =
        cps_receive_async(op->cps, &op->message, op->keys, op->key_count, op->wait_ms, op_on_received, op, &err);
    if (code != CPS_OK) {
        op_set_failure(op, code, err.text);
        op_report(op);
    }
}

static struct sc_op *ops_take_first(struct sc_ops *ops, enum sc_op_kind kind)
{
    struct sc_op *op = ops->first[kind];
    ops->first[kind] = op->next;
    if (!op->next) {
        ops->last[kind] = NULL;
    }
    op->queued = false;
    ops->queued--;
    return op;
}

static bool ops_may_begin(const struct sc_ops *ops, enum sc_op_kind kind)
{
    return ops->first[kind] && !ops->ending && ops->under_way < ops->max &&
           (kind != SC_OP_PUBLISH || ops->working < SC_OPS_WORKING);
}

static void ops_begin_more(struct sc_ops *ops)
{
    for (bool any = true; any;) {
        any = false;
        for (int kind = 0; kind < SC_OP_KINDS; kind++) {
            if (ops_may_begin(ops, (enum sc_op_kind)kind)) {
                struct sc_op *op = ops_take_first(ops, (enum sc_op_kind)kind);
                any = true;
                ops->under_way++;
                (kind == SC_OP_PUBLISH ? op_begin_publish : op_begin_receive)(op);
            }
        }
    }
}

void sc_ops_add(struct sc_ops *ops, struct sc_op *op)
{
    op->ops = ops;
    op->next = NULL;
    op->queued = true;
    if (ops->last[op->kind]) {
        ops->last[op->kind]->next = op;
    } else {
        ops->first[op->kind] = op;
    }
    ops->last[op->kind] = op;
    ops->queued++;
    ops_begin_more(ops);
}

bool sc_ops_cancel(struct sc_ops *ops, struct sc_op *op)
{
    struct sc_op *before = NULL;
    if (!op->queued) {
        return false;
    }
    for (struct sc_op *at = ops->first[op->kind]; at != op; at = at->next) {
        before = at;
    }
    *(before ? &before->next : &ops->first[op->kind]) = op->next;
    if (!op->next) {
        ops->last[op->kind] = before;
    }
    op->queued = false;
    ops->queued--;
    return true;
}

bool sc_ops_init(struct sc_ops *ops, uv_loop_t *loop, void (*done)(struct sc_op *op))
{
    *ops = (struct sc_ops){.loop = loop, .done = done};
    if (uv_mutex_init(&ops->lock) != 0) {
        return false;
    }
    if (uv_async_init(loop, &ops->async, ops_on_async) != 0) {
        uv_mutex_destroy(&ops->lock);
        return false;
    }
    ops->async.data = ops;
    return true;
}

void sc_ops_end(struct sc_ops *ops)
{
    ops->ending = true;
    for (int kind = 0; kind < SC_OP_KINDS; kind++) {
        while (ops->first[kind]) {
            struct sc_op *op = ops_take_first(ops, (enum sc_op_kind)kind);
            op_set_failure(op, CPS_E_CLOSED, NULL);
            ops->done(op);
        }
    }
}

void sc_ops_close(struct sc_ops *ops, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&ops->async, closed);
}

void sc_ops_free(struct sc_ops *ops)
{
    uv_mutex_destroy(&ops->lock);
}
