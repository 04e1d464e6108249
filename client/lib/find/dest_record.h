/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/key.h"
#include "client/lib/find/route.h"
#include "common/passport/keyrecord.h"

/* How a key record covers the destination, the most specific way first. */
enum cps_target_scope {
    CPS_SCOPE_NUMBER,   /* it names the number itself */
    CPS_SCOPE_RANGE,    /* it names a range with the number in it */
    CPS_SCOPE_PROVIDER, /* it names the provider to which the number table assigns the number */
};

/*
 * One key record of a destination: its keys with the times when they are current, and the CPS where its holder reads.
 * Immutable; shared between threads by reference.
 */
struct cps_target {
    atomic_int refs;
    enum cps_target_scope scope;
    struct stir_keyrecord *record; /* verified; NULL: the keys are pinned */
    struct cps_key *keys[CPS_RECORD_KEYS];
    size_t key_count;
    struct cps_route *route; /* NULL: the record names no CPS */
    char signer[CPS_SIGNER_MAX];
};

/* Makes the target of a record that was verified with this chain. Takes the record over, also on failure. A CPS that
 * cannot be used is left out with a warning. CPS_E_NOMEM, CPS_E_KEY. */
enum cps_code cps_target_from_record(struct cps_target **out, struct cps *cps, struct stir_keyrecord *record,
                                     enum cps_target_scope scope, const struct stir_chain *chain,
                                     struct cps_error *err) STIR_MUST_CHECK;

/* Makes a target without a record, with references of its own to the keys. CPS_E_NOMEM. */
enum cps_code cps_target_from_keys(struct cps_target **out, struct cps_key *const *keys, size_t count,
                                   struct cps_error *err) STIR_MUST_CHECK;

/* Takes a reference, and gives one back. */
struct cps_target *cps_target_ref(struct cps_target *target);
void cps_target_unref(struct cps_target *target); /* NULL is fine */

/* Writes the keys that are current at `now` (seconds), borrowed, and returns their number. */
size_t cps_target_keys(const struct cps_target *target, int64_t now, const struct cps_key *out[CPS_RECORD_KEYS]);

/* Returns true if the record has not expired and has a current key. Pinned keys are always good; NULL is not. */
bool cps_target_is_good(const struct cps_target *target, int64_t now);

/*
 * All key records of a destination, the most specific first: the number's own, its range's, its provider's. Each has
 * its own keys and its own CPS, and none hides another (RFC 8816 section 8.1 step 3). Immutable once made; shared by
 * reference.
 */
struct cps_targets {
    atomic_int refs;
    struct cps_target *items[CPS_RECORDS_MAX];
    size_t count;
};

/* A key and the record that it is in; both borrowed from the targets. */
struct cps_target_key {
    const struct cps_key *key;
    const struct cps_target *target;
};

/* Makes an empty set; NULL: out of memory. */
struct cps_targets *cps_targets_new(void);

/* Adds a target, whose reference it takes over, after those that are as specific. The set must have room and must not
 * be shared yet. */
void cps_targets_add(struct cps_targets *targets, struct cps_target *target);
struct cps_targets *cps_targets_ref(struct cps_targets *targets);
void cps_targets_unref(struct cps_targets *targets); /* NULL is fine */

/* Writes the keys to encrypt to, at most CPS_FOUND_KEYS, and returns their number: the current keys of each record.
 * Every record's first key comes before any record's second one, so that no record takes another's room. A key that two
 * records of one CPS share is written once. */
size_t cps_targets_keys(const struct cps_targets *targets, int64_t now, struct cps_target_key out[CPS_FOUND_KEYS]);

/* Returns the most specific record that lists a key, borrowed; NULL if none does. */
const struct cps_target *cps_targets_with_key(const struct cps_targets *targets, const struct cps_key *key);

/* Returns the most specific record that names a CPS, borrowed; NULL if none does. targets may be NULL. */
const struct cps_target *cps_targets_for_reading(const struct cps_targets *targets);
