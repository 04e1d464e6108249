/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_sqlite.h"

#include "client/lib/spool/spool_sqlite_internal.h"
#include "common/jose/jwe.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define HASH_OCTETS 8 /* of a destination's keyed hash in the record */

/* ---- statements ---- */

/* Runs a bound statement to its end and resets it. Sets *row to whether it returned a row. */
static enum cps_code spool_db_run(struct cps_spool_db *db, enum cps_spool_statement which, bool *row,
                                  struct cps_error *err)
{
    sqlite3_stmt *statement = db->statements[which];
    int rc = sqlite3_step(statement);
    *row = rc == SQLITE_ROW;
    enum cps_code code = rc == SQLITE_ROW || rc == SQLITE_DONE ? CPS_OK : cps_spool_db_fail(db, err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return code;
}

static bool spool_db_bind_numbers(struct cps_spool_db *db, enum cps_spool_statement which, const int64_t *numbers,
                                  int count)
{
    for (int i = 0; i < count; i++) {
        if (sqlite3_bind_int64(db->statements[which], i + 1, numbers[i]) != SQLITE_OK) {
            return false;
        }
    }
    return true;
}

static bool spool_db_bind_text(struct cps_spool_db *db, enum cps_spool_statement which, int at, const char *text)
{
    return sqlite3_bind_text(db->statements[which], at, text, -1, SQLITE_STATIC) == SQLITE_OK;
}

static bool spool_db_bind_octets(struct cps_spool_db *db, enum cps_spool_statement which, int at, const void *octets,
                                 size_t n)
{
    return sqlite3_bind_blob64(db->statements[which], at, octets, n, SQLITE_STATIC) == SQLITE_OK;
}

#define BIND(db, which, ...)                                                                                           \
    spool_db_bind_numbers((db), (which), (const int64_t[]){__VA_ARGS__},                                               \
                          (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

enum cps_code cps_spool_db_begin(struct cps_spool_db *db, struct cps_error *err)
{
    bool row;
    return spool_db_run(db, SPOOL_BEGIN, &row, err);
}

/* A failure may have ended the transaction already. */
enum cps_code cps_spool_db_end(struct cps_spool_db *db, bool keep, struct cps_error *err)
{
    bool row;
    enum cps_code code = keep ? spool_db_run(db, SPOOL_COMMIT, &row, err) : CPS_OK;
    if (!sqlite3_get_autocommit(db->db)) {
        (void)spool_db_run(db, SPOOL_ROLLBACK, &row, NULL);
    }
    return code;
}

/* ---- the record ---- */

static const char *const reasons[CPS_SPOOL_REASON_COUNT] = {
    [CPS_SPOOL_STALE] = "stale",       [CPS_SPOOL_REFUSED] = "refused", [CPS_SPOOL_FULL] = "full",
    [CPS_SPOOL_UNUSABLE] = "unusable", [CPS_SPOOL_NO_DISK] = "disk",
};

const char *cps_spool_reason_name(enum cps_spool_reason reason)
{
    return (unsigned)reason < CPS_SPOOL_REASON_COUNT ? reasons[reason] : "unknown";
}

static enum cps_code spool_db_add_total(struct cps_spool_db *db, const char *name, uint64_t count,
                                        struct cps_error *err)
{
    bool row;
    return BIND(db, SPOOL_ADD, (int64_t)count) && spool_db_bind_text(db, SPOOL_ADD, 2, name)
               ? spool_db_run(db, SPOOL_ADD, &row, err)
               : cps_spool_db_fail(db, err);
}

static bool spool_db_hash_dest(const struct cps_spool_db *db, const char *dest, char out[2 * HASH_OCTETS + 1])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    out[0] = '\0';
    if (!dest) {
        return true;
    }
    ERR_clear_error();
    if (!HMAC(EVP_sha256(), db->hash_key, CPS_SPOOL_KEY, (const uint8_t *)dest, strlen(dest), mac, &n) ||
        n < HASH_OCTETS) {
        ERR_clear_error();
        return false;
    }
    for (unsigned i = 0; i < HASH_OCTETS; i++) {
        out[2 * i] = "0123456789abcdef"[mac[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[mac[i] & 15];
    }
    out[2 * HASH_OCTETS] = '\0';
    return true;
}

enum cps_code cps_spool_db_record(struct cps_spool_db *db, const char *dest, enum cps_spool_reason reason,
                                  uint64_t count, int64_t now, struct cps_error *err)
{
    bool row;
    char hash[2 * HASH_OCTETS + 1];
    if (!spool_db_hash_dest(db, dest, hash)) {
        return cps_fail(err, CPS_E_CRYPTO, "the cryptographic library failed");
    }
    if (!BIND(db, SPOOL_RECORD, now - now % 60, (int64_t)count) ||
        !spool_db_bind_text(db, SPOOL_RECORD, 3, reasons[reason]) || !spool_db_bind_text(db, SPOOL_RECORD, 4, hash)) {
        return cps_spool_db_fail(db, err);
    }
    enum cps_code code = spool_db_run(db, SPOOL_RECORD, &row, err);
    if (code == CPS_OK) {
        code = spool_db_run(db, SPOOL_TRIM, &row, err);
    }
    return code == CPS_OK ? spool_db_add_total(db, reasons[reason], count, err) : code;
}

/* ---- entries ---- */

enum cps_code cps_spool_entry_name(struct cps_spool_entry *entry, struct cps_error *err)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ERR_clear_error();
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(ctx, entry->dest, strlen(entry->dest) + 1) == 1 &&
                EVP_DigestUpdate(ctx, entry->envelope, entry->len) == 1 && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    if (!good) {
        return cps_fail(err, CPS_E_CRYPTO, "the cryptographic library failed");
    }
    memcpy(entry->id, digest, CPS_SPOOL_ID);
    return CPS_OK;
}

/* Inserts an entry. Sets *in if it is in the file, now or from before. */
static enum cps_code spool_db_insert(struct cps_spool_db *db, const struct cps_spool_entry *entry, bool *in,
                                     struct cps_error *err)
{
    bool row;
    if (!BIND(db, SPOOL_PUT, entry->put_at, entry->fresh_until, entry->keep_until, entry->due_ms, db->max,
              db->octets_max) ||
        !spool_db_bind_octets(db, SPOOL_PUT, 7, entry->id, CPS_SPOOL_ID) ||
        !spool_db_bind_text(db, SPOOL_PUT, 8, entry->dest) ||
        !spool_db_bind_octets(db, SPOOL_PUT, 9, entry->envelope, entry->len) ||
        !spool_db_bind_text(db, SPOOL_PUT, 10, entry->cps)) {
        return cps_spool_db_fail(db, err);
    }
    enum cps_code code = spool_db_run(db, SPOOL_PUT, &row, err);
    *in = code == CPS_OK && sqlite3_changes(db->db) == 1;
    if (code != CPS_OK || *in) {
        return code;
    }
    return spool_db_bind_octets(db, SPOOL_HAS, 1, entry->id, CPS_SPOOL_ID) ? spool_db_run(db, SPOOL_HAS, in, err)
                                                                           : cps_spool_db_fail(db, err);
}

enum cps_code cps_spool_db_put(struct cps_spool_db *db, const struct cps_spool_entry *entry, int64_t now,
                               int64_t now_ms, bool *counted, struct cps_error *err)
{
    bool in = false;
    unsigned purged = 1;
    *counted = false;
    /* Without room, stale entries are dropped until there is some, or none is left. */
    enum cps_code code = spool_db_insert(db, entry, &in, err);
    while (code == CPS_OK && !in && purged) {
        code = cps_spool_db_purge(db, now, now_ms, &purged, err);
        if (code == CPS_OK && purged) {
            code = spool_db_insert(db, entry, &in, err);
        }
    }
    if (code != CPS_OK || in) {
        return code;
    }
    code = cps_spool_db_record(db, entry->dest, CPS_SPOOL_FULL, 1, now, err);
    if (code != CPS_OK) {
        return code;
    }
    *counted = true;
    return cps_fail(err, CPS_E_SPOOL_FULL,
                    "the spool is full: it holds %u envelopes (spool_max) or %u octets (spool_octets_max)", db->max,
                    db->octets_max);
}

static bool spool_db_is_dest(const char *text, int n)
{
    if (!text || n < 1 || n > STIR_IDENTITY_MAX || strlen(text) != (size_t)n) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Reads one row. A damaged row gets an empty dest; its id names it all the same. */
static void spool_db_read_entry(struct cps_spool_entry *entry, sqlite3_stmt *row)
{
    const void *id = sqlite3_column_blob(row, 0);
    const char *dest = (const char *)sqlite3_column_text(row, 1);
    int n = sqlite3_column_bytes(row, 1);
    const char *cps = (const char *)sqlite3_column_text(row, 7);
    size_t cps_len = cps ? strlen(cps) : sizeof(entry->cps);
    entry->envelope = sqlite3_column_blob(row, 2);
    entry->len = (size_t)sqlite3_column_bytes(row, 2);
    entry->put_at = sqlite3_column_int64(row, 3);
    entry->fresh_until = sqlite3_column_int64(row, 4);
    entry->keep_until = sqlite3_column_int64(row, 5);
    entry->tries = (unsigned)sqlite3_column_int64(row, 6);
    if (id && sqlite3_column_bytes(row, 0) == CPS_SPOOL_ID) {
        memcpy(entry->id, id, CPS_SPOOL_ID);
    }
    if (spool_db_is_dest(dest, n) && cps_len < sizeof(entry->cps) && entry->envelope && entry->len &&
        entry->len <= STIR_JWE_MAX) {
        memcpy(entry->dest, dest, (size_t)n + 1);
        memcpy(entry->cps, cps, cps_len + 1);
    }
}

enum cps_code cps_spool_db_lend(struct cps_spool_db *db, const struct cps_spool_loan *loan, struct cps_error *err)
{
    sqlite3_stmt *statement = db->statements[SPOOL_LEND];
    int rc;
    if (!BIND(db, SPOOL_LEND, loan->loan, loan->until_ms, loan->now_ms, loan->now, loan->count)) {
        return cps_spool_db_fail(db, err);
    }
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct cps_spool_entry entry = {.loan = loan->loan, .due_ms = loan->until_ms};
        spool_db_read_entry(&entry, statement);
        rc = sqlite3_errcode(db->db);
        if (rc == SQLITE_NOMEM) {
            break; /* otherwise a row that could not be read would count as damaged */
        }
        loan->take(loan->arg, &entry);
    }
    enum cps_code code = rc == SQLITE_DONE ? CPS_OK : cps_spool_db_fail(db, err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return code;
}

/* Returns true if a row is wanted. One without a readable id is skipped, since no result could be noted for it. */
static bool spool_db_is_wanted(const struct cps_spool_search *search, sqlite3_stmt *row)
{
    uint8_t id[CPS_SPOOL_ID];
    const void *found = sqlite3_column_blob(row, 0);
    if (!found || sqlite3_column_bytes(row, 0) != CPS_SPOOL_ID) {
        return false;
    }
    memcpy(id, found, CPS_SPOOL_ID);
    return search->wants(search->arg, id);
}

enum cps_code cps_spool_db_search(struct cps_spool_db *db, struct cps_spool_search *search, struct cps_error *err)
{
    sqlite3_stmt *statement = db->statements[SPOOL_SEARCH];
    unsigned seen = 0, taken = 0;
    int rc = SQLITE_ROW;
    if (!BIND(db, SPOOL_SEARCH, search->after, search->now_ms, search->now, search->rows)) {
        return cps_spool_db_fail(db, err);
    }
    while (taken < search->count && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        struct cps_spool_entry entry = {.due_ms = search->now_ms};
        search->after = sqlite3_column_int64(statement, 8);
        seen++;
        if (!spool_db_is_wanted(search, statement)) {
            continue;
        }
        spool_db_read_entry(&entry, statement);
        if (sqlite3_errcode(db->db) == SQLITE_NOMEM) {
            rc = SQLITE_NOMEM; /* otherwise a row that could not be read would count as damaged */
            break;
        }
        search->take(search->arg, &entry);
        taken++;
    }
    search->over = rc == SQLITE_DONE && seen < search->rows;
    enum cps_code code = rc == SQLITE_DONE || rc == SQLITE_ROW ? CPS_OK : cps_spool_db_fail(db, err);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return code;
}

static enum cps_code spool_db_take_out(struct cps_spool_db *db, const struct cps_spool_entry *entry, bool *was_in,
                                       struct cps_error *err)
{
    bool row;
    enum cps_code code = spool_db_bind_octets(db, SPOOL_REMOVE, 1, entry->id, CPS_SPOOL_ID)
                             ? spool_db_run(db, SPOOL_REMOVE, &row, err)
                             : cps_spool_db_fail(db, err);
    *was_in = code == CPS_OK && sqlite3_changes(db->db) == 1;
    return code;
}

enum cps_code cps_spool_db_published(struct cps_spool_db *db, const struct cps_spool_entry *entry,
                                     struct cps_error *err)
{
    bool was_in;
    enum cps_code code = spool_db_take_out(db, entry, &was_in, err);
    return was_in ? spool_db_add_total(db, "published", 1, err) : code;
}

enum cps_code cps_spool_db_drop(struct cps_spool_db *db, const struct cps_spool_entry *entry,
                                enum cps_spool_reason reason, int64_t now, struct cps_error *err)
{
    bool was_in;
    enum cps_code code = spool_db_take_out(db, entry, &was_in, err);
    return was_in ? cps_spool_db_record(db, entry->dest[0] ? entry->dest : NULL, reason, 1, now, err) : code;
}

enum cps_code cps_spool_db_defer(struct cps_spool_db *db, const struct cps_spool_entry *entry, bool whole_box,
                                 struct cps_error *err)
{
    bool row;
    if (!BIND(db, SPOOL_DEFER, entry->loan, entry->due_ms) ||
        !spool_db_bind_octets(db, SPOOL_DEFER, 3, entry->id, CPS_SPOOL_ID)) {
        return cps_spool_db_fail(db, err);
    }
    enum cps_code code = spool_db_run(db, SPOOL_DEFER, &row, err);
    if (code != CPS_OK || !whole_box) {
        return code;
    }
    return BIND(db, SPOOL_DEFER_BOX, entry->due_ms) && spool_db_bind_text(db, SPOOL_DEFER_BOX, 2, entry->dest)
               ? spool_db_run(db, SPOOL_DEFER_BOX, &row, err)
               : cps_spool_db_fail(db, err);
}

enum cps_code cps_spool_db_purge(struct cps_spool_db *db, int64_t now, int64_t now_ms, unsigned *count,
                                 struct cps_error *err)
{
    sqlite3_stmt *statement = db->statements[SPOOL_PURGE];
    enum cps_code code = BIND(db, SPOOL_PURGE, now, now_ms) ? CPS_OK : cps_spool_db_fail(db, err);
    int rc = SQLITE_DONE;
    *count = 0;
    /* The first step deletes everything; the returned rows are SQLite's copies. */
    while (code == CPS_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *dest = (const char *)sqlite3_column_text(statement, 0);
        code = cps_spool_db_record(db, dest, CPS_SPOOL_STALE, 1, now, err);
        ++*count;
    }
    if (code == CPS_OK && rc != SQLITE_DONE) {
        code = cps_spool_db_fail(db, err);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return code;
}

enum cps_code cps_spool_db_unstick(struct cps_spool_db *db, int64_t now_ms, int64_t beyond_ms, struct cps_error *err)
{
    bool row;
    return BIND(db, SPOOL_UNSTICK, now_ms, beyond_ms) ? spool_db_run(db, SPOOL_UNSTICK, &row, err)
                                                      : cps_spool_db_fail(db, err);
}

/* ---- looking ---- */

static void spool_db_read_total(struct cps_spool_view *view, const char *name, int64_t n)
{
    uint64_t count = n > 0 ? (uint64_t)n : 0;
    if (strcmp(name, "entries") == 0) {
        view->queued = count;
    } else if (strcmp(name, "octets") == 0) {
        view->octets = count;
    } else if (strcmp(name, "published") == 0) {
        view->published = count;
    }
    for (int i = 0; i < CPS_SPOOL_REASON_COUNT; i++) {
        if (strcmp(name, reasons[i]) == 0) {
            view->dropped[i] = count;
        }
    }
}

static int64_t spool_db_number_or(sqlite3_stmt *statement, int column, int64_t otherwise)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL ? otherwise : sqlite3_column_int64(statement, column);
}

enum cps_code cps_spool_db_look(struct cps_spool_db *db, struct cps_spool_view *out, struct cps_error *err)
{
    /* The counts come from the totals, the times from indexes: both are fast whatever the size of the file. */
    struct cps_spool_view view = {0};
    sqlite3_stmt *totals = db->statements[SPOOL_TOTALS];
    sqlite3_stmt *next = db->statements[SPOOL_NEXT];
    int rc;
    while ((rc = sqlite3_step(totals)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(totals, 0);
        spool_db_read_total(&view, name ? name : "", sqlite3_column_int64(totals, 1));
    }
    enum cps_code code = rc == SQLITE_DONE ? CPS_OK : cps_spool_db_fail(db, err);
    (void)sqlite3_reset(totals);
    if (code == CPS_OK && sqlite3_step(next) != SQLITE_ROW) {
        code = cps_spool_db_fail(db, err);
    }
    view.oldest_put = spool_db_number_or(next, 0, INT64_MAX);
    view.next_due_ms = spool_db_number_or(next, 1, INT64_MAX);
    view.last_due_ms = spool_db_number_or(next, 2, 0);
    view.first_stale = spool_db_number_or(next, 3, INT64_MAX);
    (void)sqlite3_reset(next);
    if (code == CPS_OK) {
        *out = view;
    }
    return code;
}
