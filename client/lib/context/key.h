/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"

#include <openssl/evp.h>
#include <stdatomic.h>

/* An encryption key, shared by reference. */
struct cps_key {
    EVP_PKEY *pkey;
    bool is_private;
    char thumbprint[44];
    atomic_int refs;
};

/* Makes a public key of a pkey, with a reference of its own to it. CPS_E_NOMEM, CPS_E_KEY. */
enum cps_code cps_key_wrap(struct cps_key **out, EVP_PKEY *pkey, struct cps_error *err) STIR_MUST_CHECK;

/* References to keys, for an operation that outlives its caller's array. */
struct cps_keys {
    struct cps_key **items;
    size_t count;
};

/* Checks keys as cps_keys_check does and takes a reference to each; freed with cps_keys_free. Also CPS_E_NOMEM. */
enum cps_code cps_keys_take(struct cps_keys *out, const struct cps_key *const *keys, size_t count, bool want_private,
                            struct cps_error *err) STIR_MUST_CHECK;
void cps_keys_free(struct cps_keys *keys);

/* Checks the keys that a caller gave. CPS_E_INVAL: none, more than CPS_KEYS_MAX, a NULL, or a public key where private
 * ones are needed. */
enum cps_code cps_keys_check(const struct cps_key *const *keys, size_t count, bool want_private,
                             struct cps_error *err) STIR_MUST_CHECK;
