#pragma once

#include "client/lib/task.h"

/*
 * An operation that is one request and its answer. Operations embed it first, fill `transfer.request`, and get
 * `conclude` when the answer is there: it makes the result, and for a background operation calls the callback. They are
 * run as tasks.
 */
struct cps_exchange {
    struct cps_task task;
    struct cps_transfer transfer;
    void (*conclude)(struct cps_exchange *exchange);
    void (*free)(struct cps_exchange *exchange); /* of a background operation, after conclude */
    bool begun;
};

void cps_exchange_init(struct cps_exchange *exchange, struct cps *cps);
