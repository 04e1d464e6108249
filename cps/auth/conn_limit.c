#include "common/base/siphash.h"
#include "cps/auth/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Networks with open connections, in chains; one lock, taken twice in a connection's life. */
#define CHAINS 4096 /* a power of two */

struct member {
    struct member *next;
    struct in6_addr network;
    uint64_t count;
};

struct cpsd_crowd {
    pthread_mutex_t lock;
    struct stir_siphash_key key;
    struct member *chain[CHAINS];
};

struct cpsd_crowd *cpsd_crowd_new(void)
{
    struct cpsd_crowd *crowd = calloc(1, sizeof(*crowd));
    if (!crowd || stir_siphash_key_new(&crowd->key) < 0) {
        free(crowd);
        return NULL;
    }
    (void)pthread_mutex_init(&crowd->lock, NULL);
    return crowd;
}

void cpsd_crowd_free(struct cpsd_crowd *crowd)
{
    if (!crowd) {
        return;
    }
    for (size_t i = 0; i < CHAINS; i++) {
        for (struct member *member = crowd->chain[i], *next; member; member = next) {
            next = member->next;
            free(member);
        }
    }
    (void)pthread_mutex_destroy(&crowd->lock);
    free(crowd);
}

/* An IPv6 /64; an IPv4 address whole. */
static struct in6_addr network_of(const struct in6_addr *address)
{
    struct in6_addr network = *address;
    if (!IN6_IS_ADDR_V4MAPPED(address)) {
        memset(&network.s6_addr[8], 0, 8);
    }
    return network;
}

/* Where the network's member hangs, or is to hang. With the lock held. */
static struct member **find(struct cpsd_crowd *crowd, const struct in6_addr *network)
{
    struct member **link = &crowd->chain[stir_siphash(&crowd->key, network, sizeof(*network)) % CHAINS];
    while (*link && memcmp(&(*link)->network, network, sizeof(*network)) != 0) {
        link = &(*link)->next;
    }
    return link;
}

bool cpsd_crowd_enter(struct cpsd_crowd *crowd, const struct in6_addr *address, uint64_t most)
{
    struct in6_addr network = network_of(address);
    bool known = !IN6_IS_ADDR_UNSPECIFIED(address), entered = false;
    (void)pthread_mutex_lock(&crowd->lock);
    struct member **link = find(crowd, &network);
    if (!*link && (*link = calloc(1, sizeof(**link)))) {
        (*link)->network = network;
    }
    if (*link && (!known || most == 0 || (*link)->count < most)) {
        (*link)->count++;
        entered = true;
    }
    (void)pthread_mutex_unlock(&crowd->lock);
    return entered;
}

void cpsd_crowd_leave(struct cpsd_crowd *crowd, const struct in6_addr *address)
{
    struct in6_addr network = network_of(address);
    (void)pthread_mutex_lock(&crowd->lock);
    struct member **link = find(crowd, &network), *member = *link;
    if (member && --member->count == 0) {
        *link = member->next;
        free(member);
    }
    (void)pthread_mutex_unlock(&crowd->lock);
}
