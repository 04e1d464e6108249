#include "client/lib/certcache.h"
#include "client/lib/open.h"
#include "client/lib/receive.h"
#include "client/lib/remote.h"

#include <stdlib.h>
#include <string.h>

#define PENDING_MAX 64 /* PASSporTs of one sender whose certificates are being fetched */

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

void cps_receiving_open(struct receiving *op, struct cps_read *read)
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

enum cps_code cps_receiving_judge(struct receiving *op, bool all, struct cps_error *err)
{
    struct cps_candidates found = {0};
    uint64_t *seen = all ? &op->seen_all : &op->seen, before = *seen;
    enum cps_code code = cps_box_collect(op->box, &found, &op->message.orig, all ? NULL : op->digests,
                                         all ? 0 : op->digest_count, seen, err);
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
        op->candidates += all ? found.count : 0;
    }
    cps_candidates_clear(&found);
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
