#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/find/route.h"
#include "common/number/identity.h"

/*
 * The spool's file. One connection, used by one thread at a time; other processes may have theirs. An entry is lent to
 * whoever is trying it: while the loan lasts nobody else is given it, when it has run out anybody is. Moments are
 * seconds, but for `due_ms` and `now_ms`: milliseconds of the wall clock, so that processes and boots agree.
 *
 * Everything gives CPS_E_SPOOL_STORE with SQLite's reason, or CPS_E_SPOOL_FULL when the disk has no room; all but
 * opening, looking and searching happens between cps_spool_db_begin and cps_spool_db_end.
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
    uint8_t id[CPS_SPOOL_ID];         /* of dest and envelope: the same entry again is no second one */
    char dest[STIR_IDENTITY_MAX + 1]; /* canonical */
    char cps[CPS_ROUTE_URLS_MAX + 1]; /* the URLs of the CPS that its key's record names; "": found when published */
    const char *envelope;             /* borrowed */
    size_t len;
    int64_t put_at;
    int64_t fresh_until;
    int64_t keep_until; /* the CPS is to keep it until then; 0: as it likes */
    int64_t due_ms;     /* not to be tried before */
    unsigned tries;
    int64_t loan; /* which one; 0: none */
};

/* Fills the id from dest and envelope. */
enum cps_code cps_spool_entry_name(struct cps_spool_entry *entry, struct cps_error *err) STIR_MUST_CHECK;

/* Opens the file, creates it if missing, checks it. On a full disk a file that is there is opened for this
 * handle alone, until it is closed. */
enum cps_code cps_spool_db_open(struct cps_spool_db **out, const struct cps_spool_db_config *config,
                                struct cps_error *err) STIR_MUST_CHECK;
void cps_spool_db_close(struct cps_spool_db *db);

/* True if it was opened like that. */
bool cps_spool_db_is_alone(const struct cps_spool_db *db);

/* A transaction. end: to keep what was done since, or not; a failure keeps nothing. */
enum cps_code cps_spool_db_begin(struct cps_spool_db *db, struct cps_error *err) STIR_MUST_CHECK;
enum cps_code cps_spool_db_end(struct cps_spool_db *db, bool keep, struct cps_error *err) STIR_MUST_CHECK;

/* Adds an entry, if need be in the place of stale ones. Where there is no room it is counted as dropped, and the
 * transaction goes on: CPS_E_SPOOL_FULL with *counted. */
enum cps_code cps_spool_db_put(struct cps_spool_db *db, const struct cps_spool_entry *entry, int64_t now,
                               int64_t now_ms, bool *counted, struct cps_error *err) STIR_MUST_CHECK;

/* Lends up to `count` of the entries that are due, the longest due first. `take` must not use the file. */
struct cps_spool_loan {
    int64_t loan; /* not 0 */
    int64_t now, now_ms, until_ms;
    unsigned count;
    void (*take)(void *arg, const struct cps_spool_entry *entry);
    void *arg;
};
enum cps_code cps_spool_db_lend(struct cps_spool_db *db, const struct cps_spool_loan *loan,
                                struct cps_error *err) STIR_MUST_CHECK;

/* Goes through entries that are due, in the order in which they were put in, without writing anything: after the one
 * numbered `after`, until `count` were taken, or `rows` were seen. On success `after` is the last one that was seen;
 * over: no row follows it. May be called outside of a transaction. `take` gets those that `wants` asks for;
 * neither may use the file. */
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

/* The CPS has it. No loan is asked for: whoever published it, it is published. */
enum cps_code cps_spool_db_published(struct cps_spool_db *db, const struct cps_spool_entry *entry,
                                     struct cps_error *err) STIR_MUST_CHECK;

/* Gives a loan back, to be tried again at due_ms; does nothing if somebody else has it by now. whole_box: nothing else
 * for that dest is to be tried before either. */
enum cps_code cps_spool_db_defer(struct cps_spool_db *db, const struct cps_spool_entry *entry, bool whole_box,
                                 struct cps_error *err) STIR_MUST_CHECK;

/* Drops an entry, with a record. */
enum cps_code cps_spool_db_drop(struct cps_spool_db *db, const struct cps_spool_entry *entry,
                                enum cps_spool_reason reason, int64_t now, struct cps_error *err) STIR_MUST_CHECK;

/* Drops a bounded number of stale entries, with a record. *count tells how many. */
enum cps_code cps_spool_db_purge(struct cps_spool_db *db, int64_t now, int64_t now_ms, unsigned *count,
                                 struct cps_error *err) STIR_MUST_CHECK;

/* Records what was dropped before it was an entry. dest NULL: unknown. */
enum cps_code cps_spool_db_record(struct cps_spool_db *db, const char *dest, enum cps_spool_reason reason,
                                  uint64_t count, int64_t now, struct cps_error *err) STIR_MUST_CHECK;

/* What is in the file. */
struct cps_spool_view {
    uint64_t queued, octets, published;
    uint64_t dropped[CPS_SPOOL_REASON_COUNT];
    int64_t oldest_put;  /* INT64_MAX: none */
    int64_t next_due_ms; /* INT64_MAX: none */
    int64_t last_due_ms;
    int64_t first_stale; /* when the next one ceases to be fresh; INT64_MAX: none */
};
enum cps_code cps_spool_db_look(struct cps_spool_db *db, struct cps_spool_view *out,
                                struct cps_error *err) STIR_MUST_CHECK;

/* Makes due what is due beyond any pause: the clock was set back. */
enum cps_code cps_spool_db_unstick(struct cps_spool_db *db, int64_t now_ms, int64_t beyond_ms,
                                   struct cps_error *err) STIR_MUST_CHECK;
