/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/spool_world.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* The spool of a handle, against a CPS that is away, full, refusing, or slow. */
static struct spool_world spool;

static void put_many(struct cps *cps, unsigned count, const char *dest)
{
    struct cps_error err = {0};
    for (unsigned i = 0; i < count; i++) {
        CODE_IS(spool_put(&spool, cps, dest, 0, &err), CPS_OK, err);
    }
}

/* Every one that the CPS has, it was given once. */
static void each_once(size_t count)
{
    CU_ASSERT_EQUAL(spool_count(&spool, 201), count);
    CU_ASSERT_EQUAL(spool_count(&spool, 200), 0);
}

static void test_published(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    struct cps *cps = spool_handle(&spool);
    CODE_IS(spool_put(&spool, cps, "+1 (215) 555-1313", 0, &err), CPS_OK, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    each_once(1);
    UNIT_STR(spool.seen[0].target, "/cps/12155551313/ppts", "target");
    CODE_IS(spool_put(&spool, cps, "sip:Bob@Example.com", 600, &err), CPS_OK, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    UNIT_STR(spool.seen[1].target, "/cps/sip%3Abob%40example.com/ppts?ttl=600", "target");
    struct cps_spool_stats stats = spool_stats(cps);
    CU_ASSERT_EQUAL(stats.published, 2);
    CU_ASSERT_EQUAL(stats.octets, 0);
    CU_ASSERT_EQUAL(stats.oldest_s, 0);
    CU_ASSERT_FALSE(stats.away);
    cps_free(cps);
    spool_end(&spool);
}

/* While the CPS is away it is asked by one at a time, with pauses; when it is back, the rest follows, some at once. */
static void test_away_and_back(void)
{
    enum { MANY = 60 };
    spool_begin(&spool, (struct cps_options){.spool_parallel = 4});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    put_many(cps, MANY, WORLD_DEST);
    atomic_store(&spool.delay_ms, 10);
    SPOOL_UNTIL(spool_count(&spool, 503) >= 8);
    CU_ASSERT_EQUAL(spool.most_open, 1);
    CU_ASSERT_EQUAL(spool_stats(cps).queued, MANY);
    CU_ASSERT_TRUE(spool_stats(cps).octets > 500 * MANY);
    CU_ASSERT_TRUE(spool_stats(cps).away);
    atomic_fetch_add(&world_clock, 7);
    CU_ASSERT_EQUAL(spool_stats(cps).oldest_s, 7);
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    each_once(MANY);
    CU_ASSERT_EQUAL(spool.most_open, 4);
    CU_ASSERT_EQUAL(spool_stats(cps).published, MANY);
    CU_ASSERT_FALSE(spool_stats(cps).away);
    cps_free(cps);
    spool_end(&spool);
}

static void test_retry_after(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, "Retry-After: 1\r\n", NULL);
    struct cps *cps = spool_handle(&spool);
    put_many(cps, 5, WORLD_DEST);
    SPOOL_UNTIL(spool_count(&spool, 503) == 1);
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_TRUE(spool.seen[1].at_ms - spool.seen[0].at_ms >= 1000);
    CU_ASSERT_TRUE(spool.seen[1].at_ms - spool.seen[0].at_ms < 30000);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    cps_free(cps);
    spool_end(&spool);
}

/* A full box waits as long as it was told to; the others do not. */
static void test_full_box(void)
{
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 429, "Retry-After: 1\r\n", "/12025550100/");
    struct cps *cps = spool_handle(&spool);
    for (int i = 0; i < 10; i++) {
        put_many(cps, 1, "12025550100");
        put_many(cps, 1, "12025550101");
    }
    SPOOL_UNTIL(spool_count(&spool, 201) == 10);
    SPOOL_UNTIL(spool_stats(cps).queued == 10);
    size_t asked = spool_count(&spool, 429);
    CU_ASSERT_TRUE(asked >= 1 && asked <= 8);
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    each_once(20);
    CU_ASSERT_FALSE(spool_stats(cps).away);
    int64_t first = 0;
    int64_t again = INT64_MAX;
    for (size_t i = 0; i < spool.seen_count; i++) {
        bool full = strstr(spool.seen[i].target, "/12025550100/") != NULL;
        first = full && spool.seen[i].status == 429 && !first ? spool.seen[i].at_ms : first;
        again = full && spool.seen[i].status == 201 && spool.seen[i].at_ms < again ? spool.seen[i].at_ms : again;
    }
    CU_ASSERT_TRUE(again - first >= 1000);
    cps_free(cps);
    spool_end(&spool);
}

static void test_refused_for_good(void)
{
    static const int for_good[] = {400, 413, 415, 422};
    for (size_t i = 0; i < sizeof(for_good) / sizeof(for_good[0]); i++) {
        spool_begin(&spool, (struct cps_options){0});
        spool_habit(&spool, for_good[i], NULL, NULL);
        struct cps *cps = spool_handle(&spool);
        put_many(cps, 3, WORLD_DEST);
        CU_ASSERT_TRUE(spool_drained(cps));
        CU_ASSERT_EQUAL(spool_count(&spool, 0), 3);
        CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_REFUSED], 3);
        CU_ASSERT_EQUAL(spool_stats(cps).published, 0);
        cps_free(cps);
        CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT sum(count) FROM dropped WHERE reason = 'refused'"), 3);
        spool_end(&spool);
    }
}

/* Answers that are the sender's fault, or nobody's, cost no envelope. */
static void test_kept(void)
{
    static const int passing[] = {301, 401, 403, 408, 429, 500, 502, 503};
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        spool_begin(&spool, (struct cps_options){0});
        spool_habit(&spool, passing[i], NULL, NULL);
        struct cps *cps = spool_handle(&spool);
        put_many(cps, 3, WORLD_DEST);
        SPOOL_UNTIL(spool_count(&spool, passing[i]) >= 5);
        CU_ASSERT_EQUAL(spool_stats(cps).queued, 3);
        spool_habit(&spool, 0, NULL, NULL);
        CU_ASSERT_TRUE(spool_drained(cps));
        each_once(3);
        cps_free(cps);
        spool_end(&spool);
    }
}

/* Fresh for max_age_s, ttl_s, or until when it was said; then dropped, on record, without the number. */
static void test_stale(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){.max_age_s = 100, .spool_retry_max_ms = 10});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    char *envelope = spool_envelope(&spool);
    put_many(cps, 2, WORLD_DEST);
    CODE_IS(spool_put(&spool, cps, "12155551314", 200, &err), CPS_OK, err);
    CODE_IS(cps_spool_put(cps, WORLD_DEST, envelope, strlen(envelope), 0, CERTS_NOW + 300, &err), CPS_OK, err);
    CODE_IS(cps_spool_put(cps, "12155551315", envelope, strlen(envelope), 500, CERTS_NOW + 400, &err), CPS_OK, err);
    CODE_IS(cps_spool_put(cps, WORLD_DEST, envelope, strlen(envelope), 0, CERTS_NOW - 1, &err), CPS_E_STALE, err);
    static const struct {
        int64_t after;
        uint64_t queued, stale;
    } times[] = {{100, 5, 0}, {101, 3, 2}, {200, 3, 2}, {201, 2, 3}, {301, 1, 4}};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        atomic_store(&world_clock, CERTS_NOW + times[i].after);
        SPOOL_UNTIL(spool_stats(cps).queued == times[i].queued);
        CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_STALE], times[i].stale);
    }
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    each_once(1);
    UNIT_STR(spool.seen[spool.seen_count - 1].target, "/cps/12155551315/ppts?ttl=199", "what is left of the ttl");
    cps_free(cps);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT sum(count) FROM dropped WHERE reason = 'stale'"), 4);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(DISTINCT dest_hash) FROM dropped"), 2);
    free(envelope);
    spool_end(&spool);
}

static void test_bounds(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){.spool_max = 5});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    put_many(cps, 5, WORLD_DEST);
    for (int i = 0; i < 3; i++) {
        CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_E_SPOOL_FULL, err);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "holds 5 envelopes"));
    }
    CU_ASSERT_EQUAL(spool_stats(cps).queued, 5);
    CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_FULL], 3);
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    each_once(6);
    cps_free(cps);
    spool_end(&spool);
}

/* What one handle left another takes up, with the counts. */
static void test_again(void)
{
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    put_many(cps, 20, WORLD_DEST);
    SPOOL_UNTIL(spool_count(&spool, 503) >= 1);
    atomic_store(&spool.delay_ms, 2000); /* so that one is under way */
    SPOOL_UNTIL(spool_stats(cps).under_way == 1);
    cps_free(cps);
    atomic_store(&spool.delay_ms, 0);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(*) FROM entries"), 20);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(*) FROM entries WHERE loan != 0"), 0);
    spool_habit(&spool, 0, NULL, NULL);
    cps = spool_handle(&spool);
    CU_ASSERT_TRUE(spool_drained(cps));
    each_once(20);
    CU_ASSERT_EQUAL(spool_stats(cps).published, 20);
    cps_free(cps);
    spool_end(&spool);
}

/* A loan that nobody gives back, as of a process that was killed, runs out. */
static void test_loan_runs_out(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    put_many(cps, 2, WORLD_DEST);
    cps_free(cps);
    (void)spool_sql(&spool, "UPDATE entries SET loan = 99, due = (julianday('now') - 2440587.5) * 86400000 + 700");
    spool_habit(&spool, 0, NULL, NULL);
    int64_t start = spool_ms();
    cps = spool_handle(&spool);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_TRUE(spool_ms() - start >= 600);
    each_once(2);
    /* and one that was given under a clock that was set back since */
    atomic_store(&spool.delay_ms, 500);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    cps_free(cps);
    (void)spool_sql(&spool, "UPDATE entries SET loan = 99, due = due + 86400000");
    atomic_store(&spool.delay_ms, 0);
    cps = spool_handle(&spool);
    CU_ASSERT_TRUE(spool_drained(cps));
    cps_free(cps);
    spool_end(&spool);
}

static void test_shared(void)
{
    enum { HANDLES = 3, MANY = 150 };
    struct cps *handles[HANDLES];
    spool_begin(&spool, (struct cps_options){.spool_parallel = 4});
    spool_habit(&spool, 503, NULL, NULL);
    for (int i = 0; i < HANDLES; i++) {
        handles[i] = spool_handle(&spool);
        put_many(handles[i], MANY / HANDLES, WORLD_DEST);
    }
    SPOOL_UNTIL(spool_stats(handles[0]).queued == MANY);
    atomic_store(&spool.delay_ms, 2);
    spool_habit(&spool, 0, NULL, NULL);
    for (int i = 0; i < HANDLES; i++) {
        CU_ASSERT_TRUE(spool_drained(handles[i]));
    }
    each_once(MANY);
    CU_ASSERT_TRUE(spool.most_open > 4 && spool.most_open <= 4 * HANDLES);
    for (int i = 0; i < HANDLES; i++) {
        cps_free(handles[i]);
    }
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT n FROM totals WHERE name = 'published'"), MANY);
    spool_end(&spool);
}

/* Another process keeps the file to itself: the answer is a clear one, in bounded time, and all goes on afterwards. */
static void test_locked(void)
{
    struct cps_error err = {0};
    sqlite3 *db = NULL;
    spool_begin(&spool, (struct cps_options){0});
    struct cps *cps = spool_handle(&spool);
    CU_ASSERT_EQUAL_FATAL(sqlite3_open(spool.file, &db), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    int64_t start = spool_ms();
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_E_SPOOL_STORE, err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "locked"));
    int64_t took_ms = spool_ms() - start;
    CU_ASSERT_TRUE(took_ms < 60000);
    start = spool_ms();
    CU_ASSERT_EQUAL(spool_stats(cps).queued, 0);
    CU_ASSERT_TRUE(spool_ms() - start < took_ms); /* it does not wait for the file */
    CU_ASSERT_EQUAL(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_close(db), SQLITE_OK);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    cps_free(cps);
    spool_end(&spool);
}

static void test_damaged_entry(void)
{
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    put_many(cps, 3, WORLD_DEST);
    cps_free(cps);
    (void)spool_sql(&spool, "UPDATE entries SET dest = '../admin' || char(13, 10) WHERE seq = 2");
    spool_habit(&spool, 0, NULL, NULL);
    cps = spool_handle(&spool);
    CU_ASSERT_TRUE(spool_drained(cps));
    each_once(2);
    CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_UNUSABLE], 1);
    CU_ASSERT_FALSE(spool_stats(cps).away);
    cps_free(cps);
    spool_end(&spool);
}

/* The disk takes no more: a limit on the size of files stands in for it. In a process of its own, as the limit is one
 * of the process. Exit status: the number of the check that failed. */
static int without_room(void)
{
    struct rlimit all;
    struct rlimit little;
    struct cps_error err = {0};
    enum cps_code code = CPS_OK;
    (void)signal(SIGXFSZ, SIG_IGN);
    struct cps *cps = spool_handle(&spool);
    if (getrlimit(RLIMIT_FSIZE, &all) != 0) {
        return 1;
    }
    little = (struct rlimit){.rlim_cur = 1048576, .rlim_max = all.rlim_max};
    if (setrlimit(RLIMIT_FSIZE, &little) != 0) {
        return 2;
    }
    unsigned stored = 0;
    for (; code == CPS_OK && stored < 2000; stored += code == CPS_OK) {
        code = spool_put(&spool, cps, WORLD_DEST, 0, &err);
    }
    if ((code != CPS_E_SPOOL_STORE && code != CPS_E_SPOOL_FULL) || stored < 10 || !err.text[0]) {
        return 3;
    }
    if (spool_stats(cps).queued != stored) {
        return 4;
    }
    if (setrlimit(RLIMIT_FSIZE, &all) != 0 || spool_put(&spool, cps, WORLD_DEST, 0, &err) != CPS_OK) {
        return 5;
    }
    if (spool_stats(cps).queued != stored + 1) {
        return 6;
    }
    cps_free(cps);
    return spool_sql(&spool, "SELECT count(*) FROM entries") == stored + 1 ? 0 : 7;
}

static void test_no_room(void)
{
    int status = -1;
    spool_begin_away(&spool, (struct cps_options){.cps_url = "https://127.0.0.1:1"});
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(without_room());
    }
    CU_ASSERT_TRUE_FATAL(pid > 0);
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    UNIT_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    world_end(&spool.world);
}

static void test_options(void)
{
    struct cps *cps = NULL;
    struct cps_error err = {0};
    struct cps_spool_stats stats;
    spool_begin(&spool, (struct cps_options){0});
    static char long_key[300];
    memset(long_key, 'k', sizeof(long_key) - 1);
    struct cps_options table[] = {spool.options, spool.options, spool.options, spool.options, spool.options};
    table[0].cps_url = NULL;
    table[1].spool_retry_min_ms = 50;
    table[2].spool_parallel = 257;
    table[3].spool_hash_key = long_key;
    table[4].spool_octets_max = 1000;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        UNIT_CHECK(cps_new(&cps, &table[i], &err) == CPS_E_CONFIG && strstr(err.text, "spool_"), "%zu: %s", i,
                   err.text);
    }
    world_write(spool.file, "this is no database", 19);
    CODE_IS(cps_new(&cps, &spool.options, &err), CPS_E_SPOOL_STORE, err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, spool.file));
    CU_ASSERT_PTR_NULL(cps);
    struct cps *none = spool.world.cps;
    CODE_IS(cps_spool_stats(none, &stats, &err), CPS_E_CONFIG, err);
    CODE_IS(cps_spool_stats(NULL, &stats, &err), CPS_E_INVAL, err);
    CODE_IS(spool_put(&spool, none, WORLD_DEST, 0, &err), CPS_E_CONFIG, err);
    for (int i = 0; i < CPS_SPOOL_REASON_COUNT; i++) {
        CU_ASSERT_TRUE(strlen(cps_spool_reason_name((enum cps_spool_reason)i)) > 2);
    }
    UNIT_STR(cps_spool_reason_name((enum cps_spool_reason)99), "unknown", "reason");
    spool_end(&spool);
}

UNIT_MAIN("libcps: the spool", {"no room on the disk", test_no_room}, {"published", test_published},
          {"away and back", test_away_and_back}, {"Retry-After", test_retry_after}, {"a full box", test_full_box},
          {"refused for good", test_refused_for_good}, {"kept", test_kept}, {"stale", test_stale},
          {"bounds", test_bounds}, {"left to the next", test_again}, {"a loan that runs out", test_loan_runs_out},
          {"shared", test_shared}, {"locked", test_locked}, {"a damaged entry", test_damaged_entry},
          {"options", test_options})
