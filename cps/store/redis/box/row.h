/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/box/layout.h"
#include "cps/store/store.h"

#include <hiredis/hiredis.h>

/*
 * Envelopes as rows of a box in Redis (layout.h), packed where that is possible.
 */

/* Returns what is sent to Redis for an envelope: its packed form in `room`, or the envelope itself. Sets *form to a
 * string of one character that tells which, and whether there is a publisher. */
struct stir_view cpsd_redis_row_of(uint8_t room[STIR_JWE_MAX], const char **form, struct stir_view envelope,
                                   struct stir_view publisher);

/* Writes the part of a row between form and envelope: the publisher and its length. Returns its octets, 0 without a
 * publisher. */
size_t cpsd_redis_row_tag(uint8_t tag[BOX_TAG_MAX], struct stir_view publisher);

/* Splits what follows the form into publisher and envelope. False if it is damaged. */
bool cpsd_redis_row_split(struct stir_view *publisher, struct stir_view *envelope, char form, struct stir_view after);

/* True if an answer is a valid row; adds the octets that cpsd_redis_row_read needs to unpack it to *octets. */
bool cpsd_redis_row_is(const redisReply *row, size_t *octets);

/* Returns the octets of the unpacked envelope in a valid row. */
size_t cpsd_redis_row_text(const redisReply *row);

/* Reads a valid row. A packed envelope is unpacked to *room, which is advanced. *out points into the row or the room.
 */
void cpsd_redis_row_read(struct cpsd_entry *out, const redisReply *row, char **room);
