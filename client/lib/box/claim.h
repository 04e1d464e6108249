#pragma once

#include "client/lib/box/match.h"
#include "client/lib/net/task.h"

/*
 * Taking what vouches for a message out of its box at the CPS, which lets one holder alone do so: that is how hosts
 * that receive for the same numbers share their memory of what was used. A PASSporT lies in one envelope for each key
 * of the destination, and a message may have PASSporTs of several signers; all envelopes that are known are taken, in
 * the order of their ids, so that of two hosts that begin with different ones no two get all. Embedded in the
 * operation, and used by it alone.
 *
 * The CPS remembers what was taken until it would have expired, and for at least 120 s after it was stored. So what it
 * does not have was taken by nobody as long as the PASSporT is younger than CPS_CLAIM_YOUNG_S; the CPS then remembers
 * that it was taken now. Of an older one nobody knows.
 */
#define CPS_CLAIM_YOUNG_S 90

struct cps_claim {
    bool under_way;
    struct cps_result result;
    struct cps_candidates envelopes;
    size_t next;
    bool ours; /* one of them was there, or is known not to have been taken */
    struct cps_task *task;
    const struct stir_identity *dest;
    struct cps_transfer transfer;
};

/* Begins to claim a group of PASSporTs; the result is what it will be if nobody was first. On failure nothing is under
 * way. CPS_E_NOMEM, and what a request can fail with before it is sent. */
enum cps_code cps_claim_begin(struct cps_claim *claim, struct cps_task *task, struct cps_box *box,
                              const struct stir_identity *dest, const struct cps_vouches *vouches, size_t group,
                              const struct cps_result *result, struct cps_error *err) STIR_MUST_CHECK;

/* True: it is over, and *code says how: CPS_OK, it is ours; CPS_E_REPLAYED, somebody was first; CPS_E_STALE, the CPS
 * does not remember whether somebody was; else nobody knows, and the PASSporT may be tried again. False: the task will
 * be woken. */
bool cps_claim_is_over(struct cps_claim *claim, enum cps_code *code, struct cps_error *err);

/* Lets go of the envelopes. Not while it is under way. */
void cps_claim_clear(struct cps_claim *claim);
