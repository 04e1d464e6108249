#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/sign/scope.h"
#include "common/cert/cert.h"

#include <stdatomic.h>

struct cps_signer {
    EVP_PKEY *key;
    struct stir_chain *chain;
    char *x5u; /* NULL: none */
    bool with_chain;
    bool constrained;   /* the leaf has claim constraints */
    int64_t not_before; /* the latest begin of validity in the chain */
    unsigned char *der[STIR_CHAIN_MAX];
    struct stir_view der_views[STIR_CHAIN_MAX];
    struct cps_scope *scope; /* a tenant's: what it may originate from, besides what the certificate covers; NULL: that
                                alone counts */
    size_t names;            /* of the tenant, in the table that holds it and under that one's lock */
    atomic_int refs;
};

/* As cps_signer_open, where x5u may be NULL: the signer has none then. */
enum cps_code cps_signer_make(struct cps_signer **out, const struct cps_signer_options *options,
                              struct cps_error *err) STIR_MUST_CHECK;

struct cps_signer *cps_signer_ref(const struct cps_signer *signer);
