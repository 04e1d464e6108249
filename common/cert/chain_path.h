/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/chain.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

/*
 * Certification paths (RFC 5280 section 6) on OpenSSL's builder, with STIR's own rules. Used by the files of trust.h
 * only.
 */

/* Builds and checks the path from a certificate to a self-signed one of the store: signatures, basicConstraints, key
 * usage, path length, unknown critical extensions, algorithms; validity too, as of *at, unless that is NULL. *out, leaf
 * first and root last, is freed with sk_X509_pop_free. STIR_E_CERT_UNTRUSTED, STIR_E_CERT_TIME, STIR_E_CERT. */
enum stir_code stir_path_build(STACK_OF(X509) * *out, X509_STORE *store, X509 *leaf, STACK_OF(X509) * helpers,
                               const int64_t *at, struct stir_error *err) STIR_MUST_CHECK;

/* Checks that the first certificate may sign: an end-entity certificate (RFC 9060 section 4) whose key usage, if
 * present, includes digitalSignature. STIR_E_CERT. */
enum stir_code stir_path_check_leaf(STACK_OF(X509) * path, struct stir_error *err) STIR_MUST_CHECK;

/* Returns the place in the chain of the first certificate of the path, from the leaf up, whose TNAuthList is elsewhere
 * and was not added to the chain; otherwise -1. */
int stir_path_missing_list(STACK_OF(X509) * path, const struct stir_chain *chain);

/* Checks that each TNAuthList covers the next one below it; those that were fetched are the chain's. With a number
 * table (NULL: no table) an SPC covers the numbers that the table gives to it, otherwise all. STIR_E_CERT_SCOPE,
 * also for an authority whose list is elsewhere and was not fetched; STIR_E_CERT for a malformed list, or a delegate
 * certificate that does not name its parent by key identifier (RFC 9060 section 4). */
enum stir_code stir_path_check_scope(STACK_OF(X509) * path, const struct stir_chain *chain,
                                     const struct stir_numtable *numbers, struct stir_error *err) STIR_MUST_CHECK;
