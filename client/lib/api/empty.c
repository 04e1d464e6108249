#include "client/lib/api/exchange.h"
#include "client/lib/context/message.h"
#include "client/lib/net/cps_http.h"

struct emptying {
    struct cps_exchange exchange;
    struct cps_error error;
};

static void conclude(struct cps_exchange *exchange)
{
    struct emptying *op = (struct emptying *)exchange;
    if (cps_answer_status(&exchange->transfer.response, &op->error) == CPS_OK) {
        op->error = (struct cps_error){0};
    }
}

static enum cps_code prepare(struct emptying *op, struct cps *cps, const char *dest, struct cps_error *err)
{
    struct stir_identity box;
    enum cps_code code = cps_dest_check(&box, cps, dest, err);
    if (code == CPS_OK) {
        code = cps_ask_empty(&op->exchange.transfer.request, cps, &box, err);
    }
    return code == CPS_OK ? cps_exchange_aim(&op->exchange, &box, err) : code;
}

enum cps_code cps_empty(struct cps *cps, const char *dest, struct cps_error *err)
{
    struct emptying op = {0};
    if (!cps || !dest) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    cps_exchange_init(&op.exchange, cps);
    op.exchange.conclude = conclude;
    enum cps_code code = prepare(&op, cps, dest, err);
    if (code == CPS_OK) {
        code = cps_task_run(&op.exchange.task, err);
    }
    if (code == CPS_OK && op.error.code != CPS_OK) {
        code = op.error.code;
        if (err) {
            *err = op.error;
        }
    }
    cps_transfer_clear(&op.exchange.transfer);
    return code;
}
