/* SPDX-License-Identifier: MIT */
#include "client/lib/net/transport.h"
#include "client/lib/spool/spool_sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_PAUSE_MS 10
#define BUSY_MS 2000               /* for a lock that another process holds */
#define APPLICATION_ID 0x63707371  /* "cpsq": in the file's header */
#define VERSION 2                  /* of the schema */
#define LOG_KEPT_OCTETS "16777216" /* of the write-ahead log, once it was written back */

enum cps_code cps_spool_db_fail(const struct cps_spool_db *db, struct cps_error *err)
{
    int rc = sqlite3_errcode(db->db);
    bool full = rc == SQLITE_FULL;
    return cps_fail(err, full ? CPS_E_SPOOL_FULL : CPS_E_SPOOL_STORE, "the spool: %s%s", sqlite3_errmsg(db->db),
                    full ? "; free some space on the disk of spool_file" : "");
}

static enum cps_code spool_db_fail_file(const struct cps_spool_db *db, const char *path, struct cps_error *err)
{
    return cps_fail(err, CPS_E_SPOOL_STORE, "spool_file %s: %s", path,
                    db->db ? sqlite3_errmsg(db->db) : "out of memory");
}

/* Makes a file readable for its owner only, also if it was created otherwise. suffix: of a file that SQLite puts beside
 * it. */
static enum cps_code spool_db_restrict_mode(const char *path, const char *suffix, struct cps_error *err)
{
    struct stat st;
    char name[4096];
    if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffix) >= sizeof(name)) {
        return cps_fail(err, CPS_E_SPOOL_STORE, "spool_file: the name is too long");
    }
    if (stat(name, &st) != 0) {
        return errno == ENOENT ? CPS_OK : cps_fail(err, CPS_E_SPOOL_STORE, "spool_file %s: %s", name, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return cps_fail(err, CPS_E_SPOOL_STORE, "spool_file %s: not a regular file", name);
    }
    if ((st.st_mode & 077) && chmod(name, 0600) != 0) {
        return cps_fail(err, CPS_E_SPOOL_STORE,
                        "spool_file %s: other users can read it, and its mode cannot be changed: %s", name,
                        strerror(errno));
    }
    return CPS_OK;
}

/* Creates the file before SQLite does, to set its mode. An existing file is not opened here: closing it would release
 * the locks that this process may have on it. */
static enum cps_code spool_db_make_file(const char *path, struct cps_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)close(fd);
    } else if (errno != EEXIST) {
        return cps_fail(err, CPS_E_SPOOL_STORE, "spool_file %s: %s", path, strerror(errno));
    }
    enum cps_code code = spool_db_restrict_mode(path, "", err);
    if (code == CPS_OK) {
        code = spool_db_restrict_mode(path, "-wal", err);
    }
    return code == CPS_OK ? spool_db_restrict_mode(path, "-shm", err) : code;
}

/* Reads the value of a pragma, as text. */
static bool spool_db_ask_pragma(struct cps_spool_db *db, const char *pragma, char *out, size_t cap)
{
    sqlite3_stmt *statement = NULL;
    bool good =
        sqlite3_prepare_v2(db->db, pragma, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    const unsigned char *text = good ? sqlite3_column_text(statement, 0) : NULL;
    good = text != NULL;
    (void)snprintf(out, cap, "%s", good ? (const char *)text : "");
    (void)sqlite3_finalize(statement);
    return good;
}

static bool spool_db_exec(struct cps_spool_db *db, const char *sql)
{
    return sqlite3_exec(db->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

enum { TABLES, APPLICATION, SCHEMA_VERSION, MARKS };

/* Reads the marks of the file in one transaction, since another process may be creating it. */
static bool spool_db_read_marks(struct cps_spool_db *db, long marks[MARKS])
{
    static const char *const questions[MARKS] = {"SELECT count(*) FROM sqlite_schema", "PRAGMA application_id",
                                                 "PRAGMA user_version"};
    char answer[32];
    bool good = spool_db_exec(db, "BEGIN");
    for (size_t i = 0; good && i < MARKS; i++) {
        good = spool_db_ask_pragma(db, questions[i], answer, sizeof(answer));
        marks[i] = strtol(answer, NULL, 10);
    }
    return good && spool_db_exec(db, "COMMIT");
}

/* Checks that the file is a spool of this version and not damaged. Sets *out_fresh if it is empty. */
static enum cps_code spool_db_check_file(struct cps_spool_db *db, const char *path, bool *out_fresh,
                                         struct cps_error *err)
{
    long marks[MARKS];
    char check[200];
    if (!spool_db_read_marks(db, marks)) {
        return spool_db_fail_file(db, path, err);
    }
    /* An empty database is one that we, or another process, have just created. */
    bool fresh = marks[APPLICATION] == 0 && marks[SCHEMA_VERSION] == 0 && marks[TABLES] == 0;
    if (!fresh && marks[APPLICATION] != APPLICATION_ID) {
        return cps_fail(err, CPS_E_SPOOL_STORE,
                        "spool_file %s: it is an SQLite database, but not a spool; choose another name", path);
    }
    if (!fresh && marks[SCHEMA_VERSION] != VERSION) {
        return cps_fail(err, CPS_E_SPOOL_STORE,
                        "spool_file %s: its format is version %ld, but this program needs version %d", path,
                        marks[SCHEMA_VERSION], VERSION);
    }
    *out_fresh = fresh;
    if (!spool_db_ask_pragma(db, "PRAGMA quick_check(1)", check, sizeof(check))) {
        return spool_db_fail_file(db, path, err);
    }
    return strcmp(check, "ok") == 0
               ? CPS_OK
               : cps_fail(err, CPS_E_SPOOL_STORE, "spool_file %s: the file is damaged: %s", path, check);
}

/* Sets how the file is used. secure_delete=FAST overwrites deleted content where that costs no extra writing. */
static bool spool_db_set_pragmas(struct cps_spool_db *db, bool sync)
{
    return spool_db_exec(db, "PRAGMA journal_size_limit=" LOG_KEPT_OCTETS) &&
           spool_db_exec(db, "PRAGMA secure_delete=FAST") && spool_db_exec(db, "PRAGMA cell_size_check=ON") &&
           spool_db_exec(db, "PRAGMA trusted_schema=OFF") &&
           spool_db_exec(db, sync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL") &&
           sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK;
}

static bool spool_db_make_tables(struct cps_spool_db *db)
{
    char header[128];
    (void)snprintf(header, sizeof(header), "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID, VERSION);
    return spool_db_exec(db, "BEGIN IMMEDIATE") && spool_db_exec(db, cps_spool_schema) && spool_db_exec(db, header) &&
           spool_db_exec(db, "COMMIT");
}

static bool spool_db_prepare(struct cps_spool_db *db)
{
    for (int i = 0; i < SPOOL_STATEMENTS; i++) {
        if (sqlite3_prepare_v3(db->db, cps_spool_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i], NULL) !=
            SQLITE_OK) {
            return false;
        }
    }
    return true;
}

/* Opens and checks the file once. alone: without the shared-memory file, which needs room on the disk. */
static enum cps_code spool_db_open_file(struct cps_spool_db *db, const struct cps_spool_db_config *config, bool alone,
                                        struct cps_error *err)
{
    char mode[32];
    bool fresh = false;
    const char *path = config->path;
    enum cps_code code = spool_db_make_file(path, err);
    if (code != CPS_OK) {
        return code;
    }
    if (sqlite3_open_v2(path, &db->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(db->db, BUSY_MS) != SQLITE_OK) {
        return spool_db_fail_file(db, path, err);
    }
    if (alone && !spool_db_exec(db, "PRAGMA locking_mode=EXCLUSIVE")) {
        return spool_db_fail_file(db, path, err);
    }
    db->alone = alone;
    code = spool_db_check_file(db, path, &fresh, err);
    if (code != CPS_OK) {
        return code;
    }
    if (!spool_db_ask_pragma(db, "PRAGMA journal_mode=WAL", mode, sizeof(mode))) {
        return spool_db_fail_file(db, path, err);
    }
    if (strcmp(mode, "wal") != 0) {
        return cps_fail(err, CPS_E_SPOOL_STORE,
                        "spool_file %s: SQLite's write-ahead log does not work on this file system; use a local disk",
                        path);
    }
    /* An existing spool is not written to: its disk may be full. */
    bool good = spool_db_set_pragmas(db, config->sync) && (!fresh || spool_db_make_tables(db)) && spool_db_prepare(db);
    return good ? CPS_OK : spool_db_fail_file(db, path, err);
}

static enum cps_code spool_db_set_hash_key(struct cps_spool_db *db, const char *text, struct cps_error *err)
{
    unsigned n = 0;
    bool made = text ? EVP_Digest(text, strlen(text), db->hash_key, &n, EVP_sha256(), NULL) == 1
                     : RAND_bytes(db->hash_key, sizeof(db->hash_key)) == 1;
    return made ? CPS_OK
                : cps_fail(err, CPS_E_CRYPTO, "cannot make the spool's hash key: the cryptographic library failed");
}

static void spool_db_close_file(struct cps_spool_db *db)
{
    for (int i = 0; i < SPOOL_STATEMENTS; i++) {
        (void)sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    (void)sqlite3_close(db->db);
    db->db = NULL;
}

/* Opens the file, and tries again for a while: SQLite does not wait for the locks of a file that another process is
 * just creating, or closing as the last one. */
static enum cps_code spool_db_open_waiting(struct cps_spool_db *db, const struct cps_spool_db_config *config,
                                           struct cps_error *err)
{
    static const struct timespec pause = {.tv_nsec = BUSY_PAUSE_MS * 1000000L};
    int64_t until_ms = cps_monotonic_ms() + BUSY_MS;
    enum cps_code code = spool_db_open_file(db, config, false, err);
    while (code != CPS_OK && sqlite3_errcode(db->db) == SQLITE_BUSY && cps_monotonic_ms() < until_ms) {
        spool_db_close_file(db);
        (void)nanosleep(&pause, NULL);
        code = spool_db_open_file(db, config, false, err);
    }
    return code;
}

/* Returns true if the last failure may be due to a full disk. */
static bool spool_db_lacks_room(const struct cps_spool_db *db)
{
    int rc = sqlite3_extended_errcode(db->db);
    return rc == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_SHMOPEN || rc == SQLITE_IOERR_SHMMAP;
}

/* Opens the file, on a full disk for this handle alone, so that its envelopes can still be published. */
static enum cps_code spool_db_open_on_full_disk(struct cps_spool_db *db, const struct cps_spool_db_config *config,
                                                struct cps_error *err)
{
    enum cps_code code = spool_db_open_waiting(db, config, err);
    if (code != CPS_OK && spool_db_lacks_room(db)) {
        spool_db_close_file(db);
        struct cps_error again = {0};
        if (spool_db_open_file(db, config, true, &again) == CPS_OK) {
            *err = (struct cps_error){0};
            return CPS_OK;
        }
    }
    return code;
}

bool cps_spool_db_is_alone(const struct cps_spool_db *db)
{
    return db->alone;
}

void cps_spool_db_close(struct cps_spool_db *db)
{
    if (!db) {
        return;
    }
    spool_db_close_file(db);
    OPENSSL_cleanse(db->hash_key, sizeof(db->hash_key));
    free(db);
}

enum cps_code cps_spool_db_open(struct cps_spool_db **out, const struct cps_spool_db_config *config,
                                struct cps_error *err)
{
    struct cps_spool_db *db = calloc(1, sizeof(*db));
    if (!db) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    db->max = config->max;
    db->octets_max = config->octets_max;
    enum cps_code code = spool_db_set_hash_key(db, config->hash_key, err);
    if (code == CPS_OK) {
        code = spool_db_open_on_full_disk(db, config, err);
    }
    if (code != CPS_OK) {
        cps_spool_db_close(db);
        return code;
    }
    *out = db;
    return CPS_OK;
}
