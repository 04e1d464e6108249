/* SPDX-License-Identifier: MIT */
#include "common/passport/msgi.h"

#include "tests/unit/unit.h"

#include <openssl/err.h>

#define TEXT(literal) literal, sizeof(literal) - 1

/* FIPS 180 examples: "abc" and nothing. */
static const struct {
    enum stir_msgi_alg alg;
    const char *body;
    const char *msgi;
} vectors[] = {
    {STIR_MSGI_SHA256, "abc", "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="},
    {STIR_MSGI_SHA384, "abc", "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn"},
    {STIR_MSGI_SHA512, "abc",
     "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="},
    {STIR_MSGI_SHA256, "", "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
};

static void test_vectors(void)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char msgi[STIR_MSGI_MAX];
        size_t n = strlen(vectors[i].body);
        UNIT_OK(stir_msgi_make(msgi, vectors[i].alg, vectors[i].body, n, NULL));
        UNIT_STR(msgi, vectors[i].msgi, "made");
        UNIT_CODE(stir_msgi_check(msgi, strlen(msgi), vectors[i].body, n, NULL), STIR_OK, msgi);
        UNIT_CHECK(stir_msgi_well_formed(msgi, strlen(msgi)), "%s", msgi);
        UNIT_CODE(stir_msgi_check(msgi, strlen(msgi), "abd", 3, NULL), STIR_E_MSGI_MISMATCH, "another body");
        UNIT_CODE(stir_msgi_check(msgi, strlen(msgi), "abc\0", 4, NULL), STIR_E_MSGI_MISMATCH, "an octet more");
    }
    char msgi[STIR_MSGI_MAX] = "untouched";
    UNIT_CODE(stir_msgi_make(msgi, (enum stir_msgi_alg)3, "abc", 3, NULL), STIR_E_INVAL, "no such algorithm");
    UNIT_STR(msgi, "untouched", "out");
    UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA256, NULL, 0, NULL));
    UNIT_STR(msgi, vectors[3].msgi, "an empty body");
}

/* A digest covers every octet, also NULs. */
static void test_whole_body(void)
{
    uint8_t body[1000] = {0};
    char msgi[STIR_MSGI_MAX];
    UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA384, body, sizeof(body), NULL));
    UNIT_OK(stir_msgi_check(msgi, strlen(msgi), body, sizeof(body), NULL));
    for (size_t i = 0; i < sizeof(body); i += 37) {
        body[i] ^= 1;
        UNIT_CHECK(stir_msgi_check(msgi, strlen(msgi), body, sizeof(body), NULL) == STIR_E_MSGI_MISMATCH, "at %zu", i);
        body[i] ^= 1;
    }
    UNIT_CODE(stir_msgi_check(msgi, strlen(msgi), body, sizeof(body) - 1, NULL), STIR_E_MSGI_MISMATCH, "shorter");
}

static const struct {
    const char *msgi;
    size_t n;
    enum stir_code code;
} claims[] = {
    /* RFC 9475 section 3.2 prints 42 octets under the name sha256 */
    {TEXT("sha256-H8BRh8j48O9oYatfu5AZzq6A9RINQZngK7T62em8MUt1FLm52t+eX6xO"), STIR_E_MSGI_MISMATCH},
    {TEXT("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFQ=="), STIR_E_MSGI_MISMATCH}, /* 31 octets */
    {TEXT("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0A"), STIR_E_MSGI_MISMATCH}, /* 33 octets */
    {TEXT("sha256-ungW"), STIR_E_MSGI_MISMATCH},                                         /* 3 octets */
    {TEXT("sha384-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI_MISMATCH}, /* sha256's */
    {TEXT("sha512-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI_MISMATCH},
    {TEXT("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0"), STIR_E_MSGI},   /* no padding */
    {TEXT("sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0="), STIR_E_MSGI},  /* base64url */
    {TEXT("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa1="), STIR_E_MSGI},  /* stray bits */
    {TEXT("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0= "), STIR_E_MSGI}, /* a space */
    {TEXT("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\0"), STIR_E_MSGI},
    {TEXT("sha256-ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), STIR_E_MSGI_MISMATCH}, /* hex */
    {TEXT("sha256ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI},
    {TEXT("sha-256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI},
    {TEXT("SHA256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI},
    {TEXT(" sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI},
    {TEXT("sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0="), STIR_E_MSGI},
    {TEXT("md5-kAFQmDzST7DWlj99KOF/cg=="), STIR_E_MSGI},
    {TEXT("sha3256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI},
    {TEXT("sha256-"), STIR_E_MSGI},
    {TEXT("sha256"), STIR_E_MSGI},
    {TEXT("sha256-===="), STIR_E_MSGI},
    {TEXT("-"), STIR_E_MSGI},
    {TEXT(""), STIR_E_MSGI},
};

static void test_claims(void)
{
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        struct stir_error err = {0};
        UNIT_CODE(stir_msgi_check(claims[i].msgi, claims[i].n, "abc", 3, &err), claims[i].code, claims[i].msgi);
        UNIT_CHECK(err.text[0] != '\0', "%s: no text", claims[i].msgi);
        UNIT_CHECK(!stir_msgi_well_formed(claims[i].msgi, claims[i].n), "%s", claims[i].msgi);
    }
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

static void test_damage(void)
{
    const char *good = vectors[2].msgi;
    char text[STIR_MSGI_MAX * 2];
    size_t n = strlen(good);
    for (size_t i = 0; i < n; i++) {
        UNIT_CHECK(stir_msgi_check(good, i, "abc", 3, NULL) != STIR_OK, "cut at %zu", i);
        (void)snprintf(text, sizeof(text), "%s", good);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        UNIT_CHECK(stir_msgi_check(text, n, "abc", 3, NULL) != STIR_OK, "changed at %zu", i);
    }
    char endless[4096];
    memset(endless, 'A', sizeof(endless));
    memcpy(endless, "sha512-", 7);
    UNIT_CODE(stir_msgi_check(endless, 7 + 4000, "abc", 3, NULL), STIR_E_MSGI_MISMATCH, "3000 octets");
    CU_ASSERT(!stir_msgi_well_formed(endless, 7 + 4000));
}

UNIT_MAIN("msgi", {"known digests", test_vectors}, {"the whole body counts", test_whole_body},
          {"claims that do not match", test_claims}, {"every truncation and every change", test_damage})
