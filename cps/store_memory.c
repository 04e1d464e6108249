#include "cps/store_internal.h"
#include "cps/store_shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Everything in the process's memory: one table for all workers, in shards with a lock each. Operations complete before
 * they return.
 */
#define SHARD_BITS 6
#define SHARDS (1 << SHARD_BITS)
#define EXPIRE_A_PUT 4       /* expired ones that a put clears away: more than it adds */
#define EXPIRE_A_SWEEP 256   /* and a sweep, a shard */
#define EXPIRE_IN_NEED 65536 /* and a put that finds the memory used up */
#define SWEEP_MS 250
#define FEW 32 /* entries of a result without an allocation */

struct memory_backend {
    struct cpsd_backend base;
    struct cpsd_siphash_key key;
    int64_t clock_offset_us;
    atomic_size_t octets;
    struct {
        pthread_mutex_t lock;
        struct cpsd_shard shard;
    } part[SHARDS];
};

struct memory_store {
    struct cpsd_store base;
    uv_timer_t sweep;
    void (*closed)(struct cpsd_store *store);
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static enum stir_code memory_new(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                 struct stir_error *err)
{
    if (strcmp(config->url, "memory:") != 0) {
        return stir_fail(err, STIR_E_CONFIG, "the store's URL: nothing can follow memory:");
    }
    struct memory_backend *memory = calloc(1, sizeof(*memory));
    if (!memory) {
        return stir_fail(err, STIR_E_NOMEM, "no memory for the store");
    }
    if (cpsd_siphash_key_new(&memory->key)) {
        free(memory);
        return stir_fail(err, STIR_E_CRYPTO, "the system gives no random octets");
    }
    /* The wall's time as of now, then a clock that nobody sets back. */
    memory->clock_offset_us = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_BOOTTIME);
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_init(&memory->part[i].lock, NULL);
        memory->part[i].shard.key = &memory->key;
        memory->part[i].shard.octets = &memory->octets;
    }
    (void)snprintf(memory->base.description, sizeof(memory->base.description),
                   "keeps everything in this process's memory: forgets it on exit, shares it with nobody");
    *out = &memory->base;
    return STIR_OK;
}

static void memory_free(struct cpsd_backend *backend)
{
    struct memory_backend *memory = (struct memory_backend *)backend;
    for (size_t i = 0; i < SHARDS; i++) {
        cpsd_shard_clear(&memory->part[i].shard);
        (void)pthread_mutex_destroy(&memory->part[i].lock);
    }
    free(memory);
}

static int64_t memory_now(const struct memory_backend *memory)
{
    return memory->clock_offset_us + clock_us(CLOCK_BOOTTIME);
}

/* A time that no later arrival in this shard will have. With its lock held. */
static int64_t told_time(const struct memory_backend *memory, struct cpsd_shard *shard)
{
    int64_t now = memory_now(memory);
    if (shard->last_us < now) {
        shard->last_us = now;
    }
    return shard->last_us;
}

static struct cpsd_shard *lock_shard(struct memory_backend *memory, size_t i)
{
    (void)pthread_mutex_lock(&memory->part[i].lock);
    return &memory->part[i].shard;
}

static void unlock_shard(struct memory_backend *memory, size_t i)
{
    (void)pthread_mutex_unlock(&memory->part[i].lock);
}

/* By the hash's high bits: the shard's own tables use the low ones. */
static size_t shard_of(uint64_t hash)
{
    return (size_t)(hash >> (64 - SHARD_BITS));
}

static uint64_t box_hash(const struct memory_backend *memory, const struct stir_identity *box)
{
    return cpsd_siphash(&memory->key, box->text, box->len);
}

static void count_expired(struct memory_store *store, const struct cpsd_shard *shard, uint64_t before)
{
    cpsd_count(&store->base.counters.expired_seen, shard->expired - before);
}

/* put, with the shard's lock held. */

static bool known(struct cpsd_shard *shard, const struct cpsd_box *box, const uint8_t id[CPSD_ID_OCTETS], int64_t now)
{
    struct cpsd_item *item = box ? cpsd_shard_item(shard, box, id) : NULL;
    if (item && item->expires_us <= now) {
        cpsd_shard_drop(shard, item);
        item = NULL;
    }
    return item != NULL;
}

static bool has_room(struct memory_backend *memory, struct cpsd_shard *shard, const struct stir_identity *id,
                     uint64_t hash, struct cpsd_store_result *result)
{
    struct cpsd_box *box = cpsd_shard_box(shard, id, hash);
    if (box && box->living >= memory->base.config.box_limit) {
        cpsd_shard_make_room(shard, box, result->now_us);
        box = cpsd_shard_box(shard, id, hash);
    }
    if (!box || box->living < memory->base.config.box_limit) {
        return true;
    }
    result->code = STIR_E_BOX_FULL;
    result->retry_after_ms = (box->next_expiry_us - result->now_us + 999) / 1000;
    if (result->retry_after_ms < 1) {
        result->retry_after_ms = 1;
    }
    return false;
}

static bool has_memory(struct memory_backend *memory, struct cpsd_shard *shard, size_t cost, int64_t now)
{
    size_t limit = memory->base.config.memory_limit_bytes;
    if (!limit || atomic_load_explicit(&memory->octets, memory_order_relaxed) + cost <= limit) {
        return true;
    }
    (void)cpsd_shard_expire(shard, now, EXPIRE_IN_NEED);
    return atomic_load_explicit(&memory->octets, memory_order_relaxed) + cost <= limit;
}

static void put_locked(struct memory_backend *memory, struct cpsd_shard *shard, uint64_t hash,
                       const struct stir_identity *box, const struct cpsd_op_args *args, struct cpsd_blob **blob,
                       struct cpsd_store_result *result)
{
    result->now_us = told_time(memory, shard);
    (void)cpsd_shard_expire(shard, result->now_us, EXPIRE_A_PUT);
    if (known(shard, cpsd_shard_box(shard, box, hash), args->id, result->now_us)) {
        result->code = STIR_OK;
        result->existed = true;
        return;
    }
    if (!has_room(memory, shard, box, hash, result)) {
        return;
    }
    if (!has_memory(memory, shard, cpsd_shard_cost(box, args->envelope.len), result->now_us)) {
        result->code = STIR_E_UNAVAILABLE;
        result->retry_after_ms = CPSD_RETRY_AFTER_MS;
        return;
    }
    result->code = cpsd_shard_add(shard, box, hash, args->id, *blob, result->now_us + args->ttl_ms * 1000);
    if (result->code == STIR_OK) {
        *blob = NULL;
    }
}

static void memory_put(struct memory_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args)
{
    struct memory_backend *memory = (struct memory_backend *)store->base.backend;
    struct cpsd_store_result result = {.code = STIR_E_NOMEM};
    struct cpsd_blob *blob = cpsd_blob_new(args->envelope);
    if (blob) {
        uint64_t hash = box_hash(memory, &op->box);
        struct cpsd_shard *shard = lock_shard(memory, shard_of(hash));
        uint64_t expired = shard->expired;
        put_locked(memory, shard, hash, &op->box, args, &blob, &result);
        count_expired(store, shard, expired);
        unlock_shard(memory, shard_of(hash));
        cpsd_blob_unref(blob);
    }
    cpsd_op_complete(&store->base, op, &result);
}

/* list and get: entries hold references while the completion reads them. */

struct found {
    struct cpsd_entry few[FEW], *entries;
    struct cpsd_blob *few_blobs[FEW], **blobs;
    size_t count, cap, octets;
    bool failed;
};

static void found_init(struct found *found)
{
    found->entries = found->few;
    found->blobs = found->few_blobs;
    found->count = 0;
    found->cap = FEW;
    found->octets = 0;
    found->failed = false;
}

static void found_free(struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        cpsd_blob_unref(found->blobs[i]);
    }
    if (found->entries != found->few) {
        free(found->entries);
    }
    if (found->blobs != found->few_blobs) {
        free(found->blobs);
    }
}

static void *grown(const void *few, void *now, size_t size, size_t count)
{
    void *grown = realloc(now == few ? NULL : now, 2 * count * size);
    if (grown && now == few) {
        memcpy(grown, few, count * size);
    }
    return grown;
}

static bool found_grow(struct found *found)
{
    struct cpsd_entry *entries = grown(found->few, found->entries, sizeof(struct cpsd_entry), found->count);
    if (entries) {
        found->entries = entries;
    }
    struct cpsd_blob **blobs = grown(found->few_blobs, found->blobs, sizeof(struct cpsd_blob *), found->count);
    if (blobs) {
        found->blobs = blobs;
    }
    found->failed = !entries || !blobs;
    found->cap *= 2;
    return !found->failed;
}

static void found_add(struct found *found, const struct cpsd_item *item)
{
    if (found->count == found->cap && !found_grow(found)) {
        return;
    }
    struct cpsd_entry *entry = &found->entries[found->count];
    memcpy(entry->id, item->id, sizeof(entry->id));
    entry->arrival_us = item->arrival_us;
    entry->expires_us = item->expires_us;
    entry->envelope = stir_view(item->blob->data, item->blob->len);
    found->blobs[found->count++] = cpsd_blob_ref(item->blob);
    found->octets += item->blob->len;
}

/* The first that arrived later; readers come back for what is new, so from the end. */
static struct cpsd_item *first_after(const struct cpsd_box *box, int64_t after_us)
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

/* Returns whether the limits cut it. */
static bool list_locked(struct found *found, const struct cpsd_box *box, const struct cpsd_op_args *args, int64_t now)
{
    struct cpsd_item *item = box ? first_after(box, args->after_us) : NULL;
    for (; item && !found->failed; item = item->next) {
        if (item->expires_us <= now) {
            continue;
        }
        if (found->count == args->count ||
            (found->count && (found->octets >= args->octets || args->octets - found->octets < item->blob->len))) {
            return true;
        }
        found_add(found, item);
    }
    return false;
}

static void finish_found(struct memory_store *store, const struct cpsd_op *op, struct found *found,
                         struct cpsd_store_result *result)
{
    if (found->failed) {
        *result = (struct cpsd_store_result){.code = STIR_E_NOMEM};
    } else {
        result->entries = found->entries;
        result->count = found->count;
    }
    cpsd_op_complete(&store->base, op, result);
    found_free(found);
}

static void memory_list(struct memory_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args)
{
    struct memory_backend *memory = (struct memory_backend *)store->base.backend;
    struct cpsd_store_result result = {.code = STIR_OK};
    struct found found;
    found_init(&found);
    uint64_t hash = box_hash(memory, &op->box);
    struct cpsd_shard *shard = lock_shard(memory, shard_of(hash));
    result.now_us = told_time(memory, shard);
    result.more = list_locked(&found, cpsd_shard_box(shard, &op->box, hash), args, result.now_us);
    unlock_shard(memory, shard_of(hash));
    finish_found(store, op, &found, &result);
}

/* A living item, or NULL. */
static struct cpsd_item *find_living(struct cpsd_shard *shard, const struct stir_identity *id, uint64_t hash,
                                     const uint8_t item_id[CPSD_ID_OCTETS], int64_t now)
{
    struct cpsd_box *box = cpsd_shard_box(shard, id, hash);
    struct cpsd_item *item = box ? cpsd_shard_item(shard, box, item_id) : NULL;
    return item && item->blob && item->expires_us > now ? item : NULL;
}

static void memory_get(struct memory_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args)
{
    struct memory_backend *memory = (struct memory_backend *)store->base.backend;
    struct cpsd_store_result result = {.code = STIR_E_NOT_FOUND};
    struct found found;
    found_init(&found);
    uint64_t hash = box_hash(memory, &op->box);
    struct cpsd_shard *shard = lock_shard(memory, shard_of(hash));
    result.now_us = told_time(memory, shard);
    struct cpsd_item *item = find_living(shard, &op->box, hash, args->id, result.now_us);
    if (item) {
        result.code = STIR_OK;
        found_add(&found, item);
    }
    unlock_shard(memory, shard_of(hash));
    finish_found(store, op, &found, &result);
}

static void memory_remove(struct memory_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args)
{
    struct memory_backend *memory = (struct memory_backend *)store->base.backend;
    struct cpsd_store_result result = {.code = STIR_E_NOT_FOUND};
    uint64_t hash = box_hash(memory, &op->box);
    struct cpsd_shard *shard = lock_shard(memory, shard_of(hash));
    result.now_us = told_time(memory, shard);
    struct cpsd_item *item = find_living(shard, &op->box, hash, args->id, result.now_us);
    if (item) {
        result.code = STIR_OK;
        cpsd_shard_consume(shard, item);
    }
    unlock_shard(memory, shard_of(hash));
    cpsd_op_complete(&store->base, op, &result);
}

static void memory_run(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args)
{
    static void (*const runs[])(struct memory_store * store, const struct cpsd_op *op,
                                const struct cpsd_op_args *args) = {
        [CPSD_OP_PUT] = memory_put,
        [CPSD_OP_LIST] = memory_list,
        [CPSD_OP_GET] = memory_get,
        [CPSD_OP_REMOVE] = memory_remove,
    };
    runs[op->kind]((struct memory_store *)store, op, args);
}

/* What expired in boxes that nobody puts into any more. Every worker does it; bounded, so that no request waits long.
 */
static void sweep(uv_timer_t *timer)
{
    struct memory_store *store = timer->data;
    struct memory_backend *memory = (struct memory_backend *)store->base.backend;
    int64_t now = memory_now(memory);
    for (size_t i = 0; i < SHARDS; i++) {
        struct cpsd_shard *shard = lock_shard(memory, i);
        uint64_t expired = shard->expired;
        (void)cpsd_shard_expire(shard, now, EXPIRE_A_SWEEP);
        count_expired(store, shard, expired);
        unlock_shard(memory, i);
    }
}

static void memory_open(struct cpsd_store *base)
{
    struct memory_store *store = (struct memory_store *)base;
    (void)uv_timer_init(base->loop, &store->sweep);
    store->sweep.data = store;
    (void)uv_timer_start(&store->sweep, sweep, SWEEP_MS, SWEEP_MS);
}

static void sweep_closed(uv_handle_t *handle)
{
    struct memory_store *store = handle->data;
    store->closed(&store->base);
}

static void memory_close(struct cpsd_store *base, void (*closed)(struct cpsd_store *store))
{
    struct memory_store *store = (struct memory_store *)base;
    store->closed = closed;
    uv_close((uv_handle_t *)&store->sweep, sweep_closed);
}

static bool memory_ready(const struct cpsd_store *store)
{
    return store != NULL;
}

static void memory_held(struct cpsd_backend *backend, struct cpsd_store_stats *out)
{
    struct memory_backend *memory = (struct memory_backend *)backend;
    for (size_t i = 0; i < SHARDS; i++) {
        out->held += lock_shard(memory, i)->living;
        unlock_shard(memory, i);
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
