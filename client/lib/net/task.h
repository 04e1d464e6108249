#pragma once

#include "client/lib/net/transport.h"

#include <pthread.h>

/*
 * One operation on its way. `step` takes it as far as it can without waiting and is called again whenever something
 * that it waits for has happened: in the calling thread for a blocking form, on the I/O thread for one with a callback;
 * never by two threads at once. A step arranges its own waking (a transfer's `done`, a waiting list, `due_ms`) before
 * it returns; spurious calls are normal.
 */
struct cps_task {
    struct cps *cps;
    void (*step)(struct cps_task *task);
    bool background;
    bool unmetered; /* does not count against max_in_flight: something else bounds it */
    int64_t due_ms; /* step again by then (monotonic); 0: no such time. Set by steps */

    uint64_t certificates_since; /* private to certcache.c, under its lock */
    /* private to task.c */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
    bool done;
    /* private to transport.c, under its lock */
    struct cps_task *next, **link; /* of all background tasks */
    struct cps_task *next_posted;
    bool posted;
    /* private to the waiting lists (waiters.h), each under its owner's lock */
    struct cps_task *next_waiting[3], **waiting_link[3];
};

/* Runs a blocking operation to its end. CPS_E_BUSY and CPS_E_IN_CALLBACK: it was not begun. */
enum cps_code cps_task_run(struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;

/* Makes the blocking form of an operation: runs it as cps_task_run does and returns its outcome, which the steps have
 * left in *outcome (CPS_OK: it succeeded). On failure *err is a copy of it; err may be NULL. */
enum cps_code cps_task_run_to_outcome(struct cps_task *task, const struct cps_error *outcome,
                                      struct cps_error *err) STIR_MUST_CHECK;

/* Begins one in the background: its first step happens on the I/O thread. CPS_E_BUSY, CPS_E_CLOSED. */
enum cps_code cps_task_start(struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;

/* From any thread: what the task waits for has happened. */
void cps_task_wake(struct cps_task *task);

/* Called by the last step, when nothing can wake the task any more. A background task may be freed afterwards. */
void cps_task_end(struct cps_task *task);

/* From any thread: sets the flag and wakes the task, which may be gone when this returns. */
void cps_task_complete(struct cps_task *task, atomic_bool *flag);

/* Transfers whose owner is a task: `arg` is the task. */
void cps_task_transfer_done(struct cps_transfer *transfer);

/* A list of tasks that wait for the same thing, under a lock of its owner. A task can be in one list of each kind. */
enum cps_waiting {
    CPS_WAITING_BOX,
    CPS_WAITING_CERTIFICATE,
    CPS_WAITING_KEYS,
};

struct cps_waiters {
    enum cps_waiting kind;
    struct cps_task *first;
};

void cps_waiters_add(struct cps_waiters *waiters, struct cps_task *task); /* again is fine */
void cps_waiters_remove(enum cps_waiting kind, struct cps_task *task);    /* not being there is fine */
void cps_waiters_wake(struct cps_waiters *waiters);                       /* all; they stay in the list */
void cps_waiters_wake_others(struct cps_waiters *waiters, const struct cps_task *but);
