/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 2000 /* for a lock that another process holds */
#define BUSY_PAUSE_MS 10
#define PURGE_EVERY 10 /* seconds */

enum { CLAIM, KNOWN, PURGE, FORGET, STATEMENTS };

struct in_file {
    struct cps_replay_memory base;
    pthread_mutex_t lock;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    uint32_t max;
    int64_t purged;
};

/* Triggers keep the number of rows: counting them for each claim would cost more than the claim. */
static const char schema[] =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS used (id BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS used_expires ON used (expires);"
    "CREATE TABLE IF NOT EXISTS size (one INTEGER PRIMARY KEY CHECK (one = 1), rows INTEGER NOT NULL);"
    "INSERT OR IGNORE INTO size SELECT 1, count(*) FROM used;"
    "CREATE TRIGGER IF NOT EXISTS more AFTER INSERT ON used BEGIN UPDATE size SET rows = rows + 1; END;"
    "CREATE TRIGGER IF NOT EXISTS fewer AFTER DELETE ON used BEGIN UPDATE size SET rows = rows - 1; END;"
    "COMMIT;";

static const char *const sql[STATEMENTS] = {
    [CLAIM] = "INSERT OR IGNORE INTO used SELECT ?1, ?2 WHERE (SELECT rows FROM size) < ?3",
    [KNOWN] = "SELECT 1 FROM used WHERE id = ?1",
    [PURGE] = "DELETE FROM used WHERE expires < ?1",
    [FORGET] = "DELETE FROM used WHERE id = ?1",
};

static enum cps_code replay_file_fail_sqlite(const struct in_file *memory, struct cps_error *err)
{
    return cps_fail(err, CPS_E_REPLAY_STORE, "the replay memory: %s", sqlite3_errmsg(memory->db));
}

/* Runs a bound statement to its end. Sets *row to whether it returned a row. */
static enum cps_code replay_file_run(struct in_file *memory, int which, bool *row, struct cps_error *err)
{
    sqlite3_stmt *statement = memory->statements[which];
    int rc = sqlite3_step(statement);
    *row = rc == SQLITE_ROW;
    enum cps_code code = rc == SQLITE_ROW || rc == SQLITE_DONE ? CPS_OK : replay_file_fail_sqlite(memory, err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return code;
}

static enum cps_code replay_file_purge(struct in_file *memory, int64_t now, struct cps_error *err)
{
    bool row;
    (void)sqlite3_bind_int64(memory->statements[PURGE], 1, now);
    enum cps_code code = replay_file_run(memory, PURGE, &row, err);
    if (code == CPS_OK) {
        memory->purged = now;
    }
    return code;
}

static enum cps_code replay_file_insert(struct in_file *memory, const uint8_t id[CPS_REPLAY_ID], int64_t expires,
                                        bool *inserted, struct cps_error *err)
{
    bool row;
    sqlite3_stmt *statement = memory->statements[CLAIM];
    if (sqlite3_bind_blob(statement, 1, id, CPS_REPLAY_ID, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, expires) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 3, memory->max) != SQLITE_OK) {
        return replay_file_fail_sqlite(memory, err);
    }
    enum cps_code code = replay_file_run(memory, CLAIM, &row, err);
    *inserted = code == CPS_OK && sqlite3_changes(memory->db) == 1;
    return code;
}

static enum cps_code replay_file_is_known(struct in_file *memory, const uint8_t id[CPS_REPLAY_ID], bool *known,
                                          struct cps_error *err)
{
    if (sqlite3_bind_blob(memory->statements[KNOWN], 1, id, CPS_REPLAY_ID, SQLITE_STATIC) != SQLITE_OK) {
        return replay_file_fail_sqlite(memory, err);
    }
    return replay_file_run(memory, KNOWN, known, err);
}

static enum cps_code replay_file_claim_locked(struct in_file *memory, const uint8_t id[CPS_REPLAY_ID], int64_t expires,
                                              int64_t now, struct cps_error *err)
{
    bool inserted = false;
    bool known = false;
    enum cps_code code = CPS_OK;
    if (now - memory->purged >= PURGE_EVERY || now < memory->purged) {
        code = replay_file_purge(memory, now, err);
    }
    if (code == CPS_OK) {
        code = replay_file_insert(memory, id, expires, &inserted, err);
    }
    if (code != CPS_OK || inserted) {
        return code;
    }
    code = replay_file_is_known(memory, id, &known, err);
    if (code == CPS_OK && known) {
        return cps_fail(err, CPS_E_REPLAYED, "the PASSporT was used before");
    }
    /* full: perhaps of what has expired since the last purge */
    if (code == CPS_OK && memory->purged < now) {
        code = replay_file_purge(memory, now, err);
        if (code == CPS_OK) {
            code = replay_file_insert(memory, id, expires, &inserted, err);
        }
    }
    if (code == CPS_OK && !inserted) {
        code =
            cps_fail(err, CPS_E_REPLAY_FULL, "the replay memory is full with %u PASSporTs (replay_max)", memory->max);
    }
    return code;
}

static enum cps_code replay_file_claim(struct cps_replay_memory *base, const uint8_t id[CPS_REPLAY_ID], int64_t expires,
                                       int64_t now, struct cps_error *err)
{
    struct in_file *memory = (struct in_file *)base;
    pthread_mutex_lock(&memory->lock);
    enum cps_code code = replay_file_claim_locked(memory, id, expires, now, err);
    pthread_mutex_unlock(&memory->lock);
    return code;
}

static enum cps_code replay_file_look(struct cps_replay_memory *base, const uint8_t id[CPS_REPLAY_ID], int64_t now,
                                      bool *known, struct cps_error *err)
{
    struct in_file *memory = (struct in_file *)base;
    (void)now; /* what has expired is purged, a few seconds late at most */
    pthread_mutex_lock(&memory->lock);
    enum cps_code code = replay_file_is_known(memory, id, known, err);
    pthread_mutex_unlock(&memory->lock);
    return code;
}

/* Without success it stays claimed, which is safe. */
static void replay_file_forget(struct cps_replay_memory *base, const uint8_t id[CPS_REPLAY_ID])
{
    struct in_file *memory = (struct in_file *)base;
    bool row;
    pthread_mutex_lock(&memory->lock);
    if (sqlite3_bind_blob(memory->statements[FORGET], 1, id, CPS_REPLAY_ID, SQLITE_STATIC) == SQLITE_OK) {
        (void)!replay_file_run(memory, FORGET, &row, NULL);
    }
    pthread_mutex_unlock(&memory->lock);
}

static void replay_file_free(struct cps_replay_memory *base)
{
    struct in_file *memory = (struct in_file *)base;
    for (int i = 0; i < STATEMENTS; i++) {
        (void)sqlite3_finalize(memory->statements[i]);
    }
    (void)sqlite3_close(memory->db);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

/* SQLite does not wait for the locks of a file that another process is just making: so we do. */
static bool replay_file_make_schema(sqlite3 *db)
{
    int rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
    for (int waited_ms = 0; (rc & 0xff) == SQLITE_BUSY && waited_ms < BUSY_MS; waited_ms += BUSY_PAUSE_MS) {
        (void)sqlite3_sleep(BUSY_PAUSE_MS);
        rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
    }
    return rc == SQLITE_OK;
}

static enum cps_code replay_file_open(struct in_file *memory, const char *path, struct cps_error *err)
{
    /* Made by us first, so that nobody but its owner can forget for us. One that is there is not opened here: closing
     * it would take away the locks that another handle of this process may have on it. */
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)close(fd);
    } else if (errno != EEXIST) {
        return cps_fail(err, CPS_E_REPLAY_STORE, "replay_file %s: %s", path, strerror(errno));
    }
    if (sqlite3_open_v2(path, &memory->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(memory->db, BUSY_MS) != SQLITE_OK || !replay_file_make_schema(memory->db)) {
        return cps_fail(err, CPS_E_REPLAY_STORE, "replay_file %s: %s", path,
                        memory->db ? sqlite3_errmsg(memory->db) : "out of memory");
    }
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(memory->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &memory->statements[i], NULL) !=
            SQLITE_OK) {
            return cps_fail(err, CPS_E_REPLAY_STORE, "replay_file %s: %s", path, sqlite3_errmsg(memory->db));
        }
    }
    return CPS_OK;
}

enum cps_code cps_replay_new_sqlite(struct cps_replay_memory **out, const char *path, uint32_t max,
                                    struct cps_error *err)
{
    struct in_file *memory = calloc(1, sizeof(*memory));
    if (!memory) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    memory->base = (struct cps_replay_memory){.claim = replay_file_claim,
                                              .known = replay_file_look,
                                              .forget = replay_file_forget,
                                              .free = replay_file_free};
    memory->max = max;
    memory->purged = INT64_MIN / 2;
    pthread_mutex_init(&memory->lock, NULL);
    enum cps_code code = replay_file_open(memory, path, err);
    if (code != CPS_OK) {
        replay_file_free(&memory->base);
        return code;
    }
    *out = &memory->base;
    return CPS_OK;
}
