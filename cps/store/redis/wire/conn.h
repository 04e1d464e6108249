/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/log.h"
#include "cps/store/redis/wire/link.h"

/*
 * A worker's connection to a Redis server. It connects, authenticates, loads the scripts (greeting.h), and then carries
 * many requests at a time; answers come in the order of the requests. If a request is not answered in time, or an
 * answer is malformed, the connection is dropped with all its pending requests, and a new one is made: the host name is
 * resolved again, after a pause that grows from 20 ms to half a second.
 */
#define CPSD_REDIS_SHA_TEXT 40      /* characters of a SHA-1 in hexadecimal, by which Redis calls a script */
#define CPSD_REDIS_PENDING_MAX 8192 /* pending requests; more are refused */

/* A request; embedded in what its owner needs to handle the answer. Belongs to the connection while it is pending. */
struct cpsd_redis_request {
    struct cpsd_redis_request *next;
    uint64_t due_ns; /* uv_hrtime by which the answer must have come */
    const char *command;
    size_t len;
    /* If `command` contains several commands: the number of answers before the last. `first` is called with each of
     * them, after `firsts` was decremented; it returns false for a malformed answer. */
    unsigned firsts;
    bool (*first)(struct cpsd_redis_request *request, const redisReply *reply);
    /* Called with the last answer, or with NULL when the connection was lost; the request is the owner's again. Returns
     * false for a malformed answer: the request stays with the connection, which is dropped, and NULL follows. */
    bool (*answered)(struct cpsd_redis_request *request, const redisReply *reply);
};

/* What a connection is for. It decides what is sent before requests are accepted. */
enum cpsd_redis_use {
    CPSD_REDIS_FOR_REQUESTS,  /* to a primary: the database and the scripts */
    CPSD_REDIS_FOR_MESSAGES,  /* subscriptions, at any server that accepts the credentials */
    CPSD_REDIS_FOR_QUESTIONS, /* where the primary is: to a Sentinel, or to any node of a cluster */
};

struct cpsd_redis_conn_config {
    enum cpsd_redis_use use;
    const struct cpsd_redis_address *address; /* may change between attempts, see locate */
    bool any_password;                        /* a server without a password (a Sentinel) is accepted, too */
    /* For requests: the scripts that Redis loads before the connection is up, and a key such as requests have. */
    const char *const *scripts;
    size_t script_count;
    const char *sample_key;
    unsigned timeout_ms;
    const struct stir_log *log;
    void (*up)(void *owner);   /* requests are accepted from now on */
    void (*down)(void *owner); /* requests are no longer accepted; called after `up` only */
    void (*closed)(void *owner);
    bool (*locate)(void *owner); /* NULL, or called before each attempt; false: *address is not known yet */
    bool (*push)(
        void *owner,
        const redisReply *reply);  /* NULL, or called with each answer; true if it was a message, not an answer */
    void (*flushing)(void *owner); /* NULL, or called when queued requests are about to be sent */
    void *owner;
};

/* A primary's settings, as far as it answered; otherwise false. */
struct cpsd_redis_settings {
    bool evicts;  /* maxmemory-policy is not noeviction */
    bool forgets; /* appendonly is no */
    bool has_min_replicas;
    unsigned min_replicas; /* min-replicas-to-write */
    bool has_expiry;       /* it has PEXPIRETIME (Redis 7.0), and we may use it */
};

struct cpsd_redis_conn {
    const struct cpsd_redis_conn_config *config;
    uv_loop_t *loop;
    enum {
        CPSD_REDIS_WAITING, /* for the next attempt */
        CPSD_REDIS_RESOLVING,
        CPSD_REDIS_CONNECTING,
        CPSD_REDIS_GREETING, /* authentication, database, scripts */
        CPSD_REDIS_UP,
        CPSD_REDIS_CLOSED,
    } state;
    uv_timer_t timer;
    uint64_t due_ns; /* uv_hrtime at which the timer has something to do */
    bool late;       /* the oldest request is overdue and has one more turn of the loop */
    uv_getaddrinfo_t resolve;
    struct sockaddr_storage to[8];
    size_t to_count, to_next;
    struct cpsd_redis_link *link;
    unsigned parts; /* timer, name resolution and links that are not closed yet */
    struct cpsd_redis_request *first, **end;
    size_t pending;
    unsigned attempts; /* since the last connection that held for a while */
    uint64_t up_ns;
    unsigned greetings;                            /* answers to the greeting that have not come */
    void (*greeted)(struct cpsd_redis_conn *conn); /* conn.c's: one of them was accepted */
    bool reloading;
    struct cpsd_redis_settings settings;
    char refusal[120]; /* why an answer was not accepted */
    char trouble[160]; /* the last failure that was logged; "": none */
};

/* Begins to connect. conn and config must not move or be freed until config->closed is called. */
void cpsd_redis_conn_open(struct cpsd_redis_conn *conn, uv_loop_t *loop, const struct cpsd_redis_conn_config *config);
void cpsd_redis_conn_close(struct cpsd_redis_conn *conn); /* ends pending requests with NULL first */

bool cpsd_redis_conn_up(const struct cpsd_redis_conn *conn);

/* Queues a request. Returns false if the connection is not up or has too many requests: it remains the caller's. */
bool cpsd_redis_conn_send(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request);

/* Drops the connection and connects again without a pause, because the address has changed. `why` is logged. Must not
 * be called from a callback of this connection. */
void cpsd_redis_conn_move(struct cpsd_redis_conn *conn, const char *why);
