/* SPDX-License-Identifier: MIT */
/* Bearer tokens as they are read and checked; what makes them is token.c. */
#include "common/jose/json.h"
#include "common/passport/passport.h"
#include "common/passport/token.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <strings.h>

/* ---- reading ---- */

static enum stir_code token_refuse(struct stir_error *err, const char *what)
{
    return stir_fail(err, STIR_E_JWS, "the token's %s", what);
}

static enum stir_code token_read_header(struct stir_token *token, struct stir_error *err)
{
    const json_t *typ = json_object_get(token->jws.header, "typ");
    const json_t *x5u = json_object_get(token->jws.header, "x5u");
    token->x5c = json_object_get(token->jws.header, "x5c");
    if (typ && (!json_is_string(typ) || strcasecmp(json_string_value(typ), "JWT") != 0)) {
        return token_refuse(err, "typ is not JWT");
    }
    if (!x5u == !token->x5c) {
        return token_refuse(err, x5u ? "header has both x5u and x5c" : "header has neither x5u nor x5c");
    }
    if (x5u && !json_is_string(x5u)) {
        return token_refuse(err, "x5u is not a string");
    }
    token->x5u = x5u ? json_string_value(x5u) : NULL;
    return STIR_OK;
}

/* A claim that is a string of 1 to max octets. */
static enum stir_code token_read_text(const char **out, const json_t *claims, const char *name, size_t max,
                                      bool demanded, struct stir_error *err)
{
    const json_t *value = json_object_get(claims, name);
    if (!value && !demanded) {
        return STIR_OK;
    }
    if (!json_is_string(value) || json_string_length(value) < 1 || json_string_length(value) > max) {
        return stir_fail(err, STIR_E_JWS, "the token's %s is %s", name,
                         value ? "not a string, or too long" : "missing");
    }
    *out = json_string_value(value);
    return STIR_OK;
}

/* A NumericDate (RFC 7519 section 2): seconds since the epoch, perhaps with a fraction. `up` rounds it to the next
 * second instead of the second before, so that an exp is not shortened. */
static enum stir_code token_read_time(int64_t *out, const json_t *claims, const char *name, bool demanded, bool up,
                                      struct stir_error *err)
{
    const json_t *value = json_object_get(claims, name);
    if (!value && !demanded) {
        return STIR_OK;
    }
    if (!stir_json_time(value, up, out)) {
        return stir_fail(err, STIR_E_JWS, "the token's %s is %s", name,
                         value ? "not a number of seconds since 1970" : "missing");
    }
    return STIR_OK;
}

static enum stir_code token_read_action(struct stir_token *token, const json_t *claims, struct stir_error *err)
{
    const char *name = NULL;
    enum stir_code code = token_read_text(&name, claims, "action", 32, true, err);
    if (code != STIR_OK) {
        return code;
    }
    for (unsigned i = 0; i < STIR_TOKEN_ACTIONS; i++) {
        if (strcmp(stir_token_actions[i], name) == 0) {
            token->action = (enum stir_token_action)i;
            return STIR_OK;
        }
    }
    return token_refuse(err, "action is unknown");
}

/* The one string of {"tn": ".."}, {"tn": [".."]}, {"uri": ..}; NULL for anything else. */
static const json_t *token_only_name(const json_t *claim, enum stir_identity_kind *kind)
{
    const json_t *tn = json_object_get(claim, "tn");
    const json_t *uri = json_object_get(claim, "uri");
    if (json_object_size(claim) != 1 || (!tn && !uri)) {
        return NULL;
    }
    const json_t *value = tn ? tn : uri;
    *kind = tn ? STIR_IDENTITY_TN : STIR_IDENTITY_URI;
    if (json_is_array(value)) {
        value = json_array_size(value) == 1 ? json_array_get(value, 0) : NULL;
    }
    return json_is_string(value) ? value : NULL;
}

static enum stir_code token_read_identity(struct stir_identity *out, bool *has, const json_t *claims, const char *name,
                                          unsigned max_digits, struct stir_error *err)
{
    const json_t *claim = json_object_get(claims, name);
    if (!claim) {
        return STIR_OK;
    }
    enum stir_identity_kind kind = STIR_IDENTITY_TN;
    const json_t *value = token_only_name(claim, &kind);
    const char *text = json_string_value(value);
    if (!text || (strpbrk(text, ":<") != NULL) != (kind == STIR_IDENTITY_URI)) {
        return stir_fail(err, STIR_E_JWS, "the token's %s does not hold exactly one tn or uri", name);
    }
    if (stir_identity_parse_canonical(out, text, json_string_length(value), max_digits, err) != STIR_OK) {
        return stir_fail_prefix(err, STIR_E_JWS, "the token's %s", name);
    }
    *has = true;
    return STIR_OK;
}

static enum stir_code token_check_aud_type(const json_t *claims, struct stir_error *err)
{
    const json_t *aud = json_object_get(claims, "aud");
    bool good = json_is_string(aud) || json_array_size(aud) > 0;
    for (size_t i = 0; good && i < json_array_size(aud); i++) {
        good = json_is_string(json_array_get(aud, i));
    }
    return good ? STIR_OK : token_refuse(err, aud ? "aud is not a string" : "aud is missing");
}

static enum stir_code token_read_claims(struct stir_token *token, unsigned max_digits, struct stir_error *err)
{
    const json_t *claims = token->jws.payload;
    enum stir_code code = token_read_action(token, claims, err);
    const struct {
        const char **at;
        const char *name;
        size_t max;
        bool demanded;
    } texts[] = {
        {&token->iss, "iss", STIR_TN_MAX, true},
        {&token->sub, "sub", STIR_TN_MAX, false},
        {&token->spc, "spc", STIR_SPC_MAX, false},
        {&token->jti, "jti", STIR_TOKEN_JTI_MAX, true},
        {&token->passports, "passports", STIR_TOKEN_DIGEST, false},
    };
    for (size_t i = 0; code == STIR_OK && i < sizeof(texts) / sizeof(texts[0]); i++) {
        code = token_read_text(texts[i].at, claims, texts[i].name, texts[i].max, texts[i].demanded, err);
    }
    /* RFC 7519 section 4.1: aud is a string or an array of strings, times are numbers. */
    code = code == STIR_OK ? token_check_aud_type(claims, err) : code;
    code = code == STIR_OK ? token_read_time(&token->iat, claims, "iat", true, false, err) : code;
    code = code == STIR_OK ? token_read_time(&token->exp, claims, "exp", false, true, err) : code;
    code = code == STIR_OK ? token_read_time(&token->nbf, claims, "nbf", false, false, err) : code;
    if (code == STIR_OK) {
        code = token_read_identity(&token->orig, &token->has_orig, claims, "orig", max_digits, err);
    }
    if (code == STIR_OK) {
        code = token_read_identity(&token->dest, &token->has_dest, claims, "dest", max_digits, err);
    }
    return code;
}

enum stir_code stir_token_parse(struct stir_token *out, const char *text, size_t n, unsigned max_digits,
                                struct stir_error *err)
{
    struct stir_token token = {.exp = -1, .nbf = -1};
    enum stir_code code = stir_jws_parse(&token.jws, text, n, err);
    if (code != STIR_OK) {
        return code;
    }
    code = token_read_header(&token, err);
    if (code == STIR_OK) {
        code = token_read_claims(&token, max_digits, err);
    }
    if (code != STIR_OK) {
        stir_token_clear(&token);
        return code;
    }
    *out = token;
    return STIR_OK;
}

void stir_token_clear(struct stir_token *token)
{
    stir_jws_clear(&token->jws);
    *token = (struct stir_token){0};
}

/* ---- checking ---- */

static bool token_is_name(const json_t *aud, const struct stir_token_expect *expect)
{
    for (size_t i = 0; i < expect->aud_count; i++) {
        if (strcasecmp(json_string_value(aud), expect->aud[i]) == 0) {
            return true;
        }
    }
    return expect->aud_count == 0;
}

static enum stir_code token_check_aud(const struct stir_token *token, const struct stir_token_expect *expect,
                                      struct stir_error *err)
{
    const json_t *aud = json_object_get(token->jws.payload, "aud");
    bool good = json_is_string(aud) && token_is_name(aud, expect);
    for (size_t i = 0; !good && i < json_array_size(aud); i++) {
        good = token_is_name(json_array_get(aud, i), expect);
    }
    return good ? STIR_OK : stir_fail(err, STIR_E_UNAUTHORIZED, "the token's aud is not this server");
}

static enum stir_code token_check_action(const struct stir_token *token, const struct stir_token_expect *expect,
                                         struct stir_error *err)
{
    return token->action == expect->action
               ? STIR_OK
               : stir_fail(err, STIR_E_FORBIDDEN, "the token is for %s, not for %s", stir_token_actions[token->action],
                           stir_token_actions[expect->action]);
}

/* Times are in 0..2^53: no sum overflows. */
static enum stir_code token_check_times(const struct stir_token *token, const struct stir_token_expect *expect,
                                        struct stir_error *err)
{
    int64_t now = expect->now;
    if (token->iat > now + expect->skew_s) {
        return stir_fail(err, STIR_E_FUTURE, "the token's iat is more than %lld s ahead", (long long)expect->skew_s);
    }
    if (token->nbf > now + expect->skew_s) {
        return stir_fail(err, STIR_E_FUTURE, "the token's nbf is in the future");
    }
    if (token->iat < now - expect->max_age_s) {
        return stir_fail(err, STIR_E_STALE, "the token's iat is more than %lld s ago", (long long)expect->max_age_s);
    }
    if (token->exp >= 0 && token->exp + expect->skew_s <= now) {
        return stir_fail(err, STIR_E_STALE, "the token has expired");
    }
    return STIR_OK;
}

static enum stir_code token_check_path(const struct stir_token *token, const struct stir_token_expect *expect,
                                       struct stir_error *err)
{
    if (expect->orig && !token->has_orig) {
        return stir_fail(err, STIR_E_ORIG_MISMATCH, "the token has no orig");
    }
    if (expect->orig && !stir_identity_equal(expect->orig, &token->orig)) {
        return stir_fail(err, STIR_E_ORIG_MISMATCH, "the token's orig differs from that of the path");
    }
    if (expect->dest && !token->has_dest) {
        return stir_fail(err, STIR_E_DEST_MISMATCH, "the token has no dest");
    }
    if (expect->dest && !stir_identity_equal(expect->dest, &token->dest)) {
        return stir_fail(err, STIR_E_DEST_MISMATCH, "the token's dest differs from that of the path");
    }
    if (expect->spc && !stir_spc_equal(expect->spc, stir_token_provider(token))) {
        return stir_fail(err, STIR_E_FORBIDDEN, "the token's SPC differs from that of the path");
    }
    return STIR_OK;
}

bool stir_token_wants_array(const struct stir_token *token)
{
    return token->passports && strncmp(token->passports, "sha256-", 7) == 0;
}

const char *stir_token_provider(const struct stir_token *token)
{
    return token->spc ? token->spc : token->sub ? token->sub : token->iss;
}

static enum stir_code token_body_has_digest(bool *is, const struct stir_token *token, struct stir_view body,
                                            struct stir_error *err)
{
    char digest[STIR_TOKEN_DIGEST];
    size_t n = strlen(token->passports);
    enum stir_code code = stir_token_digest_body(digest, body, err);
    *is = code == STIR_OK && n == strlen(digest) && CRYPTO_memcmp(digest, token->passports, n) == 0;
    return code;
}

/* The digest of the body as it was sent, or of its canonical form (RFC 8785): the sender of a JSON object computes it
 * before a library writes the object with spaces or with its members in another order. */
static enum stir_code token_check_whole_body(bool *good, const struct stir_token *token, struct stir_view body,
                                             struct stir_error *err)
{
    json_t *object = NULL;
    struct stir_buf canonical = {0};
    enum stir_code code = token_body_has_digest(good, token, body, err);
    if (code != STIR_OK || *good) {
        return code;
    }
    code = stir_json_parse_object(&object, body.ptr, body.len, "the body", NULL);
    if (code != STIR_OK) { /* not JSON: it has no other form */
        return code == STIR_E_NOMEM ? stir_fail(err, code, "the digest of the body") : STIR_OK;
    }
    stir_jcs(&canonical, object);
    json_decref(object);
    code = stir_buf_state(&canonical);
    if (code == STIR_OK) {
        code = token_body_has_digest(good, token, stir_view(canonical.ptr, canonical.len), err);
    } else {
        code = code == STIR_E_NOMEM ? stir_fail(err, code, "the digest of the body") : STIR_OK;
    }
    stir_buf_free(&canonical);
    return code;
}

enum stir_code stir_token_check_body(const struct stir_token *token, struct stir_view body, struct stir_view canonical,
                                     struct stir_error *err)
{
    if (!token->passports) {
        return stir_fail(err, STIR_E_MSGI_MISMATCH, "the token has no passports claim, the digest of the body");
    }
    bool good = false;
    if (stir_token_wants_array(token)) {
        good = canonical.len && stir_msgi_check(token->passports, strlen(token->passports), canonical.ptr,
                                                canonical.len, NULL) == STIR_OK;
    } else {
        enum stir_code code = token_check_whole_body(&good, token, body, err);
        if (code != STIR_OK) {
            return code;
        }
    }
    return good ? STIR_OK
                : stir_fail(err, STIR_E_MSGI_MISMATCH,
                            "the token's passports claim does not match the digest of this body");
}

enum stir_code stir_token_check(const struct stir_token *token, const struct stir_token_expect *expect,
                                struct stir_error *err)
{
    enum stir_code code = token_check_aud(token, expect, err);
    code = code == STIR_OK ? token_check_action(token, expect, err) : code;
    code = code == STIR_OK ? token_check_times(token, expect, err) : code;
    code = code == STIR_OK ? token_check_path(token, expect, err) : code;
    return code == STIR_OK && expect->has_body ? stir_token_check_body(token, expect->body, expect->passports, err)
                                               : code;
}

enum stir_code stir_token_check_scope(const struct stir_token *token, const struct stir_tnauth *list,
                                      struct stir_error *err)
{
    const struct {
        const char *name, *value;
        bool number; /* may be a number, too */
    } claims[] = {{"iss", token->iss, true}, {"sub", token->sub, true}, {"spc", token->spc, false}};
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        const char *value = claims[i].value;
        if (value && !stir_tnauth_has_spc(list, value) && !(claims[i].number && stir_tnauth_has_tn(list, value))) {
            return stir_fail(err, STIR_E_CERT_SCOPE, "the certificate's TNAuthList does not name the token's %s",
                             claims[i].name);
        }
    }
    return STIR_OK;
}

enum stir_code stir_token_verify_signature(const struct stir_token *token, EVP_PKEY *key, struct stir_error *err)
{
    return stir_jws_verify(&token->jws, key, err);
}

enum stir_code stir_token_verify_ready(const struct stir_token *token, const EVP_PKEY_CTX *verifier,
                                       struct stir_error *err)
{
    struct stir_view input = token->jws.signing_input;
    return stir_es256_verify_ready(token->jws.sig, verifier, input.ptr, input.len, err);
}

enum stir_code stir_token_id(uint8_t out[STIR_TOKEN_ID], const struct stir_token *token, struct stir_error *err)
{
    char text[STIR_TN_MAX + 1 + STIR_TOKEN_JTI_MAX]; /* iss, a NUL, jti */
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t iss = strlen(token->iss), jti = strlen(token->jti);
    if (iss > STIR_TN_MAX || jti > STIR_TOKEN_JTI_MAX) {
        return stir_fail(err, STIR_E_JWS, "the token's iss or jti is too long");
    }
    memcpy(text, token->iss, iss + 1);
    memcpy(text + iss + 1, token->jti, jti);
    ERR_clear_error();
    if (EVP_Digest(text, iss + 1 + jti, digest, NULL, EVP_sha256(), NULL) != 1) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "the token's id");
    }
    memcpy(out, digest, STIR_TOKEN_ID);
    return STIR_OK;
}

int64_t stir_token_window_ms(const struct stir_token *token, int64_t now, int64_t max_age_s, int64_t skew_s)
{
    /* another server's clock may be behind by the skew, and both count whole seconds */
    int64_t left = token->iat + max_age_s + skew_s + 1 - now;
    return left > 0 ? left * 1000 : 1;
}
