/* SPDX-License-Identifier: MIT */
#include "common/jose/jws.h"
#include "tests/unit/jose.h"

#include <openssl/err.h>

/* RFC 7515 appendix A.3 */
#define A3_KEY                                                                                                         \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                         \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define A3_HEADER "eyJhbGciOiJFUzI1NiJ9"
#define A3_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define A3_SIGNATURE "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define A3_TOKEN A3_HEADER "." A3_PAYLOAD "." A3_SIGNATURE

#define GROUP_ORDER "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"

/* Refused for their range, before OpenSSL is asked. */
static void test_es256_range(void)
{
    static const char *const rows[] = {ZERO ONE, ONE ZERO, GROUP_ORDER ONE, ONE GROUP_ORDER};
    EVP_PKEY *key = jose_key(A3_KEY);
    EVP_PKEY_CTX *ready = NULL;
    UNIT_OK(stir_es256_ready(&ready, key, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t sig[STIR_ES256_SIG];
        struct stir_error err = {0};
        (void)unit_unhex(sig, sizeof(sig), rows[i]);
        UNIT_CODE(stir_es256_verify(sig, key, "x", 1, &err), STIR_E_SIGNATURE, rows[i]);
        UNIT_CHECK(strstr(err.text, "outside the range"), "%s: %s", rows[i], err.text);
        UNIT_CODE(stir_es256_verify_ready(sig, ready, "x", 1, NULL), STIR_E_SIGNATURE, rows[i]);
    }
    EVP_PKEY_CTX_free(ready);
    EVP_PKEY_free(key);
}

/* r and s of all lengths: one signature in 128 has a leading zero octet somewhere, which DER leaves out. */
static void test_es256_lengths(void)
{
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    unsigned short_r = 0;
    unsigned short_s = 0;
    for (unsigned i = 0; i < 20000 && (i < 200 || !short_r || !short_s); i++) {
        uint8_t sig[STIR_ES256_SIG];
        enum stir_code code = stir_es256_sign(sig, key, &i, sizeof(i), NULL);
        if (code != STIR_OK || stir_es256_verify(sig, key, &i, sizeof(i), NULL) != STIR_OK) {
            UNIT_CHECK(false, "message %u does not verify", i);
            break;
        }
        short_r += sig[0] == 0;
        short_s += sig[32] == 0;
    }
    UNIT_CHECK(short_r && short_s, "no r or s with a leading zero in 20000");
    uint8_t sig[STIR_ES256_SIG];
    UNIT_OK(stir_es256_sign(sig, key, "", 0, NULL));
    UNIT_OK(stir_es256_verify(sig, key, "", 0, NULL));
    UNIT_CODE(stir_es256_verify(sig, key, "x", 1, NULL), STIR_E_SIGNATURE, "other octets");
    EVP_PKEY_free(key);
}

/* A key made ready says the same, often, and not for another key. */
static void test_ready(void)
{
    EVP_PKEY *key = jose_key(A3_KEY), *other = jose_new_key(STIR_CURVE_P256), *x25519 = jose_new_key(STIR_CURVE_X25519);
    EVP_PKEY_CTX *ready = NULL, *others = NULL, *none = NULL;
    struct stir_jws jws;
    UNIT_OK(stir_jws_parse(&jws, A3_TOKEN, strlen(A3_TOKEN), NULL));
    struct stir_view input = jws.signing_input;
    UNIT_OK(stir_es256_ready(&ready, key, NULL));
    UNIT_OK(stir_es256_ready(&others, other, NULL));
    UNIT_CODE(stir_es256_ready(&none, x25519, NULL), STIR_E_KEY, "X25519");
    CU_ASSERT_PTR_NULL(none);
    for (int i = 0; i < 3; i++) {
        UNIT_OK(stir_es256_verify_ready(jws.sig, ready, input.ptr, input.len, NULL));
        UNIT_CODE(stir_es256_verify_ready(jws.sig, ready, input.ptr, input.len - 1, NULL), STIR_E_SIGNATURE, "less");
        UNIT_CODE(stir_es256_verify_ready(jws.sig, others, input.ptr, input.len, NULL), STIR_E_SIGNATURE,
                  "another key");
    }
    jws.sig[50] ^= 1;
    UNIT_CODE(stir_es256_verify_ready(jws.sig, ready, input.ptr, input.len, NULL), STIR_E_SIGNATURE, "a bit");
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    stir_jws_clear(&jws);
    EVP_PKEY_CTX_free(ready);
    EVP_PKEY_CTX_free(others);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(x25519);
}

static void test_normalize_values(void)
{
    static const struct {
        const char *s;
        const char *normal;
    } rows[] = {
        {ZERO, ZERO},
        {ONE, ONE},
        {"7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
         "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8"}, /* n / 2 */
        {"7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9",
         "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8"},
        {"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", ONE},
        {"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632500",
         "0000000000000000000000000000000000000000000000000000000000000051"},
        {GROUP_ORDER, GROUP_ORDER}, /* no signature at all: left for verification to refuse */
        {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t sig[STIR_ES256_SIG] = {9};
        uint8_t normal[32];
        (void)unit_unhex(sig + 32, 32, rows[i].s);
        (void)unit_unhex(normal, 32, rows[i].normal);
        stir_es256_normalize(sig);
        UNIT_CHECK(memcmp(sig + 32, normal, 32) == 0 && sig[0] == 9, "s = %s", rows[i].s);
    }
}

/* Either of the two forms verifies, and both come to the same normal one. */
static void test_normalize_flipped(void)
{
    EVP_PKEY *key = jose_key(A3_KEY);
    struct stir_jws jws;
    UNIT_OK(stir_jws_parse(&jws, A3_TOKEN, strlen(A3_TOKEN), NULL));
    uint8_t low[STIR_ES256_SIG];
    memcpy(low, jws.sig, sizeof(low)); /* A.3's s is in the upper half */
    stir_es256_normalize(low);
    UNIT_CHECK(memcmp(low, jws.sig, sizeof(low)) != 0, "s was not lowered");
    UNIT_CHECK(low[32] < 0x80, "s is not low");
    memcpy(jws.sig, low, sizeof(low));
    UNIT_OK(stir_jws_verify(&jws, key, NULL));
    stir_es256_normalize(low);
    UNIT_CHECK(memcmp(low, jws.sig, sizeof(low)) == 0, "normal form changed again");
    stir_jws_clear(&jws);
    EVP_PKEY_free(key);
}

UNIT_MAIN("es256", {"r and s out of range", test_es256_range}, {"r and s of all lengths", test_es256_lengths},
          {"made ready", test_ready}, {"normalized s", test_normalize_values},
          {"normalized signature", test_normalize_flipped})
