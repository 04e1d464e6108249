/* SPDX-License-Identifier: MIT */
#include "common/jose/jwe.h"
#include "common/jose/jwe_header.h"
#include "tests/unit/jose_jwe.h"

#define EPK_X "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X\"}"
#define ALG "\"alg\":\"ECDH-ES\""
#define CTY "\"cty\":\"passport\""
#define ENC "\"enc\":\"A256GCM\""
#define BASE ALG "," CTY "," ENC ","

struct row {
    const char *header;
    enum stir_code code;
};

static enum stir_code read_json(struct stir_jwe_header *out, const char *json, size_t n)
{
    struct stir_buf text = {0};
    jose_put_b64url(&text, json, n);
    enum stir_code code = stir_jwe_header_read(out, stir_view(text.ptr, text.len), NULL);
    stir_buf_free(&text);
    return code;
}

/* The server's check and the holder's opening refuse for the same reason, whatever the header. */
static void check_rows(const struct row *rows, size_t count, enum stir_curve curve)
{
    EVP_PKEY *key = jose_new_key(curve);
    const char *own = curve == STIR_CURVE_P256 ? JOSE_HEADER_P256 : JOSE_HEADER_X25519;
    for (size_t i = 0; i < count; i++) {
        char *jwe = jose_seal(key, rows[i].header, stir_view_str("aaa.bbb.ccc"));
        struct stir_buf out = {0};
        struct stir_jwe_info info;
        UNIT_CODE(stir_jwe_check(&info, jwe, strlen(jwe), NULL), rows[i].code, rows[i].header);
        UNIT_CODE(stir_jwe_decrypt(&out, jwe, strlen(jwe), key, NULL), rows[i].code, rows[i].header);
        JOSE_QUEUE_EMPTY(rows[i].header);
        if (rows[i].code == STIR_OK) {
            UNIT_STR(out.ptr, "aaa.bbb.ccc", rows[i].header);
            UNIT_CHECK(info.curve == curve && info.ciphertext_len == 11 &&
                           info.a128gcm == (strstr(rows[i].header, "A128GCM") != NULL) &&
                           info.own_header == (strcmp(rows[i].header, own) == 0),
                       "info of %s", rows[i].header);
        } else {
            UNIT_CHECK(out.len == 0, "%s: octets put on failure", rows[i].header);
        }
        stir_buf_free(&out);
        free(jwe);
    }
    EVP_PKEY_free(key);
}

static void test_x25519_headers(void)
{
    static const struct row rows[] = {
        {JOSE_HEADER_X25519, STIR_OK},
        {"{" EPK_X "," ENC "," CTY "," ALG "}", STIR_OK},
        {" {\n\t" ALG " , " CTY ",\r" ENC "," EPK_X "} ", STIR_OK},
        {"{" ALG "," CTY ",\"enc\":\"A128GCM\"," EPK_X "}", STIR_OK},
        {"{\"alg\":\"\\u0045CDH-ES\"," CTY "," ENC "," EPK_X "}", STIR_OK},
        {"{" BASE "\"epk\":{\"x\":\"@X\",\"kty\":\"OKP\",\"crv\":\"X25519\"}}", STIR_OK},
        /* alg and enc */
        {"{\"alg\":\"none\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"dir\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"ECDH-ES+A128KW\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"ECDH-ES+A256KW\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"ECDH-1PU\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"RSA1_5\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"RSA-OAEP\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"A256GCMKW\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"PBES2-HS256+A128KW\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"ecdh-es\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":\"\"," CTY "," ENC "," EPK_X "}", STIR_E_ALG},
        {"{\"alg\":1," CTY "," ENC "," EPK_X "}", STIR_E_JSON},
        {"{\"alg\":[\"ECDH-ES\"]," CTY "," ENC "," EPK_X "}", STIR_E_JSON},
        {"{" CTY "," ENC "," EPK_X "}", STIR_E_JSON},
        {"{" ALG "," CTY ",\"enc\":\"A192GCM\"," EPK_X "}", STIR_E_ALG},
        {"{" ALG "," CTY ",\"enc\":\"A128CBC-HS256\"," EPK_X "}", STIR_E_ALG},
        {"{" ALG "," CTY ",\"enc\":\"C20P\"," EPK_X "}", STIR_E_ALG},
        {"{" ALG "," CTY ",\"enc\":\"a256gcm\"," EPK_X "}", STIR_E_ALG},
        {"{" ALG "," CTY ",\"enc\":null," EPK_X "}", STIR_E_JSON},
        {"{" ALG "," CTY "," EPK_X "}", STIR_E_JSON},
        /* cty */
        {"{" ALG ",\"cty\":\"JWT\"," ENC "," EPK_X "}", STIR_E_JWE},
        {"{" ALG ",\"cty\":\"application/passport\"," ENC "," EPK_X "}", STIR_E_JWE},
        {"{" ALG ",\"cty\":\"Passport\"," ENC "," EPK_X "}", STIR_E_JWE},
        {"{" ALG ",\"cty\":0," ENC "," EPK_X "}", STIR_E_JSON},
        {"{" ALG "," ENC "," EPK_X "}", STIR_E_JSON},
        /* what an envelope does not have */
        {"{" BASE EPK_X ",\"kid\":\"a\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"zip\":\"DEF\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"apu\":\"QWxpY2U\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"apv\":\"Qm9i\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"apu\":\"\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"crit\":[\"exp\"],\"exp\":1}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"crit\":[]}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"typ\":\"JOSE\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"jku\":\"https://a/\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"x5u\":\"https://a/\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"iv\":\"a\"}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"\":null}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"\\n\xc3\xa4\":null}", STIR_E_JWE},
        {"{" BASE EPK_X ",\"Alg\":\"ECDH-ES\"}", STIR_E_JWE},
        /* JSON */
        {"{" BASE EPK_X ",\"alg\":\"ECDH-ES\"}", STIR_E_JSON},
        {"{" BASE EPK_X "," EPK_X "}", STIR_E_JSON},
        {"{" BASE EPK_X "}{}", STIR_E_JSON},
        {"{" BASE EPK_X ",}", STIR_E_JSON},
        {"{" BASE EPK_X, STIR_E_JSON},
        {"[" EPK_X "]", STIR_E_JSON},
        {"[1]", STIR_E_JSON},
        {"\"a\"", STIR_E_JSON},
        {"x", STIR_E_JSON},
        {"{" BASE EPK_X ",\"a\":\"\\u0000\"}", STIR_E_JSON},
        {"{" BASE EPK_X ",\"a\":\"\xc3\x28\"}", STIR_E_JSON},
        {"{" BASE EPK_X ",\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", STIR_E_JSON},
        {"{" BASE EPK_X ",\"a\":1e999}", STIR_E_JSON},
        {"\xef\xbb\xbf" JOSE_HEADER_X25519, STIR_E_JSON},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), STIR_CURVE_X25519);
}

static void test_x25519_epks(void)
{
    static const struct row rows[] = {
        {"{" ALG "," CTY "," ENC "}", STIR_E_JSON},
        {"{" BASE "\"epk\":null}", STIR_E_JSON},
        {"{" BASE "\"epk\":\"@X\"}", STIR_E_JSON},
        {"{" BASE "\"epk\":[]}", STIR_E_JSON},
        {"{" BASE "\"epk\":{}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"kty\":\"OKP\",\"x\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"x\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"OKP\",\"x\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"EC\",\"x\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X448\",\"kty\":\"OKP\",\"x\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"oct\",\"x\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X\",\"y\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X\",\"d\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X\",\"use\":\"enc\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X\",\"kid\":\"a\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X\",\"x\":\"@X\"}}", STIR_E_JSON},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\"}}", STIR_E_JSON},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":1}}", STIR_E_JSON},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X=\"}}", STIR_E_BASE64},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\" @X\"}}", STIR_E_BASE64},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@XA\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@XAA\"}}", STIR_E_BASE64},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"@X@X\"}}", STIR_E_JWE},
        /* 31 and 33 octets, low order, the base point with stray bits */
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
         STIR_E_JWE},
        {"{" BASE
         "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
         STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
         STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA\"}}",
         STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"}}",
         STIR_E_BASE64},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), STIR_CURVE_X25519);
}

static void test_p256_epks(void)
{
    static const struct row rows[] = {
        {JOSE_HEADER_P256, STIR_OK},
        {"{" BASE "\"epk\":{\"y\":\"@Y\",\"x\":\"@X\",\"kty\":\"EC\",\"crv\":\"P-256\"}}", STIR_OK},
        {"{" ALG "," CTY ",\"enc\":\"A128GCM\",\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"@X\",\"y\":\"@Y\"}}",
         STIR_OK},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"OKP\",\"x\":\"@X\",\"y\":\"@Y\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-384\",\"kty\":\"EC\",\"x\":\"@X\",\"y\":\"@Y\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"secp256k1\",\"kty\":\"EC\",\"x\":\"@X\",\"y\":\"@Y\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"@X\"}}", STIR_E_JSON},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"y\":\"@Y\"}}", STIR_E_JSON},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"@X\",\"y\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"@Y\",\"y\":\"@X\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"@X\",\"y\":\"@Y\",\"z\":\"@Y\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"@X\",\"y\":\"\"}}", STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"\",\"y\":\"\"}}", STIR_E_JWE},
        /* infinity */
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}",
         STIR_E_JWE},
        /* x = 5; then x = 5 + p; then 5 without its leading zeros */
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"_____wAAAAEAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAQ\","
         "\"y\":\"RZJDuapYGAb-kTvOmYF63hHKUDxk2aPFM0FcCDJI-8w\"}}",
         STIR_E_JWE},
        {"{" BASE "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"BQ\","
         "\"y\":\"RZJDuapYGAb-kTvOmYF63hHKUDxk2aPFM0FcCDJI-8w\"}}",
         STIR_E_JWE},
    };
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), STIR_CURVE_P256);
}

/* Our own text is compact and sorted; what it says comes back. */
static void test_write(void)
{
    for (unsigned curve = STIR_CURVE_P256; curve <= STIR_CURVE_X25519; curve++) {
        EVP_PKEY *key = jose_new_key(curve);
        struct stir_point epk;
        char text[STIR_JWE_HEADER_B64];
        struct stir_buf expected = {0};
        struct stir_jwe_header header;
        UNIT_OK(stir_point_of(&epk, key, NULL));
        size_t len = stir_jwe_header_write(text, &epk);
        struct stir_buf json = {0};
        jose_fill_header(&json, curve == STIR_CURVE_P256 ? JOSE_HEADER_P256 : JOSE_HEADER_X25519, &epk);
        jose_put_b64url(&expected, json.ptr, json.len);
        UNIT_CHECK(len == expected.len && memcmp(text, expected.ptr, len) == 0, "curve %u", curve);
        UNIT_OK(stir_jwe_header_read(&header, stir_view(text, len), NULL));
        UNIT_CHECK(header.epk.curve == curve && !header.a128gcm &&
                       memcmp(header.epk.octets, epk.octets, sizeof(epk.octets)) == 0,
                   "curve %u read back", curve);
        stir_buf_free(&json);
        stir_buf_free(&expected);
        EVP_PKEY_free(key);
    }
}

static bool same_header(const struct stir_jwe_header *a, const struct stir_jwe_header *b)
{
    return a->a128gcm == b->a128gcm && a->epk.curve == b->epk.curve &&
           memcmp(a->epk.octets, b->epk.octets, sizeof(a->epk.octets)) == 0;
}

/* A space in front keeps a text off the fast way and changes nothing else. */
static void compare_ways(const char *json, size_t n, size_t at, unsigned char octet)
{
    char spaced[512] = " ";
    struct stir_jwe_header fast = {0};
    struct stir_jwe_header strict = {0};
    memcpy(spaced + 1, json, n);
    enum stir_code one = read_json(&fast, json, n);
    enum stir_code other = read_json(&strict, spaced, n + 1);
    UNIT_CHECK(one == other && same_header(&fast, &strict), "0x%02x at %zu: %s and %s", octet, at, stir_error_name(one),
               stir_error_name(other));
}

static void test_both_ways_agree(void)
{
    static const unsigned char octets[] = {'A', 'B', 'z', '0',  '_', '-',  '+',  '/',
                                           '=', ' ', '"', '\\', '}', '\0', 0xc3, 0x80};
    for (unsigned curve = STIR_CURVE_P256; curve <= STIR_CURVE_X25519; curve++) {
        EVP_PKEY *key = jose_new_key(curve);
        struct stir_point epk;
        struct stir_buf json = {0};
        UNIT_OK(stir_point_of(&epk, key, NULL));
        jose_fill_header(&json, curve == STIR_CURVE_P256 ? JOSE_HEADER_P256 : JOSE_HEADER_X25519, &epk);
        compare_ways(json.ptr, json.len, 0, 0);
        for (size_t at = 0; at < json.len; at++) {
            char kept = json.ptr[at];
            for (size_t i = 0; i < sizeof(octets); i++) {
                json.ptr[at] = (char)octets[i];
                compare_ways(json.ptr, json.len, at, octets[i]);
            }
            json.ptr[at] = kept;
            compare_ways(json.ptr, at, at, 0);
        }
        stir_buf_free(&json);
        EVP_PKEY_free(key);
    }
}

/* All 24 orders of the members, and all 24 of P-256's epk: the same result as our own text. */
static void test_any_order(void)
{
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    struct stir_point epk;
    UNIT_OK(stir_point_of(&epk, key, NULL));
    for (unsigned i = 0; i < 256; i++) {
        unsigned a = i & 3;
        unsigned b = i >> 2 & 3;
        unsigned c = i >> 4 & 3;
        unsigned d = i >> 6 & 3;
        if ((1u << a | 1u << b | 1u << c | 1u << d) != 15) {
            continue;
        }
        static const char *const inner[] = {"\"crv\":\"P-256\"", "\"kty\":\"EC\"", "\"x\":\"@X\"", "\"y\":\"@Y\""};
        struct stir_buf point = {0};
        struct stir_buf format = {0};
        struct stir_buf json = {0};
        stir_buf_printf(&point, "\"epk\":{%s,%s,%s,%s}", inner[a], inner[b], inner[c], inner[d]);
        const char *const outer[] = {ALG, CTY, ENC, point.ptr};
        stir_buf_printf(&format, "{%s,%s,%s,%s}", outer[a], outer[b], outer[c], outer[d]);
        jose_fill_header(&json, format.ptr, &epk);
        struct stir_jwe_header header = {0};
        UNIT_CODE(read_json(&header, json.ptr, json.len), STIR_OK, json.ptr);
        UNIT_CHECK(memcmp(header.epk.octets, epk.octets, sizeof(epk.octets)) == 0, "epk of %s", json.ptr);
        stir_buf_free(&point);
        stir_buf_free(&format);
        stir_buf_free(&json);
    }
    EVP_PKEY_free(key);
}

static void test_sizes(void)
{
    struct stir_point epk = {.curve = STIR_CURVE_X25519, .octets = {9}};
    struct stir_buf json = {0};
    jose_fill_header(&json, JOSE_HEADER_X25519, &epk);
    struct stir_jwe_header header = {.a128gcm = true};
    while (json.len < STIR_JWE_HEADER_MAX) {
        stir_buf_puts(&json, " ");
    }
    UNIT_CODE(read_json(&header, json.ptr, json.len), STIR_OK, "limit");
    header.a128gcm = true;
    stir_buf_puts(&json, " ");
    UNIT_CODE(read_json(&header, json.ptr, json.len), STIR_E_TOO_BIG, "limit + 1");
    UNIT_CHECK(header.a128gcm, "touched on failure");
    stir_buf_free(&json);
    UNIT_CODE(stir_jwe_header_read(&header, stir_view("e30=", 4), NULL), STIR_E_BASE64, "padding");
    UNIT_CODE(stir_jwe_header_read(&header, stir_view("", 0), NULL), STIR_E_JSON, "nothing");
}

/* A member is named, but not with whatever somebody chose for a name: the text goes to a log. */
static void test_named_members(void)
{
    static const struct {
        const char *member;
        const char *named;
    } rows[] = {
        {"kid", "member kid"},
        {"x5t#S256", "member x5t#S256"},
        {"abcdefghijklmnopqrstuvwxyzABCDEF", "member abcdefghijklmnopqrstuvwxyzABCDEF"},
        {"abcdefghijklmnopqrstuvwxyzABCDEFG", "has a member that"},
        {"", "has a member that"},
        {"a\\nb", "has a member that"},
        {"a b", "has a member that"},
        {"\xc3\xa4", "has a member that"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_point epk = {.curve = STIR_CURVE_X25519, .octets = {9}};
        struct stir_buf format = {0};
        struct stir_buf json = {0};
        struct stir_buf text = {0};
        struct stir_error err = {0};
        struct stir_jwe_header header;
        stir_buf_printf(&format, "{" BASE EPK_X ",\"%s\":1}", rows[i].member);
        jose_fill_header(&json, format.ptr, &epk);
        jose_put_b64url(&text, json.ptr, json.len);
        UNIT_CODE(stir_jwe_header_read(&header, stir_view(text.ptr, text.len), &err), STIR_E_JWE, rows[i].member);
        UNIT_CHECK(strstr(err.text, rows[i].named), "%s: %s", rows[i].member, err.text);
        stir_buf_free(&format);
        stir_buf_free(&json);
        stir_buf_free(&text);
    }
}

UNIT_MAIN("jwe_header", {"headers", test_x25519_headers}, {"epk on X25519", test_x25519_epks},
          {"epk on P-256", test_p256_epks}, {"our own text", test_write}, {"both ways agree", test_both_ways_agree},
          {"any order of members", test_any_order}, {"named members", test_named_members}, {"sizes", test_sizes})
