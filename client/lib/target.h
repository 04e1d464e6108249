#pragma once

#include "client/lib/key.h"
#include "client/lib/route.h"
#include "common/keyrecord.h"

/*
 * A destination as it was found: its keys with the times when they are current, and where it reads. Immutable, shared
 * between threads by reference.
 */
struct cps_target {
    atomic_int refs;
    struct stir_keyrecord *record; /* verified; NULL: the keys are pinned */
    struct cps_key *keys[CPS_RECORD_KEYS];
    size_t key_count;
    struct cps_route *route; /* NULL: the record does not say */
    char signer[CPS_SIGNER_MAX];
};

/* From a record that was verified with this chain; takes the record over, also on failure. CPS_E_NOMEM. */
enum cps_code cps_target_from_record(struct cps_target **out, struct cps *cps, struct stir_keyrecord *record,
                                     const struct stir_chain *chain, struct cps_error *err) STIR_MUST_CHECK;

/* From keys, which get a reference more. CPS_E_NOMEM. */
enum cps_code cps_target_from_keys(struct cps_target **out, struct cps_key *const *keys, size_t count,
                                   struct cps_error *err) STIR_MUST_CHECK;

struct cps_target *cps_target_ref(struct cps_target *target);
void cps_target_unref(struct cps_target *target); /* NULL is fine */

/* The keys that are current, borrowed; returns how many. */
size_t cps_target_keys(const struct cps_target *target, int64_t now, const struct cps_key *out[CPS_RECORD_KEYS]);
