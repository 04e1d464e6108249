/* SPDX-License-Identifier: MIT */
/* PASSporTs as they are read; what makes them is passport.c. */
#include "common/cert/x5u.h"
#include "common/jose/json.h"
#include "common/passport/passport.h"

#include <openssl/err.h>
#include <stdlib.h>

/* The types, with the claims that their RFCs demand beside the baseline. */
static const struct type {
    const char *name;
    const char *claims[2];
} types[STIR_PPT_UNKNOWN] = {
    [STIR_PPT_NONE] = {NULL, {NULL, NULL}},
    [STIR_PPT_MSG] = {"msg", {NULL, NULL}},
    [STIR_PPT_SHAKEN] = {"shaken", {"attest", "origid"}},
    [STIR_PPT_DIV] = {"div", {"div", NULL}},
    [STIR_PPT_DIV_O] = {"div-o", {"div", "opt"}},
};

/* A member of the wrong shape is a malformed PASSporT, not malformed JSON: err keeps its text. */
static enum stir_code passport_code(struct stir_error *err, enum stir_code code)
{
    if (code == STIR_E_JSON || code == STIR_E_TN || code == STIR_E_URI || code == STIR_E_TOO_BIG) {
        code = STIR_E_PASSPORT;
        if (err) {
            err->code = code;
        }
    }
    return code;
}

static enum stir_code passport_read_ppt(struct stir_passport *passport, struct stir_error *err)
{
    const json_t *ppt = json_object_get(passport->jws.header, "ppt");
    passport->ppt = ppt ? STIR_PPT_UNKNOWN : STIR_PPT_NONE;
    if (!ppt) {
        return STIR_OK;
    }
    if (!json_is_string(ppt)) {
        return stir_fail(err, STIR_E_PASSPORT, "ppt is not a string");
    }
    passport->ppt_name = json_string_value(ppt);
    for (enum stir_ppt i = STIR_PPT_NONE + 1; i < STIR_PPT_UNKNOWN; i++) {
        if (strcmp(types[i].name, passport->ppt_name) == 0) {
            passport->ppt = i;
        }
    }
    return STIR_OK;
}

static enum stir_code passport_read_header(struct stir_passport *passport, struct stir_error *err)
{
    const json_t *header = passport->jws.header;
    const char *typ = NULL;
    enum stir_code code = stir_json_string(&typ, header, "typ", err);
    if (code != STIR_OK) {
        return passport_code(err, code);
    }
    if (strcmp(typ, "passport") != 0) {
        return stir_fail(err, STIR_E_PASSPORT, "typ is not passport");
    }
    passport->x5c = json_object_get(header, "x5c");
    if (json_object_get(header, "x5u")) {
        code = stir_json_string(&passport->x5u, header, "x5u", err);
        if (code != STIR_OK) {
            return passport_code(err, code);
        }
        if (!stir_x5u_is_https(passport->x5u)) {
            return stir_fail(err, STIR_E_X5U, "x5u is not an https URL");
        }
    }
    return passport_read_ppt(passport, err);
}

/* Reads one identity of a claim, which is canonical already (RFC 8225 section 5.2.1.1). A uri that is a telephone
 * number after all (sip:+1...;user=phone) is that number. */
static enum stir_code passport_read_identity(struct stir_identity *out, const json_t *value,
                                             enum stir_identity_kind kind, unsigned max_digits, const char *claim,
                                             struct stir_error *err)
{
    const char *text = json_string_value(value);
    const char *member = kind == STIR_IDENTITY_TN ? "tn" : "uri";
    if (!text) {
        return stir_fail(err, STIR_E_PASSPORT, "%s: %s is not a string", claim, member);
    }
    bool has_scheme = strchr(text, ':') != NULL;
    if (has_scheme != (kind == STIR_IDENTITY_URI) || strchr(text, '<')) {
        return stir_fail(err, STIR_E_PASSPORT, "%s: %s is not a valid identity", claim, member);
    }
    enum stir_code code = stir_identity_parse_canonical(out, text, json_string_length(value), max_digits, err);
    if (code != STIR_OK) {
        code = passport_code(err, code);
        return stir_fail_prefix(err, code, "%s: %s", claim, member);
    }
    return STIR_OK;
}

static enum stir_code passport_read_orig(struct stir_passport *passport, unsigned max_digits, struct stir_error *err)
{
    const json_t *orig = json_object_get(passport->jws.payload, "orig");
    if (!json_is_object(orig)) {
        return stir_fail(err, STIR_E_PASSPORT, orig ? "orig is not an object" : "orig is missing");
    }
    const json_t *tn = json_object_get(orig, "tn");
    const json_t *uri = json_object_get(orig, "uri");
    if (json_object_size(orig) != 1 || (!tn && !uri)) {
        return stir_fail(err, STIR_E_PASSPORT, "orig does not hold exactly one tn or uri");
    }
    return passport_read_identity(&passport->orig, tn ? tn : uri, tn ? STIR_IDENTITY_TN : STIR_IDENTITY_URI, max_digits,
                                  "orig", err);
}

/* Appends the identities of dest's tn or uri array; there is room for all of them. One that cannot be canonicalized is
 * left out, and err says why: it names another destination than any that a verifier asks for. */
static enum stir_code passport_read_dests(struct stir_passport *passport, const json_t *array,
                                          enum stir_identity_kind kind, unsigned max_digits, struct stir_error *err)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        enum stir_code code =
            passport_read_identity(&passport->dest[passport->dest_count], item, kind, max_digits, "dest", err);
        if (code == STIR_E_NOMEM || (code != STIR_OK && !json_is_string(item))) {
            return code;
        }
        passport->dest_count += code == STIR_OK;
    }
    return STIR_OK;
}

/* A member of dest is an array. RFC 8225 section 5.2.1 does not say that it has something in it. */
static bool passport_is_dest_array(const json_t *array)
{
    return !array || json_is_array(array);
}

static enum stir_code passport_read_dest(struct stir_passport *passport, unsigned max_digits, struct stir_error *err)
{
    const json_t *dest = json_object_get(passport->jws.payload, "dest");
    if (!json_is_object(dest)) {
        return stir_fail(err, STIR_E_PASSPORT, dest ? "dest is not an object" : "dest is missing");
    }
    const json_t *tns = json_object_get(dest, "tn");
    const json_t *uris = json_object_get(dest, "uri");
    size_t count = json_array_size(tns) + json_array_size(uris);
    if (count == 0 || !passport_is_dest_array(tns) || !passport_is_dest_array(uris)) {
        return stir_fail(err, STIR_E_PASSPORT, "dest does not hold arrays of tn or uri");
    }
    if (count > STIR_PASSPORT_DESTS) {
        return stir_fail(err, STIR_E_PASSPORT, "dest holds %zu identities; %d are allowed", count, STIR_PASSPORT_DESTS);
    }
    passport->dest = calloc(count, sizeof(*passport->dest));
    if (!passport->dest) {
        return stir_fail(err, STIR_E_NOMEM, "%s", stir_strerror(STIR_E_NOMEM));
    }
    enum stir_code code = passport_read_dests(passport, tns, STIR_IDENTITY_TN, max_digits, err);
    if (code == STIR_OK) {
        code = passport_read_dests(passport, uris, STIR_IDENTITY_URI, max_digits, err);
    }
    /* no entry can be read: err has the fault of the last one */
    return code == STIR_OK && passport->dest_count == 0 ? STIR_E_PASSPORT : code;
}

static enum stir_code passport_read_iat(struct stir_passport *passport, struct stir_error *err)
{
    enum stir_code code = stir_json_int(&passport->iat, passport->jws.payload, "iat", err);
    if (code != STIR_OK) {
        return passport_code(err, code);
    }
    if (passport->iat < 0 || passport->iat > STIR_IAT_MAX) {
        return stir_fail(err, STIR_E_PASSPORT, "iat is outside 0..2^53");
    }
    return STIR_OK;
}

/* Reads exp or nbf, which any JWT may have (RFC 7519 section 4.1). A date of 0 or before is kept as 1, because 0
 * means that the claim is absent. */
static enum stir_code passport_read_date(int64_t *out, const struct stir_passport *passport, const char *name,
                                         struct stir_error *err)
{
    if (!json_object_get(passport->jws.payload, name)) {
        return STIR_OK;
    }
    enum stir_code code = stir_json_date(out, passport->jws.payload, name, err);
    *out = *out ? *out : 1;
    return passport_code(err, code);
}

static enum stir_code passport_read_type_claims(struct stir_passport *passport, struct stir_error *err)
{
    const json_t *payload = passport->jws.payload;
    const json_t *msgi = json_object_get(payload, "msgi");
    if (passport->ppt == STIR_PPT_UNKNOWN) {
        return STIR_OK;
    }
    for (size_t i = 0; i < 2 && types[passport->ppt].claims[i]; i++) {
        const char *name = types[passport->ppt].claims[i];
        if (!json_object_get(payload, name)) {
            return stir_fail(err, STIR_E_PASSPORT, "%s is missing", name);
        }
    }
    if (passport->ppt == STIR_PPT_MSG && msgi) {
        if (!json_is_string(msgi)) {
            return stir_fail(err, STIR_E_PASSPORT, "msgi is not a string");
        }
        passport->msgi = json_string_value(msgi);
    }
    if (passport->ppt == STIR_PPT_SHAKEN) {
        passport->attest = json_string_value(json_object_get(payload, "attest"));
    }
    return STIR_OK;
}

static enum stir_code passport_read_all(struct stir_passport *passport, unsigned max_digits, struct stir_error *err)
{
    enum stir_code code = stir_jws_parse(&passport->jws, passport->token, passport->token_len, err);
    if (code == STIR_OK) {
        code = passport_read_header(passport, err);
    }
    if (code == STIR_OK) {
        code = passport_read_iat(passport, err);
    }
    if (code == STIR_OK) {
        code = passport_read_date(&passport->exp, passport, "exp", err);
    }
    if (code == STIR_OK) {
        code = passport_read_date(&passport->nbf, passport, "nbf", err);
    }
    if (code == STIR_OK) {
        code = passport_read_orig(passport, max_digits, err);
    }
    if (code == STIR_OK) {
        code = passport_read_dest(passport, max_digits, err);
    }
    return code == STIR_OK ? passport_read_type_claims(passport, err) : code;
}

enum stir_code stir_passport_parse(struct stir_passport **out, const char *token, size_t n, unsigned max_digits,
                                   struct stir_error *err)
{
    if (n > STIR_PASSPORT_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "the PASSporT has %zu octets; %d are allowed", n, STIR_PASSPORT_MAX);
    }
    struct stir_passport *passport = calloc(1, sizeof(*passport));
    char *copy = malloc(n + 1);
    if (!passport || !copy) {
        free(passport);
        free(copy);
        return stir_fail(err, STIR_E_NOMEM, "%s", stir_strerror(STIR_E_NOMEM));
    }
    /* The PASSporT keeps a copy of its own, into which its views point. */
    if (n > 0) {
        memcpy(copy, token, n);
    }
    copy[n] = '\0';
    passport->token = copy;
    passport->token_len = n;
    enum stir_code code = passport_read_all(passport, max_digits, err);
    if (code != STIR_OK) {
        stir_passport_free(passport);
        return code;
    }
    *out = passport;
    return STIR_OK;
}

void stir_passport_free(struct stir_passport *passport)
{
    if (passport) {
        stir_jws_clear(&passport->jws);
        free(passport->dest);
        free(passport->token);
        free(passport);
    }
}

bool stir_passport_supported(const struct stir_passport *passport)
{
    return passport->ppt != STIR_PPT_UNKNOWN;
}

bool stir_passport_has_dest(const struct stir_passport *passport, const struct stir_identity *id)
{
    for (size_t i = 0; i < passport->dest_count; i++) {
        if (stir_identity_equal(&passport->dest[i], id)) {
            return true;
        }
    }
    return false;
}

enum stir_code stir_passport_fresh(const struct stir_passport *passport, int64_t now, int64_t max_age_s, int64_t skew_s,
                                   struct stir_error *err)
{
    int64_t age = 0;
    bool overflow = __builtin_sub_overflow(now, passport->iat, &age);
    if (overflow ? now > passport->iat : age > max_age_s) {
        return stir_fail(err, STIR_E_STALE, "iat is more than %lld s ago", (long long)max_age_s);
    }
    if (overflow || (age < 0 && age < -skew_s)) {
        return stir_fail(err, STIR_E_FUTURE, "iat is more than %lld s ahead", (long long)skew_s);
    }
    if (passport->exp && now >= passport->exp) {
        return stir_fail(err, STIR_E_STALE, "the PASSporT has expired (exp)");
    }
    if (passport->nbf && __builtin_sub_overflow(passport->nbf, now, &age) == 0 && age > skew_s) {
        return stir_fail(err, STIR_E_FUTURE, "nbf is more than %lld s ahead", (long long)skew_s);
    }
    return STIR_OK;
}

enum stir_code stir_passport_replay_id(uint8_t out[32], const struct stir_passport *passport, struct stir_error *err)
{
    enum stir_code code = STIR_E_CRYPTO;
    uint8_t sig[STIR_ES256_SIG];
    uint8_t digest[32];
    struct stir_view input = passport->jws.signing_input;
    memcpy(sig, passport->jws.sig, sizeof(sig));
    stir_es256_normalize(sig);
    ERR_clear_error();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(ctx, input.ptr, input.len) == 1 &&
        EVP_DigestUpdate(ctx, sig, sizeof(sig)) == 1 && EVP_DigestFinal_ex(ctx, digest, NULL) == 1) {
        memcpy(out, digest, sizeof(digest));
        code = STIR_OK;
    } else {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot compute a replay identifier");
    }
    EVP_MD_CTX_free(ctx);
    return code;
}
