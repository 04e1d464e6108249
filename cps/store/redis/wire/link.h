/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/wire/redis_url.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <uv.h>

/*
 * One transport connection to Redis on a libuv loop: it sends octets and parses replies. After a failure it cannot be
 * used again; a new one is opened. hiredis parses the protocol. Its asynchronous context is not used, because it
 * resolves names on the loop and ends the process (assert) at an unexpected answer.
 */
#define CPSD_REDIS_ANSWER_MAX (64UL << 20)  /* octets of an answer that are buffered */
#define CPSD_REDIS_ELEMENTS_MAX (1L << 18)  /* of one array in an answer */
#define CPSD_REDIS_BACKLOG_MAX (64UL << 20) /* octets queued to be sent */

struct cpsd_redis_link;

/* Called on the loop. Each may close the link. */
struct cpsd_redis_link_events {
    void (*connected)(void *owner);
    void (*flushing)(void *owner); /* queued octets are about to be sent; more may be queued now */
    void (*replied)(void *owner, const redisReply *reply); /* the link frees the reply afterwards */
    void (*lost)(void *owner, const char *why);            /* at most once; the owner must close the link */
    void (*closed)(void *owner);                           /* the last call, after cpsd_redis_link_close */
};

/* Begins to connect to the path of a local address, otherwise to `to`. Returns NULL without memory or handles. */
struct cpsd_redis_link *cpsd_redis_link_open(uv_loop_t *loop, const struct cpsd_redis_address *address,
                                             const struct sockaddr *to, const struct cpsd_redis_link_events *events,
                                             void *owner);

/* Queues octets; those of one turn of the loop are sent together. Returns false, and queues nothing, if there are too
 * many or without memory. */
bool cpsd_redis_link_write(struct cpsd_redis_link *link, const void *data, size_t len);

/* While on, buffers are overwritten once they are sent, because they hold a password. */
void cpsd_redis_link_secret(struct cpsd_redis_link *link, bool on);

/* Closes the link. Of the events only `closed` follows. */
void cpsd_redis_link_close(struct cpsd_redis_link *link);
