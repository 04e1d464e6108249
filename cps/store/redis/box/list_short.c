/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/list_short.h"

#include "cps/store/redis/box/put_new.h"
#include "cps/store/redis/box/row.h"

#include <string.h>

#define DIGITS_MAX 16 /* of a number in the answer to TIME */

static const struct cpsd_redis_arg time_command[] = {{"TIME", 4}};

/* PEXPIRETIME key */
static size_t list_short_expiry_command(struct cpsd_redis_arg args[2], struct cpsd_redis_arg key)
{
    args[0] = (struct cpsd_redis_arg){"PEXPIRETIME", 11};
    args[1] = key;
    return 2;
}

/* HMGET key m 1 ... 8 */
static size_t list_short_rows_command(struct cpsd_redis_arg args[3 + BOX_SHORT_ROWS], struct cpsd_redis_arg key)
{
    static const char digits[] = "12345678";
    _Static_assert(sizeof(digits) - 1 == BOX_SHORT_ROWS, "a digit for each row");
    args[0] = (struct cpsd_redis_arg){"HMGET", 5};
    args[1] = key;
    args[2] = (struct cpsd_redis_arg){"m", 1};
    for (size_t i = 0; i < BOX_SHORT_ROWS; i++) {
        args[3 + i] = (struct cpsd_redis_arg){digits + i, 1};
    }
    return 3 + BOX_SHORT_ROWS;
}

size_t cpsd_redis_short_size(struct cpsd_redis_arg key)
{
    struct cpsd_redis_arg args[3 + BOX_SHORT_ROWS];
    size_t size = cpsd_redis_command_size(time_command, 1);
    size += cpsd_redis_command_size(args, list_short_expiry_command(args, key));
    return size + cpsd_redis_command_size(args, list_short_rows_command(args, key));
}

size_t cpsd_redis_short_write(char *out, struct cpsd_redis_arg key, bool expiry)
{
    struct cpsd_redis_arg args[3 + BOX_SHORT_ROWS];
    size_t n = cpsd_redis_command_write(out, time_command, 1);
    if (expiry) {
        n += cpsd_redis_command_write(out + n, args, list_short_expiry_command(args, key));
    }
    return n + cpsd_redis_command_write(out + n, args, list_short_rows_command(args, key));
}

static bool list_short_read_digits(int64_t *out, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0 || reply->len > DIGITS_MAX) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < (size_t)reply->len; i++) {
        if (reply->str[i] < '0' || reply->str[i] > '9') {
            return false;
        }
        *out = *out * 10 + (reply->str[i] - '0');
    }
    return true;
}

int64_t cpsd_redis_short_time(const redisReply *reply)
{
    const int64_t longest_s = INT64_C(36028797018); /* of what 7 octets of microseconds hold */
    int64_t s, us;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !list_short_read_digits(&s, reply->element[0]) ||
        !list_short_read_digits(&us, reply->element[1]) || s >= longest_s || us >= 1000000) {
        return 0;
    }
    return s * 1000000 + us;
}

static int64_t list_short_number(const char *octets, size_t n)
{
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | (unsigned char)octets[i];
    }
    return value;
}

/* What is needed of the meta field (layout.h). */
struct bounds {
    int64_t head, tail, last_us, gap;
};

static bool list_short_read_bounds(struct bounds *out, const redisReply *m)
{
    if (m->type != REDIS_REPLY_STRING || (m->len != BOX_META_SHORT && m->len != BOX_META_LONG)) {
        return false;
    }
    *out = (struct bounds){.head = list_short_number(m->str + BOX_META_HEAD, BOX_COUNT_OCTETS),
                           .tail = list_short_number(m->str + BOX_META_TAIL, BOX_COUNT_OCTETS)};
    out->last_us = list_short_number(m->str + BOX_META_LAST, BOX_TIME_OCTETS);
    out->gap = m->len == BOX_META_LONG ? list_short_number(m->str + BOX_META_CLOSED_TO, BOX_COUNT_OCTETS) : 0;
    return out->head >= 1;
}

/* True for a row that is no longer shown: it has only its arrival. */
static bool list_short_is_gone(const redisReply *row)
{
    return row->type == REDIS_REPLY_STRING && row->len == BOX_ROW_GONE;
}

static int64_t list_short_expires_us(const redisReply *row)
{
    return list_short_number(row->str + BOX_ROW_EXPIRES, BOX_TIME_OCTETS);
}

/* Adds a row unless it has expired; false if the limits cut it off. */
static bool list_short_take_row(struct cpsd_redis_short *out, redisReply *row,
                                const struct cpsd_redis_short_limits *limits, size_t *size)
{
    if (list_short_expires_us(row) <= limits->now_us) {
        return true;
    }
    *size += cpsd_redis_row_text(row);
    if (out->count == limits->count || (out->count && *size > limits->octets)) {
        return false;
    }
    out->rows[out->count++] = row;
    return true;
}

static bool list_short_is_fresh(const redisReply *m)
{
    return m->type == REDIS_REPLY_STRING && m->len && m->str[0] == BOX_FRESH;
}

static void list_short_read_fresh(struct cpsd_redis_short *out, char *room, const redisReply *m,
                                  const struct cpsd_redis_short_limits *limits)
{
    size_t size = 0;
    out->whole = m->len <= BOX_FRESH_MAX && cpsd_redis_fresh_row(&out->fresh, room, m, limits->expires_ms) &&
                 cpsd_redis_row_is(&out->fresh, &size);
    if (out->whole) {
        out->last_us = list_short_number(room + BOX_ROW_ARRIVAL, BOX_TIME_OCTETS);
        (void)list_short_take_row(out, &out->fresh, limits, &size);
    }
}

bool cpsd_redis_short_read(struct cpsd_redis_short *out, char *room, const redisReply *reply,
                           const struct cpsd_redis_short_limits *limits)
{
    struct bounds bounds = {.head = 1};
    size_t size = 0;
    *out = (struct cpsd_redis_short){.whole = true};
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 + BOX_SHORT_ROWS) {
        return false;
    }
    const redisReply *m = reply->element[0];
    /* a box that was made without a script has its only envelope in m */
    if (list_short_is_fresh(m)) {
        list_short_read_fresh(out, room, m, limits);
        return true;
    }
    out->whole = m->type == REDIS_REPLY_NIL ||
                 (list_short_read_bounds(&bounds, m) && bounds.tail <= BOX_SHORT_ROWS && !bounds.gap);
    out->last_us = bounds.last_us;
    /* rows have the numbers head..tail, and element i is row i */
    for (int64_t i = bounds.head; out->whole && !out->more && i <= bounds.tail; i++) {
        redisReply *row = reply->element[i];
        if (!list_short_is_gone(row)) {
            out->whole = cpsd_redis_row_is(row, &(size_t){0});
            out->more = out->whole && !list_short_take_row(out, row, limits, &size);
        }
    }
    return true;
}
