/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/spool/spool.h"

/*
 * The use of the spool by one cps_send (send.c): one job for each envelope, submitted only for those that need it.
 */
struct cps_spool_batch {
    struct cps *cps;
    struct cps_task *task;
    struct cps_spool_job *jobs; /* NULL: no spooling */
    bool *begun;                /* for each job: it was submitted */
    size_t count;
    bool offline;           /* nothing is sent: all envelopes go into the spool */
    struct cps_error cause; /* why, unless the caller asked for that */
};

/* Makes room for `max` envelopes of a PASSporT issued at iat (0: now). Does nothing for CPS_SPOOL_NEVER. CPS_E_INVAL,
 * CPS_E_CONFIG, CPS_E_STALE, CPS_E_NOMEM. */
enum cps_code cps_spool_batch_init(struct cps_spool_batch *batch, struct cps_task *task, enum cps_spooling spooling,
                                   size_t max, int64_t iat, uint32_t ttl_s, struct cps_error *err) STIR_MUST_CHECK;

/* Frees the jobs; none may be under way. */
void cps_spool_batch_clear(struct cps_spool_batch *batch);

/* Adds the next envelope, borrowed. cps: the URLs of its CPS, borrowed; NULL: the CPS is found when it is published. */
void cps_spool_batch_add(struct cps_spool_batch *batch, const struct stir_identity *dest, const char *cps,
                         const char *envelope, size_t len);

/* Called when the operation could not begin. Returns true if there are too many operations (CPS_E_BUSY) and the spool
 * takes all envelopes of this one. */
bool cps_spool_batch_divert(struct cps_spool_batch *batch, const struct cps_error *cause);

/* Begins to spool envelope i if its failure `cause` may pass. Returns false if it is not spooled; *cause says why. */
bool cps_spool_batch_put(struct cps_spool_batch *batch, size_t i, struct cps_error *cause);

/* Returns true if all submitted jobs are complete. */
bool cps_spool_batch_done(const struct cps_spool_batch *batch);

/* Returns true if envelope i is in the spool. If spooling it has failed, *err says why. */
bool cps_spool_batch_has(const struct cps_spool_batch *batch, size_t i, struct cps_error *err);
