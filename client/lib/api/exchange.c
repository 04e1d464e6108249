/* SPDX-License-Identifier: MIT */
#include "client/lib/api/exchange.h"

#include "client/lib/context/handle.h"
#include "client/lib/find/directory.h"
#include "client/lib/find/route.h"
#include "client/lib/net/cps_http.h"

/* Sets the route that the destination's key record names; without a record, the route as configured. Returns false
 * while the record is being looked up. */
static bool exchange_find_route(struct cps_exchange *exchange, struct cps_error *err)
{
    struct cps *cps = exchange->task.cps;
    struct cps_targets *targets = NULL;
    if (!exchange->finding) {
        return true;
    }
    if (cps_directory_get(cps->directory, &targets, &exchange->dest, &exchange->task, err) == CPS_FOUND_LATER) {
        return false;
    }
    exchange->finding = false;
    cps_directory_leave(cps->directory, &exchange->task);
    *err = (struct cps_error){0};
    if (cps_route_to(&exchange->transfer.request.route, cps, &exchange->dest, cps_targets_for_reading(targets), err) !=
        CPS_OK) {
        exchange->transfer.request.route = NULL; /* err is the answer */
    }
    cps_targets_unref(targets);
    return true;
}

static void exchange_step(struct cps_task *task)
{
    struct cps_exchange *exchange = (struct cps_exchange *)task;
    struct cps_transfer *transfer = &exchange->transfer;
    if (!exchange->begun) {
        struct cps_error *err = &transfer->response.error;
        if (!exchange_find_route(exchange, err)) {
            return;
        }
        exchange->begun = true;
        if (err->code == CPS_OK && cps_route_submit(task->cps, transfer, err) == CPS_OK) {
            return;
        }
    } else if (!atomic_load(&transfer->complete)) {
        return;
    }
    cps_task_end(task);
    exchange->conclude(exchange);
    if (task->background) {
        exchange->free(exchange);
    }
}

void cps_exchange_init(struct cps_exchange *exchange, struct cps *cps)
{
    exchange->task.cps = cps;
    exchange->task.step = exchange_step;
    exchange->transfer.done = cps_task_transfer_done;
    exchange->transfer.arg = &exchange->task;
}

enum cps_code cps_exchange_aim(struct cps_exchange *exchange, const struct stir_identity *dest, struct cps_error *err)
{
    struct cps *cps = exchange->task.cps;
    exchange->finding = dest && cps->options.route_by_record;
    if (exchange->finding) {
        exchange->dest = *dest;
        return CPS_OK;
    }
    return cps_route_to(&exchange->transfer.request.route, cps, dest, NULL, err);
}

static void order_conclude(struct cps_exchange *exchange)
{
    struct cps_order *order = (struct cps_order *)exchange;
    if (cps_answer_status(&exchange->transfer.response, &order->error) == CPS_OK) {
        order->error = (struct cps_error){0};
    }
}

void cps_order_init(struct cps_order *order, struct cps *cps)
{
    *order = (struct cps_order){0};
    cps_exchange_init(&order->exchange, cps);
    order->exchange.conclude = order_conclude;
}

enum cps_code cps_order_run(struct cps_order *order, enum cps_code prepared, struct cps_error *err)
{
    enum cps_code code = prepared;
    if (code == CPS_OK) {
        code = cps_task_run_to_outcome(&order->exchange.task, &order->error, err);
    }
    cps_transfer_clear(&order->exchange.transfer);
    return code;
}
