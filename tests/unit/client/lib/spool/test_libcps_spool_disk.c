/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "tests/unit/spool_world.h"

#include <stdlib.h>

/*
 * A disk that is full, or fails, while a handle uses its spool. SQLite reaches the disk through a layer of ours that
 * can refuse to write.
 */
struct layer_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_vfs layer;
static sqlite3_vfs *below;
static atomic_int refusal = SQLITE_OK; /* what a write comes to */

#define REAL(file) (((struct layer_file *)(file))->real)
#define METHODS(file) (REAL(file)->pMethods)

static int layer_close(sqlite3_file *file)
{
    return METHODS(file)->xClose(REAL(file));
}

static int layer_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return METHODS(file)->xRead(REAL(file), to, n, at);
}

static int layer_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    int rc = atomic_load(&refusal);
    return rc == SQLITE_OK ? METHODS(file)->xWrite(REAL(file), from, n, at) : rc;
}

static int layer_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return METHODS(file)->xTruncate(REAL(file), size);
}

static int layer_sync(sqlite3_file *file, int flags)
{
    return METHODS(file)->xSync(REAL(file), flags);
}

static int layer_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return METHODS(file)->xFileSize(REAL(file), size);
}

static int layer_lock(sqlite3_file *file, int level)
{
    return METHODS(file)->xLock(REAL(file), level);
}

static int layer_unlock(sqlite3_file *file, int level)
{
    return METHODS(file)->xUnlock(REAL(file), level);
}

static int layer_reserved(sqlite3_file *file, int *out)
{
    return METHODS(file)->xCheckReservedLock(REAL(file), out);
}

static int layer_control(sqlite3_file *file, int op, void *arg)
{
    return METHODS(file)->xFileControl(REAL(file), op, arg);
}

static int layer_sector(sqlite3_file *file)
{
    return METHODS(file)->xSectorSize(REAL(file));
}

static int layer_device(sqlite3_file *file)
{
    return METHODS(file)->xDeviceCharacteristics(REAL(file));
}

static int layer_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    /* the file that processes share grows, too */
    return atomic_load(&refusal) == SQLITE_FULL && extend ? SQLITE_IOERR_SHMSIZE
                                                          : METHODS(file)->xShmMap(REAL(file), page, size, extend, out);
}

static int layer_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return METHODS(file)->xShmLock(REAL(file), offset, n, flags);
}

static void layer_shm_barrier(sqlite3_file *file)
{
    METHODS(file)->xShmBarrier(REAL(file));
}

static int layer_shm_unmap(sqlite3_file *file, int remove_it)
{
    return METHODS(file)->xShmUnmap(REAL(file), remove_it);
}

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = layer_close,
        .xRead = layer_read,
        .xWrite = layer_write,
        .xTruncate = layer_truncate,
        .xSync = layer_sync,
        .xFileSize = layer_size,
        .xLock = layer_lock,
        .xUnlock = layer_unlock,
        .xCheckReservedLock = layer_reserved,
        .xFileControl = layer_control,
        .xSectorSize = layer_sector,
        .xDeviceCharacteristics = layer_device,
        .xShmMap = layer_shm_map,
        .xShmLock = layer_shm_lock,
        .xShmBarrier = layer_shm_barrier,
        .xShmUnmap = layer_shm_unmap,
    };
    (void)vfs;
    REAL(file) = (sqlite3_file *)(void *)((char *)file + sizeof(struct layer_file));
    int rc = below->xOpen(below, name, REAL(file), flags, out_flags);
    file->pMethods = REAL(file)->pMethods ? &methods : NULL;
    return rc;
}

/* All but opening is the layer's below: its functions are given it, not ours. */
__attribute__((constructor)) static void put_layer(void)
{
    below = sqlite3_vfs_find(NULL);
    layer = *below;
    layer.zName = "layer";
    layer.szOsFile = below->szOsFile + (int)sizeof(struct layer_file);
    layer.xOpen = layer_open;
    if (sqlite3_vfs_register(&layer, 1) != SQLITE_OK) {
        abort();
    }
}

static struct spool_world spool;

/* F25: full, or broken, while the CPS is away; when it is back all that was spooled before is published, each once.
 * What came of it is written down when the disk is well again, and not published again by anybody. */
static void publishes_in_spite_of(int rc, enum cps_code code, enum cps_spool_disk disk)
{
    enum { COUNT = 100 };
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    for (int i = 0; i < COUNT; i++) {
        CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    }
    CU_ASSERT_EQUAL(spool_stats(cps).disk, CPS_SPOOL_DISK_GOOD);
    atomic_store(&refusal, rc);
    for (int i = 0; i < 3; i++) {
        CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), code, err);
    }
    CU_ASSERT_EQUAL(spool_stats(cps).disk, disk);
    CU_ASSERT_EQUAL(spool_stats(cps).queued, COUNT);
    CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_NO_DISK], 3);
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_count(&spool, 201), COUNT);
    CU_ASSERT_EQUAL(spool_count(&spool, 200), 0);
    CU_ASSERT_EQUAL(spool_stats(cps).published, COUNT);
    CU_ASSERT_EQUAL(spool_stats(cps).disk, disk);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(*) FROM entries"), COUNT);
    atomic_store(&refusal, SQLITE_OK);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(spool_stats(cps).disk, CPS_SPOOL_DISK_GOOD);
    SPOOL_UNTIL(spool_sql(&spool, "SELECT count(*) FROM entries") == 0);
    CU_ASSERT_EQUAL(spool_count(&spool, 201), COUNT + 1);
    CU_ASSERT_EQUAL(spool_count(&spool, 200), 0);
    CU_ASSERT_EQUAL(spool_stats(cps).published, COUNT + 1);
    CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_NO_DISK], 3);
    cps_free(cps);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT n FROM totals WHERE name = 'published'"), COUNT + 1);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT n FROM totals WHERE name = 'disk'"), 3);
    spool_end(&spool);
}

static void test_full(void)
{
    publishes_in_spite_of(SQLITE_FULL, CPS_E_SPOOL_FULL, CPS_SPOOL_DISK_FULL);
}

static void test_broken(void)
{
    publishes_in_spite_of(SQLITE_IOERR_WRITE, CPS_E_SPOOL_STORE, CPS_SPOOL_DISK_FAILING);
}

/* What the CPS refuses while the disk is full: for good, once; for now, until it is taken. */
static void test_full_and_refused(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    for (int i = 0; i < 4; i++) {
        CODE_IS(spool_put(&spool, cps, i % 2 ? WORLD_DEST : "12155550199", 0, &err), CPS_OK, err);
    }
    atomic_store(&refusal, SQLITE_FULL);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_E_SPOOL_FULL, err);
    spool_habit(&spool, 429, NULL, "12155550199");
    SPOOL_UNTIL(spool_count(&spool, 201) == 2 && spool_count(&spool, 429) >= 4);
    CU_ASSERT_EQUAL(spool_stats(cps).published, 2);
    spool_habit(&spool, 422, NULL, "12155550199");
    SPOOL_UNTIL(spool_count(&spool, 422) == 2);
    atomic_store(&refusal, SQLITE_OK);
    SPOOL_UNTIL(spool_sql(&spool, "SELECT count(*) FROM entries") == 0);
    CU_ASSERT_EQUAL(spool_stats(cps).dropped[CPS_SPOOL_REFUSED], 2);
    CU_ASSERT_EQUAL(spool_count(&spool, 422), 2);
    CU_ASSERT_EQUAL(spool_count(&spool, 201), 2);
    cps_free(cps);
    spool_end(&spool);
}

/* The disk fills up while one is under way: that it was published is not forgotten, and it is not published again. */
static void test_full_meanwhile(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    atomic_store(&spool.delay_ms, 60000);
    struct cps *cps = spool_handle(&spool);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    SPOOL_UNTIL(spool_stats(cps).under_way == 1);
    atomic_store(&refusal, SQLITE_FULL);
    atomic_store(&spool.delay_ms, 0);
    SPOOL_UNTIL(spool_stats(cps).disk == CPS_SPOOL_DISK_FULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_stats(cps).published, 1);
    atomic_store(&refusal, SQLITE_OK);
    SPOOL_UNTIL(spool_stats(cps).disk == CPS_SPOOL_DISK_GOOD);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(*) FROM entries"), 0);
    CU_ASSERT_EQUAL(spool_count(&spool, 0), 1);
    CU_ASSERT_EQUAL(spool_stats(cps).published, 1);
    /* and a handle that is freed then leaves it to the loan's end */
    atomic_store(&spool.delay_ms, 60000);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    SPOOL_UNTIL(spool_stats(cps).under_way == 1);
    atomic_store(&refusal, SQLITE_FULL);
    cps_free(cps);
    atomic_store(&refusal, SQLITE_OK);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(*) FROM entries WHERE loan != 0"), 1);
    spool_end(&spool);
}

/* A process that begins on a full disk publishes what the one before it has left, and spools again when there is room.
 */
static void test_full_and_restarted(void)
{
    struct cps_error err = {0};
    spool_begin(&spool, (struct cps_options){0});
    spool_habit(&spool, 503, NULL, NULL);
    struct cps *cps = spool_handle(&spool);
    for (int i = 0; i < 5; i++) {
        CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    }
    atomic_store(&refusal, SQLITE_FULL);
    cps_free(cps);
    cps = spool_handle(&spool);
    CU_ASSERT_EQUAL(spool_stats(cps).disk, CPS_SPOOL_DISK_FULL);
    CU_ASSERT_EQUAL(spool_stats(cps).queued, 5);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_E_SPOOL_FULL, err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "free some space"));
    spool_habit(&spool, 0, NULL, NULL);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_count(&spool, 201), 5);
    atomic_store(&refusal, SQLITE_OK);
    CODE_IS(spool_put(&spool, cps, WORLD_DEST, 0, &err), CPS_OK, err);
    CU_ASSERT_TRUE(spool_drained(cps));
    CU_ASSERT_EQUAL(spool_stats(cps).disk, CPS_SPOOL_DISK_GOOD);
    CU_ASSERT_EQUAL(spool_count(&spool, 201), 6);
    cps_free(cps);
    CU_ASSERT_EQUAL(spool_sql(&spool, "SELECT count(*) FROM entries"), 0);
    spool_end(&spool);
}

/* Nothing is made of a spool on such a disk. */
static void test_full_from_the_beginning(void)
{
    struct cps *cps = NULL;
    struct cps_error err = {0};
    spool_begin_away(&spool, (struct cps_options){.cps_url = "https://127.0.0.1:1"});
    atomic_store(&refusal, SQLITE_FULL);
    CODE_IS(cps_new(&cps, &spool.options, &err), CPS_E_SPOOL_STORE, err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "full"));
    atomic_store(&refusal, SQLITE_OK);
    CODE_IS(cps_new(&cps, &spool.options, &err), CPS_OK, err);
    cps_free(cps);
    world_end(&spool.world);
}

UNIT_MAIN("libcps: the spool's disk", {"F25: full", test_full}, {"F25: broken", test_broken},
          {"full, and refused", test_full_and_refused}, {"full meanwhile", test_full_meanwhile},
          {"F25: full, and restarted", test_full_and_restarted},
          {"full from the beginning", test_full_from_the_beginning})
