/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/number/identity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Arrivals that other processes store. A put publishes on a channel that has the name of the box's key; while readers
 * wait for a box, the worker is subscribed to that channel at the server that has the box. A message that arrives
 * before the subscription is in force would be missed, so waiting readers are woken to look when it is. A subscription
 * outlives its readers by half a minute, since readers come back.
 *
 * In a cluster the channels are sharded (SSUBSCRIBE): a message goes to the servers of one slot instead of all. Servers
 * before Redis 7 have only plain channels.
 */
struct redis_servers;

#define REDIS_SUBSCRIPTION_BUCKETS 1024
struct redis_subscriptions {
    struct redis_subscription *bucket[REDIS_SUBSCRIPTION_BUCKETS];
    size_t count;
    bool plain;         /* these servers have no sharded channels */
    uint64_t logged_ns; /* uv_hrtime of the last logged refusal */
};

/* A reader waits for this box: subscribes to its channel, if there is memory for that. */
void redis_subscription_wait(struct redis_servers *servers, const struct stir_identity *box);

/* To be called once a second: retries, and ends subscriptions without readers. */
void redis_subscription_upkeep(struct redis_servers *servers);

/* Servers have changed: subscribes again where a channel belongs to another server now. */
void redis_subscription_moved(struct redis_servers *servers);

/* Frees all, after the last callback of the connections. */
void redis_subscription_free(struct redis_servers *servers);
