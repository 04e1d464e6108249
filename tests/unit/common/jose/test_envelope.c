/* SPDX-License-Identifier: MIT */
#include "common/jose/envelope.h"
#include "tests/unit/jose_jwe.h"

#define TOKEN "eyJhbGciOiJFUzI1NiJ9.eyJpYXQiOjF9.c2lnbmF0dXJl"
#define BOB                                                                                                            \
    "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\","                       \
    "\"d\":\"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os\"}"

/* Made by python3-jwcrypto 1.1: {"passport":"aaa.bbb.ccc","x5c":["MAA=","MAMCAQE="]} and 195 spaces. */
#define FOREIGN_X5C                                                                                                    \
    "eyJhbGciOiJFQ0RILUVTIiwiY3R5IjoicGFzc3BvcnQiLCJlbmMiOiJBMjU2R0NNIiwiZXBrIjp7ImNydiI6IlgyNTUxOSIsImt0eSI6Ik9LUCIs" \
    "IngiOiJ0R1NWZV9JUUlHWHZMaVRGNHYzLWNOS05qY095OGVVYlRJVjk2c3dCQlVrIn19..T6VW5w4V3w8noGIk.-2sdLCKsa0HocdWY3SJ8DEI92" \
    "FpNkU4C1-_ofI6DDIO80-uXVZPneJCrUa_IGcwx_AgZIgm6F2fXv8YBjU4lbW6Yb4EuOfIS2BnG-76Z1zliKv9U7Z9cspSViggpkPiiG6eHPMzkO" \
    "SEfl31C2APM1w2f10iG59pUuc6tTXd4ump_BcYVSBq0HHKIHjuZqU5wY6k0mOUAP4aNomhg_m07SNfQ5KbTykKjS2mv74dTdhoSIRFRPvXkLCihh" \
    "kjnRYoZlii6vaGoc7P6sGOiwkJHk5KfY4QK0EHmitzPc9jfx0MJTT996PmhesM61IuwmftL8DC4pxF8E_dGDfiKlO1dhQ.u2ygEpMrdzGePjYY_C" \
    "Vu5g"

static void test_round_trip(void)
{
    static const char big[3000];
    const struct stir_view chain[STIR_X5C_MAX] = {{"\x30\x00", 2}, {"\x30\x03\x02\x01\x01", 5},
                                                  {big, 1000},     {big, 1},
                                                  {big, 2},        {big, 3},
                                                  {big, 999},      {"z", 1}};
    for (size_t count = 0; count <= STIR_X5C_MAX; count++) {
        EVP_PKEY *key = jose_new_key(count % 2 ? STIR_CURVE_P256 : STIR_CURVE_X25519);
        struct stir_buf jwe = {0};
        struct stir_opened opened;
        struct stir_jwe_info info;
        UNIT_OK(stir_envelope_seal(&jwe, TOKEN, strlen(TOKEN), count ? chain : NULL, count, key, NULL));
        UNIT_OK(stir_jwe_check(&info, jwe.ptr, jwe.len, NULL));
        UNIT_OK(stir_envelope_check_form(&info, NULL));
        if (UNIT_OK(stir_envelope_open(&opened, jwe.ptr, jwe.len, key, NULL))) {
            UNIT_CHECK(stir_view_is(opened.passport, TOKEN) && opened.x5c_count == count, "%zu certificates", count);
            for (size_t i = 0; i < count; i++) {
                UNIT_CHECK(opened.x5c[i].len == chain[i].len &&
                               memcmp(opened.x5c[i].ptr, chain[i].ptr, chain[i].len) == 0,
                           "certificate %zu of %zu", i, count);
            }
            stir_opened_clear(&opened);
            UNIT_CHECK(!opened.plaintext.ptr && !opened.owned && !opened.x5c_count, "cleared");
        }
        stir_buf_free(&jwe);
        EVP_PKEY_free(key);
    }
}

static void test_made_elsewhere(void)
{
    EVP_PKEY *key = jose_key(BOB);
    struct stir_opened opened;
    if (UNIT_OK(stir_envelope_open(&opened, FOREIGN_X5C, strlen(FOREIGN_X5C), key, NULL))) {
        UNIT_CHECK(stir_view_is(opened.passport, "aaa.bbb.ccc") && opened.x5c_count == 2, "content");
        UNIT_CHECK(opened.x5c[0].len == 2 && memcmp(opened.x5c[0].ptr, "\x30\x00", 2) == 0, "leaf");
        UNIT_CHECK(opened.x5c[1].len == 5 && memcmp(opened.x5c[1].ptr, "\x30\x03\x02\x01\x01", 5) == 0, "issuer");
        stir_opened_clear(&opened);
    }
    EVP_PKEY_free(key);
}

/* The plaintext itself: the token and spaces, to the next allowed length. */
static void test_padding(void)
{
    static const struct {
        size_t token;
        size_t padded;
    } rows[] = {{5, 512},     {511, 512},   {512, 512},   {513, 1024},  {1024, 1024}, {1025, 2048},
                {2048, 2048}, {2049, 4096}, {4096, 4096}, {4097, 8192}, {8192, 8192}};
    EVP_PKEY *key = jose_key(BOB);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char token[8192];
        struct stir_buf jwe = {0};
        struct stir_buf plain = {0};
        memset(token, 'a', sizeof(token));
        token[1] = '.';
        token[3] = '.';
        UNIT_OK(stir_envelope_seal(&jwe, token, rows[i].token, NULL, 0, key, NULL));
        UNIT_OK(stir_jwe_decrypt(&plain, jwe.ptr, jwe.len, key, NULL));
        UNIT_CHECK(plain.len == rows[i].padded, "%zu octets padded to %zu", rows[i].token, plain.len);
        UNIT_CHECK(plain.ptr && memcmp(plain.ptr, token, rows[i].token) == 0, "the token in front");
        UNIT_CHECK(plain.ptr && strspn(plain.ptr + rows[i].token, " ") == rows[i].padded - rows[i].token, "spaces");
        stir_buf_free(&jwe);
        stir_buf_cleanse(&plain);
    }
    EVP_PKEY_free(key);
}

/* The very JSON text, so that others read it. */
static void test_json_form(void)
{
    static const char expected[] = "{\"passport\":\"" TOKEN "\",\"x5c\":[\"MAA=\",\"MAMCAQE=\"]}";
    const struct stir_view chain[] = {{"\x30\x00", 2}, {"\x30\x03\x02\x01\x01", 5}};
    EVP_PKEY *key = jose_key(BOB);
    struct stir_buf jwe = {0};
    struct stir_buf plain = {0};
    UNIT_OK(stir_envelope_seal(&jwe, TOKEN, strlen(TOKEN), chain, 2, key, NULL));
    UNIT_OK(stir_jwe_decrypt(&plain, jwe.ptr, jwe.len, key, NULL));
    UNIT_CHECK(plain.len == 512 && strncmp(plain.ptr, expected, strlen(expected)) == 0, "%s", plain.ptr);
    UNIT_CHECK(strspn(plain.ptr + strlen(expected), " ") == 512 - strlen(expected), "padding");
    stir_buf_free(&jwe);
    stir_buf_cleanse(&plain);
    EVP_PKEY_free(key);
}

static void test_plaintexts(void)
{
    static const struct {
        const char *text;
        size_t len; /* 0: all of it */
        enum stir_code code;
    } rows[] = {
        {TOKEN, 0, STIR_OK},
        {TOKEN "                ", 0, STIR_OK},
        {"a.b.c", 0, STIR_OK},
        {"AZaz09-_.AZaz09-_.AZaz09-_", 0, STIR_OK},
        {"@.b.c", 0, STIR_E_PLAINTEXT},
        {"[.b.c", 0, STIR_E_PLAINTEXT},
        {"`.b.c", 0, STIR_E_PLAINTEXT},
        {"a{.b.c", 0, STIR_E_PLAINTEXT},
        {"/.b.c", 0, STIR_E_PLAINTEXT},
        {":.b.c", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\"]}", 0, STIR_OK},
        {" {\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"x5c\":[\"MAA=\"],\"passport\":\"a.b.c\"}  ", 0, STIR_OK},
        {"{ \"passport\" : \"a.b.c\" ,\n\"x5c\" : [ \"MAA=\" ] }\n ", 0, STIR_OK},
        /* only spaces are padding */
        {TOKEN "\n", 0, STIR_E_PLAINTEXT},
        {TOKEN "\t ", 0, STIR_E_PLAINTEXT},
        {TOKEN "\0\0\0", sizeof(TOKEN) + 2, STIR_E_PLAINTEXT},
        {TOKEN "\r\n  ", 0, STIR_E_PLAINTEXT},
        {" " TOKEN, 0, STIR_E_PLAINTEXT},
        {TOKEN " x", 0, STIR_E_PLAINTEXT},
        {"                ", 0, STIR_E_PLAINTEXT},
        /* neither form */
        {"..", 0, STIR_E_PLAINTEXT},
        {"a.b", 0, STIR_E_PLAINTEXT},
        {"a..c", 0, STIR_E_PLAINTEXT},
        {".b.c", 0, STIR_E_PLAINTEXT},
        {"a.b.", 0, STIR_E_PLAINTEXT},
        {"a.b.c.d", 0, STIR_E_PLAINTEXT},
        {"a.b.c.d.e", 0, STIR_E_PLAINTEXT},
        {"a.b.c=", 0, STIR_E_PLAINTEXT},
        {"a.b.c;info=<https://a/>", 0, STIR_E_PLAINTEXT},
        {"a+.b.c", 0, STIR_E_PLAINTEXT},
        {"\"a.b.c\"", 0, STIR_E_PLAINTEXT},
        {"[\"a.b.c\"]", 0, STIR_E_PLAINTEXT},
        {"Hello, world", 0, STIR_E_PLAINTEXT},
        {"\xff\xfe", 0, STIR_E_PLAINTEXT},
        /* JSON */
        {"{}", 0, STIR_E_PLAINTEXT},
        {"{", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\"}", 0, STIR_OK},
        {"{\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":null}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":\"MAA=\"}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":{}}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[1]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\",\"\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[[\"MAA=\"]]}", 0, STIR_OK},
        {"{\"passport\":1,\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":[\"a.b.c\"],\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"\",\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c \",\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b\",\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\"],\"x\":1}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\"],\"x5c\":[\"MAA=\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\"]}x", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\"]", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\\u0000\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"\xc3\x28\"]}", 0, STIR_E_PLAINTEXT},
        {"{\"passport\":\"a.b.c\",\"x5c\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", 0, STIR_E_PLAINTEXT},
        /* x5c is standard base64 with its padding (RFC 7515 section 4.1.6); F27: one that is not leaves x5u */
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA==\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAB=\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MA A\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MAA=\\n\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MA-_\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MA+/\"]}", 0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\"]}",
         0, STIR_OK},
        {"{\"passport\":\"a.b.c\",\"x5c\":[\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\",\"MA==\","
         "\"MA==\"]}",
         0, STIR_OK},
    };
    EVP_PKEY *key = jose_key(BOB);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = rows[i].len ? rows[i].len : strlen(rows[i].text);
        char *jwe = jose_seal(key, JOSE_HEADER_X25519, stir_view(rows[i].text, len));
        struct stir_opened opened = {.x5c_count = 99};
        struct stir_error err = {0};
        enum stir_code code = stir_envelope_open(&opened, jwe, strlen(jwe), key, &err);
        UNIT_CODE(code, rows[i].code, rows[i].text);
        JOSE_QUEUE_EMPTY(rows[i].text);
        if (code == STIR_OK) {
            stir_opened_clear(&opened);
        } else {
            UNIT_CHECK(opened.x5c_count == 99 && !opened.plaintext.ptr, "%s: touched on failure", rows[i].text);
            UNIT_CHECK(err.code == code && err.text[0] && !strstr(err.text, "a.b.c"), "%s: text %s", rows[i].text,
                       err.text);
        }
        free(jwe);
    }
    EVP_PKEY_free(key);
}

static void test_seal_refuses(void)
{
    static const char big[STIR_JWE_MAX + 1];
    static const struct stir_view one[] = {{"\x30\x00", 2}};
    static const struct stir_view empty[] = {{"\x30\x00", 2}, {"", 0}};
    static const struct stir_view huge[] = {{big, sizeof(big)}};
    static const struct stir_view large[] = {{big, 12000}};
    static const struct stir_view nine[9] = {{"a", 1}, {"a", 1}, {"a", 1}, {"a", 1}, {"a", 1},
                                             {"a", 1}, {"a", 1}, {"a", 1}, {"a", 1}};
    const struct {
        const char *label;
        const char *passport;
        const struct stir_view *x5c;
        size_t count;
        enum stir_code code;
    } rows[] = {
        {"good", TOKEN, one, 1, STIR_OK},
        {"empty", "", NULL, 0, STIR_E_INVAL},
        {"two parts", "a.b", NULL, 0, STIR_E_INVAL},
        {"compact PASSporT", "..abc", NULL, 0, STIR_E_INVAL},
        {"trailing space", TOKEN " ", NULL, 0, STIR_E_INVAL},
        {"a quote", "a\".b.c", one, 1, STIR_E_INVAL},
        {"JSON", "{\"passport\":\"a.b.c\"}", NULL, 0, STIR_E_INVAL},
        {"count without chain", TOKEN, NULL, 1, STIR_E_INVAL},
        {"nine certificates", TOKEN, nine, 9, STIR_E_INVAL},
        {"an empty certificate", TOKEN, empty, 2, STIR_E_INVAL},
        {"a huge certificate", TOKEN, huge, 1, STIR_E_TOO_BIG},
        {"a certificate that does not fit", TOKEN, large, 1, STIR_E_TOO_BIG},
    };
    EVP_PKEY *key = jose_key(BOB);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_buf out = {0};
        enum stir_code code =
            stir_envelope_seal(&out, rows[i].passport, strlen(rows[i].passport), rows[i].x5c, rows[i].count, key, NULL);
        UNIT_CODE(code, rows[i].code, rows[i].label);
        UNIT_CHECK((code == STIR_OK) == (out.len > 0), "%s: %zu octets", rows[i].label, out.len);
        stir_buf_free(&out);
    }
    char *token = malloc(STIR_JWE_MAX + 10);
    memset(token, 'a', STIR_JWE_MAX + 10);
    token[1] = token[3] = '.';
    struct stir_buf out = {0};
    UNIT_CODE(stir_envelope_seal(&out, token, STIR_JWE_MAX + 10, NULL, 0, key, NULL), STIR_E_TOO_BIG, "a huge token");
    UNIT_CODE(stir_envelope_seal(&out, token, STIR_ENVELOPE_LENGTH_MAX + 1, NULL, 0, key, NULL), STIR_E_TOO_BIG,
              "one that does not fit");
    UNIT_CODE(stir_envelope_seal(&out, TOKEN, strlen(TOKEN), NULL, 0, NULL, NULL), STIR_E_KEY, "no key");
    UNIT_CHECK(out.len == 0, "octets put on failure");
    free(token);
    EVP_PKEY_free(key);
}

/* A PASSporT and its chain that fill the longest envelope to the last octet; one octet more is refused. */
static void test_largest(void)
{
    EVP_PKEY *key = jose_key(BOB);
    static char cert[999];
    const struct stir_view chain[] = {{cert, sizeof(cert)}, {cert, sizeof(cert)}};
    const size_t room = STIR_ENVELOPE_LENGTH_MAX - strlen("{\"passport\":\"\",\"x5c\":[\"\",\"\"]}") - 2 * 1332;
    char *token = malloc(8192);
    struct stir_buf jwe = {0};
    struct stir_opened opened;
    memset(token, 'a', 8192);
    token[1] = token[3] = '.';
    UNIT_CODE(stir_envelope_seal(&jwe, token, room + 1, chain, 2, key, NULL), STIR_E_TOO_BIG, "one octet more");
    UNIT_OK(stir_envelope_seal(&jwe, token, room, chain, 2, key, NULL));
    if (UNIT_OK(stir_envelope_open(&opened, jwe.ptr, jwe.len, key, NULL))) {
        UNIT_CHECK(opened.passport.len == room && opened.x5c_count == 2, "content");
        stir_opened_clear(&opened);
    }
    free(token);
    stir_buf_free(&jwe);
    EVP_PKEY_free(key);
}

static void test_open_refuses(void)
{
    EVP_PKEY *key = jose_key(BOB);
    EVP_PKEY *other = jose_new_key(STIR_CURVE_X25519);
    struct stir_opened opened = {.x5c_count = 99};
    size_t len = strlen(FOREIGN_X5C);
    char *jwe = strdup(FOREIGN_X5C);
    for (size_t n = 0; n < len; n++) {
        UNIT_CHECK(stir_envelope_open(&opened, jwe, n, key, NULL) != STIR_OK, "the first %zu octets open", n);
    }
    UNIT_CODE(stir_envelope_open(&opened, jwe, len, other, NULL), STIR_E_DECRYPT, "another key");
    UNIT_CHECK(opened.x5c_count == 99, "touched on failure");
    free(jwe);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

UNIT_MAIN("envelope", {"seal and open", test_round_trip}, {"made elsewhere", test_made_elsewhere},
          {"padding", test_padding}, {"JSON form", test_json_form}, {"plaintexts", test_plaintexts},
          {"what is not sealed", test_seal_refuses}, {"the largest", test_largest},
          {"what is not opened", test_open_refuses})
