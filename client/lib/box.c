#include "client/lib/box.h"

#include "client/lib/remote.h"
#include "client/lib/route.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STRANGERS 128  /* envelopes that are not ours, per box: dummies mostly */
#define SEALED_MAX 64  /* envelopes that nobody opened, per box, when a message has passed */
#define SEALED_SHARE 4 /* and in all boxes: box_octets_max over this */
#define QUICK_MS 500   /* a waiting read that brings nothing within this time did not wait */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 2000

struct cps_box {
    struct cps_map_node node; /* first: a node is its box */
    struct cps_box *newer, *older;
    struct cps_boxes *boxes;
    struct stir_identity dest;
    uint8_t keys[32];
    struct cps_shelf shelf;
    struct cps_pile pile;
    unsigned opening; /* envelopes off the pile that are being opened */
    unsigned users;
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
};

struct cps_boxes {
    struct cps *cps;
    pthread_mutex_t lock;
    struct cps_map map;
    struct cps_box *newest, *oldest; /* by last use */
    struct cps_entries entries;
    struct cps_sealeds sealeds;
};

enum cps_code cps_boxes_new(struct cps_boxes **out, struct cps *cps, struct cps_error *err)
{
    struct cps_boxes *boxes = calloc(1, sizeof(*boxes));
    if (!boxes || !cps_map_init(&boxes->map)) {
        free(boxes);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    if (!cps_entries_init(&boxes->entries, &cps->options) || !cps_sealeds_init(&boxes->sealeds)) {
        cps_entries_free(&boxes->entries);
        cps_map_free(&boxes->map);
        free(boxes);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    boxes->cps = cps;
    pthread_mutex_init(&boxes->lock, NULL);
    *out = boxes;
    return CPS_OK;
}

/* ---- boxes, under the lock ---- */

static void unlink_box(struct cps_boxes *boxes, struct cps_box *box)
{
    *(box->newer ? &box->newer->older : &boxes->newest) = box->older;
    *(box->older ? &box->older->newer : &boxes->oldest) = box->newer;
}

static void link_newest(struct cps_boxes *boxes, struct cps_box *box)
{
    box->newer = NULL;
    box->older = boxes->newest;
    *(boxes->newest ? &boxes->newest->newer : &boxes->oldest) = box;
    boxes->newest = box;
}

static void free_read(struct cps_read *read)
{
    if (read) {
        cps_transfer_clear(&read->transfer);
        free(read);
    }
}

static void drop_box(struct cps_boxes *boxes, struct cps_box *box)
{
    cps_entries_forget(&boxes->entries, &box->shelf);
    cps_sealed_forget(&boxes->sealeds, &box->pile);
    unlink_box(boxes, box);
    cps_map_remove(&boxes->map, &box->node);
    for (int kind = 0; kind < CPS_READ_KINDS; kind++) {
        free_read(box->reads[kind]);
    }
    free(box->cursor);
    free(box);
}

void cps_boxes_free(struct cps_boxes *boxes)
{
    if (!boxes) {
        return;
    }
    while (boxes->newest) {
        drop_box(boxes, boxes->newest);
    }
    cps_entries_free(&boxes->entries);
    cps_sealeds_free(&boxes->sealeds);
    cps_map_free(&boxes->map);
    pthread_mutex_destroy(&boxes->lock);
    free(boxes);
}

static struct cps_box *find_box(struct cps_boxes *boxes, const struct stir_identity *dest, const uint8_t keys[32])
{
    uint64_t hash = cps_map_hash(&boxes->map, dest->text, dest->len, keys, 32);
    for (struct cps_map_node *node = cps_map_first(&boxes->map, hash); node; node = cps_map_next(node)) {
        struct cps_box *box = (struct cps_box *)node;
        if (stir_identity_equal(&box->dest, dest) && memcmp(box->keys, keys, 32) == 0) {
            unlink_box(boxes, box);
            link_newest(boxes, box);
            return box;
        }
    }
    return NULL;
}

static struct cps_box *add_box(struct cps_boxes *boxes, const struct stir_identity *dest, const uint8_t keys[32])
{
    struct cps_box *box = calloc(1, sizeof(*box));
    if (!box) {
        return NULL;
    }
    for (struct cps_box *old = boxes->oldest, *next; old && boxes->map.count >= boxes->cps->options.box_max;
         old = next) {
        next = old->newer;
        if (!old->users && !old->reads[CPS_READ_PLAIN] && !old->reads[CPS_READ_WAIT]) {
            drop_box(boxes, old);
        }
    }
    box->boxes = boxes;
    box->dest = *dest;
    memcpy(box->keys, keys, 32);
    box->waiters.kind = CPS_WAITING_BOX;
    cps_map_put(&boxes->map, &box->node, cps_map_hash(&boxes->map, dest->text, dest->len, keys, 32));
    link_newest(boxes, box);
    return box;
}

/* The next read begins at the beginning. */
static void forget_cursor(struct cps_box *box)
{
    free(box->cursor);
    box->cursor = NULL;
    box->stamp++;
}

static void lose(struct cps_shelf *shelf)
{
    forget_cursor((struct cps_box *)(void *)((char *)shelf - offsetof(struct cps_box, shelf)));
}

enum cps_code cps_box_enter(struct cps_box **out, struct cps_boxes *boxes, const struct stir_identity *dest,
                            const uint8_t keys[32], struct cps_task *task, uint64_t *next_read, struct cps_error *err)
{
    pthread_mutex_lock(&boxes->lock);
    struct cps_box *box = find_box(boxes, dest, keys);
    box = box ? box : add_box(boxes, dest, keys);
    if (box) {
        int64_t now = cps_now(boxes->cps);
        cps_entries_trim(&boxes->entries, 1, now, lose);
        cps_sealed_trim(&boxes->sealeds, &box->pile, now);
        box->users++;
        cps_waiters_add(&box->waiters, task);
        *next_read = box->begun + 1;
        *out = box;
    }
    pthread_mutex_unlock(&boxes->lock);
    return box ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

static bool is_crowded(const struct cps_boxes *boxes)
{
    return boxes->sealeds.octets > boxes->cps->options.box_octets_max / SEALED_SHARE;
}

/* Drops an answer that nobody is there to open; the cursor stays where it was, so nothing is lost. */
static void discard_unwanted(struct cps_box *box)
{
    for (int kind = 0; kind < CPS_READ_KINDS && !box->users; kind++) {
        if (box->reads[kind] && box->reads[kind]->ready && !box->reads[kind]->taken) {
            free_read(box->reads[kind]);
            box->reads[kind] = NULL;
        }
    }
}

void cps_box_leave(struct cps_box *box, struct cps_task *task)
{
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    cps_waiters_remove(CPS_WAITING_BOX, task);
    box->users--;
    discard_unwanted(box);
    if (!box->users && box->pile.count && is_crowded(boxes)) {
        cps_sealed_forget(&boxes->sealeds, &box->pile);
        forget_cursor(box);
    }
    pthread_mutex_unlock(&boxes->lock);
}

/* ---- reads ---- */

/* On the I/O thread. */
static void answered(struct cps_transfer *transfer)
{
    struct cps_read *read = transfer->arg;
    struct cps_box *box = read->box;
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    read->ready = true;
    discard_unwanted(box);
    cps_waiters_wake(&box->waiters);
    pthread_mutex_unlock(&boxes->lock);
}

static enum cps_code begin_read(struct cps_box *box, enum cps_read_kind kind, uint32_t wait_ms, struct cps_error *err)
{
    struct cps *cps = box->boxes->cps;
    struct cps_read *read = calloc(1, sizeof(*read));
    if (!read) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    read->box = box;
    read->kind = kind;
    read->number = box->begun + 1;
    read->stamp = box->stamp;
    read->with_cursor = box->cursor != NULL;
    read->begun_ms = cps_monotonic_ms();
    read->transfer.done = answered;
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
        free_read(read);
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
            code = begin_read(box, kind, wait_ms, err);
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

/* A CPS that does not wait, or fails, is not asked again at once. */
static void set_backoff(struct cps_box *box, const struct cps_read *read, size_t fresh, bool failed)
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

static void take_cursor(struct cps_box *box, const struct cps_read *read, const char *cursor)
{
    /* two reads at once: the one that went on from an older cursor must not set it back */
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
    bool bad_cursor = outcome->code == CPS_E_REFUSED && read->with_cursor;
    if (bad_cursor && read->stamp == box->stamp) {
        forget_cursor(box);
    }
    if (cursor && !failed) {
        take_cursor(box, read, cursor);
    }
    if (read->kind == CPS_READ_WAIT) {
        set_backoff(box, read, fresh, failed && !bad_cursor);
    } else if ((failed && !bad_cursor) || (!failed && !fresh)) {
        box->ended = read->number;
        box->outcome = *outcome;
    }
    cps_entries_trim(&boxes->entries, 2, cps_now(boxes->cps), lose);
    box->reads[read->kind] = NULL;
    cps_waiters_wake(&box->waiters);
    pthread_mutex_unlock(&boxes->lock);
    free_read(read);
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

/* ---- what was in it ---- */

static uint64_t stranger_hash(const struct cps_box *box, const char *id)
{
    return cps_map_hash(&box->boxes->map, id, strlen(id), NULL, 0);
}

static bool knows(const struct cps_box *box, const char *id)
{
    uint64_t hash = stranger_hash(box, id);
    bool known =
        cps_entries_has(&box->boxes->entries, &box->shelf, id) || cps_sealed_has(&box->boxes->sealeds, &box->pile, id);
    for (unsigned i = 0; i < STRANGERS && !known; i++) {
        known = box->strangers[i] == hash;
    }
    return known;
}

enum cps_code cps_box_seal(struct cps_box *box, struct cps_envelopes *listing, size_t *fresh, struct cps_error *err)
{
    const struct cps *cps = box->boxes->cps;
    bool good = true;
    *fresh = 0;
    /* what is in it was issued before now: too old then, whatever it is */
    int64_t until = cps_now(cps) + cps->options.max_age_s + cps->options.clock_skew_s;
    pthread_mutex_lock(&box->boxes->lock);
    for (size_t i = 0; good && i < listing->count; i++) {
        if (!knows(box, listing->items[i].id)) {
            good = cps_sealed_add(&box->boxes->sealeds, &box->pile, &listing->items[i], until);
            *fresh += good;
        }
    }
    pthread_mutex_unlock(&box->boxes->lock);
    return good ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

struct cps_sealed *cps_box_unseal(struct cps_box *box, bool looking)
{
    struct cps_sealed *sealed = NULL;
    pthread_mutex_lock(&box->boxes->lock);
    if (looking || box->pile.count > SEALED_MAX || (box->users > 1 && is_crowded(box->boxes))) {
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
    box->strangers[box->next_stranger] = stranger_hash(box, id);
    box->next_stranger = (box->next_stranger + 1) % STRANGERS;
    pthread_mutex_unlock(&box->boxes->lock);
}

void cps_box_add(struct cps_box *box, struct cps_entry *entry)
{
    struct cps_boxes *boxes = box->boxes;
    pthread_mutex_lock(&boxes->lock);
    bool twice = cps_entries_has(&boxes->entries, &box->shelf, entry->id);
    if (!twice) {
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
