#pragma once

#include "cps/store/redis/box/layout.h"
#include "cps/store/redis/wire/command.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Listing a short box without a script: two plain commands cost Redis a third of what a script does, and most boxes are
 * short. TIME goes first: what arrives after the last command was served arrived later than that. Then, if asked for,
 * the box's expiry, without which one that was made without a script cannot be read.
 */
/* TIME, PEXPIRETIME with `expiry`, and m and the first rows of the box with that key. */
size_t cpsd_redis_short_size(struct cpsd_redis_arg key);
size_t cpsd_redis_short_write(char *out, struct cpsd_redis_arg key, bool expiry);

/* Redis' clock from the answer to TIME; 0: it is none. */
int64_t cpsd_redis_short_time(const redisReply *reply);

struct cpsd_redis_short {
    bool whole; /* false: a longer box, or none that we know: ask the script */
    bool more;  /* the limits cut it */
    int64_t last_us;
    size_t count;
    redisReply *rows[BOX_SHORT_ROWS]; /* living, in order of arrival */
    redisReply fresh;                 /* a row that lies in `room` */
};

struct cpsd_redis_short_limits {
    int64_t now_us;
    int64_t expires_ms;   /* what PEXPIRETIME said; 0 or less: nothing */
    size_t count, octets; /* that are wanted at most */
};

/* Reads the answer to the last command; false if malformed. room: BOX_ROW_MAX octets. */
bool cpsd_redis_short_read(struct cpsd_redis_short *out, char *room, const redisReply *reply,
                           const struct cpsd_redis_short_limits *limits);
