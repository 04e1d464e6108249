/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "client/lib/context/handle.h"
#include "client/lib/verify/certcache.h"
#include "common/cert/x5c.h"
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
    char claims[512];
    char msgi[STIR_MSGI_MAX];
    UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA256, BODY, strlen(BODY), NULL));
    (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\"%s%s%s}",
                   x5u ? ",\"x5u\":\"" : "", x5u ? x5u : "", x5u ? "\"" : "");
    (void)snprintf(claims, sizeof(claims),
                   "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":%lld,\"msgi\":\"%s\","
                   "\"orig\":{\"tn\":\"12155551212\"},\"x\":%d}",
                   (long long)CERTS_NOW, msgi, serial++);
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

/* A PASSporT whose header has these certificates in x5c, and perhaps an x5u. */
static char *token_x5c(X509 *const *certs, const char *x5u, int64_t iat, EVP_PKEY *key)
{
    static int serial;
    struct stir_view views[16];
    struct stir_buf header = {0};
    char claims[512];
    char msgi[STIR_MSGI_MAX];
    UNIT_OK(stir_msgi_make(msgi, STIR_MSGI_SHA256, BODY, strlen(BODY), NULL));
    size_t count = 0;
    for (; certs[count]; count++) {
        unsigned char *der = NULL;
        int n = i2d_X509(certs[count], &der);
        views[count] = stir_view((const char *)der, (size_t)n);
    }
    stir_buf_puts(&header, "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5c\":");
    stir_x5c_put(&header, views, count);
    stir_buf_printf(&header, "%s%s%s}", x5u ? ",\"x5u\":\"" : "", x5u ? x5u : "", x5u ? "\"" : "");
    (void)snprintf(
        claims, sizeof(claims),
        "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":%lld,\"msgi\":\"%s\",\"orig\":{\"tn\":\"12155551212\"},\"y\":%d}",
        (long long)iat, msgi, serial++);
    char *token = world_token(header.ptr, claims, key);
    for (size_t i = 0; i < count; i++) {
        OPENSSL_free((void *)(uintptr_t)views[i].ptr);
    }
    stir_buf_free(&header);
    return token;
}
#define X5C(...) ((X509 *const[]){__VA_ARGS__, NULL})

static void judges_x5c(const char *what, char *token, enum cps_verdict verdict, enum cps_code code)
{
    verifies(what, token, NULL, 0, verdict, code, NULL);
    free(token);
}

/* F37: x5c in the header counts, good or bad, and x5u is not looked at. */
static void test_x5c_in_header(void)
{
    EVP_PKEY *root_key = NULL, *key = NULL;
    world_begin(&world, NULL);
    const char *gone = "https://gone.example/gone.pem";
    EVP_PKEY *signer = world.leaf_key;
    judges_x5c("F37: x5c alone", token_x5c(X5C(world.leaf, world.ca), NULL, CERTS_NOW, signer), CPS_PASSED, CPS_OK);
    judges_x5c("F37: x5u is not fetched", token_x5c(X5C(world.leaf, world.ca), gone, CERTS_NOW, signer), CPS_PASSED,
               CPS_OK);
    /* no fallback: x5u has the good chain */
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "other root", .ca = true}, &root_key);
    X509 *leaf =
        certs_make_for("tn:12155551212",
                       (struct stir_cert_spec){.common_name = "Mallory", .issuer = root, .issuer_key = root_key}, &key);
    judges_x5c("F37: below another root", token_x5c(X5C(leaf, root), WORLD_X5U, CERTS_NOW, key), CPS_BAD_CERTIFICATE,
               CPS_E_CERT);
    judges_x5c("F37: without the intermediate", token_x5c(X5C(world.leaf), WORLD_X5U, CERTS_NOW, signer),
               CPS_BAD_CERTIFICATE, CPS_E_CERT);
    judges_x5c("F37: the wrong order", token_x5c(X5C(world.ca, world.leaf), WORLD_X5U, CERTS_NOW, signer),
               CPS_BAD_CERTIFICATE, CPS_E_CERT);
    judges_x5c("F37: no certificate", token_x5c(X5C(NULL), WORLD_X5U, CERTS_NOW, signer), CPS_BAD_CERTIFICATE,
               CPS_E_CERT);
    judges_x5c("F37: another's chain", token_x5c(X5C(world.leaf, world.ca), WORLD_X5U, CERTS_NOW, key),
               CPS_BAD_SIGNATURE, CPS_E_SIGNATURE);
    /* nine certificates, of which even the last is refused unread */
    char header[1024];
    (void)snprintf(header, sizeof(header),
                   "{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5c\":[\"AA==\",\"AA==\",\"AA==\","
                   "\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA==\",\"AA==\"],\"x5u\":\"%s\"}",
                   WORLD_X5U);
    judges_x5c("nine certificates",
               world_token(header,
                           "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"tn\":"
                           "\"12155551212\"}}",
                           signer),
               CPS_BAD_CERTIFICATE, CPS_E_CERT);
    world_end(&world);
}

/* F35: a clock that counts milliseconds makes a PASSporT stale, not its certificate bad. */
static void test_iat_first(void)
{
    world_begin(&world, NULL);
    EVP_PKEY *signer = world.leaf_key;
    judges_x5c("F35: milliseconds", token_x5c(X5C(world.leaf, world.ca), NULL, CERTS_NOW * 1000, signer), CPS_STALE,
               CPS_E_FUTURE);
    judges_x5c("F35: the seventies", token_x5c(X5C(world.leaf, world.ca), NULL, 100000000, signer), CPS_STALE,
               CPS_E_STALE);
    /* a certificate that is not valid at a fresh iat is at fault itself */
    EVP_PKEY *key = NULL;
    struct stir_cert_spec spec = {.common_name = "old",
                                  .issuer = world.ca,
                                  .issuer_key = world.ca_key,
                                  .not_after = CERTS_NOW - 10};
    X509 *old = certs_make_for("tn:12155551212", spec, &key);
    judges_x5c("expired at a fresh iat", token_x5c(X5C(old, world.ca), NULL, CERTS_NOW, key), CPS_BAD_CERTIFICATE,
               CPS_E_CERT_TIME);
    world_end(&world);
}

/* RFC 8224 section 8.4, RFC 5922: a certificate without a TNAuthList signs for SIP URIs of its domain, and no others.
 */
static void test_sip_uris(void)
{
    EVP_PKEY *key = NULL;
    world_begin(&world, NULL);
    struct stir_cert_spec spec = {.common_name = "example.com",
                                  .issuer = world.ca,
                                  .issuer_key = world.ca_key,
                                  .dns_names = "URI:sip:example.com"};
    X509 *leaf = certs_make(spec, &key);
    WORLD_HOST(&world, "domain.pem", leaf, world.ca);
    static const struct {
        const char *orig;
        enum cps_verdict verdict;
    } rows[] = {{"sip:alice@example.com", CPS_PASSED},
                {"sip:alice@example.net", CPS_NOT_AUTHORIZED},
                {"12155551212", CPS_NOT_AUTHORIZED}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char claims[256];
        struct cps_result result;
        struct cps_message message = {.orig = rows[i].orig, .dest = world_dests, .dest_count = 1};
        (void)snprintf(claims, sizeof(claims),
                       "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"%s\":\"%s\"}}",
                       strchr(rows[i].orig, ':') ? "uri" : "tn", rows[i].orig);
        char *token = world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\","
                                  "\"x5u\":\"https://certs.example.org/domain.pem\"}",
                                  claims, key);
        (void)!cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result);
        VERDICT_IS(&result, rows[i].verdict, rows[i].orig);
        UNIT_CHECK(result.verdict != CPS_PASSED || strcmp(result.signer, "example.com") == 0, "%s", result.signer);
        cps_result_clear(&result);
        free(token);
    }
    world_end(&world);
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

static char warnings[512];

static void on_log(void *arg, enum cps_log_level level, const char *line)
{
    (void)arg;
    size_t n = strlen(warnings);
    if (level == CPS_LOG_WARNING) {
        (void)snprintf(warnings + n, sizeof(warnings) - n, "%s\n", line);
    }
}

/* Another handle, with or without the table "numbers.csv" of the world; `warning` is what it logs at the start. */
static void open_again(bool table, bool allow_spc, const char *warning)
{
    char path[96];
    world_path(path, &world, "numbers.csv");
    warnings[0] = '\0';
    world.options.numbers_file = table ? path : NULL;
    world.options.allow_spc = allow_spc;
    world.options.log = on_log;
    cps_free(world.cps);
    world.cps = world_handle(&world.options);
    UNIT_CHECK(warning ? strstr(warnings, warning) != NULL : !warnings[0], "%s: %s", warning ? warning : "none",
               warnings);
}

/* The number table decides which numbers a provider's certificate covers, when verifying and when signing, whether
 * allow_spc is set or not. */
static void test_by_table(void)
{
    static const char csv[] = "1215555,1000\n";
    static const struct {
        const char *spc, *orig, *reason; /* NULL: passed */
    } rows[] = {
        {"spc:1000", "12155551212", NULL},
        {"spc:1234", "12155551212", "the number belongs to provider 1000"},
        {"spc:1000", "12165551212", "the number table does not have the number"},
    };
    char path[96], chain[96], key_path[96];
    world_begin(&world, NULL);
    world_path(path, &world, "numbers.csv");
    world_path(chain, &world, "provider.pem");
    world_path(key_path, &world, "provider.key");
    world_write(path, csv, sizeof(csv) - 1);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        size_t r = i / 2;
        struct cps_signer_options options = {.size = sizeof(options),
                                             .key = key_path,
                                             .chain_file = chain,
                                             .x5u = "https://certs.example.org/spc.pem"};
        struct cps_message message = world_message(BODY);
        struct cps_error err = {0};
        struct cps_signer *signer = NULL;
        char *token = NULL;
        EVP_PKEY *key;
        X509 *leaf = certs_make_for(rows[r].spc, issued("Carrier"), &key);
        message.orig = rows[r].orig;
        WORLD_HOST(&world, "spc.pem", leaf, world.ca);
        WORLD_CERTS(chain, leaf, world.ca);
        world_write_key(key_path, key);
        CODE_IS(cps_signer_open(&signer, &options, &err), CPS_OK, err);

        open_again(false, true, "allow_spc without a number table");
        CODE_IS(cps_sign(world.cps, signer, &message, &token, NULL, &err), CPS_OK, err);
        UNIT_NEED(token);
        open_again(true, i % 2, i % 2 ? "allow_spc has no effect: the number table decides" : NULL);
        struct cps_result result;
        (void)!cps_verify_passport(world.cps, token, strlen(token), NULL, 0, &message, &result);
        VERDICT_IS(&result, rows[r].reason ? CPS_NOT_AUTHORIZED : CPS_PASSED, rows[r].spc);
        UNIT_CHECK(!rows[r].reason || strstr(result.error.text, rows[r].reason), "%s", result.error.text);
        CU_ASSERT_EQUAL(result.by_spc, rows[r].reason == NULL);
        cps_result_clear(&result);
        cps_text_free(token);

        token = NULL;
        enum cps_code code = cps_sign(world.cps, signer, &message, &token, NULL, &err);
        UNIT_CHECK(code == (rows[r].reason ? CPS_E_CERT_SCOPE : CPS_OK), "%s: %s", rows[r].spc, err.text);
        UNIT_CHECK(!rows[r].reason || strstr(err.text, rows[r].reason), "%s", err.text);
        cps_text_free(token);
        cps_signer_free(signer);
    }
    open_again(false, false, NULL);
    world_end(&world);
}

/* The table also limits what a provider's own CA can delegate (RFC 9060). */
static void test_delegate_by_table(void)
{
    static const char csv[] = "12155551,1234\n12155552,1000\n";
    char path[96];
    EVP_PKEY *ca_key, *key;
    world_begin(&world, NULL);
    world_path(path, &world, "numbers.csv");
    world_write(path, csv, sizeof(csv) - 1);
    struct stir_cert_spec spec = issued("Provider's CA");
    spec.ca = true;
    X509 *ca = certs_make_for("spc:1234", spec, &ca_key);
    struct stir_cert_spec below = {.common_name = "Customer", .issuer = ca, .issuer_key = ca_key};
    X509 *good = certs_make_for("tn:12155551212", below, &key);
    X509 *beyond = certs_make_for("range:12155551212+1000000", (below.subject_key = key, below), NULL);
    WORLD_HOST(&world, "good.pem", good, ca, world.ca);
    WORLD_HOST(&world, "beyond.pem", beyond, ca, world.ca);
    char *token = token_with("https://certs.example.org/good.pem", key);
    char *stolen = token_with("https://certs.example.org/beyond.pem", key);
    open_again(true, false, NULL);
    verifies("its own number", token, NULL, 0, CPS_PASSED, CPS_OK, NULL);
    verifies("another provider's too", stolen, NULL, 0, CPS_NOT_AUTHORIZED, CPS_E_CERT_SCOPE, NULL);
    open_again(false, false, NULL);
    verifies("nobody knows whose they are", stolen, NULL, 0, CPS_PASSED, CPS_OK, NULL);
    free(token);
    free(stolen);
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
    verifies("a damaged first block", token, NULL, 0, CPS_CERTIFICATE_UNREACHABLE, CPS_E_X5U_FETCH, NULL);
    world_write(path, "", 0);
    verifies("nothing", token, NULL, 0, CPS_CERTIFICATE_UNREACHABLE, CPS_E_X5U_FETCH, NULL);
    world_write(path, "hello", 5);
    verifies("something else", token, NULL, 0, CPS_CERTIFICATE_UNREACHABLE, CPS_E_X5U_FETCH, NULL);
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
    judges("none.pem", leaf, key, CPS_NOT_AUTHORIZED, CPS_E_CERT_SCOPE);
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
    verifies("http", token, NULL, 0, CPS_CERTIFICATE_UNREACHABLE, CPS_E_X5U, NULL);
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
    /* one that cannot be used leaves x5u */
    verifies("cut short", token, &cut, 1, CPS_CERTIFICATE_UNREACHABLE, CPS_E_X5U_FETCH, NULL);
    verifies("an empty chain", token, x5c, 0, CPS_CERTIFICATE_UNREACHABLE, CPS_E_X5U_FETCH, NULL);
    free(token);
    X509 *narrow = certs_make_for("tn:12155559999", issued("Narrow"), &key);
    struct cps_der other[] = {der_of(narrow, &owned[2]), x5c[1]};
    token = token_with(WORLD_X5U, key);
    verifies("a chain for another number", token, other, 2, CPS_BAD_SIGNATURE, CPS_E_SIGNATURE, NULL);
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

UNIT_MAIN("libcps credentials", {"scope", test_scope}, {"by SPC", test_by_spc},
          {"F13: by the number table", test_by_table}, {"F13: delegated by the number table", test_delegate_by_table},
          {"claim constraints", test_constraints}, {"trust", test_trust}, {"time", test_time},
          {"time within a minute", test_time_within_a_minute}, {"revoked", test_revoked}, {"damaged PEM", test_damaged},
          {"without TNAuthList", test_without_tnauth}, {"F37: x5c in the header", test_x5c_in_header},
          {"F35: iat before validity", test_iat_first}, {"SIP URIs without a TNAuthList", test_sip_uris},
          {"unreachable", test_unreachable}, {"x5c", test_x5c}, {"order of steps", test_order},
          {"no roots", test_no_trust})
