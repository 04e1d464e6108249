/* SPDX-License-Identifier: MIT */
#include "client/lib/box/box.h"

#include "client/lib/find/route.h"
#include "client/lib/net/cps_http.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRANGERS 128  /* envelopes per box that are remembered as not ours, mostly dummies */
#define SEALED_MAX 64  /* unopened envelopes per box that are kept when a message has passed */
#define SEALED_SHARE 4 /* share of box_octets_max for unopened envelopes of all boxes: 1 / this */
#define QUICK_MS 500   /* a waiting read that returns nothing sooner than this has not waited */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000

struct cps_box {
    struct stir_map_node node; /* first: a node is its box */
    struct cps_box *newer, *older;
    struct cps_boxes *boxes;
    struct stir_identity dest;
    uint8_t keys[32];
    struct cps_shelf shelf;
    struct cps_pile pile;
    unsigned opening; /* envelopes taken off the pile that are being opened */
    unsigned users;   /* tasks that have entered and not left */
    struct cps_waiters waiters;
    char *cursor; /* NULL: from the beginning */
    uint64_t stamp;
    struct cps_read *reads[CPS_READ_KINDS];
    uint64_t begun, ended; /* numbers of plain reads */
    struct cps_error outcome;
    unsigned backoff_ms;
    int64_t again_ms;
    uint64_t strangers[STRANGERS]; /* hashes of their ids */
    unsigned next_stranger;
    struct cps_arrivals arrivals; /* messages whose PASSporTs are looked for */
    struct cps_brokens brokens;
    int64_t lossy_until_ms; /* until then, recently forgotten entries may still be fresh (monotonic) */
};

struct cps_boxes {
    struct cps *cps;
    pthread_mutex_t lock;
    pthread_mutex_t matching; /* never taken while `lock` is held */
    uint64_t matches;         /* begun; under `matching` */
    struct stir_map map;
    struct cps_box *newest, *oldest; /* by last use */
    struct cps_entries entries;
    struct cps_sealeds sealeds;
    struct cps_unexplained unexplained;
    int64_t evidence_since; /* by the handle's clock */
};

enum cps_code cps_boxes_new(struct cps_boxes **out, struct cps *cps, struct cps_error *err)
{
    struct cps_boxes *boxes = calloc(1, sizeof(*boxes));
    if (!boxes || !stir_map_init(&boxes->map)) {
        free(boxes);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    if (!cps_entries_init(&boxes->entries, &cps->options) || !cps_sealeds_init(&boxes->sealeds) ||
        !cps_unexplained_init(&boxes->unexplained, &cps->options)) {
        cps_sealeds_free(&boxes->sealeds);
        cps_entries_free(&boxes->entries);
        stir_map_free(&boxes->map);
        free(boxes);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    boxes->cps = cps;
    pthread_mutex_init(&boxes->lock, NULL);
    pthread_mutex_init(&boxes->matching, NULL);
    *out = boxes;
    return CPS_OK;
}

/* ---- boxes, under the lock ---- */

static void box_unlink(struct cps_boxes *boxes, struct cps_box *box)
{
    *(box->newer ? &box->newer->older : &boxes->newest) = box->older;
    *(box->older ? &box->older->newer : &boxes->oldest) = box->newer;
}

static void box_link_newest(struct cps_boxes *boxes, struct cps_box *box)
{
    box->newer = NULL;
    box->older = boxes->newest;
    *(boxes->newest ? &boxes->newest->newer : &boxes->oldest) = box;
    boxes->newest = box;
}

static void box_free_read(struct cps_read *read)
{
    if (read) {
        cps_transfer_clear(&read->transfer);
        free(read);
    }
}

static void box_drop(struct cps_boxes *boxes, struct cps_box *box)
{
    cps_entries_forget(&boxes->entries, &box->shelf);
    cps_sealed_forget(&boxes->sealeds, &box->pile);
    box_unlink(boxes, box);
    stir_map_remove(&boxes->map, &box->node);
    for (int kind = 0; kind < CPS_READ_KINDS; kind++) {
        box_free_read(box->reads[kind]);
    }
    free(box->brokens.items);
    free(box->cursor);
    free(box);
}

void cps_boxes_free(struct cps_boxes *boxes)
{
    if (!boxes) {
        return;
    }
    while (boxes->newest) {
        box_drop(boxes, boxes->newest);
    }
    cps_entries_free(&boxes->entries);
    cps_sealeds_free(&boxes->sealeds);
    cps_unexplained_free(&boxes->unexplained);
    stir_map_free(&boxes->map);
    pthread_mutex_destroy(&boxes->lock);
    pthread_mutex_destroy(&boxes->matching);
    free(boxes);
}

static struct cps_box *box_find(struct cps_boxes *boxes, const struct stir_identity *dest, const uint8_t keys[32])
{
    uint64_t hash = stir_map_hash(&boxes->map, dest->text, dest->len, keys, 32);
    for (struct stir_map_node *node = stir_map_first(&boxes->map, hash); node; node = stir_map_next(node)) {
        struct cps_box *box = (struct cps_box *)node;
        if (stir_identity_equal(&box->dest, dest) && memcmp(box->keys, keys, 32) == 0) {
            box_unlink(boxes, box);
            box_link_newest(boxes, box);
            return box;
        }
    }
    return NULL;
}

static struct cps_box *box_add(struct cps_boxes *boxes, const struct stir_identity *dest, const uint8_t keys[32])
{
    struct cps_box *box = calloc(1, sizeof(*box));
    if (!box) {
        return NULL;
    }
    for (struct cps_box *old = boxes->oldest, *next; old && boxes->map.count >= boxes->cps->options.box_max;
         old = next) {
        next = old->newer;
        if (!old->users && !old->reads[CPS_READ_PLAIN] && !old->reads[CPS_READ_WAIT]) {
            box_drop(boxes, old);
        }
    }
    box->boxes = boxes;
    box->dest = *dest;
    memcpy(box->keys, keys, 32);
    box->waiters.kind = CPS_WAITING_BOX;
    stir_map_put(&boxes->map, &box->node, stir_map_hash(&boxes->map, dest->text, dest->len, keys, 32));
    box_link_newest(boxes, box);
    return box;
}

/* Has the next read begin at the beginning of the box. */
static void box_forget_cursor(struct cps_box *box)
{
    free(box->cursor);
    box->cursor = NULL;
    box->stamp++;
}

static void box_note_loss(struct cps_shelf *shelf)
{
    struct cps_box *box = (struct cps_box *)(void *)((char *)shelf - offsetof(struct cps_box, shelf));
    const struct cps_options *options = &box->boxes->cps->options;
    box->lossy_until_ms = cps_monotonic_ms() + (options->max_age_s + options->clock_skew_s) * 1000;
    box_forget_cursor(box);
}

/* Marks the entries with one of these texts as accounted for. Returns their number. */
static size_t box_account_texts(struct cps_box *box, const struct stir_identity *orig, const char *const *digests,
                                size_t count)
{
    struct cps_candidates found = {0};
    /* without memory some are missed, which were not judged yet either */
    (void)cps_entries_collect(&box->boxes->entries, &box->shelf, &found, orig, digests, count, 0);
    size_t marked = found.count;
    for (size_t i = 0; i < marked; i++) {
        found.items[i]->accounted = true;
    }
    cps_candidates_clear(&found);
    return marked;
}

/* Marks the PASSporTs with a message's text; for those that arrive later cps_box_add does it. */
static void box_account_for(struct cps_box *box, struct cps_arrival *arrival)
{
    static const char *const none[] = {NULL};
    bool text = arrival->digest_count > 0;
    arrival->explained = box_account_texts(box, &arrival->message->orig, text ? arrival->digests : none,
                                           text ? arrival->digest_count : 1) > 0;
}

/* Marks an entry as accounted for if a message with its text has arrived: one that is being received, one whose
 * PASSporT was not found, or one that another entry belongs to, since a message that is sent again may be signed again.
 */
static void box_account_entry(struct cps_box *box, struct cps_entry *entry)
{
    const struct stir_passport *passport = entry->passport;
    const char *const digests[] = {passport->msgi};
    struct cps_candidates found = {0};
    cps_arrivals_account(&box->arrivals, entry);
    entry->accounted |= cps_unexplained_account(&box->boxes->unexplained, passport, &box->dest);
    (void)cps_entries_collect(&box->boxes->entries, &box->shelf, &found, &passport->orig, digests, 1, 0);
    for (size_t i = 0; i < found.count && !entry->accounted; i++) {
        entry->accounted = passport->msgi && found.items[i]->accounted;
    }
    cps_candidates_clear(&found);
}

enum cps_code cps_box_enter(struct cps_box **out, struct cps_boxes *boxes, const uint8_t keys[32],
                            struct cps_arrival *arrival, struct cps_task *task, uint64_t *next_read,
                            struct cps_error *err)
{
    const struct stir_identity *dest = &arrival->message->dest[0];
    pthread_mutex_lock(&boxes->lock);
    struct cps_box *box = box_find(boxes, dest, keys);
    box = box ? box : box_add(boxes, dest, keys);
    if (box) {
        /* Make room first, so that this message's own PASSporT is not dropped. */
        int64_t now = cps_now(boxes->cps);
        cps_entries_trim(&boxes->entries, 1, now, box_note_loss);
        cps_sealed_trim(&boxes->sealeds, &box->pile, now);
        box->users++;
        cps_waiters_add(&box->waiters, task);
        cps_arrivals_add(&box->arrivals, arrival);
        box_account_for(box, arrival);
        if (arrival->announced) {
            cps_unexplained_take_back(&boxes->unexplained, &arrival->message->orig, dest);
        }
        *next_read = box->begun + 1;
        *out = box;
    }
    pthread_mutex_unlock(&boxes->lock);
    return box ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

static bool box_is_crowded(const struct cps_boxes *boxes)
{
    return boxes->sealeds.octets > boxes->cps->options.box_octets_max / SEALED_SHARE;
}

/* Drops answers if no task is left to read them. The cursor stays where it was, so nothing is lost. */
static void box_discard_unwanted(struct cps_box *box)
{
    for (int kind = 0; kind < CPS_READ_KINDS && !box->users; kind++) {
        if (box->reads[kind] && box->reads[kind]->ready && !box->reads[kind]->taken) {
            box_free_read(box->reads[kind]);
            box->reads[kind] = NULL;
        }
    }
}

void cps_box_leave(struct cps_box *box, struct cps_arrival *arrival, bool passed, struct cps_task *task)
{
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    cps_arrivals_remove(arrival);
    if (!passed && !arrival->explained) {
        cps_unexplained_add(&boxes->unexplained, arrival, cps_now(boxes->cps));
    }
    cps_waiters_remove(CPS_WAITING_BOX, task);
    assert(box->users > 0);
    box->users--;
    box_discard_unwanted(box);
    if (!box->users && box->pile.count && box_is_crowded(boxes)) {
        cps_sealed_forget(&boxes->sealeds, &box->pile);
        box_forget_cursor(box);
    }
    pthread_mutex_unlock(&boxes->lock);
}

void cps_boxes_announce(struct cps_boxes *boxes, const struct stir_identity *orig, const struct stir_identity *dest)
{
    pthread_mutex_lock(&boxes->lock);
    cps_unexplained_announce(&boxes->unexplained, orig, dest, cps_now(boxes->cps));
    pthread_mutex_unlock(&boxes->lock);
}

void cps_boxes_set_evidence_since(struct cps_boxes *boxes, int64_t since)
{
    pthread_mutex_lock(&boxes->lock);
    boxes->evidence_since = since;
    pthread_mutex_unlock(&boxes->lock);
}

/* ---- reads ---- */

/* On the I/O thread. */
static void box_read_answered(struct cps_transfer *transfer)
{
    struct cps_read *read = transfer->arg;
    struct cps_box *box = read->box;
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    read->ready = true;
    box_discard_unwanted(box);
    cps_waiters_wake(&box->waiters);
    pthread_mutex_unlock(&boxes->lock);
}

static enum cps_code box_begin_read(struct cps_box *box, enum cps_read_kind kind, uint32_t wait_ms,
                                    struct cps_error *err)
{
    struct cps *cps = box->boxes->cps;
    struct cps_read *read = calloc(1, sizeof(*read));
    if (!read) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    /* The stamp tells later whether another read has moved the cursor meanwhile. */
    read->box = box;
    read->kind = kind;
    read->number = box->begun + 1;
    read->stamp = box->stamp;
    read->with_cursor = box->cursor != NULL;
    read->begun_ms = cps_monotonic_ms();
    read->transfer.done = box_read_answered;
    read->transfer.arg = read;
    enum cps_code code = cps_ask_retrieve(&read->transfer.request, cps, &box->dest, box->cursor,
                                          kind == CPS_READ_WAIT ? wait_ms : 0, err);
    if (code == CPS_OK) {
        code = cps_route_to(&read->transfer.request.route, cps, &box->dest, NULL, err);
    }
    if (code == CPS_OK) {
        code = cps_route_submit(cps, &read->transfer, err);
    }
    if (code != CPS_OK) {
        box_free_read(read);
        return code;
    }
    box->reads[kind] = read;
    box->begun += kind == CPS_READ_PLAIN;
    return CPS_OK;
}

enum cps_code cps_box_read(struct cps_box *box, enum cps_read_kind kind, uint32_t wait_ms, int64_t *again_ms,
                           struct cps_error *err)
{
    enum cps_code code = CPS_OK;
    pthread_mutex_lock(&box->boxes->lock);
    *again_ms = 0;
    if (!box->reads[kind]) {
        if (kind == CPS_READ_WAIT && box->again_ms > cps_monotonic_ms()) {
            *again_ms = box->again_ms;
        } else {
            code = box_begin_read(box, kind, wait_ms, err);
        }
    }
    pthread_mutex_unlock(&box->boxes->lock);
    return code;
}

struct cps_read *cps_box_take(struct cps_box *box)
{
    struct cps_read *taken = NULL;
    pthread_mutex_lock(&box->boxes->lock);
    for (int kind = 0; kind < CPS_READ_KINDS && !taken; kind++) {
        if (box->reads[kind] && box->reads[kind]->ready && !box->reads[kind]->taken) {
            taken = box->reads[kind];
            taken->taken = true;
        }
    }
    pthread_mutex_unlock(&box->boxes->lock);
    return taken;
}

/* Sets a pause if the CPS fails, or answers a waiting read without waiting. */
static void box_set_backoff(struct cps_box *box, const struct cps_read *read, size_t fresh, bool failed)
{
    int64_t now = cps_monotonic_ms();
    if (failed || (!fresh && now - read->begun_ms < QUICK_MS)) {
        box->backoff_ms = box->backoff_ms ? box->backoff_ms * 2 : BACKOFF_FIRST_MS;
        box->backoff_ms = box->backoff_ms < BACKOFF_LAST_MS ? box->backoff_ms : BACKOFF_LAST_MS;
        box->again_ms = now + box->backoff_ms;
    } else {
        box->backoff_ms = 0;
        box->again_ms = 0;
    }
}

static void box_take_cursor(struct cps_box *box, const struct cps_read *read, const char *cursor)
{
    /* Of two simultaneous reads, the one with the older cursor must not set it back. */
    if (read->stamp != box->stamp) {
        return;
    }
    char *copy = strdup(cursor);
    if (copy) {
        free(box->cursor);
        box->cursor = copy;
        box->stamp++;
    }
}

void cps_box_done(struct cps_read *read, const char *cursor, size_t fresh, const struct cps_error *outcome)
{
    struct cps_box *box = read->box;
    struct cps_boxes *boxes = box->boxes;
    bool failed = outcome->code != CPS_OK;
    pthread_mutex_lock(&boxes->lock);
    /* A refused cursor is forgotten, and the box read from its beginning: that is no failure of the box. */
    bool bad_cursor = outcome->code == CPS_E_REFUSED && read->with_cursor;
    if (bad_cursor && read->stamp == box->stamp) {
        box_forget_cursor(box);
    }
    if (cursor && !failed) {
        box_take_cursor(box, read, cursor);
    }
    if (read->kind == CPS_READ_WAIT) {
        box_set_backoff(box, read, fresh, failed && !bad_cursor);
    } else if ((failed && !bad_cursor) || (!failed && !fresh)) {
        box->ended = read->number;
        box->outcome = *outcome;
    }
    cps_entries_trim(&boxes->entries, 2, cps_now(boxes->cps), box_note_loss);
    box->reads[read->kind] = NULL;
    cps_waiters_wake(&box->waiters);
    pthread_mutex_unlock(&boxes->lock);
    box_free_read(read);
}

bool cps_box_outcome(struct cps_box *box, uint64_t *number, struct cps_error *outcome)
{
    pthread_mutex_lock(&box->boxes->lock);
    bool ended = box->ended >= *number;
    if (ended) {
        *number = box->ended;
        *outcome = box->outcome;
    }
    pthread_mutex_unlock(&box->boxes->lock);
    return ended;
}

/* ---- envelopes and entries ---- */

static uint64_t box_stranger_hash(const struct cps_box *box, const char *id)
{
    return stir_map_hash(&box->boxes->map, id, strlen(id), NULL, 0);
}

static bool box_knows_envelope(const struct cps_box *box, const char *id)
{
    uint64_t hash = box_stranger_hash(box, id);
    bool known =
        cps_entries_has(&box->boxes->entries, &box->shelf, id) || cps_sealed_has(&box->boxes->sealeds, &box->pile, id);
    for (unsigned i = 0; i < STRANGERS && !known; i++) {
        known = box->strangers[i] == hash;
    }
    return known;
}

/* Notes that a known envelope was taken by a holder meanwhile. */
static void box_note_taken(struct cps_box *box, const struct cps_envelope *envelope)
{
    struct cps_entry *entry =
        envelope->taken ? cps_entries_find(&box->boxes->entries, &box->shelf, envelope->id) : NULL;
    if (entry) {
        atomic_store(&entry->gone, true);
    }
}

static struct cps_listed box_listed(const struct cps_read *read, const struct cps_envelope *envelope)
{
    int64_t age_ms = envelope->age_ms > 0 ? envelope->age_ms : 0;
    return (struct cps_listed){
        .by_ms = cps_monotonic_ms() - age_ms,
        .exact = envelope->age_ms >= 0,
        .read = read->kind == CPS_READ_PLAIN ? read->number : 0,
        .by_s = cps_now(read->box->boxes->cps) - age_ms / 1000,
        .taken = envelope->taken,
    };
}

enum cps_code cps_box_seal(const struct cps_read *read, struct cps_envelopes *listing, size_t *fresh,
                           struct cps_error *err)
{
    struct cps_box *box = read->box;
    const struct cps *cps = box->boxes->cps;
    bool good = true;
    *fresh = 0;
    /* Its PASSporT was issued before now, so it will be too old by then in any case. */
    int64_t until = cps_now(cps) + cps->options.max_age_s + cps->options.clock_skew_s;
    pthread_mutex_lock(&box->boxes->lock);
    for (size_t i = 0; good && i < listing->count; i++) {
        if (!box_knows_envelope(box, listing->items[i].id)) {
            const struct cps_listed listed = box_listed(read, &listing->items[i]);
            good = cps_sealed_add(&box->boxes->sealeds, &box->pile, &listing->items[i], &listed, until);
            *fresh += good;
        } else {
            box_note_taken(box, &listing->items[i]);
        }
    }
    pthread_mutex_unlock(&box->boxes->lock);
    return good ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

struct cps_sealed *cps_box_unseal(struct cps_box *box, bool looking)
{
    struct cps_sealed *sealed = NULL;
    pthread_mutex_lock(&box->boxes->lock);
    if (looking || box->pile.count > SEALED_MAX || (box->users > 1 && box_is_crowded(box->boxes))) {
        sealed = cps_sealed_take(&box->boxes->sealeds, &box->pile, looking);
        box->opening += sealed != NULL;
    }
    pthread_mutex_unlock(&box->boxes->lock);
    return sealed;
}

void cps_box_opened(struct cps_box *box, struct cps_sealed *sealed, bool done)
{
    pthread_mutex_lock(&box->boxes->lock);
    (done ? cps_sealed_free : cps_sealed_put_back)(&box->boxes->sealeds, sealed);
    assert(box->opening > 0);
    box->opening--;
    pthread_mutex_unlock(&box->boxes->lock);
}

bool cps_box_tell(struct cps_box *box, struct cps_task *task, bool opened)
{
    pthread_mutex_lock(&box->boxes->lock);
    if (opened) {
        cps_waiters_wake_others(&box->waiters, task);
    }
    bool busy = box->opening > 0;
    pthread_mutex_unlock(&box->boxes->lock);
    return busy;
}

void cps_box_not_ours(struct cps_box *box, const char *id)
{
    pthread_mutex_lock(&box->boxes->lock);
    box->strangers[box->next_stranger] = box_stranger_hash(box, id);
    box->next_stranger = (box->next_stranger + 1) % STRANGERS;
    pthread_mutex_unlock(&box->boxes->lock);
}

void cps_box_add(struct cps_box *box, struct cps_entry *entry)
{
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    bool twice = cps_entries_has(&boxes->entries, &box->shelf, entry->id);
    if (!twice) {
        box_account_entry(box, entry);
        cps_entries_add(&boxes->entries, &box->shelf, entry, cps_now(boxes->cps));
    }
    pthread_mutex_unlock(&boxes->lock);
    if (twice) {
        cps_entry_unref(entry);
    }
}

enum cps_code cps_box_collect(struct cps_box *box, struct cps_candidates *out, const struct stir_identity *orig,
                              const char *const *digests, size_t count, uint64_t *seen, struct cps_error *err)
{
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    bool good = cps_entries_collect(&boxes->entries, &box->shelf, out, orig, digests, count, *seen);
    *seen = boxes->entries.last_number;
    pthread_mutex_unlock(&boxes->lock);
    return good ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

/* ---- evidence ---- */

void cps_box_add_broken(struct cps_box *box, const struct cps_broken *broken)
{
    pthread_mutex_lock(&box->boxes->lock);
    cps_brokens_add(&box->brokens, broken);
    pthread_mutex_unlock(&box->boxes->lock);
}

static bool box_may_blame(const struct cps_box *box, const struct cps_arrival *arrival, const struct cps_entry *entry,
                          uint64_t first_read)
{
    const struct cps_boxes *boxes = box->boxes;
    return box->lossy_until_ms < cps_monotonic_ms() && boxes->unexplained.unsure_until < cps_now(boxes->cps) &&
           entry->passport->iat > boxes->evidence_since && cps_arrival_may_blame(arrival, entry, first_read);
}

bool cps_box_may_blame(struct cps_box *box, const struct cps_arrival *arrival, const struct cps_entry *entry,
                       uint64_t first_read)
{
    pthread_mutex_lock(&box->boxes->lock);
    bool may = box_may_blame(box, arrival, entry, first_read);
    pthread_mutex_unlock(&box->boxes->lock);
    return may;
}

void cps_box_account(struct cps_box *box, const struct cps_entry *entry)
{
    const char *const digests[] = {entry->passport->msgi};
    pthread_mutex_lock(&box->boxes->lock);
    (void)box_account_texts(box, &entry->passport->orig, digests, 1);
    pthread_mutex_unlock(&box->boxes->lock);
}

/* Returns the number of other messages to which a PASSporT that was issued at iat may belong. */
static size_t box_count_others(struct cps_box *box, const struct cps_arrival *arrival, int64_t iat)
{
    struct cps_boxes *boxes = box->boxes;
    return cps_arrivals_count_unexplained(&box->arrivals, arrival, iat) +
           cps_unexplained_count(&boxes->unexplained, arrival, iat, cps_now(boxes->cps));
}

/* Chooses the suspect that proves a change. A PASSporT can belong to any message that arrived after it was issued. So
 * it proves something if, from its time of issue on, there are more PASSporTs than other messages. */
static struct cps_entry *box_choose_blamed(struct cps_box *box, const struct cps_arrival *arrival,
                                           const struct cps_candidates *suspects, uint64_t first_read)
{
    struct cps_entry *chosen = NULL;
    for (size_t i = 0; i < suspects->count && !chosen; i++) {
        struct cps_entry *entry = suspects->items[i];
        size_t later = 0;
        for (size_t k = 0; k < suspects->count; k++) {
            const struct cps_entry *other = suspects->items[k];
            later += other->passport->iat >= entry->passport->iat && box_may_blame(box, arrival, other, first_read);
        }
        if (box_may_blame(box, arrival, entry, first_read) &&
            (entry->blamed[0] || later > box_count_others(box, arrival, entry->passport->iat))) {
            chosen = entry;
        }
    }
    return chosen;
}

struct cps_entry *cps_box_blame(struct cps_box *box, struct cps_arrival *arrival, const struct cps_candidates *suspects,
                                uint64_t first_read)
{
    pthread_mutex_lock(&box->boxes->lock);
    struct cps_entry *chosen = box_choose_blamed(box, arrival, suspects, first_read);
    if (chosen) {
        (void)snprintf(chosen->blamed, sizeof(chosen->blamed), "%s", cps_arrival_name(arrival));
        arrival->explained = true;
    }
    pthread_mutex_unlock(&box->boxes->lock);
    return chosen;
}

bool cps_box_blame_broken(struct cps_box *box, struct cps_arrival *arrival, uint64_t first_read, struct cps_broken *out)
{
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    size_t others = box_count_others(box, arrival, INT64_MIN);
    const struct cps_broken *broken =
        cps_brokens_blame(&box->brokens, arrival, first_read, others, cps_now(boxes->cps));
    if (broken) {
        *out = *broken;
        arrival->explained = true;
    }
    pthread_mutex_unlock(&boxes->lock);
    return broken != NULL;
}

uint64_t cps_box_begin_match(struct cps_box *box)
{
    pthread_mutex_lock(&box->boxes->matching);
    return ++box->boxes->matches;
}

void cps_box_end_match(struct cps_box *box)
{
    pthread_mutex_unlock(&box->boxes->matching);
}
