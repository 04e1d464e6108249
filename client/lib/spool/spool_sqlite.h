/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/find/route.h"
#include "common/number/identity.h"

/*
 * The spool's file, an SQLite database: spool_sqlite_schema.c has its tables and statements, spool_sqlite_open.c opens
 * it, spool_sqlite_entries.c reads and writes entries. One connection is used by one thread at a time; other processes
 * may have theirs. An entry is lent to the process that tries it: no other gets it until the loan has run out. Times
 * are in seconds, except `due_ms` and `now_ms`: milliseconds of the wall clock, so that processes agree, also after a
 * boot.
 *
 * All functions give CPS_E_SPOOL_STORE with SQLite's reason, or CPS_E_SPOOL_FULL if the disk is full. All but opening,
 * looking and searching must be called between cps_spool_db_begin and cps_spool_db_end.
 */
#define CPS_SPOOL_ID 16

struct cps_spool_db;

struct cps_spool_db_config {
    const char *path;
    const char *hash_key; /* NULL: a random one */
    uint32_t max;
    uint32_t octets_max;
    bool sync;
};

struct cps_spool_entry {
    uint8_t id[CPS_SPOOL_ID];         /* hash of dest and envelope, so that the same entry is not added twice */
    char dest[STIR_IDENTITY_MAX + 1]; /* canonical */
    char cps[CPS_ROUTE_URLS_MAX +
             1];          /* URLs of the CPS that the key's record names; "": the CPS is found when published */
    const char *envelope; /* borrowed */
    size_t len;
    int64_t put_at;
    int64_t fresh_until;
    int64_t keep_until; /* the CPS is asked to keep it until then; 0: as it decides */
    int64_t due_ms;     /* is not tried before */
    unsigned tries;
    int64_t loan; /* number of the loan; 0: none */
};

/* Computes the id from dest and envelope. CPS_E_CRYPTO. */
enum cps_code cps_spool_entry_name(struct cps_spool_entry *entry, struct cps_error *err) STIR_MUST_CHECK;

/* Opens the file, creates it if missing, and checks it. On a full disk an existing file is opened for this handle
 * alone, until it is closed. */
enum cps_code cps_spool_db_open(struct cps_spool_db **out, const struct cps_spool_db_config *config,
                                struct cps_error *err) STIR_MUST_CHECK;
void cps_spool_db_close(struct cps_spool_db *db);

/* Returns true if the file was opened for this handle alone. */
bool cps_spool_db_is_alone(const struct cps_spool_db *db);

/* Begin and end a transaction. keep: commits it; otherwise, and on failure, it is rolled back. */
enum cps_code cps_spool_db_begin(struct cps_spool_db *db, struct cps_error *err) STIR_MUST_CHECK;
enum cps_code cps_spool_db_end(struct cps_spool_db *db, bool keep, struct cps_error *err) STIR_MUST_CHECK;

/* Adds an entry; makes room by dropping stale ones if necessary. If there is still no room, it is counted as dropped,
 * *counted is set, and the result is CPS_E_SPOOL_FULL; the transaction continues. */
enum cps_code cps_spool_db_put(struct cps_spool_db *db, const struct cps_spool_entry *entry, int64_t now,
                               int64_t now_ms, bool *counted, struct cps_error *err) STIR_MUST_CHECK;

/* Lends up to `count` entries that are due, the longest due first, and passes each to `take`, which must not use the
 * file. */
struct cps_spool_loan {
    int64_t loan; /* not 0 */
    int64_t now, now_ms, until_ms;
    unsigned count;
    void (*take)(void *arg, const struct cps_spool_entry *entry);
    void *arg;
};
enum cps_code cps_spool_db_lend(struct cps_spool_db *db, const struct cps_spool_loan *loan,
                                struct cps_error *err) STIR_MUST_CHECK;

/* Searches entries that are due, in the order in which they were added, without writing: those after number `after`,
 * until `count` were taken or `rows` were seen. Those that `wants` returns true for are passed to `take`; neither may
 * use the file. On success `after` is the number of the last row seen, and `over` tells that none follows. May be
 * called outside a transaction. */
struct cps_spool_search {
    int64_t now, now_ms;
    int64_t after;
    unsigned count, rows;
    bool over;
    bool (*wants)(void *arg, const uint8_t id[CPS_SPOOL_ID]);
    void (*take)(void *arg, const struct cps_spool_entry *entry);
    void *arg;
};
enum cps_code cps_spool_db_search(struct cps_spool_db *db, struct cps_spool_search *search,
                                  struct cps_error *err) STIR_MUST_CHECK;

/* Removes an entry that the CPS has, whichever process published it. */
enum cps_code cps_spool_db_published(struct cps_spool_db *db, const struct cps_spool_entry *entry,
                                     struct cps_error *err) STIR_MUST_CHECK;

/* Gives a loan back: the entry is tried again at due_ms. Does nothing if another process has it by now. whole_box: no
 * other entry for the same dest is tried before, either. */
enum cps_code cps_spool_db_defer(struct cps_spool_db *db, const struct cps_spool_entry *entry, bool whole_box,
                                 struct cps_error *err) STIR_MUST_CHECK;

/* Drops an entry and records it. */
enum cps_code cps_spool_db_drop(struct cps_spool_db *db, const struct cps_spool_entry *entry,
                                enum cps_spool_reason reason, int64_t now, struct cps_error *err) STIR_MUST_CHECK;

/* Drops a limited number of stale entries and records them. *count becomes their number. */
enum cps_code cps_spool_db_purge(struct cps_spool_db *db, int64_t now, int64_t now_ms, unsigned *count,
                                 struct cps_error *err) STIR_MUST_CHECK;

/* Records envelopes that were dropped before they were entries. dest NULL: not known. */
enum cps_code cps_spool_db_record(struct cps_spool_db *db, const char *dest, enum cps_spool_reason reason,
                                  uint64_t count, int64_t now, struct cps_error *err) STIR_MUST_CHECK;

/* The totals of the file. */
struct cps_spool_view {
    uint64_t queued, octets, published;
    uint64_t dropped[CPS_SPOOL_REASON_COUNT];
    int64_t oldest_put;  /* INT64_MAX: none */
    int64_t next_due_ms; /* INT64_MAX: none */
    int64_t last_due_ms;
    int64_t first_stale; /* when the next entry ceases to be fresh; INT64_MAX: none */
};
enum cps_code cps_spool_db_look(struct cps_spool_db *db, struct cps_spool_view *out,
                                struct cps_error *err) STIR_MUST_CHECK;

/* Makes entries due that are due later than any pause allows: the clock was set back. */
enum cps_code cps_spool_db_unstick(struct cps_spool_db *db, int64_t now_ms, int64_t beyond_ms,
                                   struct cps_error *err) STIR_MUST_CHECK;
