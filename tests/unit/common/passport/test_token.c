/* SPDX-License-Identifier: MIT */
#include "common/passport/token.h"

#include "common/cert/x5c.h"
#include "common/jose/b64.h"
#include "tests/unit/certs.h"
#include "tests/unit/passport_fixture.h"

/* Bearer tokens as ATIS clients make them, and what somebody who wants in would send instead. */
#define NOW INT64_C(1700000000)
#define HEADER "{\"alg\":\"ES256\",\"x5u\":\"https://cert.example.org/sp.pem\"}"
#define NAMES "\"orig\":{\"tn\":\"12155551212\"},\"dest\":{\"tn\":[\"12125551212\"]}"
#define REST "\"iss\":\"1234\",\"aud\":\"cps.example.org\",\"jti\":\"7e1b5e6c-0000-4000-8000-000000000001\""
#define FRESH "\"iat\":1700000000"
#define PUBLISH "\"action\":\"publish\""
#define GOOD "{" FRESH "," PUBLISH "," REST "," NAMES "}"

static struct stir_token_spec good_spec(const struct stir_identity *orig, const struct stir_identity *dest)
{
    return (struct stir_token_spec){.iss = "1234",
                                    .spc = "1234",
                                    .aud = "cps.example.org",
                                    .action = STIR_TOKEN_PUBLISH,
                                    .orig = orig,
                                    .dest = dest,
                                    .iat = NOW,
                                    .exp = NOW + 30,
                                    .x5u = "https://cert.example.org/sp.pem"};
}

static const char *const our_names[] = {"cps.example.org", "CPS2.example.org"};

static struct stir_token_expect good_expect(const struct stir_identity *orig, const struct stir_identity *dest)
{
    return (struct stir_token_expect){.now = NOW,
                                      .max_age_s = 60,
                                      .skew_s = 5,
                                      .aud = our_names,
                                      .aud_count = 2,
                                      .action = STIR_TOKEN_PUBLISH,
                                      .orig = orig,
                                      .dest = dest,
                                      .spc = "1234"};
}

/* ---- making and reading back ---- */

static void test_round_trip(void)
{
    make_key();
    struct stir_identity orig = identity("+12155551212"), dest = identity("+12125551212");
    struct stir_token_spec spec = good_spec(&orig, &dest);
    char digest[STIR_TOKEN_DIGEST];
    UNIT_OK(stir_token_digest_envelope(digest, stir_view_str("a.b.c.d.e"), NULL));
    spec.passports = digest;
    struct stir_buf text = {0};
    struct stir_error err = {0};
    UNIT_CODE(stir_token_make(&text, &spec, signing_key, &err), STIR_OK, err.text);
    struct stir_token token = {0};
    UNIT_CODE(stir_token_parse(&token, text.ptr, text.len, 0, &err), STIR_OK, err.text);
    UNIT_STR(token.iss, "1234", "iss");
    UNIT_STR(token.spc, "1234", "spc");
    UNIT_STR(token.sub, NULL, "sub");
    UNIT_STR(token.orig.text, "12155551212", "orig");
    UNIT_STR(token.dest.text, "12125551212", "dest");
    UNIT_STR(token.x5u, "https://cert.example.org/sp.pem", "x5u");
    CU_ASSERT_EQUAL(token.iat, NOW);
    CU_ASSERT_EQUAL(token.exp, NOW + 30);
    CU_ASSERT_EQUAL(token.nbf, -1);
    CU_ASSERT_EQUAL(strlen(token.jti), STIR_TOKEN_UUID - 1);
    struct stir_token_expect expect = good_expect(&orig, &dest);
    expect.has_body = true;
    expect.body = stir_view_str("a.b.c.d.e\n");
    expect.passports = stir_view_str("[\"a.b.c.d.e\"]");
    UNIT_CODE(stir_token_check(&token, &expect, &err), STIR_OK, err.text);
    UNIT_OK(stir_token_verify_signature(&token, signing_key, NULL));
    token.jws.sig[40] ^= 1;
    UNIT_CODE(stir_token_verify_signature(&token, signing_key, NULL), STIR_E_SIGNATURE, "a bit of the signature");
    stir_token_clear(&token);
    stir_buf_free(&text);
    free_key();
}

static void test_spec(void)
{
    make_key();
    struct stir_identity dest = identity("+12125551212");
    const struct stir_view der = stir_view_str("der");
    struct stir_token_spec bad[9];
    for (size_t i = 0; i < 9; i++) {
        bad[i] = good_spec(NULL, &dest);
    }
    bad[0].iss = NULL;
    bad[1].aud = "";
    bad[2].action = STIR_TOKEN_ACTIONS;
    bad[3].iat = -1;
    bad[4].x5u = NULL;
    bad[5].x5c = &der;
    bad[5].x5c_count = 1;
    bad[6].x5u = "http://cert.example.org/";
    bad[7].spc = "123456789012345678901234567890123";
    bad[8].jti = "";
    for (size_t i = 0; i < 9; i++) {
        struct stir_buf text = {0};
        struct stir_error err = {0};
        UNIT_CHECK(stir_token_make(&text, &bad[i], signing_key, &err) == STIR_E_INVAL, "row %zu: %s", i, err.text);
        CU_ASSERT_EQUAL(text.len, 0);
    }
    free_key();
}

/* The claim as deployed clients compute it: node's hash('sha256', JSON.stringify([passport]), 'base64'), and base64url
 * of the whole body; both computed with openssl dgst. */
static void test_digests(void)
{
    char text[STIR_TOKEN_DIGEST];
    UNIT_OK(stir_token_digest_array(text, stir_view_str("[\"abc\"]"), NULL));
    UNIT_STR(text, "sha256-AvOT6pNYVgiCwf55e/mdYAqkZDpoJ22OPXFNHE8Zrsw=", "array");
    UNIT_OK(stir_token_digest_envelope(text, stir_view_str("abc"), NULL));
    UNIT_STR(text, "sha256-AvOT6pNYVgiCwf55e/mdYAqkZDpoJ22OPXFNHE8Zrsw=", "envelope");
    UNIT_OK(stir_token_digest_body(text, stir_view_str("abc"), NULL));
    UNIT_STR(text, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0", "body");
    UNIT_OK(stir_token_digest_body(text, stir_view(NULL, 0), NULL));
    UNIT_STR(text, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "nothing");
}

static void test_uuid(void)
{
    char a[STIR_TOKEN_UUID], b[STIR_TOKEN_UUID];
    UNIT_OK(stir_token_uuid(a, NULL));
    UNIT_OK(stir_token_uuid(b, NULL));
    CU_ASSERT_EQUAL(strlen(a), 36);
    CU_ASSERT_EQUAL(a[14], '4');
    CU_ASSERT(strchr("89ab", a[19]) != NULL);
    CU_ASSERT(strcmp(a, b) != 0);
}

/* ---- reading ---- */

static void test_refusals(void)
{
    static const struct {
        const char *header, *claims;
        enum stir_code code;
        const char *text;
    } rows[] = {
        {HEADER, GOOD, STIR_OK, ""},
        {"{\"alg\":\"ES256\",\"typ\":\"jwt\",\"x5u\":\"https://a/b\"}", GOOD, STIR_OK, ""},
        {"{\"alg\":\"none\",\"x5u\":\"https://a/b\"}", GOOD, STIR_E_ALG, "alg: only ES256 is accepted"},
        {"{\"alg\":\"HS256\",\"x5u\":\"https://a/b\"}", GOOD, STIR_E_ALG, "alg: only ES256 is accepted"},
        {"{\"alg\":\"es256\",\"x5u\":\"https://a/b\"}", GOOD, STIR_E_ALG, "alg: only ES256 is accepted"},
        {"{\"alg\":\"ES256\",\"typ\":\"passport\",\"x5u\":\"https://a/b\"}", GOOD, STIR_E_JWS,
         "the token's typ is not JWT"},
        {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5u\":\"https://a/b\"}", GOOD, STIR_E_JWS,
         "the token's typ is not JWT"},
        {"{\"alg\":\"ES256\",\"typ\":1,\"x5u\":\"https://a/b\"}", GOOD, STIR_E_JWS, "the token's typ is not JWT"},
        {"{\"alg\":\"ES256\"}", GOOD, STIR_E_JWS, "the token's header has neither x5u nor x5c"},
        {"{\"alg\":\"ES256\",\"x5u\":\"https://a/b\",\"x5c\":[\"MA==\"]}", GOOD, STIR_E_JWS,
         "the token's header has both x5u and x5c"},
        {"{\"alg\":\"ES256\",\"x5u\":[]}", GOOD, STIR_E_JWS, "the token's x5u is not a string"},
        {"{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"x5u\":\"https://a/b\"}", GOOD, STIR_E_CRIT,
         "the header has the member crit"},
        {"{\"alg\":\"ES256\",\"jwk\":{},\"x5u\":\"https://a/b\"}", GOOD, STIR_E_JWS, "the header has the member jwk"},
        {HEADER, "{" FRESH "," REST "}", STIR_E_JWS, "the token's action is missing"},
        {HEADER, "{" FRESH ",\"action\":\"PUBLISH\"," REST "}", STIR_E_JWS, "the token's action is unknown"},
        {HEADER, "{" PUBLISH "," REST "}", STIR_E_JWS, "the token's iat is missing"},
        {HEADER, "{\"iat\":1.5," PUBLISH "," REST "}", STIR_OK, ""},
        {HEADER, "{\"iat\":-0.5," PUBLISH "," REST "}", STIR_E_JWS,
         "the token's iat is not a number of seconds since 1970"},
        {HEADER, "{\"iat\":1e300," PUBLISH "," REST "}", STIR_E_JWS,
         "the token's iat is not a number of seconds since 1970"},
        {HEADER, "{\"iat\":\"1\"," PUBLISH "," REST "}", STIR_E_JWS,
         "the token's iat is not a number of seconds since 1970"},
        {HEADER, "{\"iat\":-1," PUBLISH "," REST "}", STIR_E_JWS,
         "the token's iat is not a number of seconds since 1970"},
        {HEADER, "{\"iat\":9007199254740993," PUBLISH "," REST "}", STIR_E_JWS,
         "the token's iat is not a number of seconds since 1970"},
        {HEADER, "{" FRESH ",\"exp\":null," PUBLISH "," REST "}", STIR_E_JWS,
         "the token's exp is not a number of seconds since 1970"},
        {HEADER, "{" FRESH "," PUBLISH ",\"aud\":\"a\",\"jti\":\"1\"}", STIR_E_JWS, "the token's iss is missing"},
        {HEADER, "{" FRESH "," PUBLISH ",\"aud\":\"a\",\"iss\":1,\"jti\":\"1\"}", STIR_E_JWS,
         "the token's iss is not a string, or too long"},
        {HEADER, "{" FRESH "," PUBLISH ",\"aud\":\"a\",\"iss\":\"1\"}", STIR_E_JWS, "the token's jti is missing"},
        {HEADER, "{" FRESH "," PUBLISH ",\"aud\":\"a\",\"iss\":\"1\",\"jti\":\"\"}", STIR_E_JWS,
         "the token's jti is not a string, or too long"},
        {HEADER, "{" FRESH "," PUBLISH ",\"iss\":\"1\",\"jti\":\"1\"}", STIR_E_JWS, "the token's aud is missing"},
        {HEADER, "{" FRESH "," PUBLISH ",\"aud\":[\"a\",1],\"iss\":\"1\",\"jti\":\"1\"}", STIR_E_JWS,
         "the token's aud is not a string"},
        {HEADER, "{" FRESH "," PUBLISH "," REST ",\"orig\":\"1\"}", STIR_E_JWS,
         "the token's orig does not hold exactly one tn or uri"},
        {HEADER, "{" FRESH "," PUBLISH "," REST ",\"dest\":{\"tn\":[\"12\",\"13\"]}}", STIR_E_JWS,
         "the token's dest does not hold exactly one tn or uri"},
        {HEADER, "{" FRESH "," PUBLISH "," REST ",\"dest\":{\"tn\":\"12\",\"uri\":\"im:a@b\"}}", STIR_E_JWS,
         "the token's dest does not hold exactly one tn or uri"},
        {HEADER, "{" FRESH "," PUBLISH "," REST ",\"dest\":{\"tn\":\"sip:a@b\"}}", STIR_E_JWS,
         "the token's dest does not hold exactly one tn or uri"},
        {HEADER, "{" FRESH "," PUBLISH "," REST ",\"dest\":{\"uri\":\"12125551212\"}}", STIR_E_JWS,
         "the token's dest does not hold exactly one tn or uri"},
        {HEADER, "[]", STIR_E_JSON, "the payload: not a JSON object"},
        {HEADER, "{\"iat\":1,\"iat\":2}", STIR_E_JSON, NULL},
    };
    make_key();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len = 0;
        char *text = token_of(rows[i].header, rows[i].claims, &len);
        struct stir_token token = {.iat = 42};
        struct stir_error err = {0};
        enum stir_code code = stir_token_parse(&token, text, len, 0, &err);
        UNIT_CHECK(code == rows[i].code && (!rows[i].text || strcmp(err.text, rows[i].text) == 0), "row %zu: %s, %s", i,
                   stir_error_name(code), err.text);
        if (code == STIR_OK) {
            stir_token_clear(&token);
        } else {
            CU_ASSERT_EQUAL(token.iat, 42);
        }
        free(text);
    }
    free_key();
}

/* ---- claims against a request ---- */

struct row {
    const char *claims;
    enum stir_code code;
    const char *text;
};

static void check_rows(const struct row *rows, size_t count, const struct stir_token_expect *expect)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        char *text = token_of(HEADER, rows[i].claims, &len);
        struct stir_token token = {0};
        struct stir_error err = {0};
        UNIT_CODE(stir_token_parse(&token, text, len, 0, &err), STIR_OK, rows[i].claims);
        enum stir_code code = stir_token_check(&token, expect, &err);
        UNIT_CHECK(code == rows[i].code && strcmp(err.text, rows[i].text) == 0, "row %zu: %s, %s", i,
                   stir_error_name(code), err.text);
        stir_token_clear(&token);
        free(text);
    }
}

#define AUD(aud) "{" FRESH "," PUBLISH ",\"iss\":\"1234\",\"jti\":\"1\",\"aud\":" aud "," NAMES "}"
#define TIMES(times) "{" times "," PUBLISH "," REST "," NAMES "}"
#define WHO(who) "{" FRESH "," PUBLISH "," REST "," who "}"

static void test_check(void)
{
    static const struct row rows[] = {
        {GOOD, STIR_OK, ""},
        {AUD("\"CPS.EXAMPLE.ORG\""), STIR_OK, ""},
        {AUD("[\"other\",\"cps2.example.org\"]"), STIR_OK, ""},
        {AUD("\"cps.example.com\""), STIR_E_UNAUTHORIZED, "the token's aud is not this server"},
        {AUD("\"cps.example.org.evil.example\""), STIR_E_UNAUTHORIZED, "the token's aud is not this server"},
        {"{" FRESH ",\"action\":\"retrieve\"," REST "," NAMES "}", STIR_E_FORBIDDEN,
         "the token is for retrieve, not for publish"},
        {TIMES("\"iat\":1699999940"), STIR_OK, ""},
        {TIMES("\"iat\":1699999939"), STIR_E_STALE, "the token's iat is more than 60 s ago"},
        {TIMES("\"iat\":0"), STIR_E_STALE, "the token's iat is more than 60 s ago"},
        {TIMES("\"iat\":1700000005"), STIR_OK, ""},
        {TIMES("\"iat\":1700000006"), STIR_E_FUTURE, "the token's iat is more than 5 s ahead"},
        {TIMES("\"iat\":9007199254740992"), STIR_E_FUTURE, "the token's iat is more than 5 s ahead"},
        {TIMES("\"iat\":1700000000,\"exp\":1699999996"), STIR_OK, ""},
        {TIMES("\"iat\":1700000000,\"exp\":1699999995"), STIR_E_STALE, "the token has expired"},
        {TIMES("\"iat\":1700000000,\"exp\":0"), STIR_E_STALE, "the token has expired"},
        {TIMES("\"iat\":1700000005.9,\"nbf\":1700000005.9"), STIR_OK, ""},
        {TIMES("\"iat\":1.7e9,\"exp\":1699999995.1"), STIR_OK, ""},
        {TIMES("\"iat\":1.7e9,\"exp\":1699999995.0"), STIR_E_STALE, "the token has expired"},
        {TIMES("\"iat\":1699999939.999"), STIR_E_STALE, "the token's iat is more than 60 s ago"},
        {TIMES("\"iat\":1700000000,\"nbf\":1700000006"), STIR_E_FUTURE, "the token's nbf is in the future"},
        {WHO("\"orig\":{\"tn\":[\"+1 (215) 555-1212\"]},\"dest\":{\"tn\":\"+1.212.555.1212\"}"), STIR_OK, ""},
        {WHO("\"dest\":{\"tn\":\"12125551212\"}"), STIR_E_ORIG_MISMATCH, "the token has no orig"},
        {WHO("\"orig\":{\"tn\":\"12155551212\"}"), STIR_E_DEST_MISMATCH, "the token has no dest"},
        {WHO("\"orig\":{\"tn\":\"12155551213\"},\"dest\":{\"tn\":\"12125551212\"}"), STIR_E_ORIG_MISMATCH,
         "the token's orig differs from that of the path"},
        {WHO("\"orig\":{\"tn\":\"12155551212\"},\"dest\":{\"tn\":\"12125551213\"}"), STIR_E_DEST_MISMATCH,
         "the token's dest differs from that of the path"},
        {WHO("\"orig\":{\"tn\":\"12155551212\"},\"dest\":{\"uri\":\"im:12125551212@a.example\"}"), STIR_E_DEST_MISMATCH,
         "the token's dest differs from that of the path"},
        {WHO("\"spc\":\"1234\"," NAMES), STIR_OK, ""},
        {WHO("\"spc\":\"1235\"," NAMES), STIR_E_FORBIDDEN, "the token's SPC differs from that of the path"},
        {WHO("\"sub\":\"1235\"," NAMES), STIR_E_FORBIDDEN, "the token's SPC differs from that of the path"},
    };
    make_key();
    struct stir_identity orig = identity("+12155551212"), dest = identity("+12125551212");
    struct stir_token_expect expect = good_expect(&orig, &dest);
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), &expect);
    free_key();
}

#define WITH(digest) "{" FRESH "," PUBLISH "," REST "," NAMES ",\"passports\":\"" digest "\"}"

static void test_body(void)
{
    static const char other[] = "the token's passports claim does not match the digest of this body";
    static const struct row rows[] = {
        {WITH("sha256-AvOT6pNYVgiCwf55e/mdYAqkZDpoJ22OPXFNHE8Zrsw="), STIR_OK, ""},
        {WITH("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"), STIR_OK, ""},
        {GOOD, STIR_E_MSGI_MISMATCH, "the token has no passports claim, the digest of the body"},
        {WITH("sha256-AvOT6pNYVgiCwf55e/mdYAqkZDpoJ22OPXFNHE8Zrsx="), STIR_E_MSGI_MISMATCH, other},
        {WITH("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="), STIR_E_MSGI_MISMATCH, other},
        {WITH("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa1"), STIR_E_MSGI_MISMATCH, other},
        {WITH("ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa"), STIR_E_MSGI_MISMATCH, other},
        {WITH("sha256-"), STIR_E_MSGI_MISMATCH, other},
        {WITH("md5-kAFQmDzST7DWlj99KOF/cg=="), STIR_E_MSGI_MISMATCH, other},
    };
    make_key();
    struct stir_identity orig = identity("+12155551212"), dest = identity("+12125551212");
    struct stir_token_expect expect = good_expect(&orig, &dest);
    expect.has_body = true;
    expect.body = stir_view_str("abc");
    expect.passports = stir_view_str("[\"abc\"]");
    check_rows(rows, sizeof(rows) / sizeof(rows[0]), &expect);
    free_key();
}

/* The third form of the claim: of the RFC 8785 form of the whole body, which came with spaces and in another order. */
static void test_canonical_body(void)
{
    static const char sent[] = "{ \"passports\" : [\"abc\"],\n  \"later\": {\"b\": 2.0, \"a\": 1} }";
    static const char canonical[] = "{\"later\":{\"a\":1,\"b\":2},\"passports\":[\"abc\"]}";
    char digest[STIR_TOKEN_DIGEST], claims[512];
    const struct {
        const char *digest_of, *body;
        enum stir_code code;
    } rows[] = {
        {canonical, sent, STIR_OK},
        {sent, sent, STIR_OK}, /* as it was sent */
        {canonical, canonical, STIR_OK},
        {sent, canonical, STIR_E_MSGI_MISMATCH},
        {canonical, "{\"later\":{\"a\":1,\"b\":3},\"passports\":[\"abc\"]}", STIR_E_MSGI_MISMATCH},
        {canonical, "{\"passports\":[\"abc\"]}", STIR_E_MSGI_MISMATCH}, /* a member was taken out */
        {"[1]", "[ 1 ]", STIR_E_MSGI_MISMATCH},                         /* objects only */
        {canonical, "", STIR_E_MSGI_MISMATCH},
    };
    make_key();
    struct stir_identity orig = identity("+12155551212"), dest = identity("+12125551212");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_token_expect expect = good_expect(&orig, &dest);
        expect.has_body = true;
        expect.body = stir_view_str(rows[i].body);
        UNIT_OK(stir_token_digest_body(digest, stir_view_str(rows[i].digest_of), NULL));
        (void)snprintf(claims, sizeof(claims), "{" FRESH "," PUBLISH "," REST "," NAMES ",\"passports\":\"%s\"}",
                       digest);
        size_t len = 0;
        char *text = token_of(HEADER, claims, &len);
        struct stir_token token = {0};
        struct stir_error err = {0};
        UNIT_CODE(stir_token_parse(&token, text, len, 0, &err), STIR_OK, err.text);
        UNIT_CODE(stir_token_check(&token, &expect, &err), rows[i].code, rows[i].body);
        stir_token_clear(&token);
        free(text);
    }
    free_key();
}

/* ---- who, and what it is known by ---- */

static void test_scope(void)
{
    static const struct {
        const char *iss, *sub, *spc, *list;
        const char *text; /* NULL: fine */
    } rows[] = {
        {"1234", NULL, NULL, "spc:1234", NULL},
        {"1234", "1234", "1234", "spc:99,spc:1234", NULL},
        {"554A", "554a", "554A", "spc:554a", NULL}, /* F38 */
        {"554a", NULL, NULL, "spc:554A", NULL},
        {"554B", NULL, NULL, "spc:554a", "iss"},
        {"1235", NULL, NULL, "spc:1234", "iss"},
        {"1234", "1235", NULL, "spc:1234", "sub"},
        {"1234", NULL, "1235", "spc:1234", "spc"},
        {"12155551212", NULL, NULL, "tn:12155551212", NULL},
        {"12155551212", "12155551250", NULL, "range:12155551200+100", NULL},
        {"12155551312", NULL, NULL, "range:12155551200+100", "iss"},
        {"12155551212", NULL, "12155551212", "tn:12155551212", "spc"},
        {"1234", NULL, NULL, "tn:12155551212", "iss"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char want[128] = "";
        struct stir_tnauth list = {0};
        struct stir_error err = {0};
        struct stir_token token = {.iss = rows[i].iss, .sub = rows[i].sub, .spc = rows[i].spc};
        UNIT_OK(stir_tnauth_from_text(&list, rows[i].list, NULL));
        enum stir_code code = stir_token_check_scope(&token, &list, &err);
        if (rows[i].text) {
            (void)snprintf(want, sizeof(want), "the certificate's TNAuthList does not name the token's %s",
                           rows[i].text);
        }
        UNIT_CHECK(code == (rows[i].text ? STIR_E_CERT_SCOPE : STIR_OK) && strcmp(err.text, want) == 0, "row %zu: %s",
                   i, err.text);
        stir_tnauth_clear(&list);
    }
}

static void test_id(void)
{
    uint8_t a[STIR_TOKEN_ID], b[STIR_TOKEN_ID];
    struct stir_token token = {.iss = "12", .jti = "34"};
    UNIT_OK(stir_token_id(a, &token, NULL));
    UNIT_OK(stir_token_id(b, &token, NULL));
    CU_ASSERT_EQUAL(memcmp(a, b, sizeof(a)), 0);
    token = (struct stir_token){.iss = "1", .jti = "234"};
    UNIT_OK(stir_token_id(b, &token, NULL));
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
}

static void test_window(void)
{
    struct stir_token token = {.iat = NOW};
    CU_ASSERT_EQUAL(stir_token_window_ms(&token, NOW, 60, 5), 66000);
    CU_ASSERT_EQUAL(stir_token_window_ms(&token, NOW + 60, 60, 5), 6000);
    CU_ASSERT_EQUAL(stir_token_window_ms(&token, NOW - 5, 60, 5), 71000);
    CU_ASSERT_EQUAL(stir_token_window_ms(&token, NOW + 500, 60, 5), 1);
}

/* ---- x5c ---- */

static void test_x5c(void)
{
    EVP_PKEY *root_key = NULL;
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "Root", .ca = true}, &root_key);
    X509 *leaf =
        certs_make_for("spc:1234", (struct stir_cert_spec){.common_name = "SP", .issuer = root, .issuer_key = root_key},
                       NULL);
    unsigned char *der = NULL;
    int n = i2d_X509(leaf, &der);
    struct stir_view view = stir_view((const char *)der, (size_t)n);
    struct stir_buf text = {0};
    struct stir_chain *chain = NULL;
    uint8_t a[32], b[32];
    stir_x5c_put(&text, &view, 1);
    json_t *array = json_loads(text.ptr, 0, NULL);
    struct stir_error err = {0};
    UNIT_CODE(stir_x5c_parse(&chain, array, &err), STIR_OK, err.text);
    CU_ASSERT(chain && stir_tnauth_has_spc(&chain->tnauth, "1234"));
    UNIT_OK(stir_x5c_digest(a, array, NULL));
    json_array_append_new(array, json_string("MA=="));
    UNIT_OK(stir_x5c_digest(b, array, NULL));
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, 32), 0);
    stir_chain_unref(chain);
    json_decref(array);
    stir_buf_free(&text);
    OPENSSL_free(der);
    certs_end();
}

static void test_x5c_bad(void)
{
    static const char *const rows[] = {"[]",
                                       "{}",
                                       "\"MA==\"",
                                       "[1]",
                                       "[\"MA\"]",
                                       "[\"\"]",
                                       "[\"not it!\"]",
                                       "[\"MA==\",null]",
                                       "[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *value = json_loads(rows[i], JSON_DECODE_ANY, NULL);
        struct stir_chain *chain = NULL;
        UNIT_CODE(stir_x5c_parse(&chain, value, NULL), STIR_E_CERT, rows[i]);
        CU_ASSERT_PTR_NULL(chain);
        json_decref(value);
    }
    char *big = calloc(1, 40004);
    memset(big, 'A', 40000);
    json_t *array = json_pack("[s]", big);
    struct stir_chain *chain = NULL;
    UNIT_CODE(stir_x5c_parse(&chain, array, NULL), STIR_E_TOO_BIG, "30000 octets");
    json_decref(array);
    free(big);
}

UNIT_MAIN("token", {"made and read back", test_round_trip}, {"what cannot be made", test_spec},
          {"digests", test_digests}, {"UUIDs", test_uuid}, {"refusals", test_refusals}, {"claims", test_check},
          {"body", test_body}, {"F39: the digest of the canonical body", test_canonical_body},
          {"F38: TNAuthList", test_scope}, {"id", test_id}, {"window", test_window}, {"x5c", test_x5c},
          {"bad x5c", test_x5c_bad})
