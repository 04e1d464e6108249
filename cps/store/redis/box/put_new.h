#pragma once

#include "cps/store/redis/box/layout.h"
#include "cps/store/redis/wire/command.h"

#include "common/base/view.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A put into a box that is not there, without a script: plain commands cost Redis a quarter of what the script does,
 * and most messages go to a number that has not got another one in the last minute. HSETNX makes the box, with all that
 * it has in one field; where there is a box already it does nothing, and the script has to be asked. See layout.h for
 * the value that it stores.
 *
 *     MULTI; HSETNX box m record; PEXPIRE box life NX; PUBLISH box ""; EXEC        (SPUBLISH in a cluster)
 *
 * PEXPIRE's NX, and PEXPIRETIME, with which such a box is read, came with Redis 7.0.
 */
#define CPSD_REDIS_FRESH_ANSWERS 4 /* that come before EXEC's */

struct cpsd_redis_fresh {
    int64_t ttl_ms; /* 1 .. BOX_FRESH_LIFE_MAX_MS */
    const uint8_t *id;
    char form;
    struct stir_view publisher, envelope;
};

/* Writes a record and returns its octets. */
size_t cpsd_redis_fresh_record(uint8_t *out, const struct cpsd_redis_fresh *fresh);

/* What a record says; false if it is none. Points into it. */
bool cpsd_redis_fresh_parse(struct cpsd_redis_fresh *out, struct stir_view record);

/* The commands; *record_at is where in them the record lies. publish: PUBLISH or SPUBLISH. */
size_t cpsd_redis_fresh_size(struct cpsd_redis_arg key, struct cpsd_redis_arg record);
size_t cpsd_redis_fresh_write(char *out, size_t *record_at, struct cpsd_redis_arg key, int64_t ttl_ms,
                              struct cpsd_redis_arg record, const char *publish);

/* Reads EXEC's answer: 1 made; 0 not, as where there is a box already; -1 it makes no sense. */
int cpsd_redis_fresh_made(const redisReply *reply);

/* The row that a script would tell, in `room`, which has BOX_ROW_HEAD + the record's octets; *row is made to
 * point at it. False if m is no record, or the box's expiry is none. */
bool cpsd_redis_fresh_row(redisReply *row, char *room, const redisReply *m, int64_t expires_ms);
