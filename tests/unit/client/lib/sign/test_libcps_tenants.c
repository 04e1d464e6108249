/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/cps_world.h"

#include <pthread.h>
#include <stdlib.h>

/* Who may be signed for: each tenant for its own numbers and names, however a sender is written, whatever its
 * certificate covers, and while the table changes. */
#define DOMAIN "sms.example.net"

static struct world world;
static struct cps_tenants *tenants;
static char wide_chain[96], wide_key[96], dir[96];

/* A certificate of a provider, which covers any number, and any name of the domain: what is refused, is refused because
 * of the tenant. */
static void begin(void)
{
    const struct cps_tenants_options options = {.size = sizeof(options), .alphanumeric_domain = DOMAIN};
    const struct cps_options with = {.allow_spc = true};
    struct cps_error err = {0};
    EVP_PKEY *key = NULL;
    static const char names[] = "\x30\x11\x82\x0f" DOMAIN; /* subjectAltName: dNSName */
    world_begin(&world, &with);
    X509 *wide = certs_make_for(
        "spc:1234", (struct stir_cert_spec){.common_name = "Provider", .issuer = world.ca, .issuer_key = world.ca_key},
        &key);
    wide = certs_with_ext(wide, world.ca_key, "2.5.29.17", (const uint8_t *)names, sizeof(names) - 1, false);
    world_path(wide_chain, &world, "wide.pem");
    world_path(wide_key, &world, "wide.key");
    world_path(dir, &world, "tenants");
    CU_ASSERT_EQUAL_FATAL(mkdir(dir, 0700), 0);
    WORLD_CERTS(wide_chain, wide, world.ca);
    world_write_key(wide_key, key);
    CODE_IS(cps_tenants_new(&tenants, &options, &err), CPS_OK, err);
}

static void end(void)
{
    cps_tenants_free(tenants);
    tenants = NULL;
    world_end(&world);
}

static enum cps_code put(const char *name, const char *numbers, const char *senders, struct cps_error *err)
{
    const struct cps_tenant tenant = {.size = sizeof(tenant),
                                      .names = &name,
                                      .name_count = 1,
                                      .key = wide_key,
                                      .chain_file = wide_chain,
                                      .x5u = WORLD_X5U,
                                      .numbers = numbers,
                                      .senders = senders};
    return cps_tenants_put(tenants, &tenant, err);
}

static void write_tenant(const char *file, const char *more)
{
    char path[160], text[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    int n = snprintf(text, sizeof(text), "[tenant]\nkey = %s\ncertificate = %s\nx5u = " WORLD_X5U "\n%s", wide_key,
                     wide_chain, more);
    world_write(path, text, (size_t)n);
}

/* *consistent: there is a token if and only if it was signed. */
static enum cps_code try_signing(const char *tenant, const char *orig, bool *consistent, struct cps_error *err)
{
    struct cps_message message = world_message("Hello");
    char *token = NULL;
    message.orig = orig;
    enum cps_code code = cps_sign_as(world.cps, tenants, tenant, &message, &token, NULL, err);
    *consistent = (code == CPS_OK) == (token != NULL);
    cps_text_free(token);
    return code;
}

static enum cps_code sign_as(const char *tenant, const char *orig, struct cps_error *err)
{
    bool consistent;
    enum cps_code code = try_signing(tenant, orig, &consistent, err);
    UNIT_CHECK(consistent, "%s as %s: %s", orig ? orig : "nobody", tenant, cps_error_name(code));
    return code;
}

/* What an attacker who is one tenant tries, to send as another. */
static void test_senders(void)
{
    static const struct {
        const char *tenant, *orig;
        enum cps_code code;
    } rows[] = {
        {"alice", "12155551212", CPS_OK},
        {"alice", "+1 (215) 555-1212", CPS_OK},
        {"alice", "1.215.555.1212", CPS_OK},
        {"alice", "tel:+1-215-555-1212", CPS_OK},
        {"alice", "tel:+12155551212;npdi", CPS_OK},
        {"alice", "sip:+12155551212@anybody.example;user=phone", CPS_OK},
        /* a range, its edges, and what looks like it is within */
        {"alice", "12155553000", CPS_OK},
        {"alice", "12155553999", CPS_OK},
        {"alice", "12155552999", CPS_E_OUTSIDE},
        {"alice", "12155554000", CPS_E_OUTSIDE},
        {"alice", "1215555300", CPS_E_OUTSIDE},
        {"alice", "121555530000", CPS_E_OUTSIDE},
        {"alice", "012155553000", CPS_E_OUTSIDE},
        {"alice", "0012155551212", CPS_E_OUTSIDE},
        {"alice", "2155551212", CPS_E_OUTSIDE},
        {"alice", "121555512120", CPS_E_OUTSIDE},
        {"alice", "1215555121", CPS_E_OUTSIDE},
        {"alice", "12155551213", CPS_E_OUTSIDE},
        /* a prefix is of whole numbers, not of texts */
        {"alice", "4420", CPS_OK},
        {"alice", "442079460000", CPS_OK},
        {"alice", "442", CPS_E_OUTSIDE},
        {"alice", "4421", CPS_E_OUTSIDE},
        {"alice", "4420#", CPS_E_OUTSIDE},
        {"alice", "4420*1", CPS_E_OUTSIDE},
        {"alice", "4420*", CPS_E_OUTSIDE},
        {"alice", "*4420", CPS_E_OUTSIDE},
        {"alice", "72345", CPS_E_OUTSIDE},
        /* no numbers at all */
        {"alice", "", CPS_E_TN},
        {"alice", "4420x", CPS_E_TN},
        {"alice", "+", CPS_E_TN},
        {"alice", "12155551212,12155551213", CPS_E_TN},
        {"alice", "12155551212\n", CPS_E_TN},
        /* a number of another's in a URI around one's own, and the other way round */
        {"alice", "sip:12155551212@evil.example", CPS_E_OUTSIDE},
        {"alice", "sip:+12155551213@12155551212;user=phone", CPS_E_OUTSIDE},
        {"alice", "tel:+12155551213;isub=12155551212", CPS_E_OUTSIDE},
        {"alice", "\"12155551212\" <tel:+12155551213>", CPS_E_OUTSIDE},
        {"alice", "urn:service:sos", CPS_E_OUTSIDE},
        /* alphanumeric senders, as they are signed */
        {"parcel", "sip:parcel%20co@" DOMAIN, CPS_OK},
        {"parcel", "sip:PARCEL%20Co@SMS.example.NET", CPS_OK},
        {"parcel", "sip:parcel%20c%6f@" DOMAIN, CPS_OK},
        {"parcel", "sip:parcelco@" DOMAIN, CPS_E_OUTSIDE},
        {"parcel", "sip:parcel%20co%20@" DOMAIN, CPS_E_OUTSIDE},
        {"parcel", "sip:parcel%20c%d0%be@" DOMAIN, CPS_E_OUTSIDE}, /* with a Cyrillic o */
        {"parcel", "sip:parcel%20co%00@" DOMAIN, CPS_E_URI},
        {"parcel", "sip:parcel%20co@" DOMAIN ".evil.example", CPS_E_OUTSIDE},
        {"parcel", "sip:parcel%20co@evil.example", CPS_E_OUTSIDE},
        {"parcel", "sip:bank@" DOMAIN, CPS_E_OUTSIDE},
        {"parcel", "12155551212", CPS_E_OUTSIDE},
        {"alice", "sip:alice@" DOMAIN, CPS_E_OUTSIDE},
        /* tenants that there are not */
        {"Alice", "12155551212", CPS_E_NOT_FOUND},
        {"alic", "12155551212", CPS_E_NOT_FOUND},
        {"alice ", "12155551212", CPS_E_NOT_FOUND},
        {"", "12155551212", CPS_E_NOT_FOUND},
        {"1234567890123456789012345678901234567890123456789012345678901234", "12155551212", CPS_E_NOT_FOUND},
    };
    struct cps_error err = {0};
    begin();
    CODE_IS(put("alice", "12155551212, 12155553000-12155553999\n4420*", NULL, &err), CPS_OK, err);
    CODE_IS(put("parcel", NULL, " Parcel Co ,Post", &err), CPS_OK, err);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        err = (struct cps_error){0};
        enum cps_code code = sign_as(rows[i].tenant, rows[i].orig, &err);
        UNIT_CHECK(code == rows[i].code, "%s as %s: %s (%s), not %s", rows[i].orig, rows[i].tenant,
                   cps_error_name(code), err.text, cps_error_name(rows[i].code));
        UNIT_CHECK(!strstr(err.text, "2155551"), "no number in: %s", err.text);
    }
    CODE_IS(sign_as("alice", "12155551213", &err), CPS_E_OUTSIDE, err);
    UNIT_CHECK(strstr(err.text, "tenant") != NULL, "%s", err.text);
    end();
}

/* The certificate's own bounds stay: a tenant's list widens nothing. */
static void test_certificate(void)
{
    const char *name = "alice";
    begin();
    const struct cps_tenant tenant = {.size = sizeof(tenant),
                                      .names = &name,
                                      .name_count = 1,
                                      .key = world.signer_key,
                                      .chain_file = world.chain,
                                      .x5u = WORLD_X5U,
                                      .numbers = "1215555*"};
    struct cps_error err = {0};
    CODE_IS(cps_tenants_put(tenants, &tenant, &err), CPS_OK, err);
    CODE_IS(sign_as("alice", "12155551212", &err), CPS_OK, err);
    CODE_IS(sign_as("alice", "12155551213", &err), CPS_E_CERT_SCOPE, err);
    end();
}

/* Without a domain no name is an identity: none is signed for. */
static void test_no_domain(void)
{
    struct cps_error err = {0};
    begin();
    cps_tenants_free(tenants);
    tenants = NULL;
    CODE_IS(cps_tenants_new(&tenants, NULL, &err), CPS_OK, err);
    CODE_IS(put("parcel", "12155551212", "Parcel Co", &err), CPS_OK, err);
    CODE_IS(sign_as("parcel", "sip:parcel%20co@" DOMAIN, &err), CPS_E_OUTSIDE, err);
    CODE_IS(sign_as("parcel", "sip:parcel%20co@", &err), CPS_E_URI, err);
    CODE_IS(sign_as("parcel", "12155551212", &err), CPS_OK, err);
    end();
}

static void test_wrong(void)
{
    const struct cps_tenant nameless = {.size = sizeof(nameless)};
    const struct cps_tenants_options small = {.size = 1};
    struct cps_tenants *none = NULL;
    struct cps_signer *signer = NULL;
    struct cps_error err = {0};
    begin();
    CODE_IS(put("alice", "12155551212", NULL, &err), CPS_OK, err);
    CODE_IS(put("", "1", NULL, &err), CPS_E_CONFIG, err);
    CODE_IS(put("bob", NULL, NULL, &err), CPS_E_CONFIG, err);
    CODE_IS(put("bob", " ,\n", "", &err), CPS_E_CONFIG, err);
    CODE_IS(put("bob", "+12155551212", NULL, &err), CPS_E_CONFIG, err);
    UNIT_CHECK(strstr(err.text, "numbers: +1215") != NULL, "%s", err.text);
    CODE_IS(put("bob", NULL, "01234567890123456789012345678901234567890123456789012345678901234", &err), CPS_E_CONFIG,
            err);
    CODE_IS(put("bob", NULL, "+12155551212", &err), CPS_E_CONFIG, err);
    CODE_IS(cps_tenants_put(tenants, &nameless, &err), CPS_E_INVAL, err);
    CODE_IS(cps_tenants_put(tenants, NULL, &err), CPS_E_INVAL, err);
    CODE_IS(cps_tenants_put(NULL, &nameless, &err), CPS_E_INVAL, err);
    CODE_IS(cps_tenants_new(NULL, NULL, &err), CPS_E_INVAL, err);
    CODE_IS(cps_tenants_new(&none, &small, &err), CPS_E_INVAL, err);
    CODE_IS(cps_tenants_load(tenants, NULL, &err), CPS_E_INVAL, err);
    CODE_IS(cps_tenants_signer(tenants, "bob", &signer, &err), CPS_E_NOT_FOUND, err);
    CODE_IS(cps_tenants_signer(NULL, "bob", &signer, &err), CPS_E_INVAL, err);
    CODE_IS(sign_as("alice", NULL, &err), CPS_E_INVAL, err);
    CU_ASSERT_PTR_NULL(none);
    CU_ASSERT_PTR_NULL(signer);
    CU_ASSERT_EQUAL(cps_tenants_count(tenants), 1);
    CU_ASSERT_EQUAL(cps_tenants_count(NULL), 0);
    end();
}

/* ---- files ---- */

static void test_files(void)
{
    char path[160];
    struct cps_error err = {0};
    begin();
    write_tenant("alice.conf", "numbers = 12155551212\n  12155551300-12155551399\n");
    write_tenant("post.conf", "system_id = parcel, letters\nnames = Parcel Co\n");
    write_tenant("notes.txt", "nothing of this is read\n");
    write_tenant(".hidden.conf", "numbers = 1\n");
    CODE_IS(put("before", "1*", NULL, &err), CPS_OK, err);
    CODE_IS(cps_tenants_load(tenants, dir, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(cps_tenants_count(tenants), 2);
    CODE_IS(sign_as("alice", "12155551350", &err), CPS_OK, err);
    CODE_IS(sign_as("letters", "sip:parcel%20co@" DOMAIN, &err), CPS_OK, err);
    CODE_IS(sign_as("parcel", "sip:parcel%20co@" DOMAIN, &err), CPS_OK, err);
    CODE_IS(sign_as("post", "sip:parcel%20co@" DOMAIN, &err), CPS_E_NOT_FOUND, err);
    CODE_IS(sign_as("before", "12155551212", &err), CPS_E_NOT_FOUND, err);
    (void)snprintf(path, sizeof(path), "%s/alice.conf", dir);
    CODE_IS(cps_tenants_load(tenants, path, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(cps_tenants_count(tenants), 1);
    CODE_IS(sign_as("alice", "12155551212", &err), CPS_OK, err);
    (void)snprintf(path, sizeof(path), "%s/notes.txt", dir);
    write_tenant("notes.txt", "numbers = 12155551214\n");
    CODE_IS(cps_tenants_load(tenants, path, &err), CPS_OK, err);
    CODE_IS(sign_as("notes.txt", "12155551214", &err), CPS_OK, err);
    end();
}

/* A file that cannot be used changes nothing, and is named. */
static void test_wrong_files(void)
{
    static const struct {
        const char *file, *content, *says;
    } rows[] = {
        {"bad.conf", "nonsense\n", "bad.conf"},
        {"bad.conf", "[tenant]\nkey = x\n", "bad.conf: certificate is missing"},
        {"bad.conf", "[tenant]\nnumbers = 1215\n", "bad.conf: key is missing"},
        {"bad.conf", "[tenant]\ncolour = red\n", "colour"},
        {"bad.conf", "[tenant]\nkey = /nonexistent\ncertificate = x\nx5u = https://a.example/\nnumbers = 1\n",
         "/nonexistent"},
        {"bad.conf", "[tenant]\nkey = x\ncertificate = x\nx5u = http://a.example/\nnumbers = 1\n", "bad.conf: x5u"},
    };
    char path[160];
    struct cps_error err = {0};
    begin();
    write_tenant("alice.conf", "numbers = 12155551212\n");
    CODE_IS(cps_tenants_load(tenants, dir, &err), CPS_OK, err);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, rows[i].file);
        world_write(path, rows[i].content, strlen(rows[i].content));
        UNIT_CHECK(cps_tenants_load(tenants, dir, &err) != CPS_OK, "%s", rows[i].content);
        UNIT_CHECK(strstr(err.text, rows[i].says) != NULL, "\"%s\" is not in: %s", rows[i].says, err.text);
        CODE_IS(sign_as("alice", "12155551212", &err), CPS_OK, err);
    }
    write_tenant("bad.conf", "system_id = alice\nnumbers = 12155551213\n");
    CODE_IS(cps_tenants_load(tenants, dir, &err), CPS_E_CONFIG, err);
    UNIT_CHECK(strstr(err.text, "two tenants have the system_id alice") != NULL, "%s", err.text);
    write_tenant("bad.conf", "numbers = 1-2-3\n");
    CODE_IS(cps_tenants_load(tenants, dir, &err), CPS_E_CONFIG, err);
    CODE_IS(cps_tenants_load(tenants, "/nonexistent", &err), CPS_E_IO, err);
    UNIT_CHECK(strstr(err.text, "/nonexistent") != NULL, "%s", err.text);
    CU_ASSERT_EQUAL(cps_tenants_count(tenants), 1);
    end();
}

/* ---- changes ---- */

/* What was begun goes on with the numbers and the key that it had; what comes later has the new ones. */
static void test_changes(void)
{
    static const char *const both[] = {"alice", "bob"};
    const struct cps_tenant one = {.size = sizeof(one),
                                   .names = both,
                                   .name_count = 2,
                                   .key = wide_key,
                                   .chain_file = wide_chain,
                                   .x5u = WORLD_X5U,
                                   .numbers = "12155551213"};
    struct cps_signer *before = NULL;
    struct cps_message message = world_message("Hello");
    struct cps_error err = {0};
    char *token = NULL;
    begin();
    CODE_IS(put("alice", "12155551212", NULL, &err), CPS_OK, err);
    CODE_IS(put("carol", "12155551214", NULL, &err), CPS_OK, err);
    CODE_IS(cps_tenants_signer(tenants, "alice", &before, &err), CPS_OK, err);
    CODE_IS(cps_tenants_put(tenants, &one, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(cps_tenants_count(tenants), 2);
    CODE_IS(sign_as("alice", "12155551212", &err), CPS_E_OUTSIDE, err);
    CODE_IS(sign_as("alice", "12155551213", &err), CPS_OK, err);
    CODE_IS(sign_as("bob", "12155551213", &err), CPS_OK, err);
    CODE_IS(sign_as("carol", "12155551214", &err), CPS_OK, err);
    CODE_IS(put("bob", "12155551215", NULL, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(cps_tenants_count(tenants), 3);
    cps_tenants_free(tenants);
    tenants = NULL;
    CODE_IS(cps_sign(world.cps, before, &message, &token, NULL, &err), CPS_OK, err);
    cps_text_free(token);
    message.orig = "12155551213";
    CODE_IS(cps_sign(world.cps, before, &message, &token, NULL, &err), CPS_E_OUTSIDE, err);
    cps_signer_free(before);
    end();
}

#define THREADS 4
#define ROUNDS 60

static atomic_bool stop;
static atomic_uint wrong;

/* Each loaded set holds both tenants, of one number each, which is alice's and bob's in turn. */
static void *sign_all_the_time(void *arg)
{
    const char *tenant = arg;
    while (!atomic_load(&stop)) {
        bool good, well;
        enum cps_code first = try_signing(tenant, "12155551212", &good, NULL);
        enum cps_code never = try_signing(tenant, "12155551214", &well, NULL);
        if (!good || !well || (first != CPS_OK && first != CPS_E_OUTSIDE) || never != CPS_E_OUTSIDE ||
            cps_tenants_count(tenants) != 2) {
            atomic_fetch_add(&wrong, 1);
        }
    }
    return NULL;
}

static void test_threads(void)
{
    static char *const names[] = {"alice", "bob"};
    pthread_t threads[THREADS];
    struct cps_error err = {0};
    begin();
    atomic_store(&stop, false);
    write_tenant("alice.conf", "numbers = 12155551212\n");
    write_tenant("bob.conf", "numbers = 12155551213\n");
    CODE_IS(cps_tenants_load(tenants, dir, &err), CPS_OK, err);
    for (size_t i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, sign_all_the_time, names[i % 2]), 0);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        write_tenant("alice.conf", i % 2 ? "numbers = 12155551212\n" : "numbers = 12155551213\n");
        write_tenant("bob.conf", i % 2 ? "numbers = 12155551213\n" : "numbers = 12155551212\n");
        CODE_IS(cps_tenants_load(tenants, dir, &err), CPS_OK, err);
        CODE_IS(put(names[i % 2], "12155551212", NULL, &err), CPS_OK, err);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    UNIT_CHECK(atomic_load(&wrong) == 0, "%u were signed or refused that should not", atomic_load(&wrong));
    end();
}

UNIT_MAIN("libcps tenants", {"senders", test_senders}, {"certificates", test_certificate},
          {"no domain", test_no_domain}, {"wrong tenants", test_wrong}, {"files", test_files},
          {"wrong files", test_wrong_files}, {"changes", test_changes}, {"threads", test_threads})
