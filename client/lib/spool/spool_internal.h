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
#define CPS_SPOOL_LOOK_EVERY_MS 1000  /* other processes may have put something in, or died */
#define CPS_SPOOL_WRITE_EVERY_MS 1000 /* while the disk takes nothing */

/* An entry that this handle is publishing. */
struct cps_spool_attempt {
    struct cps_transfer transfer;
    struct cps_spool *spool;
    struct cps_spool_entry entry;
    bool ready; /* there is a request: or else `error` */
    struct cps_error error;
    struct cps_spool_attempt *next;
};

struct cps_spool {
    struct cps *cps;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of the next ones */
    pthread_cond_t cond;
    struct cps_spool_job *jobs, **jobs_end;
    unsigned job_count;
    struct cps_spool_attempt *finished;
    unsigned under_way;
    bool stopping;
    bool ending;
    struct cps_spool_stats stats;
    int64_t oldest_put; /* for stats.oldest_s */
    /* the thread's own */
    struct cps_spool_db *db;
    struct cps_spool_retry retry;
    struct cps_spool_book book;
    struct cps_spool_attempt *lent; /* in the current transaction, or borrowed */
    uint64_t unrecorded;            /* dropped because the disk took nothing, not even a record of that */
    int64_t wake_ms;                /* monotonic */
    enum cps_spool_disk disk;       /* what the last attempt to write came to */
    int64_t write_again_ms;         /* monotonic; while it fails: when to try the next time */
    int64_t borrow_after;           /* while it fails: up to where the file was gone through */
};

/* Random bits, to spread tries and tell loans apart. */
uint64_t cps_spool_chance(void);

/* Takes in what an attempt to write came to; logs that the file fails, and that it works again, once each. */
void cps_spool_note_write(struct cps_spool *spool, enum cps_code code, const struct cps_error *err);

/* Returns true if a failure is the disk's or the file's. */
bool cps_spool_is_of_disk(enum cps_code code);

/* Takes what a look at the file showed into what cps_spool_count reports. */
void cps_spool_show(struct cps_spool *spool, const struct cps_spool_view *view);

/* Whether the file can be written, as far as is known. */
static inline bool cps_spool_writes(const struct cps_spool *spool)
{
    return spool->disk == CPS_SPOOL_DISK_GOOD;
}

/* Looks at the file and shows what is there. On failure what was known stays, and is looked at later. */
bool cps_spool_look(struct cps_spool *spool, struct cps_spool_view *view);

/* What an answer comes to: for pacing at once, for the entry when it is written down. Frees the attempt. */
void cps_spool_judge(struct cps_spool *spool, struct cps_spool_attempt *attempt);

/* One round: writes down what happened, drops what is stale, tries what is due; sets wake_ms. While the file cannot be
 * written what is due is tried all the same. */
void cps_spool_turn(struct cps_spool *spool);

void cps_spool_free_attempts(struct cps_spool_attempt **list);
