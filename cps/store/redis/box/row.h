#pragma once

#include "cps/store/redis/box/layout.h"
#include "cps/store/store.h"

#include <hiredis/hiredis.h>

/*
 * Envelopes as rows of a box in Redis: packed where they can be. The layout is described in layout.h.
 */

/* What goes to Redis for an envelope: packed into room, or the envelope itself. The form tells which, and whether it
 * has a publisher. */
struct stir_view cpsd_redis_row_of(uint8_t room[STIR_JWE_MAX], const char **form, struct stir_view envelope,
                                   struct stir_view publisher);

/* Writes what stands in a row between form and envelope for a publisher; returns its octets, 0 for none. */
size_t cpsd_redis_row_tag(uint8_t tag[BOX_TAG_MAX], struct stir_view publisher);

/* Takes apart what follows the form: tag and envelope. False if it is damaged. */
bool cpsd_redis_row_split(struct stir_view *publisher, struct stir_view *envelope, char form, struct stir_view after);

/* True if an answer is a row; adds to *octets what cpsd_redis_row_read needs to unpack it. */
bool cpsd_redis_row_is(const redisReply *row, size_t *octets);

/* Characters of the envelope in a row that is one. */
size_t cpsd_redis_row_text(const redisReply *row);

/* Reads a row that is one. Where it has to be unpacked, at *room, which is moved on by that length. */
void cpsd_redis_row_read(struct cpsd_entry *out, const redisReply *row, char **room);
