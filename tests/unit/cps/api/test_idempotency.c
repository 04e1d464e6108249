/* SPDX-License-Identifier: MIT */
/* An Idempotency-Key over the memory store: first, again, another body, forgotten, over; each part of its name counts.
 */
#include "cps/api/idempotency.h"

#include "tests/unit/unit.h"

static uv_loop_t loop;
static struct cpsd_backend *backend;
static struct cpsd_store *store;
static struct cpsd_idempotency_check last;

struct outcome {
    bool done;
    enum cpsd_idempotency is;
    int64_t left_ms;
};

static int64_t left_ms; /* of the last use */

static void on_done(void *arg, enum cpsd_idempotency is, int64_t left)
{
    struct outcome *outcome = arg;
    CU_ASSERT_FALSE(outcome->done); /* once */
    *outcome = (struct outcome){true, is, left};
}

static void setup(void)
{
    const struct cpsd_store_config config = {
        .url = "memory:", .box_limit = 5, .memory_limit_bytes = 1 << 20, .timeout_ms = 1000, .max_ttl_ms = 60000};
    (void)uv_loop_init(&loop);
    UNIT_OK(cpsd_backend_new(&backend, &config, NULL));
    UNIT_OK(cpsd_store_attach(&store, backend, &loop, NULL));
}

static void closed(void *arg)
{
    *(bool *)arg = true;
}

static void teardown(void)
{
    bool is_closed = false;
    cpsd_store_close(store, closed, &is_closed);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT(is_closed);
    CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
    cpsd_backend_free(backend);
}

static enum cpsd_idempotency use(const char *key, const char *provider, const char *path, const char *body, int64_t ms)
{
    struct outcome outcome = {0};
    struct stir_identity box = {.kind = STIR_IDENTITY_URI, .len = (unsigned)strlen(path)};
    memcpy(box.text, path, box.len);
    cpsd_idempotency_begin(&last, store, stir_view_str(key), provider, &box, stir_view_str(body), ms, 50, on_done,
                           &outcome);
    for (int i = 0; i < 1000 && !outcome.done; i++) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    CU_ASSERT(outcome.done);
    left_ms = outcome.left_ms;
    return outcome.is;
}

static void test_uses(void)
{
    static const struct {
        const char *label, *key, *provider, *path, *body;
        enum cpsd_idempotency is;
    } rows[] = {
        {"first", "k", "1234", "/passports/1/2", "body", CPSD_IDEMPOTENCY_FIRST},
        {"again", "k", "1234", "/passports/1/2", "body", CPSD_IDEMPOTENCY_AGAIN},
        {"another body", "k", "1234", "/passports/1/2", "Body", CPSD_IDEMPOTENCY_OTHER},
        {"a longer body", "k", "1234", "/passports/1/2", "body ", CPSD_IDEMPOTENCY_OTHER},
        {"no body", "k", "1234", "/passports/1/2", "", CPSD_IDEMPOTENCY_OTHER},
        {"again after that", "k", "1234", "/passports/1/2", "body", CPSD_IDEMPOTENCY_AGAIN},
        {"another key", "K", "1234", "/passports/1/2", "Body", CPSD_IDEMPOTENCY_FIRST},
        {"another provider", "k", "1235", "/passports/1/2", "Body", CPSD_IDEMPOTENCY_FIRST},
        {"nobody in particular", "k", "", "/passports/1/2", "Body", CPSD_IDEMPOTENCY_FIRST},
        {"another path", "k", "1234", "/passports/1/3", "Body", CPSD_IDEMPOTENCY_FIRST},
        {"what stands where", "k1", "234", "/passports/1/2", "x", CPSD_IDEMPOTENCY_FIRST},
        {"is not the same", "k", "1234", "/passports/1/2", "body", CPSD_IDEMPOTENCY_AGAIN},
    };
    setup();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum cpsd_idempotency is = use(rows[i].key, rows[i].provider, rows[i].path, rows[i].body, 60000);
        UNIT_CHECK(is == rows[i].is, "%s: %d", rows[i].label, is);
    }
    teardown();
}

static void on_forgot(void *arg, const struct cpsd_store_result *result)
{
    UNIT_OK(result->code);
    *(bool *)arg = true;
}

static void test_forgotten(void)
{
    bool forgot = false;
    setup();
    CU_ASSERT_EQUAL(use("k", "1234", "/p", "one", 60000), CPSD_IDEMPOTENCY_FIRST);
    cpsd_idempotency_forget(&last, on_forgot, &forgot);
    for (int i = 0; i < 1000 && !forgot; i++) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    CU_ASSERT(forgot);
    CU_ASSERT_EQUAL(use("k", "1234", "/p", "other", 60000), CPSD_IDEMPOTENCY_FIRST);
    teardown();
}

static void test_life(void)
{
    setup();
    CU_ASSERT_EQUAL(use("k", "1234", "/p", "one", 60000), CPSD_IDEMPOTENCY_FIRST);
    CU_ASSERT_EQUAL(use("k", "1234", "/p", "other", 60000), CPSD_IDEMPOTENCY_OTHER);
    CU_ASSERT_EQUAL(use("short", "1234", "/p", "one", 100), CPSD_IDEMPOTENCY_FIRST);
    unsigned tries = 0;
    while (use("short", "1234", "/p", "other", 60000) != CPSD_IDEMPOTENCY_FIRST && ++tries < 6000) {
        uv_sleep(10);
    }
    UNIT_CHECK(tries < 6000, "a key outlives its 100 ms by a minute");
    teardown();
}

/* What comes again is kept for what is left of the first one's time. */
static void test_left(void)
{
    setup();
    CU_ASSERT_EQUAL(use("k", "1234", "/p", "one", 60000), CPSD_IDEMPOTENCY_FIRST);
    CU_ASSERT_EQUAL(left_ms, 50);
    uv_sleep(10);
    CU_ASSERT_EQUAL(use("k", "1234", "/p", "one", 60000), CPSD_IDEMPOTENCY_AGAIN);
    UNIT_CHECK(left_ms <= 41, "%lld ms are left", (long long)left_ms);
    uv_sleep(60);
    CU_ASSERT_EQUAL(use("k", "1234", "/p", "one", 60000), CPSD_IDEMPOTENCY_AGAIN);
    UNIT_CHECK(left_ms <= 0, "%lld ms are left", (long long)left_ms);
    teardown();
}

UNIT_MAIN("idempotency", {"uses of a key", test_uses}, {"a key that was forgotten", test_forgotten},
          {"the life of a key", test_life}, {"what is left of the first", test_left})
