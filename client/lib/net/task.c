/* SPDX-License-Identifier: MIT */
#include "client/lib/net/task.h"

#include "client/lib/context/handle.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

/* Counts an operation as under way, unless max_in_flight are. */
static enum cps_code task_admit(const struct cps_task *task, struct cps_error *err)
{
    struct cps *cps = task->cps;
    if (task->unmetered) {
        return CPS_OK;
    }
    if (atomic_fetch_add(&cps->in_flight, 1) >= cps->options.max_in_flight) {
        atomic_fetch_sub(&cps->in_flight, 1);
        return cps_fail(err, CPS_E_BUSY, "%u operations are under way, which is max_in_flight; wait for one to end",
                        cps->options.max_in_flight);
    }
    return CPS_OK;
}

static void task_wait_for_wake(struct cps_task *task)
{
    struct timespec until = {.tv_sec = (time_t)(task->due_ms / 1000), .tv_nsec = (long)(task->due_ms % 1000) * 1000000};
    int rc = 0;
    pthread_mutex_lock(&task->lock);
    while (!task->woken && rc != ETIMEDOUT) {
        rc = task->due_ms ? pthread_cond_timedwait(&task->cond, &task->lock, &until)
                          : pthread_cond_wait(&task->cond, &task->lock);
    }
    task->woken = false;
    pthread_mutex_unlock(&task->lock);
}

enum cps_code cps_task_run(struct cps_task *task, struct cps_error *err)
{
    pthread_condattr_t monotonic;
    if (cps_transport_is_here(task->cps->transport)) {
        return cps_fail(err, CPS_E_IN_CALLBACK, "a callback must not block; use the _async form there");
    }
    enum cps_code code = task_admit(task, err);
    if (code != CPS_OK) {
        return code;
    }
    pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&task->lock, NULL);
    pthread_cond_init(&task->cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (task->step(task); !task->done; task->step(task)) {
        task_wait_for_wake(task);
    }
    /* The thread that woke this one last may still hold the lock. */
    pthread_mutex_lock(&task->lock);
    pthread_mutex_unlock(&task->lock);
    pthread_cond_destroy(&task->cond);
    pthread_mutex_destroy(&task->lock);
    return CPS_OK;
}

enum cps_code cps_task_run_to_outcome(struct cps_task *task, const struct cps_error *outcome, struct cps_error *err)
{
    enum cps_code code = cps_task_run(task, err);
    if (code != CPS_OK) {
        return code;
    }
    if (outcome->code != CPS_OK && err) {
        *err = *outcome;
    }
    return outcome->code;
}

enum cps_code cps_task_start(struct cps_task *task, struct cps_error *err)
{
    if (atomic_load(&task->cps->closing)) {
        return cps_fail(err, CPS_E_CLOSED, "the handle is being freed");
    }
    enum cps_code code = cps_transport_start(task->cps->transport, err);
    if (code == CPS_OK) {
        code = task_admit(task, err);
    }
    if (code == CPS_OK) {
        task->background = true;
        cps_transport_enter(task->cps->transport, task);
    }
    return code;
}

void cps_task_wake(struct cps_task *task)
{
    if (task->background) {
        cps_transport_post(task->cps->transport, task);
        return;
    }
    pthread_mutex_lock(&task->lock);
    task->woken = true;
    pthread_cond_signal(&task->cond);
    pthread_mutex_unlock(&task->lock);
}

void cps_task_end(struct cps_task *task)
{
    assert(!task->done); /* an operation ends once */
    if (task->background) {
        cps_transport_leave(task->cps->transport, task);
    }
    task->done = true;
    if (!task->unmetered) {
        atomic_fetch_sub(&task->cps->in_flight, 1);
    }
}

void cps_task_complete(struct cps_task *task, atomic_bool *flag)
{
    if (task->background) {
        cps_transport_complete(task->cps->transport, task, flag);
        return;
    }
    /* Under the lock that cps_task_run takes once more before the task goes out of use. */
    pthread_mutex_lock(&task->lock);
    atomic_store(flag, true);
    task->woken = true;
    pthread_cond_signal(&task->cond);
    pthread_mutex_unlock(&task->lock);
}

void cps_task_transfer_done(struct cps_transfer *transfer)
{
    cps_task_complete(transfer->arg, &transfer->complete);
}

void cps_waiters_add(struct cps_waiters *waiters, struct cps_task *task)
{
    enum cps_waiting kind = waiters->kind;
    if (task->waiting_link[kind]) {
        return;
    }
    task->next_waiting[kind] = waiters->first;
    task->waiting_link[kind] = &waiters->first;
    if (waiters->first) {
        waiters->first->waiting_link[kind] = &task->next_waiting[kind];
    }
    waiters->first = task;
}

void cps_waiters_remove(enum cps_waiting kind, struct cps_task *task)
{
    struct cps_task *next = task->next_waiting[kind];
    if (!task->waiting_link[kind]) {
        return;
    }
    *task->waiting_link[kind] = next;
    if (next) {
        next->waiting_link[kind] = task->waiting_link[kind];
    }
    task->waiting_link[kind] = NULL;
    task->next_waiting[kind] = NULL;
}

void cps_waiters_wake(struct cps_waiters *waiters)
{
    cps_waiters_wake_others(waiters, NULL);
}

void cps_waiters_wake_others(struct cps_waiters *waiters, const struct cps_task *but)
{
    for (struct cps_task *task = waiters->first; task; task = task->next_waiting[waiters->kind]) {
        if (task != but) {
            cps_task_wake(task);
        }
    }
}
