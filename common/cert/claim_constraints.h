/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>

/*
 * The claims that a certificate allows in its PASSporTs: JWTClaimConstraints (RFC 8226 section 8, OID
 * 1.3.6.1.5.5.7.1.27) and EnhancedJWTClaimConstraints (RFC 9118, OID 1.3.6.1.5.5.7.1.33). They bind the certificate
 * that signs the PASSporT. Both RFCs make them "applicable only to end-entity certificates", so those of a CA
 * certificate are ignored. Thread-safe.
 */
struct stir_claims {
    char **must_include; /* claims that a PASSporT has to have */
    size_t must_include_count;
    struct stir_claims_permitted {
        char *claim;
        char **values;
        size_t value_count;
    } * permitted; /* if the claim is there, its value is one of these */
    size_t permitted_count;
    char **must_exclude; /* enhanced only: claims that it must not have */
    size_t must_exclude_count;
};

/* The claims that every PASSporT has (RFC 8225 section 5): always demanded, and never excluded. */
enum { STIR_CLAIMS_BASELINE = 3 };
extern const char *const stir_claims_baseline[STIR_CLAIMS_BASELINE];

/* Reads the DER value of either extension. STIR_E_CERT on any deviation, an empty SEQUENCE or list. Cleared with
 * stir_claims_clear. */
enum stir_code stir_claims_parse(struct stir_claims *out, const unsigned char *der, size_t n, bool enhanced,
                                 struct stir_error *err) STIR_MUST_CHECK;
void stir_claims_clear(struct stir_claims *constraints);

/* Appends the DER value, for making certificates. STIR_E_INVAL for what RFC 9118 section 3 forbids to issue (nothing to
 * constrain, a mustExclude that names iat, orig or dest, a mustExclude where it is not enhanced) and for a claim that
 * mustInclude demands as well (section 8). */
enum stir_code stir_claims_encode(struct stir_buf *out, const struct stir_claims *constraints, bool enhanced,
                                  struct stir_error *err) STIR_MUST_CHECK;

/* Returns true if mustExclude names iat, orig or dest: the certificate is then treated as if the extension was
 * absent (RFC 9118 section 3). */
bool stir_claims_void(const struct stir_claims *constraints);

/* Checks a PASSporT's claims against one set: iat, orig and dest and all of mustInclude are there, none of mustExclude
 * is, and a claim with permitted values has one of them. A string is compared as it is, another value in its RFC 8785
 * form. STIR_E_CERT_CONSTRAINT names the claim. */
enum stir_code stir_claims_check(const struct stir_claims *constraints, const json_t *claims,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* Finds and parses the certificate's constraints; *enhanced (may be NULL) tells which kind. STIR_E_NOT_FOUND if it has
 * none, STIR_E_CERT if they are malformed, occur twice, or are of both kinds (RFC 9118 section 6). */
enum stir_code stir_claims_of(struct stir_claims *out, bool *enhanced, const X509 *cert,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Checks claims against the constraints of a certificate, if it has any. STIR_E_CERT as stir_claims_of,
 * STIR_E_CERT_CONSTRAINT. */
enum stir_code stir_claims_check_cert(const X509 *cert, const json_t *claims, struct stir_error *err) STIR_MUST_CHECK;
