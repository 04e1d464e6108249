#pragma once

#include "client/lib/handle.h"
#include "common/cert.h"

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
    int64_t good[CPS_CHAIN_MINUTES]; /* minutes from end to end of which the chain is trusted; -1: none */
    unsigned next;
};

/* Takes over the caller's reference to chain, also on failure. CPS_E_NOMEM. */
enum cps_code cps_chain_wrap(struct cps_chain **out, struct stir_chain *chain, struct cps_error *err) STIR_MUST_CHECK;
struct cps_chain *cps_chain_ref(struct cps_chain *chain);
void cps_chain_unref(struct cps_chain *chain);

/* As stir_trust_verify. */
enum cps_code cps_chain_trusted(struct cps_chain *chain, const struct stir_trust *trust, int64_t at,
                                struct cps_error *err) STIR_MUST_CHECK;
