#pragma once

#include "client/lib/spool/spool.h"

/*
 * The spool behind one message's publishing (send.c): one job for each envelope, used only for those that need it.
 */
struct cps_spool_batch {
    struct cps *cps;
    struct cps_task *task;
    struct cps_spool_job *jobs; /* NULL: no spooling */
    bool *begun;                /* of each job */
    size_t count;
    bool offline;           /* nothing is to be sent: all goes into the spool */
    struct cps_error cause; /* why it is so, if somebody is to know */
};

/* Makes room for `max` envelopes of a PASSporT from iat. CPS_E_INVAL, CPS_E_CONFIG, CPS_E_STALE, CPS_E_NOMEM. */
enum cps_code cps_spool_batch_init(struct cps_spool_batch *batch, struct cps_task *task, enum cps_spooling spooling,
                                   size_t max, int64_t iat, uint32_t ttl_s, struct cps_error *err) STIR_MUST_CHECK;
void cps_spool_batch_clear(struct cps_spool_batch *batch);

/* Adds the next envelope, which stays where it is. cps: the URLs of the CPS that it is for, likewise; NULL: that is
 * found when it is published. */
void cps_spool_batch_add(struct cps_spool_batch *batch, const struct stir_identity *dest, const char *cps,
                         const char *envelope, size_t len);

/* There are too many operations already: the spool takes all of this one, if it may. */
bool cps_spool_batch_divert(struct cps_spool_batch *batch, const struct cps_error *cause);

/* Begins to spool envelope i if `cause` may pass. False: it is not spooled, *cause tells why. */
bool cps_spool_batch_put(struct cps_spool_batch *batch, size_t i, struct cps_error *cause);

/* Whether all that was begun has ended. */
bool cps_spool_batch_done(const struct cps_spool_batch *batch);

/* Whether envelope i was spooled; if that was tried and failed, *err tells why. */
bool cps_spool_batch_has(const struct cps_spool_batch *batch, size_t i, struct cps_error *err);
