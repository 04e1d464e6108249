#pragma once

#include "cps/store_redis_command.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Listing a short box without a script: two plain commands cost Redis a third of what a script does, and most boxes are
 * short. TIME goes first: what arrives after the second command was served arrived later than that.
 */
#define CPSD_REDIS_SHORT 8 /* rows that are asked for */

/* TIME, and m and the first rows of the box with that key. */
size_t cpsd_redis_short_size(struct cpsd_redis_arg key);
size_t cpsd_redis_short_write(char *out, struct cpsd_redis_arg key);

/* Redis' clock from the answer to TIME; 0: it is none. */
int64_t cpsd_redis_short_time(const redisReply *reply);

struct cpsd_redis_short {
    bool whole; /* false: a longer box, or none that we know: ask the script */
    bool more;  /* the limits cut it */
    int64_t last_us;
    size_t count;
    redisReply *rows[CPSD_REDIS_SHORT]; /* living, in order of arrival */
};

/* Reads the answer to the second command; false if it is none. */
bool cpsd_redis_short_read(struct cpsd_redis_short *out, const redisReply *reply, int64_t now_us, size_t count,
                           size_t octets);
