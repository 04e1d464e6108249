#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/net/task.h"
#include "common/number/identity.h"

/*
 * The spool: one thread that keeps the file and hands what is due to the transport. SQLite may wait for the disk and
 * for other processes, so nothing of it happens on the I/O thread or in a caller's.
 */
struct cps_spool;

/* Opens the file of the options and starts the thread. CPS_E_SPOOL_STORE names it, CPS_E_NOMEM,
 * CPS_E_UNAVAILABLE. */
enum cps_code cps_spool_new(struct cps_spool **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* The first half of freeing: nothing new is given to the transport, which may end after that. */
void cps_spool_stop(struct cps_spool *spool);

/* The second half, when the transport has let go of everything: what was under way is in the file again. */
void cps_spool_free(struct cps_spool *spool);

/* An entry on its way into the file. */
struct cps_spool_job {
    struct stir_identity dest;
    const char *cps;      /* URLs of the CPS that it is for, in place as long as envelope; NULL: found when published */
    const char *envelope; /* stays in place until it is complete */
    size_t len;
    uint32_t ttl_s;
    int64_t fresh_until;
    bool tried; /* it was, in vain: not at once again, and not before retry_after_s */
    unsigned retry_after_s;
    struct cps_task *task; /* woken when it is complete */
    atomic_bool complete;
    struct cps_error result; /* then */
    struct cps_spool_job *next;
};

/* Takes a job on. CPS_E_BUSY: it was not. */
enum cps_code cps_spool_submit(struct cps_spool *spool, struct cps_spool_job *job,
                               struct cps_error *err) STIR_MUST_CHECK;

void cps_spool_count(struct cps_spool *spool, struct cps_spool_stats *out);

/* CPS_E_CONFIG if the handle has no spool. */
enum cps_code cps_spool_here(const struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Fills in until when an envelope of a PASSporT from then is fresh, unless that is given. CPS_E_STALE. */
enum cps_code cps_spool_fresh(int64_t *fresh_until, const struct cps *cps, int64_t from, uint32_t ttl_s,
                              struct cps_error *err) STIR_MUST_CHECK;
