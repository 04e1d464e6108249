/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/net/task.h"
#include "common/number/identity.h"

/*
 * An operation that is one request and its answer. An operation embeds it as its first member, fills in
 * `transfer.request` and runs it as a task. `conclude` is called when the answer is there: it makes the result and, for
 * a background operation, calls the callback.
 */
struct cps_exchange {
    struct cps_task task;
    struct cps_transfer transfer;
    void (*conclude)(struct cps_exchange *exchange);
    void (*free)(struct cps_exchange *exchange); /* of a background operation, after conclude */
    bool begun;
    bool finding; /* the destination's key record is looked up first, for its CPS */
    struct stir_identity dest;
};

/* Sets up a zeroed exchange as a task of the handle. */
void cps_exchange_init(struct cps_exchange *exchange, struct cps *cps);

/* Chooses the CPS that the request goes to: that of a destination, or cps_url for NULL. CPS_E_CONFIG, CPS_E_NOMEM. */
enum cps_code cps_exchange_aim(struct cps_exchange *exchange, const struct stir_identity *dest,
                               struct cps_error *err) STIR_MUST_CHECK;

/* A blocking exchange that either succeeds or fails, without any other result. */
struct cps_order {
    struct cps_exchange exchange;
    struct cps_error error;
};

/* Sets up a zeroed order of the handle; the caller fills the request in and aims it. */
void cps_order_init(struct cps_order *order, struct cps *cps);

/* Runs an order unless `prepared`, the result of preparing it, is a failure; frees its request either way. Returns the
 * outcome: `prepared`, what cps_task_run fails with, or what the CPS's answer means. */
enum cps_code cps_order_run(struct cps_order *order, enum cps_code prepared, struct cps_error *err) STIR_MUST_CHECK;
