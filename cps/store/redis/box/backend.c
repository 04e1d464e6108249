/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/operation.h"
#include "cps/store/redis/box/operations.h"
#include "cps/store/redis/topology/settings_check.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The Redis store as a backend of cps/store/store.h, for its four URL schemes. */

#define BUCKETS_HERE 100000 /* token buckets of a cluster that are counted in this process */

static void backend_describe(struct redis_backend *redis, unsigned replicas)
{
    char where[480];
    char *out = redis->base.description;
    size_t size = sizeof(redis->base.description);
    cpsd_redis_place_name(&redis->shared.place, where, sizeof(where));
    if (replicas) {
        (void)snprintf(out, size, "keeps everything in %.400s and in %u of its replicas", where, replicas);
    } else {
        (void)snprintf(out, size, "keeps everything in %.400s, as durably as that server is configured", where);
    }
}

static enum stir_code backend_new(struct cpsd_backend **out, const struct cpsd_store_config *config,
                                  struct stir_error *err)
{
    struct redis_backend *redis = calloc(1, sizeof(*redis));
    if (!redis) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory while creating the store");
    }
    enum stir_code code = cpsd_redis_place_parse(&redis->shared.place, config->url, err);
    if (code) {
        free(redis);
        return code;
    }
    /* what topology and wire need to know of the boxes */
    for (unsigned i = 0; i < CPSD_REDIS_SCRIPTS; i++) {
        cpsd_redis_script_sha((enum cpsd_redis_script)i, redis->sha[i]);
    }
    redis->shared.scripts = cpsd_redis_script_texts;
    redis->shared.script_count = CPSD_REDIS_SCRIPTS;
    redis->shared.key_prefix = BOX_KEY;
    redis->shared.sample_key = BOX_KEY "{}";
    redis->buckets = redis->shared.place.kind == CPSD_REDIS_CLUSTER ? cpsd_buckets_new(BUCKETS_HERE) : NULL;
    if (redis->shared.place.kind == CPSD_REDIS_CLUSTER && !redis->buckets) {
        cpsd_redis_place_clear(&redis->shared.place);
        free(redis);
        return stir_fail(err, STIR_E_NOMEM, "out of memory while creating the store");
    }
    backend_describe(redis, config->replicas);
    *out = &redis->base;
    return STIR_OK;
}

static void backend_free(struct cpsd_backend *backend)
{
    struct redis_backend *redis = (struct redis_backend *)backend;
    cpsd_buckets_free(redis->buckets);
    cpsd_redis_place_clear(&redis->shared.place);
    free(redis);
}

/* A worker's store from open to closed. */

static void backend_on_closed(struct redis_servers *servers)
{
    struct redis_store *store = (struct redis_store *)((char *)servers - offsetof(struct redis_store, servers));
    stir_buf_free(&store->text);
    store->closed(&store->base);
}

static void backend_open_store(struct cpsd_store *base)
{
    struct redis_store *store = (struct redis_store *)base;
    store->servers.store = base;
    store->servers.shared = &redis_backend_of(store)->shared;
    store->servers.closed = backend_on_closed;
    redis_servers_open(&store->servers);
}

static void backend_close_store(struct cpsd_store *base, void (*closed)(struct cpsd_store *store))
{
    struct redis_store *store = (struct redis_store *)base;
    store->closed = closed;
    redis_servers_close(&store->servers);
}

static bool backend_is_ready(const struct cpsd_store *base)
{
    return redis_servers_ready(&((const struct redis_store *)base)->servers);
}

static bool backend_has_failed(const struct cpsd_store *base)
{
    return redis_servers_failed(&((const struct redis_store *)base)->servers);
}

static void backend_wait(struct cpsd_store *base, const struct stir_identity *box)
{
    redis_servers_wait(&((struct redis_store *)base)->servers, box);
}

static void backend_advice(struct cpsd_backend *backend, char *out, size_t size)
{
    redis_settings_advice(backend, &((struct redis_backend *)backend)->shared, out, size);
}

/* All schemes have the same functions: redis_shared.place tells which one it is. */
#define REDIS_BACKEND(name, url_scheme)                                                                                \
    const struct cpsd_backend_ops name = {                                                                             \
        .scheme = url_scheme,                                                                                          \
        .backend_new = backend_new,                                                                                    \
        .backend_free = backend_free,                                                                                  \
        .store_size = sizeof(struct redis_store),                                                                      \
        .store_open = backend_open_store,                                                                              \
        .store_close = backend_close_store,                                                                            \
        .ready = backend_is_ready,                                                                                     \
        .failed = backend_has_failed,                                                                                  \
        .run = redis_operation_run,                                                                                    \
        .wait = backend_wait,                                                                                          \
        .advice = backend_advice,                                                                                      \
    };

REDIS_BACKEND(cpsd_backend_redis, "redis")
REDIS_BACKEND(cpsd_backend_redis_unix, "redis+unix")
REDIS_BACKEND(cpsd_backend_redis_cluster, "redis+cluster")
REDIS_BACKEND(cpsd_backend_redis_sentinel, "redis+sentinel")
