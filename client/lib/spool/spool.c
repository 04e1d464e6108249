/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 4096
#define JOBS_AT_ONCE 512 /* in one transaction */

/* ---- into the file ---- */

static enum cps_code spool_put_job(struct cps_spool *spool, const struct cps_spool_job *job, bool *counted,
                                   struct cps_error *err)
{
    int64_t now = cps_now(spool->cps);
    int64_t now_ms = cps_wall_ms();
    struct cps_spool_entry entry = {
        .envelope = job->envelope,
        .len = job->len,
        .put_at = now,
        .fresh_until = job->fresh_until,
        .keep_until = job->ttl_s ? now + job->ttl_s : 0,
        .due_ms = now_ms,
    };
    memcpy(entry.dest, job->dest.text, job->dest.len + 1);
    (void)snprintf(entry.cps, sizeof(entry.cps), "%s", job->cps ? job->cps : "");
    if (job->tried) {
        entry.due_ms += cps_spool_pause(&spool->retry.pace, 1, job->retry_after_s, cps_spool_chance());
    }
    enum cps_code code = cps_spool_entry_name(&entry, err);
    return code == CPS_OK ? cps_spool_db_put(spool->db, &entry, now, now_ms, counted, err) : code;
}

/* Puts several jobs into the file in one transaction, so that the callers wait for the disk once. */
static enum cps_code spool_put_jobs(struct cps_spool *spool, struct cps_spool_job *jobs, struct cps_error *err)
{
    enum cps_code code = cps_spool_db_begin(spool->db, err);
    if (code != CPS_OK) {
        return code;
    }
    for (struct cps_spool_job *job = jobs; code == CPS_OK && job; job = job->next) {
        bool counted = false;
        code = spool_put_job(spool, job, &counted, &job->result);
        if (counted) {
            code = CPS_OK; /* refused, and recorded as dropped */
        } else if (code != CPS_OK && err) {
            *err = job->result;
        }
    }
    enum cps_code ended = cps_spool_db_end(spool->db, code == CPS_OK, code == CPS_OK ? err : NULL);
    return code == CPS_OK ? ended : code;
}

static void spool_complete_job(struct cps_spool_job *job)
{
    cps_task_complete(job->task, &job->complete);
}

static void spool_store_jobs(struct cps_spool *spool, struct cps_spool_job *jobs)
{
    struct cps_error err = {0};
    struct cps_spool_view view;
    enum cps_code code = spool_put_jobs(spool, jobs, &err);
    cps_spool_note_write(spool, code, &err);
    for (struct cps_spool_job *job = jobs; job; job = job->next) {
        if (code != CPS_OK) {
            job->result = err;
        }
        spool->unrecorded += cps_spool_is_of_disk(code);
    }
    (void)cps_spool_look(spool, &view);
    for (struct cps_spool_job *job = jobs, *next; job; job = next) {
        next = job->next;
        spool_complete_job(job);
    }
}

static void spool_store_all_jobs(struct cps_spool *spool, struct cps_spool_job *jobs)
{
    while (jobs) {
        struct cps_spool_job *last = jobs;
        for (unsigned n = 1; n < JOBS_AT_ONCE && last->next; n++) {
            last = last->next;
        }
        struct cps_spool_job *rest = last->next;
        last->next = NULL;
        spool_store_jobs(spool, jobs);
        jobs = rest;
    }
}

/* ---- the thread ---- */

/* Waits until there is something to do. Returns false when the thread must end. */
static bool spool_wait_for_work(struct cps_spool *spool, struct cps_spool_job **jobs,
                                struct cps_spool_attempt **finished)
{
    struct timespec until = {.tv_sec = (time_t)(spool->wake_ms / 1000),
                             .tv_nsec = (long)(spool->wake_ms % 1000) * 1000000};
    int rc = 0;
    pthread_mutex_lock(&spool->lock);
    while (!spool->jobs && !spool->finished && !spool->ending && rc == 0) {
        rc = pthread_cond_timedwait(&spool->cond, &spool->lock, &until);
    }
    bool more = !spool->ending || spool->jobs || spool->finished;
    *jobs = spool->jobs;
    *finished = spool->finished;
    spool->jobs = NULL;
    spool->jobs_end = &spool->jobs;
    spool->job_count = 0;
    spool->finished = NULL;
    pthread_mutex_unlock(&spool->lock);
    return more;
}

static void *spool_main(void *arg)
{
    struct cps_spool *spool = arg;
    struct cps_spool_job *jobs;
    struct cps_spool_attempt *finished;
    while (spool_wait_for_work(spool, &jobs, &finished)) {
        spool_store_all_jobs(spool, jobs);
        while (finished) {
            struct cps_spool_attempt *attempt = finished;
            finished = attempt->next;
            cps_spool_judge(spool, attempt);
        }
        cps_spool_turn(spool);
    }
    return NULL;
}

enum cps_code cps_spool_submit(struct cps_spool *spool, struct cps_spool_job *job, struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    job->next = NULL;
    pthread_mutex_lock(&spool->lock);
    if (spool->job_count >= JOBS_MAX) {
        code = cps_fail(err, CPS_E_BUSY, "%d envelopes wait to be spooled, which is the limit", JOBS_MAX);
    } else {
        spool->job_count++;
        *spool->jobs_end = job;
        spool->jobs_end = &job->next;
        pthread_cond_signal(&spool->cond);
    }
    pthread_mutex_unlock(&spool->lock);
    return code;
}

/* Starts the thread with all signals blocked: they are for the application's threads. */
static int spool_start_thread(struct cps_spool *spool)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&spool->thread, NULL, spool_main, spool);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void spool_init(struct cps_spool *spool, struct cps *cps)
{
    pthread_condattr_t monotonic;
    struct cps_spool_pace pace = {
        .min_ms = cps->options.spool_retry_min_ms,
        .max_ms = cps->options.spool_retry_max_ms,
        .parallel = cps->options.spool_parallel,
    };
    spool->cps = cps;
    spool->jobs_end = &spool->jobs;
    spool->oldest_put = INT64_MAX;
    cps_spool_retry_init(&spool->retry, &pace);
    pthread_mutex_init(&spool->lock, NULL);
    pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

enum cps_code cps_spool_new(struct cps_spool **out, struct cps *cps, struct cps_error *err)
{
    struct cps_spool_db_config config = {
        .path = cps->options.spool_file,
        .hash_key = cps->options.spool_hash_key,
        .max = cps->options.spool_max,
        .octets_max = cps->options.spool_octets_max,
        .sync = cps->options.spool_sync,
    };
    struct cps_spool_view view;
    struct cps_spool *spool = calloc(1, sizeof(*spool));
    if (!spool) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    spool_init(spool, cps);
    enum cps_code code = cps_spool_book_init(&spool->book) ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
    if (code == CPS_OK) {
        code = cps_spool_db_open(&spool->db, &config, err);
    }
    /* Opened for this handle alone: the disk has no room for SQLite's shared file. */
    if (code == CPS_OK && cps_spool_db_is_alone(spool->db)) {
        struct cps_error full = {0};
        cps_spool_note_write(spool,
                             cps_fail(&full, CPS_E_SPOOL_FULL, "spool_file %s: the disk is full; free some space on it",
                                      config.path),
                             &full);
    }
    if (code == CPS_OK) {
        code = cps_spool_db_look(spool->db, &view, err);
    }
    if (code == CPS_OK) {
        cps_spool_show(spool, &view);
        code = spool_start_thread(spool) == 0 ? CPS_OK
                                              : cps_fail(err, CPS_E_UNAVAILABLE, "cannot start the spool's thread");
        spool->running = code == CPS_OK;
    }
    if (code != CPS_OK) {
        cps_spool_free(spool);
        return code;
    }
    *out = spool;
    return CPS_OK;
}

void cps_spool_stop(struct cps_spool *spool)
{
    if (spool) {
        pthread_mutex_lock(&spool->lock);
        spool->stopping = true;
        pthread_mutex_unlock(&spool->lock);
    }
}

void cps_spool_free(struct cps_spool *spool)
{
    if (!spool) {
        return;
    }
    pthread_mutex_lock(&spool->lock);
    spool->ending = true;
    pthread_cond_signal(&spool->cond);
    pthread_mutex_unlock(&spool->lock);
    if (spool->running) {
        (void)pthread_join(spool->thread, NULL);
    }
    cps_spool_book_free(&spool->book);
    cps_spool_db_close(spool->db);
    pthread_cond_destroy(&spool->cond);
    pthread_mutex_destroy(&spool->lock);
    free(spool);
}
