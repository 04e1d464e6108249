/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/wire/conn.h"

#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct redis_node;
struct redis_servers;
struct redis_request;

/*
 * A request on its way to whichever server has its slot, with all its attempts. What it asks for and what its answer
 * means is the business of its handler.
 */

/* Where a request is. redis_request_enter asserts the transitions. */
enum redis_request_state {
    REDIS_REQUEST_NEW,        /* not sent yet */
    REDIS_REQUEST_SENT,       /* at the server that has its slot, or held there until an earlier WAIT is answered */
    REDIS_REQUEST_ASKING,     /* as SENT, at the server that an ASK redirection named: ASKING is sent before it */
    REDIS_REQUEST_PARKED,     /* waits for the next attempt */
    REDIS_REQUEST_UNDONE,     /* refused by a server that is about to be dropped: it certainly did nothing */
    REDIS_REQUEST_CONFIRMING, /* answered; its result is reported when enough replicas have it */
    REDIS_REQUEST_STATES,
};

/* What is known of a request before it is sent; never changes. */
enum redis_request_trait {
    REDIS_REQUEST_WRITES = 1,     /* its effect must reach replicas, if durability asks for them */
    REDIS_REQUEST_REPEATABLE = 2, /* doing it twice has the same effect as doing it once */
};

enum redis_answer {
    REDIS_ANSWER_NONSENSE,  /* not an answer to this request: the connection is dropped */
    REDIS_ANSWER_COMPLETED, /* the operation is completed: the request is freed */
    REDIS_ANSWER_KEPT,      /* the result is kept in the request until replicas confirm it */
};

/* What the owner of a request does with its answers. The caller frees the request after each function but `first`, and
 * after `answered` and `refused` as their results say. */
struct redis_request_handler {
    /* Takes an answer before the last; false if it is malformed. NULL if only one answer is expected. */
    bool (*first)(struct redis_request *request, const redisReply *reply);
    /* Takes the last answer, which is not an error. It keeps the result if redis_request_needs_replicas and something
     * was written. */
    enum redis_answer (*answered)(struct redis_request *request, const redisReply *reply);
    /* Takes an error answer to a request that is better made in another way: true if it has made one. Redirections are
     * passed in only with `redirected`. NULL: the request is redirected and retried as it is. */
    bool (*refused)(struct redis_request *request, const redisReply *error, bool redirected);
    /* Completes the operation with an error. */
    void (*failed)(struct redis_request *request, enum stir_code code);
    /* Completes the operation with the kept result. */
    void (*confirmed)(struct redis_request *request);
};

/* The first member of what its owner allocates with malloc. The owner sets wire.command, wire.len and everything up to
 * `deadline_ns`; the rest is zero at first. */
struct redis_request {
    struct cpsd_redis_request wire;
    struct redis_servers *servers;
    const struct redis_request_handler *handler;
    unsigned traits;      /* enum redis_request_trait */
    unsigned firsts;      /* answers before the last */
    unsigned slot;        /* of its key, in a cluster */
    uint64_t deadline_ns; /* uv_hrtime after which no attempt is made */

    enum redis_request_state state;
    struct redis_node *node;          /* that it was last sent to */
    unsigned reloads;                 /* attempts that were repeated after NOSCRIPT */
    unsigned hops;                    /* redirections since it was last parked */
    struct cpsd_redis_request asking; /* in state ASKING */
    struct redis_request *next;       /* in a list */
};

struct redis_request_list {
    struct redis_request *first, **end;
};

void redis_request_list_init(struct redis_request_list *list);
void redis_request_list_add(struct redis_request_list *list, struct redis_request *request);

/* Returns all requests in order, linked by `next`, and leaves the list empty. */
struct redis_request *redis_request_list_take(struct redis_request_list *list);

/* Changes the state; asserts that the change is allowed. */
void redis_request_enter(struct redis_request *request, enum redis_request_state state);

/* True if the request writes and the configured durability asks for replicas. */
bool redis_request_needs_replicas(const struct redis_request *request);

/* Completes the operation with an error and frees the request. */
void redis_request_fail(struct redis_request *request, enum stir_code code);

/* Completes the operation with its kept result and frees the request. */
void redis_request_confirm(struct redis_request *request);
