/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/box/layout.h"
#include "cps/store/redis/wire/command.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Listing a short box without a script: plain commands cost Redis a third of what a script costs, and most boxes are
 * short. TIME goes first, so that everything which arrives after the last command arrives later than that time. Then
 * follows, if wanted, the expiry of the key, which is needed to read a box that was made without a script.
 */
/* Returns the room for the commands; writes them and returns their octets: TIME, PEXPIRETIME if `expiry`, and HMGET of
 * m and the first rows. */
size_t cpsd_redis_short_size(struct cpsd_redis_arg key);
size_t cpsd_redis_short_write(char *out, struct cpsd_redis_arg key, bool expiry);

/* Returns Redis' clock in microseconds from the answer to TIME; 0 if it is malformed. */
int64_t cpsd_redis_short_time(const redisReply *reply);

struct cpsd_redis_short {
    bool whole; /* false: the box is longer, or not as expected: the script must read it */
    bool more;  /* the limits cut the list */
    int64_t last_us;
    size_t count;
    redisReply *rows[BOX_SHORT_ROWS]; /* living, in order of arrival */
    redisReply fresh;                 /* the only row of a box that was made without a script; in `room` */
};

struct cpsd_redis_short_limits {
    int64_t now_us;
    int64_t expires_ms;   /* the answer to PEXPIRETIME; 0 or less: the key does not expire, or is unknown */
    size_t count, octets; /* the most that is wanted */
};

/* Reads the answer to HMGET; false if it is malformed. room: BOX_ROW_MAX octets. *out points into both. */
bool cpsd_redis_short_read(struct cpsd_redis_short *out, char *room, const redisReply *reply,
                           const struct cpsd_redis_short_limits *limits);
