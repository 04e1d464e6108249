/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/net/task.h"
#include "common/number/identity.h"

/*
 * The spool: a thread that owns the file and hands envelopes that are due to the transport. SQLite may wait for the
 * disk and for other processes, so it is never used on the I/O thread or on a caller's.
 */
struct cps_spool;

/* Opens the file of the options and starts the thread. CPS_E_SPOOL_STORE names the file; CPS_E_NOMEM,
 * CPS_E_UNAVAILABLE. */
enum cps_code cps_spool_new(struct cps_spool **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Stops the spool, the first half of freeing it: nothing new is given to the transport, which may end afterwards. NULL
 * is fine. */
void cps_spool_stop(struct cps_spool *spool);

/* Frees the spool, the second half, after the transport has ended: envelopes that were under way are in the file again.
 * NULL is fine. */
void cps_spool_free(struct cps_spool *spool);

/* An envelope on its way into the file. */
struct cps_spool_job {
    struct stir_identity dest;
    const char *cps;      /* URLs of its CPS, valid as long as envelope; NULL: the CPS is found when it is published */
    const char *envelope; /* must stay valid until the job is complete */
    size_t len;
    uint32_t ttl_s;
    int64_t fresh_until;
    bool tried; /* publishing it has failed: it is tried again after a pause, and not before retry_after_s */
    unsigned retry_after_s;
    struct cps_task *task; /* is woken when the job is complete */
    atomic_bool complete;
    struct cps_error result; /* of the complete job */
    struct cps_spool_job *next;
};

/* Hands a job to the thread. CPS_E_BUSY: too many jobs are waiting, and this one was not taken. */
enum cps_code cps_spool_submit(struct cps_spool *spool, struct cps_spool_job *job,
                               struct cps_error *err) STIR_MUST_CHECK;

/* Copies the counters. Never blocks for long; from any thread. */
void cps_spool_count(struct cps_spool *spool, struct cps_spool_stats *out);

/* Checks that the handle has a spool. CPS_E_CONFIG. */
enum cps_code cps_spool_here(const struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Sets *fresh_until, unless it is given (not 0), to when an envelope of a PASSporT issued at `from` ceases to be fresh;
 * limits it to CPS_MAX_AGE_LIMIT_S from now. Times in seconds. CPS_E_STALE: that time has passed. */
enum cps_code cps_spool_fresh(int64_t *fresh_until, const struct cps *cps, int64_t from, uint32_t ttl_s,
                              struct cps_error *err) STIR_MUST_CHECK;
