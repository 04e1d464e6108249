#pragma once

#include "client/lib/spool.h"
#include "client/lib/spool_retry.h"
#include "client/lib/spool_sqlite.h"
#include "client/lib/transport.h"

/* Between spool.c, which is the thread and what goes into the file, and spool_turn.c, which is what comes out of it. */
#define CPS_SPOOL_LOOK_EVERY_MS 1000 /* other processes may have put something in, or died */

/* An entry that this handle is publishing, or has tried to and has yet to note what came of it. */
struct cps_spool_attempt {
    struct cps_transfer transfer;
    struct cps_spool *spool;
    struct cps_spool_entry entry;
    bool ready; /* there is a request: or else `error` */
    enum cps_spool_fate fate;
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
    struct cps_spool_attempt *unsettled; /* what came of them is known, and not yet in the file */
    struct cps_spool_attempt *lent;      /* in the transaction that is going on */
    uint64_t unrecorded_full;            /* dropped for want of room, even for a record */
    int64_t wake_ms;                     /* monotonic */
    bool ailing;                         /* the file cannot be used: said once */
};

/* Milliseconds of the wall clock. */
int64_t cps_spool_wall_ms(void);

/* Random bits, to spread tries and tell loans apart. */
uint64_t cps_spool_chance(void);

/* Says that the file fails, and that it is well again, once each. */
void cps_spool_note_health(struct cps_spool *spool, enum cps_code code, const struct cps_error *err);

/* Looks at the file and shows what is there. On failure what was known stays, and is looked at later. */
bool cps_spool_look(struct cps_spool *spool, struct cps_spool_view *view);

/* What an answer comes to: for pacing at once, for the entry when it is written down. */
void cps_spool_judge(struct cps_spool *spool, struct cps_spool_attempt *attempt);

/* One round: notes what happened, drops what is stale, tries what is due; sets wake_ms. */
void cps_spool_turn(struct cps_spool *spool);

void cps_spool_free_attempts(struct cps_spool_attempt **list);
