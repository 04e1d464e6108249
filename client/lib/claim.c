#include "client/lib/claim.h"

#include "client/lib/remote.h"
#include "client/lib/route.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct cps_entry *const *)a)->id, (*(struct cps_entry *const *)b)->id);
}

/* The envelopes that have the same PASSporT in them. */
static enum cps_code collect_envelopes(struct cps_claim *claim, struct cps_box *box, struct cps_error *err)
{
    const struct stir_passport *passport = claim->entry->passport;
    const char *const digests[] = {passport->msgi};
    struct cps_candidates *found = &claim->envelopes;
    uint64_t seen = 0;
    size_t kept = 0;
    enum cps_code code = cps_box_collect(box, found, &passport->orig, digests, 1, &seen, err);
    for (size_t i = 0; i < found->count; i++) {
        const struct stir_passport *other = found->items[i]->passport;
        if (code == CPS_OK && other->token_len == passport->token_len &&
            memcmp(other->token, passport->token, passport->token_len) == 0) {
            found->items[kept++] = found->items[i];
        } else {
            cps_entry_unref(found->items[i]);
        }
    }
    found->count = kept;
    if (kept) {
        qsort(found->items, kept, sizeof(struct cps_entry *), by_id);
    }
    return code;
}

/* Those, or the one that passes alone where the box has had to forget it meanwhile. */
static enum cps_code find_envelopes(struct cps_claim *claim, struct cps_box *box, struct cps_error *err)
{
    struct cps_candidates *found = &claim->envelopes;
    enum cps_code code = collect_envelopes(claim, box, err);
    if (code != CPS_OK || found->count) {
        return code;
    }
    cps_candidates_clear(found);
    found->items = calloc(1, sizeof(struct cps_entry *));
    if (!found->items) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    found->cap = 1;
    found->items[found->count++] = cps_entry_ref(claim->entry);
    return CPS_OK;
}

static enum cps_code submit(struct cps_claim *claim, struct cps_error *err)
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
                              const struct stir_identity *dest, struct cps_entry *entry,
                              const struct cps_result *result, struct cps_error *err)
{
    *claim = (struct cps_claim){.task = task, .dest = dest, .entry = cps_entry_ref(entry), .result = *result};
    enum cps_code code = find_envelopes(claim, box, err);
    if (code == CPS_OK) {
        code = submit(claim, err);
    }
    if (code != CPS_OK) {
        cps_claim_clear(claim);
    }
    return code;
}

/* Nobody here is to try a PASSporT again that has been used somewhere. */
static void mark_gone(const struct cps_claim *claim)
{
    for (size_t i = 0; i < claim->envelopes.count; i++) {
        atomic_store(&claim->envelopes.items[i]->gone, true);
    }
}

bool cps_claim_is_over(struct cps_claim *claim, enum cps_code *code, struct cps_error *err)
{
    struct cps_transfer *transfer = &claim->transfer;
    if (!atomic_load(&transfer->complete)) {
        return false;
    }
    claim->under_way = false;
    bool lost = transfer->response.error.code == CPS_OK && transfer->response.status == 404;
    *code = lost ? cps_fail(err, CPS_E_REPLAYED, "the PASSporT was used before, by another host of this destination")
                 : cps_answer_status(&transfer->response, err);
    cps_transfer_clear(transfer);
    if (*code == CPS_OK && claim->next < claim->envelopes.count) {
        *code = submit(claim, err);
        if (*code == CPS_OK) {
            return false;
        }
    }
    if (*code == CPS_OK || lost) {
        mark_gone(claim);
    } else {
        (void)cps_fail_prefix(err, *code, "the PASSporT could not be taken out of its box");
    }
    return true;
}

void cps_claim_clear(struct cps_claim *claim)
{
    cps_candidates_clear(&claim->envelopes);
    cps_entry_unref(claim->entry);
    claim->entry = NULL;
}
