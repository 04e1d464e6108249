/* SPDX-License-Identifier: MIT */
#include "client/lib/api/receive.h"
#include "client/lib/box/unseal.h"
#include "client/lib/net/cps_http.h"
#include "client/lib/verify/certcache.h"
#include "client/lib/verify/used_passports.h"

#include <stdlib.h>
#include <string.h>

#define PENDING_MAX 64 /* PASSporTs of one sender whose certificates are being fetched at one time */
#define OTHERS_MAX 32  /* PASSporTs with other texts that are verified for one message, so that a flood costs little */
#define MORE_MAX 64    /* envelopes opened after one that could pass, where processes share a replay memory */

/* ---- answers of the CPS ---- */

void cps_receiving_take(struct receiving *op, struct cps_read *read)
{
    struct cps_envelopes listing = {0};
    struct cps_error err = {0};
    size_t fresh = 0;
    enum cps_code code = cps_answer_listing(&listing, &read->transfer.response, &err);
    if (code == CPS_OK) {
        code = cps_box_seal(read, &listing, &fresh, &err);
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

/* Returns true if a result takes the place of the best one so far: the smaller verdict wins. A PASSporT that could not
 * be judged (out of memory, replay memory full) might have got any verdict, so only one that passes is better. */
static bool judge_is_better(const struct cps_result *result, const struct cps_result *best)
{
    if (result->verdict == CPS_CPS_UNAVAILABLE || best->verdict == CPS_CPS_UNAVAILABLE) {
        return best->verdict != CPS_PASSED && (result->verdict == CPS_PASSED || best->verdict != CPS_CPS_UNAVAILABLE);
    }
    return result->verdict < best->verdict;
}

static void judge_keep_best(struct receiving *op, const struct cps_entry *entry, struct cps_result *result)
{
    if (op->any && !judge_is_better(result, &op->best)) {
        return;
    }
    cps_result_clear(&op->best);
    op->best = *result;
    op->any = true;
    memcpy(op->best.envelope_id, entry->id, sizeof(entry->id));
    cps_result_show(&op->best, entry->passport);
}

/* Gives an entry a failure as its result, with its signer as far as that is known. */
static void judge_keep_failure(struct receiving *op, struct cps_entry *entry, enum cps_code code,
                               const struct cps_error *err)
{
    struct cps_result result = CPS_NO_RESULT;
    result.iat = entry->passport->iat;
    pthread_mutex_lock(&entry->lock);
    cps_result_name_signer(&result, &entry->proof);
    pthread_mutex_unlock(&entry->lock);
    cps_result_set(&result, code, err);
    judge_keep_best(op, entry, &result);
}

static enum cps_judging judge_kind(const struct receiving *op, const struct cps_entry *entry)
{
    if (cps_arrival_fits(&op->arrival, entry->passport)) {
        return CPS_JUDGE_EXACT;
    }
    return cps_arrival_is_loose(&op->arrival, entry->passport) ? CPS_JUDGE_LOOSE : CPS_JUDGE_OTHER;
}

/* Adds a good PASSporT to those that may be this message's. Those without a digest of the text (loose) and those with
 * the message's own are never matched together. */
static void judge_add_vouch(struct receiving *op, struct cps_entry *entry, bool loose)
{
    struct cps_error err = {0};
    if (loose != op->loose) {
        cps_vouches_clear(&op->vouches);
        op->loose = loose;
    }
    enum cps_code code = cps_vouches_add(&op->vouches, entry, &err);
    op->match_due = true;
    if (code != CPS_OK) {
        judge_keep_failure(op, entry, code, &err);
    }
}

static bool judge_text_differs(const struct cps_result *result)
{
    return result->error.code == CPS_E_MSGI_MISMATCH || result->error.code == CPS_E_MSGI;
}

/* Keeps a PASSporT that is good but for its text: it may be evidence that this text was changed. */
static void judge_add_suspect(struct receiving *op, struct cps_entry *entry)
{
    struct cps_candidates *suspects = &op->suspects;
    if (!suspects->items) {
        suspects->items = calloc(OTHERS_MAX, sizeof(struct cps_entry *));
        suspects->cap = suspects->items ? OTHERS_MAX : 0;
    }
    if (suspects->count < suspects->cap) {
        suspects->items[suspects->count++] = cps_entry_ref(entry);
    }
}

static bool judge_verify(struct receiving *op, struct cps_entry *entry, struct cps_result *result)
{
    struct cps_error err = {0};
    pthread_mutex_lock(&entry->lock);
    bool judged = cps_verify(op->task.cps, entry->passport, entry->x5c, &entry->proof, &op->message, &op->task, result);
    if (judged && result->verdict == CPS_PASSED && !entry->vouches && !cps_vouch_note_signer(entry)) {
        cps_result_set(result, cps_fail(&err, CPS_E_NOMEM, "out of memory"), &err);
    }
    pthread_mutex_unlock(&entry->lock);
    return judged;
}

/* Returns true if an entry is known to be good and used, so that a copy of its message is replayed. */
static bool judge_is_used(struct cps_entry *entry)
{
    pthread_mutex_lock(&entry->lock);
    bool known = entry->vouches;
    pthread_mutex_unlock(&entry->lock);
    return known && (atomic_load(&entry->gone) || atomic_load(&entry->used_at));
}

/* Judges one entry and files the result. Returns false while its certificate is being fetched. */
static bool judge_entry(struct receiving *op, struct cps_entry *entry)
{
    struct cps_result result = CPS_NO_RESULT;
    struct cps_error err = {0};
    enum cps_judging kind = judge_kind(op, entry);
    op->fitted |= kind == CPS_JUDGE_EXACT;
    /* Past uses decide first: verifying again could not make a used PASSporT pass. */
    if (kind != CPS_JUDGE_OTHER && atomic_load(&entry->forgotten)) {
        judge_keep_failure(op, entry,
                           cps_fail(&err, CPS_E_STALE, "the CPS no longer knows whether the PASSporT was used"), &err);
        return true;
    }
    if (kind != CPS_JUDGE_OTHER && judge_is_used(entry)) {
        judge_add_vouch(op, entry, kind == CPS_JUDGE_LOOSE);
        return true;
    }
    if (!judge_verify(op, entry, &result)) {
        return false;
    }
    /* A good one still has to be matched to the message; one with another text counts only as evidence. */
    if (result.verdict == CPS_PASSED) {
        judge_add_vouch(op, entry, kind == CPS_JUDGE_LOOSE);
    } else if (kind != CPS_JUDGE_OTHER) {
        judge_keep_best(op, entry, &result);
    } else if (judge_text_differs(&result)) {
        judge_add_suspect(op, entry);
    }
    return true;
}

bool cps_receiving_passed(const struct receiving *op)
{
    return op->any && op->best.verdict == CPS_PASSED;
}

bool cps_receiving_found(const struct receiving *op)
{
    return cps_receiving_passed(op) || op->claim.under_way;
}

/* Gives up an entry whose certificate does not come. One with another text says nothing about this message then. */
static void judge_give_up_entry(struct receiving *op, struct cps_entry *entry, const char *why)
{
    struct cps_error err = {0};
    if (judge_kind(op, entry) != CPS_JUDGE_OTHER) {
        judge_keep_failure(op, entry, cps_fail(&err, CPS_E_X5U_FETCH, "x5u: %s", why), &err);
    }
}

static bool judge_is_pending(const struct receiving *op, const struct cps_entry *entry)
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
        if (cps_receiving_passed(op) || (!cps_receiving_found(op) && judge_entry(op, entry))) {
            cps_entry_unref(entry);
        } else {
            op->pending.items[left++] = entry;
        }
    }
    op->pending.count = left;
}

/* Moves a candidate to those whose certificates are being fetched; the reference goes along. */
static void judge_defer(struct receiving *op, struct cps_entry *entry)
{
    struct cps_candidates *pending = &op->pending;
    if (!pending->items) {
        pending->items = calloc(PENDING_MAX, sizeof(struct cps_entry *));
        pending->cap = pending->items ? PENDING_MAX : 0;
    }
    if (pending->count < pending->cap) {
        pending->items[pending->count++] = entry;
    } else {
        judge_give_up_entry(op, entry, "too many certificates are being fetched for this sender");
        cps_entry_unref(entry);
    }
}

static void judge_or_defer(struct receiving *op, struct cps_entry **item)
{
    if (!judge_is_pending(op, *item) && !judge_entry(op, *item)) {
        judge_defer(op, *item);
        *item = NULL;
    }
}

/* Judges entries that can pass and were not judged before. CPS_E_NOMEM. */
static enum cps_code judge_new_entries(struct receiving *op, enum cps_judging which, struct cps_error *err)
{
    static const char *const none[] = {NULL};
    struct cps_candidates found = {0};
    bool by_digest = which == CPS_JUDGE_EXACT && op->digest_count;
    enum cps_code code = cps_box_collect(op->box, &found, &op->message.orig, by_digest ? op->digests : none,
                                         by_digest ? op->digest_count : 1, &op->seen[which], err);
    for (size_t i = 0; i < found.count; i++) {
        judge_or_defer(op, &found.items[i]);
    }
    cps_candidates_clear(&found);
    return code;
}

/* ---- matching ---- */

static struct cps_entry *judge_first_of_group(const struct receiving *op)
{
    return op->vouches.items[op->group].entry;
}

/* Begins to take the group out of its box at the CPS: the message passes if no other host was first. */
static void judge_begin_claim(struct receiving *op, const struct cps_result *result)
{
    struct cps_error err = {0};
    enum cps_code code =
        cps_claim_begin(&op->claim, &op->task, op->box, &op->message.dest[0], &op->vouches, op->group, result, &err);
    if (code != CPS_OK) {
        cps_match_undo(op->task.cps, &op->vouches, op->group, &op->message.dest[0]);
        judge_keep_failure(op, judge_first_of_group(op), code, &err);
    }
}

/* Lets the message pass with the group that was used up for it, if that is still good: a revocation list or the
 * certificate may have changed since it was judged. */
static void judge_pass_group(struct receiving *op)
{
    struct cps_result result = CPS_NO_RESULT;
    struct cps_entry *entry = judge_first_of_group(op);
    bool judged = judge_verify(op, entry, &result);
    if (!judged || result.verdict != CPS_PASSED) {
        cps_match_undo(op->task.cps, &op->vouches, op->group, &op->message.dest[0]);
        if (judged) {
            judge_keep_best(op, entry, &result);
        } else {
            judge_defer(op, cps_entry_ref(entry));
        }
        cps_vouches_drop(&op->vouches, op->group);
        op->match_due = true;
    } else if (op->task.cps->options.claim) {
        judge_begin_claim(op, &result);
    } else {
        judge_keep_best(op, entry, &result);
    }
}

/* Uses up the first group of good PASSporTs that was not used before. */
static void judge_match(struct receiving *op)
{
    struct cps_error err = {0};
    if (!op->match_due || !op->vouches.count || cps_receiving_found(op)) {
        return;
    }
    op->match_due = false;
    enum cps_code code = cps_match(op->task.cps, op->box, &op->vouches, &op->message.dest[0], &op->group, &err);
    if (code == CPS_OK) {
        judge_pass_group(op);
    } else if (code != CPS_E_REPLAYED || !op->loose) {
        /* A used PASSporT without a digest may have been another message's, so it says nothing about this one. */
        judge_keep_failure(op, judge_first_of_group(op), code, &err);
    }
}

/* ---- opening ---- */

static enum cps_code judge_open_one(struct receiving *op, struct cps_sealed *sealed, struct cps_error *err)
{
    enum cps_code code = cps_unseal(op->task.cps, op->box, &op->keys, sealed, err);
    cps_box_opened(op->box, sealed, code == CPS_OK);
    return code == CPS_OK && !cps_receiving_found(op) ? judge_new_entries(op, CPS_JUDGE_EXACT, err) : code;
}

/* Opens envelopes until one is found that could pass. Sets *left if more may be left to open.
 *
 * Another signer may have signed the same message. Within a process it does not matter when that is found, as entries
 * know when others passed (match.h). Hosts and processes that share what was used have to use both up at once. */
static enum cps_code judge_open_some(struct receiving *op, bool *opened, bool *left, struct cps_error *err)
{
    bool all = op->task.cps->options.claim;
    enum cps_code code = CPS_OK;
    size_t more = op->task.cps->options.replay == CPS_REPLAY_SQLITE ? 0 : MORE_MAX;
    *left = false;
    while (code == CPS_OK) {
        bool looking =
            all || (!cps_receiving_found(op) && (!cps_vouches_has_unused(&op->vouches) || more++ < MORE_MAX));
        struct cps_sealed *sealed = cps_box_unseal(op->box, looking);
        *left = !looking;
        if (!sealed) {
            break;
        }
        code = judge_open_one(op, sealed, err);
        *opened = true;
    }
    return code;
}

enum cps_code cps_receiving_look(struct receiving *op, bool *busy, struct cps_error *err)
{
    bool left = true;
    enum cps_code code = judge_new_entries(op, CPS_JUDGE_EXACT, err);
    *busy = false;
    while (code == CPS_OK && left) {
        bool opened = false;
        code = judge_open_some(op, &opened, &left, err);
        *busy = cps_box_tell(op->box, &op->task, opened);
        if (code == CPS_OK && !cps_receiving_found(op)) {
            code = judge_new_entries(op, CPS_JUDGE_EXACT, err); /* what other tasks have opened meanwhile */
        }
        if (code == CPS_OK && !(*busy && op->task.cps->options.claim)) {
            judge_match(op);
        }
        /* If all that could pass were used, look into the envelopes that are still sealed. */
        left = left && !cps_receiving_found(op) && !cps_vouches_has_unused(&op->vouches);
    }
    if (code == CPS_OK && !*busy && !cps_receiving_found(op) && op->digest_count) {
        code = judge_new_entries(op, CPS_JUDGE_LOOSE, err);
        judge_match(op);
    }
    return code;
}

/* ---- evidence ---- */

/* Returns true unless a PASSporT with the message's own text has decided already. */
static bool judge_wants_evidence(const struct receiving *op)
{
    return !op->fitted && !(op->any && op->best.verdict <= CPS_MSGI_MISMATCH);
}

/* True if no other process is known to have passed a message with an entry's text. Such a message was signed again if
 * its sender sent it again, and then the box has two PASSporTs of one message. */
static bool judge_is_unused_elsewhere(struct receiving *op, const struct cps_entry *entry)
{
    const char *const digests[] = {entry->passport->msgi};
    struct cps_candidates same = {0};
    uint64_t seen = 0;
    bool used = false,
         good = cps_box_collect(op->box, &same, &entry->passport->orig, digests, 1, &seen, NULL) == CPS_OK;
    for (size_t i = 0; good && !used && i < same.count; i++) {
        good = cps_used_look(op->task.cps, same.items[i]->passport, &op->message.dest[0], &used, NULL) == CPS_OK;
    }
    cps_candidates_clear(&same);
    if (used) {
        cps_box_account(op->box, entry);
    }
    return good && !used;
}

static bool judge_may_be_evidence(struct receiving *op, const struct cps_entry *entry)
{
    return judge_kind(op, entry) == CPS_JUDGE_OTHER && !judge_is_pending(op, entry) &&
           cps_box_may_blame(op->box, &op->arrival, entry, op->read) && judge_is_unused_elsewhere(op, entry);
}

/* Verifies PASSporTs from this sender with other texts: each may be evidence that this text was changed. */
static enum cps_code judge_other_texts(struct receiving *op, struct cps_error *err)
{
    struct cps_candidates found = {0};
    enum cps_code code = cps_box_collect(op->box, &found, &op->message.orig, NULL, 0, &op->seen[CPS_JUDGE_OTHER], err);
    op->candidates += found.count;
    for (size_t i = 0; code == CPS_OK && i < found.count && op->others < OTHERS_MAX && judge_wants_evidence(op); i++) {
        if (judge_may_be_evidence(op, found.items[i])) {
            op->others++;
            judge_or_defer(op, &found.items[i]);
        }
    }
    cps_candidates_clear(&found);
    return code;
}

/* Accuses the message if there are more PASSporTs with other texts than other messages to which they may belong. */
static void judge_blame_message(struct receiving *op)
{
    struct cps_result result = CPS_NO_RESULT;
    struct cps_entry *entry = op->suspects.count && judge_wants_evidence(op)
                                  ? cps_box_blame(op->box, &op->arrival, &op->suspects, op->read)
                                  : NULL;
    if (entry && judge_verify(op, entry, &result) && judge_text_differs(&result)) {
        judge_keep_best(op, entry, &result);
    }
}

enum cps_code cps_receiving_find_evidence(struct receiving *op, struct cps_error *err)
{
    struct cps_broken broken;
    enum cps_code code = judge_other_texts(op, err);
    judge_blame_message(op);
    judge_match(op);
    if (code == CPS_OK && !op->any && !op->pending.count &&
        cps_box_blame_broken(op->box, &op->arrival, op->read, &broken)) {
        op->any = true;
        cps_result_set(&op->best, broken.error.code, &broken.error);
        op->best.verdict = CPS_MALFORMED;
        op->best.iat = broken.iat;
        memcpy(op->best.envelope_id, broken.id, sizeof(broken.id));
    }
    return code;
}

void cps_receiving_give_up(struct receiving *op, const char *why)
{
    for (size_t i = 0; i < op->pending.count; i++) {
        judge_give_up_entry(op, op->pending.items[i], why);
    }
}

/* ---- the result of a claim ---- */

bool cps_receiving_settle(struct receiving *op, enum cps_code *code, struct cps_error *err)
{
    struct cps_claim *claim = &op->claim;
    if (!cps_claim_is_over(claim, code, err)) {
        return false;
    }
    if (*code == CPS_OK) {
        judge_keep_best(op, judge_first_of_group(op), &claim->result);
    } else if (*code == CPS_E_REPLAYED || *code == CPS_E_STALE) {
        judge_keep_failure(op, judge_first_of_group(op), *code, err);
        if (*code == CPS_E_STALE) {
            cps_match_undo(op->task.cps, &op->vouches, op->group, &op->message.dest[0]);
        }
        /* try the next group */
        cps_vouches_drop(&op->vouches, op->group);
        op->match_due = true;
        *code = CPS_OK;
    } else {
        cps_match_undo(op->task.cps, &op->vouches, op->group, &op->message.dest[0]);
    }
    cps_claim_clear(claim);
    return true;
}
