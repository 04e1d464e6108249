/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * One revocation list (RFC 5280 section 5), read once, then immutable: complete lists for all reasons, direct or
 * indirect. Used by trust_crl.c only.
 */
struct stir_crl {
    X509_CRL *crl;
    AUTHORITY_KEYID *authority; /* NULL: the list does not say which key signed it */
    ISSUING_DIST_POINT *point;  /* NULL: the list covers all of its issuer's certificates */
    bool indirect;
    EVP_PKEY *signer;      /* the key that its signature was verified with; NULL for a direct list whose issuer comes
                              with the chain */
    int64_t current_until; /* nextUpdate, or the end of the issuer's certificates if that is earlier */
};

/* Reads one DER list. STIR_E_CRL for what is malformed or cannot be obeyed as it is meant: a delta list, one for some
 * reasons only, a critical extension that is not known, no nextUpdate, a signature other than
 * stir_x509_signature_allowed. */
enum stir_code stir_crl_parse(struct stir_crl *out, const void *der, size_t n, struct stir_error *err) STIR_MUST_CHECK;
void stir_crl_clear(struct stir_crl *crl);

/* Returns true if the certificate is, by name and key identifier, that of the list's signer. */
bool stir_crl_names(const struct stir_crl *crl, X509 *issuer);

/* Verifies the list's signature with a certificate that stir_crl_names it. STIR_E_CRL. */
enum stir_code stir_crl_verify(const struct stir_crl *crl, X509 *issuer, struct stir_error *err) STIR_MUST_CHECK;

/* Looks a certificate of a verified chain up in the list: STIR_E_CERT_REVOKED, or STIR_OK, with *covers telling
 * whether the list is current at `at` and covers this certificate. STIR_E_CRL if the list names the certificate's
 * issuer and is not signed by it. A listed certificate counts as revoked at any time, regardless of the entry's
 * date: the holder of a stolen key chooses the time in what he signs. */
enum stir_code stir_crl_check(bool *covers, const struct stir_crl *crl, X509 *cert, X509 *issuer, int64_t at,
                              struct stir_error *err) STIR_MUST_CHECK;
