/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/handle.h"
#include "common/cert/chain.h"

#include <pthread.h>

/*
 * A certificate chain with the results of verifying it. Verifying costs several signature checks, while the result
 * changes only when a certificate begins or ceases to be valid. So it is cached by the minute.
 */
#define CPS_CHAIN_MINUTES 4

struct cps_chain {
    struct stir_chain *chain;
    atomic_int refs;
    pthread_mutex_t lock;
    uint64_t generation;             /* of the trust that the results are for */
    int64_t good[CPS_CHAIN_MINUTES]; /* minutes from end to end of which the chain is trusted; -1: none */
    int lacks[CPS_CHAIN_MINUTES];    /* what cps_chain_lacks has found for that minute */
    unsigned next;
};

/* Wraps a chain; takes over the caller's reference, also on failure. CPS_E_NOMEM. */
enum cps_code cps_chain_wrap(struct cps_chain **out, struct stir_chain *chain, struct cps_error *err) STIR_MUST_CHECK;

/* Takes a reference, and gives one back. NULL is fine. */
struct cps_chain *cps_chain_ref(struct cps_chain *chain);
void cps_chain_unref(struct cps_chain *chain);

/* Verifies the chain by the trust in force as of `at` (seconds), and sets *lacks to the certificate whose TNAuthList
 * has to be fetched first (-1: none). Fails as stir_trust_verify_path does. CPS_E_UNAVAILABLE: a list of roots that may
 * have the root is not loaded. */
enum cps_code cps_chain_lacks(struct cps_chain *chain, struct cps_trust *trust, int64_t at, int *lacks,
                              struct cps_error *err) STIR_MUST_CHECK;

/* Verifies the chain by the trust in force as of `at` (seconds), including that no TNAuthList is missing. */
enum cps_code cps_chain_trusted(struct cps_chain *chain, struct cps_trust *trust, int64_t at,
                                struct cps_error *err) STIR_MUST_CHECK;
