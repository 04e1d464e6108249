/* SPDX-License-Identifier: MIT */
#include "client/ctl/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define YEAR_10000 INT64_C(253402300800)
#define YEAR_1 INT64_C(-62135596800)

static bool date_parse_seconds(int64_t *out, const char *text)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 12 || text[len]) {
        return false;
    }
    int64_t seconds = strtoll(text, NULL, 10);
    if (seconds < 1 || seconds >= YEAR_10000) {
        return false;
    }
    *out = seconds;
    return true;
}

bool ctl_date_parse(int64_t *out, const char *text)
{
    struct tm tm = {0};
    char again[CTL_DATE_MAX];
    if (date_parse_seconds(out, text)) {
        return true;
    }
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end) {
        return false;
    }
    int64_t seconds = timegm(&tm);
    /* strptime accepts 2026-02-31 and 2026-1-2. Accept only a date that prints the same. */
    if (seconds < 1 || strcmp(ctl_date_text(again, seconds), text) != 0) {
        return false;
    }
    *out = seconds;
    return true;
}

const char *ctl_date_text(char out[CTL_DATE_MAX], int64_t seconds)
{
    struct tm tm;
    time_t moment = (time_t)seconds;
    if (seconds < YEAR_1 || seconds >= YEAR_10000 || !gmtime_r(&moment, &tm) ||
        strftime(out, CTL_DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        (void)snprintf(out, CTL_DATE_MAX, "%" PRId64, seconds);
    }
    return out;
}
