/* SPDX-License-Identifier: MIT */
#include "tests/bench/load/load.h"

#include <string.h>
#include <strings.h>

/* The value of Content-Length within a head, 0 if there is none (204), -1 if it is no number. */
static long content_length(const char *head, size_t n)
{
    static const char name[] = "content-length:";
    const char *end = head + n;
    for (const char *line = head; line && line < end;) {
        if ((size_t)(end - line) > sizeof(name) && strncasecmp(line, name, sizeof(name) - 1) == 0) {
            const char *p = line + sizeof(name) - 1;
            long value = -1;
            for (p += *p == ' '; p < end && *p >= '0' && *p <= '9' && value < 1L << 30; p++) {
                value = (value < 0 ? 0 : value * 10) + (*p - '0');
            }
            return value;
        }
        line = memchr(line, '\n', (size_t)(end - line));
        line += line != NULL;
    }
    return 0;
}

long load_answer_parse(const char *text, size_t n, int *status)
{
    static const char version[] = "HTTP/1.1 ";
    size_t skip = sizeof(version) - 1;
    const char *end = memmem(text, n, "\r\n\r\n", 4);
    if (!end) {
        return 0;
    }
    size_t head = (size_t)(end - text) + 4;
    if (head < skip + 3 || memcmp(text, version, skip) != 0) {
        return -1;
    }
    *status = 0;
    for (size_t i = skip; i < skip + 3; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        *status = *status * 10 + (text[i] - '0');
    }
    long body = content_length(text, head);
    if (body < 0 || *status < 100 || *status >= 600) {
        return -1;
    }
    return n - head >= (size_t)body ? (long)head + body : 0;
}

unsigned load_answer_envelopes(const char *text, size_t n)
{
    static const char member[] = "\"ppt\":\"";
    const char *end = text + n;
    unsigned count = 0;
    for (const char *p = text; (p = memmem(p, (size_t)(end - p), member, sizeof(member) - 1)); p++) {
        count++;
    }
    return count;
}
