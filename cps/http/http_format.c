/* SPDX-License-Identifier: MIT */
#include "cps/http/http_parse.h"

#include <assert.h>
#include <stdio.h>

static const struct {
    int status;
    const char *reason;
} reason_phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

const char *cpsd_http_reason(int status)
{
    for (size_t i = 0; i < sizeof(reason_phrases) / sizeof(reason_phrases[0]); i++) {
        if (reason_phrases[i].status == status) {
            return reason_phrases[i].reason;
        }
    }
    return "Unknown";
}

void cpsd_response_field(struct cpsd_response *response, const char *name, const char *value)
{
    assert(response->field_count < CPSD_RESPONSE_FIELDS);
    response->fields[response->field_count].name = name;
    response->fields[response->field_count].value = value;
    response->field_count++;
}

static void http_put_field(struct stir_buf *out, const char *name, const char *value)
{
    stir_buf_puts(out, name);
    stir_buf_put(out, ": ", 2);
    stir_buf_puts(out, value);
    stir_buf_put(out, "\r\n", 2);
}

static void http_put_number(struct stir_buf *out, size_t n)
{
    char digits[24];
    size_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    stir_buf_put(out, digits + i, sizeof(digits) - i);
}

void cpsd_http_format(struct stir_buf *out, const struct cpsd_response *response, const char *date, bool keep_alive,
                      bool head_only)
{
    stir_buf_put(out, "HTTP/1.1 ", 9);
    http_put_number(out, (size_t)response->status);
    stir_buf_put(out, " ", 1);
    stir_buf_puts(out, cpsd_http_reason(response->status));
    stir_buf_put(out, "\r\n", 2);
    http_put_field(out, "Date", date);
    if (response->content_type) {
        http_put_field(out, "Content-Type", response->content_type);
    }
    for (size_t i = 0; i < response->field_count; i++) {
        http_put_field(out, response->fields[i].name, response->fields[i].value);
    }
    if (!keep_alive || response->stream) {
        http_put_field(out, "Connection", "close");
    }
    if (response->status != 204 && response->status != 304 && !response->stream) {
        stir_buf_put(out, "Content-Length: ", 16);
        http_put_number(out, response->body.len);
        stir_buf_put(out, "\r\n", 2);
    }
    stir_buf_put(out, "\r\n", 2);
    if (!head_only && response->body.len) {
        stir_buf_put(out, response->body.ptr, response->body.len);
    }
}
