/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_sqlite_internal.h"

/*
 * The schema of the spool's file. entries: the waiting envelopes. dropped: the record, one row for each minute, reason
 * and hash of a destination. totals: counts that would be too expensive to compute each time; triggers keep those of
 * entries, whichever process changes them.
 */
const char cps_spool_schema[] =
    "CREATE TABLE IF NOT EXISTS entries ("
    " seq INTEGER PRIMARY KEY,"
    " id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),"
    " dest TEXT NOT NULL,"
    " cps TEXT NOT NULL,"
    " envelope BLOB NOT NULL,"
    " put_at INTEGER NOT NULL,"
    " fresh_until INTEGER NOT NULL,"
    " keep_until INTEGER NOT NULL,"
    " due INTEGER NOT NULL,"
    " tries INTEGER NOT NULL DEFAULT 0,"
    " loan INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS entries_due ON entries (due);"
    "CREATE INDEX IF NOT EXISTS entries_fresh ON entries (fresh_until);"
    "CREATE INDEX IF NOT EXISTS entries_dest ON entries (dest);"
    "CREATE TABLE IF NOT EXISTS dropped ("
    " seq INTEGER PRIMARY KEY,"
    " minute INTEGER NOT NULL,"
    " reason TEXT NOT NULL,"
    " dest_hash TEXT NOT NULL,"
    " count INTEGER NOT NULL,"
    " UNIQUE (minute, reason, dest_hash));"
    "CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO totals VALUES ('entries', 0), ('octets', 0), ('published', 0), ('stale', 0),"
    " ('refused', 0), ('full', 0), ('unusable', 0), ('disk', 0);"
    "CREATE TRIGGER IF NOT EXISTS entries_more AFTER INSERT ON entries BEGIN"
    " UPDATE totals SET n = n + 1 WHERE name = 'entries';"
    " UPDATE totals SET n = n + length(new.envelope) WHERE name = 'octets'; END;"
    "CREATE TRIGGER IF NOT EXISTS entries_fewer AFTER DELETE ON entries BEGIN"
    " UPDATE totals SET n = n - 1 WHERE name = 'entries';"
    " UPDATE totals SET n = n - length(old.envelope) WHERE name = 'octets'; END;";

#define RECORD_MAX "10000" /* rows of the record */
#define PURGE_MAX "500"    /* entries that are dropped at once */

const char *const cps_spool_sql[SPOOL_STATEMENTS] = {
    [SPOOL_BEGIN] = "BEGIN IMMEDIATE",
    [SPOOL_COMMIT] = "COMMIT",
    [SPOOL_ROLLBACK] = "ROLLBACK",
    [SPOOL_PUT] = "INSERT INTO entries (put_at, fresh_until, keep_until, due, id, dest, envelope, cps)"
                  " SELECT ?1, ?2, ?3, ?4, ?7, ?8, ?9, ?10"
                  " WHERE (SELECT n FROM totals WHERE name = 'entries') < ?5"
                  " AND (SELECT n FROM totals WHERE name = 'octets') + length(?9) <= ?6"
                  " ON CONFLICT (id) DO NOTHING",
    [SPOOL_HAS] = "SELECT 1 FROM entries WHERE id = ?1",
    [SPOOL_LEND] = "UPDATE entries SET loan = ?1, due = ?2, tries = tries + 1 WHERE seq IN"
                   " (SELECT seq FROM entries WHERE due <= ?3 AND fresh_until >= ?4 ORDER BY due LIMIT ?5)"
                   " RETURNING id, dest, envelope, put_at, fresh_until, keep_until, tries, cps",
    [SPOOL_SEARCH] = "SELECT id, dest, envelope, put_at, fresh_until, keep_until, tries, cps, seq FROM entries"
                     " WHERE seq > ?1 AND due <= ?2 AND fresh_until >= ?3 ORDER BY seq LIMIT ?4",
    [SPOOL_REMOVE] = "DELETE FROM entries WHERE id = ?1",
    [SPOOL_DEFER] = "UPDATE entries SET due = ?2, loan = 0 WHERE id = ?3 AND loan = ?1",
    [SPOOL_DEFER_BOX] = "UPDATE entries SET due = ?1 WHERE dest = ?2 AND loan = 0 AND due < ?1",
    [SPOOL_PURGE] = "DELETE FROM entries WHERE seq IN"
                    " (SELECT seq FROM entries WHERE fresh_until < ?1 AND (loan = 0 OR due <= ?2) LIMIT " PURGE_MAX ")"
                    " RETURNING dest",
    [SPOOL_RECORD] = "INSERT INTO dropped (minute, count, reason, dest_hash) VALUES (?1, ?2, ?3, ?4)"
                     " ON CONFLICT (minute, reason, dest_hash) DO UPDATE SET count = count + excluded.count",
    [SPOOL_TRIM] = "DELETE FROM dropped WHERE seq <= (SELECT max(seq) FROM dropped) - " RECORD_MAX,
    [SPOOL_ADD] = "UPDATE totals SET n = n + ?1 WHERE name = ?2",
    [SPOOL_TOTALS] = "SELECT name, n FROM totals",
    [SPOOL_NEXT] = "SELECT (SELECT put_at FROM entries ORDER BY seq LIMIT 1), (SELECT min(due) FROM entries),"
                   " (SELECT max(due) FROM entries), (SELECT min(fresh_until) FROM entries)",
    [SPOOL_UNSTICK] = "UPDATE entries SET due = ?1, loan = 0 WHERE due > ?2",
};
