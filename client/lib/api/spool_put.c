/* SPDX-License-Identifier: MIT */
#include "client/lib/context/message.h"
#include "client/lib/spool/spool.h"
#include "common/jose/jwe.h"

#include <stdlib.h>
#include <string.h>

/* Puts one envelope into the spool. */
struct putting {
    struct cps_task task;
    struct cps_spool_job job;
    bool begun;
    char *copy; /* of the envelope, if it must outlive the call */
    struct cps_spooled result;
    cps_spooled_cb callback;
    void *arg;
};

static void spool_put_step(struct cps_task *task)
{
    struct putting *op = (struct putting *)task;
    if (!op->begun) {
        op->begun = true;
        if (cps_spool_submit(task->cps->spool, &op->job, &op->result.error) == CPS_OK) {
            return;
        }
    } else if (!atomic_load(&op->job.complete)) {
        return;
    } else {
        op->result.error = op->job.result;
    }
    cps_task_end(task);
    if (op->callback) {
        op->callback(op->arg, &op->result);
        free(op->copy);
        free(op);
    }
}

/* Checks the arguments. What is not an envelope is refused now, while the caller can be told, so that nothing gets into
 * the file unencrypted. */
static enum cps_code spool_put_prepare(struct putting *op, struct cps *cps, const char *dest, const char *envelope,
                                       size_t len, uint32_t ttl_s, int64_t fresh_until, struct cps_error *err)
{
    struct stir_error cause = {0};
    if (!cps || !envelope) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum cps_code code = cps_spool_here(cps, err);
    if (code == CPS_OK) {
        code = cps_dest_check(&op->job.dest, cps, dest, err);
    }
    if (code != CPS_OK) {
        return code;
    }
    enum stir_code checked = stir_jwe_check(NULL, envelope, len, &cause);
    if (checked != STIR_OK) {
        return cps_fail_stir(err, checked, &cause);
    }
    op->task.cps = cps;
    op->task.step = spool_put_step;
    op->task.unmetered = true; /* the spool has a limit of its own */
    op->job.task = &op->task;
    op->job.envelope = envelope;
    op->job.len = len;
    op->job.ttl_s = ttl_s;
    op->job.fresh_until = fresh_until;
    return cps_spool_fresh(&op->job.fresh_until, cps, cps_now(cps), ttl_s, err);
}

enum cps_code cps_spool_put(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                            int64_t fresh_until, struct cps_error *err)
{
    struct putting op = {0};
    enum cps_code code = spool_put_prepare(&op, cps, dest, envelope, len, ttl_s, fresh_until, err);
    if (code == CPS_OK) {
        code = cps_task_run_to_outcome(&op.task, &op.result.error, err);
    }
    return code;
}

enum cps_code cps_spool_put_async(struct cps *cps, const char *dest, const char *envelope, size_t len, uint32_t ttl_s,
                                  int64_t fresh_until, cps_spooled_cb callback, void *arg, struct cps_error *err)
{
    struct putting *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->callback = callback;
    op->arg = arg;
    enum cps_code code = callback ? spool_put_prepare(op, cps, dest, envelope, len, ttl_s, fresh_until, err)
                                  : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        op->copy = strndup(envelope, len);
        op->job.envelope = op->copy;
        code = op->copy ? cps_task_start(&op->task, err) : cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    if (code != CPS_OK) {
        free(op->copy);
        free(op);
    }
    return code;
}

enum cps_code cps_spool_stats(const struct cps *cps, struct cps_spool_stats *out, struct cps_error *err)
{
    if (!cps || !out) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum cps_code code = cps_spool_here(cps, err);
    if (code == CPS_OK) {
        cps_spool_count(cps->spool, out);
    }
    return code;
}
