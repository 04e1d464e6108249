/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/base/file.h"
#include "tests/unit/spool_world.h"

#include <stdlib.h>

/* Sending with the spool behind it: what is published, what is spooled, what is neither, and who hears of it. */
static struct spool_world spool;

static enum cps_code send_to(struct cps *cps, const char *const *dests, size_t count, uint32_t ttl_s,
                             enum cps_spooling spooling, struct cps_sent *out, struct cps_error *err)
{
    struct cps_message message = {
        .orig = WORLD_ORIG, .dest = dests, .dest_count = count, .body = "hello", .body_len = 5};
    const struct cps_key *key = spool.world.box_public;
    struct cps_recipient recipients[4];
    for (size_t i = 0; i < count && i < 4; i++) {
        recipients[i] = (struct cps_recipient){.dest = dests[i], .keys = &key, .key_count = 1};
    }
    return cps_send_with_spool(cps, spool.world.signer, &message, recipients, count, ttl_s, spooling, out, err);
}

static enum cps_code send_one(struct cps *cps, enum cps_spooling spooling, struct cps_sent *out, struct cps_error *err)
{
    return send_to(cps, world_dests, 1, 0, spooling, out, err);
}

static void sent_is(struct cps_sent *sent, size_t published, size_t spooled, enum cps_code why, unsigned line)
{
    UNIT_CHECK(sent->published == published && sent->spooled == spooled, "line %u: %zu published, %zu spooled", line,
               sent->published, sent->spooled);
    UNIT_CHECK(sent->spooled_for.code == why, "line %u: spooled for %s, expected %s", line,
               cps_error_name(sent->spooled_for.code), cps_error_name(why));
    cps_sent_clear(sent);
}
#define SENT_IS(sent, published, spooled, why) sent_is((sent), (published), (spooled), (why), __LINE__)

static void test_when_all_is_well(void)
{
    struct cps_sent sent;
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    struct cps *cps = spool_handle(&spool);
    CODE_IS(send_one(cps, CPS_SPOOL_NEVER, &sent, &err), CPS_OK, err);
    SENT_IS(&sent, 1, 0, CPS_OK);
    CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_OK, err);
    SENT_IS(&sent, 1, 0, CPS_OK);
    CU_ASSERT_EQUAL(spool_stats(cps).published, 0);
    CODE_IS(send_one(cps, CPS_SPOOL_FIRST, &sent, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(sent.envelopes, 1);
    CU_ASSERT_PTR_NOT_NULL(sent.passport);
    SENT_IS(&sent, 0, 1, CPS_OK);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_stats(cps).published, 1);
    CU_ASSERT_EQUAL(spool_count(&spool, 201), 3);
    CODE_IS(send_to(cps, world_dests, 1, 900, CPS_SPOOL_FIRST, NULL, &err), CPS_OK, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    UNIT_STR(spool.seen[3].target, "/cps/12155551313/ppts?ttl=900", "target");
    cps_free(cps);
    spool_end(&spool);
}

/* What may pass is spooled; what does not pass is told. */
static void test_which_failures(void)
{
    static const struct {
        int status;
        enum cps_code code;
        bool spooled;
    } table[] = {
        {503, CPS_E_UNAVAILABLE, true},   {500, CPS_E_UNAVAILABLE, true}, {429, CPS_E_BOX_FULL, true},
        {408, CPS_E_TIMEOUT, true},       {400, CPS_E_REFUSED, false},    {422, CPS_E_REFUSED, false},
        {401, CPS_E_UNAUTHORIZED, false}, {403, CPS_E_FORBIDDEN, false},  {302, CPS_E_PROTOCOL, false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct cps_sent sent;
        struct cps_error err = {0};
        spool_begin(&spool, (struct cps_options){.spool_retry_min_ms = 30000, .spool_retry_max_ms = 30000});
        spool_habit(&spool, table[i].status, NULL, NULL);
        struct cps *cps = spool_handle(&spool);
        CODE_IS(send_one(cps, CPS_SPOOL_NEVER, &sent, &err), table[i].code, err);
        SENT_IS(&sent, 0, 0, CPS_OK);
        CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &sent, &err), table[i].spooled ? CPS_OK : table[i].code, err);
        SENT_IS(&sent, 0, table[i].spooled, table[i].spooled ? table[i].code : CPS_OK);
        CU_ASSERT_EQUAL(spool_stats(cps).queued, table[i].spooled);
        cps_free(cps);
        spool_end(&spool);
    }
}

static void test_no_connection(void)
{
    struct cps_sent sent;
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){.request_timeout_ms = 300,
                                             .spool_retry_max_ms = 30000,
                                             .spool_retry_min_ms = 30000});
    atomic_store(&spool.delay_ms, 1000);
    struct cps *cps = spool_handle(&spool);
    CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_OK, err);
    SENT_IS(&sent, 0, 1, CPS_E_TIMEOUT);
    cps_free(cps);
    spool.options.request_timeout_ms = 0;
    spool.options.tls_ca_file = spool.world.trust;
    cps = spool_handle(&spool);
    CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_OK, err);
    SENT_IS(&sent, 0, 1, CPS_E_TLS);
    cps_free(cps);
    spool.options.cps_url = "https://127.0.0.1:1";
    cps = spool_handle(&spool);
    CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_OK, err);
    SENT_IS(&sent, 0, 1, CPS_E_CONNECT);
    CU_ASSERT_EQUAL(spool_stats(cps).queued, 3);
    cps_free(cps);
    spool_end(&spool);
}

/* What was tried in vain is not tried again before the CPS said. */
static void test_not_too_soon(void)
{
    static const int statuses[] = {429, 503};
    for (size_t i = 0; i < 2; i++) {
        struct cps_error err = {0};
        spool_begin(&spool, (struct cps_options){0});
        spool_habit(&spool, statuses[i], "Retry-After: 1\r\n", NULL);
        struct cps *cps = spool_handle(&spool);
        CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, NULL, &err), CPS_OK, err);
        spool_habit(&spool, 0, NULL, NULL);
        CU_ASSERT_TRUE(spool_drained(cps));
        CU_ASSERT_EQUAL_FATAL(spool.seen_count, 2);
        CU_ASSERT_TRUE(spool.seen[1].at_ms - spool.seen[0].at_ms >= 1000);
        cps_free(cps);
        spool_end(&spool);
    }
}

/* Of one message some may be published and some not. */
static void test_some_of_each(void)
{
    static const char *const dests[] = {WORLD_DEST, "12025550100", "12025550101"};
    struct cps_sent sent;
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){.spool_max = 1});
    spool_habit(&spool, 429, "Retry-After: 60\r\n", "/1202555");
    struct cps *cps = spool_handle(&spool);
    CODE_IS(send_to(cps, dests, 2, 0, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(sent.spooled_for.retry_after_s, 60);
    SENT_IS(&sent, 1, 1, CPS_E_BOX_FULL);
    CODE_IS(send_to(cps, dests, 3, 0, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_E_SPOOL_FULL, err);
    CU_ASSERT_EQUAL(sent.error.code, CPS_E_SPOOL_FULL);
    SENT_IS(&sent, 1, 0, CPS_E_BOX_FULL);
    CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_FULL], 2);
    cps_free(cps);
    spool_end(&spool);
}

/* Nobody waits for a CPS that is known to be away. */
static void test_known_to_be_away(void)
{
    struct cps_sent sent;
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){.spool_retry_max_ms = 30000});
    spool_habit(&spool, 503, "Retry-After: 2\r\n", NULL);
    struct cps *cps = spool_handle(&spool);
    CODE_IS(send_one(cps, CPS_SPOOL_FIRST, &sent, &err), CPS_OK, err);
    SENT_IS(&sent, 0, 1, CPS_OK);
    SPOOL_UNTIL(spool_stats(cps).away);
    size_t asked = spool_count(&spool, 0);
    CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(spool_count(&spool, 0), asked);
    CU_ASSERT_PTR_NOT_NULL(strstr(sent.spooled_for.text, "away"));
    SENT_IS(&sent, 0, 1, CPS_E_AWAY);
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_OK, err);
    SENT_IS(&sent, 1, 0, CPS_OK);
    cps_free(cps);
    spool_end(&spool);
}

static void test_what_is_refused(void)
{
    struct cps_sent sent;
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    struct cps *cps = spool_handle(&spool);
    CODE_IS(send_one(spool.world.cps, CPS_SPOOL_ON_FAILURE, &sent, &err), CPS_E_CONFIG, err);
    cps_sent_clear(&sent);
    CODE_IS(send_one(cps, (enum cps_spooling)3, &sent, &err), CPS_E_INVAL, err);
    cps_sent_clear(&sent);
    struct cps_message message = world_message("x");
    const struct cps_key *key = spool.world.box_public;
    struct cps_recipient recipient = {.dest = WORLD_DEST, .keys = &key, .key_count = 1};
    message.iat = CERTS_NOW - 61;
    CODE_IS(cps_send_with_spool(cps, spool.world.signer, &message, &recipient, 1, 0, CPS_SPOOL_FIRST, NULL, &err),
            CPS_E_STALE, err);
    CODE_IS(cps_send_with_spool(cps, spool.world.signer, &message, &recipient, 1, 61, CPS_SPOOL_FIRST, NULL, &err),
            CPS_OK, err);
    CODE_IS(cps_send_with_spool_async(cps, spool.world.signer, &message, &recipient, 1, 0, CPS_SPOOL_FIRST, NULL, NULL,
                                      &err),
            CPS_E_INVAL, err);
    char *passport = world_sign(&spool.world, "hello", 0);
    char *envelope = spool_envelope(&spool);
    static const char text[] = "a.b.c.d.e";
    CODE_IS(cps_spool_put(cps, WORLD_DEST, passport, strlen(passport), 0, 0, &err), CPS_E_JWE, err);
    CODE_IS(cps_spool_put(cps, WORLD_DEST, envelope, strlen(envelope) - 1, 0, 0, &err), CPS_E_BASE64, err);
    UNIT_CHECK(cps_spool_put(cps, WORLD_DEST, text, strlen(text), 0, 0, &err) != CPS_OK, "%s", text);
    UNIT_CHECK(cps_spool_put(cps, WORLD_DEST, "", 0, 0, 0, &err) != CPS_OK, "nothing");
    CODE_IS(cps_spool_put(cps, "no number", envelope, strlen(envelope), 0, 0, &err), CPS_E_TN, err);
    CODE_IS(cps_spool_put(cps, NULL, envelope, strlen(envelope), 0, 0, &err), CPS_E_INVAL, err);
    CODE_IS(cps_spool_put(cps, WORLD_DEST, NULL, 5, 0, 0, &err), CPS_E_INVAL, err);
    CODE_IS(cps_spool_put(NULL, WORLD_DEST, envelope, strlen(envelope), 0, 0, &err), CPS_E_INVAL, err);
    CODE_IS(cps_spool_put_async(cps, WORLD_DEST, envelope, strlen(envelope), 0, 0, NULL, NULL, &err), CPS_E_INVAL, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_count(&spool, 0), 1);
    cps_free(cps);
    free(envelope);
    cps_text_free(passport);
    spool_end(&spool);
}

/* The same envelope again is one entry, also while it is under way. */
static void test_twice(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    struct cps *cps = spool_handle(&spool);
    char *envelope = spool_envelope(&spool);
    atomic_store(&spool.delay_ms, 60000);
    for (int i = 0; i < 3; i++) {
        CODE_IS(cps_spool_put(cps, WORLD_DEST, envelope, strlen(envelope), 0, 0, &err), CPS_OK, err);
        CU_ASSERT_EQUAL(spool_stats(cps).queued, 1);
    }
    atomic_store(&spool.delay_ms, 0);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_count(&spool, 0), 1);
    cps_free(cps);
    free(envelope);
    spool_end(&spool);
}

/* ---- callbacks ---- */

static struct {
    struct cps *cps;
    char *envelope;
    atomic_uint calls, spooled;
    atomic_int blocking, stats, put_async;
    atomic_int last;
} heard;

static void on_spooled(void *arg, const struct cps_spooled *result)
{
    (void)arg;
    atomic_store(&heard.last, (int)result->error.code);
    atomic_fetch_add(&heard.spooled, 1);
}

static void on_sent(void *arg, const struct cps_sent *sent)
{
    struct cps_sent *copy = arg;
    struct cps_spool_stats stats;
    *copy = *sent;
    copy->passport = NULL;
    if (heard.envelope) {
        size_t n = strlen(heard.envelope);
        atomic_store(&heard.blocking, (int)cps_spool_put(heard.cps, WORLD_DEST, heard.envelope, n, 0, 0, NULL));
        atomic_store(&heard.stats, (int)cps_spool_stats(heard.cps, &stats, NULL));
        atomic_store(&heard.put_async,
                     (int)cps_spool_put_async(heard.cps, WORLD_DEST, heard.envelope, n, 0, 0, on_spooled, NULL, NULL));
    }
    atomic_fetch_add(&heard.calls, 1);
}

static enum cps_code send_async(struct cps *cps, enum cps_spooling spooling, struct cps_sent *out)
{
    struct cps_message message = world_message("hello");
    const struct cps_key *key = spool.world.box_public;
    struct cps_recipient recipient = {.dest = WORLD_DEST, .keys = &key, .key_count = 1};
    struct cps_error err = {0};
    enum cps_code code =
        cps_send_with_spool_async(cps, spool.world.signer, &message, &recipient, 1, 0, spooling, on_sent, out, &err);
    UNIT_CHECK(code == err.code, "%s", err.text);
    return code;
}

static void hear(struct cps *cps, char *envelope)
{
    heard.cps = cps;
    heard.envelope = envelope;
    atomic_store(&heard.calls, 0);
    atomic_store(&heard.spooled, 0);
    atomic_store(&heard.last, -1);
}

static void test_callbacks(void)
{
    struct cps_sent sent[3] = {{.envelopes = 0}};
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    char *envelope = spool_envelope(&spool);
    hear(cps, envelope);
    CU_ASSERT_EQUAL(send_async(cps, CPS_SPOOL_ON_FAILURE, &sent[0]), CPS_OK);
    SPOOL_UNTIL(atomic_load(&heard.calls) == 1 && atomic_load(&heard.spooled) == 1);
    SENT_IS(&sent[0], 0, 1, CPS_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(atomic_load(&heard.blocking), CPS_E_IN_CALLBACK);
    CU_ASSERT_EQUAL(atomic_load(&heard.stats), CPS_OK);
    CU_ASSERT_EQUAL(atomic_load(&heard.put_async), CPS_OK);
    CU_ASSERT_EQUAL(atomic_load(&heard.last), CPS_OK);
    CU_ASSERT_EQUAL(spool_stats(cps).queued, 2);
    hear(cps, NULL);
    CU_ASSERT_EQUAL(send_async(cps, CPS_SPOOL_FIRST, &sent[1]), CPS_OK);
    CU_ASSERT_EQUAL(send_async(cps, CPS_SPOOL_NEVER, &sent[2]), CPS_OK);
    SPOOL_UNTIL(atomic_load(&heard.calls) == 2);
    CU_ASSERT_EQUAL(sent[2].error.code, CPS_E_UNAVAILABLE);
    SENT_IS(&sent[1], 0, 1, CPS_OK);
    SENT_IS(&sent[2], 0, 0, CPS_OK);
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_count(&spool, 201), 3);
    cps_free(cps);
    free(envelope);
    spool_end(&spool);
}

/* More at once than max_in_flight: the spool takes what is too much. */
static void test_busy(void)
{
    struct cps_sent sent[4] = {{.envelopes = 0}};
    struct cps_sent blocking;
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){.max_in_flight = 1});
    atomic_store(&spool.delay_ms, 60000);
    struct cps *cps = spool_handle(&spool);
    hear(cps, NULL);
    CU_ASSERT_EQUAL(send_async(cps, CPS_SPOOL_ON_FAILURE, &sent[0]), CPS_OK);
    CU_ASSERT_EQUAL(send_async(cps, CPS_SPOOL_NEVER, &sent[1]), CPS_E_BUSY);
    CU_ASSERT_EQUAL(send_async(cps, CPS_SPOOL_ON_FAILURE, &sent[2]), CPS_OK);
    CU_ASSERT_EQUAL(send_async(cps, CPS_SPOOL_FIRST, &sent[3]), CPS_OK);
    CODE_IS(send_one(cps, CPS_SPOOL_ON_FAILURE, &blocking, &err), CPS_OK, err);
    SENT_IS(&blocking, 0, 1, CPS_E_BUSY);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    atomic_store(&spool.delay_ms, 0);
    SPOOL_UNTIL(atomic_load(&heard.calls) == 3);
    SENT_IS(&sent[0], 1, 0, CPS_OK);
    SENT_IS(&sent[2], 0, 1, CPS_E_BUSY);
    SENT_IS(&sent[3], 0, 1, CPS_OK);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_count(&spool, 201), 5);
    CODE_IS(send_one(cps, CPS_SPOOL_NEVER, &blocking, &err), CPS_OK, err); /* none is counted that has ended */
    SENT_IS(&blocking, 1, 0, CPS_OK);
    cps_free(cps);
    spool_end(&spool);
}

/* What is under way when the handle is freed is not lost, and its callback hears so. */
static void test_freed_meanwhile(void)
{
    enum { MANY = 20 };
    struct cps_sent sent[MANY] = {{.envelopes = 0}};
    spool_begin(&spool, (struct cps_options){.spool_retry_min_ms = 30000, .spool_retry_max_ms = 30000});
    atomic_store(&spool.delay_ms, 60000);
    struct cps *cps = spool_handle(&spool);
    hear(cps, NULL);
    for (size_t i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(send_async(cps, i % 2 ? CPS_SPOOL_ON_FAILURE : CPS_SPOOL_FIRST, &sent[i]), CPS_OK);
    }
    cps_free(cps);
    CU_ASSERT_EQUAL(atomic_load(&heard.calls), MANY);
    for (size_t i = 0; i < MANY; i++) {
        SENT_IS(&sent[i], 0, 1, i % 2 ? CPS_E_CLOSED : CPS_OK);
    }
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(*) FROM entries WHERE loan = 0"), MANY);
    CU_ASSERT_EQUAL(spool_sql(&spool,
                              "SELECT count(*) FROM entries WHERE due > (julianday('now') - 2440587.5) * 86400000"),
                    0);
    atomic_store(&spool.delay_ms, 0);
    cps = spool_handle(&spool);
    CU_ASSERT_TRUE(spool_drained(cps));
    /* the CPS may have had some already, unheard */
    CU_ASSERT_EQUAL(spool_count(&spool, 201), MANY);
    cps_free(cps);
    spool_end(&spool);
}

enum { THREADS = 4, EACH = 50 };

static void *send_many(void *arg)
{
    struct cps *cps = arg;
    for (int i = 0; i < EACH; i++) {
        struct cps_error err = {0};
        CODE_IS(send_one(cps, i % 2 ? CPS_SPOOL_FIRST : CPS_SPOOL_ON_FAILURE, NULL, &err), CPS_OK, err);
    }
    return NULL;
}

static void test_threads(void)
{
    pthread_t threads[THREADS];
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    for (int i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, send_many, cps), 0);
    }
    spool_sleep(50);
    spool_habit(&spool, 0, NULL, NULL);
    for (int i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
    }
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_count(&spool, 201), THREADS * EACH);
    CU_ASSERT_EQUAL(spool_count(&spool, 200), 0);
    cps_free(cps);
    spool_end(&spool);
}

static bool file_has(const char *suffix, const char *needle)
{
    char name[128];
    struct stir_buf content = {0};
    (void)snprintf(name, sizeof(name), "%s%s", spool.file, suffix);
    UNIT_OK(stir_read_file(&content, name, 16777216, NULL));
    bool found = memmem(content.ptr, content.len, needle, strlen(needle)) != NULL;
    stir_buf_free(&content);
    return found;
}

/* Only the dest is in the file in clear. */
static void test_privacy(void)
{
    struct cps_sent sent;
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    CODE_IS(send_one(cps, CPS_SPOOL_FIRST, &sent, &err), CPS_OK, err);
    CU_ASSERT_TRUE(file_has("-wal", WORLD_DEST));
    sent.passport[20] = '\0'; /* the beginning is enough to find it by */
    static const char *const files[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_FALSE(file_has(files[i], "12155551212"));
        CU_ASSERT_FALSE(file_has(files[i], sent.passport));
        CU_ASSERT_FALSE(file_has(files[i], "hello"));
    }
    cps_sent_clear(&sent);
    spool_habit(&spool, 422, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    cps_free(cps);
    CU_ASSERT_FALSE(
        file_has("", WORLD_DEST)); /* dropped: what is left of it is overwritten, the record does not tell */
    spool_end(&spool);
}

UNIT_MAIN("libcps: sending with a spool", {"when all is well", test_when_all_is_well},
          {"which failures", test_which_failures}, {"no connection", test_no_connection},
          {"not too soon", test_not_too_soon}, {"some of each", test_some_of_each},
          {"known to be away", test_known_to_be_away}, {"what is refused", test_what_is_refused}, {"twice", test_twice},
          {"callbacks", test_callbacks}, {"busy", test_busy}, {"freed meanwhile", test_freed_meanwhile},
          {"threads", test_threads}, {"what the file shows", test_privacy})
