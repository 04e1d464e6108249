/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/wire/conn.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Finds out where the servers are: asks a node of the cluster, or a Sentinel. It asks at the start, when something
 * shows that the known servers are out of date, from time to time, and repeatedly while not all servers can be reached.
 * While in doubt it asks another one each time: the one that it asked before may be cut off from the others and not
 * know it.
 */
struct redis_servers;

struct redis_discovery {
    struct cpsd_redis_conn conn;
    struct cpsd_redis_conn_config config;
    struct cpsd_redis_address address;
    struct cpsd_redis_request question;
    char command[512];
    uv_timer_t timer;
    size_t next; /* of the addresses to ask */
    bool opened;
    bool asking;    /* a question is under way */
    bool listening; /* the connection is subscribed: Redis takes no more questions on it */
    bool stale;     /* the known servers are out of date */
    bool move;      /* the next question goes to another one */
    uint64_t asked_ns;
};

/* How servers of one kind are found. */
struct redis_finder {
    /* Returns the number of addresses to ask, at least 1. */
    size_t (*count)(const struct redis_servers *servers);
    /* Copies address i, whose user and password remain its owner's. */
    void (*pick)(const struct redis_servers *servers, size_t i, struct cpsd_redis_address *out);
    /* Writes the question. Returns its octets, 0 if it does not fit. */
    size_t (*question)(struct redis_servers *servers, char *out, size_t size);
    /* Applies an answer. False if it is malformed or useless. */
    bool (*answer)(struct redis_servers *servers, const redisReply *reply);
    /* Takes a message of a subscription; false if it is malformed. NULL: there are no subscriptions. */
    bool (*push)(struct redis_servers *servers, const redisReply *reply);
    /* Called once a second while all servers can be reached. NULL: the question is asked again from time to time. */
    void (*upkeep)(struct redis_servers *servers);
};

void redis_discovery_open(struct redis_servers *servers);
void redis_discovery_close(struct redis_servers *servers);

/* Reports that the known servers seem out of date: asks soon. elsewhere: asks another server than the last one. */
void redis_discovery_doubt(struct redis_servers *servers, bool elsewhere);

/* To be called once a second. */
void redis_discovery_upkeep(struct redis_servers *servers);
