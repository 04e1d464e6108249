/* SPDX-License-Identifier: MIT */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

/* Questions about answers of Redis. */

/* True for an error answer whose first word ("NOSCRIPT") is this one. The rest of an error may quote what we sent. */
bool cpsd_redis_error_is(const redisReply *reply, const char *word);

/* Copies the first word of an error answer: capital letters only, cut to the size of out. */
void cpsd_redis_error_word(const redisReply *reply, char *out, size_t size);

/* True for a string answer with exactly this text. */
bool cpsd_redis_string_is(const redisReply *reply, const char *text);
