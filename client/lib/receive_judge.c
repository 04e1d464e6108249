#include "client/lib/certcache.h"
#include "client/lib/receive.h"
#include "client/lib/remote.h"
#include "client/lib/unseal.h"

#include <stdlib.h>
#include <string.h>

#define PENDING_MAX 64 /* PASSporTs of one sender whose certificates are being fetched */

/* ---- what came ---- */

void cps_receiving_take(struct receiving *op, struct cps_read *read)
{
    struct cps_envelopes listing = {0};
    struct cps_error err = {0};
    size_t fresh = 0;
    enum cps_code code = cps_answer_listing(&listing, &read->transfer.response, &err);
    if (code == CPS_OK) {
        code = cps_box_seal(op->box, &listing, &fresh, &err);
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

/* What is said of it instead of what it was found to be. */
static void consider_failed(struct receiving *op, const struct cps_entry *entry, enum cps_code code,
                            const struct cps_error *err)
{
    struct cps_result result = CPS_NO_RESULT;
    result.iat = entry->passport->iat;
    cps_result_set(&result, code, err);
    consider(op, entry, &result);
}

/* It passes if nobody else is first to take it out of its box. */
static void begin_claim(struct receiving *op, struct cps_entry *entry, const struct cps_result *result)
{
    struct cps_error err = {0};
    enum cps_code code = cps_claim_begin(&op->claim, &op->task, op->box, &op->message.dest[0], entry, result, &err);
    if (code != CPS_OK) {
        cps_verify_undo(op->task.cps, entry->passport);
        consider_failed(op, entry, code, &err);
    }
}

/* False: its certificate is being fetched. */
static bool judge(struct receiving *op, struct cps_entry *entry)
{
    struct cps_result result = CPS_NO_RESULT;
    struct cps_error err = {0};
    if (atomic_load(&entry->gone)) {
        consider_failed(op, entry, cps_fail(&err, CPS_E_REPLAYED, "the PASSporT was used before"), &err);
        return true;
    }
    pthread_mutex_lock(&entry->lock);
    bool judged =
        cps_verify(op->task.cps, entry->passport, entry->x5c, &entry->proof, &op->message, &op->task, &result);
    pthread_mutex_unlock(&entry->lock);
    if (judged && result.verdict == CPS_PASSED && op->task.cps->options.claim) {
        begin_claim(op, entry, &result);
    } else if (judged) {
        consider(op, entry, &result);
    }
    return judged;
}

bool cps_receiving_passed(const struct receiving *op)
{
    return op->any && op->best.verdict == CPS_PASSED;
}

bool cps_receiving_found(const struct receiving *op)
{
    return cps_receiving_passed(op) || op->claim.under_way;
}

static void give_up_on(struct receiving *op, const struct cps_entry *entry, const char *why)
{
    struct cps_error err = {0};
    consider_failed(op, entry, cps_fail(&err, CPS_E_X5U_FETCH, "x5u: %s", why), &err);
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

void cps_receiving_judge_pending(struct receiving *op)
{
    size_t left = 0;
    for (size_t i = 0; i < op->pending.count; i++) {
        struct cps_entry *entry = op->pending.items[i];
        if (cps_receiving_passed(op) || (!cps_receiving_found(op) && judge(op, entry))) {
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

enum cps_code cps_receiving_judge(struct receiving *op, enum cps_judging which, struct cps_error *err)
{
    static const char *const none[] = {NULL};
    struct cps_candidates found = {0};
    uint64_t *seen = &op->seen[which], before = *seen;
    bool by_digest = which == CPS_JUDGE_EXACT && op->digest_count;
    enum cps_code code = cps_box_collect(op->box, &found, &op->message.orig, by_digest ? op->digests : none,
                                         which == CPS_JUDGE_ALL ? 0
                                         : by_digest            ? op->digest_count
                                                                : 1,
                                         seen, err);
    for (size_t i = 0; i < found.count && !cps_receiving_found(op); i++) {
        struct cps_entry *entry = found.items[i];
        if (!is_pending(op, entry) && !judge(op, entry)) {
            found.items[i] = NULL;
            put_off(op, entry);
        }
    }
    if (op->claim.under_way) {
        *seen = before; /* the rest has its turn if somebody else was first */
    } else {
        op->candidates += which == CPS_JUDGE_ALL ? found.count : 0;
    }
    cps_candidates_clear(&found);
    return code;
}

static enum cps_code open_some(struct receiving *op, bool all, bool *opened, struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    for (struct cps_sealed *sealed;
         code == CPS_OK && (sealed = cps_box_unseal(op->box, all || !cps_receiving_found(op)));) {
        code = cps_unseal(op->task.cps, op->box, &op->keys, &sealed->envelope, err);
        cps_box_opened(op->box, sealed, code == CPS_OK);
        *opened = true;
        if (code == CPS_OK && !all && !cps_receiving_found(op)) {
            code = cps_receiving_judge(op, CPS_JUDGE_EXACT, err);
        }
    }
    return code;
}

enum cps_code cps_receiving_look(struct receiving *op, bool *busy, struct cps_error *err)
{
    bool all = op->task.cps->options.claim, opened = false;
    enum cps_code code = all ? CPS_OK : cps_receiving_judge(op, CPS_JUDGE_EXACT, err);
    if (code == CPS_OK) {
        code = open_some(op, all, &opened, err);
    }
    *busy = cps_box_tell(op->box, &op->task, opened);
    if (code == CPS_OK && !*busy && !cps_receiving_found(op) && all) {
        code = cps_receiving_judge(op, CPS_JUDGE_EXACT, err);
    }
    if (code == CPS_OK && !*busy && !cps_receiving_found(op) && op->digest_count) {
        code = cps_receiving_judge(op, CPS_JUDGE_ANY, err);
    }
    return code;
}

void cps_receiving_give_up(struct receiving *op, const char *why)
{
    for (size_t i = 0; i < op->pending.count; i++) {
        give_up_on(op, op->pending.items[i], why);
    }
}

/* ---- whose it is ---- */

bool cps_receiving_settle(struct receiving *op, enum cps_code *code, struct cps_error *err)
{
    struct cps_claim *claim = &op->claim;
    if (!cps_claim_is_over(claim, code, err)) {
        return false;
    }
    if (*code == CPS_OK) {
        consider(op, claim->entry, &claim->result);
    } else if (*code == CPS_E_REPLAYED) {
        consider_failed(op, claim->entry, *code, err);
        *code = CPS_OK;
    } else {
        cps_verify_undo(op->task.cps, claim->entry->passport);
    }
    cps_claim_clear(claim);
    return true;
}
