/* SPDX-License-Identifier: MIT */
#include "cps/http/http_parse.h"

#include <assert.h>
#include <strings.h>

static const struct {
    const char *name;
    enum cpsd_method method;
} methods[] = {
    {"GET", CPSD_GET}, {"POST", CPSD_POST}, {"HEAD", CPSD_HEAD}, {"PUT", CPSD_PUT}, {"DELETE", CPSD_DELETE},
};

static const char *const known_fields[CPSD_FIELD_COUNT] = {
    [CPSD_HOST] = "host",
    [CPSD_CONTENT_TYPE] = "content-type",
    [CPSD_ACCEPT] = "accept",
    [CPSD_PREFER] = "prefer",
    [CPSD_AUTHORIZATION] = "authorization",
    [CPSD_IDEMPOTENCY_KEY] = "idempotency-key",
    [CPSD_IF_NONE_MATCH] = "if-none-match",
    [CPSD_CLIENT_CERT] = "client-cert",
    [CPSD_CLIENT_CERT_CHAIN] = "client-cert-chain",
    [CPSD_FORWARDED] = "forwarded",
    [CPSD_X_FORWARDED_FOR] = "x-forwarded-for",
    [CPSD_LAST_EVENT_ID] = "last-event-id",
};

/* Classes of octets, by what they may be part of: tchar (RFC 9110 section 5.6.2), field-value (section 5.5),
 * request-target (RFC 9112 section 3.2). */
enum {
    TCHAR = 1,
    VALUE = 2,
    TARGET = 4,
};

static unsigned http_octet_class(unsigned char c)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
        return TCHAR | VALUE | TARGET;
    }
    if (c == ' ' || c == '\t' || c >= 0x80) {
        return VALUE;
    }
    if (c < 0x21 || c == 0x7f) {
        return 0;
    }
    return VALUE | TARGET | (strchr(marks, c) ? TCHAR : 0u);
}

static size_t http_span(const char *p, size_t len, unsigned class)
{
    size_t n = 0;
    while (n < len && (http_octet_class((unsigned char)p[n]) & class)) {
        n++;
    }
    return n;
}

static enum cpsd_http_state http_bad(struct cpsd_http *http, int status, const char *reason)
{
    http->status = status;
    http->reason = reason;
    http->keep_alive = false;
    return http->state = CPSD_HTTP_BAD;
}

static struct cpsd_slice http_slice(const char *buf, const char *p, size_t len)
{
    assert(p >= buf && (size_t)(p - buf) + len <= UINT16_MAX);
    return (struct cpsd_slice){.off = (uint16_t)(p - buf), .len = (uint16_t)len};
}

static bool http_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool http_is_hex(char c)
{
    return http_is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* Returns true for "host", "host:port", "[IPv6]:port" (RFC 9110 section 7.2, RFC 3986 section 3.2.2), and for an empty
 * host. */
static bool http_is_host(const char *p, const char *end)
{
    static const char marks[] = "-._~!$&'()*+,;=";
    /* an IPv6 address in brackets, or a name with percent-encoded octets; then optionally a colon and a port */
    if (p < end && *p == '[') {
        const char *close = memchr(p, ']', (size_t)(end - p));
        for (p++; close && p < close && (http_is_hex(*p) || *p == ':' || *p == '.'); p++) {
        }
        if (!close || p != close || close[-1] == '[') {
            return false;
        }
        p = close + 1;
    } else {
        for (; p < end && *p != ':'; p++) {
            bool letter = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');
            if (*p == '%' && end - p > 2 && http_is_hex(p[1]) && http_is_hex(p[2])) {
                p += 2;
            } else if (!letter && !http_is_digit(*p) && (*p == '\0' || !strchr(marks, *p))) {
                return false;
            }
        }
    }
    if (p < end && *p++ != ':') {
        return false;
    }
    while (p < end && http_is_digit(*p)) {
        p++;
    }
    return p == end;
}

/* Skips "https://host" of a target in absolute form, which an origin server has to accept too (RFC 9112 section 3.2.2).
 * Returns NULL if what follows the scheme is not a host. */
static const char *http_skip_authority(const char *p, const char *end)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if ((size_t)(end - p) > n && strncasecmp(p, schemes[i], n) == 0) {
            const char *slash = memchr(p + n, '/', (size_t)(end - p) - n);
            const char *host_end = slash ? slash : end;
            return host_end > p + n && http_is_host(p + n, host_end) ? host_end : NULL;
        }
    }
    return p;
}

static bool http_parse_target(struct cpsd_http *http, const char *buf, const char *p, const char *end)
{
    p = http_skip_authority(p, end);
    if (!p || p == end || *p != '/') {
        return false;
    }
    const char *mark = memchr(p, '?', (size_t)(end - p));
    http->path = http_slice(buf, p, (size_t)((mark ? mark : end) - p));
    if (mark) {
        http->query = http_slice(buf, mark + 1, (size_t)(end - mark) - 1);
    }
    return true;
}

static const char not_a_request_line[] = "the request line is not \"METHOD /path HTTP/1.1\"";
static const char only_http1[] = "this server supports only HTTP/1.1 and HTTP/1.0";

static bool http_parse_version(struct cpsd_http *http, struct stir_view version)
{
    http->http_1_0 = stir_view_is(version, "HTTP/1.0");
    if (!http->http_1_0 && !stir_view_is(version, "HTTP/1.1")) {
        bool other = version.len == 8 && memcmp(version.ptr, "HTTP/", 5) == 0 && http_is_digit(version.ptr[5]) &&
                     version.ptr[6] == '.' && http_is_digit(version.ptr[7]);
        (void)http_bad(http, other ? 505 : 400, other ? only_http1 : not_a_request_line);
        return false;
    }
    return true;
}

static bool http_parse_request_line(struct cpsd_http *http, const char *buf, const char *line, size_t len)
{
    /* RFC 9112 section 3: method, one space, target, one space, version */
    size_t n = http_span(line, len, TCHAR);
    http->method = CPSD_OTHER_METHOD;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (stir_view_is(stir_view(line, n), methods[i].name)) {
            http->method = methods[i].method;
        }
    }
    const char *target = line + n + 1;
    size_t rest = n < len ? len - n - 1 : 0;
    size_t target_len = http_span(target, rest, TARGET);
    if (n == 0 || line[n < len ? n : 0] != ' ' || target_len == 0 || target_len == rest || target[target_len] != ' ') {
        (void)http_bad(http, 400, not_a_request_line);
        return false;
    }
    if (!http_parse_version(http, stir_view(target + target_len + 1, rest - target_len - 1))) {
        return false;
    }
    if (!http_parse_target(http, buf, target, target + target_len)) {
        (void)http_bad(http, 400, "the target of the request is not an absolute path");
        return false;
    }
    return true;
}

static bool http_field_is(struct stir_view name, const char *lower)
{
    return name.len == strlen(lower) && strncasecmp(name.ptr, lower, name.len) == 0;
}

/* What decides where a request and its connection end (RFC 9112 section 6). */
struct framing {
    bool length_seen, encoding_seen, host_seen;
    bool close_seen, keep_alive_seen; /* in Connection, on any of its lines */
    size_t joined;                    /* octets of the list fields that have several lines, when they are joined */
};

static bool http_parse_length(struct cpsd_http *http, struct framing *framing, struct stir_view value,
                              const struct cpsd_http_limits *limits)
{
    uint64_t length = 0;
    if (framing->length_seen || !cpsd_http_number(value, UINT64_MAX, &length)) {
        (void)http_bad(http, 400, "Content-Length must be given once, as a decimal number");
        return false;
    }
    framing->length_seen = true;
    if (length > limits->body_bytes) {
        (void)http_bad(http, 413, "the body is larger than this server accepts");
        return false;
    }
    http->body_len = (uint32_t)length;
    return true;
}

/* Returns true for fields whose value is a list, which may have several lines; others may not (RFC 9110 section 5.3).
 * Client-Cert-Chain is a list too, but would be long when joined, and HAProxy sends it on one line. */
static bool http_is_list(size_t field)
{
    return field == CPSD_ACCEPT || field == CPSD_PREFER || field == CPSD_IF_NONE_MATCH || field == CPSD_FORWARDED ||
           field == CPSD_X_FORWARDED_FOR;
}

/* Notes a line of a field that this server reads. */
static bool http_parse_known(struct cpsd_http *http, const char *buf, struct framing *framing, size_t field,
                             struct stir_view value)
{
    if (field == CPSD_HOST && !http_is_host(value.ptr, value.ptr + value.len)) {
        (void)http_bad(http, 400, "Host is not a host name or address with an optional port");
        return false;
    }
    if (http->fields[field].off && !http_is_list(field)) {
        (void)http_bad(http, 400, "a header field that has a single value is given more than once");
        return false;
    }
    if (http->fields[field].off) {
        /* the first line is counted together with the second one */
        framing->joined += http->repeated & 1u << field ? 0 : http->fields[field].len;
        framing->joined += value.len + 2;
        http->repeated |= 1u << field;
    }
    if (framing->joined > CPSD_HTTP_JOINED) {
        (void)http_bad(http, 431, "the lines of a header field are longer together than this server accepts");
        return false;
    }
    http->fields[field] = http_slice(buf, value.ptr, value.len);
    framing->host_seen |= field == CPSD_HOST;
    return true;
}

static bool http_parse_field(struct cpsd_http *http, const char *buf, struct framing *framing, struct stir_view name,
                             struct stir_view value, const struct cpsd_http_limits *limits)
{
    struct stir_view item;
    /* first the fields that decide about framing and connection, then those that handlers read; others are ignored */
    if (http_field_is(name, "content-length")) {
        return http_parse_length(http, framing, value, limits);
    }
    if (http_field_is(name, "transfer-encoding")) {
        framing->encoding_seen = true;
        return true;
    }
    if (http_field_is(name, "connection")) {
        framing->close_seen |= cpsd_http_item(value, "close", &item);
        framing->keep_alive_seen |= cpsd_http_item(value, "keep-alive", &item);
        return true;
    }
    if (http_field_is(name, "expect") && !http->http_1_0) { /* RFC 9110 section 10.1.1: ignored in HTTP/1.0 */
        if (!http_field_is(value, "100-continue")) {
            (void)http_bad(http, 417, "the only expectation that this server meets is 100-continue");
            return false;
        }
        http->expect_continue = true;
        return true;
    }
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        if (http_field_is(name, known_fields[i])) {
            return http_parse_known(http, buf, framing, i, value);
        }
    }
    return true;
}

static bool http_parse_field_line(struct cpsd_http *http, const char *buf, struct framing *framing, const char *line,
                                  size_t len, const struct cpsd_http_limits *limits)
{
    size_t name_len = http_span(line, len, TCHAR);
    if (name_len == 0 || name_len == len || line[name_len] != ':') {
        (void)http_bad(http, 400, "a header field is not \"Name: value\"");
        return false;
    }
    const char *value = line + name_len + 1;
    size_t value_len = len - name_len - 1;
    if (http_span(value, value_len, VALUE) != value_len) {
        (void)http_bad(http, 400, "a header field contains a control character");
        return false;
    }
    /* RFC 9112 section 5: white space around the value is not part of it */
    while (value_len && (*value == ' ' || *value == '\t')) {
        value++;
        value_len--;
    }
    while (value_len && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t')) {
        value_len--;
    }
    return http_parse_field(http, buf, framing, stir_view(line, name_len), stir_view(value, value_len), limits);
}

/* Parses all lines of a complete head. Each ends with CRLF (RFC 9112 section 2.2); a CR or LF elsewhere fails the check
 * of the part that it is in. */
static bool http_parse_lines(struct cpsd_http *http, struct framing *framing, const char *buf, size_t start,
                             const struct cpsd_http_limits *limits)
{
    const char *p = buf + start, *end = buf + http->head_len - 2;
    for (unsigned lines = 0; p < end; lines++) {
        const char *cr = memchr(p, '\r', (size_t)(end - p));
        if (!cr || cr[1] != '\n') {
            (void)http_bad(http, 400, "a line of the request does not end with CR LF");
            return false;
        }
        if (lines > limits->fields) {
            (void)http_bad(http, 431, "there are too many header fields");
            return false;
        }
        size_t len = (size_t)(cr - p);
        if (lines == 0 ? !http_parse_request_line(http, buf, p, len)
                       : !http_parse_field_line(http, buf, framing, p, len, limits)) {
            return false;
        }
        p = cr + 2;
    }
    return true;
}

static enum cpsd_http_state http_parse_head(struct cpsd_http *http, const char *buf, size_t start,
                                            const struct cpsd_http_limits *limits)
{
    struct framing framing = {0};
    http->start = (uint16_t)start;
    if (!http_parse_lines(http, &framing, buf, start, limits)) {
        return CPSD_HTTP_BAD;
    }
    /* RFC 9112 section 6.3: both together can be request smuggling, and are refused */
    if (framing.encoding_seen && framing.length_seen) {
        return http_bad(http, 400, "Content-Length and Transfer-Encoding contradict each other");
    }
    if (framing.encoding_seen) {
        return http_bad(http, 411, "send the body with Content-Length; chunked bodies are not supported");
    }
    /* RFC 9112 section 3.2: Host is required in HTTP/1.1 */
    if (!framing.host_seen && !http->http_1_0) {
        return http_bad(http, 400, "the Host field is missing");
    }
    if (!framing.length_seen && (http->method == CPSD_POST || http->method == CPSD_PUT)) {
        return http_bad(http, 411, "send the body with Content-Length");
    }
    /* RFC 9112 section 9.3 */
    http->keep_alive = !framing.close_seen && (!http->http_1_0 || framing.keep_alive_seen);
    return http->state = CPSD_HTTP_BODY;
}

/* Returns the length of the head with the empty line that ends it; 0 while that is not there. */
static size_t http_head_end(struct cpsd_http *http, const char *buf, size_t len)
{
    size_t from = http->scanned > 3 ? http->scanned - 3 : 0;
    const char *found = memmem(buf + from, len - from, "\r\n\r\n", 4);
    http->scanned = (uint32_t)len;
    return found ? (size_t)(found - buf) + 4 : 0;
}

enum cpsd_http_state cpsd_http_feed(struct cpsd_http *http, const char *buf, size_t len,
                                    const struct cpsd_http_limits *limits)
{
    if (http->state == CPSD_HTTP_HEAD) {
        /* RFC 9112 section 2.2: an empty line before a request is ignored */
        size_t start = len >= 2 && buf[0] == '\r' && buf[1] == '\n' ? 2 : 0;
        size_t window = len < limits->head_bytes ? len : limits->head_bytes;
        size_t end = window > start ? http_head_end(http, buf + start, window - start) : 0;
        if (!end && window == limits->head_bytes) {
            return http_bad(http, 431, "the head of the request is larger than this server accepts");
        }
        if (!end) {
            return CPSD_HTTP_HEAD;
        }
        http->head_len = (uint32_t)(end + start);
        (void)http_parse_head(http, buf, start, limits);
    }
    if (http->state == CPSD_HTTP_BODY && len - http->head_len >= http->body_len) {
        http->state = CPSD_HTTP_READY;
    }
    return http->state;
}

static const char *http_find(const char *p, const char *end, char c);
static struct stir_view http_trim(const char *p, const char *end);

size_t cpsd_http_join(const struct cpsd_http *http, const char *buf, enum cpsd_field field, char *room)
{
    const char *p = buf + http->start, *end = buf + http->head_len - 2;
    size_t len = 0;
    for (const char *next; p < end; p = next) {
        const char *cr = http_find(p, end, '\r'), *colon = http_find(p, cr, ':');
        next = cr + 2;
        /* the request line does not match a field: a method has no colon, and its target follows a space */
        if (colon == cr || !http_field_is(stir_view(p, (size_t)(colon - p)), known_fields[field])) {
            continue;
        }
        struct stir_view value = http_trim(colon + 1, cr);
        if (len + value.len + 2 > CPSD_HTTP_JOINED) {
            break; /* http_parse_known has refused such a request */
        }
        if (len) {
            memcpy(room + len, ", ", 2);
            len += 2;
        }
        memcpy(room + len, value.ptr, value.len);
        len += value.len;
    }
    return len;
}

static struct stir_view http_trim(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return stir_view(p, (size_t)(end - p));
}

static const char *http_find(const char *p, const char *end, char c)
{
    const char *found = p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
    return found ? found : end;
}

/* Returns true if the parameters of an item say q=0, q=0.0, ...: "not acceptable" (RFC 9110 section 12.4.2). */
static bool http_weight_is_zero(const char *params, const char *end)
{
    while (params < end) {
        const char *next = http_find(params, end, ';');
        struct stir_view param = http_trim(params, next);
        if (param.len >= 3 && (param.ptr[0] == 'q' || param.ptr[0] == 'Q') && param.ptr[1] == '=') {
            size_t i = 2;
            while (i < param.len && (param.ptr[i] == '0' || param.ptr[i] == '.')) {
                i++;
            }
            return i == param.len;
        }
        params = next + 1;
    }
    return false;
}

bool cpsd_http_item(struct stir_view field, const char *name, struct stir_view *value)
{
    const char *p = field.ptr, *end = field.ptr + field.len;
    while (p < end) {
        const char *next = http_find(p, end, ',');
        const char *params = http_find(p, next, ';');
        const char *equals = http_find(p, params, '=');
        if (http_field_is(http_trim(p, equals), name) && !http_weight_is_zero(params, next)) {
            *value = http_trim(equals < params ? equals + 1 : params, params);
            return true;
        }
        p = next + 1;
    }
    return false;
}

bool cpsd_http_query(struct stir_view query, const char *name, struct stir_view *value)
{
    const char *p = query.ptr, *end = query.ptr + query.len;
    while (p < end) {
        const char *next = http_find(p, end, '&');
        const char *equals = http_find(p, next, '=');
        if (stir_view_is(stir_view(p, (size_t)(equals - p)), name)) {
            const char *from = equals < next ? equals + 1 : next;
            *value = stir_view(from, (size_t)(next - from));
            return true;
        }
        p = next + 1;
    }
    return false;
}

bool cpsd_http_number(struct stir_view text, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(unsigned char)text.ptr[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10) {
            return false;
        }
        n = n * 10 + digit;
    }
    if (text.len == 0 || n > max) {
        return false;
    }
    *out = n;
    return true;
}

bool cpsd_http_number_up_to(struct stir_view text, uint64_t max, uint64_t *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!http_is_digit(text.ptr[i])) {
            return false;
        }
    }
    if (text.len && !cpsd_http_number(text, max, out)) {
        *out = max;
    }
    return text.len != 0;
}

const char *cpsd_method_name(enum cpsd_method method)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (methods[i].method == method) {
            return methods[i].name;
        }
    }
    return "OTHER";
}

struct stir_view cpsd_http_trim_line_end(struct stir_view body)
{
    if (body.len && body.ptr[body.len - 1] == '\n') {
        body.len--;
    }
    if (body.len && body.ptr[body.len - 1] == '\r') {
        body.len--;
    }
    return body;
}
