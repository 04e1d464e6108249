/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/wire/reply.h"

#include <string.h>

void cpsd_redis_error_word(const redisReply *reply, char *out, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && n < reply->len && reply->str[n] >= 'A' && reply->str[n] <= 'Z') {
        out[n] = reply->str[n];
        n++;
    }
    out[n] = '\0';
}

bool cpsd_redis_error_is(const redisReply *reply, const char *word)
{
    char first[32];
    if (reply->type != REDIS_REPLY_ERROR) {
        return false;
    }
    cpsd_redis_error_word(reply, first, sizeof(first));
    return strcmp(first, word) == 0;
}

bool cpsd_redis_string_is(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, text) == 0;
}
