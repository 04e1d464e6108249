#include "client/lib/directory.h"
#include "client/lib/remote.h"
#include "client/lib/spool_internal.h"

#include <stdlib.h>
#include <string.h>

#define PURGE_AT_ONCE 2000                   /* in one transaction: others wait for the file meanwhile */
#define LOAN_MARGIN_MS 5000                  /* beyond request_timeout_ms */
#define BEYOND_MS (2 * 3600 * INT64_C(1000)) /* no pause is as long */

static void free_attempt(struct cps_spool_attempt *attempt)
{
    cps_transfer_clear(&attempt->transfer);
    free(attempt);
}

void cps_spool_free_attempts(struct cps_spool_attempt **list)
{
    while (*list) {
        struct cps_spool_attempt *attempt = *list;
        *list = attempt->next;
        free_attempt(attempt);
    }
}

/* On the I/O thread. */
static void attempt_done(struct cps_transfer *transfer)
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

/* Where it goes. While the destination's record is being looked for, its box alone has to wait. */
static enum cps_code aim(struct cps_spool_attempt *attempt, struct cps *cps, const struct stir_identity *dest)
{
    struct cps_target *target = NULL;
    struct cps_error *err = &attempt->error;
    if (cps->options.route_by_record &&
        cps_directory_get(cps->directory, &target, dest, NULL, err) == CPS_FOUND_LATER) {
        return cps_fail(err, CPS_E_BOX_FULL, "the destination's CPS is being looked for");
    }
    *err = (struct cps_error){0};
    enum cps_code code = cps_route_to(&attempt->transfer.request.route, cps, dest, target, err);
    cps_target_unref(target);
    return code;
}

/* A row that was lent becomes an attempt. What cannot become one is settled in the next transaction. */
static void take(void *arg, const struct cps_spool_entry *entry)
{
    struct cps_spool *spool = arg;
    struct stir_identity dest = {.len = (unsigned)strlen(entry->dest)};
    int64_t left = entry->keep_until ? entry->keep_until - cps_now(spool->cps) : 0;
    struct cps_spool_attempt *attempt = calloc(1, sizeof(*attempt));
    if (!attempt) {
        return; /* until its loan runs out */
    }
    attempt->spool = spool;
    attempt->entry = *entry;
    attempt->entry.envelope = NULL;
    attempt->transfer.done = attempt_done;
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
        code = aim(attempt, spool->cps, &dest);
    }
    attempt->ready = code == CPS_OK;
    attempt->next = spool->lent;
    spool->lent = attempt;
}

void cps_spool_judge(struct cps_spool *spool, struct cps_spool_attempt *attempt)
{
    enum cps_code code = cps_answer_status(&attempt->transfer.response, &attempt->error);
    unsigned after = attempt->error.retry_after_s;
    bool was_away = spool->retry.away;
    attempt->fate = cps_spool_fate(code);
    cps_spool_heard(&spool->retry, attempt->fate, after, cps_monotonic_ms(), cps_spool_chance());
    attempt->entry.due_ms = cps_spool_wall_ms();
    if (code != CPS_E_CLOSED) {
        attempt->entry.due_ms += cps_spool_pause(&spool->retry.pace, attempt->entry.tries, after, cps_spool_chance());
    }
    if (attempt->fate == CPS_FATE_REFUSED) {
        cps_log(spool->cps, CPS_LOG_WARNING, "the CPS refused a spooled envelope for good (%d): dropped",
                attempt->error.http_status);
    }
    if (spool->retry.away != was_away) {
        cps_log(spool->cps, CPS_LOG_NOTICE,
                was_away ? "the CPS answers again: the spool is being published" : "the CPS is away: %s",
                cps_error_name(code));
    }
    cps_transfer_clear(&attempt->transfer);
}

/* Writes down what came of one. */
static enum cps_code settle(struct cps_spool *spool, const struct cps_spool_attempt *attempt, struct cps_error *err)
{
    int64_t now = cps_now(spool->cps);
    switch (attempt->fate) {
    case CPS_FATE_PUBLISHED:
        return cps_spool_db_published(spool->db, &attempt->entry, err);
    case CPS_FATE_REFUSED:
        return cps_spool_db_drop(spool->db, &attempt->entry, CPS_SPOOL_REFUSED, now, err);
    case CPS_FATE_BOX:
        return cps_spool_db_defer(spool->db, &attempt->entry, true, err);
    case CPS_FATE_CPS:
    case CPS_FATE_LOCAL:
        break;
    }
    return attempt->entry.dest[0] ? cps_spool_db_defer(spool->db, &attempt->entry, false, err)
                                  : cps_spool_db_drop(spool->db, &attempt->entry, CPS_SPOOL_UNUSABLE, now, err);
}

static enum cps_code purge(struct cps_spool *spool, unsigned *dropped, struct cps_error *err)
{
    unsigned count = 1;
    enum cps_code code = CPS_OK;
    while (code == CPS_OK && count && *dropped < PURGE_AT_ONCE) {
        code = cps_spool_db_purge(spool->db, cps_now(spool->cps), cps_spool_wall_ms(), &count, err);
        *dropped += count;
    }
    return code;
}

static enum cps_code lend(struct cps_spool *spool, unsigned room, struct cps_error *err)
{
    int64_t now_ms = cps_spool_wall_ms();
    struct cps_spool_loan loan = {
        .loan = (int64_t)(cps_spool_chance() >> 2) + 1,
        .now = cps_now(spool->cps),
        .now_ms = now_ms,
        .until_ms = now_ms + spool->cps->options.request_timeout_ms + LOAN_MARGIN_MS,
        .count = room,
        .take = take,
        .arg = spool,
    };
    return cps_spool_db_lend(spool->db, &loan, err);
}

/* What there is to write, in one transaction. */
static enum cps_code write_down(struct cps_spool *spool, const struct cps_spool_view *view, unsigned room,
                                unsigned *dropped, struct cps_error *err)
{
    enum cps_code code = cps_spool_db_begin(spool->db, err);
    if (code != CPS_OK) {
        return code;
    }
    if (spool->unrecorded_full) {
        code = cps_spool_db_record(spool->db, NULL, CPS_SPOOL_FULL, spool->unrecorded_full, cps_now(spool->cps), err);
    }
    for (struct cps_spool_attempt *attempt = spool->unsettled; code == CPS_OK && attempt; attempt = attempt->next) {
        code = settle(spool, attempt, err);
    }
    if (code == CPS_OK && view->last_due_ms > cps_spool_wall_ms() + BEYOND_MS) {
        code = cps_spool_db_unstick(spool->db, cps_spool_wall_ms(), cps_spool_wall_ms() + BEYOND_MS, err);
    }
    if (code == CPS_OK && view->first_stale < cps_now(spool->cps)) {
        code = purge(spool, dropped, err);
    }
    if (code == CPS_OK && room) {
        code = lend(spool, room, err);
    }
    enum cps_code ended = cps_spool_db_end(spool->db, code == CPS_OK, code == CPS_OK ? err : NULL);
    return code == CPS_OK ? ended : code;
}

/* Gives the transport what was lent; what it does not take goes back. */
static void launch(struct cps_spool *spool)
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

static unsigned room_now(struct cps_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    unsigned room = spool->stopping ? 0 : cps_spool_room(&spool->retry, cps_monotonic_ms(), spool->under_way);
    pthread_mutex_unlock(&spool->lock);
    return room;
}

/* When there is something to do again, if nothing happens before. */
static void set_alarm(struct cps_spool *spool, const struct cps_spool_view *view)
{
    int64_t now_ms = cps_monotonic_ms();
    int64_t wait_ms = CPS_SPOOL_LOOK_EVERY_MS;
    if (view->next_due_ms != INT64_MAX) {
        int64_t due_ms = view->next_due_ms - cps_spool_wall_ms();
        int64_t paused_ms = spool->retry.not_before_ms - now_ms;
        due_ms = due_ms > paused_ms ? due_ms : paused_ms;
        wait_ms = due_ms < wait_ms ? due_ms : wait_ms;
    }
    spool->wake_ms = now_ms + (wait_ms > 0 ? wait_ms : 0);
}

void cps_spool_turn(struct cps_spool *spool)
{
    struct cps_error err = {0};
    struct cps_spool_view view;
    unsigned dropped = 0;
    spool->wake_ms = cps_monotonic_ms() + CPS_SPOOL_LOOK_EVERY_MS;
    if (!cps_spool_look(spool, &view)) {
        return;
    }
    unsigned room = view.next_due_ms <= cps_spool_wall_ms() ? room_now(spool) : 0;
    bool stuck = view.last_due_ms > cps_spool_wall_ms() + BEYOND_MS;
    if (room || spool->unsettled || stuck || spool->unrecorded_full || view.first_stale < cps_now(spool->cps)) {
        enum cps_code code = write_down(spool, &view, room, &dropped, &err);
        cps_spool_note_health(spool, code, &err);
        if (code != CPS_OK) {
            cps_spool_free_attempts(&spool->lent);
            return;
        }
        cps_spool_free_attempts(&spool->unsettled);
        spool->unrecorded_full = 0;
        if (dropped) {
            cps_log(spool->cps, CPS_LOG_WARNING, "%u spooled envelopes were not published in time: dropped", dropped);
        }
        launch(spool);
        if (!cps_spool_look(spool, &view)) {
            return;
        }
    }
    if (dropped >= PURGE_AT_ONCE) {
        spool->wake_ms = cps_monotonic_ms();
    } else if (room_now(spool) || spool->retry.not_before_ms > cps_monotonic_ms()) {
        set_alarm(spool, &view);
    }
}
