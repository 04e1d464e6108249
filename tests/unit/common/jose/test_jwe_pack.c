/* SPDX-License-Identifier: MIT */
#include "common/jose/jwe_pack.h"

#include "common/jose/b64.h"
#include "common/jose/jwe.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* An envelope of n octets of plaintext. */
static void seal(struct stir_buf *out, enum stir_curve curve, size_t n)
{
    struct stir_error err = {0};
    EVP_PKEY *key = NULL;
    char plain[2048];
    memset(plain, 'x', sizeof(plain));
    out->len = 0;
    UNIT_CHECK(stir_key_generate(&key, curve, &err) == STIR_OK, "key: %s", err.text);
    UNIT_CHECK(stir_jwe_encrypt(out, plain, n, key, &err) == STIR_OK, "sealing: %s", err.text);
    EVP_PKEY_free(key);
}

/* Every length modulo 3 and 4, of both curves: what comes back is the same text, in the room that was promised. */
static void there_and_back(void)
{
    struct stir_buf jwe = {0};
    for (size_t n = 1; n < 2000; n += n < 40 ? 1 : 97) {
        for (int curve = 0; curve < 2; curve++) {
            seal(&jwe, curve ? STIR_CURVE_P256 : STIR_CURVE_X25519, n);
            uint8_t *packed = malloc(jwe.len); /* so that one octet too many is seen */
            size_t len = stir_jwe_pack(packed, jwe.ptr, jwe.len);
            UNIT_CHECK(len == 29 + n + (curve ? 64 : 32), "%zu octets: packed into %zu", n, len);
            struct stir_view view = stir_view((const char *)packed, len);
            size_t text_len = stir_jwe_unpacked_len(view);
            UNIT_CHECK(text_len == jwe.len, "%zu octets: %zu characters, not %zu", n, text_len, jwe.len);
            char *text = malloc(text_len);
            stir_jwe_unpack(text, view);
            UNIT_CHECK(memcmp(text, jwe.ptr, jwe.len) == 0, "%zu octets: another text comes back", n);
            free(text);
            free(packed);
        }
    }
    stir_buf_free(&jwe);
}

/* One header of another spelling: valid to stir_jwe_check, but not to be made again from its epk alone. */
static void other_header(struct stir_buf *out, const char *jwe, const char *json)
{
    const char *rest = strchr(jwe, '.');
    char *text = stir_buf_extend(out, stir_b64url_len(strlen(json)));
    (void)stir_b64url_encode(text, json, strlen(json));
    stir_buf_puts(out, rest);
}

#define X25519 "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"

static void left_as_they_are(void)
{
    static const char *const headers[] = {
        "{\"alg\":\"ECDH-ES\",\"cty\":\"passport\",\"enc\":\"A128GCM\",\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\","
        "\"x\":\"" X25519 "\"}}",
        "{\"cty\":\"passport\",\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\","
        "\"x\":\"" X25519 "\"}}",
        "{\"alg\":\"ECDH-ES\",\"cty\":\"passport\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\","
        "\"x\":\"" X25519 "\"}} ",
    };
    struct stir_buf jwe = {0}, other = {0};
    struct stir_error err = {0};
    uint8_t packed[4096];
    seal(&jwe, STIR_CURVE_X25519, 256);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        other.len = 0;
        other_header(&other, jwe.ptr, headers[i]);
        UNIT_CHECK(stir_jwe_check(NULL, other.ptr, other.len, &err) == STIR_OK, "header %zu: %s", i, err.text);
        UNIT_CHECK(stir_jwe_pack(packed, other.ptr, other.len) == 0, "header %zu was packed", i);
    }
    stir_buf_free(&other);
    stir_buf_free(&jwe);
}

/* Each character of an envelope replaced and each end cut off: either not packed, or the very text comes back. */
static void no_other_text(void)
{
    static const char instead[] = "A_-.=+/ \n\x80";
    struct stir_buf jwe = {0};
    uint8_t packed[4096];
    char text[4096];
    unsigned refused = 0, packs = 0;
    seal(&jwe, STIR_CURVE_X25519, 50);
    for (size_t at = 0; at < jwe.len; at++) {
        char was = jwe.ptr[at];
        for (size_t i = 0; i < sizeof(instead); i++) {
            /* the last round cuts instead, and the NUL that it replaces with is never looked at */
            size_t n = i + 1 < sizeof(instead) ? jwe.len : at;
            jwe.ptr[at] = instead[i];
            size_t len = stir_jwe_pack(packed, jwe.ptr, n);
            struct stir_view view = stir_view((const char *)packed, len);
            refused += len == 0;
            packs += len != 0;
            if (len) {
                UNIT_CHECK(stir_jwe_unpacked_len(view) == n, "at %zu, %d: another length", at, instead[i]);
                stir_jwe_unpack(text, view);
                UNIT_CHECK(memcmp(text, jwe.ptr, n) == 0, "at %zu, %d: another text", at, instead[i]);
            }
        }
        jwe.ptr[at] = was;
    }
    CU_ASSERT(refused > 1000 && packs > 100);
    stir_buf_free(&jwe);
}

/* What Redis may hold: anything. */
static void not_packed(void)
{
    static const struct {
        const char *octets;
        size_t n;
    } rows[] = {{"", 0}, {"\1", 1}, {"\2", 1}, {"\0", 1}, {"\3", 1}, {"e", 1}};
    char octets[256] = {1};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CHECK(stir_jwe_unpacked_len(stir_view(rows[i].octets, rows[i].n)) == 0, "row %zu", i);
    }
    CU_ASSERT_EQUAL(stir_jwe_unpacked_len(stir_view(octets, 61)), 0);
    CU_ASSERT_NOT_EQUAL(stir_jwe_unpacked_len(stir_view(octets, 62)), 0);
    octets[0] = 2;
    CU_ASSERT_EQUAL(stir_jwe_unpacked_len(stir_view(octets, 93)), 0);
    CU_ASSERT_NOT_EQUAL(stir_jwe_unpacked_len(stir_view(octets, 94)), 0);
}

UNIT_MAIN("jwe_pack", {"there and back", there_and_back}, {"left as they are", left_as_they_are},
          {"no other text", no_other_text}, {"not packed", not_packed})
