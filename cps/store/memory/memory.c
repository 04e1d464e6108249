/* SPDX-License-Identifier: MIT */
#include "cps/store/memory/found.h"
#include "cps/store/memory/shard.h"
#include "cps/store/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * The memory store: one table for all workers of the process, in shards with a lock each. Operations complete before
 * they return.
 */
#define SHARD_BITS 6
#define SHARDS (1 << SHARD_BITS)
#define RESERVE 16           /* 1/16 of the memory limit is reserved for reading and deleting: claims, taken ids */
#define PARTS (2 * SHARDS)   /* the first half for boxes and records, the second for claims */
#define BUCKETS 100000       /* token buckets at a time */
#define EXPIRE_A_PUT 4       /* expired items that a put clears: more than it adds */
#define EXPIRE_A_SWEEP 256   /* that a sweep clears per shard */
#define EXPIRE_IN_NEED 65536 /* that a put clears when the memory is used up */
#define SWEEP_MS 250

struct memory_backend {
    struct cpsd_backend base;
    struct stir_siphash_key key;
    int64_t clock_offset_us;
    struct cpsd_buckets *buckets;
    atomic_size_t octets;
    struct {
        pthread_mutex_t lock;
        struct cpsd_shard shard;
    } part[PARTS]; /* an operation with a claim locks the claim's part first, then the box's */
};

struct memory_store {
    struct cpsd_store base;
    uv_timer_t sweep;
    void (*closed)(struct cpsd_store *store);
};

static int64_t memory_clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static enum stir_code memory_new(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                 struct stir_error *err)
{
    if (strcmp(config->url, "memory:") != 0) {
        return stir_fail(err, STIR_E_CONFIG, "the store's URL: unexpected text after memory:");
    }
    if (config->replicas) {
        return stir_fail(err, STIR_E_CONFIG, "the store's durability: replicas need a Redis store; memory: has none");
    }
    struct memory_backend *memory = calloc(1, sizeof(*memory));
    if (!memory) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory while creating the store");
    }
    memory->buckets = cpsd_buckets_new(BUCKETS);
    if (!memory->buckets) {
        free(memory);
        return stir_fail(err, STIR_E_NOMEM, "out of memory while creating the store");
    }
    if (stir_siphash_key_new(&memory->key)) {
        cpsd_buckets_free(memory->buckets);
        free(memory);
        return stir_fail(err, STIR_E_CRYPTO, "cannot get random octets from the system");
    }
    /* start from the wall clock, then follow a clock that is never set back */
    memory->clock_offset_us = memory_clock_us(CLOCK_REALTIME) - memory_clock_us(CLOCK_BOOTTIME);
    for (size_t i = 0; i < PARTS; i++) {
        (void)pthread_mutex_init(&memory->part[i].lock, NULL);
        memory->part[i].shard.key = &memory->key;
        memory->part[i].shard.octets = &memory->octets;
    }
    (void)snprintf(memory->base.description, sizeof(memory->base.description),
                   "keeps everything in this process's memory: it is lost on exit and not shared with other servers");
    *out = &memory->base;
    return STIR_OK;
}

static void memory_free(struct cpsd_backend *backend)
{
    struct memory_backend *memory = (struct memory_backend *)backend;
    for (size_t i = 0; i < PARTS; i++) {
        cpsd_shard_clear(&memory->part[i].shard);
        (void)pthread_mutex_destroy(&memory->part[i].lock);
    }
    cpsd_buckets_free(memory->buckets);
    free(memory);
}

static int64_t memory_now(const struct memory_backend *memory)
{
    return memory->clock_offset_us + memory_clock_us(CLOCK_BOOTTIME);
}

/* Returns a time that no later arrival in this shard will have. With the shard's lock held. */
static int64_t memory_list_time(const struct memory_backend *memory, struct cpsd_shard *shard)
{
    int64_t now = memory_now(memory);
    if (shard->last_us < now) {
        shard->last_us = now;
    }
    return shard->last_us;
}

static struct cpsd_shard *memory_lock_shard(struct memory_backend *memory, size_t i)
{
    (void)pthread_mutex_lock(&memory->part[i].lock);
    return &memory->part[i].shard;
}

static void memory_unlock_shard(struct memory_backend *memory, size_t i)
{
    (void)pthread_mutex_unlock(&memory->part[i].lock);
}

/* Selects the shard by the high bits of the hash; the shard's own tables use the low bits. */
static size_t memory_shard_of(uint64_t hash)
{
    return (size_t)(hash >> (64 - SHARD_BITS));
}

static uint64_t memory_box_hash(const struct memory_backend *memory, const struct stir_identity *box)
{
    return stir_siphash(&memory->key, box->text, box->len);
}

static void memory_count_expired(struct memory_store *store, const struct cpsd_shard *shard, uint64_t before)
{
    cpsd_count(&store->base.counters.expired_seen, shard->expired - before);
}

/* An operation under way, with the locks of its shard and of its claim's shard held. */
struct memory_act {
    struct memory_backend *memory;
    struct cpsd_shard *shard;
    struct cpsd_shard *claims; /* NULL without a claim */
    bool reserved;             /* may use the reserve, so that reading and deleting work while the memory is used up */
    uint64_t hash;
    const struct stir_identity *box;
    const struct cpsd_op_args *args;
    struct cpsd_blob *blob; /* put, keep: the new value; NULL once the shard has it */
    struct cpsd_found *found;
    struct cpsd_store_result result; /* now_us is set */
    char *ids;                       /* empty: room for result.ids */
};

/* Claims and records are items, too, in boxes of kinds that no request can name: each record is in a box of its own,
 * and all claims of a part are in one box. */
enum { CLAIMS = STIR_IDENTITY_URI + 1, RECORDS };
static const struct stir_identity claims_box = {.kind = (enum stir_identity_kind)CLAIMS};
static const uint8_t record_id[CPSD_ID_OCTETS];

static struct stir_identity memory_hidden_box(const struct memory_act *act, unsigned kind)
{
    struct stir_identity name = *act->box;
    name.kind = (enum stir_identity_kind)kind;
    return name;
}

/* Finds an item of a box that has not expired; NULL if there is none. An expired item is dropped. */
static struct cpsd_item *memory_find_item(const struct memory_act *act, const struct stir_identity *name,
                                          const uint8_t id[CPSD_ID_OCTETS])
{
    struct cpsd_box *box = cpsd_shard_box(act->shard, name, act->hash);
    struct cpsd_item *item = box ? cpsd_shard_item(act->shard, box, id) : NULL;
    if (item && item->expires_us <= act->result.now_us) {
        act->shard->expired += !item->taken;
        cpsd_shard_drop(act->shard, item);
        item = NULL;
    }
    return item;
}

static bool memory_has_memory(const struct memory_act *act, size_t cost)
{
    struct memory_backend *memory = act->memory;
    size_t limit = memory->base.config.memory_limit_bytes;
    limit += act->reserved ? limit / RESERVE : 0;
    if (!limit || atomic_load_explicit(&memory->octets, memory_order_relaxed) + cost <= limit) {
        return true;
    }
    (void)cpsd_shard_expire(act->shard, act->result.now_us, EXPIRE_IN_NEED);
    return atomic_load_explicit(&memory->octets, memory_order_relaxed) + cost <= limit;
}

/* Adds an item. With STIR_OK the shard owns *blob, which is set to NULL. */
static enum stir_code memory_add_item(struct memory_act *act, const struct stir_identity *name,
                                      const uint8_t id[CPSD_ID_OCTETS], struct cpsd_blob **blob, int64_t ttl_ms)
{
    if (!*blob) {
        return STIR_E_NOMEM;
    }
    if (!memory_has_memory(act, cpsd_shard_cost(name, *blob))) {
        act->result.retry_after_ms = CPSD_RETRY_AFTER_MS;
        return STIR_E_UNAVAILABLE;
    }
    enum stir_code code = cpsd_shard_add(act->shard, name, act->hash, id, *blob, act->result.now_us + ttl_ms * 1000);
    if (code == STIR_OK) {
        *blob = NULL;
    }
    return code;
}

/* Returns the operation as one on the shard of its claim. */
static struct memory_act memory_act_on_claims(const struct memory_act *act)
{
    struct memory_act claims = *act;
    claims.shard = act->claims;
    claims.hash = 0;
    claims.box = &claims_box;
    return claims;
}

static bool memory_is_claimed(const struct memory_act *act)
{
    struct memory_act claims = memory_act_on_claims(act);
    return memory_find_item(&claims, &claims_box, act->args->claim->id) != NULL;
}

static enum stir_code memory_take_claim(struct memory_act *act)
{
    struct memory_act claims = memory_act_on_claims(act);
    const struct cpsd_claim *claim = act->args->claim;
    struct cpsd_blob *nothing = cpsd_blob_new(stir_view(NULL, 0), stir_view(NULL, 0));
    (void)cpsd_shard_expire(claims.shard, claims.result.now_us, EXPIRE_A_PUT);
    enum stir_code code = memory_add_item(&claims, &claims_box, claim->id, &nothing, claim->ttl_ms);
    if (code == STIR_OK) {
        struct cpsd_box *box = cpsd_shard_box(claims.shard, &claims_box, 0);
        cpsd_shard_consume(claims.shard, cpsd_shard_item(claims.shard, box, claim->id), false, 0);
    }
    act->result.retry_after_ms = claims.result.retry_after_ms;
    cpsd_blob_unref(nothing);
    return code;
}

/* put */

static size_t memory_living_of(const struct memory_act *act, const struct cpsd_box *box)
{
    const struct cpsd_owner *owner = cpsd_shard_owner(act->shard, box, act->args->publisher);
    return owner ? owner->living : 0;
}

static size_t memory_taken_of(const struct memory_act *act, const struct cpsd_box *box)
{
    const struct cpsd_owner *owner = cpsd_shard_owner(act->shard, box, act->args->publisher);
    return owner ? owner->taken : 0;
}

static bool memory_is_full(const struct memory_act *act, const struct cpsd_box *box)
{
    return box && (box->living >= act->args->limit || memory_living_of(act, box) >= act->args->share);
}

static struct cpsd_box *memory_box_of(const struct memory_act *act)
{
    return cpsd_shard_box(act->shard, act->box, act->hash);
}

/* Removes the oldest entries of a ring until there is room for one. */
static void memory_ring_make_room(struct memory_act *act)
{
    for (struct cpsd_box *box = memory_box_of(act); box && box->living >= act->args->limit; box = memory_box_of(act)) {
        cpsd_shard_drop(act->shard, box->first);
        act->result.dropped++;
    }
}

static void memory_tell_full(struct memory_act *act, enum cpsd_full full, int64_t free_us)
{
    int64_t ms = (free_us - act->result.now_us + 999) / 1000;
    act->result.code = STIR_E_BOX_FULL;
    act->result.full = full;
    act->result.retry_after_ms = ms < 1 ? 1 : ms;
}

static bool memory_has_room(struct memory_act *act)
{
    struct cpsd_box *box = memory_box_of(act);
    if (act->args->ring) {
        memory_ring_make_room(act);
        return true;
    }
    if (memory_is_full(act, box)) {
        cpsd_shard_make_room(act->shard, box, act->result.now_us);
        box = memory_box_of(act);
    }
    if (memory_is_full(act, box)) {
        memory_tell_full(act, box->living >= act->args->limit ? CPSD_FULL_BOX : CPSD_FULL_SHARE, box->next_expiry_us);
    } else if (box && (box->gone >= (size_t)CPSD_TAKEN_BOXES * act->args->limit ||
                       memory_taken_of(act, box) >= (size_t)CPSD_TAKEN_BOXES * act->args->share)) {
        memory_tell_full(act, CPSD_FULL_TAKEN, act->result.now_us + CPSD_RETRY_AFTER_MS * INT64_C(1000));
    } else {
        return true;
    }
    return false;
}

static void memory_put(struct memory_act *act)
{
    (void)cpsd_shard_expire(act->shard, act->result.now_us, EXPIRE_A_PUT);
    if (memory_find_item(act, act->box, act->args->id)) {
        act->result.code = STIR_OK;
        act->result.existed = true;
    } else if (memory_has_room(act)) {
        act->result.code = memory_add_item(act, act->box, act->args->id, &act->blob, act->args->ttl_ms);
    }
}

/* list, get, look: the entries hold references until the completion has read them. */

/* Returns the first item that arrived later. Readers usually ask for the newest, so the search begins at the end. */
static struct cpsd_item *memory_first_after(const struct cpsd_box *box, int64_t after_us)
{
    if (!box->first || box->first->arrival_us > after_us) {
        return box->first;
    }
    struct cpsd_item *item = box->last;
    while (item->arrival_us > after_us) {
        item = item->prev;
    }
    return item->next;
}

/* Returns true if the limits cut the list. */
static bool memory_list_locked(struct cpsd_found *found, const struct cpsd_box *box, const struct cpsd_op_args *args,
                               int64_t now)
{
    struct cpsd_item *item = box ? memory_first_after(box, args->after_us) : NULL;
    for (; item && !found->failed; item = item->next) {
        if (item->shown_until_us <= now) {
            continue;
        }
        if (found->count == args->count ||
            (found->count && (found->octets >= args->octets || args->octets - found->octets < item->blob->len))) {
            return true;
        }
        cpsd_found_add(found, item);
    }
    return false;
}

static void memory_list(struct memory_act *act)
{
    act->result.code = STIR_OK;
    act->result.more =
        memory_list_locked(act->found, cpsd_shard_box(act->shard, act->box, act->hash), act->args, act->result.now_us);
}

static struct cpsd_item *memory_find_living(const struct memory_act *act, const struct stir_identity *name,
                                            const uint8_t id[CPSD_ID_OCTETS])
{
    struct cpsd_item *item = memory_find_item(act, name, id);
    return item && !item->taken ? item : NULL;
}

static void memory_get(struct memory_act *act)
{
    struct cpsd_item *item = memory_find_item(act, act->box, act->args->id);
    bool shown = item && item->blob && item->shown_until_us > act->result.now_us;
    act->result.code = shown ? STIR_OK : STIR_E_NOT_FOUND;
    if (shown) {
        cpsd_found_add(act->found, item);
    }
}

/* Takes an item out. It is still shown unless too many are, or too much memory is used. That it was taken is remembered
 * for at least CPSD_TAKEN_MS. */
static void memory_take(struct memory_act *act, struct cpsd_item *item)
{
    const struct cpsd_store_config *config = &act->memory->base.config;
    size_t held = atomic_load_explicit(&act->memory->octets, memory_order_relaxed);
    bool show =
        item->box->gone < CPSD_TAKEN_SHOWN && (!config->memory_limit_bytes || held < config->memory_limit_bytes / 2);
    cpsd_shard_consume(act->shard, item, show, item->arrival_us + CPSD_TAKEN_MS * INT64_C(1000));
}

/* Remembers an id that is not there as taken, unless the box remembers too many. */
static enum stir_code memory_remember_taken(struct memory_act *act)
{
    struct cpsd_box *box = cpsd_shard_box(act->shard, act->box, act->hash);
    if (box && box->gone >= act->memory->base.config.box_limit) {
        return STIR_OK;
    }
    struct cpsd_blob *nothing = cpsd_blob_new(stir_view(NULL, 0), stir_view(NULL, 0));
    enum stir_code code = memory_add_item(act, act->box, act->args->id, &nothing, CPSD_TAKEN_MS);
    if (code == STIR_OK) {
        box = cpsd_shard_box(act->shard, act->box, act->hash);
        struct cpsd_item *item = cpsd_shard_item(act->shard, box, act->args->id);
        cpsd_shard_consume(act->shard, item, false, 0);
        cpsd_shard_disown(act->shard, item);
    }
    cpsd_blob_unref(nothing);
    return code;
}

static void memory_remove(struct memory_act *act)
{
    struct cpsd_item *item = memory_find_item(act, act->box, act->args->id);
    act->result.code = item && !item->taken ? STIR_OK : STIR_E_NOT_FOUND;
    if (!item && act->args->remember) {
        enum stir_code code = memory_remember_taken(act);
        act->result.code = code == STIR_OK ? STIR_E_NOT_FOUND : code;
    } else if (item && item->taken) {
        act->result.existed = true;
    } else if (item) {
        memory_take(act, item);
    }
}

/* forget, empty */

static void memory_forget(struct memory_act *act)
{
    act->result.code = STIR_OK;
    for (size_t i = 0; i + CPSD_ID_OCTETS <= act->args->ids.len; i += CPSD_ID_OCTETS) {
        struct cpsd_item *item = memory_find_living(act, act->box, (const uint8_t *)act->args->ids.ptr + i);
        if (item) {
            cpsd_shard_drop(act->shard, item);
        }
    }
}

/* Removes an item that is shown. A living item is dropped; a taken one is still remembered, but no longer shown. */
static void memory_take_out(struct memory_act *act, struct cpsd_item *item)
{
    if (item->taken) {
        cpsd_shard_hide(act->shard, item);
        return;
    }
    if (item->expires_us > act->result.now_us) {
        memcpy(act->ids + act->result.ids.len, item->id, CPSD_ID_OCTETS);
        act->result.ids.len += CPSD_ID_OCTETS;
    }
    cpsd_shard_drop(act->shard, item);
}

static void memory_empty(struct memory_act *act)
{
    int64_t until = act->args->after_us ? act->args->after_us : act->result.now_us;
    act->result.code = STIR_OK;
    act->result.ids = stir_view(act->ids, 0);
    size_t most = act->args->count;
    for (struct cpsd_box *box = memory_box_of(act); box && box->first && box->first->arrival_us <= until;
         box = memory_box_of(act)) {
        if (most-- == 0) {
            act->result.more = true;
            return;
        }
        memory_take_out(act, box->first);
    }
}

static void memory_once(struct memory_act *act)
{
    act->result.code = STIR_OK;
}

/* Records: the item's arrival_us is the record's order. */

static void memory_keep(struct memory_act *act)
{
    struct stir_identity name = memory_hidden_box(act, RECORDS);
    struct cpsd_item *old = memory_find_living(act, &name, record_id);
    struct stir_view text = act->args->envelope;
    if (old && old->arrival_us > act->args->order) {
        act->result.code = STIR_E_REFUSED;
        return;
    }
    if (old && old->blob->len == text.len && memcmp(old->blob->data, act->blob->data, text.len) == 0) {
        act->result.code = STIR_OK;
        act->result.existed = true;
        return;
    }
    if (old) {
        size_t cost = cpsd_shard_cost(&name, act->blob), had = cpsd_shard_cost(&name, old->blob);
        if (cost > had && !memory_has_memory(act, cost - had)) {
            act->result.retry_after_ms = CPSD_RETRY_AFTER_MS;
            act->result.code = STIR_E_UNAVAILABLE; /* the old text stays */
            return;
        }
        cpsd_shard_drop(act->shard, old);
    }
    act->result.code = memory_add_item(act, &name, record_id, &act->blob, act->args->ttl_ms);
    if (act->result.code == STIR_OK) {
        memory_find_item(act, &name, record_id)->arrival_us = act->args->order;
    }
}

static void memory_look(struct memory_act *act)
{
    struct stir_identity name = memory_hidden_box(act, RECORDS);
    struct cpsd_item *item = memory_find_living(act, &name, record_id);
    act->result.code = item ? STIR_OK : STIR_E_NOT_FOUND;
    if (item) {
        cpsd_found_add(act->found, item);
        act->found->entries[0].arrival_us = 0;
    }
}

static void memory_drop(struct memory_act *act)
{
    struct stir_identity name = memory_hidden_box(act, RECORDS);
    struct cpsd_item *item = memory_find_living(act, &name, record_id);
    act->result.code = item ? STIR_OK : STIR_E_NOT_FOUND;
    if (item) {
        cpsd_shard_drop(act->shard, item);
    }
}

static enum stir_code memory_spend_tokens(struct memory_act *act, const struct cpsd_spend *what)
{
    struct cpsd_spent spent = cpsd_buckets_spend(act->memory->buckets, what, act->box->text, act->result.now_us);
    if (spent.refused) {
        act->result.limited = spent.which;
        act->result.retry_after_ms = spent.wait_us / 1000 + 1;
        return STIR_E_BOX_FULL;
    }
    act->result.tokens_left = spent.left;
    return STIR_OK;
}

static void memory_owe(struct memory_act *act)
{
    cpsd_buckets_owe(act->memory->buckets, &act->args->spend->bucket[0], act->result.now_us);
}

static void memory_run_locked(struct memory_store *store, struct memory_act *act, enum cpsd_op_kind kind)
{
    static void (*const runs[CPSD_OP_KINDS])(struct memory_act * act) = {
        [CPSD_OP_PUT] = memory_put,       [CPSD_OP_LIST] = memory_list,   [CPSD_OP_GET] = memory_get,
        [CPSD_OP_REMOVE] = memory_remove, [CPSD_OP_ONCE] = memory_once,   [CPSD_OP_KEEP] = memory_keep,
        [CPSD_OP_LOOK] = memory_look,     [CPSD_OP_DROP] = memory_drop,   [CPSD_OP_OWE] = memory_owe,
        [CPSD_OP_FORGET] = memory_forget, [CPSD_OP_EMPTY] = memory_empty,
    };
    uint64_t expired = act->shard->expired;
    act->result.now_us = memory_list_time(act->memory, act->shard);
    enum stir_code code = act->claims && memory_is_claimed(act) ? STIR_E_REPLAYED : STIR_OK;
    if (code == STIR_OK && act->args->spend && kind == CPSD_OP_PUT) {
        code = memory_spend_tokens(act, act->args->spend);
    }
    if (code == STIR_OK && act->claims) {
        code = memory_take_claim(act);
    }
    if (code == STIR_OK) {
        runs[kind](act);
    } else {
        act->result.code = code;
    }
    memory_count_expired(store, act->shard, expired);
}

static void memory_run(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args)
{
    struct memory_backend *memory = (struct memory_backend *)store->backend;
    struct cpsd_found found;
    char ids[CPSD_EMPTY_MOST * CPSD_ID_OCTETS];
    struct memory_act act = {.memory = memory, .box = &op->box, .args = args, .found = &found, .ids = ids};
    bool brings = op->kind == CPSD_OP_PUT || op->kind == CPSD_OP_KEEP;
    if (brings && !(act.blob = cpsd_blob_new(args->envelope, args->publisher))) {
        cpsd_op_fail(store, op, STIR_E_NOMEM);
        return;
    }
    /* reading and deleting may use the reserve */
    size_t claims = 0;
    cpsd_found_init(&found);
    act.hash = memory_box_hash(memory, &op->box);
    act.reserved = !brings;
    /* lock order: the claim's part, then the box's */
    if (args->claim) {
        claims = SHARDS + memory_shard_of(stir_siphash(&memory->key, args->claim->id, sizeof(args->claim->id)));
        act.claims = memory_lock_shard(memory, claims);
    }
    act.shard = memory_lock_shard(memory, memory_shard_of(act.hash));
    memory_run_locked((struct memory_store *)store, &act, op->kind);
    memory_unlock_shard(memory, memory_shard_of(act.hash));
    if (args->claim) {
        memory_unlock_shard(memory, claims);
    }
    /* complete without a lock: the completion may begin another operation */
    if (found.failed) {
        act.result = (struct cpsd_store_result){.code = STIR_E_NOMEM};
    } else {
        act.result.entries = found.entries;
        act.result.count = found.count;
    }
    cpsd_op_complete(store, op, &act.result);
    cpsd_found_free(&found);
    cpsd_blob_unref(act.blob);
}

/* Clears expired items in boxes that get no puts any more. Every worker does it; it is bounded, so that no request
 * waits long. */
static void memory_sweep(uv_timer_t *timer)
{
    struct memory_store *store = timer->data;
    struct memory_backend *memory = (struct memory_backend *)store->base.backend;
    int64_t now = memory_now(memory);
    for (size_t i = 0; i < PARTS; i++) {
        struct cpsd_shard *shard = memory_lock_shard(memory, i);
        uint64_t expired = shard->expired;
        (void)cpsd_shard_expire(shard, now, EXPIRE_A_SWEEP);
        memory_count_expired(store, shard, expired);
        memory_unlock_shard(memory, i);
    }
}

static void memory_open(struct cpsd_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    (void)uv_timer_init(base->loop, &store->sweep);
    store->sweep.data = store;
    cpsd_count(&base->counters.connections_up, 1); /* it is always connected */
    (void)uv_timer_start(&store->sweep, memory_sweep, SWEEP_MS, SWEEP_MS);
}

static void memory_sweep_closed(uv_handle_t *handle)
{
    struct memory_store *store = handle->data;
    store->closed(&store->base);
}

static void memory_close(struct cpsd_store *base, void (*closed)(struct cpsd_store *store))
{
    struct memory_store *store = (struct memory_store *)base;
    store->closed = closed;
    cpsd_count(&base->counters.connections_up, UINT64_MAX);
    uv_close((uv_handle_t *)&store->sweep, memory_sweep_closed);
}

static bool memory_ready(const struct cpsd_store *store)
{
    return store != NULL;
}

static void memory_held(struct cpsd_backend *backend, struct cpsd_store_stats *out)
{
    struct memory_backend *memory = (struct memory_backend *)backend;
    for (size_t i = 0; i < SHARDS; i++) {
        const struct cpsd_shard *shard = memory_lock_shard(memory, i);
        out->held += shard->living;
        out->taken += shard->gone;
        memory_unlock_shard(memory, i);
    }
    out->held_octets = atomic_load_explicit(&memory->octets, memory_order_relaxed);
}

const struct cpsd_backend_ops cpsd_backend_memory = {
    .scheme = "memory",
    .backend_new = memory_new,
    .backend_free = memory_free,
    .store_size = sizeof(struct memory_store),
    .store_open = memory_open,
    .store_close = memory_close,
    .ready = memory_ready,
    .run = memory_run,
    .held = memory_held,
};
