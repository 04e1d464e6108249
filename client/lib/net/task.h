/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/net/transport.h"

#include <pthread.h>

/* What a task can wait for besides transfers: it can be in one waiting list of each kind. */
enum cps_waiting {
    CPS_WAITING_BOX,
    CPS_WAITING_CERTIFICATE,
    CPS_WAITING_KEYS,
    CPS_WAITING_KINDS,
};

/*
 * An operation under way. `step` takes it as far as it can without waiting, and is called again whenever something that
 * it waits for has happened: in the calling thread for a blocking form, on the I/O thread for one with a callback, and
 * never by two threads at once. Before it returns, a step arranges what will wake it: a transfer's `done`, a waiting
 * list, or `due_ms`. It may be called without anything having happened.
 */
struct cps_task {
    struct cps *cps;
    void (*step)(struct cps_task *task);
    bool background;
    bool unmetered; /* does not count against max_in_flight, because something else limits it */
    int64_t due_ms; /* when to step again at the latest (monotonic); 0: no such time. Set by steps */

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
    /* private to the waiting lists, each under its owner's lock */
    struct cps_task *next_waiting[CPS_WAITING_KINDS], **waiting_link[CPS_WAITING_KINDS];
};

/* Runs a blocking operation to its end. CPS_E_BUSY, CPS_E_IN_CALLBACK: it was not begun. */
enum cps_code cps_task_run(struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;

/* Makes the blocking form of an operation: runs it as cps_task_run does and returns its outcome, which the steps have
 * left in *outcome (CPS_OK: it succeeded). On failure *err is a copy of it; err may be NULL. */
enum cps_code cps_task_run_to_outcome(struct cps_task *task, const struct cps_error *outcome,
                                      struct cps_error *err) STIR_MUST_CHECK;

/* Begins an operation in the background: its first step runs on the I/O thread. CPS_E_BUSY, CPS_E_CLOSED, and what
 * cps_transport_start fails with: it was not begun. */
enum cps_code cps_task_start(struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;

/* Tells a task that something it waits for has happened. From any thread. */
void cps_task_wake(struct cps_task *task);

/* Ends a task; called by its last step, when nothing can wake it any more. A background task may be freed afterwards.
 */
void cps_task_end(struct cps_task *task);

/* Sets the flag and wakes the task, which may have been freed when this returns. From any thread. */
void cps_task_complete(struct cps_task *task, atomic_bool *flag);

/* The `done` of a transfer that belongs to a task: its `arg` is the task. */
void cps_task_transfer_done(struct cps_transfer *transfer);

/* A list of tasks that wait for the same thing, guarded by a lock of its owner. */
struct cps_waiters {
    enum cps_waiting kind;
    struct cps_task *first;
};

/* Adds a task; does nothing if it is in the list already. */
void cps_waiters_add(struct cps_waiters *waiters, struct cps_task *task);

/* Removes a task; does nothing if it is not in the list. */
void cps_waiters_remove(enum cps_waiting kind, struct cps_task *task);

/* Wakes all tasks of a list, or all but one. They stay in the list. */
void cps_waiters_wake(struct cps_waiters *waiters);
void cps_waiters_wake_others(struct cps_waiters *waiters, const struct cps_task *but);
