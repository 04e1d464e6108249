/* SPDX-License-Identifier: MIT */
#include "client/lib/api/exchange.h"
#include "client/lib/net/cps_http.h"

#include <stdlib.h>
#include <string.h>

struct asking {
    struct cps_exchange exchange;
    struct cps_health_status result;
    cps_health_cb callback;
    void *arg;
};

static void health_conclude(struct cps_exchange *exchange)
{
    struct asking *op = (struct asking *)exchange;
    const struct cps_response *response = &exchange->transfer.response;
    if (cps_answer_status(response, &op->result.error) == CPS_OK) {
        size_t n = response->body.len < sizeof(op->result.text) ? response->body.len : sizeof(op->result.text) - 1;
        memcpy(op->result.text, response->body.ptr ? response->body.ptr : "", n);
        op->result.text[n] = '\0';
        cps_tame(op->result.text);
    }
    if (op->callback) {
        op->callback(op->arg, &op->result);
    }
}

static void health_free(struct cps_exchange *exchange)
{
    cps_transfer_clear(&exchange->transfer);
    free(exchange);
}

static enum cps_code health_prepare(struct asking *op, struct cps *cps, struct cps_error *err)
{
    if (!cps) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    cps_exchange_init(&op->exchange, cps);
    op->exchange.conclude = health_conclude;
    op->exchange.free = health_free;
    enum cps_code code = cps_ask_health(&op->exchange.transfer.request, cps, err);
    return code == CPS_OK ? cps_exchange_aim(&op->exchange, NULL, err) : code;
}

enum cps_code cps_health(struct cps *cps, struct cps_health_status *out, struct cps_error *err)
{
    struct asking op = {0};
    enum cps_code code = health_prepare(&op, cps, err);
    if (code == CPS_OK) {
        code = cps_task_run_to_outcome(&op.exchange.task, &op.result.error, err);
    }
    cps_transfer_clear(&op.exchange.transfer);
    if (code == CPS_OK && out) {
        *out = op.result;
    }
    return code;
}

enum cps_code cps_health_async(struct cps *cps, cps_health_cb callback, void *arg, struct cps_error *err)
{
    struct asking *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->callback = callback;
    op->arg = arg;
    enum cps_code code = callback ? health_prepare(op, cps, err) : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->exchange.task, err);
    }
    if (code != CPS_OK) {
        health_free(&op->exchange);
    }
    return code;
}
