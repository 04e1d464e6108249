/* SPDX-License-Identifier: MIT */
#include "common/jose/jwe.h"
#include "tests/unit/jose_jwe.h"

/* Bob's keys of RFC 8037 appendix A.6 (private half: RFC 7748 section 6.1) and of RFC 7518 appendix C */
#define BOB_X25519                                                                                                     \
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\","                       \
    "\"d\":\"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os\"}"
#define BOB_P256                                                                                                       \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","                         \
    "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\",\"d\":\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\"}"

/* Made by python3-jwcrypto 1.1 for these keys; the plaintext is "aaa.bbb.ccc". */
static const struct {
    const char *key;
    enum stir_curve curve;
    bool a128gcm;
    const char *jwe;
} foreign[] = {
    {BOB_X25519, STIR_CURVE_X25519, false,
     "eyJhbGciOiJFQ0RILUVTIiwiY3R5IjoicGFzc3BvcnQiLCJlbmMiOiJBMjU2R0NNIiwiZXBrIjp7ImNydiI6IlgyNTUxOSIsImt0eSI6Ik9LUCIs"
     "IngiOiJxRHRwM0QyYkJ0YzM4eklFek9JSEJBcmUxZE8tN2NNQzVxZkJza19ROUU4In19..GXBvyJW5LhalIkCt.ZTTiGhIFS63OvBs.FPvMP3i3bs"
     "NT5p8uWoTlUA"},
    {BOB_X25519, STIR_CURVE_X25519, true,
     "eyJhbGciOiJFQ0RILUVTIiwiY3R5IjoicGFzc3BvcnQiLCJlbmMiOiJBMTI4R0NNIiwiZXBrIjp7ImNydiI6IlgyNTUxOSIsImt0eSI6Ik9LUCIs"
     "IngiOiJPWHBaZ3YtbVp1Q3NoY25kVjhjZWkyLTk2WnJmd2ROcG5HRmNpX2kwRkc4In19..QX_LWYoQXQ0hWtAc.cSqJZ4x5qBktZLk.c7YikPbhr-"
     "TPtxsWRtJ1ww"},
    {BOB_P256, STIR_CURVE_P256, false,
     "eyJhbGciOiJFQ0RILUVTIiwiY3R5IjoicGFzc3BvcnQiLCJlbmMiOiJBMjU2R0NNIiwiZXBrIjp7ImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ4"
     "IjoiaF9aRzdlUWs1S2xIeFR0d09pS1BOM0djUHYwZXF0NjNtTnk0Q01YSERRRSIsInkiOiJJcXVlbC10TWhwSzY2Mm80TnFlZzFUeFRaUlVtaGRD"
     "RENMaXBXeWtDRy1RIn19..PPE33-gkI_pMqPmx._rH0e0PbFQGCWWk.paV-XcyEPhnfgdEgRZXQ-Q"},
    {BOB_P256, STIR_CURVE_P256, true,
     "eyJhbGciOiJFQ0RILUVTIiwiY3R5IjoicGFzc3BvcnQiLCJlbmMiOiJBMTI4R0NNIiwiZXBrIjp7ImNydiI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ4"
     "IjoicmlJajRvaHl3NExZM2N3MnNDTnNwSnZsSEZOYUdWVzlKRGhQWEVQSGo2RSIsInkiOiJYMDRTQThHQ01WYTg2MWdWM1o2bGRXQnQyTVlVeXdG"
     "c0FqOHJtU0NVZlNNIn19..AwtkzfG_yprB8hZh.YM917wdy5Mgj58k.Vngk4nmuYkSb8RVps7sReg"},
};
#define FOREIGN (sizeof(foreign) / sizeof(foreign[0]))

/* On an exact copy, so that a sanitizer sees a read past the end. */
static enum stir_code open_exact(const char *jwe, size_t n, EVP_PKEY *key)
{
    struct stir_buf out = {0};
    char *exact = malloc(n ? n : 1);
    if (n) {
        memcpy(exact, jwe, n);
    }
    enum stir_code checked = stir_jwe_check(NULL, exact, n, NULL);
    enum stir_code code = stir_jwe_decrypt(&out, exact, n, key, NULL);
    UNIT_CHECK(checked == code || (checked == STIR_OK && code == STIR_E_DECRYPT), "check %s, decrypt %s",
               stir_error_name(checked), stir_error_name(code));
    UNIT_CHECK(code == STIR_OK || out.len == 0, "octets put on failure");
    JOSE_QUEUE_EMPTY("open");
    stir_buf_cleanse(&out);
    free(exact);
    return code;
}

static void test_foreign_envelopes(void)
{
    for (size_t i = 0; i < FOREIGN; i++) {
        EVP_PKEY *key = jose_key(foreign[i].key);
        struct stir_jwe_info info = {0};
        struct stir_buf out = {0};
        size_t len = strlen(foreign[i].jwe);
        UNIT_OK(stir_jwe_check(&info, foreign[i].jwe, len, NULL));
        UNIT_CHECK(info.curve == foreign[i].curve && info.a128gcm == foreign[i].a128gcm && info.ciphertext_len == 11,
                   "info of %zu", i);
        stir_buf_puts(&out, "before ");
        UNIT_OK(stir_jwe_decrypt(&out, foreign[i].jwe, len, key, NULL));
        UNIT_STR(out.ptr, "before aaa.bbb.ccc", "appended");
        stir_buf_cleanse(&out);
        EVP_PKEY_free(key);
    }
}

static void test_round_trip(void)
{
    static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 255, 256, 512, 767, 768, 769, 1536, 1537, 4096, 12000};
    char text[12000];
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(i * 7 % 251);
    }
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t n = sizes[i / 2];
        EVP_PKEY *key = jose_new_key(i % 2 ? STIR_CURVE_X25519 : STIR_CURVE_P256);
        struct stir_buf jwe = {0};
        struct stir_buf out = {0};
        struct stir_jwe_info info;
        stir_buf_puts(&jwe, "x");
        UNIT_OK(stir_jwe_encrypt(&jwe, text, n, key, NULL));
        UNIT_OK(stir_jwe_check(&info, jwe.ptr + 1, jwe.len - 1, NULL));
        UNIT_CHECK(info.ciphertext_len == n && !info.a128gcm, "info of %zu", n);
        UNIT_OK(stir_jwe_decrypt(&out, jwe.ptr + 1, jwe.len - 1, key, NULL));
        UNIT_CHECK(out.len == n && memcmp(out.ptr, text, n) == 0, "%zu octets", n);
        JOSE_QUEUE_EMPTY("round trip");
        stir_buf_free(&jwe);
        stir_buf_cleanse(&out);
        EVP_PKEY_free(key);
    }
}

/* Never the same twice, though key and plaintext are. */
static void test_fresh_every_time(void)
{
    EVP_PKEY *key = jose_key(BOB_X25519);
    struct stir_buf one = {0};
    struct stir_buf two = {0};
    UNIT_OK(stir_jwe_encrypt(&one, "aaa", 3, key, NULL));
    UNIT_OK(stir_jwe_encrypt(&two, "aaa", 3, key, NULL));
    UNIT_CHECK(one.len == two.len, "lengths");
    for (unsigned part = 0; part < 5; part++) {
        struct stir_view a = jose_part(one.ptr, part);
        struct stir_view b = jose_part(two.ptr, part);
        UNIT_CHECK(part == 1 ? a.len == 0 : memcmp(a.ptr, b.ptr, a.len) != 0, "part %u is the same", part);
    }
    stir_buf_free(&one);
    stir_buf_free(&two);
    EVP_PKEY_free(key);
}

static void test_parts(void)
{
    static const struct {
        const char *label;
        unsigned part;
        const char *text;
        enum stir_code code;
    } rows[] = {
        {"no header", 0, "", STIR_E_JWE},
        {"an encrypted key", 1, "AAAAAAAAAAAAAAAAAAAAAA", STIR_E_JWE},
        {"an encrypted key of one character", 1, "A", STIR_E_JWE},
        {"no IV", 2, "", STIR_E_JWE},
        {"IV of 11", 2, "GXBvyJW5LhalIkA", STIR_E_JWE},
        {"IV of 13", 2, "GXBvyJW5LhalIkCtAA", STIR_E_JWE},
        {"IV of 16", 2, "GXBvyJW5LhalIkCtAAAAAA", STIR_E_JWE},
        {"another IV", 2, "AAAAAAAAAAAAAAAA", STIR_E_DECRYPT},
        {"no ciphertext", 3, "", STIR_E_JWE},
        {"ciphertext of one character", 3, "A", STIR_E_BASE64},
        {"another ciphertext", 3, "ZTTiGhIFS63OvBw", STIR_E_DECRYPT},
        {"ciphertext shorter", 3, "ZTTiGhIFS63OvA", STIR_E_DECRYPT},
        {"ciphertext longer", 3, "ZTTiGhIFS63OvBsA", STIR_E_DECRYPT},
        {"no tag", 4, "", STIR_E_JWE},
        {"tag of 4", 4, "FPvMPw", STIR_E_JWE},
        {"tag of 12", 4, "FPvMP3i3bsNT5p8u", STIR_E_JWE},
        {"tag of 15", 4, "FPvMP3i3bsNT5p8uWoTl", STIR_E_JWE},
        {"tag of 17", 4, "FPvMP3i3bsNT5p8uWoTlUAA", STIR_E_JWE},
        {"tag of 32", 4, "FPvMP3i3bsNT5p8uWoTlUBT7zD94t27DU-afLlqE5VA", STIR_E_JWE},
        {"zero tag", 4, "AAAAAAAAAAAAAAAAAAAAAA", STIR_E_DECRYPT},
        {"six parts", 4, "FPvMP3i3bsNT5p8uWoTlUA.", STIR_E_JWE},
        {"seven parts", 0, "a.b.c", STIR_E_JWE},
    };
    EVP_PKEY *key = jose_key(BOB_X25519);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *jwe = jose_replace_part(foreign[0].jwe, rows[i].part, rows[i].text);
        UNIT_CODE(open_exact(jwe, strlen(jwe), key), rows[i].code, rows[i].label);
        free(jwe);
    }
    static const char *const texts[] = {
        "", ".", "....", "a.b.c", "a..b.c", "a", "{\"protected\":\"a\"}", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        UNIT_CODE(open_exact(texts[i], strlen(texts[i]), key), STIR_E_JWE, texts[i]);
    }
    EVP_PKEY_free(key);
}

static void test_misspelled_base64(void)
{
    static const unsigned parts[] = {0, 2, 3, 4};
    EVP_PKEY *key = jose_key(BOB_X25519);
    const char *good = foreign[0].jwe;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned how = 0; how < JOSE_MISSPELLINGS; how++) {
            struct stir_view old = jose_part(good, parts[i]);
            char *spelled = jose_misspell(old, how);
            if (!spelled) {
                continue;
            }
            struct stir_buf jwe = {0};
            stir_buf_put(&jwe, good, (size_t)(old.ptr - good));
            stir_buf_put(&jwe, spelled, how == 6 ? old.len : strlen(spelled));
            stir_buf_puts(&jwe, old.ptr + old.len);
            enum stir_code code = open_exact(jwe.ptr, jwe.len, key);
            UNIT_CHECK(code == STIR_E_BASE64, "part %u, way %u: %s", parts[i], how, stir_error_name(code));
            stir_buf_free(&jwe);
            free(spelled);
        }
    }
    EVP_PKEY_free(key);
}

static void test_truncations_and_flips(void)
{
    for (size_t f = 0; f < FOREIGN; f++) {
        EVP_PKEY *key = jose_key(foreign[f].key);
        size_t len = strlen(foreign[f].jwe);
        char *jwe = strdup(foreign[f].jwe);
        for (size_t n = 0; n < len; n++) {
            UNIT_CHECK(open_exact(jwe, n, key) != STIR_OK, "the first %zu octets open", n);
        }
        for (size_t i = 0; i < len; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                jwe[i] = (char)(jwe[i] ^ 1 << bit);
                UNIT_CHECK(open_exact(jwe, len, key) != STIR_OK, "octet %zu, bit %u altered opens", i, bit);
                jwe[i] = (char)(jwe[i] ^ 1 << bit);
            }
        }
        UNIT_OK(open_exact(jwe, len, key));
        free(jwe);
        EVP_PKEY_free(key);
    }
}

/* Every bit of IV, ciphertext and tag: a well-formed envelope that does not open. */
static void test_altered_octets(void)
{
    EVP_PKEY *key = jose_key(BOB_X25519);
    for (unsigned part = 2; part < 5; part++) {
        struct stir_view old = jose_part(foreign[0].jwe, part);
        uint8_t octets[32];
        size_t len;
        UNIT_OK(stir_b64url_decode(octets, sizeof(octets), &len, old.ptr, old.len));
        for (size_t bit = 0; bit < 8 * len; bit++) {
            char text[44] = {0};
            octets[bit / 8] = (uint8_t)(octets[bit / 8] ^ 1 << bit % 8);
            (void)stir_b64url_encode(text, octets, len);
            char *jwe = jose_replace_part(foreign[0].jwe, part, text);
            enum stir_code code = open_exact(jwe, strlen(jwe), key);
            UNIT_CHECK(code == STIR_E_DECRYPT, "part %u, bit %zu: %s", part, bit, stir_error_name(code));
            free(jwe);
            octets[bit / 8] = (uint8_t)(octets[bit / 8] ^ 1 << bit % 8);
        }
    }
    EVP_PKEY_free(key);
}

static void test_wrong_keys(void)
{
    struct {
        const char *label;
        EVP_PKEY *key;
        enum stir_code open;
        enum stir_code seal;
    } rows[] = {
        {"another X25519 key", jose_new_key(STIR_CURVE_X25519), STIR_E_DECRYPT, STIR_OK},
        {"a P-256 key", jose_new_key(STIR_CURVE_P256), STIR_E_DECRYPT, STIR_OK},
        {"the public half",
         jose_key("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}"),
         STIR_E_KEY, STIR_OK},
        {"P-384", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), STIR_E_KEY, STIR_E_KEY},
        {"X448", EVP_PKEY_Q_keygen(NULL, NULL, "X448"), STIR_E_KEY, STIR_E_KEY},
        {"RSA", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), STIR_E_KEY, STIR_E_KEY},
        {"no key", NULL, STIR_E_KEY, STIR_E_KEY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_buf out = {0};
        struct stir_error err = {0};
        stir_buf_puts(&out, "kept");
        UNIT_CODE(stir_jwe_decrypt(&out, foreign[0].jwe, strlen(foreign[0].jwe), rows[i].key, &err), rows[i].open,
                  rows[i].label);
        UNIT_STR(out.ptr, "kept", rows[i].label);
        UNIT_CHECK(err.code == rows[i].open && err.text[0], "%s: text", rows[i].label);
        UNIT_CODE(stir_jwe_encrypt(&out, "aaa", 3, rows[i].key, &err), rows[i].seal, rows[i].label);
        UNIT_CHECK(rows[i].seal == STIR_OK || strcmp(out.ptr, "kept") == 0, "%s: octets put on failure", rows[i].label);
        JOSE_QUEUE_EMPTY(rows[i].label);
        stir_buf_free(&out);
        EVP_PKEY_free(rows[i].key);
    }
}

/* An X25519 epk for a P-256 key and the other way round: well-formed, and not for this key. */
static void test_other_curve(void)
{
    EVP_PKEY *x25519 = jose_key(BOB_X25519);
    EVP_PKEY *p256 = jose_key(BOB_P256);
    UNIT_CODE(open_exact(foreign[0].jwe, strlen(foreign[0].jwe), p256), STIR_E_DECRYPT, "X25519 epk, P-256 key");
    UNIT_CODE(open_exact(foreign[2].jwe, strlen(foreign[2].jwe), x25519), STIR_E_DECRYPT, "P-256 epk, X25519 key");
    struct stir_buf out = {0};
    struct stir_error err = {0};
    UNIT_CODE(stir_jwe_decrypt(&out, foreign[0].jwe, strlen(foreign[0].jwe), p256, &err), STIR_E_DECRYPT, "again");
    UNIT_CHECK(strstr(err.text, "another curve"), "%s", err.text); /* seen before the key is used */
    stir_buf_free(&out);
    EVP_PKEY_free(x25519);
    EVP_PKEY_free(p256);
}

static void test_sizes(void)
{
    EVP_PKEY *key = jose_key(BOB_P256);
    static char text[STIR_JWE_MAX + 2];
    size_t largest = 0;
    for (size_t n = STIR_JWE_MAX / 4 * 3 - 300; n < STIR_JWE_MAX / 4 * 3; n++) {
        struct stir_buf out = {0};
        enum stir_code code = stir_jwe_encrypt(&out, text, n, key, NULL);
        if (code == STIR_OK) {
            UNIT_CHECK(out.len <= STIR_JWE_MAX, "%zu octets", out.len);
            UNIT_CODE(open_exact(out.ptr, out.len, key), STIR_OK, "what is written can be read");
            largest = out.len;
        } else {
            UNIT_CODE(code, STIR_E_TOO_BIG, "too much plaintext");
            UNIT_CHECK(out.len == 0, "octets put on failure");
        }
        stir_buf_free(&out);
    }
    UNIT_CHECK(largest + 2 >= STIR_JWE_MAX, "the largest was %zu", largest);
    struct stir_buf out = {0};
    UNIT_CODE(stir_jwe_encrypt(&out, text, sizeof(text), key, NULL), STIR_E_TOO_BIG, "more than the limit");
    UNIT_CODE(stir_jwe_encrypt(&out, text, 0, key, NULL), STIR_E_INVAL, "nothing");
    UNIT_CODE(open_exact(text, STIR_JWE_MAX, key), STIR_E_JWE, "limit");
    UNIT_CODE(open_exact(text, STIR_JWE_MAX + 1, key), STIR_E_TOO_BIG, "limit + 1");
    out.limit = 10;
    UNIT_CODE(stir_jwe_encrypt(&out, text, 1, key, NULL), STIR_E_TOO_BIG, "a buffer that is too small");
    out = (struct stir_buf){.limit = 10};
    UNIT_CODE(stir_jwe_decrypt(&out, foreign[2].jwe, strlen(foreign[2].jwe), key, NULL), STIR_E_TOO_BIG, "the same");
    stir_buf_free(&out);
    EVP_PKEY_free(key);
}

/* Octets put together as an envelope are an envelope to whoever has no key: what a dummy needs. */
static void test_assemble(void)
{
    uint8_t epk[64];
    uint8_t octets[512];
    const uint8_t iv[12] = {1};
    const uint8_t tag[16] = {2};
    memset(octets, 0xa5, sizeof(octets));
    for (unsigned curve = STIR_CURVE_P256; curve <= STIR_CURVE_X25519; curve++) {
        EVP_PKEY *key = jose_new_key(curve);
        struct stir_point point;
        struct stir_buf dummy = {0};
        struct stir_buf real = {0};
        struct stir_jwe_info info;
        UNIT_OK(stir_point_of(&point, key, NULL));
        memcpy(epk, point.octets, sizeof(epk));
        stir_jwe_assemble(&dummy, curve, epk, iv, octets, sizeof(octets), tag);
        UNIT_OK(stir_jwe_encrypt(&real, octets, sizeof(octets), key, NULL));
        UNIT_OK(stir_jwe_check(&info, dummy.ptr, dummy.len, NULL));
        UNIT_CHECK(info.curve == curve && info.ciphertext_len == sizeof(octets), "info");
        UNIT_CHECK(dummy.len == real.len, "a dummy of %zu, a real one of %zu", dummy.len, real.len);
        for (unsigned part = 0; part < 5; part++) {
            UNIT_CHECK(jose_part(dummy.ptr, part).len == jose_part(real.ptr, part).len, "part %u", part);
        }
        UNIT_CODE(open_exact(dummy.ptr, dummy.len, key), STIR_E_DECRYPT, "a dummy");
        stir_buf_free(&dummy);
        stir_buf_free(&real);
        EVP_PKEY_free(key);
    }
    struct stir_buf small = {.limit = 20};
    stir_jwe_assemble(&small, STIR_CURVE_X25519, epk, iv, octets, 1, tag);
    UNIT_CODE(stir_buf_state(&small), STIR_E_TOO_BIG, "the failure sticks");
    stir_buf_free(&small);
}

UNIT_MAIN("jwe", {"envelopes made elsewhere", test_foreign_envelopes}, {"encrypt, check, decrypt", test_round_trip},
          {"fresh every time", test_fresh_every_time}, {"parts", test_parts},
          {"misspelled base64", test_misspelled_base64}, {"truncations and flipped bits", test_truncations_and_flips},
          {"altered octets", test_altered_octets}, {"wrong keys", test_wrong_keys}, {"other curve", test_other_curve},
          {"sizes", test_sizes}, {"assembled from octets", test_assemble})
