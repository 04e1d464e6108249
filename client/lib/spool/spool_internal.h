/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/net/transport.h"
#include "client/lib/spool/spool.h"
#include "client/lib/spool/spool_book.h"
#include "client/lib/spool/spool_retry.h"
#include "client/lib/spool/spool_sqlite.h"

/*
 * What the files of the spool share. Calls go down only: spool.c (the thread, and envelopes on their way into the file)
 * -> spool_worker.c (publishing what is due) -> spool_state.c (counters, the state of the disk) -> the database.
 */
#define CPS_SPOOL_LOOK_EVERY_MS 1000  /* between looks at the file: other processes may have added entries, or died */
#define CPS_SPOOL_WRITE_EVERY_MS 1000 /* between attempts to write while the disk cannot be written */

/* An entry that this handle is publishing. */
struct cps_spool_attempt {
    struct cps_transfer transfer;
    struct cps_spool *spool;
    struct cps_spool_entry entry;
    bool ready; /* there is a request to send; otherwise `error` says why not */
    struct cps_error error;
    struct cps_spool_attempt *next;
};

struct cps_spool {
    struct cps *cps;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards the members up to oldest_put */
    pthread_cond_t cond;
    struct cps_spool_job *jobs, **jobs_end;
    unsigned job_count;
    struct cps_spool_attempt *finished;
    unsigned under_way;
    bool stopping;
    bool ending;
    struct cps_spool_stats stats;
    int64_t oldest_put; /* for stats.oldest_s */
    /* used by the thread alone */
    struct cps_spool_db *db;
    struct cps_spool_retry retry;
    struct cps_spool_book book;
    struct cps_spool_attempt *lent; /* attempts that have to be submitted */
    uint64_t unrecorded;      /* envelopes dropped because the disk could not be written, which is not recorded yet */
    int64_t wake_ms;          /* when the next turn is due (monotonic) */
    enum cps_spool_disk disk; /* the result of the last attempt to write */
    int64_t write_again_ms;   /* while writing fails: when to try again (monotonic) */
    int64_t borrow_after;     /* while writing fails: the entry up to which the file was searched */
};

/* Returns random bits, to spread attempts and to tell loans apart. */
uint64_t cps_spool_chance(void);

/* Notes the result of an attempt to write. Logs once that the file fails, and once that it works again. */
void cps_spool_note_write(struct cps_spool *spool, enum cps_code code, const struct cps_error *err);

/* Returns true for a failure of the disk or the file. */
bool cps_spool_is_of_disk(enum cps_code code);

/* Updates the counters that cps_spool_count reports from what was read from the file. */
void cps_spool_show(struct cps_spool *spool, const struct cps_spool_view *view);

/* Returns true if the last attempt to write succeeded. */
static inline bool cps_spool_writes(const struct cps_spool *spool)
{
    return spool->disk == CPS_SPOOL_DISK_GOOD;
}

/* Reads the totals of the file and updates the counters. On failure returns false, and the old values stay. */
bool cps_spool_look(struct cps_spool *spool, struct cps_spool_view *view);

/* Takes the answer to an attempt: paces the next ones, and notes the fate of the entry to be written. Frees the
 * attempt.
 */
void cps_spool_judge(struct cps_spool *spool, struct cps_spool_attempt *attempt);

/* Runs one round: writes results, drops what is stale, tries what is due, and sets wake_ms. While the file cannot be
 * written, due entries are tried all the same. */
void cps_spool_turn(struct cps_spool *spool);

/* Frees all attempts of a list. */
void cps_spool_free_attempts(struct cps_spool_attempt **list);
