/* SPDX-License-Identifier: MIT */
#include "common/jose/envelope.h"

#include "common/jose/b64.h"
#include "common/jose/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define JSON_HEAD "{\"passport\":\""
#define JSON_MIDDLE "\",\"x5c\":["
#define JSON_TAIL "]}"

/* The JSON that views into an opened envelope point at, and the certificates decoded from it. */
struct owned {
    json_t *root;
    uint8_t der[];
};

/* Three parts in the alphabet of base64url: what a token looks like before anyone parses it, and what needs no escapes
 * in JSON. */
static bool envelope_looks_like_token(const char *text, size_t n)
{
    unsigned dots = 0;
    size_t part = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '.') {
            if (!part) {
                return false;
            }
            dots++;
            part = 0;
        } else if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
            part++;
        } else {
            return false;
        }
    }
    return dots == 2 && part > 0;
}

/* Octets of the plaintext before padding; 0 if it cannot fit in an envelope. */
static size_t envelope_plain_len(size_t n, const struct stir_view *x5c, size_t count)
{
    size_t len = n;
    if (count) {
        len += strlen(JSON_HEAD JSON_MIDDLE JSON_TAIL) + count - 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (x5c[i].len > STIR_JWE_MAX) {
            return 0;
        }
        len += 2 + stir_b64_len(x5c[i].len);
    }
    return len;
}

size_t stir_envelope_padded(size_t n)
{
    size_t len = 512;
    while (len < n && len < STIR_ENVELOPE_LENGTH_MAX) {
        len *= 2;
    }
    return n <= len ? len : 0;
}

enum stir_code stir_envelope_check_form(const struct stir_jwe_info *info, struct stir_error *err)
{
    if (info->a128gcm) {
        return stir_fail(err, STIR_E_JWE, "the header has enc A128GCM; use A256GCM");
    }
    if (!info->own_header) {
        return stir_fail(err, STIR_E_JWE,
                         "the header is not spelled as all others are; write its members in the order alg, cty, enc, "
                         "epk, those of epk in the order crv, kty, x, y, without spaces or escapes");
    }
    if (stir_envelope_padded(info->ciphertext_len) != info->ciphertext_len) {
        return stir_fail(err, STIR_E_JWE,
                         "the plaintext has %zu octets; pad it with spaces to " STIR_ENVELOPE_LENGTHS " octets",
                         info->ciphertext_len);
    }
    return STIR_OK;
}

static char *envelope_put(char *p, const char *text, size_t n)
{
    memcpy(p, text, n);
    return p + n;
}

static char *envelope_put_json(char *p, const char *passport, size_t n, const struct stir_view *x5c, size_t count)
{
    p = envelope_put(p, JSON_HEAD, strlen(JSON_HEAD));
    p = envelope_put(p, passport, n);
    p = envelope_put(p, JSON_MIDDLE, strlen(JSON_MIDDLE));
    for (size_t i = 0; i < count; i++) {
        if (i) {
            *p++ = ',';
        }
        *p++ = '"';
        p += stir_b64_encode(p, x5c[i].ptr, x5c[i].len);
        *p++ = '"';
    }
    return envelope_put(p, JSON_TAIL, strlen(JSON_TAIL));
}

static enum stir_code envelope_check_sealable(const char *passport, size_t n, const struct stir_view *x5c, size_t count,
                                              struct stir_error *err)
{
    if (n > STIR_JWE_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "the PASSporT is empty or too long for an envelope");
    }
    if (!envelope_looks_like_token(passport, n)) {
        return stir_fail(err, STIR_E_INVAL, "the PASSporT is not in full form");
    }
    if (count > STIR_X5C_MAX || (count && !x5c)) {
        return stir_fail(err, STIR_E_INVAL, "x5c: at most %d certificates", STIR_X5C_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (!x5c[i].len) {
            return stir_fail(err, STIR_E_INVAL, "x5c: certificate %zu is empty", i);
        }
    }
    return STIR_OK;
}

enum stir_code stir_envelope_seal(struct stir_buf *out, const char *passport, size_t n, const struct stir_view *x5c_der,
                                  size_t x5c_count, EVP_PKEY *recipient, struct stir_error *err)
{
    struct stir_buf plain = {0};
    enum stir_code code = envelope_check_sealable(passport, n, x5c_der, x5c_count, err);
    if (code != STIR_OK) {
        return code;
    }
    /* Only a few lengths are allowed, so that the length of an envelope tells little about its content. */
    size_t len = envelope_plain_len(n, x5c_der, x5c_count);
    size_t padded = stir_envelope_padded(len);
    if (!len || !padded) {
        return stir_fail(err, STIR_E_TOO_BIG,
                         "the PASSporT and its certificates need more than the %d octets of an envelope",
                         STIR_ENVELOPE_LENGTH_MAX);
    }
    assert(len <= padded);
    char *p = stir_buf_extend(&plain, padded);
    if (!p) {
        return stir_fail(err, stir_buf_state(&plain), "out of memory");
    }
    p = x5c_count ? envelope_put_json(p, passport, n, x5c_der, x5c_count) : envelope_put(p, passport, n);
    /* The padding; then seal, and leave no plaintext in memory. */
    memset(p, ' ', padded - len);
    code = stir_jwe_encrypt(out, plain.ptr, plain.len, recipient, err);
    stir_buf_cleanse(&plain);
    return code;
}

static enum stir_code envelope_refuse(struct stir_error *err, const char *why)
{
    return stir_fail(err, STIR_E_PLAINTEXT, "the plaintext: %s", why);
}

/* Decodes the certificates one after the other. False: x5c is not an array of certificates in strict base64. */
static bool envelope_decode_x5c(struct stir_opened *opened, uint8_t *der, size_t room, const json_t *x5c)
{
    size_t count = json_array_size(x5c);
    if (count < 1 || count > STIR_X5C_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(x5c, i);
        size_t len;
        if (!json_is_string(item) ||
            stir_b64_decode(der, room, &len, json_string_value(item), json_string_length(item)) != STIR_OK || !len) {
            return false;
        }
        opened->x5c[i] = stir_view((const char *)der, len);
        der += len;
        room -= len;
    }
    return true;
}

static enum stir_code envelope_read_members(struct stir_opened *opened, json_t *root, size_t text_len,
                                            struct stir_error *err)
{
    const json_t *passport = json_object_get(root, "passport");
    if (!json_is_string(passport)) {
        return envelope_refuse(err, "passport is missing, or is not a string");
    }
    if (!envelope_looks_like_token(json_string_value(passport), json_string_length(passport))) {
        return envelope_refuse(err, "passport is not a token in full form");
    }
    /* base64 text is always longer than what it stands for */
    struct owned *owned = malloc(sizeof(*owned) + text_len);
    if (!owned) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    owned->root = root;
    opened->owned = owned;
    opened->passport = stir_view(json_string_value(passport), json_string_length(passport));
    /* a chain that cannot be used leaves the PASSporT's own x5u */
    const json_t *x5c = json_object_get(root, "x5c");
    opened->x5c_count = envelope_decode_x5c(opened, owned->der, text_len, x5c) ? json_array_size(x5c) : 0;
    return STIR_OK;
}

static enum stir_code envelope_read_plaintext(struct stir_opened *opened, struct stir_error *err)
{
    const char *text = opened->plaintext.ptr;
    size_t n = opened->plaintext.len;
    json_t *root = NULL;
    /* The padding is spaces, which neither form ends with. */
    while (n && text[n - 1] == ' ') {
        n--;
    }
    /* A PASSporT alone, or a JSON object with the PASSporT and its certificates. */
    if (envelope_looks_like_token(text, n)) {
        opened->passport = stir_view(text, n);
        return STIR_OK;
    }
    if (!n || text[0] != '{') {
        return envelope_refuse(err, "neither a PASSporT in full form nor a JSON object");
    }
    enum stir_code code = stir_json_parse_object(&root, text, n, "the plaintext", err);
    if (code != STIR_OK) {
        return code == STIR_E_NOMEM ? code : stir_fail_prefix(err, STIR_E_PLAINTEXT, "the envelope");
    }
    code = envelope_read_members(opened, root, n, err);
    if (code != STIR_OK) {
        json_decref(root);
    }
    return code;
}

enum stir_code stir_envelope_open(struct stir_opened *out, const char *jwe, size_t n, EVP_PKEY *key,
                                  struct stir_error *err)
{
    struct stir_opened opened = {0};
    enum stir_code code = stir_jwe_decrypt(&opened.plaintext, jwe, n, key, err);
    if (code == STIR_OK) {
        code = envelope_read_plaintext(&opened, err);
    }
    if (code != STIR_OK) {
        stir_opened_clear(&opened);
        return code;
    }
    *out = opened;
    return STIR_OK;
}

void stir_opened_clear(struct stir_opened *opened)
{
    struct owned *owned = opened->owned;
    if (owned) {
        json_decref(owned->root);
        free(owned);
    }
    stir_buf_cleanse(&opened->plaintext);
    *opened = (struct stir_opened){0};
}
