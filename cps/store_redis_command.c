#include "cps/store_redis_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FRAME 32 /* "$" or "*", a length, line ends */

struct cpsd_redis_arg cpsd_redis_arg_text(const char *text)
{
    return (struct cpsd_redis_arg){text, strlen(text)};
}

struct cpsd_redis_arg cpsd_redis_arg_number(char room[CPSD_REDIS_DIGITS], int64_t number)
{
    int n = snprintf(room, CPSD_REDIS_DIGITS, "%" PRId64, number);
    return (struct cpsd_redis_arg){room, (size_t)n};
}

size_t cpsd_redis_command_size(const struct cpsd_redis_arg *args, size_t count)
{
    size_t size = FRAME;
    for (size_t i = 0; i < count; i++) {
        size += FRAME + args[i].len;
    }
    return size;
}

static char *put_head(char *at, char kind, size_t number)
{
    int n = snprintf(at, FRAME, "%c%zu\r\n", kind, number);
    return at + n;
}

size_t cpsd_redis_command_write(char *out, const struct cpsd_redis_arg *args, size_t count)
{
    char *at = put_head(out, '*', count);
    for (size_t i = 0; i < count; i++) {
        at = put_head(at, '$', args[i].len);
        if (args[i].len) {
            memcpy(at, args[i].ptr, args[i].len);
            at += args[i].len;
        }
        *at++ = '\r';
        *at++ = '\n';
    }
    return (size_t)(at - out);
}
