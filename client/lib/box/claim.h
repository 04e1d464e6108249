/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/box/match.h"
#include "client/lib/net/task.h"

/*
 * Claims the PASSporTs of a message by taking their envelopes out of the box at the CPS, which lets only one caller do
 * so. In this way hosts that receive for the same numbers share their memory of used PASSporTs. A PASSporT is in one
 * envelope for each key of the destination, and a message may have PASSporTs of several signers. All known envelopes
 * are taken, in the order of their ids, so that two hosts never both succeed. Embedded in one operation.
 *
 * The CPS remembers what was taken until it would have expired, and for at least 120 s after it was stored. So nobody
 * has taken an envelope that the CPS does not have if its PASSporT is younger than CPS_CLAIM_YOUNG_S, and the CPS then
 * remembers that it was taken now. For an older one it is not known.
 */
#define CPS_CLAIM_YOUNG_S 90

struct cps_claim {
    bool under_way;
    struct cps_result result; /* of the message if the claim succeeds */
    struct cps_candidates envelopes;
    size_t next; /* index of the envelope that is taken next */
    bool ours;   /* one of them was there, or is known not to have been taken */
    struct cps_task *task;
    const struct stir_identity *dest;
    struct cps_transfer transfer;
};

/* Begins to claim a group of PASSporTs. result: of the message if the claim succeeds. On failure nothing is under way.
 * CPS_E_NOMEM, and what a request can fail with before it is sent. */
enum cps_code cps_claim_begin(struct cps_claim *claim, struct cps_task *task, struct cps_box *box,
                              const struct stir_identity *dest, const struct cps_vouches *vouches, size_t group,
                              const struct cps_result *result, struct cps_error *err) STIR_MUST_CHECK;

/* Returns true when the claim is over, with *code: CPS_OK, it succeeded; CPS_E_REPLAYED, another host was first;
 * CPS_E_STALE, the CPS no longer knows whether one was; any other code: not known, and the PASSporT may be tried again.
 * Otherwise the task will be woken. */
bool cps_claim_is_over(struct cps_claim *claim, enum cps_code *code, struct cps_error *err);

/* Frees the envelopes. Must not be called while the claim is under way. */
void cps_claim_clear(struct cps_claim *claim);
