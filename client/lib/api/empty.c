/* SPDX-License-Identifier: MIT */
#include "client/lib/api/exchange.h"
#include "client/lib/context/message.h"
#include "client/lib/net/cps_http.h"

static enum cps_code empty_prepare(struct cps_exchange *exchange, const char *dest, struct cps_error *err)
{
    struct cps *cps = exchange->task.cps;
    struct stir_identity box;
    enum cps_code code = cps_dest_check(&box, cps, dest, err);
    if (code == CPS_OK) {
        code = cps_ask_empty(&exchange->transfer.request, cps, &box, err);
    }
    return code == CPS_OK ? cps_exchange_aim(exchange, &box, err) : code;
}

enum cps_code cps_empty(struct cps *cps, const char *dest, struct cps_error *err)
{
    struct cps_order order;
    if (!cps || !dest) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    cps_order_init(&order, cps);
    enum cps_code code = empty_prepare(&order.exchange, dest, err);
    return cps_order_run(&order, code, err);
}
