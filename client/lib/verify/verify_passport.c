/* SPDX-License-Identifier: MIT */
#include "client/lib/net/task.h"
#include "client/lib/verify/certcache.h"
#include "client/lib/verify/used_passports.h"
#include "client/lib/verify/verify.h"

#include <stdlib.h>

/* The verification of one PASSporT, which may have to wait for its certificate. */
struct verification {
    struct cps_task task;
    struct stir_passport *passport;
    struct cps_chain *x5c;
    struct cps_proof proof;
    bool with_message;
    struct cps_checked message;
    struct cps_result result;
    cps_result_cb callback;
    void *arg;
};

static void verification_clear(struct verification *op)
{
    stir_passport_free(op->passport);
    cps_chain_unref(op->x5c);
    cps_proof_clear(&op->proof);
    cps_checked_clear(&op->message);
    cps_result_clear(&op->result);
}

/* Uses the PASSporT up, as the last step: only one that passes is remembered as used. */
static void verification_use_up(struct verification *op)
{
    struct cps_error err = {0};
    if (op->with_message && op->result.verdict == CPS_PASSED) {
        enum cps_code code = cps_used_claim_all(op->task.cps, op->passport, &op->message, &err);
        cps_result_set(&op->result, code, &err);
    }
}

static void verification_finish(struct verification *op)
{
    cps_certcache_leave(op->task.cps->certs, &op->task);
    cps_result_show(&op->result, op->passport);
    cps_task_end(&op->task);
    if (op->callback) {
        op->callback(op->arg, &op->result);
        verification_clear(op);
        free(op);
    }
}

static void verification_step(struct cps_task *task)
{
    struct verification *op = (struct verification *)task;
    if (task->background && atomic_load(&task->cps->closing)) {
        cps_result_set(&op->result, CPS_E_CLOSED, NULL);
        verification_finish(op);
    } else if (cps_verify(task->cps, op->passport, op->x5c, &op->proof, op->with_message ? &op->message : NULL, task,
                          &op->result)) {
        verification_use_up(op);
        verification_finish(op);
    }
}

static enum cps_code verification_take_chain(struct verification *op, const struct cps_der *x5c, size_t count,
                                             struct cps_error *err)
{
    struct stir_view certs[STIR_CHAIN_MAX];
    if (!x5c) {
        return CPS_OK;
    }
    for (size_t i = 0; i < count && i < STIR_CHAIN_MAX; i++) {
        certs[i] = stir_view((const char *)x5c[i].ptr, x5c[i].len);
    }
    enum cps_code code = cps_certcache_from_der(op->task.cps->certs, &op->x5c, certs, count, err);
    /* Without a usable chain x5u counts, which the signature covers. */
    return code != CPS_OK && code != CPS_E_NOMEM && op->passport->x5u ? CPS_OK : code;
}

/* Checks the arguments and parses the PASSporT. On failure the caller clears. */
static enum cps_code verification_prepare(struct verification *op, struct cps *cps, const char *passport, size_t len,
                                          const struct cps_der *x5c, size_t x5c_count,
                                          const struct cps_message *message, bool keep, struct cps_error *err)
{
    struct stir_error cause = {0};
    if (!cps || !passport) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    op->task.cps = cps;
    op->task.step = verification_step;
    enum cps_code code = message ? cps_message_check(&op->message, cps, message, keep, err) : CPS_OK;
    op->with_message = message != NULL;
    if (code == CPS_OK) {
        enum stir_code parsed = stir_passport_parse(&op->passport, passport, len, cps->numbering.max_digits, &cause);
        code = parsed == STIR_OK ? CPS_OK : cps_fail_stir(err, parsed, &cause);
    }
    if (code == CPS_OK) {
        code = verification_take_chain(op, x5c, x5c_count, err);
    }
    return code;
}

enum cps_code cps_verify_passport(struct cps *cps, const char *passport, size_t len, const struct cps_der *x5c,
                                  size_t x5c_count, const struct cps_message *message, struct cps_result *out)
{
    struct verification op = {.result = CPS_NO_RESULT};
    struct cps_error err = {0};
    enum cps_code code = verification_prepare(&op, cps, passport, len, x5c, x5c_count, message, false, &err);
    if (code == CPS_OK) {
        code = cps_task_run(&op.task, &err);
    }
    if (code != CPS_OK) {
        cps_result_set(&op.result, code, &err);
    }
    code = op.result.error.code;
    if (out) {
        *out = op.result;
        op.result = CPS_NO_RESULT;
    }
    verification_clear(&op);
    return code;
}

enum cps_code cps_verify_passport_async(struct cps *cps, const char *passport, size_t len, const struct cps_der *x5c,
                                        size_t x5c_count, const struct cps_message *message, cps_result_cb callback,
                                        void *arg, struct cps_error *err)
{
    struct verification *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->result = CPS_NO_RESULT;
    op->callback = callback;
    op->arg = arg;
    enum cps_code code = callback ? verification_prepare(op, cps, passport, len, x5c, x5c_count, message, true, err)
                                  : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->task, err);
    }
    if (code != CPS_OK) {
        verification_clear(op);
        free(op);
    }
    return code;
}
