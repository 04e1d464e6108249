/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/jose/b64.h"
#include "tests/unit/cps_world.h"

#include <openssl/bn.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define BODY "Your code is 123456"
#define HEADER "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}"
#define CLAIMS "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"tn\":\"12155551212\"}}"

static struct world world;

/* Verifies a token against the message with this body; the verdict must be the expected one, and the code its cause. */
static void verifies_as(const char *what, const char *token, const char *body, enum cps_verdict verdict,
                        enum cps_code code)
{
    struct cps_message message = world_message(body);
    struct cps_result result;
    enum cps_code is = cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result);
    VERDICT_IS(&result, verdict, what);
    UNIT_CHECK(is == code && result.error.code == code, "%s: %s (%s), expected %s", what, cps_error_name(is),
               result.error.text, cps_error_name(code));
    UNIT_CHECK((result.error.text[0] != 0) == (code != CPS_OK), "%s: a reason", what);
    cps_result_clear(&result);
}

static void test_passed(void)
{
    struct cps_message message = world_message(BODY);
    struct cps_result result;
    world_begin(&world, NULL);
    char *token = world_sign(&world, BODY, 0);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result), CPS_OK);
    VERDICT_IS(&result, CPS_PASSED, "passed");
    UNIT_STR(result.passport, token, "the PASSporT");
    UNIT_STR(result.signer, "Alice", "the signer");
    CU_ASSERT_EQUAL(result.passport_len, strlen(token));
    CU_ASSERT_EQUAL(result.iat, CERTS_NOW);
    CU_ASSERT_TRUE(result.msgi_checked);
    CU_ASSERT_FALSE(result.by_spc);
    cps_result_clear(&result);
    verifies_as("once more", token, BODY, CPS_REPLAYED, CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, NULL, &result), CPS_OK);
    VERDICT_IS(&result, CPS_PASSED, "the PASSporT alone");
    cps_result_clear(&result);
    cps_text_free(token);
    world_end(&world);
}

/* The signature that everybody can make from a good one: the same r, and n - s. */
static char *flip_s(const char *token)
{
    size_t len = strlen(token);
    size_t head = len - stir_b64url_len(STIR_ES256_SIG);
    uint8_t sig[STIR_ES256_SIG];
    size_t n;
    uint8_t order[32];
    BIGNUM *s = NULL;
    BIGNUM *all = BN_new();
    (void)unit_unhex(order, sizeof(order), "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    UNIT_OK(stir_b64url_decode(sig, sizeof(sig), &n, token + head, len - head));
    s = BN_bin2bn(sig + 32, 32, NULL);
    (void)BN_bin2bn(order, 32, all);
    CU_ASSERT_EQUAL(BN_sub(s, all, s), 1);
    CU_ASSERT_EQUAL(BN_bn2binpad(s, sig + 32, 32), 32);
    char *flipped = malloc(len + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(flipped);
    memcpy(flipped, token, head);
    flipped[head + stir_b64url_encode(flipped + head, sig, sizeof(sig))] = '\0';
    BN_free(s);
    BN_free(all);
    return flipped;
}

static void test_replay_with_flipped_s(void)
{
    struct cps_result result;
    world_begin(&world, NULL);
    char *token = world_sign(&world, BODY, 0);
    char *flipped = flip_s(token);
    CU_ASSERT_STRING_NOT_EQUAL(token, flipped);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, flipped, strlen(flipped), NULL, 0, NULL, &result), CPS_OK);
    cps_result_clear(&result);
    verifies_as("first", token, BODY, CPS_PASSED, CPS_OK);
    verifies_as("flipped", flipped, BODY, CPS_REPLAYED, CPS_E_REPLAYED);
    cps_text_free(token);
    free(flipped);
    world_end(&world);
}

/* A PASSporT that failed may be used when it no longer does: only `passed` uses it up. */
/* A handle that follows another one knows what was used; in whatever order they go. */
static void test_replay_goes_on(void)
{
    struct cps_error err = {0};
    world_begin(&world, NULL);
    char *token = world_sign(&world, BODY, 0), *later = world_sign(&world, BODY " too", 0);
    verifies_as("the first", token, BODY, CPS_PASSED, CPS_OK);
    struct cps *old = world.cps;
    world.options.replay_from = old;
    world.cps = world_handle(&world.options);
    verifies_as("the next", token, BODY, CPS_REPLAYED, CPS_E_REPLAYED);
    cps_free(old);
    verifies_as("alone", token, BODY, CPS_REPLAYED, CPS_E_REPLAYED);
    verifies_as("another", later, BODY " too", CPS_PASSED, CPS_OK);
    struct cps *none = NULL;
    world.options.replay_from = world.cps;
    world.options.replay = CPS_REPLAY_NONE;
    CODE_IS(cps_new(&none, &world.options, &err), CPS_E_CONFIG, err);
    world.options.replay = CPS_REPLAY_MEMORY;
    cps_text_free(token);
    cps_text_free(later);
    world_end(&world);
}

static void test_failure_uses_nothing_up(void)
{
    world_begin(&world, NULL);
    char *token = world_sign(&world, BODY, 0);
    verifies_as("another body", token, "Another text", CPS_MSGI_MISMATCH, CPS_E_MSGI_MISMATCH);
    atomic_store(&world_clock, CERTS_NOW + 61);
    verifies_as("too late", token, BODY, CPS_STALE, CPS_E_STALE);
    atomic_store(&world_clock, CERTS_NOW + 60);
    verifies_as("just in time", token, BODY, CPS_PASSED, CPS_OK);
    cps_text_free(token);
    world_end(&world);
}

static void test_message_mismatches(void)
{
    static const char *const elsewhere[] = {"12155559999"};
    static const char *const both[] = {WORLD_DEST, "12155559999"};
    world_begin(&world, NULL);
    char *token = world_sign(&world, BODY, 0);
    struct cps_message message = world_message(BODY);
    struct cps_result result;
    message.orig = "12155550000";
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result),
                    CPS_E_ORIG_MISMATCH);
    VERDICT_IS(&result, CPS_ORIG_MISMATCH, "another sender");
    cps_result_clear(&result);
    message = world_message(BODY);
    message.dest = elsewhere;
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result),
                    CPS_E_DEST_MISMATCH);
    VERDICT_IS(&result, CPS_DEST_MISMATCH, "another destination");
    cps_result_clear(&result);
    message.dest = both;
    message.dest_count = 2;
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result),
                    CPS_E_DEST_MISMATCH);
    cps_result_clear(&result);
    verifies_as("no body here", token, NULL, CPS_MSGI_MISMATCH, CPS_E_MSGI_MISMATCH);
    verifies_as("empty body here", token, "", CPS_MSGI_MISMATCH, CPS_E_MSGI_MISMATCH);
    char *empty = world_sign(&world, "", 0);
    verifies_as("an empty body is a body", empty, NULL, CPS_MSGI_MISMATCH, CPS_E_MSGI_MISMATCH);
    verifies_as("an empty body", empty, "", CPS_PASSED, CPS_OK);
    cps_text_free(empty);
    cps_text_free(token);
    world_end(&world);
}

/* A "msg" PASSporT without msgi says nothing of the text: it would verify any. */
static void test_msgi_optional(void)
{
    struct cps_options options = {.msgi_optional = true};
    struct cps_message message = world_message(BODY);
    struct cps_result result;
    world_begin(&world, NULL);
    char *bare = world_sign(&world, NULL, 0);
    verifies_as("a body, and no msgi", bare, BODY, CPS_UNSUPPORTED, CPS_E_PPT);
    verifies_as("an empty body, and no msgi", bare, "", CPS_UNSUPPORTED, CPS_E_PPT);
    verifies_as("no body, and no msgi", bare, NULL, CPS_PASSED, CPS_OK);
    cps_text_free(bare);
    world_end(&world);
    world_begin(&world, &options);
    bare = world_sign(&world, NULL, 0);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, bare, strlen(bare), NULL, 0, &message, &result), CPS_OK);
    VERDICT_IS(&result, CPS_PASSED, "nothing said of the body");
    CU_ASSERT_FALSE(result.msgi_checked);
    cps_result_clear(&result);
    cps_text_free(bare);
    world_end(&world);
}

static void test_freshness(void)
{
    static const struct {
        int64_t iat;
        enum cps_verdict verdict;
        enum cps_code code;
    } rows[] = {
        {CERTS_NOW - 60, CPS_PASSED, CPS_OK},        {CERTS_NOW - 61, CPS_STALE, CPS_E_STALE},
        {CERTS_NOW - 86400, CPS_STALE, CPS_E_STALE}, {CERTS_NOW + 60, CPS_PASSED, CPS_OK},
        {CERTS_NOW + 61, CPS_STALE, CPS_E_FUTURE},   {CERTS_NOW + 86400, CPS_STALE, CPS_E_FUTURE},
    };
    world_begin(&world, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = world_sign(&world, BODY, rows[i].iat);
        verifies_as("freshness", token, BODY, rows[i].verdict, rows[i].code);
        cps_text_free(token);
    }
    world_end(&world);
    struct cps_options days = {.max_age_s = CPS_MAX_AGE_LIMIT_S, .clock_skew_s = -1};
    world_begin(&world, &days);
    char *token = world_sign(&world, BODY, CERTS_NOW - CPS_MAX_AGE_LIMIT_S);
    verifies_as("72 hours", token, BODY, CPS_PASSED, CPS_OK);
    verifies_as("72 hours, again", token, BODY, CPS_REPLAYED, CPS_E_REPLAYED);
    cps_text_free(token);
    token = world_sign(&world, BODY, CERTS_NOW - CPS_MAX_AGE_LIMIT_S - 1);
    verifies_as("a second more", token, BODY, CPS_STALE, CPS_E_STALE);
    cps_text_free(token);
    token = world_sign(&world, BODY, CERTS_NOW + 1);
    verifies_as("no skew", token, BODY, CPS_STALE, CPS_E_FUTURE);
    cps_text_free(token);
    world_end(&world);
}

/* The signer may limit a PASSporT's life more than iat does (RFC 7519 sections 4.1.4 and 4.1.5). */
static void test_expiry(void)
{
    static const struct {
        const char *claim;
        enum cps_verdict verdict;
        enum cps_code code;
    } rows[] = {
        {"\"exp\":1699999970,", CPS_STALE, CPS_E_STALE},      {"\"exp\":1700000000,", CPS_STALE, CPS_E_STALE},
        {"\"exp\":1699999970.5,", CPS_STALE, CPS_E_STALE},    {"\"exp\":1700000000.5,", CPS_PASSED, CPS_OK},
        {"\"exp\":1700000001,", CPS_PASSED, CPS_OK},          {"\"nbf\":1700003600,", CPS_STALE, CPS_E_FUTURE},
        {"\"nbf\":1700003600.25,", CPS_STALE, CPS_E_FUTURE},  {"\"nbf\":1700000060,", CPS_PASSED, CPS_OK},
        {"\"exp\":\"soon\",", CPS_MALFORMED, CPS_E_PASSPORT},
    };
    world_begin(&world, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char claims[512];
        char msgi[STIR_MSGI_MAX];
        UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA256, BODY, strlen(BODY), NULL));
        (void)snprintf(claims, sizeof(claims),
                       "{\"dest\":{\"tn\":[\"12155551313\"]},%s\"iat\":1700000000,\"msgi\":\"%s\","
                       "\"orig\":{\"tn\":\"12155551212\"}}",
                       rows[i].claim, msgi);
        char *token = world_token(HEADER, claims, world.leaf_key);
        verifies_as(rows[i].claim, token, BODY, rows[i].verdict, rows[i].code);
        free(token);
    }
    world_end(&world);
}

static void test_signature(void)
{
    world_begin(&world, NULL);
    char *forged = world_token(HEADER, CLAIMS, certs_key());
    verifies_as("another key", forged, BODY, CPS_BAD_SIGNATURE, CPS_E_SIGNATURE);
    free(forged);
    char *token = world_sign(&world, BODY, 0);
    char *dot = strrchr(token, '.');
    dot[10] = dot[10] == 'A' ? 'B' : 'A';
    verifies_as("a bit of the signature", token, BODY, CPS_BAD_SIGNATURE, CPS_E_SIGNATURE);
    cps_text_free(token);
    /* claims of one, signature of another */
    token = world_sign(&world, BODY, 0);
    char *other = world_sign(&world, "Another text", 0);
    char *mixed = NULL;
    CU_ASSERT_TRUE_FATAL(asprintf(&mixed, "%.*s%s", (int)(strrchr(token, '.') - token), token, strrchr(other, '.')) >
                         0);
    verifies_as("another's signature", mixed, BODY, CPS_BAD_SIGNATURE, CPS_E_SIGNATURE);
    cps_text_free(token);
    cps_text_free(other);
    free(mixed);
    world_end(&world);
}

/* A token whose "signature" is an HMAC with the public key's PEM text: what a verifier that lets the token choose the
 * algorithm accepts. */
static char *forge_hs256(EVP_PKEY *key, const char *alg)
{
    char input[2048];
    char header[256];
    uint8_t mac[32];
    char *pem = NULL;
    (void)snprintf(header, sizeof(header),
                   "{\"alg\":\"%s\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}", alg);
    UNIT_OK(stir_key_to_pem(&pem, key, false, NULL));
    size_t n = stir_b64url_encode(input, header, strlen(header));
    input[n++] = '.';
    n += stir_b64url_encode(input + n, CLAIMS, strlen(CLAIMS));
    CU_ASSERT_PTR_NOT_NULL(HMAC(EVP_sha256(), pem, (int)strlen(pem), (uint8_t *)input, n, mac, NULL));
    input[n++] = '.';
    n += stir_b64url_encode(input + n, mac, sizeof(mac));
    free(pem);
    return strndup(input, n);
}

static void test_algorithms(void)
{
    static const char *const algs[] = {"HS256", "none", "ES384", "RS256", "es256", "ES256 ", ""};
    world_begin(&world, NULL);
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        char *token = forge_hs256(world.leaf_key, algs[i]);
        verifies_as(algs[i], token, BODY, CPS_MALFORMED, CPS_E_ALG);
        free(token);
    }
    world_end(&world);
}

static void test_malformed(void)
{
    world_begin(&world, NULL);
    char *token = world_sign(&world, BODY, 0);
    size_t n = strlen(token);
    for (size_t cut = 0; cut < n; cut++) {
        struct cps_result result;
        struct cps_message message = world_message(BODY);
        enum cps_code code = cps_verify_passport(world.cps, token, cut, NULL, 0, &message, &result);
        UNIT_CHECK(code != CPS_OK && result.verdict == CPS_MALFORMED, "cut to %zu: %s", cut, cps_error_name(code));
        cps_result_clear(&result);
    }
    cps_text_free(token);
    struct cps_result result;
    struct cps_message nobody = {.orig = "", .dest = world_dests, .dest_count = 1};
    CU_ASSERT_NOT_EQUAL(cps_verify_passport(world.cps, "a.b.c", 5, NULL, 0, &nobody, &result), CPS_OK);
    CU_ASSERT_NOT_EQUAL(result.verdict, CPS_PASSED);
    CU_ASSERT_EQUAL(cps_verify_passport(NULL, "a.b.c", 5, NULL, 0, NULL, &result), CPS_E_INVAL);
    CU_ASSERT_EQUAL(result.verdict, CPS_CPS_UNAVAILABLE);
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, NULL, 5, NULL, 0, NULL, NULL), CPS_E_INVAL);
    world_end(&world);
}

#define SHAKEN(attest) "\"attest\":" attest ",\"origid\":\"123e4567-e89b-12d3-a456-426655440000\","

/* A PASSporT from Alice of any type, without msgi unless `more` has it. */
static char *token_of_type(const char *ppt, const char *more)
{
    char header[256];
    char claims[512];
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",%s\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}", ppt);
    (void)snprintf(claims, sizeof(claims),
                   "{%s\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"tn\":\"12155551212\"}}",
                   more);
    return world_token(header, claims, world.leaf_key);
}

struct typed {
    const char *ppt, *more;
    enum cps_verdict verdict;
    enum cps_code code;
    const char *shown, *attest; /* of the result */
};

static void check_types(const struct typed *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cps_message message = world_message(BODY);
        struct cps_result result;
        char *token = token_of_type(rows[i].ppt, rows[i].more);
        enum cps_code code = cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result);
        UNIT_CHECK(code == rows[i].code, "%s %s: %s", rows[i].ppt, rows[i].more, cps_error_name(code));
        VERDICT_IS(&result, rows[i].verdict, rows[i].more);
        UNIT_STR(result.ppt, rows[i].shown, rows[i].ppt);
        UNIT_STR(result.attest, rows[i].attest, rows[i].more);
        CU_ASSERT_FALSE(result.msgi_checked);
        cps_result_clear(&result);
        free(token);
    }
}

/* What was signed for a call does not vouch for a text (RFC 9475 section 3.2). */
static void test_types(void)
{
    static const struct typed rows[] = {
        {"\"ppt\":\"shaken\",", SHAKEN("\"A\""), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", "A"},
        {"\"ppt\":\"shaken\",", SHAKEN("\"C\""), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", "C"},
        {"\"ppt\":\"shaken\",", SHAKEN("{\"a\":1}"), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", ""},
        {"", "", CPS_UNSUPPORTED, CPS_E_PPT, "baseline", ""},
        {"", "\"msgi\":\"sha256-AAAA\",", CPS_UNSUPPORTED, CPS_E_PPT, "baseline", ""},
        {"\"ppt\":\"rph\",", "", CPS_UNSUPPORTED, CPS_E_PPT, "rph", ""},
        {"\"ppt\":\"MSG\",", "", CPS_UNSUPPORTED, CPS_E_PPT, "MSG", ""},
        {"\"ppt\":\"div\",", "\"div\":{\"tn\":\"12155551212\"},", CPS_UNSUPPORTED, CPS_E_PPT, "div", ""},
        {"\"ppt\":\"a b\\n\xc3\xa9 and 28 further characters\",", "", CPS_UNSUPPORTED, CPS_E_PPT,
         "a?b????and?28?further?character", ""},
        {"\"ppt\":\"msg\",", "", CPS_UNSUPPORTED, CPS_E_PPT, "msg", ""}, /* no msgi */
    };
    world_begin(&world, NULL);
    check_types(rows, sizeof(rows) / sizeof(rows[0]));
    char *token = world_sign(&world, BODY, 0);
    struct cps_message message = world_message(BODY);
    struct cps_result result;
    CU_ASSERT_EQUAL(cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result), CPS_OK);
    UNIT_STR(result.ppt, "msg", "msg");
    UNIT_STR(result.attest, "", "msg");
    cps_result_clear(&result);
    cps_text_free(token);
    world_end(&world);
}

static void test_accepted_types(void)
{
    static const struct typed rows[] = {
        {"\"ppt\":\"shaken\",", SHAKEN("\"A\""), CPS_PASSED, CPS_OK, "shaken", "A"},
        {"\"ppt\":\"shaken\",", SHAKEN("\"B\""), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", "B"},
        {"\"ppt\":\"shaken\",", SHAKEN("\"C\""), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", "C"},
        {"\"ppt\":\"shaken\",", SHAKEN("\"AA\""), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", ""},
        {"\"ppt\":\"shaken\",", SHAKEN("\"a\""), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", ""},
        {"\"ppt\":\"shaken\",", SHAKEN("\"\""), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", ""},
        {"\"ppt\":\"shaken\",", SHAKEN("{\"a\":1}"), CPS_UNSUPPORTED, CPS_E_PPT, "shaken", ""},
        {"", "", CPS_PASSED, CPS_OK, "baseline", ""},
        {"", "\"msgi\":\"sha256-AAAB\",", CPS_PASSED, CPS_OK, "baseline", ""}, /* msgi is of "msg" alone */
        {"\"ppt\":\"div\",", "\"div\":{\"tn\":\"12155551212\"},", CPS_UNSUPPORTED, CPS_E_PPT, "div", ""},
        {"\"ppt\":\"rph\",", "", CPS_UNSUPPORTED, CPS_E_PPT, "rph", ""},
        {"\"ppt\":\"msg\",", "", CPS_UNSUPPORTED, CPS_E_PPT, "msg", ""},
    };
    static const struct {
        const char *types, *reason;
    } refused[] = {
        {"shaken", "msg is missing"},    {"", "msg is missing"},
        {" , ", "msg is missing"},       {"msg,div", "unknown type \"div\""},
        {"MSG", "unknown type \"MSG\""}, {"msg;shaken", "unknown type \"msg;shaken\""},
    };
    struct cps_options options = {.accept_types = "baseline, msg,shaken"};
    world_begin(&world, &options);
    check_types(rows, sizeof(rows) / sizeof(rows[0]));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct cps *none = NULL;
        struct cps_error err = {0};
        options = world.options;
        options.accept_types = refused[i].types;
        CODE_IS(cps_new(&none, &options, &err), CPS_E_CONFIG, err);
        UNIT_CHECK(strstr(err.text, refused[i].reason) != NULL, "%s: %s", refused[i].types, err.text);
    }
    world_end(&world);
}

static atomic_uint signals;
static atomic_bool concluded;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

static void on_result(void *arg, const struct cps_result *result)
{
    (void)arg;
    (void)result;
    atomic_store(&concluded, true);
}

/* The I/O thread is not there for the application's signals. */
static void test_signals(void)
{
    struct cps_error err = {0};
    sigset_t usr1;
    sigset_t pending;
    struct timespec pause = {.tv_nsec = 20000000};
    world_begin(&world, NULL);
    char *token = world_sign(&world, BODY, 0);
    (void)signal(SIGUSR1, on_signal);
    CODE_IS(cps_verify_passport_async(world.cps, token, strlen(token), NULL, 0, NULL, on_result, NULL, &err), CPS_OK,
            err);
    while (!atomic_load(&concluded)) {
        (void)nanosleep(&pause, NULL);
    }
    (void)sigemptyset(&usr1);
    (void)sigaddset(&usr1, SIGUSR1);
    (void)pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    (void)kill(getpid(), SIGUSR1);
    (void)nanosleep(&pause, NULL);
    CU_ASSERT_EQUAL(sigpending(&pending), 0);
    CU_ASSERT_EQUAL(sigismember(&pending, SIGUSR1), 1);
    CU_ASSERT_EQUAL(atomic_load(&signals), 0);
    (void)pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
    CU_ASSERT_EQUAL(atomic_load(&signals), 1);
    (void)signal(SIGUSR1, SIG_DFL);
    cps_text_free(token);
    world_end(&world);
}

UNIT_MAIN("libcps verification", {"passed, once", test_passed}, {"replay with s flipped", test_replay_with_flipped_s},
          {"replay and a handle that follows", test_replay_goes_on},
          {"failures use nothing up", test_failure_uses_nothing_up}, {"another message", test_message_mismatches},
          {"msgi optional", test_msgi_optional}, {"freshness", test_freshness}, {"F29: exp and nbf", test_expiry},
          {"signatures", test_signature}, {"algorithms", test_algorithms}, {"malformed", test_malformed},
          {"F12: a call's PASSporT does not vouch for a text", test_types}, {"accepted types", test_accepted_types},
          {"signals", test_signals})
