/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/jose/envelope.h"
#include "common/jose/jwk.h"
#include "common/jose/key_load.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/fake_cps.h"

/*
 * Which envelopes a receiver opens: the newest first, no more than it needs, none twice. An envelope that holds no
 * PASSporT is told of in the log when it is opened; that is what is counted here.
 */
static struct world world;
static struct fake_cps fake;
static atomic_uint opened;

static void on_log(void *arg, enum cps_log_level level, const char *line)
{
    (void)arg;
    (void)level;
    if (strncmp(line, "envelope ", 9) == 0) {
        atomic_fetch_add(&opened, 1);
    }
}

static void begin(struct cps_options options)
{
    options.log = on_log;
    atomic_store(&opened, 0);
    fake_begin(&fake, &world, options);
}

/* Envelopes for this box that hold nothing of use. */
static void put_junk(unsigned count)
{
    static const char nothing[] = "no.PASS.porT";
    EVP_PKEY *key = NULL;
    char path[96];
    world_path(path, &world, "box.key");
    UNIT_OK(stir_key_load(&key, path, false, STIR_KEY_ENCRYPT, NULL));
    for (unsigned i = 0; i < count; i++) {
        struct stir_buf sealed = {0};
        UNIT_OK(stir_envelope_seal(&sealed, nothing, strlen(nothing), NULL, 0, key, NULL));
        fake_put_text(&fake, sealed.ptr);
        stir_buf_free(&sealed);
    }
    EVP_PKEY_free(key);
}

static bool receives(const char *body, enum cps_verdict verdict)
{
    struct cps_message message = world_message(body);
    const struct cps_key *keys[] = {world.box_private};
    struct cps_result result;
    enum cps_code code = cps_receive(world.cps, &message, keys, 1, 0, &result);
    UNIT_CHECK(cps_verdict_of(code) == verdict, "%s: %s", body, cps_error_name(code));
    bool checked = result.msgi_checked;
    VERDICT_IS(&result, verdict, body);
    cps_result_clear(&result);
    return checked;
}

static void opened_are(unsigned expected, const char *when)
{
    UNIT_CHECK(atomic_load(&opened) == expected, "%s: %u were opened, not %u", when, atomic_load(&opened), expected);
}

static void test_newest_first(void)
{
    begin((struct cps_options){0});
    put_junk(10);
    fake_publish(&fake, &world, "one", 0);
    put_junk(3);
    receives("one", CPS_PASSED);
    opened_are(3, "those that came later");
    receives("two", CPS_MALFORMED);
    opened_are(13, "all, to say that there is none");
    receives("two", CPS_MALFORMED);
    receives("one", CPS_REPLAYED);
    opened_are(13, "none twice");
    CU_ASSERT_EQUAL(fake.given, 14);
    fake_end(&fake, &world);
}

/* One that came earlier is there without another request. */
static void test_earlier(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "one", 0);
    put_junk(5);
    fake_publish(&fake, &world, "two", 0);
    receives("two", CPS_PASSED);
    opened_are(0, "only its own");
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 1);
    receives("one", CPS_PASSED);
    opened_are(5, "those before it");
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 1);
    fake_end(&fake, &world);
}

/* What nobody needed while it could be fresh is never opened. */
static void test_too_old(void)
{
    begin((struct cps_options){0});
    put_junk(5);
    fake_publish(&fake, &world, "one", 0);
    receives("one", CPS_PASSED);
    atomic_store(&world_clock, CERTS_NOW + 120);
    put_junk(1);
    receives("two", CPS_MALFORMED);
    opened_are(6, "in time still");
    put_junk(5);
    fake_publish(&fake, &world, "three", CERTS_NOW + 120);
    receives("three", CPS_PASSED);
    atomic_store(&world_clock, CERTS_NOW + 241);
    fake_publish(&fake, &world, "four", CERTS_NOW + 241);
    receives("four", CPS_PASSED);
    opened_are(6, "too late");
    fake_end(&fake, &world);
}

/* A PASSporT without msgi fits any message: it is used for one that has none of its own, whichever came first. */
static void test_without_msgi(void)
{
    begin((struct cps_options){.msgi_optional = true});
    fake_publish(&fake, &world, "one", 0);
    fake_publish(&fake, &world, NULL, 0);
    CU_ASSERT_TRUE(receives("one", CPS_PASSED));
    CU_ASSERT_FALSE(receives("two", CPS_PASSED));
    receives("three", CPS_NO_PASSPORT);
    fake_end(&fake, &world);
}

/* Not more are kept unopened than a number. */
static void test_many(void)
{
    begin((struct cps_options){0});
    fake_publish(&fake, &world, "first", 0);
    put_junk(100);
    fake_publish(&fake, &world, "one", 0);
    receives("one", CPS_PASSED);
    opened_are(100 - 64, "the oldest, beyond 64");
    receives("first", CPS_PASSED);
    opened_are(100 - 64, "it was among them");
    receives("two", CPS_MALFORMED);
    opened_are(100, "all");
    CU_ASSERT_EQUAL(fake.given, 102);
    fake_end(&fake, &world);
}

/* Without room for them they are forgotten when the message has passed, and read again when they matter. */
static void test_no_room(void)
{
    begin((struct cps_options){.box_octets_max = 65536});
    fake_publish(&fake, &world, "one", 0);
    put_junk(30);
    fake_publish(&fake, &world, "two", 0);
    receives("two", CPS_PASSED);
    opened_are(0, "only its own");
    CU_ASSERT_EQUAL(fake.given, 32);
    receives("one", CPS_PASSED);
    opened_are(30, "the others");
    CU_ASSERT_EQUAL(fake.given, 64);
    fake_end(&fake, &world);
}

/* ---- many at once ---- */

enum { THREADS = 8, ROUNDS = 10 };

static void *receive_some(void *arg)
{
    unsigned thread = *(unsigned *)arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char body[32];
        (void)snprintf(body, sizeof(body), "%u of %u", round, thread);
        receives(body, CPS_PASSED);
    }
    return NULL;
}

/* What one opens, all have; nobody says "none" while another still holds an envelope. */
static void test_threads(void)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    begin((struct cps_options){0});
    for (unsigned i = 0; i < THREADS * ROUNDS; i++) {
        char body[32];
        (void)snprintf(body, sizeof(body), "%u of %u", i / THREADS, i * 3 % THREADS);
        fake_publish(&fake, &world, body, 0);
        put_junk(1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, receive_some, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    UNIT_CHECK(atomic_load(&opened) <= THREADS * ROUNDS, "%u were opened", atomic_load(&opened));
    fake_end(&fake, &world);
}

UNIT_MAIN("libcps sealed", {"the newest first", test_newest_first}, {"an earlier one", test_earlier},
          {"too old", test_too_old}, {"without msgi", test_without_msgi}, {"many", test_many},
          {"no room", test_no_room}, {"threads", test_threads})
