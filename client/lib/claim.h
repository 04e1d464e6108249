#pragma once

#include "client/lib/box.h"
#include "client/lib/task.h"

/*
 * Taking a PASSporT that passes out of its box at the CPS, which lets one holder alone do so: that is how hosts that
 * receive for the same numbers share their memory of what was used. A destination with several keys has the PASSporT in
 * as many envelopes; all that are known are taken, in the order of their ids, so that of two hosts that begin with
 * different ones no two get all. Embedded in the operation, and used by it alone.
 */
struct cps_claim {
    bool under_way;
    struct cps_entry *entry; /* the one that passes, if nobody else was first; a reference */
    struct cps_result result;
    struct cps_candidates envelopes;
    size_t next;
    struct cps_task *task;
    const struct stir_identity *dest;
    struct cps_transfer transfer;
};

/* Begins it, with a reference to the entry of its own; the result is what it will be if nobody was first. On failure
 * nothing is under way. CPS_E_NOMEM, and what a request can fail with before it is sent. */
enum cps_code cps_claim_begin(struct cps_claim *claim, struct cps_task *task, struct cps_box *box,
                              const struct stir_identity *dest, struct cps_entry *entry,
                              const struct cps_result *result, struct cps_error *err) STIR_MUST_CHECK;

/* True: it is over, and *code says how: CPS_OK, it is ours; CPS_E_REPLAYED, somebody was first; else nobody knows, and
 * the PASSporT may be tried again. False: the task will be woken. */
bool cps_claim_is_over(struct cps_claim *claim, enum cps_code *code, struct cps_error *err);

/* Lets go of the entry. Not while it is under way. */
void cps_claim_clear(struct cps_claim *claim);
