/* SPDX-License-Identifier: MIT */
#include "common/jose/b64.h"
#include "common/jose/envelope.h"
#include "common/jose/json.h"
#include "common/jose/jwe_header.h"
#include "common/jose/jwe_pack.h"
#include "common/jose/jwk.h"
#include "tests/fuzz/must.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* The first octet says what the rest is: an envelope, the JSON of a header, or what is inside an envelope. */

/* Bob's key of RFC 8037 appendix A.6; envelopes to it are in the corpus. */
static const char jwk_text[] =
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\","
    "\"d\":\"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os\"}";

static EVP_PKEY *make_key(void)
{
    json_t *jwk = NULL;
    EVP_PKEY *key = NULL;
    if (stir_json_parse(&jwk, jwk_text, strlen(jwk_text), NULL) != STIR_OK ||
        stir_jwk_parse(&key, jwk, true, NULL) != STIR_OK) {
        abort();
    }
    json_decref(jwk);
    return key;
}

/* The server takes what a holder could open, and nothing else. */
static void envelope(const char *text, size_t n, EVP_PKEY *key)
{
    struct stir_jwe_info info = {0};
    struct stir_buf out = {0};
    enum stir_code checked = stir_jwe_check(&info, text, n, NULL);
    enum stir_code opened = stir_jwe_decrypt(&out, text, n, key, NULL);
    MUST(checked == opened || (checked == STIR_OK && opened == STIR_E_DECRYPT));
    /* the form that strict servers demand is the one that packs */
    uint8_t packed[STIR_JWE_MAX];
    MUST(checked != STIR_OK || info.own_header == (stir_jwe_pack(packed, text, n) > 0));
    MUST(opened == STIR_OK ? out.len == info.ciphertext_len : out.len == 0);
    stir_buf_cleanse(&out);
}

static enum stir_code read_header(struct stir_jwe_header *header, const char *json, size_t n)
{
    char *text = malloc(stir_b64url_len(n) + 1);
    size_t len = text ? stir_b64url_encode(text, json, n) : 0;
    enum stir_code code = stir_jwe_header_read(header, stir_view(text, len), NULL);
    free(text);
    return code;
}

/* The fast way and, with a space in front, the strict one. */
static void header(const char *json, size_t n)
{
    struct stir_jwe_header fast = {0};
    struct stir_jwe_header strict = {0};
    char spaced[STIR_JWE_HEADER_MAX] = " ";
    if (n >= sizeof(spaced)) {
        return;
    }
    memcpy(spaced + 1, json, n);
    enum stir_code one = read_header(&fast, json, n);
    enum stir_code other = read_header(&strict, spaced, n + 1);
    MUST(one == other && !strict.own && fast.a128gcm == strict.a128gcm && fast.epk.curve == strict.epk.curve);
    MUST(memcmp(fast.epk.octets, strict.epk.octets, sizeof(fast.epk.octets)) == 0);
}

/* What opens can be sealed again and comes out the same. */
static void plaintext(const char *text, size_t n, EVP_PKEY *key)
{
    struct stir_buf jwe = {0};
    struct stir_opened one;
    struct stir_opened two;
    if (stir_jwe_encrypt(&jwe, text, n, key, NULL) != STIR_OK) {
        return;
    }
    enum stir_code code = stir_envelope_open(&one, jwe.ptr, jwe.len, key, NULL);
    stir_buf_free(&jwe);
    MUST(code == STIR_OK || code == STIR_E_PLAINTEXT);
    if (code != STIR_OK) {
        return;
    }
    if (stir_envelope_seal(&jwe, one.passport.ptr, one.passport.len, one.x5c, one.x5c_count, key, NULL) == STIR_OK) {
        MUST(stir_envelope_open(&two, jwe.ptr, jwe.len, key, NULL) == STIR_OK);
        MUST(one.passport.len == two.passport.len && one.x5c_count == two.x5c_count);
        for (size_t i = 0; i < one.x5c_count; i++) {
            MUST(one.x5c[i].len == two.x5c[i].len && memcmp(one.x5c[i].ptr, two.x5c[i].ptr, one.x5c[i].len) == 0);
        }
        stir_opened_clear(&two);
    }
    stir_buf_free(&jwe);
    stir_opened_clear(&one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static EVP_PKEY *key;
    const char *rest = (const char *)data + 1;
    if (!key) {
        key = make_key();
    }
    if (size == 0) {
        return 0;
    }
    switch (data[0]) {
    case 'h':
        header(rest, size - 1);
        break;
    case 'p':
        plaintext(rest, size - 1, key);
        break;
    default:
        envelope(rest, size - 1, key);
        break;
    }
    MUST(ERR_peek_error() == 0);
    return 0;
}
