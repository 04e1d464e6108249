#pragma once

#include <stddef.h>
#include <stdint.h>

/* Requests as Redis reads them: an array of binary-safe strings. */
struct cpsd_redis_arg {
    const void *ptr;
    size_t len;
};

struct cpsd_redis_arg cpsd_redis_arg_text(const char *text);

/* A number's digits; `room` holds them. */
#define CPSD_REDIS_DIGITS 24
struct cpsd_redis_arg cpsd_redis_arg_number(char room[CPSD_REDIS_DIGITS], int64_t number);

/* An upper bound of what cpsd_redis_command_write writes. */
size_t cpsd_redis_command_size(const struct cpsd_redis_arg *args, size_t count);

/* Writes the request, without NUL. Returns its length. */
size_t cpsd_redis_command_write(char *out, const struct cpsd_redis_arg *args, size_t count);
