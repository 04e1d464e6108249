/* SPDX-License-Identifier: MIT */
#include "common/jose/jwk.h"
#include "tests/unit/jose.h"

/* RFC 7515 appendix A.3 and RFC 7748 section 6.1 (Bob) */
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define D "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
#define EC "\"kty\":\"EC\",\"crv\":\"P-256\""
#define U "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"
#define S "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"
#define OKP "\"kty\":\"OKP\",\"crv\":\"X25519\""
#define XY ",\"x\":\"" X "\",\"y\":\"" Y "\""
#define ZERO "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static enum stir_code parse(EVP_PKEY **key, const char *text, bool want_private, struct stir_error *err)
{
    json_t *jwk = NULL;
    UNIT_OK(stir_json_parse(&jwk, text, strlen(text), NULL));
    enum stir_code code = stir_jwk_parse(key, jwk, want_private, err);
    json_decref(jwk);
    return code;
}

static void test_parse(void)
{
    static const struct {
        const char *jwk;
        enum stir_code as_public;
        enum stir_code as_private;
    } rows[] = {
        {"{" EC XY "}", STIR_OK, STIR_E_KEY},
        {"{" EC XY ",\"d\":\"" D "\"}", STIR_OK, STIR_OK},
        {"{" OKP ",\"x\":\"" U "\"}", STIR_OK, STIR_E_KEY},
        {"{" OKP ",\"x\":\"" U "\",\"d\":\"" S "\"}", STIR_OK, STIR_OK},
        {"{\"kid\":\"a\",\"use\":\"enc\",\"key_ops\":[\"deriveBits\"],\"alg\":\"ECDH-ES\",\"x\":\"" U "\"," OKP "}",
         STIR_OK, STIR_E_KEY},
        /* kty and crv */
        {"{}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"EC\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"crv\":\"P-256\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"ec\",\"crv\":\"P-256\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":[\"EC\"],\"crv\":\"P-256\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"EC\",\"crv\":\"X25519\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"OKP\",\"crv\":\"P-256\"" XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" U "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"OKP\",\"crv\":\"X448\",\"x\":\"" U "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", STIR_E_KEY, STIR_E_KEY},
        {"{\"kty\":\"oct\",\"k\":\"" X "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{\"keys\":[]}", STIR_E_KEY, STIR_E_KEY},
        {"[]", STIR_E_KEY, STIR_E_KEY},
        {"\"a\"", STIR_E_KEY, STIR_E_KEY},
        /* coordinates */
        {"{" EC ",\"x\":\"" X "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"y\":\"" Y "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":1,\"y\":2}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"" X "\",\"y\":\"" X "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"" Y "\",\"y\":\"" X "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"" ZERO "\",\"y\":\"" ZERO "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"\",\"y\":\"\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"" X "AA\",\"y\":\"" Y "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA\",\"y\":\"" Y "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"BQ\",\"y\":\"RZJDuapYGAb-kTvOmYF63hHKUDxk2aPFM0FcCDJI-8w\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC ",\"x\":\"_____wAAAAEAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAQ\","
         "\"y\":\"RZJDuapYGAb-kTvOmYF63hHKUDxk2aPFM0FcCDJI-8w\"}",
         STIR_E_KEY, STIR_E_KEY},
        {"{" OKP "}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP XY "}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"" ZERO "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IKw\"}", STIR_E_KEY, STIR_E_KEY},
        /* base64url */
        {"{" OKP ",\"x\":\"" U "=\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"" U " \"}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK09\"}", STIR_E_KEY, STIR_E_KEY},
        /* d */
        {"{" EC XY ",\"d\":\"" X "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC XY ",\"d\":\"" ZERO "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC XY ",\"d\":\"_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC XY ",\"d\":\"\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC XY ",\"d\":null}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC XY ",\"d\":\"" D "=\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" EC XY ",\"d\":\"" D "AAA\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"" U "\",\"d\":\"" D "\"}", STIR_E_KEY, STIR_E_KEY},
        {"{" OKP ",\"x\":\"" U "\",\"d\":\"XasI\"}", STIR_E_KEY, STIR_E_KEY},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = NULL;
        struct stir_error err = {0};
        enum stir_code expected = i % 2 ? rows[i / 2].as_private : rows[i / 2].as_public;
        UNIT_CODE(parse(&key, rows[i / 2].jwk, i % 2, &err), expected, rows[i / 2].jwk);
        UNIT_CHECK((key != NULL) == (expected == STIR_OK), "%s: key", rows[i / 2].jwk);
        UNIT_CHECK(err.code == expected && (expected == STIR_OK || err.text[0]), "%s: text", rows[i / 2].jwk);
        UNIT_CHECK(!strstr(err.text, D) && !strstr(err.text, S), "%s: the key is in the text", rows[i / 2].jwk);
        JOSE_QUEUE_EMPTY(rows[i / 2].jwk);
        EVP_PKEY_free(key);
    }
}

/* The member that is wrong is named. */
static void test_reasons(void)
{
    static const struct {
        const char *jwk;
        const char *reason;
    } rows[] = {
        {"{\"kty\":\"RSA\",\"crv\":\"P-256\"" XY "}", "kty and crv"},
        {"{" EC ",\"x\":\"" X "\",\"y\":\"AAAA\"}", "y: must have 32 octets"},
        {"{" EC ",\"x\":\"" X "=\",\"y\":\"" Y "\"}", "x: not strict base64url"},
        {"{" EC ",\"x\":\"" X "\",\"y\":\"" X "\"}", "not a point"},
        {"{" EC XY ",\"d\":\"" X "\"}", "d does not belong"},
        {"{" OKP ",\"x\":\"" U "\",\"d\":\"" D "\"}", "d does not belong"},
        {"{" OKP ",\"x\":\"" ZERO "\"}", "low order"},
        {"{" OKP XY "}", "y: an X25519 key has no y"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = NULL;
        struct stir_error err = {0};
        UNIT_CODE(parse(&key, rows[i].jwk, false, &err), STIR_E_KEY, rows[i].jwk);
        UNIT_CHECK(strstr(err.text, rows[i].reason), "%s: %s", rows[i].reason, err.text);
    }
}

static void check_member(const json_t *jwk, const char *name, const char *expected)
{
    const char *is = json_string_value(json_object_get(jwk, name));
    UNIT_STR(is, expected, name);
}

static void test_make(void)
{
    EVP_PKEY *ec = jose_key("{" EC XY ",\"d\":\"" D "\"}");
    EVP_PKEY *okp = jose_key("{" OKP ",\"x\":\"" U "\",\"d\":\"" S "\"}");
    for (unsigned with_private = 0; with_private < 2; with_private++) {
        json_t *jwk = NULL;
        UNIT_OK(stir_jwk_make(&jwk, ec, with_private, NULL));
        check_member(jwk, "kty", "EC");
        check_member(jwk, "crv", "P-256");
        check_member(jwk, "x", X);
        check_member(jwk, "y", Y);
        check_member(jwk, "d", with_private ? D : NULL);
        UNIT_CHECK(json_object_size(jwk) == 4 + with_private, "members");
        json_decref(jwk);
        jwk = NULL;
        UNIT_OK(stir_jwk_make(&jwk, okp, with_private, NULL));
        check_member(jwk, "kty", "OKP");
        check_member(jwk, "crv", "X25519");
        check_member(jwk, "x", U);
        check_member(jwk, "d", with_private ? S : NULL);
        UNIT_CHECK(json_object_size(jwk) == 3 + with_private, "members");
        json_decref(jwk);
    }
    EVP_PKEY_free(ec);
    EVP_PKEY_free(okp);
}

static void test_make_refuses(void)
{
    struct {
        const char *label;
        EVP_PKEY *key;
        bool with_private;
    } rows[] = {
        {"P-384", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), false},
        {"Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), false},
        {"no key", NULL, false},
        {"public P-256", jose_key("{" EC XY "}"), true},
        {"public X25519", jose_key("{" OKP ",\"x\":\"" U "\"}"), true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *jwk = NULL;
        char *pem = NULL;
        char thumbprint[44] = "kept";
        UNIT_CODE(stir_jwk_make(&jwk, rows[i].key, rows[i].with_private, NULL), STIR_E_KEY, rows[i].label);
        UNIT_CODE(stir_key_to_pem(&pem, rows[i].key, rows[i].with_private, NULL), STIR_E_KEY, rows[i].label);
        UNIT_CHECK(!jwk && !pem, "%s: touched on failure", rows[i].label);
        if (!rows[i].with_private) {
            UNIT_CODE(stir_jwk_thumbprint(thumbprint, rows[i].key, NULL), STIR_E_KEY, rows[i].label);
            UNIT_STR(thumbprint, "kept", rows[i].label);
        }
        JOSE_QUEUE_EMPTY(rows[i].label);
        EVP_PKEY_free(rows[i].key);
    }
}

/* As python3-jwcrypto 1.1 computes them for the keys of RFC 7748 section 6.1 and RFC 7518 appendix C. */
static void test_thumbprint(void)
{
    static const struct {
        const char *jwk;
        const char *thumbprint;
    } rows[] = {
        {"{" OKP ",\"x\":\"" U "\",\"kid\":\"Bob\"}", "giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8"},
        {"{" OKP ",\"x\":\"" U "\",\"d\":\"" S "\"}", "giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8"},
        {"{" EC ",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
         "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\"}",
         "Vy57XrArUrW0NbpI12tEzDHABxMwrTh6HHXRenSpnCo"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EVP_PKEY *key = jose_key(rows[i].jwk);
        char thumbprint[44];
        UNIT_OK(stir_jwk_thumbprint(thumbprint, key, NULL));
        UNIT_STR(thumbprint, rows[i].thumbprint, rows[i].jwk);
        EVP_PKEY_free(key);
    }
}

static void test_round_trip(void)
{
    for (unsigned i = 0; i < 4; i++) {
        EVP_PKEY *key = jose_new_key(i % 2 ? STIR_CURVE_X25519 : STIR_CURVE_P256);
        EVP_PKEY *again = NULL;
        json_t *jwk = NULL;
        UNIT_OK(stir_jwk_make(&jwk, key, i / 2, NULL));
        UNIT_OK(stir_jwk_parse(&again, jwk, i / 2, NULL));
        UNIT_CHECK(stir_key_same_public(key, again), "another key");
        UNIT_CHECK(stir_key_has_private(again) == (i / 2 == 1), "private half");
        json_decref(jwk);
        EVP_PKEY_free(key);
        EVP_PKEY_free(again);
    }
}

/* RFC 7517 sections 4.2 to 4.4: what a JWK says of its use counts, and silence allows everything. */
static void test_use(void)
{
    static const struct {
        const char *members;
        bool encrypt, sign;
    } rows[] = {
        {"{}", true, true},
        {"{\"use\":\"enc\"}", true, false},
        {"{\"use\":\"sig\"}", false, true},
        {"{\"use\":\"Enc\"}", false, false},
        {"{\"use\":\"\"}", false, false},
        {"{\"use\":null}", false, false},
        {"{\"use\":[\"enc\",\"sig\"]}", false, false},
        {"{\"key_ops\":[]}", true, true}, /* WebCrypto, of a public key for agreements */
        {"{\"key_ops\":[\"deriveKey\"]}", true, false},
        {"{\"key_ops\":[\"x\",\"deriveBits\"]}", true, false},
        {"{\"key_ops\":[\"sign\"]}", false, true},
        {"{\"key_ops\":[\"verify\"]}", false, true},
        {"{\"key_ops\":[\"sign\",\"deriveKey\"]}", true, true},
        {"{\"key_ops\":[\"encrypt\",\"wrapKey\"]}", false, false},
        {"{\"key_ops\":[1,null]}", false, false},
        {"{\"key_ops\":\"deriveKey\"}", false, false},
        {"{\"key_ops\":{}}", false, false},
        {"{\"alg\":\"ECDH-ES\"}", true, false},
        {"{\"alg\":\"ECDH-ES+A256KW\"}", false, false},
        {"{\"alg\":\"ES256\"}", false, true},
        {"{\"use\":\"enc\",\"key_ops\":[\"verify\"]}", false, false},
        {"{\"use\":\"enc\",\"alg\":\"ES256\"}", false, false},
        {"{\"use\":\"enc\",\"alg\":\"ECDH-ES\",\"key_ops\":[\"deriveBits\"],\"kid\":\"sig\"}", true, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *jwk = NULL;
        UNIT_OK(stir_json_parse(&jwk, rows[i].members, strlen(rows[i].members), NULL));
        UNIT_CHECK(stir_jwk_is_for(jwk, STIR_KEY_ENCRYPT) == rows[i].encrypt, "%s: encrypt", rows[i].members);
        UNIT_CHECK(stir_jwk_is_for(jwk, STIR_KEY_SIGN) == rows[i].sign, "%s: sign", rows[i].members);
        json_decref(jwk);
    }
}

UNIT_MAIN("jwk", {"parse", test_parse}, {"reasons", test_reasons}, {"make", test_make},
          {"what is not made", test_make_refuses}, {"thumbprints", test_thumbprint},
          {"make and parse", test_round_trip}, {"F16: what a key is for", test_use})
