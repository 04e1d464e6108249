/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/settings_check.h"

#include "cps/store/redis/topology/servers.h"

#include <stdio.h>
#include <string.h>

#define LACK_TEXT_MAX 320

/* Writes the missing settings, separated by "; ". */
static void settings_describe(unsigned replicas, unsigned lacks, char *out, size_t size)
{
    char few[96] = "";
    if (lacks & REDIS_LACKS_REPLICAS) {
        (void)snprintf(few, sizeof(few),
                       "min-replicas-to-write is less than %u, the number of replicas in store.durability; ", replicas);
    }
    (void)snprintf(out, size, "%s%s%s", few,
                   lacks & REDIS_LACKS_NOEVICTION
                       ? "maxmemory-policy is not noeviction: envelopes may be evicted when memory is full; "
                       : "",
                   lacks & REDIS_LACKS_AOF ? "appendonly is not yes: all data is lost on a restart; " : "");
    size_t n = strlen(out);
    if (n >= 2) {
        out[n - 2] = '\0';
    }
}

/* Remembers what this server lacks for the backend. Returns true if that is news. */
static bool settings_remember(struct redis_servers *servers, const char *where, unsigned lacks)
{
    bool news = false;
    struct redis_lack *free_one = NULL, *known = NULL;
    pthread_mutex_t *lock = &servers->store->backend->lock;
    (void)pthread_mutex_lock(lock);
    for (size_t i = 0; i < REDIS_LACK_MAX && !known; i++) {
        struct redis_lack *lack = &servers->shared->lack[i];
        known = lack->lacks && strcmp(lack->where, where) == 0 ? lack : NULL;
        free_one = !lack->lacks && !free_one ? lack : free_one;
    }
    known = known ? known : free_one;
    if (known) {
        news = lacks && known->lacks != lacks;
        known->lacks = lacks;
        (void)snprintf(known->where, sizeof(known->where), "%s", where);
    }
    (void)pthread_mutex_unlock(lock);
    return news;
}

void redis_settings_check(struct redis_node *node)
{
    struct redis_servers *servers = node->servers;
    const struct cpsd_redis_settings *settings = &node->conn.settings;
    const struct cpsd_store_config *config = redis_servers_config(servers);
    char where[sizeof(servers->shared->lack[0].where)], text[LACK_TEXT_MAX];
    unsigned lacks = 0;
    if (!cpsd_redis_conn_up(&node->conn)) {
        return; /* the connection for replicas is up before the one that asked */
    }
    servers->lacks_redis7 |= !settings->has_expiry;
    lacks |= settings->evicts ? REDIS_LACKS_NOEVICTION : 0;
    lacks |= settings->forgets ? REDIS_LACKS_AOF : 0;
    lacks |= settings->has_min_replicas && settings->min_replicas < config->replicas ? REDIS_LACKS_REPLICAS : 0;
    cpsd_redis_address_name(&node->address, where, sizeof(where));
    if (settings_remember(servers, where, lacks)) {
        settings_describe(config->replicas, lacks, text, sizeof(text));
        stir_log_plain(config->log, STIR_LOG_WARNING, "Redis at %s: %s", where, text);
    }
}

void redis_settings_advice(struct cpsd_backend *backend, const struct redis_shared *shared, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    (void)pthread_mutex_lock(&backend->lock);
    for (size_t i = 0; i < REDIS_LACK_MAX && used + 1 < size; i++) {
        char text[LACK_TEXT_MAX];
        if (shared->lack[i].lacks) {
            settings_describe(backend->config.replicas, shared->lack[i].lacks, text, sizeof(text));
            int n = snprintf(out + used, size - used, "%s%s: %s", used ? "; " : "", shared->lack[i].where, text);
            used += n > 0 ? (size_t)n : 0;
        }
    }
    (void)pthread_mutex_unlock(&backend->lock);
}
