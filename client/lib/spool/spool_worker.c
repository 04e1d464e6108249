/* SPDX-License-Identifier: MIT */
#include "client/lib/find/directory.h"
#include "client/lib/net/cps_http.h"
#include "client/lib/spool/spool_internal.h"

#include <stdlib.h>
#include <string.h>

#define PURGE_AT_ONCE 2000        /* entries in one transaction: other processes wait for the file meanwhile */
#define SETTLED_AT_ONCE 1000      /* results in one transaction */
#define SETTLED_AT_ONCE_FULL 8    /* results in one transaction, while the disk is full */
#define GONE_THROUGH_AT_ONCE 2000 /* entries in one search, while the file cannot be written */
#define LOAN_MARGIN_MS 5000       /* beyond request_timeout_ms */
#define BEYOND_MS (2 * 3600 * INT64_C(1000)) /* longer than any pause */

static void spool_attempt_free(struct cps_spool_attempt *attempt)
{
    cps_transfer_clear(&attempt->transfer);
    free(attempt);
}

void cps_spool_free_attempts(struct cps_spool_attempt **list)
{
    while (*list) {
        struct cps_spool_attempt *attempt = *list;
        *list = attempt->next;
        spool_attempt_free(attempt);
    }
}

/* On the I/O thread. */
static void spool_attempt_done(struct cps_transfer *transfer)
{
    struct cps_spool_attempt *attempt = transfer->arg;
    struct cps_spool *spool = attempt->spool;
    pthread_mutex_lock(&spool->lock);
    attempt->next = spool->finished;
    spool->finished = attempt;
    spool->under_way--;
    pthread_cond_signal(&spool->cond);
    pthread_mutex_unlock(&spool->lock);
}

/* Finds the CPS of an entry: the one that its key's record named, else as for any envelope. While the destination's
 * record is being looked up, only this box has to wait. */
static enum cps_code spool_attempt_find_route(struct cps_spool_attempt *attempt, struct cps *cps,
                                              const struct stir_identity *dest)
{
    struct cps_targets *targets = NULL;
    struct cps_error *err = &attempt->error;
    if (attempt->entry.cps[0]) {
        return cps_route_get(&attempt->transfer.request.route, cps->routes, attempt->entry.cps,
                             !cps->options.record_allow_private, CPS_E_URI, err);
    }
    if (cps->options.route_by_record &&
        cps_directory_get(cps->directory, &targets, dest, NULL, err) == CPS_FOUND_LATER) {
        return cps_fail(err, CPS_E_BOX_FULL, "the destination's CPS is being looked up");
    }
    *err = (struct cps_error){0};
    enum cps_code code =
        cps_route_to(&attempt->transfer.request.route, cps, dest, cps_targets_for_reading(targets), err);
    cps_targets_unref(targets);
    return code;
}

/* Makes an attempt to publish an entry. Returns false if out of memory. If the entry cannot be published, the attempt
 * carries the error, and the next transaction writes it. */
static bool spool_attempt_new(struct cps_spool *spool, const struct cps_spool_entry *entry)
{
    struct stir_identity dest = {.len = (unsigned)strlen(entry->dest)};
    int64_t left = entry->keep_until ? entry->keep_until - cps_now(spool->cps) : 0;
    struct cps_spool_attempt *attempt = calloc(1, sizeof(*attempt));
    if (!attempt) {
        return false;
    }
    /* The row is valid only during this call, so everything needed is copied. */
    attempt->spool = spool;
    attempt->entry = *entry;
    attempt->entry.envelope = NULL;
    attempt->transfer.done = spool_attempt_done;
    attempt->transfer.arg = attempt;
    memcpy(dest.text, entry->dest, dest.len + 1);
    dest.kind = strchr(dest.text, ':') ? STIR_IDENTITY_URI : STIR_IDENTITY_TN;
    left = entry->keep_until && left < 1 ? 1 : left;
    enum cps_code code = dest.len ? CPS_OK : cps_fail(&attempt->error, CPS_E_INVAL, "the entry is damaged");
    if (code == CPS_OK) {
        code = cps_ask_publish(&attempt->transfer.request, spool->cps, &dest, entry->envelope, entry->len,
                               left < UINT32_MAX ? (uint32_t)left : UINT32_MAX, &attempt->error);
    }
    if (code == CPS_OK) {
        code = spool_attempt_find_route(attempt, spool->cps, &dest);
    }
    attempt->ready = code == CPS_OK;
    attempt->next = spool->lent;
    spool->lent = attempt;
    return true;
}

/* Takes a row that was lent, unless an attempt without a loan is still publishing it. */
static void spool_worker_take_lent(void *arg, const struct cps_spool_entry *entry)
{
    struct cps_spool *spool = arg;
    const struct cps_spool_outcome *outcome = cps_spool_book_find(&spool->book, entry->id);
    if (!outcome || !outcome->under_way) {
        (void)spool_attempt_new(spool, entry); /* without memory it is tried when its loan has run out */
    }
}

static bool spool_worker_wants_borrowed(void *arg, const uint8_t id[CPS_SPOOL_ID])
{
    const struct cps_spool *spool = arg;
    return cps_spool_book_allows(&spool->book, id, cps_wall_ms());
}

/* Takes a row without a loan, because the file cannot be written. */
static void spool_worker_take_borrowed(void *arg, const struct cps_spool_entry *entry)
{
    struct cps_spool *spool = arg;
    const struct cps_spool_outcome *outcome = cps_spool_book_find(&spool->book, entry->id);
    struct cps_spool_entry one = *entry;
    one.tries = 1 + (outcome ? outcome->tries : one.tries);
    if (cps_spool_book_begin(&spool->book, &one) && !spool_attempt_new(spool, &one)) {
        cps_spool_book_note(&spool->book, &one, CPS_FATE_LOCAL);
    }
}

/* Logs that publishing from the spool pauses or continues. That the CPS is away, route_health.c logs. */
static void spool_worker_log_pause(struct cps_spool *spool, bool was_paused, enum cps_code code)
{
    struct cps_away_status status;
    cps_away(spool->cps, &status);
    if (was_paused) {
        cps_log(spool->cps, CPS_LOG_INFO, "publishing from the spool continues");
    } else {
        cps_log(spool->cps, status.away ? CPS_LOG_INFO : CPS_LOG_NOTICE, "publishing from the spool is paused: %s",
                cps_strerror(code));
    }
}

void cps_spool_judge(struct cps_spool *spool, struct cps_spool_attempt *attempt)
{
    enum cps_code code = cps_answer_status(&attempt->transfer.response, &attempt->error);
    unsigned after = attempt->error.retry_after_s;
    bool was_away = spool->retry.away;
    enum cps_spool_fate fate = cps_spool_fate(code);
    if (!attempt->entry.cps[0]) { /* the CPS of a key record says nothing about ours */
        cps_spool_heard(&spool->retry, fate, after, cps_monotonic_ms(), cps_spool_chance());
    }
    attempt->entry.due_ms = cps_wall_ms();
    if (fate == CPS_FATE_AWAY) {
        attempt->entry.due_ms += CPS_SPOOL_AWAY_MS;
    } else if (code != CPS_E_CLOSED) {
        attempt->entry.due_ms += cps_spool_pause(&spool->retry.pace, attempt->entry.tries, after, cps_spool_chance());
    }
    if (fate == CPS_FATE_REFUSED) {
        cps_log(spool->cps, CPS_LOG_WARNING, "the CPS refused a spooled envelope with status %d: dropped",
                attempt->error.http_status);
    }
    if (spool->retry.away != was_away) {
        spool_worker_log_pause(spool, was_away, code);
    }
    cps_spool_book_note(&spool->book, &attempt->entry, fate);
    spool_attempt_free(attempt);
}

/* Writes one outcome to the file. */
static enum cps_code spool_worker_write_outcome(struct cps_spool *spool, const struct cps_spool_outcome *outcome,
                                                struct cps_error *err)
{
    struct cps_spool_entry entry;
    int64_t now = cps_now(spool->cps);
    cps_spool_outcome_entry(&entry, outcome);
    switch (outcome->fate) {
    case CPS_FATE_PUBLISHED:
        return cps_spool_db_published(spool->db, &entry, err);
    case CPS_FATE_REFUSED:
        return cps_spool_db_drop(spool->db, &entry, CPS_SPOOL_REFUSED, now, err);
    case CPS_FATE_BOX:
        return cps_spool_db_defer(spool->db, &entry, !outcome->elsewhere, err);
    case CPS_FATE_CPS:
    case CPS_FATE_AWAY:
    case CPS_FATE_LOCAL:
        break;
    }
    return entry.dest[0] ? cps_spool_db_defer(spool->db, &entry, false, err)
                         : cps_spool_db_drop(spool->db, &entry, CPS_SPOOL_UNUSABLE, now, err);
}

/* Writes up to `most` outcomes to the file; *count becomes their number. */
static enum cps_code spool_worker_write_outcomes(struct cps_spool *spool, size_t most, size_t *count,
                                                 struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    const struct cps_spool_outcome *outcome = spool->book.first;
    for (; code == CPS_OK && outcome && *count < most; outcome = outcome->after) {
        code = spool_worker_write_outcome(spool, outcome, err);
        ++*count;
    }
    return code;
}

static enum cps_code spool_worker_purge(struct cps_spool *spool, unsigned *dropped, struct cps_error *err)
{
    unsigned count = 1;
    enum cps_code code = CPS_OK;
    while (code == CPS_OK && count && *dropped < PURGE_AT_ONCE) {
        code = cps_spool_db_purge(spool->db, cps_now(spool->cps), cps_wall_ms(), &count, err);
        *dropped += count;
    }
    return code;
}

static enum cps_code spool_worker_lend(struct cps_spool *spool, unsigned room, struct cps_error *err)
{
    int64_t now_ms = cps_wall_ms();
    struct cps_spool_loan loan = {
        .loan = (int64_t)(cps_spool_chance() >> 2) + 1,
        .now = cps_now(spool->cps),
        .now_ms = now_ms,
        .until_ms = now_ms + spool->cps->options.request_timeout_ms + LOAN_MARGIN_MS,
        .count = room,
        .take = spool_worker_take_lent,
        .arg = spool,
    };
    return cps_spool_db_lend(spool->db, &loan, err);
}

/* What a transaction has written. */
struct written {
    size_t settled;
    unsigned purged;
};

/* Writes all news in one transaction. On a full disk a small transaction may find room where a large one does not. */
static enum cps_code spool_worker_write_down(struct cps_spool *spool, const struct cps_spool_view *view, unsigned room,
                                             struct written *written, struct cps_error *err)
{
    size_t most = cps_spool_writes(spool) ? SETTLED_AT_ONCE : SETTLED_AT_ONCE_FULL;
    enum cps_code code = cps_spool_db_begin(spool->db, err);
    if (code != CPS_OK) {
        return code;
    }
    if (spool->unrecorded) {
        code = cps_spool_db_record(spool->db, NULL, CPS_SPOOL_NO_DISK, spool->unrecorded, cps_now(spool->cps), err);
    }
    if (code == CPS_OK) {
        code = spool_worker_write_outcomes(spool, most, &written->settled, err);
    }
    if (code == CPS_OK && view->last_due_ms > cps_wall_ms() + BEYOND_MS) {
        code = cps_spool_db_unstick(spool->db, cps_wall_ms(), cps_wall_ms() + BEYOND_MS, err);
    }
    bool all = written->settled == spool->book.known; /* otherwise a published entry could be dropped or tried again */
    if (code == CPS_OK && all && view->first_stale < cps_now(spool->cps)) {
        code = spool_worker_purge(spool, &written->purged, err);
    }
    if (code == CPS_OK && all && room) {
        code = spool_worker_lend(spool, room, err);
    }
    enum cps_code ended = cps_spool_db_end(spool->db, code == CPS_OK, code == CPS_OK ? err : NULL);
    return code == CPS_OK ? ended : code;
}

/* Submits the attempts. Those that cannot be sent are finished with their error. */
static void spool_worker_submit(struct cps_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    while (spool->lent) {
        struct cps_spool_attempt *attempt = spool->lent;
        spool->lent = attempt->next;
        struct cps_error *err = &attempt->transfer.response.error;
        if (spool->stopping) {
            (void)cps_fail(err, CPS_E_CLOSED, "the handle was freed");
        } else if (!attempt->ready) {
            *err = attempt->error;
        } else if (cps_route_submit(spool->cps, &attempt->transfer, err) == CPS_OK) {
            spool->under_way++;
            continue;
        }
        attempt->next = spool->finished;
        spool->finished = attempt;
    }
    pthread_mutex_unlock(&spool->lock);
}

static unsigned spool_worker_room_now(struct cps_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    unsigned room = spool->stopping ? 0 : cps_spool_room(&spool->retry, cps_monotonic_ms(), spool->under_way);
    pthread_mutex_unlock(&spool->lock);
    return room;
}

/* Sets when the next turn is due if nothing happens before. */
static void spool_worker_set_alarm(struct cps_spool *spool, const struct cps_spool_view *view)
{
    int64_t now_ms = cps_monotonic_ms();
    int64_t wait_ms = CPS_SPOOL_LOOK_EVERY_MS;
    if (view->next_due_ms != INT64_MAX) {
        int64_t due_ms = view->next_due_ms - cps_wall_ms();
        int64_t paused_ms = spool->retry.not_before_ms - now_ms;
        due_ms = due_ms > paused_ms ? due_ms : paused_ms;
        wait_ms = due_ms < wait_ms ? due_ms : wait_ms;
    }
    spool->wake_ms = now_ms + (wait_ms > 0 ? wait_ms : 0);
}

/* Writes all news and tries what is due. Sets *more if more is left. Returns false if the file cannot be written. */
static bool spool_worker_write_and_try(struct cps_spool *spool, const struct cps_spool_view *view, unsigned room,
                                       bool *more)
{
    struct cps_error err = {0};
    struct written written = {0};
    enum cps_code code = spool_worker_write_down(spool, view, room, &written, &err);
    cps_spool_note_write(spool, code, &err);
    if (code != CPS_OK) {
        cps_spool_free_attempts(&spool->lent);
        return false;
    }
    cps_spool_book_drop(&spool->book, written.settled);
    spool->unrecorded = 0;
    spool->borrow_after = 0;
    if (written.purged) {
        cps_log(spool->cps, CPS_LOG_WARNING, "%u spooled envelopes were not published in time and are dropped",
                written.purged);
    }
    *more = written.purged >= PURGE_AT_ONCE || spool->book.known > 0;
    spool_worker_submit(spool);
    return true;
}

/* Tries what is due although no result can be written: publishing twice is harmless, not publishing is not. */
static void spool_worker_try_unwritten(struct cps_spool *spool, unsigned room, bool *more)
{
    struct cps_error err = {0};
    struct cps_spool_search search = {
        .now = cps_now(spool->cps),
        .now_ms = cps_wall_ms(),
        .after = spool->borrow_after,
        .count = room,
        .rows = GONE_THROUGH_AT_ONCE,
        .wants = spool_worker_wants_borrowed,
        .take = spool_worker_take_borrowed,
        .arg = spool,
    };
    if (cps_spool_db_search(spool->db, &search, &err) == CPS_OK) {
        *more = !search.over;
        spool->borrow_after = search.over ? 0 : search.after;
    }
    spool_worker_submit(spool);
}

/* Returns true if there is something to write. */
static bool spool_worker_has_news(const struct cps_spool *spool, const struct cps_spool_view *view)
{
    bool stuck = view->last_due_ms > cps_wall_ms() + BEYOND_MS;
    return spool->book.known || stuck || spool->unrecorded || view->first_stale < cps_now(spool->cps);
}

void cps_spool_turn(struct cps_spool *spool)
{
    struct cps_spool_view view;
    bool more = false;
    spool->wake_ms = cps_monotonic_ms() + CPS_SPOOL_LOOK_EVERY_MS;
    if (!cps_spool_look(spool, &view)) {
        return;
    }
    /* With the file if it can be written, otherwise without. */
    unsigned room = view.next_due_ms <= cps_wall_ms() ? spool_worker_room_now(spool) : 0;
    bool writes = cps_spool_writes(spool) || cps_monotonic_ms() >= spool->write_again_ms;
    if (writes && (room || spool_worker_has_news(spool, &view))) {
        writes = spool_worker_write_and_try(spool, &view, room, &more);
    }
    if (!writes && room && view.queued > spool->book.published) {
        spool_worker_try_unwritten(spool, room, &more);
    }
    if (!cps_spool_look(spool, &view)) {
        return;
    }
    if (more && (writes || spool_worker_room_now(spool))) {
        spool->wake_ms = cps_monotonic_ms();
    } else if (writes && (spool_worker_room_now(spool) || spool->retry.not_before_ms > cps_monotonic_ms())) {
        spool_worker_set_alarm(spool, &view);
    }
}
