/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "client/lib/net/transport.h"
#include "tests/unit/fake_cps.h"

/* Hosts that receive for one destination: a PASSporT passes on one of them alone, and nothing passes where nobody knows
 * whose it is. */
static struct world world;
static struct fake_cps fake;
static struct cps *hosts[2];

static void begin(struct cps_options options)
{
    fake_begin(&fake, &world, (struct cps_options){0});
    fake.older_ms = 1000;
    options.size = sizeof(options);
    options.cps_url = fake.peer.url;
    options.tls_ca_file = fake.ca_file;
    options.trust_file = world.trust;
    options.x5u_dir = world.x5u_dir;
    options.now = world_now;
    options.claim = true;
    options.tls_cert_file = world.chain; /* a credential; this CPS asks for none */
    options.tls_key_file = world.signer_key;
    for (size_t i = 0; i < 2; i++) {
        hosts[i] = world_handle(&options);
    }
}

static void end(void)
{
    cps_free(hosts[0]);
    cps_free(hosts[1]);
    fake_end(&fake, &world);
}

static void receives(size_t host, const char *body, uint32_t wait_ms, enum cps_verdict expected, const char *what)
{
    const struct cps_key *with[] = {world.box_private};
    struct cps_message message = world_message(body);
    struct cps_result result;
    enum cps_code code = cps_receive(hosts[host], &message, with, 1, wait_ms, &result);
    VERDICT_IS(&result, expected, what);
    UNIT_CHECK((code == CPS_OK) == (expected == CPS_PASSED), "%s: %s", what, cps_error_name(code));
    cps_result_clear(&result);
}

static void test_once(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "Hello", 0);
    receives(0, "Hello", 0, CPS_PASSED, "the first");
    CU_ASSERT_EQUAL(atomic_load(&fake.deletes), 1);
    UNIT_STR(fake.last.method, "DELETE", "method");
    UNIT_CHECK(strncmp(fake.last.target, "/cps/" WORLD_DEST "/ppts/", 22) == 0, "%s", fake.last.target);
    UNIT_CHECK(strstr(fake.last.target, "?claim=yes") != NULL, "%s", fake.last.target);
    receives(0, "Hello", 0, CPS_REPLAYED, "again at the first");
    receives(1, "Hello", 0, CPS_REPLAYED, "the second, which comes later and sees that it was taken");
    CU_ASSERT_EQUAL(atomic_load(&fake.deletes), 1);
    end();
}

/* Both know it before either claims it. */
static void test_both_know(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "Hello", 0);
    receives(0, "Something else", 0, CPS_MSGI_MISMATCH, "reads the box");
    receives(1, "Something else", 0, CPS_MSGI_MISMATCH, "so does the other");
    receives(1, "Hello", 0, CPS_PASSED, "the second is first");
    receives(0, "Hello", 0, CPS_REPLAYED, "the first is second");
    receives(0, "Hello", 0, CPS_REPLAYED, "and stays so");
    CU_ASSERT_EQUAL(atomic_load(&fake.deletes), 2);
    end();
}

/* The same without a memory in the process: the CPS's is enough. */
static void test_no_memory(void)
{
    begin((struct cps_options){.replay = CPS_REPLAY_NONE});
    fake_publish(&fake, &world, "Hello", 0);
    receives(0, "Something else", 0, CPS_MSGI_MISMATCH, "reads the box");
    receives(1, "Hello", 0, CPS_PASSED, "the first");
    receives(1, "Hello", 0, CPS_REPLAYED, "again");
    receives(0, "Hello", 0, CPS_REPLAYED, "at the other");
    end();
}

/* A sender may send one text twice: two PASSporTs, one message on each host. */
static void test_twins(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "Hello", CERTS_NOW);
    fake_publish(&fake, &world, "Hello", CERTS_NOW - 1);
    receives(0, "Something else", 0, CPS_MSGI_MISMATCH, "reads the box");
    receives(1, "Something else", 0, CPS_MSGI_MISMATCH, "so does the other");
    receives(0, "Hello", 0, CPS_PASSED, "one");
    int64_t begun_ms = cps_monotonic_ms();
    receives(1, "Hello", 60000, CPS_PASSED, "the other one");
    UNIT_CHECK(cps_monotonic_ms() - begun_ms < 30000, "without waiting for a third");
    receives(0, "Hello", 0, CPS_REPLAYED, "a third");
    receives(1, "Hello", 0, CPS_REPLAYED, "a fourth");
    end();
}

/* A destination with two keys has the PASSporT in two envelopes: that is one PASSporT still. */
static void test_two_keys(void)
{
    char *passport;
    begin((struct cps_options){0});
    passport = world_sign(&world, "Hello", 0);
    fake_put(&fake, &world, passport, NULL, world.box_public);
    fake_put(&fake, &world, passport, NULL, world.box_public);
    receives(1, "Something else", 0, CPS_MSGI_MISMATCH, "reads the box");
    receives(0, "Hello", 0, CPS_PASSED, "the first");
    CU_ASSERT_EQUAL(atomic_load(&fake.deletes), 2);
    receives(1, "Hello", 0, CPS_REPLAYED, "the second");
    fake_put(&fake, &world, passport, NULL, world.box_public);
    receives(0, "Hello", 0, CPS_REPLAYED, "in a third envelope");
    cps_text_free(passport);
    end();
}

/* Where it is not known whose it is, it does not pass, and may be tried again. */
static void test_unknown(void)
{
    static const struct {
        int status;
        enum cps_verdict verdict;
    } rows[] = {{401, CPS_CPS_UNAVAILABLE}, {403, CPS_CPS_UNAVAILABLE}, {503, CPS_CPS_UNAVAILABLE},
                {500, CPS_CPS_UNAVAILABLE}, {302, CPS_CPS_UNAVAILABLE}, {400, CPS_CPS_UNAVAILABLE}};
    for (int memory = 0; memory < 2; memory++) {
        char file[96];
        begin((struct cps_options){0});
        world_path(file, &world, "replay.db");
        if (memory) {
            cps_free(hosts[0]);
            struct cps_options options = {.size = sizeof(options),
                                          .cps_url = fake.peer.url,
                                          .tls_ca_file = fake.ca_file,
                                          .trust_file = world.trust,
                                          .x5u_dir = world.x5u_dir,
                                          .now = world_now,
                                          .claim = true,
                                          .tls_cert_file = world.chain,
                                          .tls_key_file = world.signer_key,
                                          .replay = CPS_REPLAY_SQLITE,
                                          .replay_file = file};
            hosts[0] = world_handle(&options);
        }
        fake_publish(&fake, &world, "Hello", 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            fake.delete_status = rows[i].status;
            receives(0, "Hello", 0, rows[i].verdict, "an answer that decides nothing");
        }
        fake.delete_status = 0;
        receives(0, "Hello", 0, CPS_PASSED, "at last");
        receives(0, "Hello", 0, CPS_REPLAYED, "once");
        end();
    }
}

/* Of two servers of one store the second would find gone what the first has done. */
static void test_failover(void)
{
    char urls[160];
    begin((struct cps_options){0});
    cps_free(hosts[0]);
    struct cps_options options = world.options;
    (void)snprintf(urls, sizeof(urls), "%s/one %s/two", fake.peer.url, fake.peer.url);
    options.cps_url = urls;
    options.claim = true;
    options.tls_cert_file = world.chain;
    options.tls_key_file = world.signer_key;
    hosts[0] = world_handle(&options);
    fake_publish(&fake, &world, "Hello", 0);
    fake.delete_status = 503;
    receives(0, "Hello", 0, CPS_CPS_UNAVAILABLE, "nobody knows what the first has done");
    CU_ASSERT_EQUAL(atomic_load(&fake.deletes), 1);
    end();
}

/* Nothing that does not pass is taken out. */
static void test_not_passed(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "Hello", CERTS_NOW - 3600);
    receives(0, "Hello", 0, CPS_STALE, "too old");
    receives(0, "Other", 0, CPS_NO_PASSPORT, "another text");
    CU_ASSERT_EQUAL(atomic_load(&fake.deletes), 0);
    end();
}

/* Its envelope has merely expired at the CPS, after both hosts had read the box. */
static void test_expired(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "Hello", 0);
    receives(0, "Something else", 0, CPS_MSGI_MISMATCH, "reads the box");
    receives(1, "Something else", 0, CPS_MSGI_MISMATCH, "so does the other");
    fake.expired[0] = true;
    receives(0, "Hello", 0, CPS_PASSED, "nobody took it");
    receives(0, "Hello", 0, CPS_REPLAYED, "again");
    receives(1, "Hello", 0, CPS_REPLAYED, "the CPS remembers that it was taken all the same");
    end();
}

/* Of a PASSporT that is older the CPS may have forgotten that it was taken. */
static void test_forgotten(void)
{
    begin((struct cps_options){.max_age_s = 3600});
    fake_publish(&fake, &world, "Hello", CERTS_NOW - 89);
    fake_publish(&fake, &world, "Hello again", CERTS_NOW - 90);
    receives(1, "Something else", 0, CPS_MSGI_MISMATCH, "reads the box");
    fake.expired[0] = fake.expired[1] = true;
    receives(1, "Hello", 0, CPS_PASSED, "young enough");
    receives(1, "Hello again", 0, CPS_STALE, "too old to know");
    receives(1, "Hello again", 0, CPS_STALE, "and again: it was not used");
    end();
    begin((struct cps_options){.max_age_s = 3600});
    fake_publish(&fake, &world, "Hello", CERTS_NOW + 50); /* by a clock that is ahead */
    receives(1, "Something else", 0, CPS_MSGI_MISMATCH, "reads the box");
    fake.expired[0] = true;
    atomic_store(&world_clock, CERTS_NOW + 100);
    receives(1, "Hello", 0, CPS_STALE, "known for longer than it says");
    end();
}

/* Two signers of one message: one host passes it, whichever PASSporT the others would choose. */
static void test_two_signers(void)
{
    struct cps_signer *transit = NULL;
    struct cps_error err = {0};
    EVP_PKEY *key = NULL;
    char key_file[96], chain_file[96], *passport = NULL;
    begin((struct cps_options){0});
    X509 *leaf = certs_make_for(
        "tn:12155551212",
        (struct stir_cert_spec){.common_name = "Transit", .issuer = world.ca, .issuer_key = world.ca_key}, &key);
    world_path(key_file, &world, "transit.key");
    world_path(chain_file, &world, "transit.pem");
    world_write_key(key_file, key);
    WORLD_CERTS(chain_file, leaf, world.ca);
    WORLD_HOST(&world, "transit.pem", leaf, world.ca);
    struct cps_signer_options options = {.size = sizeof(options),
                                         .key = key_file,
                                         .chain_file = chain_file,
                                         .x5u = "https://certs.example.org/transit.pem"};
    CODE_IS(cps_signer_open(&transit, &options, &err), CPS_OK, err);
    struct cps_message message = world_message("Hello");
    CODE_IS(cps_sign(world.cps, transit, &message, &passport, NULL, &err), CPS_OK, err);
    fake_put(&fake, &world, passport, NULL, world.box_public);
    receives(1, "Something else", 0, CPS_MSGI_MISMATCH, "knows the one of them");
    fake_publish(&fake, &world, "Hello", 0);
    receives(0, "Hello", 0, CPS_PASSED, "knows both");
    CU_ASSERT_EQUAL(atomic_load(&fake.deletes), 2);
    receives(1, "Hello", 0, CPS_REPLAYED, "at the other host");
    receives(0, "Hello", 0, CPS_REPLAYED, "at the same");
    cps_text_free(passport);
    cps_signer_free(transit);
    end();
}

/* ---- at once ---- */

#define ROUNDS 3

struct outcome {
    atomic_uint passed, replayed, other, ended;
};

static void on_result(void *arg, const struct cps_result *result)
{
    struct outcome *outcome = arg;
    atomic_fetch_add(result->verdict == CPS_PASSED     ? &outcome->passed
                     : result->verdict == CPS_REPLAYED ? &outcome->replayed
                                                       : &outcome->other,
                     1);
    atomic_fetch_add(&outcome->ended, 1);
}

/* In the background, several messages that are the same, on both hosts, before the PASSporT is there. */
static void test_race(void)
{
    const struct cps_key *with[] = {world.box_private};
    char body[32];
    begin((struct cps_options){0});
    with[0] = world.box_private;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct outcome outcome = {0};
        struct cps_error err = {0};
        (void)snprintf(body, sizeof(body), "message %u", round);
        struct cps_message message = world_message(body);
        for (size_t i = 0; i < 4; i++) {
            CODE_IS(cps_receive_async(hosts[i % 2], &message, with, 1, 3000, on_result, &outcome, &err), CPS_OK, err);
        }
        fake_publish(&fake, &world, body, 0);
        fake_await(&outcome.ended, 4);
        UNIT_CHECK(atomic_load(&outcome.passed) == 1, "round %u: %u passed, %u replayed, %u else", round,
                   atomic_load(&outcome.passed), atomic_load(&outcome.replayed), atomic_load(&outcome.other));
        CU_ASSERT_EQUAL_FATAL(atomic_load(&outcome.ended), 4);
    }
    end();
}

/* A handle that is freed while it claims ends the operation without passing it. */
static void test_closing(void)
{
    const struct cps_key *with[] = {world.box_private};
    struct outcome outcome = {0};
    struct cps_error err = {0};
    begin((struct cps_options){0});
    with[0] = world.box_private;
    struct cps_message message = world_message("Hello");
    fake_publish(&fake, &world, "Hello", 0);
    atomic_store(&fake.holds_deletes, true);
    CODE_IS(cps_receive_async(hosts[0], &message, with, 1, 60000, on_result, &outcome, &err), CPS_OK, err);
    fake_await(&fake.deletes_begun, 1);
    cps_free(hosts[0]);
    hosts[0] = NULL;
    CU_ASSERT_EQUAL(atomic_load(&outcome.ended), 1);
    CU_ASSERT_EQUAL(atomic_load(&outcome.passed), 0);
    end();
}

static void test_options(void)
{
    struct cps_options options;
    struct cps *cps = NULL;
    struct cps_error err = {0};
    begin((struct cps_options){0});
    options = world.options;
    options.claim = true;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_CONFIG, err);
    UNIT_CHECK(strstr(err.text, "claim needs a credential") != NULL, "%s", err.text);
    CU_ASSERT_PTR_NULL(cps);
    end();
}

UNIT_MAIN("libcps claims", {"once", test_once}, {"both know it", test_both_know}, {"no memory", test_no_memory},
          {"twins", test_twins}, {"two keys", test_two_keys}, {"nobody knows", test_unknown},
          {"F10: expired, not taken", test_expired}, {"F10: too old to know", test_forgotten},
          {"F9: two signers", test_two_signers}, {"failover", test_failover}, {"not passed", test_not_passed},
          {"at once", test_race}, {"closing", test_closing}, {"options", test_options})
