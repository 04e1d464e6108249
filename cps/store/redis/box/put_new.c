/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/put_new.h"

#include "cps/store/redis/box/row.h"

#include <string.h>

static void put_new_write_number(uint8_t *out, size_t n, int64_t value)
{
    while (n--) {
        out[n] = (uint8_t)value;
        value >>= 8;
    }
}

size_t cpsd_redis_fresh_record(uint8_t *out, const struct cpsd_redis_fresh *fresh)
{
    out[BOX_FRESH_KIND] = BOX_FRESH;
    put_new_write_number(out + BOX_FRESH_LIFE, BOX_FRESH_LIFE_OCTETS, fresh->ttl_ms);
    memcpy(out + BOX_FRESH_ID, fresh->id, BOX_ID_OCTETS);
    out[BOX_FRESH_FORM] = (uint8_t)fresh->form;
    size_t n = BOX_FRESH_HEAD + cpsd_redis_row_tag(out + BOX_FRESH_HEAD, fresh->publisher);
    if (fresh->envelope.len) {
        memcpy(out + n, fresh->envelope.ptr, fresh->envelope.len);
    }
    return n + fresh->envelope.len;
}

bool cpsd_redis_fresh_parse(struct cpsd_redis_fresh *out, struct stir_view record)
{
    if (record.len < BOX_FRESH_HEAD || record.ptr[0] != BOX_FRESH) {
        return false;
    }
    *out = (struct cpsd_redis_fresh){
        .id = (const uint8_t *)record.ptr + BOX_FRESH_ID,
        .form = record.ptr[BOX_FRESH_FORM],
    };
    for (size_t i = BOX_FRESH_LIFE; i < BOX_FRESH_ID; i++) {
        out->ttl_ms = out->ttl_ms << 8 | (unsigned char)record.ptr[i];
    }
    return cpsd_redis_row_split(&out->publisher, &out->envelope, out->form,
                                stir_view(record.ptr + BOX_FRESH_HEAD, record.len - BOX_FRESH_HEAD));
}

static const char begin[] = "*1\r\n$5\r\nMULTI\r\n";
static const char end[] = "*1\r\n$4\r\nEXEC\r\n";

#define COMMANDS 3
struct commands {
    struct cpsd_redis_arg args[COMMANDS][4];
    size_t counts[COMMANDS];
    char digits[CPSD_REDIS_DIGITS];
};

/* Composes the commands between MULTI and EXEC. The record is the last argument of the first. */
static void put_new_compose(struct commands *out, struct cpsd_redis_arg key, int64_t ttl_ms,
                            struct cpsd_redis_arg record, const char *publish)
{
    *out = (struct commands){
        .args = {{{"HSETNX", 6}, key, {"m", 1}, record}, {{"PEXPIRE", 7}, key, {0}, {"NX", 2}}, {{0}, key}},
        .counts = {4, 4, 3},
    };
    out->args[2][0] = cpsd_redis_arg_text(publish);
    out->args[1][2] = cpsd_redis_arg_number(out->digits, ttl_ms);
}

size_t cpsd_redis_fresh_size(struct cpsd_redis_arg key, struct cpsd_redis_arg record)
{
    struct commands commands;
    size_t size = sizeof(begin) + sizeof(end);
    put_new_compose(&commands, key, INT64_MAX, record, "SPUBLISH");
    for (size_t i = 0; i < COMMANDS; i++) {
        size += cpsd_redis_command_size(commands.args[i], commands.counts[i]);
    }
    return size;
}

size_t cpsd_redis_fresh_write(char *out, size_t *record_at, struct cpsd_redis_arg key, int64_t ttl_ms,
                              struct cpsd_redis_arg record, const char *publish)
{
    struct commands commands;
    size_t n = sizeof(begin) - 1;
    put_new_compose(&commands, key, ttl_ms, record, publish);
    memcpy(out, begin, n);
    for (size_t i = 0; i < COMMANDS; i++) {
        n += cpsd_redis_command_write(out + n, commands.args[i], commands.counts[i]);
        if (i == 0) {
            *record_at = n - 2 - record.len;
        }
    }
    memcpy(out + n, end, sizeof(end) - 1);
    return n + sizeof(end) - 1;
}

static bool put_new_is_bit(const redisReply *reply, long long bit)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer == bit;
}

/* The answer to PUBLISH does not matter, be it a number or an error. A key with another type of value is an error
 * within the answer; the script will get the same error. */
int cpsd_redis_fresh_made(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != COMMANDS) {
        return -1;
    }
    bool made = put_new_is_bit(reply->element[0], 1) && put_new_is_bit(reply->element[1], 1);
    return made ? 1 : put_new_is_bit(reply->element[0], 0) || reply->element[0]->type == REDIS_REPLY_ERROR ? 0 : -1;
}

/* lua/part_fresh_times.lua computes the same times. */
bool cpsd_redis_fresh_row(redisReply *row, char *room, const redisReply *m, int64_t expires_ms)
{
    struct cpsd_redis_fresh fresh;
    const int64_t longest_ms = BOX_TIME_MAX_US / 1000;
    if (m->type != REDIS_REPLY_STRING || !cpsd_redis_fresh_parse(&fresh, stir_view(m->str, m->len)) ||
        expires_ms <= fresh.ttl_ms || expires_ms > longest_ms) {
        return false;
    }
    put_new_write_number((uint8_t *)room + BOX_ROW_ARRIVAL, BOX_TIME_OCTETS, (expires_ms - fresh.ttl_ms) * 1000 + 999);
    put_new_write_number((uint8_t *)room + BOX_ROW_EXPIRES, BOX_TIME_OCTETS, expires_ms * 1000);
    memcpy(room + BOX_ROW_ID, m->str + BOX_FRESH_ID, m->len - BOX_FRESH_ID);
    *row = (redisReply){.type = REDIS_REPLY_STRING, .str = room, .len = BOX_ROW_ID + (m->len - BOX_FRESH_ID)};
    return true;
}
