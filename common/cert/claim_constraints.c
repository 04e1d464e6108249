#include "common/cert/claim_constraints.h"

#include "common/cert/x509.h"
#include "common/jose/json.h"

/* Checking claims against a certificate's constraints; reading and writing them is in claims_der.c. */

static const char *const baseline[] = {"iat", "orig", "dest"};

static bool is_listed(char *const *names, size_t count, struct stir_view name)
{
    for (size_t i = 0; i < count; i++) {
        if (stir_view_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

bool stir_claims_void(const struct stir_claims *constraints)
{
    for (size_t i = 0; i < sizeof(baseline) / sizeof(baseline[0]); i++) {
        if (is_listed(constraints->must_exclude, constraints->must_exclude_count, stir_view_str(baseline[i]))) {
            return true;
        }
    }
    return false;
}

static enum stir_code demand(const json_t *claims, const char *name, struct stir_error *err)
{
    if (!json_object_get(claims, name)) {
        return stir_fail(err, STIR_E_CERT_CONSTRAINT, "the claim %s must be there", name);
    }
    return STIR_OK;
}

static enum stir_code includes_check(const struct stir_claims *constraints, const json_t *claims,
                                     struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < sizeof(baseline) / sizeof(baseline[0]); i++) {
        code = demand(claims, baseline[i], err);
    }
    for (size_t i = 0; code == STIR_OK && i < constraints->must_include_count; i++) {
        code = demand(claims, constraints->must_include[i], err);
    }
    return code;
}

static enum stir_code permitted_check(const struct stir_claims_permitted *permitted, const json_t *claims,
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
    } else if (!is_listed(permitted->values, permitted->value_count, stir_view(text.ptr, text.len))) {
        code =
            stir_fail(err, STIR_E_CERT_CONSTRAINT, "the claim %s has a value that is not permitted", permitted->claim);
    }
    stir_buf_cleanse(&text);
    return code;
}

enum stir_code stir_claims_check(const struct stir_claims *constraints, const json_t *claims, struct stir_error *err)
{
    if (stir_claims_void(constraints)) {
        return STIR_OK;
    }
    enum stir_code code = includes_check(constraints, claims, err);
    for (size_t i = 0; code == STIR_OK && i < constraints->permitted_count; i++) {
        code = permitted_check(&constraints->permitted[i], claims, err);
    }
    for (size_t i = 0; code == STIR_OK && i < constraints->must_exclude_count; i++) {
        if (json_object_get(claims, constraints->must_exclude[i])) {
            code =
                stir_fail(err, STIR_E_CERT_CONSTRAINT, "the claim %s must not be there", constraints->must_exclude[i]);
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
        return stir_fail(err, STIR_E_CERT, "claim constraints occur twice");
    }
    if (code == STIR_OK && code_more == STIR_OK) {
        return stir_fail(err, STIR_E_CERT, "JWTClaimConstraints and EnhancedJWTClaimConstraints in one certificate");
    }
    if (code != STIR_OK && code_more != STIR_OK) {
        return stir_fail(err, STIR_E_NOT_FOUND, "no claim constraints");
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
