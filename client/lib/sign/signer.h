/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/sign/scope.h"
#include "common/cert/chain.h"

#include <stdatomic.h>

struct cps_signer {
    EVP_PKEY *key;
    struct stir_chain *chain;
    char *x5u; /* NULL: none */
    bool with_chain;
    bool constrained;   /* the leaf has claim constraints */
    int64_t not_before; /* when the last certificate of the chain becomes valid, in seconds */
    unsigned char *der[STIR_CHAIN_MAX];
    struct stir_view der_views[STIR_CHAIN_MAX];
    struct cps_scope *scope; /* of a tenant: what it may originate from, if the certificate covers that too; NULL: the
                                certificate alone decides */
    size_t names;            /* number of entries of the tenants' table that have this signer; under its lock */
    atomic_int refs;
};

/* Opens a signer as cps_signer_open does, but x5u may be NULL. */
enum cps_code cps_signer_make(struct cps_signer **out, const struct cps_signer_options *options,
                              struct cps_error *err) STIR_MUST_CHECK;

/* Takes a reference, given back with cps_signer_free. */
struct cps_signer *cps_signer_ref(const struct cps_signer *signer);
