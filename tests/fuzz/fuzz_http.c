/* SPDX-License-Identifier: MIT */
/* The server's request parser: whole and in two pieces must agree, and nothing may be read beyond what is there. */
#include "cps/http/http_parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cpsd_http parse(const uint8_t *data, size_t size, size_t first)
{
    static const struct cpsd_http_limits limits = {.head_bytes = 4096, .body_bytes = 1024, .fields = 16};
    struct cpsd_http http = {0};
    size_t lengths[2] = {first, size};
    for (int i = 0; i < 2; i++) {
        size_t n = lengths[i];
        char *copy = malloc(n ? n : 1); /* the buffer may move between calls */
        if (!copy) {
            abort();
        }
        memcpy(copy, data, n);
        enum cpsd_http_state state = cpsd_http_feed(&http, copy, n, &limits);
        if (state == CPSD_HTTP_READY && (size_t)http.head_len + http.body_len > n) {
            abort();
        }
        for (int field = 0; state == CPSD_HTTP_READY && field < CPSD_FIELD_COUNT; field++) {
            char room[CPSD_HTTP_JOINED];
            if (http.repeated & 1u << field &&
                cpsd_http_join(&http, copy, (enum cpsd_field)field, room) > sizeof(room)) {
                abort();
            }
        }
        for (int field = 0; state == CPSD_HTTP_READY && field < CPSD_FIELD_COUNT; field++) {
            struct stir_view item, view = cpsd_http_view(copy, http.fields[field]);
            (void)cpsd_http_item(view, "wait", &item);
            (void)cpsd_http_item(view, "application/json", &item);
        }
        if (state == CPSD_HTTP_READY) {
            struct stir_view value;
            uint64_t number;
            (void)(cpsd_http_query(cpsd_http_view(copy, http.query), "ttl", &value) &&
                   cpsd_http_number(value, 1000, &number));
        }
        free(copy);
        if (state == CPSD_HTTP_READY || state == CPSD_HTTP_BAD) {
            break;
        }
    }
    return http;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 8192) {
        return 0;
    }
    struct cpsd_http whole = parse(data, size, size);
    struct cpsd_http pieces = parse(data, size, size / 2);
    if (whole.state != pieces.state || whole.status != pieces.status || whole.head_len != pieces.head_len ||
        whole.body_len != pieces.body_len) {
        abort();
    }
    return 0;
}
