#pragma once

#include "common/cert.h"

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

/* roots_pem: one or more CERTIFICATE blocks; a block that is no certificate or has no P-256/P-384 key is STIR_E_CERT.
 * Self-signed ones are the anchors, at least one; another helps to build a chain to an anchor and anchors nothing
 * itself. */
enum stir_code stir_trust_new(struct stir_trust **out, const void *roots_pem, size_t n,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Adds a CRL (PEM, one or more, or DER) before the store is shared. Direct ones are signed by the certificates' issuer;
 * indirect ones (RFC 5280 section 5.2.5: an issuingDistributionPoint with indirectCRL, entries naming the
 * certificateIssuer) by their own issuer, whose certificate must be given in issuer_pem or among the roots and lead to
 * a root. All or nothing is added. STIR_E_CRL, STIR_E_CERT_UNTRUSTED, STIR_E_CERT (issuer_pem), STIR_E_TOO_BIG.
 *
 * A certificate that a list names is revoked at any time, also before the entry's date and by a stale list: who holds a
 * stolen key chooses the time in what he signs. A list is current until its nextUpdate; that it was made after the time
 * in question does not count against it. */
enum stir_code stir_trust_add_crl(struct stir_trust *trust, const void *crl, size_t n, const void *issuer_pem,
                                  size_t issuer_n, struct stir_error *err) STIR_MUST_CHECK;
void stir_trust_set_crl_policy(struct stir_trust *trust, enum stir_crl_policy policy);

struct stir_trust *stir_trust_ref(struct stir_trust *trust);
void stir_trust_unref(struct stir_trust *trust); /* NULL is fine */

/*
 * The chain leads to a trusted root as of `at` (seconds since the epoch, so that a message read late is judged by the
 * time it was signed): signatures (ECDSA with SHA-2 by keys on P-256 or P-384), validity, basicConstraints, keyUsage,
 * path length, unknown critical extensions (TNAuthList and the claim constraints are known), revocation; the leaf is an
 * end-entity certificate; and each certificate that has a TNAuthList covers the next such list below it (RFC 8226
 * section 9, RFC 9060 section 4). A CA certificate without a TNAuthList does not narrow it; one that has it by
 * reference (RFC 8226 section 10.1) is STIR_E_CERT_SCOPE, as nobody fetches it here. Claim constraints are not looked
 * at: they bind PASSporTs, see stir_claims_check_cert. STIR_E_CERT_UNTRUSTED, STIR_E_CERT_TIME, STIR_E_CERT_REVOKED,
 * STIR_E_CERT_SCOPE, STIR_E_CERT, STIR_E_CRL. err names the certificate by its subject. Thread-safe.
 */
enum stir_code stir_trust_verify(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                 struct stir_error *err) STIR_MUST_CHECK;
