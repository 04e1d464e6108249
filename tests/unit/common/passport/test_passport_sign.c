/* SPDX-License-Identifier: MIT */
/* PASSporTs as they are made, and what is asked of them: freshness, replay identifiers. */
#include "common/cert/x5u.h"
#include "common/jose/json.h"
#include "tests/unit/passport_fixture.h"

#include <openssl/bn.h>

static void check_serialized(const struct stir_passport_spec *spec, const char *header, const char *body)
{
    struct stir_buf h = {0};
    struct stir_buf c = {0};
    struct stir_error err = {0};
    UNIT_OK(stir_passport_serialize(&h, &c, spec, &err));
    UNIT_STR(h.ptr, header, "header");
    UNIT_STR(c.ptr, body, "claims");
    stir_buf_free(&h);
    stir_buf_free(&c);
}

static void test_serialize(void)
{
    struct stir_identity orig = identity("12155551212");
    struct stir_identity dest[] = {
        identity("sip:bob@example.net"), identity("12125551213"), identity("sip:alice@example.com"),
        identity("12125551212"),         identity("2125551212"),  identity("sip:bob@example.net"),
        identity("12125551212"),
    };
    struct stir_passport_spec spec = {
        .x5u = "https://cert.example.org/p.cer", .orig = &orig, .dest = &dest[2], .dest_count = 1, .iat = 1471375418};
    /* RFC 8225 appendix A, step 1 */
    check_serialized(
        &spec, HEADER_MSG,
        "{\"dest\":{\"uri\":[\"sip:alice@example.com\"]},\"iat\":1471375418,\"orig\":{\"tn\":\"12155551212\"}}");
    spec.dest = dest;
    spec.dest_count = 7;
    spec.iat = 0;
    spec.msgi = MSGI;
    spec.orig = &dest[2];
    check_serialized(
        &spec, HEADER_MSG,
        "{\"dest\":{\"tn\":[\"12125551212\",\"12125551213\",\"2125551212\"],\"uri\":[\"sip:alice@example.com\","
        "\"sip:bob@example.net\"]},\"iat\":0,\"msgi\":\"" MSGI "\",\"orig\":{\"uri\":\"sip:alice@example.com\"}}");
}

/* What is written is canonical JSON, and is read as it was meant. */
static void test_round_trip(void)
{
    size_t len = 0;
    char *token = good_token(&len);
    struct stir_passport *passport = NULL;
    struct stir_error err = {0};
    UNIT_OK(stir_passport_parse(&passport, token, len, 0, &err));
    UNIT_NEED(passport);
    UNIT_OK(stir_jws_verify(&passport->jws, signing_key, &err));
    CU_ASSERT_EQUAL(passport->ppt, STIR_PPT_MSG);
    CU_ASSERT_EQUAL(passport->iat, 1443208345);
    UNIT_STR(passport->orig.text, "12155551212", "orig");
    UNIT_STR(passport->dest[0].text, "12125551212", "dest");
    UNIT_STR(passport->msgi, MSGI, "msgi");
    UNIT_OK(stir_msgi_check(passport->msgi, strlen(passport->msgi), "abc", 3, &err));
    struct stir_buf header = {0};
    struct stir_buf body = {0};
    stir_jcs(&header, passport->jws.header);
    stir_jcs(&body, passport->jws.payload);
    UNIT_STR(header.ptr, HEADER_MSG, "header");
    UNIT_STR(body.ptr, "{\"dest\":" DEST ",\"iat\":1443208345,\"msgi\":\"" MSGI "\",\"orig\":" ORIG "}", "claims");
    stir_buf_free(&header);
    stir_buf_free(&body);
    stir_passport_free(passport);
    free(token);
}

static void check_refused(const struct stir_passport_spec *spec, const char *member)
{
    struct stir_error err = {0};
    struct stir_buf header = {0};
    struct stir_buf body = {0};
    char *token = NULL;
    size_t len = 77;
    UNIT_CODE(stir_passport_sign(&token, &len, spec, signing_key, &err), STIR_E_INVAL, member);
    UNIT_CHECK(strncmp(err.text, member, strlen(member)) == 0, "%s: \"%s\"", member, err.text);
    UNIT_CODE(stir_passport_serialize(&header, &body, spec, NULL), STIR_E_INVAL, member);
    UNIT_CHECK(!token && len == 77 && header.len == 0 && body.len == 0, "%s: out was touched", member);
}

static void test_bad_specs(void)
{
    static struct stir_identity many[STIR_PASSPORT_DESTS + 1];
    struct stir_identity id = identity("12155551212");
    struct stir_identity none = {0};
    const struct stir_passport_spec good = {.x5u = "https://a.example/c", .orig = &id, .dest = &id, .dest_count = 1};
    for (size_t i = 0; i <= STIR_PASSPORT_DESTS; i++) {
        many[i] = id;
    }
    struct stir_passport_spec bad = good;
    bad.x5u = NULL;
    check_refused(&bad, "x5u");
    bad.x5u = "http://a.example/c";
    check_refused(&bad, "x5u");
    bad = good;
    bad.orig = NULL;
    check_refused(&bad, "orig");
    bad.orig = &none;
    check_refused(&bad, "orig");
    bad = good;
    bad.dest = NULL;
    check_refused(&bad, "dest");
    bad.dest = &id;
    bad.dest_count = 0;
    check_refused(&bad, "dest");
    bad.dest = many;
    bad.dest_count = STIR_PASSPORT_DESTS + 1;
    check_refused(&bad, "dest");
    many[7] = none;
    bad.dest_count = STIR_PASSPORT_DESTS;
    check_refused(&bad, "dest");
    bad = good;
    bad.iat = -1;
    check_refused(&bad, "iat");
    bad.iat = STIR_IAT_MAX + 1;
    check_refused(&bad, "iat");
    bad = good;
    bad.msgi = "";
    check_refused(&bad, "msgi");
    bad.msgi = "sha256-H8BRh8j48O9oYatfu5AZzq6A9RINQZngK7T62em8MUt1FLm52t+eX6xO"; /* RFC 9475's own, of 42 octets */
    check_refused(&bad, "msgi");
}

/* The key must be a private one of P-256; what would be too big to read is not made. */
static void test_sign_failures(void)
{
    static struct stir_identity many[STIR_PASSPORT_DESTS];
    struct stir_identity id = identity("12155551212");
    struct stir_passport_spec spec = {.x5u = "https://a.example/c", .orig = &id, .dest = &id, .dest_count = 1};
    char *token = NULL;
    size_t len = 0;
    EVP_PKEY *other = NULL;
    char *pem = NULL;
    UNIT_OK(stir_key_to_pem(&pem, signing_key, false, NULL));
    EVP_PKEY *public_only = read_pem(pem, false);
    free(pem);
    UNIT_OK(stir_key_generate(&other, STIR_CURVE_X25519, NULL));
    UNIT_CODE(stir_passport_sign(&token, &len, &spec, other, NULL), STIR_E_KEY, "X25519");
    UNIT_CODE(stir_passport_sign(&token, &len, &spec, public_only, NULL), STIR_E_KEY, "a public key");
    EVP_PKEY_free(other);
    EVP_PKEY_free(public_only);

    for (unsigned i = 0; i < STIR_PASSPORT_DESTS; i++) {
        char text[STIR_IDENTITY_MAX + 1];
        (void)snprintf(text, sizeof(text), "sip:%0100u@example.com", i);
        many[i] = identity(text);
    }
    spec.dest = many;
    for (spec.dest_count = 1; spec.dest_count <= STIR_PASSPORT_DESTS; spec.dest_count++) {
        struct stir_passport *passport = NULL;
        enum stir_code code = stir_passport_sign(&token, &len, &spec, signing_key, NULL);
        if (code != STIR_OK) {
            UNIT_CODE(code, STIR_E_TOO_BIG, "too many long destinations");
            break;
        }
        UNIT_OK(stir_passport_parse(&passport, token, len, 0, NULL));
        stir_passport_free(passport);
        free(token);
        token = NULL;
    }
    CU_ASSERT(spec.dest_count > 30 && spec.dest_count < STIR_PASSPORT_DESTS);
    CU_ASSERT_PTR_NULL(token);
}

static void test_fresh(void)
{
    static const struct {
        int64_t iat;
        int64_t now;
        int64_t max_age;
        int64_t skew;
        enum stir_code code;
    } rows[] = {
        {1000, 1000, 60, 5, STIR_OK},
        {1000, 1060, 60, 5, STIR_OK},
        {1000, 1061, 60, 5, STIR_E_STALE},
        {1000, 995, 60, 5, STIR_OK},
        {1000, 994, 60, 5, STIR_E_FUTURE},
        {1000, 1000, 0, 0, STIR_OK},
        {1000, 1001, 0, 0, STIR_E_STALE},
        {1000, 999, 0, 0, STIR_E_FUTURE},
        {0, 1443208345, 259200, 60, STIR_E_STALE},              /* the epoch */
        {1443208345 - 86400, 1443208345, 60, 60, STIR_E_STALE}, /* a day old */
        {1443208345 - 259200, 1443208345, 259200, 60, STIR_OK}, /* 72 hours, where the policy says so */
        {STIR_IAT_MAX, 1443208345, 259200, 60, STIR_E_FUTURE},
        {INT64_MAX, 1443208345, 60, 60, STIR_E_FUTURE},
        {INT64_MAX, -1, 60, 60, STIR_E_FUTURE},
        {INT64_MAX, INT64_MIN, INT64_MAX, INT64_MAX, STIR_E_FUTURE},
        {INT64_MIN, INT64_MAX, INT64_MAX, INT64_MAX, STIR_E_STALE},
        {INT64_MIN, 0, 60, 60, STIR_E_STALE},
        {0, INT64_MAX, INT64_MAX, 0, STIR_OK},
        {0, INT64_MAX, INT64_MAX - 1, 0, STIR_E_STALE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_passport passport = {.iat = rows[i].iat};
        struct stir_error err = {0};
        char label[32];
        (void)snprintf(label, sizeof(label), "row %zu", i);
        UNIT_CODE(stir_passport_fresh(&passport, rows[i].now, rows[i].max_age, rows[i].skew, &err), rows[i].code,
                  label);
        CU_ASSERT((err.text[0] == '\0') == (rows[i].code == STIR_OK));
    }
}

/* RFC 7519 sections 4.1.4 and 4.1.5, of one that iat finds fresh. */
static void test_expiry(void)
{
    static const struct {
        int64_t exp, nbf, now;
        enum stir_code code;
    } rows[] = {
        {0, 0, 1030, STIR_OK},
        {1031, 0, 1030, STIR_OK},
        {1030, 0, 1030, STIR_E_STALE},
        {1000, 0, 1030, STIR_E_STALE}, /* within the clock skew, which does not prolong a life */
        {1, 0, 1030, STIR_E_STALE},
        {STIR_IAT_MAX, 0, 1030, STIR_OK},
        {0, 1030, 1030, STIR_OK},
        {0, 1090, 1030, STIR_OK},
        {0, 1091, 1030, STIR_E_FUTURE},
        {0, 4630, 1030, STIR_E_FUTURE},
        {0, STIR_IAT_MAX, 1030, STIR_E_FUTURE},
        {1031, 1, 1030, STIR_OK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_passport passport = {.iat = 1000, .exp = rows[i].exp, .nbf = rows[i].nbf};
        struct stir_error err = {0};
        char label[32];
        (void)snprintf(label, sizeof(label), "row %zu", i);
        UNIT_CODE(stir_passport_fresh(&passport, rows[i].now, 60, 60, &err), rows[i].code, label);
        CU_ASSERT((err.text[0] == '\0') == (rows[i].code == STIR_OK));
    }
}

/* s becomes n - s: the other valid signature of the same octets. */
static void flip(uint8_t sig[STIR_ES256_SIG])
{
    BIGNUM *order = NULL;
    CU_ASSERT(BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551") > 0);
    BIGNUM *s = BN_bin2bn(sig + 32, 32, NULL);
    CU_ASSERT(BN_sub(s, order, s) == 1);
    CU_ASSERT(BN_bn2binpad(s, sig + 32, 32) == 32);
    BN_free(s);
    BN_free(order);
}

static void test_replay_id(void)
{
    size_t len = 0;
    char *token = good_token(&len);
    char *another = good_token(&len); /* the same claims, signed once more */
    struct stir_passport *passport = NULL;
    struct stir_passport *resigned = NULL;
    uint8_t id[32];
    uint8_t again[32];
    UNIT_OK(stir_passport_parse(&passport, token, strlen(token), 0, NULL));
    UNIT_OK(stir_passport_parse(&resigned, another, strlen(another), 0, NULL));
    UNIT_NEED(passport);
    UNIT_NEED(resigned);
    UNIT_OK(stir_passport_replay_id(id, passport, NULL));
    flip(passport->jws.sig);
    UNIT_OK(stir_jws_verify(&passport->jws, signing_key, NULL)); /* really valid */
    UNIT_OK(stir_passport_replay_id(again, passport, NULL));
    CU_ASSERT_EQUAL(memcmp(id, again, 32), 0);
    UNIT_OK(stir_passport_replay_id(again, resigned, NULL));
    CU_ASSERT_NOT_EQUAL(memcmp(id, again, 32), 0);

    passport->jws.sig[0] ^= 1;
    UNIT_OK(stir_passport_replay_id(again, passport, NULL));
    CU_ASSERT_NOT_EQUAL(memcmp(id, again, 32), 0);
    passport->jws.sig[0] ^= 1;
    passport->token[10] ^= 1;
    UNIT_OK(stir_passport_replay_id(again, passport, NULL));
    CU_ASSERT_NOT_EQUAL(memcmp(id, again, 32), 0);
    stir_passport_free(passport);
    stir_passport_free(resigned);
    free(token);
    free(another);
}

static void test_x5u(void)
{
    char url[2100] = "https://a.example/";
    CU_ASSERT(stir_x5u_is_https("https://a.example:8443/c.pem?x=y"));
    CU_ASSERT(!stir_x5u_is_https(""));
    CU_ASSERT(!stir_x5u_is_https("https:"));
    CU_ASSERT(!stir_x5u_is_https("ftp://a.example/"));
    CU_ASSERT(!stir_x5u_is_https("https://a.example/\"><"));
    memset(url + strlen(url), 'a', 2048 - strlen(url));
    CU_ASSERT(strlen(url) == 2048 && stir_x5u_is_https(url));
    url[2048] = 'a';
    CU_ASSERT(!stir_x5u_is_https(url));
}

UNIT_MAIN("passport_sign", {"a key", make_key}, {"serialization", test_serialize},
          {"sign, parse, verify", test_round_trip}, {"what is not signed", test_bad_specs},
          {"keys and sizes", test_sign_failures}, {"freshness", test_fresh}, {"F29: exp and nbf", test_expiry},
          {"replay identifiers", test_replay_id}, {"x5u", test_x5u}, {"no key", free_key})
