#pragma once

#include "cps/store/redis/wire/redis_url.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <uv.h>

/*
 * One transport connection to Redis on a libuv loop: octets out, replies in. It is used once: what went wrong is not
 * repaired, a new one is opened. hiredis reads the protocol; its asynchronous context is not used, because it resolves
 * names on the loop and ends the process (assert) at unexpected answer.
 */
#define CPSD_REDIS_ANSWER_MAX (64UL << 20)  /* octets of an answer that are buffered */
#define CPSD_REDIS_ELEMENTS_MAX (1L << 18)  /* of one array in an answer */
#define CPSD_REDIS_BACKLOG_MAX (64UL << 20) /* octets that wait to be sent */

struct cpsd_redis_link;

/* Called on the loop; any of them may close the link. */
struct cpsd_redis_link_events {
    void (*connected)(void *owner);
    void (*flushing)(void *owner); /* what was queued is about to be sent: more may be queued behind it */
    void (*replied)(void *owner, const redisReply *reply); /* the reply is the link's */
    void (*lost)(void *owner, const char *why);            /* at most once; the owner closes it */
    void (*closed)(void *owner);                           /* after cpsd_redis_link_close, the last */
};

/* Begins to connect: to the path of a local address, else to `to`. NULL without memory or handles. */
struct cpsd_redis_link *cpsd_redis_link_open(uv_loop_t *loop, const struct cpsd_redis_address *address,
                                             const struct sockaddr *to, const struct cpsd_redis_link_events *events,
                                             void *owner);

/* Queues octets; all of one turn of the loop go out together. False if there are too many or no memory: then nothing
 * was queued. */
bool cpsd_redis_link_write(struct cpsd_redis_link *link, const void *data, size_t len);

/* While on, what was written is overwritten once it is sent. */
void cpsd_redis_link_secret(struct cpsd_redis_link *link, bool on);

/* No event but `closed` comes afterwards. */
void cpsd_redis_link_close(struct cpsd_redis_link *link);
