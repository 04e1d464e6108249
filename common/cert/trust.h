/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/chain.h"

/*
 * Trusted roots and revocation lists. Built once, then immutable: a reload builds a new one. Shared between threads by
 * reference count.
 */
struct stir_trust;

enum stir_crl_policy {
    STIR_CRL_IF_PRESENT, /* a list that covers the issuer is obeyed; a stale or missing one is not held against the
                            chain */
    STIR_CRL_REQUIRED,   /* each certificate needs a current list that covers its issuer */
};

/* Receives warnings about skipped certificates: one sentence for a log, which names the certificate and the reason. */
struct stir_trust_warn {
    void (*say)(void *arg, const char *text);
    void *arg;
};

/* Makes a trust without roots, to which they are added before it is shared. STIR_E_NOMEM. */
enum stir_code stir_trust_new_empty(struct stir_trust **out, struct stir_error *err) STIR_MUST_CHECK;

/*
 * Adds the certificates of a PEM text. Self-signed ones become anchors; the others help to build a chain to an anchor
 * and anchor nothing themselves. A certificate that cannot be used is skipped, and `warn` (NULL: nobody) is told of it:
 * a damaged block, a key that stir_x509_check_issuer_key refuses, a self-signature that does not verify. STIR_E_CERT if
 * no anchor is left, with the reason for the first that was skipped; STIR_E_NOMEM.
 */
enum stir_code stir_trust_add_roots(struct stir_trust *trust, const void *pem, size_t n,
                                    const struct stir_trust_warn *warn, struct stir_error *err) STIR_MUST_CHECK;

/* Makes a trust with these roots, warning nobody. */
enum stir_code stir_trust_new(struct stir_trust **out, const void *roots_pem, size_t n,
                              struct stir_error *err) STIR_MUST_CHECK;

/*
 * Sets the issuers whose signatures on indirect lists count, before lists are added. certs: PEM, certificates of lists'
 * issuers and of the authorities above them; they anchor nothing. roots: PEM, read as stir_trust_add_roots does; its
 * anchors are for issuers of indirect lists alone, in addition to the trust's own roots, and never for a PASSporT. Both
 * may be empty. Replaces earlier ones. STIR_E_CERT, STIR_E_NOMEM.
 */
enum stir_code stir_trust_set_crl_signers(struct stir_trust *trust, struct stir_view certs, struct stir_view roots,
                                          const struct stir_trust_warn *warn, struct stir_error *err) STIR_MUST_CHECK;

/* Adds revocation lists (PEM, one or more, or DER) before the store is shared. Direct ones are signed by the
 * certificates' issuer; indirect ones (RFC 5280 section 5.2.5: an issuingDistributionPoint with indirectCRL, entries
 * naming the certificateIssuer) by their own issuer, whose certificate must be among those of
 * stir_trust_set_crl_signers or the roots and lead to a root of either. All or nothing is added. STIR_E_CRL,
 * STIR_E_CERT_UNTRUSTED, STIR_E_TOO_BIG.
 *
 * A certificate that a list names is revoked at any time, also before the entry's date and by a stale list: who holds a
 * stolen key chooses the time in what he signs. A list is current until its nextUpdate; that it was made after the time
 * in question does not count against it. */
enum stir_code stir_trust_add_crl(struct stir_trust *trust, const void *crl, size_t n,
                                  struct stir_error *err) STIR_MUST_CHECK;
void stir_trust_set_crl_policy(struct stir_trust *trust, enum stir_crl_policy policy);

/* Returns the earliest nextUpdate of the revocation lists in a text (PEM or DER), in seconds since the epoch; 0 if
 * there is no list that can be read. Nothing is verified. */
int64_t stir_crls_until(const void *crls, size_t n);

/* Sets the number table, before the trust is shared: which numbers a CA can delegate if its TNAuthList names its
 * provider only (RFC 9060 section 4). Takes a reference of its own. NULL: such a CA can delegate every number. */
void stir_trust_set_numbers(struct stir_trust *trust, struct stir_numtable *numbers);

struct stir_trust *stir_trust_ref(struct stir_trust *trust);
void stir_trust_unref(struct stir_trust *trust); /* NULL is fine */

/*
 * The chain leads to a trusted root as of `at` (seconds since the epoch, so that a message read late is judged by the
 * time it was signed): signatures (RFC 8226 section 4: ECDSA on P-256, P-384 or P-521 and RSA PKCS #1 v1.5 of 2048 bits
 * or more, with SHA-2), validity, basicConstraints, keyUsage, path length, unknown critical extensions (TNAuthList and
 * the claim constraints are known), revocation; the leaf is an end-entity certificate; and each certificate that has a
 * TNAuthList covers the next such list below it (RFC 8226 section 9, RFC 9060 section 4; stir_tnauth_covers with the
 * number table). A CA certificate without a TNAuthList does not narrow it; one that has it by reference (RFC 8226
 * section 10.1) is STIR_E_CERT_SCOPE unless stir_chain_with_list has added it. A leaf's that was not added is empty.
 * Claim constraints are not looked at: they bind
 * PASSporTs, see stir_claims_check_cert. STIR_E_CERT_UNTRUSTED, STIR_E_CERT_TIME, STIR_E_CERT_REVOKED,
 * STIR_E_CERT_SCOPE, STIR_E_CERT, STIR_E_CRL. err names the certificate by its subject. Thread-safe.
 */
enum stir_code stir_trust_verify(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* How a chain leads to a root. */
struct stir_chain_used {
    uint8_t index[STIR_CHAIN_MAX]; /* the certificates of the chain that are on the path, leaf first */
    size_t count;
    int lacks; /* the place in the chain of the first one whose TNAuthList is elsewhere and was not added; -1: none */
};

/*
 * As stir_trust_verify, for callers that fetch TNAuthLists. *used is filled on success; it does not contain the root,
 * nor certificates that only the trust has. Unless used->lacks is -1, STIR_OK does not mean that the TNAuthLists cover
 * each other: add the list with stir_chain_with_list and ask again.
 */
enum stir_code stir_trust_verify_path(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                      struct stir_chain_used *used, struct stir_error *err) STIR_MUST_CHECK;

/*
 * Checks that a certificate which signs something else than PASSporTs (a list of roots) leads to a trusted root as of
 * `at`, and may sign: an end-entity certificate with digitalSignature, if it has a key usage. others: certificates that
 * may help to build the chain. Revocation lists are not looked at. STIR_E_CERT_UNTRUSTED, STIR_E_CERT_TIME,
 * STIR_E_CERT. Thread-safe.
 */
enum stir_code stir_trust_verify_signer(const struct stir_trust *trust, X509 *signer, STACK_OF(X509) * others,
                                        int64_t at, struct stir_error *err) STIR_MUST_CHECK;
