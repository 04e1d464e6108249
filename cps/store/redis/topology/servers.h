/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/topology/discovery.h"
#include "cps/store/redis/topology/node.h"
#include "cps/store/redis/topology/place.h"
#include "cps/store/redis/topology/slot.h"
#include "cps/store/redis/topology/subscription.h"
#include "cps/store/store_internal.h"

#include <assert.h>

/*
 * The servers that one worker talks to: a single one, the primary that Sentinels name, or a cluster's nodes. Everything
 * here is used on the worker's loop only.
 */

/* What servers' settings can lack; bits. */
enum {
    REDIS_LACKS_NOEVICTION = 1,
    REDIS_LACKS_AOF = 2,
    REDIS_LACKS_REPLICAS = 4,
};
#define REDIS_LACK_MAX 16

/* What the workers of a process have in common. The owner sets all but `lack`, and keeps it until after the last
 * worker's redis_servers has closed. */
struct redis_shared {
    struct cpsd_redis_place place;
    const char *const *scripts; /* that servers load */
    size_t script_count;
    const char *key_prefix; /* of a box's key, and so of its channel: key_prefix{box} */
    const char *sample_key; /* a key such as boxes have */
    struct redis_lack {
        char where[300];
        unsigned lacks;
    } lack[REDIS_LACK_MAX]; /* under the lock of the backend; a free entry has lacks 0 */
};

/* What a node reports to the parts above it. */
struct redis_node_events {
    void (*up)(struct redis_node *node);
    void (*down)(struct redis_node *node);         /* not when it is closed on purpose */
    void (*resend)(struct redis_request *request); /* it was held and can be sent now */
    void (*lost)(struct redis_request *request);   /* it got no answer */
};

struct redis_servers {
    struct cpsd_store *store; /* for the loop, the configuration and the counters */
    struct redis_shared *shared;
    const struct redis_node_events *node_events;
    void (*map_changed)(struct redis_servers *servers); /* slots belong to other nodes now */
    void (*parts_closed)(struct redis_servers *servers);
    void (*closed)(struct redis_servers *servers); /* the owner's */

    bool patient;              /* a cluster or Sentinels: requests wait for another server to take over */
    struct redis_node only;    /* the server, but for a cluster */
    struct redis_node *nodes;  /* of a cluster */
    struct redis_node **slots; /* of a cluster: CPSD_REDIS_SLOTS entries, each may be NULL; NULL: no map yet */
    struct redis_discovery discovery;
    struct redis_subscriptions subscriptions;

    struct redis_request_list parked; /* until the next tick */
    size_t parked_count;
    uv_timer_t tick;   /* active while requests are parked */
    uv_timer_t upkeep; /* once a second, if something needs it */
    bool upkeeping;

    unsigned parts;             /* timers, nodes and the discovery that have not reported closed */
    bool was_up;                /* a server has been connected to before */
    bool lacks_redis7;          /* a server lacks or refuses commands of Redis 7.0 that boxes without a script need */
    uint64_t refusal_logged_ns; /* uv_hrtime */
};

static inline const struct cpsd_store_config *redis_servers_config(const struct redis_servers *servers)
{
    return &servers->store->backend->config;
}

static inline bool redis_servers_are_cluster(const struct redis_servers *servers)
{
    return servers->shared->place.kind == CPSD_REDIS_CLUSTER;
}

/* One of `parts` has closed. */
static inline void redis_servers_part_closed(struct redis_servers *servers)
{
    assert(servers->parts > 0);
    if (--servers->parts == 0) {
        servers->parts_closed(servers);
    }
}

/* Begins to connect. store, shared and closed are set, the rest is zero. */
void redis_servers_open(struct redis_servers *servers);

/* Fails or completes all requests and closes; then `closed` is called from the loop, and nothing of it is used after.
 */
void redis_servers_close(struct redis_servers *servers);

/* True if a request that is made now can be expected to succeed. */
bool redis_servers_ready(const struct redis_servers *servers);

/* True if an attempt to connect has failed since all was well. */
bool redis_servers_failed(const struct redis_servers *servers);

/* True if a request must not even be tried: the only server is away. */
bool redis_servers_away(const struct redis_servers *servers);

/* A reader waits for this box: wakes it when another process stores something there. */
void redis_servers_wait(struct redis_servers *servers, const struct stir_identity *box);

/* Returns the command that publishes an arrival: "PUBLISH", or "SPUBLISH" where channels are sharded. */
const char *redis_servers_publish_command(const struct redis_servers *servers);
