/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/jose/envelope.h"
#include "common/jose/json.h"
#include "tests/unit/cps_world.h"

#include <stdlib.h>

/* The authentication service without the network: options, signers, signing, sealing and opening. */
static struct world world;

static void test_sign(void)
{
    struct cps_message message = world_message("Hello");
    struct cps_error err = {0};
    struct stir_passport *parsed = NULL;
    char msgi[STIR_MSGI_MAX];
    size_t len = 0;
    char *token = NULL;
    world_begin(&world, NULL);
    CODE_IS(cps_sign(world.cps, world.signer, &message, &token, &len, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(len, strlen(token));
    UNIT_OK(stir_passport_parse(&parsed, token, len, 0, NULL));
    UNIT_STR(parsed->orig.text, "12155551212", "orig in canonical form");
    UNIT_STR(parsed->dest[0].text, WORLD_DEST, "dest");
    UNIT_STR(parsed->x5u, WORLD_X5U, "x5u");
    CU_ASSERT_EQUAL(parsed->iat, CERTS_NOW);
    CU_ASSERT_EQUAL(parsed->ppt, STIR_PPT_MSG);
    UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA256, "Hello", 5, NULL));
    UNIT_STR(parsed->msgi, msgi, "msgi");
    stir_passport_free(parsed);
    cps_text_free(token);
    message.body = NULL;
    message.body_len = 0;
    message.iat = CERTS_NOW - 5;
    CODE_IS(cps_sign(world.cps, world.signer, &message, &token, NULL, &err), CPS_OK, err);
    UNIT_OK(stir_passport_parse(&parsed, token, strlen(token), 0, NULL));
    CU_ASSERT_PTR_NULL(parsed->msgi);
    CU_ASSERT_EQUAL(parsed->iat, CERTS_NOW - 5);
    stir_passport_free(parsed);
    cps_text_free(token);
    cps_text_free(NULL);
    world_end(&world);
}

static void refuses(const char *what, const struct cps_message *message, enum cps_code code)
{
    struct cps_error err = {0};
    char *token = NULL;
    enum cps_code is = cps_sign(world.cps, world.signer, message, &token, NULL, &err);
    code_is(is, code, what, err.text, __LINE__, __FILE__);
    CU_ASSERT_EQUAL(err.code, code);
    CU_ASSERT_PTR_NULL(token);
}

/* Nothing is signed that no verifier would accept. */
static void test_refusals(void)
{
    static const char *const bad_dest[] = {WORLD_DEST, "x y"};
    static const char *const null_dest[] = {NULL};
    struct cps_message message = world_message("Hello");
    world_begin(&world, NULL);
    message.orig = "12155550000";
    refuses("another's number", &message, CPS_E_CERT_SCOPE);
    message.orig = "sip:alice@example.org";
    refuses("a URI", &message, CPS_E_CERT_SCOPE);
    message.orig = "12x";
    refuses("no number", &message, CPS_E_TN);
    message.orig = "+1234567890123456";
    refuses("16 digits", &message, CPS_E_TN);
    message.orig = "";
    refuses("nothing", &message, CPS_E_TN);
    message.orig = NULL;
    refuses("no orig", &message, CPS_E_INVAL);
    message = world_message("Hello");
    message.dest = bad_dest;
    message.dest_count = 2;
    refuses("a bad dest", &message, CPS_E_TN);
    message.dest = null_dest;
    message.dest_count = 1;
    refuses("a NULL dest", &message, CPS_E_INVAL);
    message.dest_count = 0;
    refuses("no dest", &message, CPS_E_INVAL);
    message.dest_count = 65;
    refuses("too many", &message, CPS_E_INVAL);
    message = world_message(NULL);
    message.body_len = 5;
    refuses("a length without a body", &message, CPS_E_INVAL);
    message = world_message("Hello");
    message.iat = CERTS_NOW - CERTS_YEAR - 1;
    refuses("before the certificate's time", &message, CPS_E_CERT_TIME);
    message.iat = CERTS_NOW + CERTS_YEAR;
    refuses("after it", &message, CPS_E_CERT_TIME);
    message.iat = -1;
    refuses("before the epoch", &message, CPS_E_CERT_TIME);
    refuses("no message", NULL, CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_sign(NULL, world.signer, &message, NULL, NULL, NULL), CPS_E_INVAL);
    world_end(&world);
}

static void test_constrained_signer(void)
{
    static char *const must[] = {"attest"};
    struct stir_claims claims = {.must_include = (char **)(uintptr_t)must, .must_include_count = 1};
    struct cps_message message = world_message("Hello");
    struct cps_error err = {0};
    char chain[96];
    char *token = NULL;
    world_begin(&world, NULL);
    X509 *leaf = certs_make_for("tn:12155551212",
                                (struct stir_cert_spec){.common_name = "Constrained",
                                                        .subject_key = world.leaf_key,
                                                        .issuer = world.ca,
                                                        .issuer_key = world.ca_key,
                                                        .claims = &claims},
                                NULL);
    world_path(chain, &world, "constrained.pem");
    WORLD_CERTS(chain, leaf, world.ca);
    struct cps_signer_options options = {.size = sizeof(options),
                                         .key = world.signer_key,
                                         .chain_file = chain,
                                         .x5u = WORLD_X5U};
    struct cps_signer *signer = NULL;
    CODE_IS(cps_signer_open(&signer, &options, &err), CPS_OK, err);
    CODE_IS(cps_sign(world.cps, signer, &message, &token, NULL, &err), CPS_E_CERT_CONSTRAINT, err);
    CU_ASSERT_PTR_NULL(token);
    cps_signer_free(signer);
    world_end(&world);
}

static void opens_signer(const char *what, struct cps_signer_options options, enum cps_code code)
{
    struct cps_error err = {0};
    struct cps_signer *signer = NULL;
    code_is(cps_signer_open(&signer, &options, &err), code, what, err.text, __LINE__, __FILE__);
    CU_ASSERT_PTR_NULL(signer);
    CU_ASSERT_TRUE(err.text[0] != 0);
}

static void test_signers(void)
{
    char other[96];
    char garbage[96];
    world_begin(&world, NULL);
    struct cps_signer_options good = {.size = sizeof(good),
                                      .key = world.signer_key,
                                      .chain_file = world.chain,
                                      .x5u = WORLD_X5U};
    struct cps_signer_options options = good;
    world_path(other, &world, "other.key");
    world_path(garbage, &world, "garbage");
    world_write_key(other, certs_key());
    world_write(garbage, "garbage", 7);
    options.key = other;
    opens_signer("another key", options, CPS_E_KEY);
    options.key = garbage;
    opens_signer("no key", options, CPS_E_KEY);
    options.key = "/nonexistent.key";
    opens_signer("no file", options, CPS_E_IO);
    options.key = NULL;
    opens_signer("NULL", options, CPS_E_INVAL);
    options = good;
    options.chain_file = garbage;
    opens_signer("no chain", options, CPS_E_CERT);
    options.chain_file = "/nonexistent.pem";
    opens_signer("no file", options, CPS_E_IO);
    options = good;
    options.x5u = "http://a/x";
    opens_signer("http", options, CPS_E_X5U);
    options.x5u = "https://a/x?y";
    opens_signer("a query", options, CPS_E_X5U);
    options = good;
    options.size = 1;
    opens_signer("a wrong size", options, CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_signer_open(NULL, &good, NULL), CPS_E_INVAL);
    cps_signer_free(NULL);
    world_end(&world);
}

static void test_seal_and_open(void)
{
    struct cps_envelopes sealed = {0};
    struct cps_opened opened = {0};
    struct cps_error err = {0};
    struct cps_key *p256 = NULL;
    char path[96];
    char id[CPS_ID_LEN + 1];
    EVP_PKEY *key = NULL;
    world_begin(&world, NULL);
    UNIT_OK(stir_key_generate(&key, STIR_CURVE_P256, NULL));
    certs_own_key(key);
    world_path(path, &world, "p256.key");
    world_write_key(path, key);
    CODE_IS(cps_key_load(&p256, path, true, &err), CPS_OK, err);
    char *token = world_sign(&world, "Hello", 0);
    const struct cps_key *to[] = {world.box_public, p256};
    CODE_IS(cps_seal(world.cps, token, strlen(token), world.signer, to, 2, &sealed, &err), CPS_OK, err);
    CU_ASSERT_EQUAL_FATAL(sealed.count, 2);
    CU_ASSERT_EQUAL(sealed.items[0].len, strlen(sealed.items[0].text));
    CU_ASSERT_EQUAL(cps_envelope_id(id, sealed.items[1].text, sealed.items[1].len, NULL), CPS_OK);
    UNIT_STR(sealed.items[1].id, id, "id");
    const struct cps_key *with[] = {p256, world.box_private};
    for (size_t i = 0; i < 2; i++) {
        CODE_IS(cps_open(world.cps, sealed.items[i].text, sealed.items[i].len, with, 2, &opened, &err), CPS_OK, err);
        UNIT_STR(opened.passport, token, "the PASSporT");
        CU_ASSERT_EQUAL(opened.key_index, 1 - i);
        CU_ASSERT_EQUAL(opened.x5c_count, 2);
        struct cps_result result;
        CU_ASSERT_EQUAL(cps_verify_passport(world.cps, opened.passport, opened.passport_len, opened.x5c,
                                            opened.x5c_count, NULL, &result),
                        CPS_OK);
        cps_result_clear(&result);
        cps_opened_clear(&opened);
        cps_opened_clear(&opened);
    }
    CODE_IS(cps_open(world.cps, sealed.items[0].text, sealed.items[0].len, with, 1, &opened, &err), CPS_E_DECRYPT, err);
    CU_ASSERT_PTR_NULL(opened.passport);
    for (size_t n = 0; n < sealed.items[0].len; n += 7) {
        enum cps_code code = cps_open(world.cps, sealed.items[0].text, n, with, 2, &opened, &err);
        UNIT_CHECK(code != CPS_OK, "cut to %zu", n);
    }
    CODE_IS(cps_open(world.cps, sealed.items[0].text, sealed.items[0].len, to, 2, &opened, &err), CPS_E_INVAL, err);
    cps_envelopes_clear(&sealed);
    CODE_IS(cps_seal(world.cps, token, strlen(token) - 1, NULL, to, 2, &sealed, &err), CPS_E_BASE64, err);
    CODE_IS(cps_seal(world.cps, "hello", 5, NULL, to, 2, &sealed, &err), CPS_E_JWS, err);
    CODE_IS(cps_seal(world.cps, token, strlen(token), NULL, to, 0, &sealed, &err), CPS_E_INVAL, err);
    CU_ASSERT_PTR_NULL(sealed.items);
    cps_text_free(token);
    cps_key_free(p256);
    cps_key_free(NULL);
    world_end(&world);
}

static void test_keys(void)
{
    struct cps_error err = {0};
    struct cps_key *key = NULL;
    static const char jwk[] =
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\"}";
    CODE_IS(cps_key_from_jwk(&key, jwk, strlen(jwk), false, &err), CPS_OK, err);
    cps_key_free(key);
    key = NULL;
    CODE_IS(cps_key_from_jwk(&key, jwk, strlen(jwk), true, &err), CPS_E_KEY, err);
    CODE_IS(cps_key_from_jwk(&key, jwk, strlen(jwk) - 1, false, &err), CPS_E_JSON, err);
    CODE_IS(cps_key_from_jwk(&key, NULL, 0, false, &err), CPS_E_INVAL, err);
    CODE_IS(cps_key_load(&key, "/nonexistent", false, &err), CPS_E_IO, err);
    CODE_IS(cps_key_load(&key, NULL, false, &err), CPS_E_INVAL, err);
    CU_ASSERT_PTR_NULL(key);
}

static void test_options(void)
{
    static const uint16_t no_ports[1];
    static const struct {
        const char *names;
        struct cps_options options;
        enum cps_code code;
    } rows[] = {
        {"cps_url", {.cps_url = "http://cps.example"}, CPS_E_CONFIG},
        {"cps_url", {.cps_url = "https://cps.example/?x"}, CPS_E_CONFIG},
        {"max_age_s", {.max_age_s = -1}, CPS_E_CONFIG},
        {"max_age_s", {.max_age_s = CPS_MAX_AGE_LIMIT_S + 1}, CPS_E_CONFIG},
        {"max_age_s", {.max_age_s = 61, .replay = CPS_REPLAY_NONE}, CPS_E_CONFIG},
        {"clock_skew_s", {.clock_skew_s = -2}, CPS_E_CONFIG},
        {"clock_skew_s", {.clock_skew_s = 3601}, CPS_E_CONFIG},
        {"replay", {.replay = (enum cps_replay)9}, CPS_E_CONFIG},
        {"replay_file", {.replay = CPS_REPLAY_SQLITE}, CPS_E_CONFIG},
        {"replay_file", {.replay_file = "x"}, CPS_E_CONFIG},
        {"replay_file", {.replay = CPS_REPLAY_SQLITE, .replay_file = "/nonexistent/x"}, CPS_E_REPLAY_STORE},
        {"tls_key_file", {.tls_cert_file = "x"}, CPS_E_CONFIG},
        {"/nonexistent", {.trust_file = "/nonexistent"}, CPS_E_IO},
        {"x5u_ca_file", {.x5u_ca_file = "/nonexistent"}, CPS_E_IO},
        {"crl_file_count", {.crl_file_count = 65}, CPS_E_CONFIG},
        {"x5u_port_count", {.x5u_ports = no_ports, .x5u_port_count = 65}, CPS_E_CONFIG},
        {"tn_max_digits", {.tn_max_digits = 33}, CPS_E_CONFIG},
        {"country_code", {.country_code = "+1"}, CPS_E_CONFIG},
        {"country_code", {.country_code = "12345678"}, CPS_E_CONFIG},
        {"national_prefix", {.national_prefix = "x"}, CPS_E_CONFIG},
        {"x5u_timeout_ms", {.x5u_timeout_ms = 60001}, CPS_E_CONFIG},
        {"max_in_flight", {.max_in_flight = 1000001}, CPS_E_CONFIG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_options options = rows[i].options;
        struct cps_error err = {0};
        struct cps *cps = NULL;
        options.size = sizeof(options);
        enum cps_code code = cps_new(&cps, &options, &err);
        UNIT_CHECK(code == rows[i].code, "%s: %s (%s)", rows[i].names, cps_error_name(code), err.text);
        UNIT_CHECK(strstr(err.text, rows[i].names) && !cps, "%s: \"%s\"", rows[i].names, err.text);
    }
    struct cps_options options = {.size = sizeof(options), .max_age_s = 60, .replay = CPS_REPLAY_NONE};
    cps_free(world_handle(&options));
    cps_free(NULL);
    CU_ASSERT_EQUAL(cps_new(NULL, &options, NULL), CPS_E_INVAL);
    struct cps *cps = NULL;
    CU_ASSERT_EQUAL(cps_new(&cps, NULL, NULL), CPS_E_INVAL);
    CU_ASSERT_STRING_NOT_EQUAL(cps_version(), "");
}

/* A caller that was built with another version of the header. */
static void test_options_size(void)
{
    struct {
        struct cps_options options;
        long more[4];
    } newer = {.options = {.size = sizeof(newer)}};
    struct cps_error err = {0};
    struct cps *cps = NULL;
    CODE_IS(cps_new(&cps, &newer.options, &err), CPS_OK, err);
    cps_free(cps);
    cps = NULL;
    newer.more[3] = 1;
    CODE_IS(cps_new(&cps, &newer.options, &err), CPS_E_INVAL, err);
    newer.more[3] = 0;
    newer.options.size = 0;
    CODE_IS(cps_new(&cps, &newer.options, &err), CPS_E_INVAL, err);
    newer.options.size = offsetof(struct cps_options, numbers_file) - 1;
    CODE_IS(cps_new(&cps, &newer.options, &err), CPS_E_INVAL, err);
    CU_ASSERT_PTR_NULL(cps);
    /* an older caller's struct ends there, and what is behind it is not looked at */
    newer.options.size++;
    newer.options.numbers_file = "/nowhere";
    CODE_IS(cps_new(&cps, &newer.options, &err), CPS_OK, err);
    cps_free(cps);
}

static void test_numbering(void)
{
    struct cps_options options = {.country_code = "1", .national_digits = 10, .international_prefix = "011"};
    struct cps_result result;
    static const char *const dests[] = {"(215) 555-1313"};
    world_begin(&world, &options);
    char *token = world_sign(&world, "Hello", 0);
    struct cps_message message = world_message("Hello");
    message.orig = "215.555.1212";
    message.dest = dests;
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result), CPS_OK);
    cps_result_clear(&result);
    cps_text_free(token);
    world_end(&world);
}

/* RFC 9475's own printed digest has too few octets: never a match, and no crash. */
static void test_short_digest(void)
{
    struct cps_message message = world_message("Hello");
    struct cps_result result;
    world_begin(&world, NULL);
    char *token = world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}",
                              "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"msgi\":\"sha256-"
                              "H8BRh8j48O9oYatfu5AZzq6A9RINQZngK7T62em8MUt1FLm52t+eX6xO\",\"orig\":{\"tn\":"
                              "\"12155551212\"}}",
                              world.leaf_key);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result),
                    CPS_E_MSGI_MISMATCH);
    cps_result_clear(&result);
    free(token);
    world_end(&world);
}

UNIT_MAIN("libcps signing", {"sign", test_sign}, {"refusals", test_refusals},
          {"a constrained signer", test_constrained_signer}, {"signers", test_signers},
          {"seal and open", test_seal_and_open}, {"keys", test_keys}, {"options", test_options},
          {"options of other versions", test_options_size}, {"numbering", test_numbering},
          {"a digest cut short", test_short_digest})
