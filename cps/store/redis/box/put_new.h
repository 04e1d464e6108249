/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/box/layout.h"
#include "cps/store/redis/wire/command.h"

#include "common/base/view.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A put into a box that does not exist, without a script. Plain commands cost Redis a quarter of what the script costs,
 * and most messages go to a number that received no other message in the last minute. HSETNX makes the box with
 * everything in one field, a fresh record (layout.h). If the box exists it does nothing, and the script follows.
 *
 *     MULTI; HSETNX box m record; PEXPIRE box life NX; PUBLISH box ""; EXEC        (SPUBLISH in a cluster)
 *
 * The NX of PEXPIRE, and PEXPIRETIME, which reading such a box needs, came with Redis 7.0.
 */
#define CPSD_REDIS_FRESH_ANSWERS 4 /* before the answer to EXEC */

struct cpsd_redis_fresh {
    int64_t ttl_ms; /* 1 .. BOX_FRESH_LIFE_MAX_MS */
    const uint8_t *id;
    char form;
    struct stir_view publisher, envelope;
};

/* Writes a fresh record to `out`, which has room for BOX_FRESH_MAX octets. Returns its octets. */
size_t cpsd_redis_fresh_record(uint8_t *out, const struct cpsd_redis_fresh *fresh);

/* Parses a fresh record; false if it is not valid. *out points into it. */
bool cpsd_redis_fresh_parse(struct cpsd_redis_fresh *out, struct stir_view record);

/* Returns the room for the commands; writes them and returns their octets. *record_at: the offset of the record in
 * them. publish: PUBLISH or SPUBLISH. */
size_t cpsd_redis_fresh_size(struct cpsd_redis_arg key, struct cpsd_redis_arg record);
size_t cpsd_redis_fresh_write(char *out, size_t *record_at, struct cpsd_redis_arg key, int64_t ttl_ms,
                              struct cpsd_redis_arg record, const char *publish);

/* Reads the answer to EXEC. Returns 1 if the box was made, 0 if it was not because it exists or the commands were
 * refused, -1 if the answer is malformed. */
int cpsd_redis_fresh_made(const redisReply *reply);

/* Makes the row that a script would return. m: the box's only field; expires_ms: when the key expires. *row points to
 * `room`, which has space for BOX_ROW_MAX octets. False if m is not a fresh record or expires_ms is not a valid time.
 */
bool cpsd_redis_fresh_row(redisReply *row, char *room, const redisReply *m, int64_t expires_ms);
