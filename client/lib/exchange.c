#include "client/lib/exchange.h"

#include "client/lib/handle.h"

static void step(struct cps_task *task)
{
    struct cps_exchange *exchange = (struct cps_exchange *)task;
    struct cps_transfer *transfer = &exchange->transfer;
    if (!exchange->begun) {
        exchange->begun = true;
        if (cps_transport_submit(task->cps->transport, transfer, &transfer->response.error) == CPS_OK) {
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
    exchange->task.step = step;
    exchange->transfer.done = cps_task_transfer_done;
    exchange->transfer.arg = &exchange->task;
}
