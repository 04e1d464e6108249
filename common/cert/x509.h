/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Reads what several files need of an OpenSSL certificate: STIR's extensions by their object identifiers' DER content
 * (nothing is registered with OpenSSL's global table), names for error texts, the time, the curve. Thread-safe.
 */
extern const struct stir_view STIR_OID_TNAUTH;          /* 1.3.6.1.5.5.7.1.26, RFC 8226 section 9 */
extern const struct stir_view STIR_OID_TN_LIST;         /* 1.3.6.1.5.5.7.48.14, RFC 8226 section 10.1 */
extern const struct stir_view STIR_OID_CLAIMS;          /* 1.3.6.1.5.5.7.1.27, RFC 8226 section 8 */
extern const struct stir_view STIR_OID_CLAIMS_ENHANCED; /* 1.3.6.1.5.5.7.1.33, RFC 9118 section 3 */

/* Reads one certificate, which must be all of der, and makes OpenSSL decode what it would decode later: afterwards
 * the certificate is read-only, so that threads may share it. STIR_E_CERT. */
enum stir_code stir_x509_parse(X509 **out, const void *der, size_t n, struct stir_error *err) STIR_MUST_CHECK;

bool stir_oid_is(const ASN1_OBJECT *object, struct stir_view oid);

/* The DER value of an extension, a view into the certificate. STIR_E_NOT_FOUND, STIR_E_CERT if it occurs twice. */
enum stir_code stir_x509_ext(struct stir_view *out, const X509 *cert, struct stir_view oid,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Returns the URL of the certificate's TNAuthList by reference (RFC 8226 section 10.1: an authorityInfoAccess with
 * id-ad-stirTNList), which the caller frees; NULL if it has none, or out of memory. Whether it may be fetched is not
 * judged. */
char *stir_x509_tn_list_url(const X509 *cert);

/* A name on one line, for people: characters other than printable ASCII are escaped, and a long name is cut. */
struct stir_x509_name {
    char text[128];
};
struct stir_x509_name stir_x509_subject(const X509 *cert);
struct stir_x509_name stir_x509_name_text(const X509_NAME *name);

/* Converts a time to seconds since the epoch. STIR_E_CERT if it is not a valid time. */
enum stir_code stir_x509_time(int64_t *out, const ASN1_TIME *time, struct stir_error *err) STIR_MUST_CHECK;

/* Returns true for an EC key on this named curve ("P-256", "P-384"). Explicit parameters are not a named curve. */
bool stir_x509_key_is(const EVP_PKEY *key, const char *curve);

/* True if the certificate's EC point is written as RFC 5480 section 2.2 allows: compressed or uncompressed, not hybrid.
 * Other keys than EC have no point, which is fine. */
bool stir_x509_point_form_good(const X509 *cert);

/* Checks that a certificate's key may sign certificates and revocation lists: ECDSA on the named curves P-256, P-384
 * and P-521, or RSA of 2048 to 8192 bits (RFC 8226 section 4). STIR_E_CERT says what the key is instead. */
enum stir_code stir_x509_check_issuer_key(const X509 *cert, struct stir_error *err) STIR_MUST_CHECK;

/* Returns true for the signature algorithms of certificates and revocation lists: ECDSA, or RSA PKCS #1 v1.5 (RFC 8226
 * section 4), with SHA-256, SHA-384 or SHA-512. RSASSA-PSS is not accepted. */
bool stir_x509_signature_allowed(int nid);
