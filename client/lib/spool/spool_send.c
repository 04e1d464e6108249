/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_send.h"

#include "client/lib/spool/spool_retry.h"

#include <stdlib.h>

enum cps_code cps_spool_batch_init(struct cps_spool_batch *batch, struct cps_task *task, enum cps_spooling spooling,
                                   size_t max, int64_t iat, uint32_t ttl_s, struct cps_error *err)
{
    struct cps *cps = task->cps;
    struct cps_spool_stats stats;
    int64_t fresh_until = 0;
    if ((unsigned)spooling > CPS_SPOOL_FIRST) {
        return cps_fail(err, CPS_E_INVAL, "unknown spooling %u", (unsigned)spooling);
    }
    if (spooling == CPS_SPOOL_NEVER) {
        return CPS_OK;
    }
    enum cps_code code = cps_spool_here(cps, err);
    if (code == CPS_OK) {
        code = cps_spool_fresh(&fresh_until, cps, iat ? iat : cps_now(cps), ttl_s, err);
    }
    if (code != CPS_OK) {
        return code;
    }
    /* While the CPS is known to be away, nothing is sent: all goes into the spool. */
    cps_spool_count(cps->spool, &stats);
    batch->cps = cps;
    batch->task = task;
    batch->jobs = calloc(max, sizeof(*batch->jobs));
    batch->begun = calloc(max, sizeof(*batch->begun));
    if (!batch->jobs || !batch->begun) {
        cps_spool_batch_clear(batch);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < max; i++) {
        batch->jobs[i].task = task;
        batch->jobs[i].ttl_s = ttl_s;
        batch->jobs[i].fresh_until = fresh_until;
    }
    batch->offline = spooling == CPS_SPOOL_FIRST || stats.away;
    if (spooling != CPS_SPOOL_FIRST && stats.away) {
        (void)cps_fail(&batch->cause, CPS_E_AWAY, "the CPS is known to be away");
    }
    task->unmetered = batch->offline;
    return CPS_OK;
}

void cps_spool_batch_clear(struct cps_spool_batch *batch)
{
    free(batch->jobs);
    free(batch->begun);
    *batch = (struct cps_spool_batch){0};
}

void cps_spool_batch_add(struct cps_spool_batch *batch, const struct stir_identity *dest, const char *cps,
                         const char *envelope, size_t len)
{
    if (batch->jobs) {
        struct cps_spool_job *job = &batch->jobs[batch->count++];
        job->dest = *dest;
        job->cps = cps;
        job->envelope = envelope;
        job->len = len;
    }
}

bool cps_spool_batch_divert(struct cps_spool_batch *batch, const struct cps_error *cause)
{
    if (!batch->jobs || batch->offline || cause->code != CPS_E_BUSY) {
        return false;
    }
    batch->offline = true;
    batch->cause = *cause;
    batch->task->unmetered = true;
    return true;
}

bool cps_spool_batch_put(struct cps_spool_batch *batch, size_t i, struct cps_error *cause)
{
    struct cps_error err;
    if (!batch->jobs || (!batch->offline && !cps_spool_may_pass(cause->code))) {
        return false;
    }
    batch->jobs[i].tried = !batch->offline && cause->code != CPS_E_CLOSED && cause->code != CPS_E_AWAY;
    batch->jobs[i].retry_after_s = batch->offline ? 0 : cause->retry_after_s;
    if (cps_spool_submit(batch->cps->spool, &batch->jobs[i], &err) != CPS_OK) {
        *cause = err;
        return false;
    }
    batch->begun[i] = true;
    return true;
}

bool cps_spool_batch_done(const struct cps_spool_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->begun[i] && !atomic_load(&batch->jobs[i].complete)) {
            return false;
        }
    }
    return true;
}

bool cps_spool_batch_has(const struct cps_spool_batch *batch, size_t i, struct cps_error *err)
{
    if (i >= batch->count || !batch->begun[i]) {
        return false;
    }
    if (batch->jobs[i].result.code != CPS_OK) {
        *err = batch->jobs[i].result;
    }
    return batch->jobs[i].result.code == CPS_OK;
}
