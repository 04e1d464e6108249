#include "client/cps.h"
#include "client/lib/certcache.h"
#include "client/lib/handle.h"
#include "tests/unit/cps_world.h"

#include <openssl/x509v3.h>
#include <stdlib.h>

/* What RFC 8816 section 8.2 step 4 meets: certificates of every kind at x5u and in x5c. */
#define BODY "Hello"

static struct world world;

static void verifies(const char *what, const char *token, const struct cps_der *x5c, size_t x5c_count,
                     enum cps_verdict verdict, enum cps_code code, struct cps_result *out)
{
    struct cps_message message = world_message(BODY);
    struct cps_result result;
    enum cps_code is = cps_verify_passport(world.cps, token, strlen(token), x5c, x5c_count, &message, &result);
    VERDICT_IS(&result, verdict, what);
    UNIT_CHECK(is == code, "%s: %s (%s), expected %s", what, cps_error_name(is), result.error.text,
               cps_error_name(code));
    if (out) {
        *out = result;
    } else {
        cps_result_clear(&result);
    }
}

/* A PASSporT from WORLD_ORIG with this x5u, signed with any key. */
static char *token_with(const char *x5u, EVP_PKEY *key)
{
    static int serial;
    char header[512];
    char claims[256];
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\"%s%s%s}",
                   x5u ? ",\"x5u\":\"" : "", x5u ? x5u : "", x5u ? "\"" : "");
    (void)snprintf(claims, sizeof(claims),
                   "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":%lld,\"orig\":{\"tn\":\"12155551212\"},\"x\":%d}",
                   (long long)CERTS_NOW, serial++);
    return world_token(header, claims, key);
}

/* A certificate and its key behind https://certs.example.org/<name>, and the verdict on what it signs. */
static void judges(const char *name, X509 *leaf, EVP_PKEY *key, enum cps_verdict verdict, enum cps_code code)
{
    char url[256];
    WORLD_HOST(&world, name, leaf, world.ca);
    (void)snprintf(url, sizeof(url), "https://certs.example.org/%s", name);
    char *token = token_with(url, key);
    verifies(name, token, NULL, 0, verdict, code, NULL);
    free(token);
}

static struct stir_cert_spec issued(const char *name)
{
    return (struct stir_cert_spec){.common_name = name, .issuer = world.ca, .issuer_key = world.ca_key};
}

static void test_scope(void)
{
    static const struct {
        const char *tnauth;
        enum cps_verdict verdict;
        enum cps_code code;
    } rows[] = {
        {"tn:12155551212", CPS_PASSED, CPS_OK},
        {"range:12155551200+100", CPS_PASSED, CPS_OK},
        {"spc:1234,tn:12155551212", CPS_PASSED, CPS_OK},
        {"tn:12155551213", CPS_NOT_AUTHORIZED, CPS_E_CERT_SCOPE},
        {"range:12155551213+100", CPS_NOT_AUTHORIZED, CPS_E_CERT_SCOPE},
        {"range:12155551202+10", CPS_NOT_AUTHORIZED, CPS_E_CERT_SCOPE},
        {"spc:1234", CPS_NOT_AUTHORIZED, CPS_E_CERT_SCOPE},
    };
    world_begin(&world, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[16];
        EVP_PKEY *key;
        X509 *leaf = certs_make_for(rows[i].tnauth, issued("Bob"), &key);
        (void)snprintf(name, sizeof(name), "scope%zu.pem", i);
        judges(name, leaf, key, rows[i].verdict, rows[i].code);
    }
    world_end(&world);
}

static void test_by_spc(void)
{
    struct cps_options options = {.allow_spc = true};
    struct cps_result result;
    EVP_PKEY *key;
    world_begin(&world, &options);
    X509 *leaf = certs_make_for("spc:1234", issued("Carrier"), &key);
    WORLD_HOST(&world, "spc.pem", leaf, world.ca);
    char *token = token_with("https://certs.example.org/spc.pem", key);
    verifies("by SPC", token, NULL, 0, CPS_PASSED, CPS_OK, &result);
    CU_ASSERT_TRUE(result.by_spc);
    UNIT_STR(result.signer, "spc:1234", "the signer");
    UNIT_STR(result.authority, "spc:1234", "what the signer speaks for");
    cps_result_clear(&result);
    free(token);
    world_end(&world);
}

static void test_constraints(void)
{
    static char *const must[] = {"attest"};
    struct stir_claims claims = {.must_include = (char **)(uintptr_t)must, .must_include_count = 1};
    struct stir_cert_spec spec;
    EVP_PKEY *key;
    world_begin(&world, NULL);
    spec = issued("Constrained");
    spec.claims = &claims;
    X509 *leaf = certs_make_for("tn:12155551212", spec, &key);
    judges("constrained.pem", leaf, key, CPS_NOT_AUTHORIZED, CPS_E_CERT_CONSTRAINT);
    world_end(&world);
}

static void test_trust(void)
{
    EVP_PKEY *other_key;
    EVP_PKEY *key;
    struct stir_cert_spec spec;
    world_begin(&world, NULL);
    X509 *other = certs_make((struct stir_cert_spec){.common_name = "Another root", .ca = true}, &other_key);
    spec = issued("Mallory");
    spec.issuer = other;
    spec.issuer_key = other_key;
    X509 *leaf = certs_make_for("tn:12155551212", spec, &key);
    judges("untrusted.pem", leaf, key, CPS_UNTRUSTED_CERTIFICATE, CPS_E_CERT_UNTRUSTED);
    leaf = certs_make_for("tn:12155551212",
                          (struct stir_cert_spec){.common_name = "Self", .issuer = NULL, .issuer_key = NULL}, &key);
    judges("self.pem", leaf, key, CPS_UNTRUSTED_CERTIFICATE, CPS_E_CERT_UNTRUSTED);
    /* issued by a certificate that is no CA's */
    spec.issuer = world.leaf;
    spec.issuer_key = world.leaf_key;
    leaf = certs_make_for("tn:12155551212", spec, &key);
    WORLD_HOST(&world, "below.pem", leaf, world.leaf, world.ca);
    char *token = token_with("https://certs.example.org/below.pem", key);
    verifies("issued by a leaf", token, NULL, 0, CPS_UNTRUSTED_CERTIFICATE, CPS_E_CERT_UNTRUSTED, NULL);
    free(token);
    world_end(&world);
}

/* Trust is judged as of iat: a certificate that has ended since then still serves (RFC 9475 section 4). */
static void test_time(void)
{
    struct stir_cert_spec spec;
    EVP_PKEY *key;
    world_begin(&world, NULL);
    spec = issued("Short");
    spec.not_after = CERTS_NOW + 1;
    X509 *leaf = certs_make_for("tn:12155551212", spec, &key);
    WORLD_HOST(&world, "short.pem", leaf, world.ca);
    char *token = token_with("https://certs.example.org/short.pem", key);
    atomic_store(&world_clock, CERTS_NOW + 50);
    verifies("ended after iat", token, NULL, 0, CPS_PASSED, CPS_OK, NULL);
    free(token);
    atomic_store(&world_clock, CERTS_NOW);
    spec.not_after = CERTS_NOW - 1;
    leaf = certs_make_for("tn:12155551212", spec, &key);
    judges("ended.pem", leaf, key, CPS_BAD_CERTIFICATE, CPS_E_CERT_TIME);
    spec = issued("Early");
    spec.not_before = CERTS_NOW + 1;
    leaf = certs_make_for("tn:12155551212", spec, &key);
    judges("early.pem", leaf, key, CPS_BAD_CERTIFICATE, CPS_E_CERT_TIME);
    world_end(&world);
}

/* The minute's memory of a chain's standing must not stretch its validity. */
static void test_time_within_a_minute(void)
{
    struct cps_error err = {0};
    struct cps_chain *chain = NULL;
    struct stir_cert_spec spec;
    int64_t minute = CERTS_NOW / 60 * 60;
    world_begin(&world, NULL);
    spec = issued("Short");
    spec.not_after = minute + 30;
    X509 *leaf = certs_make_for("tn:12155551212", spec, NULL);
    CODE_IS(cps_chain_wrap(&chain, CERTS_CHAIN(leaf, world.ca), &err), CPS_OK, err);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t at = minute - 60; at < minute + 90; at++) {
            enum cps_code code = cps_chain_trusted(chain, world.cps->trust, at, &err);
            UNIT_CHECK((code == CPS_OK) == (at < minute + 30), "at %+d: %s", (int)(at - minute), cps_error_name(code));
        }
    }
    CODE_IS(cps_chain_trusted(chain, world.cps->trust, -1, &err), CPS_E_CERT_TIME, err);
    cps_chain_unref(chain);
    world_end(&world);
}

static void test_revoked(void)
{
    char crl_path[96];
    struct stir_buf crl = {0};
    struct cps_error err = {0};
    EVP_PKEY *key;
    world_begin(&world, NULL);
    X509 *leaf = certs_make_for("tn:12155551212", issued("Revoked"), &key);
    UNIT_OK(stir_crl_make(&crl, world.ca, world.ca_key, &leaf, 1, false, CERTS_NOW - 10, CERTS_NOW + 1000, NULL));
    world_path(crl_path, &world, "crl.pem");
    world_write(crl_path, crl.ptr, crl.len);
    stir_buf_free(&crl);
    const char *crls[] = {crl_path};
    struct cps_options options = world.options;
    options.crl_files = crls;
    options.crl_file_count = 1;
    cps_free(world.cps);
    world.cps = NULL;
    world.cps = world_handle(&options);
    judges("revoked.pem", leaf, key, CPS_UNTRUSTED_CERTIFICATE, CPS_E_CERT_REVOKED);
    char *token = world_sign(&world, BODY, 0);
    verifies("not revoked", token, NULL, 0, CPS_PASSED, CPS_OK, NULL);
    cps_text_free(token);
    struct cps *cps = NULL;
    crls[0] = world.trust;
    CU_ASSERT_NOT_EQUAL(cps_new(&cps, &options, &err), CPS_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "roots.pem"));
    crls[0] = "/nonexistent.crl";
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_IO, err);
    CU_ASSERT_PTR_NULL(cps);
    world_end(&world);
}

/* A good certificate followed by a damaged block: nothing of such an answer is used, and nothing is freed twice. */
static void test_damaged(void)
{
    struct stir_buf pem = {0};
    char path[256];
    world_begin(&world, NULL);
    (void)snprintf(path, sizeof(path), "%s/damaged.pem", world.x5u_dir);
    char *token = token_with("https://certs.example.org/damaged.pem", world.leaf_key);
    certs_pem(&pem, world.leaf);
    size_t first = pem.len;
    certs_pem(&pem, world.ca);
    pem.ptr[first + 60] = '!';
    world_write(path, pem.ptr, pem.len);
    verifies("a damaged second block", token, NULL, 0, CPS_BAD_CERTIFICATE, CPS_E_CERT, NULL);
    pem.ptr[60] = '!';
    world_write(path, pem.ptr, pem.len);
    verifies("a damaged first block", token, NULL, 0, CPS_BAD_CERTIFICATE, CPS_E_CERT, NULL);
    world_write(path, "", 0);
    verifies("nothing", token, NULL, 0, CPS_BAD_CERTIFICATE, CPS_E_CERT, NULL);
    world_write(path, "hello", 5);
    verifies("something else", token, NULL, 0, CPS_BAD_CERTIFICATE, CPS_E_CERT, NULL);
    free(token);
    stir_buf_free(&pem);
    world_end(&world);
}

/* TNAuthList is what makes it a STIR certificate: one without, and one whose list is an IA5String, are none. */
static void test_without_tnauth(void)
{
    EVP_PKEY *key;
    static const uint8_t ia5[] = {0x16, 4, '1', '2', '3', '4'};
    world_begin(&world, NULL);
    X509 *leaf = certs_make(issued("Web server"), &key);
    judges("none.pem", leaf, key, CPS_BAD_CERTIFICATE, CPS_E_CERT);
    leaf = certs_with_ext(leaf, world.ca_key, "1.3.6.1.5.5.7.1.26", ia5, sizeof(ia5), false);
    judges("ia5.pem", leaf, key, CPS_BAD_CERTIFICATE, CPS_E_CERT);
    world_end(&world);
}

static void test_unreachable(void)
{
    static const struct {
        const char *x5u;
        enum cps_code code;
    } rows[] = {
        {"https://certs.example.org/missing.pem", CPS_E_X5U_FETCH},
        {"https://certs.example.org/", CPS_E_X5U_FETCH},
        {"https://certs.example.org/../chain.pem/..", CPS_E_X5U_FETCH},
        {"https://certs.example.org:22/alice.pem", CPS_E_X5U},
        {"https://user@certs.example.org/alice.pem", CPS_E_X5U},
        {"https://certs.example.org/alice.pem?q", CPS_E_X5U},
        {"https://certs.example.org/alice.pem#f", CPS_E_X5U},
        {NULL, CPS_E_X5U},
    };
    world_begin(&world, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = token_with(rows[i].x5u, world.leaf_key);
        verifies(rows[i].x5u ? rows[i].x5u : "no x5u", token, NULL, 0, CPS_CERTIFICATE_UNREACHABLE, rows[i].code, NULL);
        free(token);
    }
    char *token = token_with("http://certs.example.org/alice.pem", world.leaf_key);
    verifies("http", token, NULL, 0, CPS_MALFORMED, CPS_E_PASSPORT, NULL);
    free(token);
    world_end(&world);
}

static struct cps_der der_of(X509 *cert, unsigned char **owned)
{
    *owned = NULL;
    int n = i2d_X509(cert, owned);
    CU_ASSERT_TRUE_FATAL(n > 0);
    return (struct cps_der){.ptr = *owned, .len = (size_t)n};
}

/* A chain that travels along is used instead of x5u's, and has to have the same authority. */
static void test_x5c(void)
{
    unsigned char *owned[3];
    EVP_PKEY *key;
    world_begin(&world, NULL);
    struct cps_der x5c[] = {der_of(world.leaf, &owned[0]), der_of(world.ca, &owned[1])};
    char *token = token_with("https://certs.example.org/missing.pem", world.leaf_key);
    verifies("a chain along", token, x5c, 2, CPS_PASSED, CPS_OK, NULL);
    verifies("without its intermediate", token, x5c, 1, CPS_UNTRUSTED_CERTIFICATE, CPS_E_CERT_UNTRUSTED, NULL);
    struct cps_der cut = {.ptr = x5c[0].ptr, .len = x5c[0].len - 1};
    verifies("cut short", token, &cut, 1, CPS_BAD_CERTIFICATE, CPS_E_CERT, NULL);
    verifies("an empty chain", token, x5c, 0, CPS_BAD_CERTIFICATE, CPS_E_CERT, NULL);
    free(token);
    X509 *narrow = certs_make_for("tn:12155559999", issued("Narrow"), &key);
    struct cps_der other[] = {der_of(narrow, &owned[2]), x5c[1]};
    token = token_with(WORLD_X5U, key);
    verifies("a chain for another number", token, other, 2, CPS_NOT_AUTHORIZED, CPS_E_CERT_SCOPE, NULL);
    free(token);
    token = token_with(WORLD_X5U, key);
    verifies("x5u's chain, signed by another", token, x5c, 2, CPS_BAD_SIGNATURE, CPS_E_SIGNATURE, NULL);
    free(token);
    for (size_t i = 0; i < 3; i++) {
        OPENSSL_free(owned[i]);
    }
    world_end(&world);
}

/* Step 4 comes before steps 5 and 6: of several faults the earlier step's is told. */
static void test_order(void)
{
    world_begin(&world, NULL);
    EVP_PKEY *wrong = certs_key();
    char *token = token_with("https://certs.example.org/missing.pem", wrong);
    atomic_store(&world_clock, CERTS_NOW + 100000);
    verifies("unreachable, stale, badly signed", token, NULL, 0, CPS_CERTIFICATE_UNREACHABLE, CPS_E_X5U_FETCH, NULL);
    free(token);
    token = token_with(WORLD_X5U, wrong);
    verifies("stale, badly signed", token, NULL, 0, CPS_STALE, CPS_E_STALE, NULL);
    free(token);
    world_end(&world);
}

static void test_no_trust(void)
{
    struct cps_options options;
    world_begin(&world, NULL);
    options = world.options;
    options.trust_file = NULL;
    char *token = world_sign(&world, BODY, 0);
    cps_free(world.cps);
    world.cps = NULL;
    world.cps = world_handle(&options);
    verifies("nobody is trusted", token, NULL, 0, CPS_CPS_UNAVAILABLE, CPS_E_CONFIG, NULL);
    cps_text_free(token);
    world_end(&world);
}

UNIT_MAIN("libcps credentials", {"scope", test_scope}, {"by SPC", test_by_spc}, {"claim constraints", test_constraints},
          {"trust", test_trust}, {"time", test_time}, {"time within a minute", test_time_within_a_minute},
          {"revoked", test_revoked}, {"damaged PEM", test_damaged}, {"without TNAuthList", test_without_tnauth},
          {"unreachable", test_unreachable}, {"x5c", test_x5c}, {"order of steps", test_order},
          {"no roots", test_no_trust})
