/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/jose/envelope.h"
#include "common/jose/jwk.h"
#include "common/jose/key_load.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/fake_cps.h"

#include <stdlib.h>

static struct world world;
static struct fake_cps fake;

static int64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum cps_code receive(const char *body, uint32_t wait_ms, struct cps_result *result)
{
    struct cps_message message = world_message(body);
    const struct cps_key *keys[] = {world.box_private};
    return cps_receive(world.cps, &message, keys, 1, wait_ms, result);
}

static void receives(const char *what, const char *body, uint32_t wait_ms, enum cps_verdict verdict)
{
    struct cps_result result;
    enum cps_code code = receive(body, wait_ms, &result);
    VERDICT_IS(&result, verdict, what);
    UNIT_CHECK(cps_verdict_of(code) == verdict && code == result.error.code, "%s: %s", what, cps_error_name(code));
    cps_result_clear(&result);
}

static void begin(void)
{
    fake_begin(&fake, &world, (struct cps_options){0});
}

static void end(void)
{
    fake_end(&fake, &world);
}

static void test_passed(void)
{
    struct cps_result result;
    begin();
    fake_publish(&fake, &world, "one", 0);
    fake_publish(&fake, &world, "two", 0);
    CU_ASSERT_EQUAL(receive("two", 0, &result), CPS_OK);
    VERDICT_IS(&result, CPS_PASSED, "the second message");
    UNIT_STR(result.envelope_id, fake.items[1].id, "its envelope");
    UNIT_STR(result.signer, "Alice", "its signer");
    UNIT_STR(result.authority, "tn:12155551212", "what the signer speaks for");
    CU_ASSERT_PTR_NOT_NULL(result.passport);
    CU_ASSERT_TRUE(result.msgi_checked);
    cps_result_clear(&result);
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 1);
    receives("the first, from memory", "one", 0, CPS_PASSED);
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 1);
    receives("a second time", "one", 0, CPS_REPLAYED);
    receives("another text", "three", 0, CPS_NO_PASSPORT);
    CU_ASSERT_EQUAL(fake.given, 2);
    end();
}

/* Nothing from this sender: others' PASSporTs, other people's envelopes, dummies and rubbish do not matter. */
static void test_nothing(void)
{
    struct cps_result result;
    struct cps_message message = world_message("one");
    EVP_PKEY *other;
    struct cps_key *stranger = NULL;
    char path[96];
    begin();
    const struct cps_key *keys[] = {world.box_private};
    receives("an empty box", "one", 0, CPS_NO_PASSPORT);
    UNIT_OK(stir_key_generate(&other, STIR_CURVE_P256, NULL));
    certs_own_key(other);
    world_path(path, &world, "stranger.key");
    world_write_key(path, other);
    CU_ASSERT_EQUAL(cps_key_load(&stranger, path, true, NULL), CPS_OK);
    char *passport = world_sign(&world, "one", 0);
    fake_put(&fake, &world, passport, NULL, stranger);
    cps_text_free(passport);
    fake_put_text(&fake, "rubbish");
    receives("not for us", "one", 0, CPS_NO_PASSPORT);
    fake_publish(&fake, &world, "one", 0);
    message.orig = "12155550000";
    CU_ASSERT_EQUAL(cps_receive(world.cps, &message, keys, 1, 0, &result), CPS_E_NO_PASSPORT);
    VERDICT_IS(&result, CPS_NO_PASSPORT, "only from another sender");
    CU_ASSERT_PTR_NULL(result.passport);
    CU_ASSERT_EQUAL(result.candidates, 0);
    cps_result_clear(&result);
    receives("ours at last", "one", 0, CPS_PASSED);
    cps_key_free(stranger);
    end();
}

/* Several PASSporTs from one sender: the best verdict counts, in the order of the steps. */
static void test_best(void)
{
    struct cps_result result;
    begin();
    char *token = world_token("{\"alg\":\"ES256\",\"ppt\":\"foo\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}",
                              "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"tn\":"
                              "\"12155551212\"}}",
                              world.leaf_key);
    fake_put(&fake, &world, token, NULL, world.box_public);
    free(token);
    receives("an unknown type", "text", 0, CPS_UNSUPPORTED);
    token =
        world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"https://x.example/none.pem\"}",
                    "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"tn\":\"12155551212\"}}",
                    world.leaf_key);
    fake_put(&fake, &world, token, NULL, world.box_public);
    free(token);
    receives("no certificate", "text", 0, CPS_CERTIFICATE_UNREACHABLE);
    fake_publish(&fake, &world, "text", CERTS_NOW - 86400);
    receives("a day old", "text", 0, CPS_STALE);
    token = world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}",
                        "{\"dest\":{\"tn\":[\"12155551313\"]},\"iat\":1700000000,\"orig\":{\"tn\":\"12155551212\"}}",
                        certs_key());
    fake_put(&fake, &world, token, NULL, world.box_public);
    free(token);
    receives("forged", "text", 0, CPS_BAD_SIGNATURE);
    token = world_token("{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\",\"x5u\":\"" WORLD_X5U "\"}",
                        "{\"dest\":{\"tn\":[\"12155559999\"]},\"iat\":1700000000,\"orig\":{\"tn\":\"12155551212\"}}",
                        world.leaf_key);
    fake_put(&fake, &world, token, NULL, world.box_public);
    free(token);
    receives("for another", "text", 0, CPS_DEST_MISMATCH);
    fake_publish(&fake, &world, "another text", 0);
    receives("another message", "a third text", 0, CPS_MSGI_MISMATCH);
    fake_publish(&fake, &world, "text", 0);
    receives("passed", "text", 0, CPS_PASSED);
    CU_ASSERT_EQUAL(receive("text", 0, &result), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(result.candidates, 7);
    cps_result_clear(&result);
    end();
}

/* A chain inside the envelope makes x5u unnecessary; one that is damaged leaves x5u. */
static void test_chain_inside(void)
{
    struct cps_error err = {0};
    struct cps_signer *other = NULL;
    begin();
    struct cps_signer_options options = {.size = sizeof(options),
                                         .key = world.signer_key,
                                         .chain_file = world.chain,
                                         .x5u = "https://gone.example/gone.pem"};
    struct cps_message message = world_message("text");
    CODE_IS(cps_signer_open(&other, &options, &err), CPS_OK, err);
    char *passport = NULL;
    CODE_IS(cps_sign(world.cps, other, &message, &passport, NULL, &err), CPS_OK, err);
    fake_put(&fake, &world, passport, other, world.box_public);
    receives("the chain came along", "text", 0, CPS_PASSED);
    cps_text_free(passport);
    passport = world_sign(&world, "more", 0);
    struct stir_view junk = stir_view_str("no certificate");
    struct stir_buf sealed = {0};
    EVP_PKEY *key = NULL;
    char path[96];
    world_path(path, &world, "box.key");
    UNIT_OK(stir_key_load(&key, path, false, STIR_KEY_ENCRYPT, NULL));
    certs_own_key(key);
    UNIT_OK(stir_envelope_seal(&sealed, passport, strlen(passport), &junk, 1, key, NULL));
    fake_put_text(&fake, sealed.ptr);
    stir_buf_free(&sealed);
    cps_text_free(passport);
    message.orig = WORLD_ORIG;
    struct cps_result result;
    CU_ASSERT_EQUAL(receive("more", 0, &result), CPS_OK);
    VERDICT_IS(&result, CPS_PASSED, "F27: what came along is no certificate, x5u is good");
    cps_result_clear(&result);
    cps_signer_free(other);
    end();
}

static unsigned awaited; /* requests that wait, before it is published */

static void *publish_later(void *arg)
{
    fake_await(&fake.waiting, awaited);
    fake_publish(&fake, &world, arg, 0);
    return NULL;
}

/* The PASSporT may come after the message: the CPS is asked to wait for it. */
static void test_waits(void)
{
    pthread_t thread;
    static char text[] = "late";
    begin();
    awaited = 1;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, publish_later, text), 0);
    receives("came late", "late", 60000, CPS_PASSED);
    (void)pthread_join(thread, NULL);
    int64_t start = clock_ms();
    receives("never comes", "never", 300, CPS_NO_PASSPORT);
    int64_t took = clock_ms() - start;
    UNIT_CHECK(took >= 290, "took %lld ms", (long long)took);
    UNIT_CHECK(atomic_load(&fake.waiting) <= 4, "%u waiting requests", atomic_load(&fake.waiting));
    end();
}

/* A CPS that answers at once although it was asked to wait is not asked without pause. */
static void test_cps_that_never_waits(void)
{
    pthread_t thread;
    static char text[] = "late";
    begin();
    fake.never_waits = true;
    awaited = 4;
    int64_t start = clock_ms();
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, publish_later, text), 0);
    receives("came late", "late", 60000, CPS_PASSED);
    (void)pthread_join(thread, NULL);
    int64_t took = clock_ms() - start;
    UNIT_CHECK(took >= 300, "four requests, and pauses of 50, 100 and 200 ms: took %lld ms", (long long)took);
    end();
}

static void test_pages(void)
{
    begin();
    fake.page = 1;
    for (int i = 0; i < 5; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", i);
        fake_publish(&fake, &world, text, 0);
    }
    receives("on the last page", "4", 0, CPS_PASSED);
    UNIT_STR(fake.last_after, "4", "its cursor");
    receives("on none", "5", 0, CPS_MSGI_MISMATCH);
    CU_ASSERT_EQUAL(fake.given, 5);
    end();
}

/* A CPS that gives everything each time: what is known is not opened again, and reading comes to an end. */
static void test_no_cursors(void)
{
    begin();
    fake.no_cursors = true;
    fake_publish(&fake, &world, "one", 0);
    fake_publish(&fake, &world, "two", 0);
    fake_put_text(&fake, "rubbish");
    receives("none", "three", 0, CPS_MSGI_MISMATCH);
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 2);
    receives("the second", "two", 0, CPS_PASSED);
    receives("none", "three", 0, CPS_MSGI_MISMATCH);
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 3);
    end();
}

/* A PASSporT that says nothing of the body passes without waiting for a better one. */
static void test_without_msgi(void)
{
    fake_begin(&fake, &world, (struct cps_options){.msgi_optional = true});
    fake_publish(&fake, &world, NULL, 0);
    receives("no msgi", "text", 600000, CPS_PASSED);
    CU_ASSERT_EQUAL(atomic_load(&fake.waiting), 0);
    end();
}

/* A cursor that the CPS does not know any more: the box is read from the beginning. */
static void test_lost_cursor(void)
{
    begin();
    fake_publish(&fake, &world, "one", 0);
    receives("the first", "one", 0, CPS_PASSED);
    fake.bad_cursor = "1";
    fake_publish(&fake, &world, "two", 0);
    receives("the second", "two", 0, CPS_PASSED);
    end();
}

/* Bounded memory: what was forgotten is read again, not lost. */
static void test_small_memory(void)
{
    fake_begin(&fake, &world, (struct cps_options){.box_entry_max = 2});
    for (int i = 0; i < 8; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", i);
        fake_publish(&fake, &world, text, 0);
    }
    for (int i = 0; i < 8; i++) {
        char text[8];
        (void)snprintf(text, sizeof(text), "%d", i);
        receives(text, text, 0, CPS_PASSED);
    }
    end();
    fake_begin(&fake, &world, (struct cps_options){.box_max = 1});
    struct cps_message message = world_message("x");
    static const char *const dests[] = {"12155551313", "12155551414"};
    const struct cps_key *keys[] = {world.box_private};
    for (int i = 0; i < 6; i++) {
        struct cps_result result;
        message.dest = &dests[i % 2];
        CU_ASSERT_EQUAL(cps_receive(world.cps, &message, keys, 1, 0, &result), CPS_E_NO_PASSPORT);
        cps_result_clear(&result);
    }
    end();
}

/* What is remembered grows stale. */
static void test_stale_in_memory(void)
{
    begin();
    fake_publish(&fake, &world, "one", 0);
    fake_publish(&fake, &world, "two", 0);
    receives("fresh", "one", 0, CPS_PASSED);
    atomic_store(&world_clock, CERTS_NOW + 61);
    receives("not any more", "two", 0, CPS_STALE);
    atomic_store(&world_clock, CERTS_NOW + 1000);
    receives("forgotten", "two", 0, CPS_NO_PASSPORT);
    fake_publish(&fake, &world, "three", CERTS_NOW - 86400);
    receives("a day old", "three", 0, CPS_STALE);
    receives("still", "three", 0, CPS_STALE);
    end();
}

/* A PASSporT that could not be remembered is not accepted, and that is what is told, not what others came to. */
static void test_replay_full(void)
{
    struct cps_result result;
    fake_begin(&fake, &world, (struct cps_options){.replay_max = 1});
    fake_publish(&fake, &world, "one", 0);
    fake_publish(&fake, &world, "two", 0);
    receives("the first", "one", 0, CPS_PASSED);
    CU_ASSERT_EQUAL(receive("two", 0, &result), CPS_E_REPLAY_FULL);
    VERDICT_IS(&result, CPS_CPS_UNAVAILABLE, "no room to remember it");
    cps_result_clear(&result);
    atomic_store(&world_clock, CERTS_NOW + 30);
    receives("still full", "two", 0, CPS_CPS_UNAVAILABLE);
    fake_publish(&fake, &world, "three", CERTS_NOW + 30);
    atomic_store(&world_clock, CERTS_NOW + 122);
    fake_publish(&fake, &world, "four", CERTS_NOW + 122);
    receives("room again", "four", 0, CPS_PASSED);
    end();
}

static void test_failures(void)
{
    fake_begin(&fake, &world, (struct cps_options){0});
    fake_publish(&fake, &world, "one", 0);
    fake.status = 503;
    receives("503", "one", 0, CPS_CPS_UNAVAILABLE);
    fake.status = 404;
    receives("404", "one", 0, CPS_CPS_UNAVAILABLE);
    fake.status = 401;
    receives("401", "one", 0, CPS_CPS_UNAVAILABLE);
    fake.status = 503;
    fake.status_for = 1;
    receives("503 once", "one", 60000, CPS_PASSED);
    receives("another one", "two", 0, CPS_NO_PASSPORT);
    end();
    fake_begin(&fake, &world, (struct cps_options){.request_timeout_ms = 1500});
    atomic_store(&fake.delay_ms, 2500);
    receives("no answer", "two", 0, CPS_TIMEOUT);
    atomic_store(&fake.delay_ms, 0);
    receives("an answer again", "two", 0, CPS_NO_PASSPORT);
    end();
    fake_begin(&fake, &world, (struct cps_options){.cps_url = "https://127.0.0.1:1"});
    receives("nobody there", "one", 0, CPS_CPS_UNAVAILABLE);
    receives("nobody there, which ends the waiting", "one", 600000, CPS_CPS_UNAVAILABLE);
    end();
}

/* Once the box was read, a CPS that fails while we wait does not change what is known. */
static void test_failure_while_waiting(void)
{
    pthread_t thread;
    static char text[] = "late";
    struct cps_result result;
    begin();
    fake_publish(&fake, &world, "one", 0);
    fake.wait_status = 503;
    unsigned asked = 0;
    for (int tries = 0; asked == 0 && tries < 20; tries++) { /* on a busy machine the time may be over before */
        int64_t start = clock_ms();
        CU_ASSERT_EQUAL(receive("two", 400, &result), CPS_E_MSGI_MISMATCH);
        cps_result_clear(&result);
        UNIT_CHECK(clock_ms() - start >= 390, "took %lld ms", (long long)(clock_ms() - start));
        asked = atomic_load(&fake.waiting);
    }
    UNIT_CHECK(asked >= 1 && asked < 8, "%u waiting requests", asked);
    awaited = asked + 1;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, publish_later, text), 0);
    pthread_mutex_lock(&fake.lock);
    fake.wait_status = 0;
    pthread_mutex_unlock(&fake.lock);
    receives("it is back", "late", 60000, CPS_PASSED);
    (void)pthread_join(thread, NULL);
    end();
}

static void test_arguments(void)
{
    static const char *const two[] = {WORLD_DEST, "12155551414"};
    struct cps_result result;
    struct cps_message message = world_message("x");
    begin();
    const struct cps_key *private[] = {world.box_private};
    const struct cps_key *public[] = {world.box_public};
    const struct cps_key *none[] = {NULL};
    CU_ASSERT_EQUAL(cps_receive(world.cps, &message, public, 1, 0, &result), CPS_E_INVAL);
    CU_ASSERT_EQUAL(result.verdict, CPS_CPS_UNAVAILABLE);
    cps_result_clear(&result);
    CU_ASSERT_EQUAL(cps_receive(world.cps, &message, none, 1, 0, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_receive(world.cps, &message, NULL, 0, 0, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_receive(world.cps, NULL, private, 1, 0, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(cps_receive(NULL, &message, private, 1, 0, NULL), CPS_E_INVAL);
    message.dest = two;
    message.dest_count = 2;
    CU_ASSERT_EQUAL(cps_receive(world.cps, &message, private, 1, 0, NULL), CPS_E_INVAL);
    message.dest_count = 0;
    CU_ASSERT_EQUAL(cps_receive(world.cps, &message, private, 1, 0, NULL), CPS_E_INVAL);
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 0);
    end();
}

/* ---- many at once ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned calls, passed, closed;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void on_result(void *arg, const struct cps_result *result)
{
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    seen.calls++;
    seen.passed += result->verdict == CPS_PASSED && result->error.code == CPS_OK;
    seen.closed += result->error.code == CPS_E_CLOSED;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for_calls(unsigned calls)
{
    pthread_mutex_lock(&seen.lock);
    while (seen.calls < calls) {
        pthread_cond_wait(&seen.changed, &seen.lock);
    }
    pthread_mutex_unlock(&seen.lock);
}

static void *receive_some(void *arg)
{
    unsigned first = *(unsigned *)arg;
    for (unsigned i = first; i < first + 10; i++) {
        char text[16];
        struct cps_result result;
        (void)snprintf(text, sizeof(text), "text %u", i);
        if (receive(text, 5000, &result) == CPS_OK) {
            pthread_mutex_lock(&seen.lock);
            seen.passed++;
            pthread_mutex_unlock(&seen.lock);
        }
        cps_result_clear(&result);
    }
    return NULL;
}

/* A busy box: each message finds its own PASSporT, each envelope is given by the CPS about once. */
static void test_many(void)
{
    enum { THREADS = 4, CALLBACKS = 40 };
    pthread_t threads[THREADS];
    unsigned firsts[THREADS];
    struct cps_error err = {0};
    begin();
    seen.calls = seen.passed = 0;
    const struct cps_key *keys[] = {world.box_private};
    for (unsigned i = 0; i < CALLBACKS; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "text %u", 100 + i);
        struct cps_message message = world_message(text);
        CODE_IS(cps_receive_async(world.cps, &message, keys, 1, 5000, on_result, NULL, &err), CPS_OK, err);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        firsts[i] = i * 10;
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, receive_some, &firsts[i]), 0);
    }
    for (unsigned i = 0; i < 140; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "text %u", i);
        fake_publish(&fake, &world, text, 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    wait_for_calls(CALLBACKS);
    CU_ASSERT_EQUAL(seen.passed, CALLBACKS + THREADS * 10);
    pthread_mutex_lock(&fake.lock);
    size_t given = fake.given;
    pthread_mutex_unlock(&fake.lock);
    UNIT_CHECK(given <= 4 * 140, "%zu envelopes were given for 140", given);
    end();
}

static void test_closing(void)
{
    struct cps_error err = {0};
    begin();
    seen.calls = seen.closed = 0;
    const struct cps_key *keys[] = {world.box_private};
    for (unsigned i = 0; i < 20; i++) {
        struct cps_message message = world_message("never");
        CODE_IS(cps_receive_async(world.cps, &message, keys, 1, 60000, on_result, NULL, &err), CPS_OK, err);
    }
    fake_await(&fake.waiting, 1);
    cps_free(world.cps);
    world.cps = NULL;
    CU_ASSERT_EQUAL(seen.calls, 20);
    CU_ASSERT_EQUAL(seen.closed, 20);
    end();
}

UNIT_MAIN("libcps receiving", {"passed", test_passed}, {"nothing", test_nothing}, {"the best", test_best},
          {"a chain inside", test_chain_inside}, {"waiting", test_waits},
          {"a CPS that never waits", test_cps_that_never_waits}, {"pages", test_pages},
          {"a lost cursor", test_lost_cursor}, {"no cursors", test_no_cursors}, {"without msgi", test_without_msgi},
          {"small memory", test_small_memory}, {"growing stale", test_stale_in_memory},
          {"a full replay memory", test_replay_full}, {"failures", test_failures},
          {"failure while waiting", test_failure_while_waiting}, {"arguments", test_arguments}, {"many", test_many},
          {"closing", test_closing})
