/* SPDX-License-Identifier: MIT */
#include "client/lib/api/exchange.h"
#include "client/lib/context/message.h"
#include "client/lib/net/cps_http.h"

#include <stdlib.h>
#include <string.h>

struct retrieval {
    struct cps_exchange exchange;
    struct cps_retrieved result;
    cps_retrieved_cb callback;
    void *arg;
};

static void retrieve_conclude(struct cps_exchange *exchange)
{
    struct retrieval *op = (struct retrieval *)exchange;
    if (cps_answer_listing(&op->result.envelopes, &exchange->transfer.response, &op->result.error) == CPS_OK) {
        op->result.error = (struct cps_error){0};
    }
    if (op->callback) {
        op->callback(op->arg, &op->result);
    }
}

static void retrieve_clear(struct retrieval *op)
{
    cps_transfer_clear(&op->exchange.transfer);
    cps_envelopes_clear(&op->result.envelopes);
}

static void retrieve_free(struct cps_exchange *exchange)
{
    retrieve_clear((struct retrieval *)exchange);
    free(exchange);
}

static enum cps_code retrieve_prepare(struct retrieval *op, struct cps *cps, const char *dest, const char *after,
                                      uint32_t wait_ms, struct cps_error *err)
{
    struct stir_identity box;
    if (!cps || (after && strlen(after) > CPS_CURSOR_MAX)) {
        return cps_fail(err, CPS_E_INVAL, cps ? "after is not a cursor: it is too long" : "a pointer is NULL");
    }
    cps_exchange_init(&op->exchange, cps);
    op->exchange.conclude = retrieve_conclude;
    op->exchange.free = retrieve_free;
    enum cps_code code = cps_dest_check(&box, cps, dest, err);
    if (code == CPS_OK) {
        code = cps_ask_retrieve(&op->exchange.transfer.request, cps, &box, after, wait_ms, err);
    }
    return code == CPS_OK ? cps_exchange_aim(&op->exchange, &box, err) : code;
}

enum cps_code cps_retrieve(struct cps *cps, const char *dest, const char *after, uint32_t wait_ms,
                           struct cps_envelopes *out, struct cps_error *err)
{
    struct retrieval op = {0};
    enum cps_code code =
        out ? retrieve_prepare(&op, cps, dest, after, wait_ms, err) : cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    if (code == CPS_OK) {
        code = cps_task_run_to_outcome(&op.exchange.task, &op.result.error, err);
    }
    if (code == CPS_OK) {
        *out = op.result.envelopes;
        op.result.envelopes = (struct cps_envelopes){0};
    }
    retrieve_clear(&op);
    return code;
}

enum cps_code cps_retrieve_async(struct cps *cps, const char *dest, const char *after, uint32_t wait_ms,
                                 cps_retrieved_cb callback, void *arg, struct cps_error *err)
{
    struct retrieval *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->callback = callback;
    op->arg = arg;
    enum cps_code code = callback ? retrieve_prepare(op, cps, dest, after, wait_ms, err)
                                  : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->exchange.task, err);
    }
    if (code != CPS_OK) {
        retrieve_free(&op->exchange);
    }
    return code;
}
