/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/replay.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW 1700000000

static char dir[] = "/tmp/test-libcps-XXXXXX";
static char path[64];

static void make_id(uint8_t id[CPS_REPLAY_ID], unsigned n)
{
    for (int i = 0; i < CPS_REPLAY_ID; i++) {
        id[i] = (uint8_t)(n >> (i % 4 * 8));
    }
}

static enum cps_code claim(struct cps_replay_memory *memory, unsigned n, int64_t expires, int64_t now)
{
    uint8_t id[CPS_REPLAY_ID];
    struct cps_error err = {0};
    make_id(id, n);
    enum cps_code code = memory->claim(memory, id, expires, now, &err);
    UNIT_CHECK(err.code == code, "%s says %s", cps_error_name(code), err.text);
    return code;
}

static struct cps_replay_memory *open_memory(bool file, uint32_t max)
{
    struct cps_replay_memory *memory = NULL;
    struct cps_error err = {0};
    enum cps_code code =
        file ? cps_replay_new_sqlite(&memory, path, max, &err) : cps_replay_new_memory(&memory, max, &err);
    UNIT_CHECK(code == CPS_OK, "%s", err.text);
    if (!memory) {
        CU_FAIL_FATAL("no memory");
    }
    return memory;
}

static void remove_file(void)
{
    char more[80];
    (void)unlink(path);
    (void)snprintf(more, sizeof(more), "%s-wal", path);
    (void)unlink(more);
    (void)snprintf(more, sizeof(more), "%s-shm", path);
    (void)unlink(more);
}

static void claims_once(bool file)
{
    struct cps_replay_memory *memory = open_memory(file, 100);
    CU_ASSERT_EQUAL(claim(memory, 1, NOW + 60, NOW), CPS_OK);
    CU_ASSERT_EQUAL(claim(memory, 1, NOW + 60, NOW), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(memory, 1, NOW + 90, NOW + 60), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(memory, 2, NOW + 60, NOW), CPS_OK);
    cps_replay_free(memory);
    cps_replay_free(NULL);
}

/* Of two handles that share it, either may go first. */
static void test_two_handles(void)
{
    struct cps_replay_memory *memory = open_memory(false, 100);
    struct cps_replay_memory *other = cps_replay_share(memory);
    CU_ASSERT_EQUAL(claim(memory, 1, NOW + 60, NOW), CPS_OK);
    CU_ASSERT_EQUAL(claim(other, 1, NOW + 60, NOW), CPS_E_REPLAYED);
    cps_replay_free(memory);
    CU_ASSERT_EQUAL(claim(other, 1, NOW + 60, NOW), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(other, 2, NOW + 60, NOW), CPS_OK);
    cps_replay_free(other);
}

/* Full is full: what is remembered is not forgotten for what is new, until it has expired. */
static void refuses_when_full(bool file)
{
    struct cps_replay_memory *memory = open_memory(file, 3);
    for (unsigned n = 0; n < 3; n++) {
        CU_ASSERT_EQUAL(claim(memory, n, NOW + 60 + n, NOW), CPS_OK);
    }
    CU_ASSERT_EQUAL(claim(memory, 3, NOW + 60, NOW), CPS_E_REPLAY_FULL);
    CU_ASSERT_EQUAL(claim(memory, 0, NOW + 60, NOW + 60), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(memory, 3, NOW + 99, NOW + 60), CPS_E_REPLAY_FULL);
    CU_ASSERT_EQUAL(claim(memory, 3, NOW + 99, NOW + 61), CPS_OK);
    CU_ASSERT_EQUAL(claim(memory, 3, NOW + 99, NOW + 61), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(memory, 1, NOW + 99, NOW + 61), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(memory, 4, NOW + 99, NOW + 61), CPS_E_REPLAY_FULL);
    CU_ASSERT_EQUAL(claim(memory, 4, NOW + 99, NOW + 62), CPS_OK);
    cps_replay_free(memory);
}

static void grows_and_forgets(bool file)
{
    enum { MANY = 20000 };
    struct cps_replay_memory *memory = open_memory(file, MANY);
    for (unsigned n = 0; n < (file ? 2000 : MANY); n++) {
        UNIT_CHECK(claim(memory, n, NOW + n % 50, NOW) == CPS_OK, "%u", n);
    }
    for (unsigned n = 0; n < (file ? 2000 : MANY); n++) {
        UNIT_CHECK(claim(memory, n, NOW + n % 50, NOW) == CPS_E_REPLAYED, "%u", n);
    }
    for (unsigned n = 0; n < (file ? 2000 : MANY); n++) {
        UNIT_CHECK(claim(memory, MANY + n, NOW + 200, NOW + 100) == CPS_OK, "%u", n);
    }
    cps_replay_free(memory);
}

static void test_memory(void)
{
    claims_once(false);
    refuses_when_full(false);
    grows_and_forgets(false);
}

static void test_sqlite(void)
{
    claims_once(true);
    remove_file();
    refuses_when_full(true);
    remove_file();
    grows_and_forgets(true);
    remove_file();
}

/* What one process claimed, another knows, also after both were restarted. */
static void test_shared(void)
{
    struct stat st;
    struct cps_replay_memory *one = open_memory(true, 10);
    struct cps_replay_memory *other = open_memory(true, 10);
    CU_ASSERT_EQUAL(claim(one, 1, NOW + 60, NOW), CPS_OK);
    CU_ASSERT_EQUAL(claim(other, 1, NOW + 60, NOW), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(other, 2, NOW + 60, NOW), CPS_OK);
    CU_ASSERT_EQUAL(claim(one, 2, NOW + 60, NOW), CPS_E_REPLAYED);
    cps_replay_free(one);
    cps_replay_free(other);
    one = open_memory(true, 2);
    CU_ASSERT_EQUAL(claim(one, 1, NOW + 60, NOW), CPS_E_REPLAYED);
    CU_ASSERT_EQUAL(claim(one, 3, NOW + 60, NOW), CPS_E_REPLAY_FULL);
    cps_replay_free(one);
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    remove_file();
}

static void test_bad_files(void)
{
    struct cps_replay_memory *memory = NULL;
    struct cps_error err = {0};
    CU_ASSERT_EQUAL(cps_replay_new_sqlite(&memory, "/nonexistent/replay", 1, &err), CPS_E_REPLAY_STORE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent/replay"));
    CU_ASSERT_EQUAL(cps_replay_new_sqlite(&memory, dir, 1, &err), CPS_E_REPLAY_STORE);
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (int i = 0; i < 1000; i++) {
        (void)fputs("this is not a database, whatever its name says\n", f);
    }
    (void)fclose(f);
    CU_ASSERT_EQUAL(cps_replay_new_sqlite(&memory, path, 1, &err), CPS_E_REPLAY_STORE);
    CU_ASSERT_PTR_NULL(memory);
    remove_file();
}

struct racer {
    struct cps_replay_memory *memory;
    atomic_uint won;
};

#define RACES 500

static void *race(void *arg)
{
    struct racer *racer = arg;
    for (unsigned n = 0; n < RACES; n++) {
        uint8_t id[CPS_REPLAY_ID];
        make_id(id, n);
        if (racer->memory->claim(racer->memory, id, NOW + 60, NOW, NULL) == CPS_OK) {
            atomic_fetch_add(&racer->won, 1);
        }
    }
    return NULL;
}

/* However many ask at once, one claim succeeds. */
static void test_race(void)
{
    for (int file = 0; file < 2; file++) {
        pthread_t threads[4];
        struct racer racer = {.memory = open_memory(file, RACES)};
        for (int i = 0; i < 4; i++) {
            CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, race, &racer), 0);
        }
        for (int i = 0; i < 4; i++) {
            (void)pthread_join(threads[i], NULL);
        }
        CU_ASSERT_EQUAL(atomic_load(&racer.won), RACES);
        cps_replay_free(racer.memory);
    }
    remove_file();
}

static void begin(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/replay", dir);
}

static void end(void)
{
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

UNIT_MAIN("libcps replay memory", {"(begin)", begin}, {"in the process", test_memory},
          {"two handles", test_two_handles}, {"in a file", test_sqlite}, {"shared by processes", test_shared},
          {"files that are none", test_bad_files}, {"races", test_race}, {"(end)", end})
