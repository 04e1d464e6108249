/* SPDX-License-Identifier: MIT */
/* Bearer tokens as they are made; what reads and checks them is token_parse.c. */
#include "common/passport/token.h"

#include "common/cert/x5c.h"
#include "common/cert/x5u.h"
#include "common/jose/b64.h"
#include "common/jose/json.h"
#include "common/passport/passport.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

const char *const stir_token_actions[] = {
    [STIR_TOKEN_PUBLISH] = "publish", [STIR_TOKEN_RETRIEVE] = "retrieve", [STIR_TOKEN_REPUBLISH] = "republish",
    [STIR_TOKEN_DELETE] = "delete",   [STIR_TOKEN_KEYS] = "keys",         [STIR_TOKEN_REPORT] = "report",
    [STIR_TOKEN_ACTIONS] = NULL,
};

enum stir_code stir_token_uuid(char out[STIR_TOKEN_UUID], struct stir_error *err)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t octets[16];
    ERR_clear_error();
    if (RAND_bytes(octets, sizeof(octets)) != 1) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot get random octets for a jti");
    }
    octets[6] = (uint8_t)((octets[6] & 0x0f) | 0x40); /* version 4, variant 1 */
    octets[8] = (uint8_t)((octets[8] & 0x3f) | 0x80);
    char *p = out;
    for (size_t i = 0; i < sizeof(octets); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[octets[i] >> 4];
        *p++ = hex[octets[i] & 15];
    }
    *p = '\0';
    return STIR_OK;
}

/* ---- digests ---- */

enum stir_code stir_token_digest_array(char out[STIR_TOKEN_DIGEST], struct stir_view canonical, struct stir_error *err)
{
    return stir_msgi_make(out, STIR_MSGI_SHA256, canonical.ptr, canonical.len, err);
}

enum stir_code stir_token_digest_envelope(char out[STIR_TOKEN_DIGEST], struct stir_view envelope,
                                          struct stir_error *err)
{
    struct stir_buf text = {0};
    stir_buf_puts(&text, "[");
    stir_json_quote(&text, envelope.ptr, envelope.len);
    stir_buf_puts(&text, "]");
    enum stir_code code = stir_buf_state(&text);
    code = code == STIR_OK ? stir_token_digest_array(out, stir_view(text.ptr, text.len), err)
                           : stir_fail(err, code, "the digest of an envelope");
    stir_buf_free(&text);
    return code;
}

enum stir_code stir_token_digest_body(char out[STIR_TOKEN_DIGEST], struct stir_view body, struct stir_error *err)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    ERR_clear_error();
    if (EVP_Digest(body.len ? body.ptr : "", body.len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "the digest of a body");
    }
    out[stir_b64url_encode(out, digest, sizeof(digest))] = '\0';
    return STIR_OK;
}

/* ---- the token ---- */

static bool token_is_text(const char *text, size_t max)
{
    return text && text[0] && strnlen(text, max + 1) <= max;
}

static bool token_is_time(int64_t seconds)
{
    return seconds >= 0 && seconds <= STIR_IAT_MAX;
}

static enum stir_code token_check_spec(const struct stir_token_spec *spec, struct stir_error *err)
{
    const char *wrong = NULL;
    if (!token_is_text(spec->iss, STIR_TN_MAX)) {
        wrong = "iss is missing or too long";
    } else if ((spec->sub && !token_is_text(spec->sub, STIR_TN_MAX)) ||
               (spec->spc && !token_is_text(spec->spc, STIR_SPC_MAX))) {
        wrong = "sub or spc is empty or too long";
    } else if (!token_is_text(spec->aud, STIR_IDENTITY_MAX)) {
        wrong = "aud is missing or too long";
    } else if ((unsigned)spec->action >= STIR_TOKEN_ACTIONS) {
        wrong = "the action is unknown";
    } else if (spec->jti && !token_is_text(spec->jti, STIR_TOKEN_JTI_MAX)) {
        wrong = "jti is empty or too long";
    } else if (!token_is_time(spec->iat) || !token_is_time(spec->exp)) {
        wrong = "iat or exp is outside 0..2^53";
    } else if (!spec->x5u == !(spec->x5c && spec->x5c_count)) {
        wrong = "exactly one of x5u and x5c must be given";
    } else if (spec->x5u && !stir_x5u_is_https(spec->x5u)) {
        wrong = "x5u is not an https URL";
    } else if (spec->x5c_count > STIR_CHAIN_MAX) {
        wrong = "x5c has too many certificates";
    }
    /* A token that cpsd would refuse is not made. */
    return wrong ? stir_fail(err, STIR_E_INVAL, "%s", wrong) : STIR_OK;
}

static void token_put_member(struct stir_buf *out, const char *name, const char *value)
{
    if (value) {
        stir_buf_printf(out, ",\"%s\":", name);
        stir_json_quote(out, value, strlen(value));
    }
}

/* {"tn":"1.."}, or with brackets {"tn":["1.."]} as dest has it. */
static void token_put_identity(struct stir_buf *out, const char *name, const struct stir_identity *id, bool brackets)
{
    if (id) {
        stir_buf_printf(out, ",\"%s\":{\"%s\":%s", name, id->kind == STIR_IDENTITY_TN ? "tn" : "uri",
                        brackets ? "[" : "");
        stir_json_quote(out, id->text, strlen(id->text));
        stir_buf_puts(out, brackets ? "]}" : "}");
    }
}

static void token_put_header(struct stir_buf *out, const struct stir_token_spec *spec)
{
    stir_buf_puts(out, "{\"alg\":\"ES256\",\"typ\":\"JWT\"");
    if (spec->x5u) {
        token_put_member(out, "x5u", spec->x5u);
    } else {
        stir_buf_puts(out, ",\"x5c\":");
        stir_x5c_put(out, spec->x5c, spec->x5c_count);
    }
    stir_buf_puts(out, "}");
}

static void token_put_claims(struct stir_buf *out, const struct stir_token_spec *spec, const char *jti)
{
    stir_buf_printf(out, "{\"action\":\"%s\"", stir_token_actions[spec->action]);
    token_put_member(out, "aud", spec->aud);
    token_put_identity(out, "dest", spec->dest, true);
    if (spec->exp) {
        stir_buf_printf(out, ",\"exp\":%lld", (long long)spec->exp);
    }
    stir_buf_printf(out, ",\"iat\":%lld", (long long)spec->iat);
    token_put_member(out, "iss", spec->iss);
    token_put_member(out, "jti", jti);
    token_put_identity(out, "orig", spec->orig, false);
    token_put_member(out, "passports", spec->passports);
    token_put_member(out, "spc", spec->spc);
    token_put_member(out, "sub", spec->sub);
    stir_buf_puts(out, "}");
}

enum stir_code stir_token_make(struct stir_buf *out, const struct stir_token_spec *spec, EVP_PKEY *key,
                               struct stir_error *err)
{
    struct stir_buf header = {.limit = STIR_JWS_MAX};
    struct stir_buf claims = {.limit = STIR_JWS_MAX};
    char uuid[STIR_TOKEN_UUID];
    char *token = NULL;
    size_t len = 0;
    enum stir_code code = token_check_spec(spec, err);
    if (code == STIR_OK && !spec->jti) {
        code = stir_token_uuid(uuid, err);
    }
    if (code != STIR_OK) {
        return code;
    }
    /* Header and claims in lexicographic order, so that the same token is the same text but for its signature. */
    token_put_header(&header, spec);
    token_put_claims(&claims, spec, spec->jti ? spec->jti : uuid);
    code = stir_buf_state(&header) != STIR_OK ? stir_buf_state(&header) : stir_buf_state(&claims);
    if (code != STIR_OK) {
        code = stir_fail(err, code, "the token: %s", stir_strerror(code));
        goto out;
    }
    code = stir_jws_sign(&token, &len, stir_view(header.ptr, header.len), stir_view(claims.ptr, claims.len), key, err);
    if (code == STIR_OK) {
        stir_buf_put(out, token, len);
        code = stir_buf_state(out);
    }
out:
    stir_buf_free(&header);
    stir_buf_free(&claims);
    free(token);
    return code;
}
