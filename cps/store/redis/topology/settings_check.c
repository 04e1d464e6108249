#include "cps/store/redis/redis_internal.h"

#include <stdio.h>
#include <string.h>

/*
 * Whether a server's settings are what the durability needs. A server that does not let us ask is taken at its word.
 */
static void describe(const struct redis_backend *redis, unsigned lacks, char *out, size_t size)
{
    char few[96] = "";
    if (lacks & REDIS_LACKS_REPLICAS) {
        (void)snprintf(few, sizeof(few),
                       "min-replicas-to-write is less than %u, the replicas that durability asks for; ",
                       redis->base.config.replicas);
    }
    (void)snprintf(out, size, "%s%s%s", few,
                   lacks & REDIS_LACKS_NOEVICTION
                       ? "maxmemory-policy is not noeviction: it may throw envelopes away to make room; "
                       : "",
                   lacks & REDIS_LACKS_AOF ? "appendonly is not yes: a restart loses what it has; " : "");
    size_t n = strlen(out);
    if (n >= 2) {
        out[n - 2] = '\0';
    }
}

/* Remembers it for the backend. Returns whether that is news. */
static bool remember(struct redis_backend *redis, const char *where, unsigned lacks)
{
    bool news = false;
    struct redis_lack *free_one = NULL, *known = NULL;
    (void)pthread_mutex_lock(&redis->base.lock);
    for (size_t i = 0; i < REDIS_LACK_MAX && !known; i++) {
        struct redis_lack *lack = &redis->lack[i];
        known = lack->lacks && strcmp(lack->where, where) == 0 ? lack : NULL;
        free_one = !lack->lacks && !free_one ? lack : free_one;
    }
    known = known ? known : free_one;
    if (known) {
        news = lacks && known->lacks != lacks;
        known->lacks = lacks;
        (void)snprintf(known->where, sizeof(known->where), "%s", where);
    }
    (void)pthread_mutex_unlock(&redis->base.lock);
    return news;
}

void redis_check(struct redis_node *node)
{
    struct redis_backend *redis = redis_backend_of(node->store);
    const struct cpsd_redis_settings *settings = &node->conn.settings;
    char where[sizeof(redis->lack[0].where)], text[REDIS_LACK_TEXT];
    unsigned lacks = 0;
    if (!cpsd_redis_conn_up(&node->conn)) {
        return;
    }
    node->store->lacks |= !settings->has_expiry;
    lacks |= settings->evicts ? REDIS_LACKS_NOEVICTION : 0;
    lacks |= settings->forgets ? REDIS_LACKS_AOF : 0;
    lacks |=
        settings->has_min_replicas && settings->min_replicas < redis->base.config.replicas ? REDIS_LACKS_REPLICAS : 0;
    cpsd_redis_address_name(&node->address, where, sizeof(where));
    if (remember(redis, where, lacks)) {
        describe(redis, lacks, text, sizeof(text));
        stir_log_plain(redis->base.config.log, STIR_LOG_WARNING, "Redis at %s: %s", where, text);
    }
}

void redis_advice(struct cpsd_backend *backend, char *out, size_t size)
{
    struct redis_backend *redis = (struct redis_backend *)backend;
    size_t used = 0;
    out[0] = '\0';
    (void)pthread_mutex_lock(&backend->lock);
    for (size_t i = 0; i < REDIS_LACK_MAX && used + 1 < size; i++) {
        char text[REDIS_LACK_TEXT];
        if (redis->lack[i].lacks) {
            describe(redis, redis->lack[i].lacks, text, sizeof(text));
            int n = snprintf(out + used, size - used, "%s%s: %s", used ? "; " : "", redis->lack[i].where, text);
            used += n > 0 ? (size_t)n : 0;
        }
    }
    (void)pthread_mutex_unlock(&backend->lock);
}
