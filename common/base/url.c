/* SPDX-License-Identifier: MIT */
#include "common/base/url.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool url_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool url_is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool url_host_is_good(struct stir_view host)
{
    bool literal = host.len > 2 && host.ptr[0] == '[';
    size_t from = literal ? 1 : 0;
    size_t to = literal ? host.len - 1 : host.len;
    if (host.len == 0 || host.len > 255) {
        return false;
    }
    for (size_t i = from; i < to; i++) {
        char c = host.ptr[i];
        if (literal ? !(url_is_hex(c) || c == ':' || c == '.') : !(url_is_alnum(c) || c == '-' || c == '.')) {
            return false;
        }
    }
    return true;
}

/* pchar and '/' of RFC 3986; a percent sign only before two hexadecimal digits. */
static bool url_path_is_good(struct stir_view path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%' ? !(i + 2 < path.len && url_is_hex(path.ptr[i + 1]) && url_is_hex(path.ptr[i + 2]))
                     : !url_is_alnum(c) && (c == '\0' || !strchr("/-._~!$&'()*+,;=:@", c))) {
            return false;
        }
    }
    return true;
}

static bool url_parse_port(uint16_t *out, struct stir_view text)
{
    unsigned port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i == 5) {
            return false;
        }
        port = port * 10 + (unsigned)(text.ptr[i] - '0');
    }
    if (port == 0 || port > 65535) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

/* Splits "host", "host:port", "[v6]" or "[v6]:port". */
static bool url_parse_authority(struct stir_url *out, struct stir_view text)
{
    const char *end = text.ptr + text.len;
    const char *bracket = text.len && text.ptr[0] == '[' ? memchr(text.ptr, ']', text.len) : NULL;
    const char *host_end = bracket ? bracket + 1 : memchr(text.ptr, ':', text.len);
    if (!host_end) {
        host_end = end;
    }
    out->host = stir_view(text.ptr, (size_t)(host_end - text.ptr));
    out->port = 443;
    if (host_end == end) {
        return true;
    }
    return *host_end == ':' && url_parse_port(&out->port, stir_view(host_end + 1, (size_t)(end - host_end - 1)));
}

enum stir_code stir_url_parse(struct stir_url *out, const char *url, size_t n, enum stir_code code,
                              struct stir_error *err)
{
    static const char scheme[] = "https://";
    struct stir_url parsed;
    size_t start = sizeof(scheme) - 1;
    if (n > STIR_URL_MAX) {
        return stir_fail(err, code, "the URL has more than %d characters", STIR_URL_MAX);
    }
    if (n <= start || strncasecmp(url, scheme, start) != 0) {
        return stir_fail(err, code, "the URL does not begin with https://");
    }
    /* A query or a fragment could carry what the sender wants this host to send on. */
    if (memchr(url, '?', n) || memchr(url, '#', n)) {
        return stir_fail(err, code, "the URL has a query or a fragment");
    }
    /* The authority ends at the first slash (RFC 3986 section 3.2). */
    const char *slash = memchr(url + start, '/', n - start);
    size_t end = slash ? (size_t)(slash - url) : n;
    /* With a user name, "https://good.example@evil.example" would look like good.example. */
    if (memchr(url + start, '@', end - start)) {
        return stir_fail(err, code, "the URL has a user name before its host");
    }
    if (!url_parse_authority(&parsed, stir_view(url + start, end - start))) {
        return stir_fail(err, code, "the URL's port is not a number from 1 to 65535");
    }
    parsed.path = stir_view(url + end, n - end);
    if (!url_host_is_good(parsed.host)) {
        return stir_fail(err, code, "the URL's host is missing or has a character that is not allowed there");
    }
    if (!url_path_is_good(parsed.path)) {
        return stir_fail(err, code, "the URL's path has a character that is not allowed there");
    }
    *out = parsed;
    return STIR_OK;
}
