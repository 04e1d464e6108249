/* SPDX-License-Identifier: MIT */
#include "common/base/http_field.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 100000000 /* larger numbers of seconds are cut to this */

int64_t stir_header_seconds(const char *text, size_t n)
{
    int64_t value = 0;
    size_t i = 0;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
        value = value < NUMBER_MAX ? value * 10 + (text[i] - '0') : NUMBER_MAX;
    }
    return i == 0 || i != n ? -1 : (value < NUMBER_MAX ? value : NUMBER_MAX);
}

int64_t stir_max_age(const char *text, size_t n, int64_t age)
{
    static const char max_age[] = "max-age=";
    const size_t name = sizeof(max_age) - 1;
    int64_t seconds = -1;
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && text[end] != ',') {
            end++;
        }
        size_t from = i;
        size_t to = end;
        while (from < to && (text[from] == ' ' || text[from] == '\t')) {
            from++;
        }
        while (to > from && (text[to - 1] == ' ' || text[to - 1] == '\t')) {
            to--;
        }
        if ((to - from == 8 && strncasecmp(text + from, "no-store", 8) == 0) ||
            (to - from == 8 && strncasecmp(text + from, "no-cache", 8) == 0)) {
            return 0;
        }
        if (to - from > name && strncasecmp(text + from, max_age, name) == 0) {
            int64_t given = stir_header_seconds(text + from + name, to - from - name);
            seconds = given < 0 ? 0 : given; /* a malformed value means stale (RFC 9111 section 4.2.1) */
        }
        i = end + 1;
    }
    return seconds < 0 ? -1 : (seconds > age ? seconds - age : 0);
}

void stir_content_type(char *out, size_t cap, const char *value)
{
    size_t n = strcspn(value, "; \t");
    out[0] = '\0';
    if (n >= cap) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)(value[i] >= 'A' && value[i] <= 'Z' ? value[i] + ('a' - 'A') : value[i]);
    }
    out[n] = '\0';
}
