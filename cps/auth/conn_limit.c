/* SPDX-License-Identifier: MIT */
#include "cps/auth/conn_limit.h"

#include "common/base/siphash.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A hash table with chaining. One lock, taken twice in a connection's life. */
#define BUCKETS 4096 /* a power of two */

struct network_count {
    struct network_count *next; /* in the same bucket */
    struct in6_addr network;
    uint64_t count; /* at least 1 */
};

struct cpsd_conn_limit {
    pthread_mutex_t lock;
    struct stir_siphash_key key;
    struct network_count *buckets[BUCKETS];
};

struct cpsd_conn_limit *cpsd_conn_limit_new(void)
{
    struct cpsd_conn_limit *limit = calloc(1, sizeof(*limit));
    if (!limit || stir_siphash_key_new(&limit->key) < 0) {
        free(limit);
        return NULL;
    }
    (void)pthread_mutex_init(&limit->lock, NULL);
    return limit;
}

void cpsd_conn_limit_free(struct cpsd_conn_limit *limit)
{
    if (!limit) {
        return;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct network_count *entry = limit->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    (void)pthread_mutex_destroy(&limit->lock);
    free(limit);
}

/* Returns the network of an address: the /64 of IPv6, the whole address of IPv4. */
static struct in6_addr conn_limit_network(const struct in6_addr *address)
{
    struct in6_addr network = *address;
    if (!IN6_IS_ADDR_V4MAPPED(address)) {
        memset(&network.s6_addr[8], 0, 8);
    }
    return network;
}

/* Returns the link to the network's entry, or the NULL link at which a new one goes. With the lock held. */
static struct network_count **conn_limit_find(struct cpsd_conn_limit *limit, const struct in6_addr *network)
{
    struct network_count **link = &limit->buckets[stir_siphash(&limit->key, network, sizeof(*network)) % BUCKETS];
    while (*link && memcmp(&(*link)->network, network, sizeof(*network)) != 0) {
        link = &(*link)->next;
    }
    return link;
}

bool cpsd_conn_limit_acquire(struct cpsd_conn_limit *limit, const struct in6_addr *address, uint64_t most)
{
    struct in6_addr network = conn_limit_network(address);
    bool known = !IN6_IS_ADDR_UNSPECIFIED(address), acquired = false;
    (void)pthread_mutex_lock(&limit->lock);
    struct network_count **link = conn_limit_find(limit, &network);
    if (!*link && (*link = calloc(1, sizeof(**link)))) {
        (*link)->network = network;
    }
    if (*link && (!known || most == 0 || (*link)->count < most)) {
        (*link)->count++;
        acquired = true;
    }
    (void)pthread_mutex_unlock(&limit->lock);
    return acquired;
}

void cpsd_conn_limit_release(struct cpsd_conn_limit *limit, const struct in6_addr *address)
{
    struct in6_addr network = conn_limit_network(address);
    (void)pthread_mutex_lock(&limit->lock);
    struct network_count **link = conn_limit_find(limit, &network), *entry = *link;
    assert(entry && entry->count > 0); /* each release follows an acquire that returned true */
    if (--entry->count == 0) {
        *link = entry->next;
        free(entry);
    }
    (void)pthread_mutex_unlock(&limit->lock);
}
