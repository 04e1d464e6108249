#include "client/sidecar/filter/cps_operation.h"

#include <string.h>

static void set_reason(struct gw_op *op, const char *text)
{
    size_t n = strnlen(text, sizeof(op->reason) - 1);
    memcpy(op->reason, text, n);
    op->reason[n] = '\0';
}

static void set_failure(struct gw_op *op, enum cps_code code, const char *text)
{
    op->code = code;
    op->verdict = cps_verdict_of(code);
    set_reason(op, text && text[0] ? text : cps_strerror(code));
}

/* ---- the end, on any thread ---- */

static void report(struct gw_op *op)
{
    struct gw_ops *ops = op->ops;
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

static void on_sent(void *arg, const struct cps_sent *sent)
{
    struct gw_op *op = arg;
    if (sent->error.code != CPS_OK) {
        set_failure(op, sent->error.code, sent->error.text);
    }
    op->spooled = sent->spooled > 0;
    report(op);
}

static void on_received(void *arg, const struct cps_result *result)
{
    struct gw_op *op = arg;
    op->code = result->error.code;
    op->verdict = result->verdict;
    memcpy(op->authority, result->authority, sizeof(op->authority));
    memcpy(op->ppt, result->ppt, sizeof(op->ppt));
    memcpy(op->attest, result->attest, sizeof(op->attest));
    memcpy(op->reading, result->reading, sizeof(op->reading));
    set_reason(op, result->error.text);
    report(op);
}

/* ---- the end, on the loop's thread ---- */

static void begin_more(struct gw_ops *ops);

/* A thread of libuv's and libcps both have let go of it. */
static void finish(struct gw_op *op)
{
    if (!op->working && !op->calling) {
        op->ops->under_way--;
        op->ops->done(op);
    }
}

void gw_ops_collect(struct gw_ops *ops)
{
    uv_mutex_lock(&ops->lock);
    struct gw_op *op = ops->ended;
    ops->ended = NULL;
    ops->last_ended = NULL;
    uv_mutex_unlock(&ops->lock);
    while (op) {
        struct gw_op *next = op->next;
        op->calling = false;
        finish(op);
        op = next;
    }
    begin_more(ops);
}

static void on_async(uv_async_t *async)
{
    gw_ops_collect(async->data);
}

/* ---- the beginning ---- */

/* On a thread of libuv's. */
static void publish(uv_work_t *work)
{
    struct gw_op *op = work->data;
    struct cps_recipient recipient = {.dest = op->message.dest[0], .keys = op->keys, .key_count = op->key_count};
    struct cps_error err = {0};
    enum cps_code code = cps_send_with_spool_async(op->cps, op->signer, &op->message, &recipient, 1, op->ttl_s,
                                                   op->spooling, on_sent, op, &err);
    if (code != CPS_OK) {
        set_failure(op, code, err.text);
        report(op);
    }
}

static void on_worked(uv_work_t *work, int status)
{
    struct gw_op *op = work->data;
    struct gw_ops *ops = op->ops;
    op->working = false;
    ops->working--;
    if (status != 0) { /* it never ran */
        set_failure(op, CPS_E_CLOSED, NULL);
        op->calling = false;
    }
    finish(op);
    begin_more(ops);
}

static void begin_publish(struct gw_op *op)
{
    struct gw_ops *ops = op->ops;
    op->work.data = op;
    op->working = true;
    op->calling = true;
    ops->working++;
    if (uv_queue_work(ops->loop, &op->work, publish, on_worked) != 0) {
        on_worked(&op->work, UV_ECANCELED);
    }
}

static void begin_receive(struct gw_op *op)
{
    struct cps_error err = {0};
    op->calling = true;
    enum cps_code code =
        cps_receive_async(op->cps, &op->message, op->keys, op->key_count, op->wait_ms, on_received, op, &err);
    if (code != CPS_OK) {
        set_failure(op, code, err.text);
        report(op);
    }
}

static struct gw_op *take_first(struct gw_ops *ops, enum gw_op_kind kind)
{
    struct gw_op *op = ops->first[kind];
    ops->first[kind] = op->next;
    if (!op->next) {
        ops->last[kind] = NULL;
    }
    op->queued = false;
    ops->queued--;
    return op;
}

static bool may_begin(const struct gw_ops *ops, enum gw_op_kind kind)
{
    return ops->first[kind] && !ops->ending && ops->under_way < ops->max &&
           (kind != GW_OP_PUBLISH || ops->working < GW_OPS_WORKING);
}

static void begin_more(struct gw_ops *ops)
{
    for (bool any = true; any;) {
        any = false;
        for (int kind = 0; kind < GW_OP_KINDS; kind++) {
            if (may_begin(ops, (enum gw_op_kind)kind)) {
                struct gw_op *op = take_first(ops, (enum gw_op_kind)kind);
                any = true;
                ops->under_way++;
                (kind == GW_OP_PUBLISH ? begin_publish : begin_receive)(op);
            }
        }
    }
}

void gw_ops_add(struct gw_ops *ops, struct gw_op *op)
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
    begin_more(ops);
}

bool gw_ops_cancel(struct gw_ops *ops, struct gw_op *op)
{
    struct gw_op *before = NULL;
    if (!op->queued) {
        return false;
    }
    for (struct gw_op *at = ops->first[op->kind]; at != op; at = at->next) {
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

bool gw_ops_init(struct gw_ops *ops, uv_loop_t *loop, void (*done)(struct gw_op *op))
{
    *ops = (struct gw_ops){.loop = loop, .done = done};
    if (uv_mutex_init(&ops->lock) != 0) {
        return false;
    }
    if (uv_async_init(loop, &ops->async, on_async) != 0) {
        uv_mutex_destroy(&ops->lock);
        return false;
    }
    ops->async.data = ops;
    return true;
}

void gw_ops_end(struct gw_ops *ops)
{
    ops->ending = true;
    for (int kind = 0; kind < GW_OP_KINDS; kind++) {
        while (ops->first[kind]) {
            struct gw_op *op = take_first(ops, (enum gw_op_kind)kind);
            set_failure(op, CPS_E_CLOSED, NULL);
            ops->done(op);
        }
    }
}

void gw_ops_close(struct gw_ops *ops, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&ops->async, closed);
}

void gw_ops_free(struct gw_ops *ops)
{
    uv_mutex_destroy(&ops->lock);
}
