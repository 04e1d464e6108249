/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/find/dest_record.h"

/* One record of a CPS's answer, and the result of verifying it. */
struct cps_verified {
    struct stir_keyrecord *record; /* not good: what it claims to be; NULL: it is good, or not a record at all */
    enum cps_target_scope scope;
    struct cps_target *target; /* good; NULL: it is not */
};

/* The result of a search. */
struct cps_lookup_result {
    struct cps_verified *records;  /* the callback takes over what they hold */
    size_t count;                  /* may be 0 */
    int64_t max_age_s;             /* how long the answer may be kept, seconds; -1: it did not say */
    const struct cps_error *error; /* why there is no answer, or what is wrong with the first record that is not good */
};

/* Called once, on the I/O thread, when the search has ended. */
typedef void (*cps_lookup_cb)(struct cps *cps, void *arg, const struct cps_lookup_result *result);

/* Looks up a destination's key records in the background: asks the CPS that keeps them, fetches their certificates,
 * verifies them, and calls `done` with `arg`. On failure it is never called. CPS_E_CONFIG, CPS_E_NOMEM, CPS_E_CLOSED,
 * CPS_E_UNAVAILABLE. */
enum cps_code cps_key_lookup_start(struct cps *cps, const struct stir_identity *dest, cps_lookup_cb done, void *arg,
                                   struct cps_error *err) STIR_MUST_CHECK;
