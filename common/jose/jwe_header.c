/* SPDX-License-Identifier: MIT */
#include "common/jose/jwe_header.h"

#include "common/jose/b64.h"
#include "common/jose/json.h"

#include <string.h>

#define B64_COORDINATE 43 /* characters of 32 octets */
#define HEAD "{\"alg\":\"ECDH-ES\",\"cty\":\"passport\",\"enc\":\"A256GCM\",\"epk\":{"
#define HEAD_X25519 HEAD "\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\""
#define HEAD_P256 HEAD "\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""
#define MIDDLE "\",\"y\":\""
#define TAIL "\"}}"
#define LENGTH_X25519 (sizeof(HEAD_X25519 TAIL) - 1 + B64_COORDINATE)
#define LENGTH_P256 (sizeof(HEAD_P256 MIDDLE TAIL) - 1 + 2 * (size_t)B64_COORDINATE)

_Static_assert((LENGTH_P256 + 2) / 3 * 4 <= STIR_JWE_HEADER_B64, "a header of ours fits");

static char *jwe_header_put(char *p, const char *text)
{
    size_t len = strlen(text);
    memcpy(p, text, len);
    return p + len;
}

size_t stir_jwe_header_write(char out[STIR_JWE_HEADER_B64], const struct stir_point *epk)
{
    char json[LENGTH_P256];
    bool p256 = epk->curve == STIR_CURVE_P256;
    char *p = jwe_header_put(json, p256 ? HEAD_P256 : HEAD_X25519);
    p += stir_b64url_encode(p, epk->octets, STIR_COORDINATE);
    if (p256) {
        p = jwe_header_put(p, MIDDLE);
        p += stir_b64url_encode(p, epk->octets + STIR_COORDINATE, STIR_COORDINATE);
    }
    p = jwe_header_put(p, TAIL);
    return stir_b64url_encode(out, json, (size_t)(p - json));
}

/* Moves past a fixed text; false if something else is there. */
static bool jwe_header_skip(const char **p, const char *text)
{
    size_t len = strlen(text);
    bool same = memcmp(*p, text, len) == 0;
    *p += len;
    return same;
}

static bool jwe_header_coordinate(const char **p, uint8_t out[STIR_COORDINATE])
{
    size_t len;
    bool good = stir_b64url_decode(out, STIR_COORDINATE, &len, *p, B64_COORDINATE) == STIR_OK;
    *p += B64_COORDINATE;
    return good;
}

/* Returns true if it is our own text; otherwise the strict JSON reader decides. */
static bool jwe_header_read_template(struct stir_jwe_header *out, const char *json, size_t n)
{
    struct stir_jwe_header header = {.own = true};
    const char *p = json;
    bool good = false;
    if (n == LENGTH_X25519) {
        header.epk.curve = STIR_CURVE_X25519;
        good = jwe_header_skip(&p, HEAD_X25519) && jwe_header_coordinate(&p, header.epk.octets) &&
               jwe_header_skip(&p, TAIL);
    } else if (n == LENGTH_P256) {
        header.epk.curve = STIR_CURVE_P256;
        good = jwe_header_skip(&p, HEAD_P256) && jwe_header_coordinate(&p, header.epk.octets) &&
               jwe_header_skip(&p, MIDDLE) && jwe_header_coordinate(&p, header.epk.octets + STIR_COORDINATE) &&
               jwe_header_skip(&p, TAIL);
    }
    if (good) {
        *out = header;
    }
    return good;
}

size_t stir_jwe_header_len(enum stir_curve curve)
{
    return stir_b64url_len(curve == STIR_CURVE_P256 ? LENGTH_P256 : LENGTH_X25519);
}

bool stir_jwe_header_is_ours(struct stir_point *epk, struct stir_view text)
{
    struct stir_jwe_header header;
    uint8_t json[LENGTH_P256];
    size_t len;
    if (stir_b64url_decode(json, sizeof(json), &len, text.ptr, text.len) != STIR_OK ||
        !jwe_header_read_template(&header, (const char *)json, len)) {
        return false;
    }
    *epk = header.epk;
    return true;
}

/* The name comes from outside and goes to a log: it is shown only if it looks like a name. */
static enum stir_code jwe_header_refuse_member(const char *where, const char *name, struct stir_error *err)
{
    size_t len = strlen(name);
    if (len > 0 && len <= 32 &&
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_#-") == len) {
        return stir_fail(err, STIR_E_JWE, "%s has the member %s, which an envelope does not have", where, name);
    }
    return stir_fail(err, STIR_E_JWE, "%s has a member that an envelope does not have", where);
}

static enum stir_code jwe_header_only_members(const json_t *object, const char *where, const char *const *allowed,
                                              struct stir_error *err)
{
    for (void *it = json_object_iter((json_t *)object); it; it = json_object_iter_next((json_t *)object, it)) {
        const char *name = json_object_iter_key(it);
        size_t i = 0;
        while (allowed[i] && strcmp(allowed[i], name) != 0) {
            i++;
        }
        if (!allowed[i]) {
            return jwe_header_refuse_member(where, name, err);
        }
    }
    return STIR_OK;
}

static enum stir_code jwe_header_read_algorithms(bool *a128gcm, const json_t *header, struct stir_error *err)
{
    const char *alg;
    const char *enc;
    const char *cty;
    enum stir_code code = stir_json_string(&alg, header, "alg", err);
    if (code == STIR_OK) {
        code = stir_json_string(&enc, header, "enc", err);
    }
    if (code == STIR_OK) {
        code = stir_json_string(&cty, header, "cty", err);
    }
    if (code != STIR_OK) {
        return code;
    }
    /* Nothing but what the header comment of jwe.h lists, whatever else RFC 7518 defines. */
    if (strcmp(alg, "ECDH-ES") != 0) {
        return stir_fail(err, STIR_E_ALG, "alg: only ECDH-ES is accepted");
    }
    *a128gcm = strcmp(enc, "A128GCM") == 0;
    if (!*a128gcm && strcmp(enc, "A256GCM") != 0) {
        return stir_fail(err, STIR_E_ALG, "enc: only A256GCM and A128GCM are accepted");
    }
    if (strcmp(cty, "passport") != 0) {
        return stir_fail(err, STIR_E_JWE, "cty: must be passport");
    }
    return STIR_OK;
}

static enum stir_code jwe_header_read_epk(struct stir_point *out, const json_t *header, struct stir_error *err)
{
    static const char *const members[] = {"crv", "kty", "x", "y", NULL};
    const json_t *epk = json_object_get(header, "epk");
    if (!json_is_object(epk)) {
        return stir_fail(err, STIR_E_JSON, "epk: missing, or not an object");
    }
    enum stir_code code = jwe_header_only_members(epk, "epk", members, err);
    if (code == STIR_OK) {
        code = stir_point_from_jwk(out, epk, err);
        if (code != STIR_OK) {
            code = stir_fail_prefix(err, code == STIR_E_KEY ? STIR_E_JWE : code, "epk");
        }
    }
    return code;
}

static enum stir_code jwe_header_read_strict(struct stir_jwe_header *out, const char *json, size_t n,
                                             struct stir_error *err)
{
    static const char *const members[] = {"alg", "cty", "enc", "epk", NULL};
    json_t *root = NULL;
    enum stir_code code = stir_json_parse_object(&root, json, n, "the header", err);
    if (code != STIR_OK) {
        return code;
    }
    code = jwe_header_read_algorithms(&out->a128gcm, root, err);
    if (code == STIR_OK) {
        code = jwe_header_only_members(root, "the header", members, err);
    }
    if (code == STIR_OK) {
        code = jwe_header_read_epk(&out->epk, root, err);
    }
    json_decref(root);
    return code;
}

enum stir_code stir_jwe_header_read(struct stir_jwe_header *out, struct stir_view text, struct stir_error *err)
{
    struct stir_jwe_header header = {0};
    uint8_t json[STIR_JWE_HEADER_MAX];
    size_t len;
    enum stir_code code = stir_b64url_decode(json, sizeof(json), &len, text.ptr, text.len);
    if (code == STIR_E_TOO_BIG) {
        return stir_fail(err, code, "the header is longer than %d octets", STIR_JWE_HEADER_MAX);
    }
    if (code != STIR_OK) {
        return stir_fail(err, code, "the header is not strict base64url");
    }
    /* Nearly every header is our own text; only another one is parsed as JSON. */
    if (!jwe_header_read_template(&header, (const char *)json, len)) {
        code = jwe_header_read_strict(&header, (const char *)json, len, err);
    }
    if (code != STIR_OK) {
        return code;
    }
    /* A point off the curve would leak bits of a private key (SP 800-56A section 5.6.2.3, for X25519 RFC 7748
     * section 6.1). */
    code = stir_point_check(&header.epk, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code == STIR_E_KEY ? STIR_E_JWE : code, "epk");
    }
    *out = header;
    return STIR_OK;
}
