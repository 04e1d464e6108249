/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Commands in the Redis protocol: an array of binary-safe strings. */
struct cpsd_redis_arg {
    const void *ptr;
    size_t len;
};

struct cpsd_redis_arg cpsd_redis_arg_text(const char *text);

/* Returns a number as an argument; `room` holds its digits. */
#define CPSD_REDIS_DIGITS 24
struct cpsd_redis_arg cpsd_redis_arg_number(char room[CPSD_REDIS_DIGITS], int64_t number);

/* Returns an upper bound of the octets that cpsd_redis_command_write writes. */
size_t cpsd_redis_command_size(const struct cpsd_redis_arg *args, size_t count);

/* Writes the command without NUL. Returns its octets. */
size_t cpsd_redis_command_write(char *out, const struct cpsd_redis_arg *args, size_t count);
