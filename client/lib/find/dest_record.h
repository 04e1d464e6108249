#pragma once

#include "client/lib/context/key.h"
#include "client/lib/find/route.h"
#include "common/passport/keyrecord.h"

/* What a record says of the destination, the most specific first. */
enum cps_target_scope {
    CPS_SCOPE_NUMBER,   /* it names the number itself */
    CPS_SCOPE_RANGE,    /* it names a range that the number is in */
    CPS_SCOPE_PROVIDER, /* it names the provider that the number table gives the number to */
};

/*
 * One record of a destination: its keys with the times when they are current, and where its holder reads. Immutable,
 * shared between threads by reference.
 */
struct cps_target {
    atomic_int refs;
    enum cps_target_scope scope;
    struct stir_keyrecord *record; /* verified; NULL: the keys are pinned */
    struct cps_key *keys[CPS_RECORD_KEYS];
    size_t key_count;
    struct cps_route *route; /* NULL: the record does not say */
    char signer[CPS_SIGNER_MAX];
};

/* From a record that was verified with this chain; takes the record over, also on failure. CPS_E_NOMEM. */
enum cps_code cps_target_from_record(struct cps_target **out, struct cps *cps, struct stir_keyrecord *record,
                                     enum cps_target_scope scope, const struct stir_chain *chain,
                                     struct cps_error *err) STIR_MUST_CHECK;

/* From keys, which get a reference more. CPS_E_NOMEM. */
enum cps_code cps_target_from_keys(struct cps_target **out, struct cps_key *const *keys, size_t count,
                                   struct cps_error *err) STIR_MUST_CHECK;

struct cps_target *cps_target_ref(struct cps_target *target);
void cps_target_unref(struct cps_target *target); /* NULL is fine */

/* Writes the keys that are current, borrowed, and returns how many. */
size_t cps_target_keys(const struct cps_target *target, int64_t now, const struct cps_key *out[CPS_RECORD_KEYS]);

/* A record that has not ended, with a key that is current; pinned keys are always good. NULL is not good. */
bool cps_target_is_good(const struct cps_target *target, int64_t now);

/*
 * All records of a destination, the most specific first: a number's own, its block's, its provider's. Each has its own
 * keys and its own CPS, and none hides another (RFC 8816 section 8.1 step 3). Immutable once made, shared by reference.
 */
struct cps_targets {
    atomic_int refs;
    struct cps_target *items[CPS_RECORDS_MAX];
    size_t count;
};

/* A key and the record that it is of; both borrowed from the targets. */
struct cps_target_key {
    const struct cps_key *key;
    const struct cps_target *target;
};

/* Makes a set without records; NULL if memory is out. */
struct cps_targets *cps_targets_new(void);

/* Adds a target, whose reference it takes over, after those that are as specific. The set has room and is not shared
 * yet. */
void cps_targets_add(struct cps_targets *targets, struct cps_target *target);
struct cps_targets *cps_targets_ref(struct cps_targets *targets);
void cps_targets_unref(struct cps_targets *targets); /* NULL is fine */

/* Writes the keys to encrypt to and returns their number: each record's current keys, CPS_FOUND_KEYS at most. Every
 * record's first key comes before any record's second, so that no record takes the room of another. A key that two
 * records of one CPS share is written once. */
size_t cps_targets_keys(const struct cps_targets *targets, int64_t now, struct cps_target_key out[CPS_FOUND_KEYS]);

/* The most specific record that lists a key, borrowed; NULL: none does. */
const struct cps_target *cps_targets_with_key(const struct cps_targets *targets, const struct cps_key *key);

/* The most specific record that names a CPS, borrowed; NULL: none does. */
const struct cps_target *cps_targets_for_reading(const struct cps_targets *targets);
