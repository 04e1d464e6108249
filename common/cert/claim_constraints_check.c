/* SPDX-License-Identifier: MIT */
#include "common/cert/claim_constraints.h"

#include "common/cert/x509.h"
#include "common/jose/json.h"

static bool claims_value_listed(const struct stir_claims_permitted *permitted, struct stir_view value)
{
    for (size_t i = 0; i < permitted->value_count; i++) {
        if (stir_view_is(value, permitted->values[i])) {
            return true;
        }
    }
    return false;
}

static enum stir_code claims_demand(const json_t *claims, const char *name, struct stir_error *err)
{
    if (!json_object_get(claims, name)) {
        return stir_fail(err, STIR_E_CERT_CONSTRAINT, "the claim %s is missing, which the certificate demands", name);
    }
    return STIR_OK;
}

static enum stir_code claims_check_includes(const struct stir_claims *constraints, const json_t *claims,
                                            struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < STIR_CLAIMS_BASELINE; i++) {
        code = claims_demand(claims, stir_claims_baseline[i], err);
    }
    for (size_t i = 0; code == STIR_OK && i < constraints->must_include_count; i++) {
        code = claims_demand(claims, constraints->must_include[i], err);
    }
    return code;
}

static enum stir_code claims_check_permitted(const struct stir_claims_permitted *permitted, const json_t *claims,
                                             struct stir_error *err)
{
    const json_t *claim = json_object_get(claims, permitted->claim);
    if (!claim) {
        return STIR_OK;
    }
    struct stir_buf text = {0};
    if (json_is_string(claim)) {
        stir_buf_put(&text, json_string_value(claim), json_string_length(claim));
    } else {
        stir_jcs(&text, claim);
    }
    enum stir_code code = stir_buf_state(&text);
    if (code != STIR_OK) {
        (void)stir_fail(err, code, "the claim %s", permitted->claim);
    } else if (!claims_value_listed(permitted, stir_view(text.ptr, text.len))) {
        code = stir_fail(err, STIR_E_CERT_CONSTRAINT, "the claim %s has a value that the certificate does not permit",
                         permitted->claim);
    }
    stir_buf_cleanse(&text);
    return code;
}

enum stir_code stir_claims_check(const struct stir_claims *constraints, const json_t *claims, struct stir_error *err)
{
    if (stir_claims_void(constraints)) {
        return STIR_OK;
    }
    enum stir_code code = claims_check_includes(constraints, claims, err);
    for (size_t i = 0; code == STIR_OK && i < constraints->permitted_count; i++) {
        code = claims_check_permitted(&constraints->permitted[i], claims, err);
    }
    for (size_t i = 0; code == STIR_OK && i < constraints->must_exclude_count; i++) {
        if (json_object_get(claims, constraints->must_exclude[i])) {
            code = stir_fail(err, STIR_E_CERT_CONSTRAINT, "the claim %s is present, which the certificate forbids",
                             constraints->must_exclude[i]);
        }
    }
    return code;
}

enum stir_code stir_claims_of(struct stir_claims *out, bool *enhanced, const X509 *cert, struct stir_error *err)
{
    struct stir_view plain;
    struct stir_view more;
    enum stir_code code = stir_x509_ext(&plain, cert, STIR_OID_CLAIMS, err);
    enum stir_code code_more = stir_x509_ext(&more, cert, STIR_OID_CLAIMS_ENHANCED, err);
    if (code == STIR_E_CERT || code_more == STIR_E_CERT) {
        return stir_fail(err, STIR_E_CERT, "the certificate has its claim constraints twice");
    }
    if (code == STIR_OK && code_more == STIR_OK) {
        return stir_fail(
            err, STIR_E_CERT,
            "the certificate has both JWTClaimConstraints and EnhancedJWTClaimConstraints (RFC 9118 section 6)");
    }
    if (code != STIR_OK && code_more != STIR_OK) {
        return stir_fail(err, STIR_E_NOT_FOUND, "the certificate has no claim constraints");
    }
    const struct stir_view *der = code == STIR_OK ? &plain : &more;
    code = stir_claims_parse(out, (const unsigned char *)der->ptr, der->len, der == &more, err);
    if (code == STIR_OK && enhanced) {
        *enhanced = der == &more;
    }
    return code;
}

enum stir_code stir_claims_check_cert(const X509 *cert, const json_t *claims, struct stir_error *err)
{
    struct stir_claims constraints = {0};
    enum stir_code code = stir_claims_of(&constraints, NULL, cert, err);
    if (code == STIR_OK) {
        code = stir_claims_check(&constraints, claims, err);
        stir_claims_clear(&constraints);
    } else if (code == STIR_E_NOT_FOUND) {
        code = STIR_OK;
    }
    return code;
}
