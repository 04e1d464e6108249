/* SPDX-License-Identifier: MIT */
#include "client/lib/api/exchange.h"
#include "client/lib/context/message.h"
#include "client/lib/net/cps_http.h"

#include <stdlib.h>
#include <string.h>

struct publishing {
    struct cps_exchange exchange;
    struct cps_published result;
    cps_published_cb callback;
    void *arg;
};

static void publish_conclude(struct cps_exchange *exchange)
{
    struct publishing *op = (struct publishing *)exchange;
    const struct cps_response *response = &exchange->transfer.response;
    if (cps_answer_status(response, &op->result.error) == CPS_OK) {
        op->result.existed = response->status == 200;
        memcpy(op->result.location, response->location, sizeof(op->result.location));
    }
    if (op->callback) {
        op->callback(op->arg, &op->result);
    }
}

static void publish_free(struct cps_exchange *exchange)
{
    cps_transfer_clear(&exchange->transfer);
    free(exchange);
}

static enum cps_code publish_prepare(struct publishing *op, struct cps *cps, const char *dest, const char *envelope,
                                     size_t len, uint32_t ttl_s, struct cps_error *err)
{
    struct stir_identity box;
    if (!cps || !envelope) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    cps_exchange_init(&op->exchange, cps);
    op->exchange.conclude = publish_conclude;
    op->exchange.free = publish_free;
    enum cps_code code = cps_dest_check(&box, cps, dest, err);
    if (code == CPS_OK) {
        code = cps_ask_publish(&op->exchange.transfer.request, cps, &box, envelope, len, ttl_s, err);
    }
    return code == CPS_OK ? cps_exchange_aim(&op->exchange, &box, err) : code;
}

enum cps_code cps_publish(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                          struct cps_published *out, struct cps_error *err)
{
    struct publishing op = {0};
    enum cps_code code = publish_prepare(&op, cps, dest, envelope, len, ttl_s, err);
    if (code == CPS_OK) {
        code = cps_task_run_to_outcome(&op.exchange.task, &op.result.error, err);
    }
    cps_transfer_clear(&op.exchange.transfer);
    if (code == CPS_OK && out) {
        *out = op.result;
    }
    return code;
}

enum cps_code cps_publish_async(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                                cps_published_cb callback, void *arg, struct cps_error *err)
{
    struct publishing *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->callback = callback;
    op->arg = arg;
    enum cps_code code = callback ? publish_prepare(op, cps, dest, envelope, len, ttl_s, err)
                                  : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->exchange.task, err);
    }
    if (code != CPS_OK) {
        publish_free(&op->exchange);
    }
    return code;
}
