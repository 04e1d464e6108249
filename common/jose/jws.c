/* SPDX-License-Identifier: MIT */
#include "common/jose/jws.h"

#include "common/jose/b64.h"
#include "common/jose/json.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Splits "header.payload.signature"; no part may be missing. */
static bool jws_split(struct stir_view part[3], const char *token, size_t n)
{
    const char *end = token + n;
    const char *dot1 = memchr(token, '.', n);
    const char *dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
    if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1))) {
        return false;
    }
    part[0] = stir_view(token, (size_t)(dot1 - token));
    part[1] = stir_view(dot1 + 1, (size_t)(dot2 - dot1 - 1));
    part[2] = stir_view(dot2 + 1, (size_t)(end - dot2 - 1));
    return part[0].len && part[1].len && part[2].len;
}

static enum stir_code jws_decode_object(json_t **out, struct stir_view part, const char *what, uint8_t *scratch,
                                        size_t scratch_size, struct stir_error *err)
{
    size_t len;
    enum stir_code code = stir_b64url_decode(scratch, scratch_size, &len, part.ptr, part.len);
    if (code != STIR_OK) {
        return stir_fail(err, code, "%s is not strict base64url", what);
    }
    return stir_json_parse_object(out, (const char *)scratch, len, what, err);
}

/* Members that a header must not have: each was once a way to make a verifier check less than it should. */
static enum stir_code jws_check_header(const json_t *header, struct stir_error *err)
{
    static const struct {
        const char *name;
        enum stir_code code;
    } refused[] = {
        {"crit", STIR_E_CRIT},
        {"b64", STIR_E_CRIT},
        {"zip", STIR_E_JWS},
        {"jwk", STIR_E_JWS},
    };
    const json_t *alg = json_object_get(header, "alg");
    if (!json_is_string(alg) || !stir_view_is(stir_view(json_string_value(alg), json_string_length(alg)), "ES256")) {
        return stir_fail(err, STIR_E_ALG, "alg: only ES256 is accepted");
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_object_get(header, refused[i].name)) {
            return stir_fail(err, refused[i].code, "the header has the member %s", refused[i].name);
        }
    }
    return STIR_OK;
}

static enum stir_code jws_decode_signature(uint8_t sig[STIR_ES256_SIG], struct stir_view part, struct stir_error *err)
{
    enum stir_code code = stir_b64url_decode_exact(sig, STIR_ES256_SIG, part.ptr, part.len);
    if (code == STIR_E_INVAL) {
        return stir_fail(err, STIR_E_JWS, "the signature does not have %d octets", STIR_ES256_SIG);
    }
    return code == STIR_OK ? STIR_OK : stir_fail(err, code, "the signature is not strict base64url");
}

enum stir_code stir_jws_parse(struct stir_jws *out, const char *token, size_t n, struct stir_error *err)
{
    return stir_jws_parse_max(out, token, n, STIR_JWS_MAX, err);
}

enum stir_code stir_jws_parse_max(struct stir_jws *out, const char *token, size_t n, size_t max, struct stir_error *err)
{
    struct stir_jws jws = {0};
    struct stir_view part[3];
    if (n > max) {
        return stir_fail(err, STIR_E_TOO_BIG, "the token is longer than %zu octets", max);
    }
    if (!n || !jws_split(part, token, n)) {
        return stir_fail(err, STIR_E_JWS, "a token has three parts separated by dots");
    }
    /* One scratch buffer serves header and payload, of which only the JSON values are kept. */
    size_t size = stir_b64_decoded_max(part[0].len > part[1].len ? part[0].len : part[1].len);
    uint8_t *scratch = malloc(size);
    if (!scratch) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    enum stir_code code = jws_decode_object(&jws.header, part[0], "the header", scratch, size, err);
    if (code == STIR_OK) {
        /* RFC 7515 section 5.2: the header decides how to verify, so it is checked before anything else is decoded. */
        code = jws_check_header(jws.header, err);
    }
    if (code == STIR_OK) {
        code = jws_decode_signature(jws.sig, part[2], err);
    }
    if (code == STIR_OK) {
        code = jws_decode_object(&jws.payload, part[1], "the payload", scratch, size, err);
    }
    free(scratch);
    if (code != STIR_OK) {
        stir_jws_clear(&jws);
        return code;
    }
    jws.signing_input = stir_view(token, part[0].len + 1 + part[1].len);
    *out = jws;
    return STIR_OK;
}

void stir_jws_clear(struct stir_jws *jws)
{
    json_decref(jws->header);
    json_decref(jws->payload);
    *jws = (struct stir_jws){0};
}

enum stir_code stir_jws_verify(const struct stir_jws *jws, EVP_PKEY *key, struct stir_error *err)
{
    return stir_es256_verify(jws->sig, key, jws->signing_input.ptr, jws->signing_input.len, err);
}

enum stir_code stir_jws_sign(char **out, size_t *out_len, struct stir_view header, struct stir_view payload,
                             EVP_PKEY *key, struct stir_error *err)
{
    return stir_jws_sign_max(out, out_len, header, payload, key, STIR_JWS_MAX, err);
}

enum stir_code stir_jws_sign_max(char **out, size_t *out_len, struct stir_view header, struct stir_view payload,
                                 EVP_PKEY *key, size_t max, struct stir_error *err)
{
    uint8_t sig[STIR_ES256_SIG];
    if (header.len > max || payload.len > max) {
        return stir_fail(err, STIR_E_TOO_BIG, "the token would be longer than %zu octets", max);
    }
    /* The length is known beforehand, so that the token is written once and in place. */
    size_t input = stir_b64url_len(header.len) + 1 + stir_b64url_len(payload.len);
    size_t total = input + 1 + stir_b64url_len(STIR_ES256_SIG);
    if (total > max) {
        return stir_fail(err, STIR_E_TOO_BIG, "the token would be longer than %zu octets", max);
    }
    char *text = malloc(total + 1);
    if (!text) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    char *p = text + stir_b64url_encode(text, header.ptr, header.len);
    *p++ = '.';
    p += stir_b64url_encode(p, payload.ptr, payload.len);
    /* RFC 7515 section 5.1: the signature is over the first two parts as they are written, with the dot. */
    enum stir_code code = stir_es256_sign(sig, key, text, input, err);
    if (code != STIR_OK) {
        free(text);
        return code;
    }
    *p++ = '.';
    p += stir_b64url_encode(p, sig, sizeof(sig));
    *p = '\0';
    assert((size_t)(p - text) == total);
    *out = text;
    *out_len = total;
    return STIR_OK;
}
