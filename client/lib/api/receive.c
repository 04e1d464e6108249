/* SPDX-License-Identifier: MIT */
#include "client/lib/api/receive.h"
#include "client/lib/box/box.h"
#include "client/lib/find/directory.h"
#include "client/lib/find/route.h"
#include "client/lib/verify/certcache.h"
#include "common/passport/msgi.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 250  /* pause before a failed first read is tried once more, ... */
#define AWAY_MS 1000  /* ... unless the CPS has been away for this long */
#define SLACK_MS 1000 /* beyond the timeouts of the requests themselves */

static void receive_clear(struct receiving *op)
{
    cps_checked_clear(&op->message);
    cps_keys_free(&op->keys);
    cps_candidates_clear(&op->pending);
    cps_candidates_clear(&op->suspects);
    cps_claim_clear(&op->claim);
    cps_vouches_clear(&op->vouches);
    cps_result_clear(&op->best);
}

/* ---- the way to the verdict ---- */

static void receive_conclude(struct receiving *op, enum cps_code code, const struct cps_error *err)
{
    struct cps_task *task = &op->task;
    if (op->box) {
        cps_box_leave(op->box, &op->arrival, code == CPS_OK && cps_receiving_passed(op), task);
    }
    cps_certcache_leave(task->cps->certs, task);
    cps_directory_leave(task->cps->directory, task);
    if (code != CPS_OK) {
        cps_result_clear(&op->best);
        cps_result_set(&op->best, code, err);
    }
    op->best.candidates = op->candidates;
    cps_task_end(task);
    if (op->callback) {
        op->callback(op->arg, &op->best);
        receive_clear(op);
        free(op);
    }
}

static void receive_conclude_best(struct receiving *op)
{
    struct cps_error err = {0};
    cps_receiving_give_up(op, "the certificate was not fetched in time");
    if (op->any) {
        receive_conclude(op, CPS_OK, NULL);
    } else {
        (void)cps_fail(&err, CPS_E_NO_PASSPORT, "the box holds no PASSporT %s this sender%s",
                       op->candidates ? "for this message, only for other messages from" : "from",
                       op->suspects.count ? "; they may belong to messages that arrived without a PASSporT" : "");
        receive_conclude(op, CPS_E_NO_PASSPORT, &err);
    }
}

/* A CPS that has just gone away may be restarting, so one retry is worth its while. One that stays away is not waited
 * for. */
static bool receive_should_retry(const struct receiving *op, enum cps_code code)
{
    struct cps_route *route = NULL;
    if (code != CPS_E_AWAY) {
        return code != CPS_E_CONFIG;
    }
    if (cps_route_to(&route, op->task.cps, &op->message.dest[0], NULL, NULL) != CPS_OK) {
        return false;
    }
    bool just_now = cps_route_away_ms(route) < AWAY_MS;
    cps_route_unref(route);
    return just_now;
}

/* Reads what is in the box now. Returns true when that is done; false if a later step continues, or the operation has
 * ended. */
static bool receive_read_box(struct receiving *op, int64_t now)
{
    struct cps_error outcome = {0};
    int64_t again;
    if (now < op->retry_ms) { /* in the pause before the retry */
        op->task.due_ms = op->retry_ms;
        return false;
    }
    if (!cps_box_outcome(op->box, &op->read, &outcome)) {
        /* No read that began after the message arrived has come to the end of the box. */
        if (now >= op->last_ms) {
            (void)cps_fail(&outcome, CPS_E_TIMEOUT, "the box could not be read in time");
        } else if (cps_box_read(op->box, CPS_READ_PLAIN, 0, &again, &outcome) == CPS_OK) {
            op->task.due_ms = op->last_ms;
            return false;
        }
    }
    if (outcome.code == CPS_OK) {
        return true;
    }
    if (!op->retried && receive_should_retry(op, outcome.code) && now + RETRY_MS < op->deadline_ms) {
        op->retried = true;
        op->read++;
        op->retry_ms = now + RETRY_MS;
        op->task.due_ms = op->retry_ms;
        return false;
    }
    receive_conclude(op, outcome.code, &outcome);
    return false;
}

/* Waits for PASSporTs that arrive after the message. Returns true when wait_ms are over; false if a later step
 * continues, or the operation has ended. */
static bool receive_wait(struct receiving *op, int64_t now)
{
    struct cps_error err = {0};
    int64_t again = 0;
    if (now >= op->deadline_ms) {
        return true;
    }
    enum cps_code code = cps_box_read(op->box, CPS_READ_WAIT, (uint32_t)(op->deadline_ms - now), &again, &err);
    if (code == CPS_E_AWAY && !op->pending.count) {
        receive_conclude(op, code, &err); /* the PASSporT may be there, but nobody can read it */
        return false;
    }
    if (code != CPS_OK) {
        again = now + SLACK_MS;
    }
    op->task.due_ms = again && again < op->deadline_ms ? again : op->deadline_ms;
    return false;
}

/* Nothing passed: the verdict is the best one of all PASSporTs that say something about this message. */
static void receive_finish(struct receiving *op, int64_t now)
{
    struct cps_error err = {0};
    enum cps_code code = cps_receiving_find_evidence(op, &err);
    if (op->claim.under_way) {
        return;
    }
    if (code != CPS_OK) {
        receive_conclude(op, code, &err);
    } else if (!cps_receiving_passed(op) && op->pending.count && now < op->last_ms) {
        op->task.due_ms = op->last_ms;
    } else {
        receive_conclude_best(op);
    }
}

static void receive_advance(struct receiving *op)
{
    int64_t now = cps_monotonic_ms();
    if (op->phase == READING) {
        if (!receive_read_box(op, now)) {
            return;
        }
        op->phase = WAITING;
    }
    if (op->phase == WAITING) {
        if (!receive_wait(op, now)) {
            return;
        }
        op->phase = LAST;
    }
    receive_finish(op, now);
}

static enum cps_code receive_enter_box(struct receiving *op, struct cps_error *err)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint8_t thumbprints[CPS_KEYS_MAX * sizeof(op->keys.items[0]->thumbprint)];
    const struct cps_options *options = &op->task.cps->options;
    size_t n = 0;
    for (size_t i = 0; i < op->keys.count; i++, n += sizeof(op->keys.items[0]->thumbprint)) {
        memcpy(thumbprints + n, op->keys.items[i]->thumbprint, sizeof(op->keys.items[0]->thumbprint));
    }
    if (!SHA256(thumbprints, n, digest)) {
        return cps_fail(err, CPS_E_CRYPTO, "SHA-256 failed");
    }
    op->deadline_ms = op->arrival.at_ms + op->wait_ms;
    op->last_ms = op->deadline_ms + options->request_timeout_ms + options->x5u_timeout_ms + SLACK_MS;
    return cps_box_enter(&op->box, op->task.cps->boxes, digest, &op->arrival, &op->task, &op->read, err);
}

/* Finds where the destination's box is, if options.route_by_record says that its key record decides: box.c then uses
 * what the directory knows. Returns false while the record is being looked up. */
static bool receive_find_box(struct receiving *op)
{
    struct cps *cps = op->task.cps;
    struct cps_targets *targets = NULL;
    struct cps_error err = {0};
    if (op->found || !cps->options.route_by_record) {
        return true;
    }
    op->found = cps_directory_get(cps->directory, &targets, &op->message.dest[0], &op->task, &err) != CPS_FOUND_LATER;
    cps_targets_unref(targets);
    return op->found;
}

/* Opens the envelopes that have arrived and judges their PASSporTs. */
static void receive_process_box(struct receiving *op)
{
    struct cps_error err = {0};
    enum cps_code code = CPS_OK;
    bool busy = false;
    for (struct cps_read *read; (read = cps_box_take(op->box));) {
        cps_receiving_take(op, read);
    }
    cps_receiving_judge_pending(op);
    if (!cps_receiving_found(op)) {
        code = cps_receiving_look(op, &busy, &err);
    }
    if (op->claim.under_way) {
        return;
    }
    if (code != CPS_OK || cps_receiving_passed(op)) {
        receive_conclude(op, cps_receiving_passed(op) ? CPS_OK : code, &err);
    } else if (busy) {
        op->task.due_ms = op->last_ms;
    } else {
        receive_advance(op);
    }
}

static void receive_step(struct cps_task *task)
{
    struct receiving *op = (struct receiving *)task;
    struct cps_error err = {0};
    enum cps_code code = CPS_OK;
    /* A claim at the CPS decides before anything else is judged. */
    if (op->claim.under_way && !cps_receiving_settle(op, &code, &err)) {
        return;
    }
    if (code != CPS_OK || cps_receiving_passed(op)) {
        receive_conclude(op, code, &err);
        return;
    }
    /* A blocking call keeps the handle in use, so only background operations can find it closing. */
    code = task->background && atomic_load(&task->cps->closing) ? CPS_E_CLOSED : CPS_OK;
    if (code == CPS_OK && !receive_find_box(op)) {
        return;
    }
    if (code == CPS_OK && !op->box) {
        code = receive_enter_box(op, &err);
    }
    if (code != CPS_OK) {
        receive_conclude(op, code, &err);
    } else {
        receive_process_box(op);
    }
}

/* ---- beginning ---- */

static enum cps_code receive_digest_body(struct receiving *op, struct cps_error *err)
{
    struct stir_error cause = {0};
    for (int alg = STIR_MSGI_SHA256; op->message.body && alg <= STIR_MSGI_SHA512; alg++) {
        enum stir_code code =
            stir_msgi_make(op->msgi[alg], (enum stir_msgi_alg)alg, op->message.body, op->message.body_len, &cause);
        if (code != STIR_OK) {
            return cps_fail_stir(err, code, &cause);
        }
        op->digests[op->digest_count++] = op->msgi[alg];
    }
    for (size_t i = 0; i < op->message.reading_count; i++) {
        for (int alg = STIR_MSGI_SHA256; alg <= STIR_MSGI_SHA512; alg++) {
            op->digests[op->digest_count++] = op->message.readings[i].msgi[alg];
        }
    }
    return CPS_OK;
}

/* On failure the caller clears. */
static enum cps_code receive_prepare(struct receiving *op, struct cps *cps, const struct cps_message *message,
                                     const struct cps_key *const *keys, size_t key_count, uint32_t wait_ms, bool keep,
                                     struct cps_error *err)
{
    if (!cps) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    op->task.cps = cps;
    op->task.step = receive_step;
    op->wait_ms = wait_ms;
    enum cps_code code = cps_message_check(&op->message, cps, message, keep, err);
    if (code != CPS_OK) {
        return code;
    }
    if (op->message.dest_count != 1) {
        return cps_fail(err, CPS_E_INVAL, "a message that arrived has one dest, not %zu", op->message.dest_count);
    }
    code = cps_keys_take(&op->keys, keys, key_count, true, err);
    if (code != CPS_OK) {
        return code;
    }
    if (!cps->trust) {
        return cps_fail(err, CPS_E_CONFIG, "no trusted roots are configured (trust_file, list_files, list_urls)");
    }
    /* The moment of arrival decides about freshness, however long the PASSporT is waited for. */
    op->message.arrived = cps_now(cps);
    op->arrival = (struct cps_arrival){.message = &op->message,
                                       .digests = op->digests,
                                       .announced = message->announced,
                                       .at_ms = cps_monotonic_ms()};
    code = receive_digest_body(op, err);
    op->arrival.digest_count = op->digest_count;
    return code;
}

enum cps_code cps_announce(struct cps *cps, const char *orig, const char *dest, struct cps_error *err)
{
    const struct cps_message message = {.orig = orig, .dest = &dest, .dest_count = 1};
    struct cps_checked checked = {0};
    enum cps_code code =
        cps ? cps_message_check(&checked, cps, &message, false, err) : cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    if (code == CPS_OK) {
        cps_boxes_announce(cps->boxes, &checked.orig, &checked.dest[0]);
        cps_checked_clear(&checked);
    }
    return code;
}

void cps_set_evidence_since(struct cps *cps, int64_t since)
{
    cps_boxes_set_evidence_since(cps->boxes, since);
}

enum cps_code cps_receive(struct cps *cps, const struct cps_message *message, const struct cps_key *const *keys,
                          size_t key_count, uint32_t wait_ms, struct cps_result *out)
{
    struct receiving op = {.best = CPS_NO_RESULT};
    struct cps_error err = {0};
    enum cps_code code = receive_prepare(&op, cps, message, keys, key_count, wait_ms, false, &err);
    if (code == CPS_OK) {
        code = cps_task_run(&op.task, &err);
    }
    if (code != CPS_OK) {
        cps_result_set(&op.best, code, &err);
    }
    code = op.best.error.code;
    if (out) {
        *out = op.best;
        op.best = CPS_NO_RESULT;
    }
    receive_clear(&op);
    return code;
}

enum cps_code cps_receive_async(struct cps *cps, const struct cps_message *message, const struct cps_key *const *keys,
                                size_t key_count, uint32_t wait_ms, cps_result_cb callback, void *arg,
                                struct cps_error *err)
{
    struct receiving *op = calloc(1, sizeof(*op));
    if (!op) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    op->best = CPS_NO_RESULT;
    op->callback = callback;
    op->arg = arg;
    enum cps_code code = callback ? receive_prepare(op, cps, message, keys, key_count, wait_ms, true, err)
                                  : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->task, err);
    }
    if (code != CPS_OK) {
        receive_clear(op);
        free(op);
    }
    return code;
}
