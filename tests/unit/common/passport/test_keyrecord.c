/* SPDX-License-Identifier: MIT */
#include "common/cert/pem.h"
#include "common/jose/jwk.h"
#include "common/passport/keyrecord.h"
#include "tests/unit/certs.h"
#include "tests/unit/jose.h"

#define NOW CERTS_NOW
#define DAY INT64_C(86400)
#define X5U "https://certs.example.com/1234.pem"

/* A root, and a carrier under it with a key of its own. */
struct world {
    X509 *root, *leaf;
    EVP_PKEY *root_key, *leaf_key;
    struct stir_chain *chain;
    struct stir_trust *trust;
};

static struct world world_begin(const char *tnauth)
{
    struct world w = {0};
    struct stir_buf pem = {0};
    w.root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &w.root_key);
    w.leaf =
        certs_make_for(tnauth,
                       (struct stir_cert_spec){.common_name = "carrier", .issuer = w.root, .issuer_key = w.root_key},
                       &w.leaf_key);
    w.chain = CERTS_CHAIN(w.leaf);
    certs_pem(&pem, w.root);
    UNIT_OK(stir_trust_new(&w.trust, pem.ptr, pem.len, NULL));
    stir_buf_free(&pem);
    return w;
}

static void world_end(struct world *w)
{
    stir_chain_unref(w->chain);
    stir_trust_unref(w->trust);
    certs_end();
}

static struct stir_keyrecord_key key_of(EVP_PKEY *pkey)
{
    return (struct stir_keyrecord_key){.pkey = pkey, .not_before = INT64_MIN, .not_after = INT64_MAX};
}

/* A good record but for what spec says otherwise. */
static char *make(const struct world *w, const char *claims, struct stir_keyrecord_spec spec)
{
    struct stir_tnauth list = {0};
    struct stir_error err = {0};
    char *text = NULL;
    size_t len = 0;
    EVP_PKEY *pkey = NULL;
    struct stir_keyrecord_key key;
    UNIT_CODE(stir_tnauth_from_text(&list, claims, NULL), STIR_OK, claims);
    spec.claims = &list;
    if (!spec.keys) {
        UNIT_OK(stir_key_generate(&pkey, STIR_CURVE_X25519, NULL));
        key = key_of(pkey);
        spec.keys = &key;
        spec.key_count = 1;
    }
    spec.iat = spec.iat ? spec.iat : NOW - 10;
    spec.exp = spec.exp ? spec.exp : NOW + DAY;
    spec.x5u = spec.x5c_count ? NULL : X5U;
    UNIT_CODE(stir_keyrecord_make(&text, &len, &spec, w->leaf_key, &err), STIR_OK, err.text);
    EVP_PKEY_free(pkey);
    stir_tnauth_clear(&list);
    return text;
}

static struct stir_keyrecord *parse(const char *text)
{
    struct stir_keyrecord *record = NULL;
    struct stir_error err = {0};
    UNIT_CODE(stir_keyrecord_parse(&record, text, strlen(text), &err), STIR_OK, err.text);
    return record;
}

static void test_round_trip(void)
{
    struct world w = world_begin("spc:1234,range:12155551000+1000,tn:12155559999");
    EVP_PKEY *a = jose_new_key(STIR_CURVE_X25519), *b = jose_new_key(STIR_CURVE_P256);
    struct stir_keyrecord_key keys[] = {key_of(a), key_of(b)};
    struct stir_error err = {0};
    keys[0].not_after = NOW + 100;
    keys[1].not_before = NOW - 100;
    char *text = make(&w, "spc:1234,tn:12155551200,range:12155551300+100",
                      (struct stir_keyrecord_spec){.keys = keys,
                                                   .key_count = 2,
                                                   .cps = "https://a.example.com,https://b.example.com:8443/x"});
    struct stir_keyrecord *record = parse(text);
    UNIT_NEED(record);
    UNIT_STR(record->iss, "1234", "iss");
    UNIT_STR(record->x5u, X5U, "x5u");
    UNIT_STR(record->cps, "https://a.example.com,https://b.example.com:8443/x", "cps");
    UNIT_CHECK(record->iat == NOW - 10 && record->exp == NOW + DAY, "times");
    UNIT_CHECK(record->key_count == 2 && stir_key_same_public(record->keys[0].pkey, a) &&
                   stir_key_same_public(record->keys[1].pkey, b),
               "keys");
    UNIT_CODE(stir_keyrecord_verify(record, w.chain, w.trust, NOW, 60, &err), STIR_OK, err.text);
    struct stir_chain *none = NULL;
    UNIT_CODE(stir_keyrecord_chain(&none, record, NULL), STIR_E_NOT_FOUND, "x5c");
    stir_keyrecord_free(record);
    free(text);
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    world_end(&w);
}

static void test_x5c(void)
{
    struct world w = world_begin("spc:1234");
    unsigned char *der = NULL;
    int n = i2d_X509(w.leaf, &der);
    struct stir_view view = stir_view((const char *)der, n > 0 ? (size_t)n : 0);
    struct stir_chain *chain = NULL;
    char *text = make(&w, "spc:1234", (struct stir_keyrecord_spec){.x5c = &view, .x5c_count = 1});
    struct stir_keyrecord *record = parse(text);
    UNIT_NEED(record);
    UNIT_CHECK(!record->x5u && record->x5c_count == 1, "x5c");
    UNIT_OK(stir_keyrecord_chain(&chain, record, NULL));
    UNIT_OK(stir_keyrecord_verify(record, chain, w.trust, NOW, 60, NULL));
    stir_chain_unref(chain);
    stir_keyrecord_free(record);
    free(text);
    OPENSSL_free(der);
    world_end(&w);
}

static void test_current(void)
{
    static const struct {
        int64_t not_before, not_after, now;
        bool current;
    } rows[] = {
        {INT64_MIN, INT64_MAX, NOW, true}, {NOW, INT64_MAX, NOW, true},     {NOW + 1, INT64_MAX, NOW, false},
        {INT64_MIN, NOW, NOW, false},      {INT64_MIN, NOW + 1, NOW, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_keyrecord_key key = {.not_before = rows[i].not_before, .not_after = rows[i].not_after};
        UNIT_CHECK(stir_keyrecord_key_current(&key, rows[i].now) == rows[i].current, "row %zu", i);
    }
}

/* What a certificate may not claim though its signature is good. */
static void test_scope(void)
{
    static const struct {
        const char *tnauth, *claims, *iss;
        enum stir_code code;
    } rows[] = {
        {"spc:1234", "spc:1234", NULL, STIR_OK},
        {"spc:1234", "spc:12345", NULL, STIR_E_CERT_SCOPE},
        {"spc:1234", "spc:1234,spc:999", NULL, STIR_E_CERT_SCOPE},
        /* a code says nothing of numbers, though a provider may delegate any */
        {"spc:1234", "spc:1234,tn:12155551212", NULL, STIR_E_CERT_SCOPE},
        {"spc:1234", "range:12155551000+100", "1234", STIR_E_CERT_SCOPE},
        {"spc:1234,tn:12155551212", "tn:12155551212", NULL, STIR_OK},
        {"spc:1234,tn:12155551212", "tn:12155551213", NULL, STIR_E_CERT_SCOPE},
        {"tn:12155551212", "spc:1234", "12155551212", STIR_E_CERT_SCOPE},
        {"range:12155551000+100", "range:12155551000+101", NULL, STIR_E_CERT_SCOPE},
        {"range:12155551000+100", "range:12155551050+50", NULL, STIR_OK},
        {"range:12155551000+100,range:12155551100+100", "range:12155551050+100", NULL, STIR_OK},
        {"range:12155551000+100", "tn:2155551000", NULL, STIR_E_CERT_SCOPE},
        {"tn:*55", "tn:*55", NULL, STIR_OK},
        {"tn:*55", "tn:*56", NULL, STIR_E_CERT_SCOPE},
        /* who speaks */
        {"spc:1234", "spc:1234", "9999", STIR_E_CERT_SCOPE},
        {"spc:1234,tn:12155551212", "spc:1234", "12155551212", STIR_OK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w = world_begin(rows[i].tnauth);
        char *text = make(&w, rows[i].claims, (struct stir_keyrecord_spec){.iss = rows[i].iss});
        struct stir_keyrecord *record = parse(text);
        UNIT_CODE(stir_keyrecord_verify(record, w.chain, w.trust, NOW, 60, NULL), rows[i].code, rows[i].claims);
        stir_keyrecord_free(record);
        free(text);
        world_end(&w);
    }
}

static void test_times(void)
{
    static const struct {
        int64_t iat, exp, now, skew;
        enum stir_code code;
    } rows[] = {
        {NOW, NOW + 10, NOW, 0, STIR_OK},
        {NOW + 60, NOW + 99, NOW, 60, STIR_OK},
        {NOW + 61, NOW + 99, NOW, 60, STIR_E_FUTURE},
        {NOW, NOW + 10, NOW + 9, 60, STIR_OK},
        {NOW, NOW + 10, NOW + 10, 60, STIR_E_STALE}, /* skew is for iat alone */
    };
    struct world w = world_begin("spc:1234");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = make(&w, "spc:1234", (struct stir_keyrecord_spec){.iat = rows[i].iat, .exp = rows[i].exp});
        struct stir_keyrecord *record = parse(text);
        char label[16];
        (void)snprintf(label, sizeof(label), "row %zu", i);
        UNIT_CODE(stir_keyrecord_verify(record, w.chain, w.trust, rows[i].now, rows[i].skew, NULL), rows[i].code,
                  label);
        stir_keyrecord_free(record);
        free(text);
    }
    world_end(&w);
}

/* A record of somebody else's making: another key, another root, a certificate that has expired, an altered claim. */
static void test_forged(void)
{
    struct world w = world_begin("spc:1234");
    EVP_PKEY *other_key = NULL;
    X509 *other_root = certs_make((struct stir_cert_spec){.common_name = "other root", .ca = true}, &other_key);
    X509 *stranger =
        certs_make_for("spc:1234",
                       (struct stir_cert_spec){.common_name = "x", .issuer = other_root, .issuer_key = other_key},
                       NULL);
    X509 *old = certs_make_for("spc:1234",
                               (struct stir_cert_spec){.common_name = "old",
                                                       .issuer = w.root,
                                                       .issuer_key = w.root_key,
                                                       .subject_key = w.leaf_key,
                                                       .not_before = NOW - 2 * DAY,
                                                       .not_after = NOW - 1},
                               NULL);
    struct stir_chain *strangers = CERTS_CHAIN(stranger), *expired = CERTS_CHAIN(old);
    char *text = make(&w, "spc:1234", (struct stir_keyrecord_spec){0});
    struct stir_keyrecord *record = parse(text);
    UNIT_CODE(stir_keyrecord_check(record, strangers, NOW, 60, NULL), STIR_E_SIGNATURE, "another key");
    UNIT_CODE(stir_keyrecord_verify(record, strangers, w.trust, NOW, 60, NULL), STIR_E_CERT_UNTRUSTED, "another root");
    UNIT_CODE(stir_keyrecord_verify(record, expired, w.trust, NOW, 60, NULL), STIR_E_CERT_TIME, "expired certificate");
    stir_keyrecord_free(record);

    /* the payload of one under the signature of another */
    char *second = make(&w, "spc:1234", (struct stir_keyrecord_spec){.iat = NOW - 5});
    char part[8192];
    struct stir_view payload = jose_part(second, 1);
    memcpy(part, payload.ptr, payload.len);
    part[payload.len] = '\0';
    char *swapped = jose_replace_part(text, 1, part);
    record = parse(swapped);
    UNIT_CODE(stir_keyrecord_check(record, w.chain, NOW, 60, NULL), STIR_E_SIGNATURE, "another's payload");
    stir_keyrecord_free(record);
    free(swapped);
    free(second);
    free(text);
    stir_chain_unref(strangers);
    stir_chain_unref(expired);
    world_end(&w);
}

#define HEADER "{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5u\":\"" X5U "\"}"
#define KEY "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}"
#define KEY2 "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\"}"
#define CLAIMS(subject, keys, more)                                                                                    \
    "{\"exp\":1700000100,\"iat\":1700000000,\"iss\":\"1234\",\"keys\":[" keys "]" subject more "}"
#define SPC ",\"spc\":[\"1234\"]"
#define KEY_XYZ "{\"kty\":\"XYZ\",\"x\":\"AAAA\"}"

/* Signed well, so that nothing but what is said stands between them and being accepted. */
static const struct {
    const char *header, *claims;
    enum stir_code code;
} shapes[] = {
    {HEADER, CLAIMS(SPC, KEY, ""), STIR_OK},
    {HEADER, CLAIMS(SPC, KEY "," KEY2, ",\"unknown\":{\"a\":[]}"), STIR_OK},
    {"{\"alg\":\"none\",\"typ\":\"cps-keys+jwt\",\"x5u\":\"" X5U "\"}", CLAIMS(SPC, KEY, ""), STIR_E_ALG},
    {"{\"alg\":\"HS256\",\"typ\":\"cps-keys+jwt\",\"x5u\":\"" X5U "\"}", CLAIMS(SPC, KEY, ""), STIR_E_ALG},
    {"{\"alg\":\"ES256\",\"typ\":\"passport\",\"x5u\":\"" X5U "\"}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"CPS-KEYS+JWT\",\"x5u\":\"" X5U "\"}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"x5u\":\"" X5U "\"}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\"}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5u\":\"" X5U "\",\"x5c\":[\"AAAA\"]}", CLAIMS(SPC, KEY, ""),
     STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5u\":\"http://a.example.com/\"}", CLAIMS(SPC, KEY, ""),
     STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5u\":7}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5c\":[]}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5c\":\"AAAA\"}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5c\":[\"AA-A\"]}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5c\":[\"\"]}", CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"typ\":\"cps-keys+jwt\",\"x5c\":[\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\",\"A\"]}",
     CLAIMS(SPC, KEY, ""), STIR_E_JWS},
    {"{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"typ\":\"cps-keys+jwt\",\"x5u\":\"" X5U "\"}", CLAIMS(SPC, KEY, ""),
     STIR_E_CRIT},
    {"{\"alg\":\"ES256\",\"jwk\":" KEY ",\"typ\":\"cps-keys+jwt\",\"x5u\":\"" X5U "\"}", CLAIMS(SPC, KEY, ""),
     STIR_E_JWS},
    /* whom it is for */
    {HEADER, CLAIMS("", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"spc\":[],\"tn\":[]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"spc\":\"1234\"", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"spc\":[1234]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"spc\":[\"\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"spc\":[\"123456789012345678901234567890123\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"spc\":[\"1,tn:12155551212\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"spc\":[\"12 34\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"tn\":[\"12155551212\"]", KEY, ""), STIR_OK},
    {HEADER, CLAIMS(",\"tn\":[\"12155551000+100\"]", KEY, ""), STIR_OK},
    {HEADER, CLAIMS(",\"tn\":[\"+12155551212\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"tn\":[\"12155551000+1\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"tn\":[\"12155551000+-5\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"tn\":[\"99+2\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"tn\":[\"1+99999999999999999999\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"tn\":[\"spc:1234\"]", KEY, ""), STIR_E_JWS},
    {HEADER, CLAIMS(",\"tn\":[\"12155551212\\u0000\"]", KEY, ""), STIR_E_JSON},
    /* times */
    {HEADER, "{\"exp\":1700000000,\"iat\":1700000000,\"iss\":\"1\",\"keys\":[" KEY "]" SPC "}", STIR_E_JWS},
    {HEADER, "{\"exp\":1800000000,\"iat\":1700000000,\"iss\":\"1\",\"keys\":[" KEY "]" SPC "}", STIR_E_JWS},
    {HEADER, "{\"exp\":1700000100.5,\"iat\":1700000000,\"iss\":\"1\",\"keys\":[" KEY "]" SPC "}", STIR_E_JWS},
    {HEADER, "{\"exp\":\"1700000100\",\"iat\":1700000000,\"iss\":\"1\",\"keys\":[" KEY "]" SPC "}", STIR_E_JWS},
    {HEADER, "{\"exp\":1700000100,\"iat\":-1,\"iss\":\"1\",\"keys\":[" KEY "]" SPC "}", STIR_E_JWS},
    {HEADER, "{\"exp\":9223372036854775807,\"iat\":-9223372036854775808,\"iss\":\"1\",\"keys\":[" KEY "]" SPC "}",
     STIR_E_JWS},
    {HEADER, "{\"iat\":1700000000,\"iss\":\"1\",\"keys\":[" KEY "]" SPC "}", STIR_E_JWS},
    {HEADER, "{\"exp\":1700000100,\"iat\":1700000000,\"keys\":[" KEY "]" SPC "}", STIR_E_JWS},
    /* keys */
    {HEADER, "{\"exp\":1700000100,\"iat\":1700000000,\"iss\":\"1234\"" SPC "}", STIR_E_JWS},
    {HEADER, CLAIMS(SPC, "", ""), STIR_E_JWS},
    {HEADER, CLAIMS(SPC, "7", ""), STIR_E_KEY},
    {HEADER, CLAIMS(SPC, KEY "," KEY, ""), STIR_E_KEY},
    {HEADER,
     CLAIMS(SPC, "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", ""),
     STIR_E_KEY}, /* of low order: anybody could open the envelope */
    {HEADER,
     CLAIMS(SPC,
            "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
            "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
            ""),
     STIR_E_KEY},
    {HEADER, CLAIMS(SPC, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"AQAB\"}", ""), STIR_E_KEY},
    {HEADER,
     CLAIMS(SPC,
            "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"use\":\"sig\","
            "\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}",
            ""),
     STIR_E_KEY},
    {HEADER,
     CLAIMS(SPC,
            "{\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"X25519\",\"kty\":\"OKP\","
            "\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}",
            ""),
     STIR_E_KEY},
    {HEADER,
     CLAIMS(SPC,
            "{\"crv\":\"X25519\",\"d\":\"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo\",\"kty\":\"OKP\","
            "\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\"}",
            ""),
     STIR_E_KEY},
    {HEADER,
     CLAIMS(SPC,
            "{\"crv\":\"X25519\",\"exp\":1,\"kty\":\"OKP\",\"nbf\":1,"
            "\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\"}",
            ""),
     STIR_E_JWS},
    {HEADER,
     CLAIMS(SPC,
            "{\"crv\":\"X25519\",\"exp\":\"2\",\"kty\":\"OKP\","
            "\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\"}",
            ""),
     STIR_E_JWS},
    /* keys that are left out beside one that can be used */
    {HEADER, CLAIMS(SPC, KEY "," KEY_XYZ, ""), STIR_OK},
    {HEADER, CLAIMS(SPC, KEY_XYZ "," KEY, ""), STIR_OK},
    {HEADER, CLAIMS(SPC, KEY_XYZ "," KEY_XYZ, ""), STIR_E_KEY},
    {HEADER, CLAIMS(SPC, "7,{}," KEY ",{\"kty\":\"OKP\",\"crv\":\"X448\",\"x\":\"AAAA\"},{\"kty\":\"EC\"}", ""),
     STIR_OK},
    {HEADER, CLAIMS(SPC, KEY ",{\"kty\":\"XYZ\",\"d\":\"AAAA\"}", ""), STIR_E_KEY}, /* a private key is told */
    {HEADER, CLAIMS(SPC, KEY "," KEY_XYZ "," KEY, ""), STIR_E_KEY},
    /* the CPS */
    {HEADER, CLAIMS(SPC, KEY, ",\"cps\":\"https://cps.example.com\""), STIR_OK},
    {HEADER, CLAIMS(SPC, KEY, ",\"cps\":\"http://cps.example.com\""), STIR_E_JWS},
    {HEADER, CLAIMS(SPC, KEY, ",\"cps\":\"https://a.example.com,file:///etc/passwd\""), STIR_E_JWS},
    {HEADER, CLAIMS(SPC, KEY, ",\"cps\":\"https://a.example.com,\""), STIR_E_JWS},
    {HEADER, CLAIMS(SPC, KEY, ",\"cps\":\"https://a.example.com/\\r\\nX: y\""), STIR_E_JWS},
    {HEADER, CLAIMS(SPC, KEY, ",\"cps\":[\"https://a.example.com\"]"), STIR_E_JWS},
    {HEADER, CLAIMS(SPC, KEY, ",\"cps\":null"), STIR_E_JWS},
    /* JSON */
    {HEADER, CLAIMS(SPC, KEY, ",\"iss\":\"9999\""), STIR_E_JSON},
    {HEADER, "[]", STIR_E_JSON},
};

static void test_shapes(void)
{
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct stir_keyrecord *record = NULL;
        struct stir_error err = {0};
        char *text = NULL;
        size_t len = 0;
        UNIT_OK(
            stir_jws_sign(&text, &len, stir_view_str(shapes[i].header), stir_view_str(shapes[i].claims), key, NULL));
        enum stir_code code = stir_keyrecord_parse(&record, text, len, &err);
        UNIT_CHECK(code == shapes[i].code, "row %zu: %s (%s), expected %s: %s %s", i, stir_error_name(code), err.text,
                   stir_error_name(shapes[i].code), shapes[i].header, shapes[i].claims);
        UNIT_CHECK((code == STIR_OK) == (record != NULL), "row %zu: output", i);
        UNIT_CHECK(code == STIR_OK || (err.code == code && err.text[0]), "row %zu: no text", i);
        stir_keyrecord_free(record);
        free(text);
    }
    EVP_PKEY_free(key);
    JOSE_QUEUE_EMPTY("shapes");
}

/* RFC 7517 section 5. */
static void test_unknown_kind(void)
{
    struct stir_keyrecord *record = NULL;
    struct stir_error err = {0};
    char *text = NULL;
    size_t len = 0;
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256), *used = NULL;
    json_t *jwk = json_loads(KEY, 0, NULL);
    UNIT_OK(stir_jwk_parse(&used, jwk, false, NULL));
    UNIT_OK(
        stir_jws_sign(&text, &len, stir_view_str(HEADER), stir_view_str(CLAIMS(SPC, KEY_XYZ "," KEY, "")), key, NULL));
    UNIT_CODE(stir_keyrecord_parse(&record, text, len, &err), STIR_OK, err.text);
    UNIT_CHECK(record && record->key_count == 1 && stir_key_same_public(record->keys[0].pkey, used),
               "the key that is understood");
    stir_keyrecord_free(record);
    json_decref(jwk);
    free(text);
    EVP_PKEY_free(used);
    EVP_PKEY_free(key);
}

static void test_sizes(void)
{
    struct stir_keyrecord *record = NULL;
    struct stir_buf claims = {0};
    char *text = NULL;
    size_t len = 0;
    EVP_PKEY *key = jose_new_key(STIR_CURVE_P256);
    /* as many numbers as there may be, and one more */
    for (int count = STIR_KEYRECORD_ENTRIES; count <= STIR_KEYRECORD_ENTRIES + 1; count++) {
        stir_buf_puts(&claims, "{\"exp\":1700000100,\"iat\":1700000000,\"iss\":\"1\",\"keys\":[" KEY "],\"tn\":[");
        for (int i = 0; i < count; i++) {
            stir_buf_printf(&claims, "%s\"1215%07d\"", i ? "," : "", i);
        }
        stir_buf_puts(&claims, "]}");
        UNIT_OK(stir_jws_sign_max(&text, &len, stir_view_str(HEADER), stir_view(claims.ptr, claims.len), key,
                                  STIR_KEYRECORD_MAX, NULL));
        enum stir_code code = stir_keyrecord_parse(&record, text, len, NULL);
        UNIT_CODE(code, count > STIR_KEYRECORD_ENTRIES ? STIR_E_JWS : STIR_OK, "entries");
        free(text);
        stir_buf_free(&claims);
        claims = (struct stir_buf){0};
        if (code == STIR_OK) {
            UNIT_CHECK(stir_keyrecord_covers(record, "12150001023", NULL), "the last one");
            stir_keyrecord_free(record);
        }
    }
    text = calloc(1, STIR_KEYRECORD_MAX + 1);
    UNIT_NEED(text);
    memset(text, 'a', STIR_KEYRECORD_MAX + 1);
    UNIT_CODE(stir_keyrecord_parse(&record, text, STIR_KEYRECORD_MAX + 1, NULL), STIR_E_TOO_BIG, "too long");
    UNIT_CODE(stir_keyrecord_parse(&record, text, STIR_KEYRECORD_MAX, NULL), STIR_E_JWS, "no dots");
    UNIT_CODE(stir_keyrecord_parse(&record, text, 0, NULL), STIR_E_JWS, "nothing");
    free(text);
    EVP_PKEY_free(key);
}

/* Which numbers it is for, as its reader sees it. */
static void test_covers(void)
{
    static const struct {
        const char *tn, *spc;
        bool covers;
    } rows[] = {
        {"12155551000", NULL, true},    {"12155551099", NULL, true},  {"12155551100", NULL, false},
        {"2155551000", NULL, false},    {"12155559999", NULL, true},  {"12155550000", "1234", true},
        {"12155550000", "9999", false}, {"12155550000", NULL, false}, {"1234", NULL, false},
    };
    struct world w = world_begin("spc:1234,range:12155551000+100,tn:12155559999");
    char *text = make(&w, "spc:1234,range:12155551000+100,tn:12155559999", (struct stir_keyrecord_spec){0});
    struct stir_keyrecord *record = parse(text);
    UNIT_NEED(record);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CHECK(stir_keyrecord_covers(record, rows[i].tn, rows[i].spc) == rows[i].covers, "%s %s", rows[i].tn,
                   rows[i].spc ? rows[i].spc : "-");
    }
    stir_keyrecord_free(record);
    free(text);
    world_end(&w);
}

static void test_make_refuses(void)
{
    struct world w = world_begin("spc:1234");
    EVP_PKEY *key = jose_new_key(STIR_CURVE_X25519);
    struct stir_keyrecord_key one = key_of(key);
    struct stir_keyrecord_key twice[] = {one, one};
    struct stir_tnauth list = {0}, nobody = {0};
    UNIT_OK(stir_tnauth_from_text(&list, "spc:1234", NULL));
    const struct stir_keyrecord_spec good = {
        .claims = &list, .keys = &one, .key_count = 1, .iat = NOW, .exp = NOW + 1, .x5u = X5U};
    struct stir_keyrecord_spec rows[] = {good, good, good, good, good, good, good};
    rows[0].claims = &nobody;
    rows[1].key_count = 0;
    rows[2].x5u = NULL;
    rows[3].keys = twice;
    rows[3].key_count = 2;
    rows[4].exp = NOW;
    rows[5].cps = "http://cps.example.com";
    rows[6].x5u = "https://";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *text = NULL;
        size_t len = 0;
        UNIT_CHECK(stir_keyrecord_make(&text, &len, &rows[i], w.leaf_key, NULL) != STIR_OK && !text, "row %zu", i);
    }
    char *text = NULL;
    size_t len = 0;
    UNIT_CODE(stir_keyrecord_make(&text, &len, &good, key, NULL), STIR_E_KEY, "signed with the encryption key");
    UNIT_OK(stir_keyrecord_make(&text, &len, &good, w.leaf_key, NULL));
    free(text);
    stir_tnauth_clear(&list);
    EVP_PKEY_free(key);
    world_end(&w);
}

UNIT_MAIN("keyrecord", {"make, parse, verify", test_round_trip}, {"x5c", test_x5c}, {"current keys", test_current},
          {"scope", test_scope}, {"times", test_times}, {"forged", test_forged}, {"shapes", test_shapes},
          {"F28: a key of an unknown kind beside one that is understood", test_unknown_kind}, {"sizes", test_sizes},
          {"covers", test_covers}, {"what is not made", test_make_refuses})
