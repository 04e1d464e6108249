/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/redis/box/operation.h"

/*
 * Answers of the scripts as results. Every answer is checked before it is used: one of another type or shape than the
 * script gives is nonsense.
 */

/* Takes the answer of the operation's script: the `answered` of its handler. */
enum redis_answer redis_reply_take(struct redis_request *request, const redisReply *reply);

/* Completes a list with rows that have passed cpsd_redis_row_is. octets: that their envelopes need unpacked. The rest
 * of the result is set. */
void redis_reply_complete_list(struct redis_op *op, redisReply *const *rows, size_t octets,
                               struct cpsd_store_result *result);
