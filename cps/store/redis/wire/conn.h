#pragma once

#include "common/base/log.h"
#include "cps/store/redis/wire/link.h"

/*
 * A worker's way to Redis: connects, proves who it is, loads the scripts, and then carries requests, many at a time;
 * answers come in their order. When a request is not answered in time, or an answer makes no sense, the connection is
 * dropped with all that was pending on it, and a new one is made: with a name resolved anew, after a pause that grows
 * from almost nothing to half a second.
 */
#define CPSD_REDIS_SHA_TEXT 40      /* characters of a SHA-1 in hexadecimal, by which Redis calls a script */
#define CPSD_REDIS_PENDING_MAX 8192 /* requests on the way; more are refused */

/* Embedded in what its owner wants to remember of it. */
struct cpsd_redis_request {
    struct cpsd_redis_request *next;
    uint64_t due_ns; /* uv_hrtime of the last moment for an answer */
    const char *command;
    size_t len;
    /* For a command that holds several: how many answers come before the last, and what is called with each that comes,
     * `firsts` having become what is still to come before the last; false if it makes no sense. */
    unsigned firsts;
    bool (*first)(struct cpsd_redis_request *request, const redisReply *reply);
    /* Called once: with the last answer, or with NULL when the connection was lost, and the request is the owner's
     * again. Returns false for an answer that makes no sense: then it was as if not called; NULL follows. */
    bool (*answered)(struct cpsd_redis_request *request, const redisReply *reply);
};

/* What a connection is for: what is said before it is of use depends on it. */
enum cpsd_redis_use {
    CPSD_REDIS_FOR_REQUESTS,  /* to a primary: the database and the scripts */
    CPSD_REDIS_FOR_MESSAGES,  /* subscriptions, at any server that lets us in */
    CPSD_REDIS_FOR_QUESTIONS, /* where to find the primary: to a Sentinel, or to any node of a cluster */
};

struct cpsd_redis_conn_config {
    enum cpsd_redis_use use;
    const struct cpsd_redis_address *address; /* may be changed between attempts, see locate */
    bool any_password;                        /* a server that knows no password (a Sentinel) is taken, too */
    /* For requests: the scripts that Redis loads before the connection is up, and a key such as requests have. */
    const char *const *scripts;
    size_t script_count;
    const char *sample_key;
    unsigned timeout_ms;
    const struct stir_log *log;
    void (*up)(void *owner);   /* requests are taken */
    void (*down)(void *owner); /* no more; comes after `up` only */
    void (*closed)(void *owner);
    bool (*locate)(void *owner); /* NULL: at *address. Before each attempt; false: nowhere to go, ask again later */
    bool (*push)(void *owner, const redisReply *reply); /* NULL: none. True if it took what nobody asked for */
    void (*flushing)(void *owner);                      /* NULL. What was queued is about to be sent */
    void *owner;
};

/* What a primary said of its settings; what it did not say is false. */
struct cpsd_redis_settings {
    bool evicts;  /* maxmemory-policy is not noeviction */
    bool forgets; /* appendonly is no */
    bool has_min_replicas;
    unsigned min_replicas; /* min-replicas-to-write */
    bool has_expiry;       /* it knows PEXPIRETIME */
};

struct cpsd_redis_conn {
    const struct cpsd_redis_conn_config *config;
    uv_loop_t *loop;
    enum {
        CPSD_REDIS_WAITING, /* for the next attempt */
        CPSD_REDIS_RESOLVING,
        CPSD_REDIS_CONNECTING,
        CPSD_REDIS_GREETING, /* who we are, which database, the scripts */
        CPSD_REDIS_UP,
        CPSD_REDIS_CLOSED,
    } state;
    uv_timer_t timer;
    uint64_t due_ns; /* what the timer is for */
    bool late;       /* the oldest request's time is over: it has one more turn of the loop */
    uv_getaddrinfo_t resolve;
    struct sockaddr_storage to[8];
    size_t to_count, to_next;
    struct cpsd_redis_link *link;
    unsigned parts; /* timer, name look-up, links: what is not closed yet */
    struct cpsd_redis_request *first, **end;
    size_t pending;
    unsigned attempts; /* since it was well */
    uint64_t up_ns;
    unsigned greetings;                            /* answers of Redis that are still needed */
    void (*greeted)(struct cpsd_redis_conn *conn); /* one of them was accepted */
    bool reloading;
    struct cpsd_redis_settings settings;
    char refusal[120]; /* why an answer of the greeting was not accepted */
    char trouble[160]; /* what was last logged; "": none */
};

/* Begins to connect. conn stays where it is until config->closed. */
void cpsd_redis_conn_open(struct cpsd_redis_conn *conn, uv_loop_t *loop, const struct cpsd_redis_conn_config *config);
void cpsd_redis_conn_close(struct cpsd_redis_conn *conn); /* completes what is pending with NULL first */

bool cpsd_redis_conn_up(const struct cpsd_redis_conn *conn);

/* Queues a request. False if the connection is not up or has too much to do: the request stays the caller's. */
bool cpsd_redis_conn_send(struct cpsd_redis_conn *conn, struct cpsd_redis_request *request);

/* The address has changed, or another one is to be tried: drops the connection and connects anew, without a pause. Not
 * from within a callback of this connection. */
void cpsd_redis_conn_move(struct cpsd_redis_conn *conn, const char *why);
