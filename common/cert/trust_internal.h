/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/crl.h"
#include "common/cert/trust.h"

#include <openssl/x509_vfy.h>

/*
 * The fields of a trust, for the files that fill it (trust.c, trust_crl.c) and that verify with it (trust_verify.c).
 */
struct stir_trust {
    X509_STORE *store;
    X509_STORE *signer_store; /* anchors of indirect lists' issuers alone; NULL: none */
    STACK_OF(X509) * signers; /* certificates of indirect lists' issuers and of those above them; NULL: none */
    struct stir_crl *crls;
    size_t crl_count;
    enum stir_crl_policy policy;
    struct stir_numtable *numbers; /* NULL: there is no number table */
    int refs;
};

/* Checks each certificate of a path but its last one, the root, against the revocation lists, as of `at` (seconds since
 * the epoch). STIR_E_CERT_REVOKED, STIR_E_CRL: the policy requires a current list and no list covers the issuer. */
enum stir_code stir_trust_check_revocation(const struct stir_trust *trust, STACK_OF(X509) * path, int64_t at,
                                           struct stir_error *err) STIR_MUST_CHECK;
