/* SPDX-License-Identifier: MIT */
#include "client/lib/box/claim.h"

#include "client/lib/find/route.h"
#include "client/lib/net/cps_http.h"

#include <stdlib.h>
#include <string.h>

static int claim_compare_ids(const void *a, const void *b)
{
    return strcmp((*(struct cps_entry *const *)a)->id, (*(struct cps_entry *const *)b)->id);
}

static bool claim_has_same_token(const struct stir_passport *a, const struct stir_passport *b)
{
    return a->token_len == b->token_len && memcmp(a->token, b->token, a->token_len) == 0;
}

/* Adds an entry to the envelopes that are taken. */
static enum cps_code claim_add_envelope(struct cps_candidates *envelopes, struct cps_entry *entry,
                                        struct cps_error *err)
{
    if (envelopes->count == envelopes->cap) {
        size_t cap = envelopes->cap ? envelopes->cap * 2 : 4;
        struct cps_entry **items = realloc(envelopes->items, cap * sizeof(struct cps_entry *));
        if (!items) {
            return cps_fail(err, CPS_E_NOMEM, "out of memory");
        }
        envelopes->items = items;
        envelopes->cap = cap;
    }
    envelopes->items[envelopes->count++] = cps_entry_ref(entry);
    return CPS_OK;
}

/* Adds all envelopes with an entry's PASSporT; at least the entry itself, if the box has had to forget it. */
static enum cps_code claim_add_envelopes(struct cps_claim *claim, struct cps_box *box, struct cps_entry *entry,
                                         struct cps_error *err)
{
    const struct stir_passport *passport = entry->passport;
    const char *const digests[] = {passport->msgi};
    struct cps_candidates found = {0};
    uint64_t seen = 0;
    bool itself = false;
    enum cps_code code = cps_box_collect(box, &found, &passport->orig, digests, 1, &seen, err);
    for (size_t i = 0; code == CPS_OK && i < found.count; i++) {
        if (claim_has_same_token(found.items[i]->passport, passport)) {
            itself |= found.items[i] == entry;
            code = claim_add_envelope(&claim->envelopes, found.items[i], err);
        }
    }
    cps_candidates_clear(&found);
    return code == CPS_OK && !itself ? claim_add_envelope(&claim->envelopes, entry, err) : code;
}

static enum cps_code claim_find_envelopes(struct cps_claim *claim, struct cps_box *box,
                                          const struct cps_vouches *vouches, size_t group, struct cps_error *err)
{
    struct cps_candidates *found = &claim->envelopes;
    enum cps_code code = CPS_OK;
    for (size_t i = 0; code == CPS_OK && i < vouches->count; i++) {
        if (vouches->items[i].group == group) {
            code = claim_add_envelopes(claim, box, vouches->items[i].entry, err);
        }
    }
    if (code == CPS_OK) {
        qsort(found->items, found->count, sizeof(struct cps_entry *), claim_compare_ids);
    }
    return code;
}

static enum cps_code claim_submit_next(struct cps_claim *claim, struct cps_error *err)
{
    struct cps *cps = claim->task->cps;
    struct cps_transfer *transfer = &claim->transfer;
    *transfer = (struct cps_transfer){.done = cps_task_transfer_done, .arg = claim->task};
    enum cps_code code =
        cps_ask_remove(&transfer->request, cps, claim->dest, claim->envelopes.items[claim->next]->id, err);
    if (code == CPS_OK) {
        code = cps_route_to(&transfer->request.route, cps, claim->dest, NULL, err);
    }
    if (code == CPS_OK) {
        claim->next++;
        claim->task->due_ms = 0; /* the answer wakes it */
        code = cps_route_submit(cps, transfer, err);
    }
    if (code != CPS_OK) {
        cps_transfer_clear(transfer);
    }
    claim->under_way = code == CPS_OK;
    return code;
}

enum cps_code cps_claim_begin(struct cps_claim *claim, struct cps_task *task, struct cps_box *box,
                              const struct stir_identity *dest, const struct cps_vouches *vouches, size_t group,
                              const struct cps_result *result, struct cps_error *err)
{
    *claim = (struct cps_claim){.task = task, .dest = dest, .result = *result};
    enum cps_code code = claim_find_envelopes(claim, box, vouches, group, err);
    if (code == CPS_OK) {
        code = claim_submit_next(claim, err);
    }
    if (code != CPS_OK) {
        cps_claim_clear(claim);
    }
    return code;
}

/* Marks the envelopes that were asked for. Those after one that another host has taken may be another message's. */
static void claim_mark_asked(const struct cps_claim *claim, enum cps_code code)
{
    for (size_t i = 0; i < claim->next; i++) {
        struct cps_entry *entry = claim->envelopes.items[i];
        atomic_store(code == CPS_E_STALE ? &entry->forgotten : &entry->gone, true);
    }
}

/* Returns true if the CPS would still know that a PASSporT was taken. The older of two ages counts: by iat, and since
 * it was first listed. */
static bool claim_is_young(const struct cps_claim *claim, const struct cps_entry *entry)
{
    int64_t now = cps_now(claim->task->cps);
    return now - entry->passport->iat < CPS_CLAIM_YOUNG_S && now - entry->listed.by_s < CPS_CLAIM_YOUNG_S;
}

/* Reads the answer about one envelope. CPS_OK: continue with the next one. */
static enum cps_code claim_read_answer(struct cps_claim *claim, struct cps_error *err)
{
    const struct cps_response *response = &claim->transfer.response;
    int status = response->error.code == CPS_OK ? response->status : 0;
    if (status == 410) {
        return cps_fail(err, CPS_E_REPLAYED, "the PASSporT was used before, by another host of this destination");
    }
    if (status == 404) {
        claim->ours |= claim_is_young(claim, claim->envelopes.items[claim->next - 1]);
        return CPS_OK;
    }
    enum cps_code code = cps_answer_status(response, err);
    claim->ours |= code == CPS_OK;
    return code == CPS_OK ? code : cps_fail_prefix(err, code, "cannot take the PASSporT out of its box");
}

bool cps_claim_is_over(struct cps_claim *claim, enum cps_code *code, struct cps_error *err)
{
    if (!atomic_load(&claim->transfer.complete)) {
        return false;
    }
    /* One envelope after the other: the order of the ids decides between two hosts. */
    claim->under_way = false;
    *code = claim_read_answer(claim, err);
    cps_transfer_clear(&claim->transfer);
    if (*code == CPS_OK && claim->next < claim->envelopes.count) {
        *code = claim_submit_next(claim, err);
        if (*code == CPS_OK) {
            return false;
        }
        (void)cps_fail_prefix(err, *code, "cannot take the PASSporT out of its box");
    } else if (*code == CPS_OK && !claim->ours) {
        *code =
            cps_fail(err, CPS_E_STALE,
                     "the CPS no longer has the PASSporT and, as it is older than %d s, does not know whether it was "
                     "used",
                     CPS_CLAIM_YOUNG_S);
    }
    if (*code == CPS_OK || *code == CPS_E_REPLAYED || *code == CPS_E_STALE) {
        claim_mark_asked(claim, *code);
    }
    return true;
}

void cps_claim_clear(struct cps_claim *claim)
{
    cps_candidates_clear(&claim->envelopes);
}
