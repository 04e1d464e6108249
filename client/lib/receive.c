#include "client/lib/box.h"
#include "client/lib/certcache.h"
#include "client/lib/directory.h"
#include "client/lib/key.h"
#include "client/lib/open.h"
#include "client/lib/remote.h"
#include "common/msgi.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 250   /* before the one more try that a failed first read gets */
#define PENDING_MAX 64 /* PASSporTs of one sender whose certificates are being fetched */
#define SLACK_MS 1000

/* A message that arrived, on its way to a verdict. */
struct receiving {
    struct cps_task task;
    struct cps_checked message;
    struct cps_keys keys;
    char msgi[3][STIR_MSGI_MAX]; /* of the body */
    const char *digests[4];      /* those, and NULL for PASSporTs without any: what can pass */
    size_t digest_count;
    uint32_t wait_ms;
    int64_t deadline_ms; /* for a PASSporT to arrive */
    int64_t last_ms;     /* for everything */

    bool found; /* where the box is */
    struct cps_box *box;
    enum {
        READING, /* all that is in the box now */
        WAITING, /* for what comes next */
        LAST,    /* nothing more is waited for but certificates */
    } phase;
    uint64_t read; /* the plain read that has to be over */
    bool retried;
    int64_t retry_ms;

    uint64_t seen, seen_all;       /* entries judged that can pass; and all from orig */
    struct cps_candidates pending; /* their certificates are being fetched */
    struct cps_result best;
    bool any;
    size_t candidates;

    cps_result_cb callback;
    void *arg;
};

static void clear(struct receiving *op)
{
    cps_checked_clear(&op->message);
    cps_keys_free(&op->keys);
    cps_candidates_clear(&op->pending);
    cps_result_clear(&op->best);
}

/* ---- opening what came ---- */

static enum cps_code add_opened(struct receiving *op, const struct cps_envelope *envelope,
                                const struct stir_opened *opened, struct cps_error *err)
{
    struct cps *cps = op->task.cps;
    struct stir_error cause = {0};
    struct stir_passport *passport = NULL;
    struct cps_chain *x5c = NULL;
    enum cps_code code = CPS_OK;
    enum stir_code parsed =
        stir_passport_parse(&passport, opened->passport.ptr, opened->passport.len, &cps->numbering, &cause);
    if (parsed != STIR_OK) {
        return cps_fail_stir(err, parsed, &cause);
    }
    if (opened->x5c_count) {
        code = cps_certcache_from_der(cps->certs, &x5c, opened->x5c, opened->x5c_count, err);
    }
    struct cps_entry *entry =
        code == CPS_E_NOMEM ? NULL : cps_entry_new(envelope->id, passport, x5c, code == CPS_OK ? NULL : err);
    if (!entry) {
        stir_passport_free(passport);
        cps_chain_unref(x5c);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    cps_box_add(op->box, entry);
    return CPS_OK;
}

/* An envelope that cannot be opened, or holds nothing that could be from anybody, is not ours. CPS_E_NOMEM. */
static enum cps_code open_one(struct receiving *op, const struct cps_envelope *envelope, struct cps_error *err)
{
    struct stir_opened opened = {0};
    size_t index;
    enum cps_code code = cps_open_with(&opened, &index, envelope->text, envelope->len,
                                       (const struct cps_key *const *)op->keys.items, op->keys.count, err);
    if (code == CPS_OK) {
        code = add_opened(op, envelope, &opened, err);
        stir_opened_clear(&opened);
        if (code != CPS_OK && code != CPS_E_NOMEM) {
            cps_log(op->task.cps, CPS_LOG_INFO, "envelope %s: %s", envelope->id, err->text);
        }
    }
    if (code == CPS_OK || code == CPS_E_NOMEM) {
        return code;
    }
    cps_box_not_ours(op->box, envelope->id);
    return CPS_OK;
}

static void open_answer(struct receiving *op, struct cps_read *read)
{
    struct cps_envelopes listing = {0};
    struct cps_error err = {0};
    size_t fresh = 0;
    enum cps_code code = cps_answer_listing(&listing, &read->transfer.response, &err);
    for (size_t i = 0; code == CPS_OK && i < listing.count; i++) {
        if (!cps_box_knows(op->box, listing.items[i].id)) {
            fresh++;
            code = open_one(op, &listing.items[i], &err);
        }
    }
    if (code == CPS_OK) {
        err = (struct cps_error){0};
    } else {
        cps_log(op->task.cps, CPS_LOG_NOTICE, "a box could not be read: %s", err.text);
    }
    cps_box_done(read, listing.cursor, fresh, &err);
    cps_envelopes_clear(&listing);
}

/* ---- judging ---- */

/* The best verdict counts. But where we failed to judge a PASSporT (no memory, replay memory full), nobody knows what
 * it would have been: only one that passes is better than that. */
static bool is_better(const struct cps_result *result, const struct cps_result *best)
{
    if (result->verdict == CPS_CPS_UNAVAILABLE || best->verdict == CPS_CPS_UNAVAILABLE) {
        return best->verdict != CPS_PASSED && (result->verdict == CPS_PASSED || best->verdict != CPS_CPS_UNAVAILABLE);
    }
    return result->verdict < best->verdict;
}

static void consider(struct receiving *op, const struct cps_entry *entry, struct cps_result *result)
{
    if (op->any && !is_better(result, &op->best)) {
        return;
    }
    cps_result_clear(&op->best);
    op->best = *result;
    op->any = true;
    memcpy(op->best.envelope_id, entry->id, sizeof(entry->id));
    cps_result_show(&op->best, entry->passport);
}

/* False: its certificate is being fetched. */
static bool judge(struct receiving *op, struct cps_entry *entry)
{
    struct cps_result result = CPS_NO_RESULT;
    pthread_mutex_lock(&entry->lock);
    bool judged =
        cps_verify(op->task.cps, entry->passport, entry->x5c, &entry->proof, &op->message, &op->task, &result);
    pthread_mutex_unlock(&entry->lock);
    if (judged) {
        consider(op, entry, &result);
    }
    return judged;
}

static bool passed(const struct receiving *op)
{
    return op->any && op->best.verdict == CPS_PASSED;
}

static void give_up_on(struct receiving *op, const struct cps_entry *entry, const char *why)
{
    struct cps_result result = CPS_NO_RESULT;
    struct cps_error err = {0};
    result.iat = entry->passport->iat;
    cps_result_set(&result, cps_fail(&err, CPS_E_X5U_FETCH, "x5u: %s", why), &err);
    consider(op, entry, &result);
}

static bool is_pending(const struct receiving *op, const struct cps_entry *entry)
{
    for (size_t i = 0; i < op->pending.count; i++) {
        if (op->pending.items[i] == entry) {
            return true;
        }
    }
    return false;
}

static void judge_pending(struct receiving *op)
{
    size_t left = 0;
    for (size_t i = 0; i < op->pending.count; i++) {
        struct cps_entry *entry = op->pending.items[i];
        if (passed(op) || judge(op, entry)) {
            cps_entry_unref(entry);
        } else {
            op->pending.items[left++] = entry;
        }
    }
    op->pending.count = left;
}

/* Moves a candidate to those whose certificates are being fetched; the reference goes along. */
static void put_off(struct receiving *op, struct cps_entry *entry)
{
    struct cps_candidates *pending = &op->pending;
    if (!pending->items) {
        pending->items = calloc(PENDING_MAX, sizeof(struct cps_entry *));
        pending->cap = pending->items ? PENDING_MAX : 0;
    }
    if (pending->count < pending->cap) {
        pending->items[pending->count++] = entry;
    } else {
        give_up_on(op, entry, "too many certificates have to be fetched for this sender");
        cps_entry_unref(entry);
    }
}

/* Judges entries that were not judged before: those that can pass, or all. */
static enum cps_code judge_new(struct receiving *op, bool all, struct cps_error *err)
{
    struct cps_candidates found = {0};
    enum cps_code code = cps_box_collect(op->box, &found, &op->message.orig, all ? NULL : op->digests,
                                         all ? 0 : op->digest_count, all ? &op->seen_all : &op->seen, err);
    op->candidates += all ? found.count : 0;
    for (size_t i = 0; i < found.count && !passed(op); i++) {
        struct cps_entry *entry = found.items[i];
        if (!is_pending(op, entry) && !judge(op, entry)) {
            found.items[i] = NULL;
            put_off(op, entry);
        }
    }
    cps_candidates_clear(&found);
    return code;
}

/* ---- the way to the verdict ---- */

static void conclude(struct receiving *op, enum cps_code code, const struct cps_error *err)
{
    struct cps_task *task = &op->task;
    if (op->box) {
        cps_box_leave(op->box, task);
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
        clear(op);
        free(op);
    }
}

static void conclude_best(struct receiving *op)
{
    struct cps_error err = {0};
    for (size_t i = 0; i < op->pending.count; i++) {
        give_up_on(op, op->pending.items[i], "the certificate did not come in time");
    }
    if (op->any) {
        conclude(op, CPS_OK, NULL);
    } else {
        (void)cps_fail(&err, CPS_E_NO_PASSPORT, "the box holds no PASSporT from this sender");
        conclude(op, CPS_E_NO_PASSPORT, &err);
    }
}

/* Reads what is in the box. True: that is done. False: the next step goes on, or the operation is over. */
static bool read_box(struct receiving *op, int64_t now)
{
    struct cps_error outcome = {0};
    int64_t again;
    if (now < op->retry_ms) {
        op->task.due_ms = op->retry_ms;
        return false;
    }
    if (!cps_box_outcome(op->box, &op->read, &outcome)) {
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
    if (!op->retried && outcome.code != CPS_E_CONFIG && now + RETRY_MS < op->deadline_ms) {
        op->retried = true;
        op->read++;
        op->retry_ms = now + RETRY_MS;
        op->task.due_ms = op->retry_ms;
        return false;
    }
    conclude(op, outcome.code, &outcome);
    return false;
}

/* Waits for what comes next. True: long enough. */
static bool wait_for_more(struct receiving *op, int64_t now)
{
    struct cps_error err = {0};
    int64_t again = 0;
    if (now >= op->deadline_ms) {
        return true;
    }
    if (cps_box_read(op->box, CPS_READ_WAIT, (uint32_t)(op->deadline_ms - now), &again, &err) != CPS_OK) {
        again = now + SLACK_MS;
    }
    op->task.due_ms = again && again < op->deadline_ms ? again : op->deadline_ms;
    return false;
}

/* Nothing passed: the verdict is the best of all from this sender. */
static void finish(struct receiving *op, int64_t now)
{
    struct cps_error err = {0};
    enum cps_code code = judge_new(op, true, &err);
    if (code != CPS_OK) {
        conclude(op, code, &err);
    } else if (!passed(op) && op->pending.count && now < op->last_ms) {
        op->task.due_ms = op->last_ms;
    } else {
        conclude_best(op);
    }
}

static void go_on(struct receiving *op)
{
    int64_t now = cps_monotonic_ms();
    if (op->phase == READING) {
        if (!read_box(op, now)) {
            return;
        }
        op->phase = WAITING;
    }
    if (op->phase == WAITING) {
        if (!wait_for_more(op, now)) {
            return;
        }
        op->phase = LAST;
    }
    finish(op, now);
}

static enum cps_code enter(struct receiving *op, struct cps_error *err)
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
    op->deadline_ms = cps_monotonic_ms() + op->wait_ms;
    op->last_ms = op->deadline_ms + options->request_timeout_ms + options->x5u_timeout_ms + SLACK_MS;
    return cps_box_enter(&op->box, op->task.cps->boxes, &op->message.dest[0], digest, &op->task, &op->read, err);
}

/* The destination's own record says where its box is; box.c looks at what is known of it. False: later. */
static bool find(struct receiving *op)
{
    struct cps *cps = op->task.cps;
    struct cps_target *target = NULL;
    struct cps_error err = {0};
    if (op->found || !cps->options.route_by_record) {
        return true;
    }
    op->found = cps_directory_get(cps->directory, &target, &op->message.dest[0], &op->task, &err) != CPS_FOUND_LATER;
    cps_target_unref(target);
    return op->found;
}

static void step(struct cps_task *task)
{
    struct receiving *op = (struct receiving *)task;
    struct cps_error err = {0};
    enum cps_code code = task->background && atomic_load(&task->cps->closing) ? CPS_E_CLOSED : CPS_OK;
    if (code == CPS_OK && !find(op)) {
        return;
    }
    if (code == CPS_OK && !op->box) {
        code = enter(op, &err);
    }
    if (code != CPS_OK) {
        conclude(op, code, &err);
        return;
    }
    for (struct cps_read *read; (read = cps_box_take(op->box));) {
        open_answer(op, read);
    }
    judge_pending(op);
    if (!passed(op)) {
        code = judge_new(op, false, &err);
    }
    if (code != CPS_OK || passed(op)) {
        conclude(op, passed(op) ? CPS_OK : code, &err);
    } else {
        go_on(op);
    }
}

/* ---- beginning ---- */

static enum cps_code digest_body(struct receiving *op, struct cps_error *err)
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
    op->digests[op->digest_count++] = NULL;
    return CPS_OK;
}

/* On failure the caller clears. */
static enum cps_code prepare(struct receiving *op, struct cps *cps, const struct cps_message *message,
                             const struct cps_key *const *keys, size_t key_count, uint32_t wait_ms, bool keep,
                             struct cps_error *err)
{
    if (!cps) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    op->task.cps = cps;
    op->task.step = step;
    op->wait_ms = wait_ms;
    enum cps_code code = cps_message_check(&op->message, cps, message, keep, err);
    if (code == CPS_OK && op->message.dest_count != 1) {
        code = cps_fail(err, CPS_E_INVAL, "a message arrives at one dest, not at %zu", op->message.dest_count);
    }
    if (code == CPS_OK) {
        code = cps_keys_take(&op->keys, keys, key_count, true, err);
    }
    if (code == CPS_OK && !cps->trust) {
        code = cps_fail(err, CPS_E_CONFIG, "no trusted roots are configured (trust_file)");
    }
    return code == CPS_OK ? digest_body(op, err) : code;
}

enum cps_code cps_receive(struct cps *cps, const struct cps_message *message, const struct cps_key *const *keys,
                          size_t key_count, uint32_t wait_ms, struct cps_result *out)
{
    struct receiving op = {.best = CPS_NO_RESULT};
    struct cps_error err = {0};
    enum cps_code code = prepare(&op, cps, message, keys, key_count, wait_ms, false, &err);
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
    clear(&op);
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
    enum cps_code code = callback ? prepare(op, cps, message, keys, key_count, wait_ms, true, err)
                                  : cps_fail(err, CPS_E_INVAL, "callback is NULL");
    if (code == CPS_OK) {
        code = cps_task_start(&op->task, err);
    }
    if (code != CPS_OK) {
        clear(op);
        free(op);
    }
    return code;
}
