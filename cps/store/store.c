/* SPDX-License-Identifier: MIT */
#include "cps/store/store_internal.h"

#include "common/jose/b64.h"

#include <stdlib.h>
#include <string.h>

static const struct cpsd_backend_ops *const backends[] = {&cpsd_backend_memory, &cpsd_backend_redis,
                                                          &cpsd_backend_redis_unix, &cpsd_backend_redis_cluster,
                                                          &cpsd_backend_redis_sentinel};

/* Schemes that look plausible but are not supported, and why. */
static const struct {
    const char *scheme, *why;
} absent[] = {
    {"rediss", "this build's hiredis has no TLS; use redis+unix: or a tunnel"},
};

static bool store_has_scheme(const char *url, const char *scheme)
{
    size_t n = strlen(scheme);
    return strncmp(url, scheme, n) == 0 && url[n] == ':';
}

static enum stir_code store_find_backend(const struct cpsd_backend_ops **out, const char *url, struct stir_error *err)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        if (store_has_scheme(url, backends[i]->scheme)) {
            *out = backends[i];
            return STIR_OK;
        }
    }
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        if (store_has_scheme(url, absent[i].scheme)) {
            return stir_fail(err, STIR_E_CONFIG, "the store's URL: scheme %s: is not supported: %s", absent[i].scheme,
                             absent[i].why);
        }
    }
    return stir_fail(err, STIR_E_CONFIG,
                     "the store's URL has an unknown scheme; use memory:, redis://host, redis+unix:///path, "
                     "redis+cluster://host,... or redis+sentinel://host,.../name");
}

/* Returns the share of one publisher as a number of envelopes, at least one. */
static unsigned store_share_of(const struct cpsd_store_config *config)
{
    uint64_t percent = config->box_share ? config->box_share : 100;
    uint64_t share = percent * config->box_limit / 100;
    return share < 1 ? 1 : share < config->box_limit ? (unsigned)share : config->box_limit;
}

enum stir_code cpsd_backend_new(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                struct stir_error *err)
{
    const struct cpsd_backend_ops *ops = NULL;
    struct cpsd_hub *hub = NULL;
    struct cpsd_backend *backend = NULL;
    if (!config->url || !config->box_limit || !config->timeout_ms || !config->max_ttl_ms) {
        return stir_fail(err, STIR_E_CONFIG,
                         "the store needs a URL, and a box limit, a timeout and a longest lifetime greater than 0");
    }
    if (config->replicas > CPSD_REPLICAS_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "the store's durability: at most %d replicas", CPSD_REPLICAS_MAX);
    }
    /* the backend checks the rest of its URL; what is common to all is set here */
    enum stir_code code = store_find_backend(&ops, config->url, err);
    if (code == STIR_OK) {
        code = cpsd_hub_new(&hub, err);
    }
    if (code == STIR_OK) {
        code = ops->backend_new(&backend, config, err);
    }
    if (code) {
        cpsd_hub_free(hub);
        return code;
    }
    backend->ops = ops;
    backend->config = *config;
    backend->config.url = NULL;
    backend->config.box_share = store_share_of(config);
    backend->hub = hub;
    (void)pthread_mutex_init(&backend->lock, NULL);
    *out = backend;
    return STIR_OK;
}

void cpsd_backend_free(struct cpsd_backend *backend)
{
    if (backend) {
        cpsd_hub_free(backend->hub);
        (void)pthread_mutex_destroy(&backend->lock);
        backend->ops->backend_free(backend);
    }
}

const char *cpsd_backend_description(const struct cpsd_backend *backend)
{
    return backend->description;
}

enum stir_code cpsd_store_attach(struct cpsd_store **out, struct cpsd_backend *backend, uv_loop_t *loop,
                                 struct stir_error *err)
{
    struct cpsd_store *store = calloc(1, backend->ops->store_size);
    if (!store) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory while attaching a worker to the store");
    }
    enum stir_code code = cpsd_hub_open(backend->hub, &store->port, loop, err);
    if (code) {
        free(store);
        return code;
    }
    store->backend = backend;
    store->loop = loop;
    backend->ops->store_open(store);
    (void)pthread_mutex_lock(&backend->lock);
    store->next = backend->stores;
    backend->stores = store;
    (void)pthread_mutex_unlock(&backend->lock);
    *out = store;
    return STIR_OK;
}

void cpsd_backend_advice(struct cpsd_backend *backend, char *out, size_t size)
{
    out[0] = '\0';
    if (backend->ops->advice) {
        backend->ops->advice(backend, out, size);
    }
}

static uint64_t store_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void store_add_counters(struct cpsd_store_stats *sum, const struct cpsd_store_counters *counters)
{
    sum->operations += store_counter(&counters->operations);
    sum->failures += store_counter(&counters->failures);
    sum->reconnects += store_counter(&counters->reconnects);
    sum->stored += store_counter(&counters->stored);
    sum->consumed += store_counter(&counters->consumed);
    sum->expired_seen += store_counter(&counters->expired_seen);
    sum->connections_up += store_counter(&counters->connections_up);
    sum->dropped += store_counter(&counters->dropped);
    sum->emptied += store_counter(&counters->emptied);
    for (size_t i = 0; i < CPSD_FULL_COUNT; i++) {
        sum->full[i] += store_counter(&counters->full[i]);
    }
    sum->latency_sum_us += store_counter(&counters->latency_sum_us);
    for (size_t i = 0; i < CPSD_LATENCY_BUCKETS; i++) {
        sum->latency_bucket[i] += store_counter(&counters->latency_bucket[i]);
    }
}

void cpsd_backend_stats(struct cpsd_backend *backend, struct cpsd_store_stats *out)
{
    (void)pthread_mutex_lock(&backend->lock);
    *out = backend->past;
    for (const struct cpsd_store *store = backend->stores; store; store = store->next) {
        store_add_counters(out, &store->counters);
    }
    (void)pthread_mutex_unlock(&backend->lock);
    if (backend->ops->held) {
        backend->ops->held(backend, out);
    }
}

/* Removes the store from its backend, which keeps its counters. */
static void store_detach(struct cpsd_store *store)
{
    struct cpsd_backend *backend = store->backend;
    (void)pthread_mutex_lock(&backend->lock);
    struct cpsd_store **link = &backend->stores;
    while (*link != store) {
        link = &(*link)->next;
    }
    *link = store->next;
    store_add_counters(&backend->past, &store->counters);
    (void)pthread_mutex_unlock(&backend->lock);
}

static void store_part_closed(struct cpsd_store *store)
{
    if (--store->closes) {
        return;
    }
    void (*closed)(void *arg) = store->closed;
    void *arg = store->closed_arg;
    store_detach(store);
    free(store);
    if (closed) {
        closed(arg);
    }
}

static void store_port_closed(void *arg)
{
    store_part_closed(arg);
}

void cpsd_store_close(struct cpsd_store *store, void (*closed)(void *arg), void *arg)
{
    store->closing = true;
    store->closes = 2;
    store->closed = closed;
    store->closed_arg = arg;
    cpsd_hub_close(&store->port, store_port_closed, store);
    store->backend->ops->store_close(store, store_part_closed);
}

bool cpsd_store_ready(const struct cpsd_store *store)
{
    return !store->closing && store->backend->ops->ready(store);
}

bool cpsd_store_tried(const struct cpsd_store *store)
{
    const struct cpsd_backend_ops *ops = store->backend->ops;
    return ops->ready(store) || (ops->failed && ops->failed(store));
}

static int64_t store_clamp_ttl(int64_t ttl_ms, int64_t longest)
{
    return ttl_ms < 1 ? 1 : ttl_ms > longest ? longest : ttl_ms;
}

static void store_run(struct cpsd_store *store, enum cpsd_op_kind kind, const struct stir_identity *box,
                      struct cpsd_op_args *args, cpsd_store_done *done, void *arg)
{
    struct cpsd_op op = {.kind = kind, .started_ns = uv_hrtime(), .done = done, .arg = arg, .box = *box};
    struct cpsd_claim claim;
    if (store->closing) {
        cpsd_op_fail(store, &op, STIR_E_UNAVAILABLE);
        return;
    }
    if (args->claim) {
        claim = *args->claim;
        claim.ttl_ms = store_clamp_ttl(claim.ttl_ms, CPSD_TTL_LONGEST_MS);
        args->claim = &claim;
    }
    store->backend->ops->run(store, &op, args);
}

void cpsd_store_put(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                    struct stir_view envelope, int64_t ttl_ms, const struct cpsd_claim *claim, cpsd_store_done *done,
                    void *arg)
{
    const struct cpsd_put put = {.id = id, .envelope = envelope, .ttl_ms = ttl_ms, .claim = claim};
    cpsd_store_publish(store, box, &put, done, arg);
}

void cpsd_store_publish(struct cpsd_store *store, const struct stir_identity *box, const struct cpsd_put *put,
                        cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.id = put->id, .envelope = put->envelope, .claim = put->claim};
    args.ttl_ms = store_clamp_ttl(put->ttl_ms, (int64_t)store->backend->config.max_ttl_ms);
    args.spend = put->spend && put->spend->count ? put->spend : NULL;
    args.publisher = put->publisher;
    args.ring = put->ring > 0;
    args.limit = put->ring ? put->ring : store->backend->config.box_limit;
    args.share = put->ring ? put->ring : store->backend->config.box_share;
    store_run(store, CPSD_OP_PUT, box, &args, done, arg);
}

void cpsd_store_owe(struct cpsd_store *store, const struct cpsd_bucket *bucket, cpsd_store_done *done, void *arg)
{
    struct cpsd_spend spend = {.bucket = {*bucket}, .count = 1};
    struct cpsd_op_args args = {.spend = &spend};
    struct stir_identity name = {.kind = STIR_IDENTITY_URI, .len = (unsigned)strlen(bucket->name)};
    memcpy(name.text, bucket->name, name.len);
    store_run(store, CPSD_OP_OWE, &name, &args, done, arg);
}

void cpsd_store_list(struct cpsd_store *store, const struct stir_identity *box, int64_t after_us, size_t count,
                     size_t octets, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.after_us = after_us > 0 ? after_us : 0,
                                .count = count ? count : 1,
                                .octets = octets ? octets : 1,
                                .claim = claim};
    store_run(store, CPSD_OP_LIST, box, &args, done, arg);
}

void cpsd_store_get(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                    const struct cpsd_claim *claim, cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.id = id, .claim = claim};
    store_run(store, CPSD_OP_GET, box, &args, done, arg);
}

void cpsd_store_remove(struct cpsd_store *store, const struct stir_identity *box, const uint8_t id[CPSD_ID_OCTETS],
                       bool remember, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.id = id, .remember = remember, .claim = claim};
    store_run(store, CPSD_OP_REMOVE, box, &args, done, arg);
}

void cpsd_store_forget(struct cpsd_store *store, const struct stir_identity *box, struct stir_view ids,
                       cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.ids = ids};
    store_run(store, CPSD_OP_FORGET, box, &args, done, arg);
}

void cpsd_store_empty(struct cpsd_store *store, const struct stir_identity *box, int64_t until_us,
                      const struct cpsd_claim *claim, cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.after_us = until_us, .count = CPSD_EMPTY_MOST, .claim = claim};
    store_run(store, CPSD_OP_EMPTY, box, &args, done, arg);
}

void cpsd_store_once(struct cpsd_store *store, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.claim = claim};
    struct stir_identity name = {.kind = STIR_IDENTITY_URI};
    name.len = (unsigned)stir_b64url_encode(name.text, claim->id, sizeof(claim->id));
    store_run(store, CPSD_OP_ONCE, &name, &args, done, arg);
}

void cpsd_store_keep(struct cpsd_store *store, const struct stir_identity *name, struct stir_view text, int64_t ttl_ms,
                     int64_t order, const struct cpsd_claim *claim, cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.envelope = text, .order = order < 0 ? 0 : order, .claim = claim};
    args.ttl_ms = store_clamp_ttl(ttl_ms, CPSD_TTL_LONGEST_MS);
    if (text.len > CPSD_RECORD_MAX) {
        struct cpsd_op op = {.kind = CPSD_OP_KEEP, .started_ns = uv_hrtime(), .done = done, .arg = arg, .box = *name};
        cpsd_op_fail(store, &op, STIR_E_TOO_BIG);
        return;
    }
    store_run(store, CPSD_OP_KEEP, name, &args, done, arg);
}

void cpsd_store_look(struct cpsd_store *store, const struct stir_identity *name, const struct cpsd_claim *claim,
                     cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.claim = claim};
    store_run(store, CPSD_OP_LOOK, name, &args, done, arg);
}

void cpsd_store_drop(struct cpsd_store *store, const struct stir_identity *name, const struct cpsd_claim *claim,
                     cpsd_store_done *done, void *arg)
{
    struct cpsd_op_args args = {.claim = claim};
    store_run(store, CPSD_OP_DROP, name, &args, done, arg);
}

void cpsd_store_wait(struct cpsd_store *store, struct cpsd_wait *wait, const struct stir_identity *box,
                     void (*arrived)(void *arg), void *arg)
{
    cpsd_hub_wait(&store->port, wait, box, arrived, arg);
    if (store->backend->ops->wait && !store->closing) {
        store->backend->ops->wait(store, box);
    }
}

void cpsd_store_unwait(struct cpsd_wait *wait)
{
    cpsd_hub_unwait(wait);
}
