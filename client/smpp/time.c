/* SPDX-License-Identifier: MIT */
#include "client/smpp/time.h"

#include <time.h>

enum {
    TIME_LEN = 16,
    SIGN_AT = 15,
    QUARTER_S = 15 * 60,
    DAY_S = 86400,
    MONTH_DAYS = 30, /* of a relative time: the specification does not say how long its months and years are */
    YEAR_DAYS = 365,
};

/* The number that stands in two digits. */
static int time_two_digits(struct stir_view text, size_t at)
{
    return (text.ptr[at] - '0') * 10 + text.ptr[at + 1] - '0';
}

static bool all_digits(struct stir_view text)
{
    for (size_t i = 0; i < SIGN_AT; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

/* The local time of a place that is `nn` quarters of an hour ahead of UTC ('+') or behind it ('-'). */
static bool read_absolute(int64_t *out, struct stir_view text, int64_t now_s)
{
    struct tm tm = {.tm_year = 100 + time_two_digits(text, 0),
                    .tm_mon = time_two_digits(text, 2) - 1,
                    .tm_mday = time_two_digits(text, 4),
                    .tm_hour = time_two_digits(text, 6),
                    .tm_min = time_two_digits(text, 8),
                    .tm_sec = time_two_digits(text, 10)};
    struct tm as_given = tm;
    int quarters = time_two_digits(text, 13);
    time_t at = timegm(&tm);
    /* timegm turns the 32nd of January into the 1st of February */
    if (quarters > 48 || tm.tm_mon != as_given.tm_mon || tm.tm_mday != as_given.tm_mday ||
        tm.tm_hour != as_given.tm_hour || tm.tm_min != as_given.tm_min || tm.tm_sec != as_given.tm_sec) {
        return false;
    }
    int64_t offset = (int64_t)quarters * QUARTER_S;
    *out = (int64_t)at - (text.ptr[SIGN_AT] == '+' ? offset : -offset) - now_s;
    return true;
}

static void read_relative(int64_t *out, struct stir_view text)
{
    int64_t days = (int64_t)time_two_digits(text, 0) * YEAR_DAYS + (int64_t)time_two_digits(text, 2) * MONTH_DAYS +
                   time_two_digits(text, 4);
    *out = days * DAY_S + (int64_t)time_two_digits(text, 6) * 3600 + (int64_t)time_two_digits(text, 8) * 60 +
           time_two_digits(text, 10);
}

bool smpp_time_read(int64_t *out, struct stir_view text, int64_t now_s)
{
    if (text.len != TIME_LEN || !all_digits(text)) {
        return false;
    }
    if (text.ptr[SIGN_AT] == 'R') {
        read_relative(out, text);
        return true;
    }
    return (text.ptr[SIGN_AT] == '+' || text.ptr[SIGN_AT] == '-') && read_absolute(out, text, now_s);
}
