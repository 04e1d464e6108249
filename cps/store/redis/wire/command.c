/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/wire/command.h"

#include <string.h>

#define FRAME 32 /* "$" or "*", a length, line ends */

struct cpsd_redis_arg cpsd_redis_arg_text(const char *text)
{
    return (struct cpsd_redis_arg){text, strlen(text)};
}

/* Writes the digits of a number so that they end before `end`. Returns where they begin. */
static char *command_digits_before(char *end, uint64_t number)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    return end;
}

struct cpsd_redis_arg cpsd_redis_arg_number(char room[CPSD_REDIS_DIGITS], int64_t number)
{
    char *end = room + CPSD_REDIS_DIGITS;
    char *at = command_digits_before(end, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    if (number < 0) {
        *--at = '-';
    }
    return (struct cpsd_redis_arg){at, (size_t)(end - at)};
}

size_t cpsd_redis_command_size(const struct cpsd_redis_arg *args, size_t count)
{
    size_t size = FRAME;
    for (size_t i = 0; i < count; i++) {
        size += FRAME + args[i].len;
    }
    return size;
}

static char *command_put_head(char *at, char kind, size_t number)
{
    char room[CPSD_REDIS_DIGITS], *end = room + sizeof(room), *from = command_digits_before(end, number);
    *at++ = kind;
    memcpy(at, from, (size_t)(end - from));
    at += end - from;
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

size_t cpsd_redis_command_write(char *out, const struct cpsd_redis_arg *args, size_t count)
{
    char *at = command_put_head(out, '*', count);
    for (size_t i = 0; i < count; i++) {
        at = command_put_head(at, '$', args[i].len);
        if (args[i].len) {
            memcpy(at, args[i].ptr, args[i].len);
            at += args[i].len;
        }
        *at++ = '\r';
        *at++ = '\n';
    }
    return (size_t)(at - out);
}
