#include "cps/store_internal.h"
#include "cps/store_memory_found.h"
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
#define BUCKETS 100000       /* of tokens, at a time */
#define EXPIRE_A_PUT 4       /* expired ones that a put clears away: more than it adds */
#define EXPIRE_A_SWEEP 256   /* and a sweep, a shard */
#define EXPIRE_IN_NEED 65536 /* and a put that finds the memory used up */
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
    if (config->replicas) {
        return stir_fail(err, STIR_E_CONFIG, "the store's durability: memory: has no replicas");
    }
    struct memory_backend *memory = calloc(1, sizeof(*memory));
    if (!memory) {
        return stir_fail(err, STIR_E_NOMEM, "no memory for the store");
    }
    memory->buckets = cpsd_buckets_new(BUCKETS);
    if (!memory->buckets) {
        free(memory);
        return stir_fail(err, STIR_E_NOMEM, "no memory for the store");
    }
    if (stir_siphash_key_new(&memory->key)) {
        cpsd_buckets_free(memory->buckets);
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
    cpsd_buckets_free(memory->buckets);
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
    return stir_siphash(&memory->key, box->text, box->len);
}

static void count_expired(struct memory_store *store, const struct cpsd_shard *shard, uint64_t before)
{
    cpsd_count(&store->base.counters.expired_seen, shard->expired - before);
}

/* An operation under way, with its shard's lock held. */
struct act {
    struct memory_backend *memory;
    struct cpsd_shard *shard;
    uint64_t hash;
    const struct stir_identity *box;
    const struct cpsd_op_args *args;
    struct cpsd_blob *blob; /* put, keep: what is brought; NULL once the shard has it */
    struct cpsd_found *found;
    struct cpsd_store_result result; /* now_us is set */
};

/* Claims and records are items, too, in boxes that no request can name. */
enum { CLAIMS = STIR_IDENTITY_URI + 1, RECORDS };
static const uint8_t record_id[CPSD_ID_OCTETS];

static struct stir_identity hidden_box(const struct act *act, unsigned kind)
{
    struct stir_identity name = *act->box;
    name.kind = (enum stir_identity_kind)kind;
    return name;
}

/* Of a box: an item that has not expired, or NULL. One that has makes room. */
static struct cpsd_item *find_item(const struct act *act, const struct stir_identity *name,
                                   const uint8_t id[CPSD_ID_OCTETS])
{
    struct cpsd_box *box = cpsd_shard_box(act->shard, name, act->hash);
    struct cpsd_item *item = box ? cpsd_shard_item(act->shard, box, id) : NULL;
    if (item && item->expires_us <= act->result.now_us) {
        act->shard->expired += item->blob != NULL;
        cpsd_shard_drop(act->shard, item);
        item = NULL;
    }
    return item;
}

static bool has_memory(const struct act *act, size_t cost)
{
    struct memory_backend *memory = act->memory;
    size_t limit = memory->base.config.memory_limit_bytes;
    if (!limit || atomic_load_explicit(&memory->octets, memory_order_relaxed) + cost <= limit) {
        return true;
    }
    (void)cpsd_shard_expire(act->shard, act->result.now_us, EXPIRE_IN_NEED);
    return atomic_load_explicit(&memory->octets, memory_order_relaxed) + cost <= limit;
}

/* Adds an item; *blob passes to the shard with STIR_OK. */
static enum stir_code add_item(struct act *act, const struct stir_identity *name, const uint8_t id[CPSD_ID_OCTETS],
                               struct cpsd_blob **blob, int64_t ttl_ms)
{
    if (!*blob) {
        return STIR_E_NOMEM;
    }
    if (!has_memory(act, cpsd_shard_cost(name, (*blob)->len))) {
        act->result.retry_after_ms = CPSD_RETRY_AFTER_MS;
        return STIR_E_UNAVAILABLE;
    }
    enum stir_code code = cpsd_shard_add(act->shard, name, act->hash, id, *blob, act->result.now_us + ttl_ms * 1000);
    if (code == STIR_OK) {
        *blob = NULL;
    }
    return code;
}

static bool is_claimed(struct act *act, const struct cpsd_claim *claim)
{
    struct stir_identity name = hidden_box(act, CLAIMS);
    return find_item(act, &name, claim->id) != NULL;
}

static enum stir_code take_claim(struct act *act, const struct cpsd_claim *claim)
{
    struct stir_identity name = hidden_box(act, CLAIMS);
    struct cpsd_blob *nothing = cpsd_blob_new(stir_view(NULL, 0));
    enum stir_code code = add_item(act, &name, claim->id, &nothing, claim->ttl_ms);
    if (code == STIR_OK) {
        struct cpsd_box *box = cpsd_shard_box(act->shard, &name, act->hash);
        cpsd_shard_consume(act->shard, cpsd_shard_item(act->shard, box, claim->id));
    }
    cpsd_blob_unref(nothing);
    return code;
}

/* put */

static bool has_room(struct act *act)
{
    unsigned limit = act->memory->base.config.box_limit;
    struct cpsd_box *box = cpsd_shard_box(act->shard, act->box, act->hash);
    if (box && box->living >= limit) {
        cpsd_shard_make_room(act->shard, box, act->result.now_us);
        box = cpsd_shard_box(act->shard, act->box, act->hash);
    }
    if (!box || box->living < limit) {
        return true;
    }
    act->result.code = STIR_E_BOX_FULL;
    act->result.retry_after_ms = (box->next_expiry_us - act->result.now_us + 999) / 1000;
    if (act->result.retry_after_ms < 1) {
        act->result.retry_after_ms = 1;
    }
    return false;
}

static void memory_put(struct act *act)
{
    (void)cpsd_shard_expire(act->shard, act->result.now_us, EXPIRE_A_PUT);
    if (find_item(act, act->box, act->args->id)) {
        act->result.code = STIR_OK;
        act->result.existed = true;
    } else if (has_room(act)) {
        act->result.code = add_item(act, act->box, act->args->id, &act->blob, act->args->ttl_ms);
    }
}

/* list, get, look: entries hold references while the completion reads them. */

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
static bool list_locked(struct cpsd_found *found, const struct cpsd_box *box, const struct cpsd_op_args *args,
                        int64_t now)
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
        cpsd_found_add(found, item);
    }
    return false;
}

static void memory_list(struct act *act)
{
    act->result.code = STIR_OK;
    act->result.more =
        list_locked(act->found, cpsd_shard_box(act->shard, act->box, act->hash), act->args, act->result.now_us);
}

static struct cpsd_item *find_living(const struct act *act, const struct stir_identity *name,
                                     const uint8_t id[CPSD_ID_OCTETS])
{
    struct cpsd_item *item = find_item(act, name, id);
    return item && item->blob ? item : NULL;
}

static void memory_get(struct act *act)
{
    struct cpsd_item *item = find_living(act, act->box, act->args->id);
    act->result.code = item ? STIR_OK : STIR_E_NOT_FOUND;
    if (item) {
        cpsd_found_add(act->found, item);
    }
}

static void memory_remove(struct act *act)
{
    struct cpsd_item *item = find_living(act, act->box, act->args->id);
    act->result.code = item ? STIR_OK : STIR_E_NOT_FOUND;
    if (item) {
        cpsd_shard_consume(act->shard, item);
    }
}

static void memory_once(struct act *act)
{
    act->result.code = STIR_OK;
}

/* Records: what arrival_us is to an envelope, `order` is to a record. */

static void memory_keep(struct act *act)
{
    struct stir_identity name = hidden_box(act, RECORDS);
    struct cpsd_item *old = find_living(act, &name, record_id);
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
        cpsd_shard_drop(act->shard, old);
    }
    act->result.code = add_item(act, &name, record_id, &act->blob, act->args->ttl_ms);
    if (act->result.code == STIR_OK) {
        find_item(act, &name, record_id)->arrival_us = act->args->order;
    }
}

static void memory_look(struct act *act)
{
    struct stir_identity name = hidden_box(act, RECORDS);
    struct cpsd_item *item = find_living(act, &name, record_id);
    act->result.code = item ? STIR_OK : STIR_E_NOT_FOUND;
    if (item) {
        cpsd_found_add(act->found, item);
        act->found->entries[0].arrival_us = 0;
    }
}

static void memory_drop(struct act *act)
{
    struct stir_identity name = hidden_box(act, RECORDS);
    struct cpsd_item *item = find_living(act, &name, record_id);
    act->result.code = item ? STIR_OK : STIR_E_NOT_FOUND;
    if (item) {
        cpsd_shard_drop(act->shard, item);
    }
}

static enum stir_code spend(struct act *act, const struct cpsd_spend *what)
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

static void memory_owe(struct act *act)
{
    cpsd_buckets_owe(act->memory->buckets, &act->args->spend->bucket[0], act->result.now_us);
}

static void run_locked(struct memory_store *store, struct act *act, enum cpsd_op_kind kind)
{
    static void (*const runs[CPSD_OP_KINDS])(struct act * act) = {
        [CPSD_OP_PUT] = memory_put,       [CPSD_OP_LIST] = memory_list, [CPSD_OP_GET] = memory_get,
        [CPSD_OP_REMOVE] = memory_remove, [CPSD_OP_ONCE] = memory_once, [CPSD_OP_KEEP] = memory_keep,
        [CPSD_OP_LOOK] = memory_look,     [CPSD_OP_DROP] = memory_drop, [CPSD_OP_OWE] = memory_owe,
    };
    uint64_t expired = act->shard->expired;
    act->result.now_us = told_time(act->memory, act->shard);
    enum stir_code code = act->args->claim && is_claimed(act, act->args->claim) ? STIR_E_REPLAYED : STIR_OK;
    if (code == STIR_OK && act->args->spend && kind == CPSD_OP_PUT) {
        code = spend(act, act->args->spend);
    }
    if (code == STIR_OK && act->args->claim) {
        code = take_claim(act, act->args->claim);
    }
    if (code == STIR_OK) {
        runs[kind](act);
    } else {
        act->result.code = code;
    }
    count_expired(store, act->shard, expired);
}

static void memory_run(struct cpsd_store *store, const struct cpsd_op *op, const struct cpsd_op_args *args)
{
    struct memory_backend *memory = (struct memory_backend *)store->backend;
    struct cpsd_found found;
    struct act act = {.memory = memory, .box = &op->box, .args = args, .found = &found};
    bool brings = op->kind == CPSD_OP_PUT || op->kind == CPSD_OP_KEEP;
    if (brings && !(act.blob = cpsd_blob_new(args->envelope))) {
        cpsd_op_fail(store, op, STIR_E_NOMEM);
        return;
    }
    cpsd_found_init(&found);
    act.hash = box_hash(memory, &op->box);
    act.shard = lock_shard(memory, shard_of(act.hash));
    run_locked((struct memory_store *)store, &act, op->kind);
    unlock_shard(memory, shard_of(act.hash));
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
