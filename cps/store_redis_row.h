#pragma once

#include "common/jwe.h"
#include "cps/store.h"

#include <hiredis/hiredis.h>

/*
 * Envelopes as rows of a box in Redis: packed where they can be. The layout is described beside the scripts.
 */

/* What goes to Redis for an envelope: packed into room, or the envelope itself. The form tells which. */
struct stir_view cpsd_redis_row_of(uint8_t room[STIR_JWE_MAX], const char **form, struct stir_view envelope);

/* True if an answer is a row; adds to *octets what cpsd_redis_row_read needs to unpack it. */
bool cpsd_redis_row_is(const redisReply *row, size_t *octets);

/* Characters of the envelope in a row that is one. */
size_t cpsd_redis_row_text(const redisReply *row);

/* Reads a row that is one. Where it has to be unpacked, at *room, which is moved on by that length. */
void cpsd_redis_row_read(struct cpsd_entry *out, const redisReply *row, char **room);
