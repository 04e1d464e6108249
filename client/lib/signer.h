#pragma once

#include "client/lib/errors.h"
#include "common/cert.h"

#include <stdatomic.h>

struct cps_signer {
    EVP_PKEY *key;
    struct stir_chain *chain;
    char *x5u;
    bool with_chain;
    bool constrained;   /* the leaf has claim constraints */
    int64_t not_before; /* the latest begin of validity in the chain */
    unsigned char *der[STIR_CHAIN_MAX];
    struct stir_view der_views[STIR_CHAIN_MAX];
    atomic_int refs;
};

struct cps_signer *cps_signer_ref(const struct cps_signer *signer);
