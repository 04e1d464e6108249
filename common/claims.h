#pragma once

#include "common/buf.h"

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>

/*
 * What a certificate allows its PASSporTs to say: JWTClaimConstraints (RFC 8226 section 8, OID 1.3.6.1.5.5.7.1.27) and
 * EnhancedJWTClaimConstraints (RFC 9118, OID 1.3.6.1.5.5.7.1.33). Thread-safe.
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

/* Reads the DER value of either extension. STIR_E_CERT on any deviation, an empty SEQUENCE, a mustExclude that names
 * iat, orig or dest or a claim of mustInclude (RFC 9118 section 3). Cleared with stir_claims_clear. */
enum stir_code stir_claims_parse(struct stir_claims *out, const unsigned char *der, size_t n, bool enhanced,
                                 struct stir_error *err) STIR_MUST_CHECK;
void stir_claims_clear(struct stir_claims *constraints);

/* Appends the DER value, for making certificates. */
enum stir_code stir_claims_encode(struct stir_buf *out, const struct stir_claims *constraints, bool enhanced,
                                  struct stir_error *err) STIR_MUST_CHECK;

/* Checks a PASSporT's claims against one set. STIR_E_CERT_CONSTRAINT names the claim. */
enum stir_code stir_claims_check(const struct stir_claims *constraints, const json_t *claims,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* Checks claims against whatever constraints the certificate has: none is fine; both kinds at once is STIR_E_CERT
 * (RFC 9118 section 4). */
enum stir_code stir_claims_check_cert(const X509 *cert, const json_t *claims, struct stir_error *err) STIR_MUST_CHECK;
