/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/oom.h"
#include "tests/unit/spool_world.h"

#include <stdlib.h>

/*
 * Allocations fail, one a run, on whatever thread comes to it: the caller's, the spool's, the I/O thread's; the
 * library's own and SQLite's. What was said to be in the spool is there afterwards, what was said not to be is not.
 */

static sqlite3_mem_methods plain;

static void *sqlite_malloc(int n)
{
    return oom_fails() ? NULL : plain.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n)
{
    return oom_fails() ? NULL : plain.xRealloc(p, n);
}

__attribute__((constructor)) static void take_allocator(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) != SQLITE_OK) {
        abort();
    }
    sqlite3_mem_methods ours = plain;
    ours.xMalloc = sqlite_malloc;
    ours.xRealloc = sqlite_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) != SQLITE_OK) {
        abort();
    }
}

static struct spool_world spool;
static char *envelopes[3];
static atomic_uint acknowledged;

static void on_spooled(void *arg, const struct cps_spooled *result)
{
    (void)arg;
    atomic_fetch_add(&acknowledged, result->error.code == CPS_OK);
}

/* A handle's life. */
static void live(void)
{
    struct cps *cps = NULL;
    struct cps_error err = {0};
    enum cps_code code = cps_new(&cps, &spool.options, &err);
    UNIT_CHECK((code == CPS_OK) == (cps != NULL) && err.code == code, "%s", err.text);
    for (size_t i = 0; cps && i < 2; i++) {
        code = cps_spool_put(cps, WORLD_DEST, envelopes[i], strlen(envelopes[i]), 0, 0, &err);
        UNIT_CHECK(code == CPS_OK || code == err.code, "%s", err.text);
        atomic_fetch_add(&acknowledged, code == CPS_OK);
    }
    if (cps) {
        code = cps_spool_put_async(cps, WORLD_DEST, envelopes[2], strlen(envelopes[2]), 0, 0, on_spooled, NULL, &err);
        UNIT_CHECK(code == CPS_OK || code == err.code, "%s", err.text);
        spool_sleep(3); /* for the first to be tried, in vain */
    }
    cps_free(cps);
}

static void test_lives(void)
{
    enum { STRIDE = 7 };
    unsigned whole = 0;
    spool_begin_away(&spool, (struct cps_options){.cps_url = "https://127.0.0.1:1"});
    cps_free(spool.world.cps);
    spool.world.cps = world_handle(&spool.world.options);
    for (size_t i = 0; i < 3; i++) {
        envelopes[i] = spool_envelope(&spool);
    }
    live(); /* so that what is made once in a process is made */
    long n = 0;
    for (; whole < 3 && n < 100000; n += STRIDE) {
        char name[112];
        (void)unlink(spool.file);
        (void)snprintf(name, sizeof(name), "%s-wal", spool.file);
        (void)unlink(name);
        (void)snprintf(name, sizeof(name), "%s-shm", spool.file);
        (void)unlink(name);
        atomic_store(&acknowledged, 0);
        oom_begin_anywhere(n);
        live();
        whole += !oom_end_anywhere();
        struct cps *cps = spool_handle(&spool);
        UNIT_CHECK(spool_stats(cps).queued == atomic_load(&acknowledged), "allocation %ld: %u acknowledged, %u there",
                   n, atomic_load(&acknowledged), (unsigned)spool_stats(cps).queued);
        UNIT_CHECK(spool_stats(cps).dropped[CPS_SPOOL_UNUSABLE] == 0, "allocation %ld: dropped", n);
        cps_free(cps);
        if (n > 600 * STRIDE) {
            n += 16L * STRIDE; /* the beginning is gone through closely */
        }
    }
    UNIT_CHECK(n > 500, "only %ld allocations", n);
    for (size_t i = 0; i < 3; i++) {
        free(envelopes[i]);
    }
    world_end(&spool.world);
}

UNIT_MAIN("libcps: the spool without memory", {"a handle's life", test_lives})
