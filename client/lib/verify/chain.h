#pragma once

#include "client/lib/context/handle.h"
#include "common/cert/cert.h"

#include <pthread.h>

/*
 * A certificate chain that was read, and what is known of its standing: verifying a chain costs several signatures, but
 * its outcome changes with time only at the ends of validity. So it is kept by the minute.
 */
#define CPS_CHAIN_MINUTES 4

struct cps_chain {
    struct stir_chain *chain;
    atomic_int refs;
    pthread_mutex_t lock;
    uint64_t generation;             /* of the trust that the minutes are by */
    int64_t good[CPS_CHAIN_MINUTES]; /* minutes from end to end of which the chain is trusted; -1: none */
    int lacks[CPS_CHAIN_MINUTES];    /* what cps_chain_lacks has found for that minute */
    unsigned next;
};

/* Takes over the caller's reference to chain, also on failure. CPS_E_NOMEM. */
enum cps_code cps_chain_wrap(struct cps_chain **out, struct stir_chain *chain, struct cps_error *err) STIR_MUST_CHECK;
struct cps_chain *cps_chain_ref(struct cps_chain *chain);
void cps_chain_unref(struct cps_chain *chain);

/* Judges the chain by the trust in force and says which certificate's TNAuthList has to be fetched first (-1: none), as
 * stir_trust_verify_path does. */
enum cps_code cps_chain_lacks(struct cps_chain *chain, struct cps_trust *trust, int64_t at, int *lacks,
                              struct cps_error *err) STIR_MUST_CHECK;

/* Judges the chain by the trust in force, as stir_trust_verify does. */
enum cps_code cps_chain_trusted(struct cps_chain *chain, struct cps_trust *trust, int64_t at,
                                struct cps_error *err) STIR_MUST_CHECK;
