#include "cps/http.h"

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

/* What an octet may be part of: tchar (RFC 9110 section 5.6.2), field-value, request-target. */
enum {
    TCHAR = 1,
    VALUE = 2,
    TARGET = 4,
};

static unsigned octet_class(unsigned char c)
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

static size_t span(const char *p, size_t len, unsigned class)
{
    size_t n = 0;
    while (n < len && (octet_class((unsigned char)p[n]) & class)) {
        n++;
    }
    return n;
}

static enum cpsd_http_state bad(struct cpsd_http *http, int status, const char *reason)
{
    http->status = status;
    http->reason = reason;
    http->keep_alive = false;
    return http->state = CPSD_HTTP_BAD;
}

static struct cpsd_slice slice(const char *buf, const char *p, size_t len)
{
    return (struct cpsd_slice){.off = (uint16_t)(p - buf), .len = (uint16_t)len};
}

/* "https://host/path" is allowed in a request to an origin server too (RFC 9112 section 3.2.2). */
static const char *skip_authority(const char *p, const char *end)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if ((size_t)(end - p) > n && strncasecmp(p, schemes[i], n) == 0) {
            const char *slash = memchr(p + n, '/', (size_t)(end - p) - n);
            return slash ? slash : end;
        }
    }
    return p;
}

static bool parse_target(struct cpsd_http *http, const char *buf, const char *p, const char *end)
{
    p = skip_authority(p, end);
    if (p == end || *p != '/') {
        return false;
    }
    const char *mark = memchr(p, '?', (size_t)(end - p));
    http->path = slice(buf, p, (size_t)((mark ? mark : end) - p));
    if (mark) {
        http->query = slice(buf, mark + 1, (size_t)(end - mark) - 1);
    }
    return true;
}

static const char not_a_request_line[] = "the request line is not \"METHOD /path HTTP/1.1\"";
static const char only_http1[] = "only HTTP/1.1 and HTTP/1.0 are spoken here";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool parse_version(struct cpsd_http *http, struct stir_view version)
{
    if (stir_view_is(version, "HTTP/1.1")) {
        http->keep_alive = true;
    } else if (!stir_view_is(version, "HTTP/1.0")) {
        bool other = version.len == 8 && memcmp(version.ptr, "HTTP/", 5) == 0 && is_digit(version.ptr[5]) &&
                     version.ptr[6] == '.' && is_digit(version.ptr[7]);
        (void)bad(http, other ? 505 : 400, other ? only_http1 : not_a_request_line);
        return false;
    }
    return true;
}

static bool parse_request_line(struct cpsd_http *http, const char *buf, const char *line, size_t len)
{
    size_t n = span(line, len, TCHAR);
    http->method = CPSD_OTHER_METHOD;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (stir_view_is(stir_view(line, n), methods[i].name)) {
            http->method = methods[i].method;
        }
    }
    const char *target = line + n + 1;
    size_t rest = n < len ? len - n - 1 : 0;
    size_t target_len = span(target, rest, TARGET);
    if (n == 0 || line[n < len ? n : 0] != ' ' || target_len == 0 || target_len == rest || target[target_len] != ' ') {
        (void)bad(http, 400, not_a_request_line);
        return false;
    }
    if (!parse_version(http, stir_view(target + target_len + 1, rest - target_len - 1))) {
        return false;
    }
    if (!parse_target(http, buf, target, target + target_len)) {
        (void)bad(http, 400, "the request's target is not an absolute path");
        return false;
    }
    return true;
}

static bool field_is(struct stir_view name, const char *lower)
{
    return name.len == strlen(lower) && strncasecmp(name.ptr, lower, name.len) == 0;
}

/* What decides where a request ends; each of them at most once. */
struct framing {
    bool length_seen, encoding_seen, host_seen;
};

static bool parse_length(struct cpsd_http *http, struct framing *framing, struct stir_view value,
                         const struct cpsd_http_limits *limits)
{
    uint64_t length = 0;
    if (framing->length_seen || !cpsd_http_number(value, UINT64_MAX, &length)) {
        (void)bad(http, 400, "Content-Length must be given once, as a decimal number");
        return false;
    }
    framing->length_seen = true;
    if (length > limits->body_bytes) {
        (void)bad(http, 413, "the body is larger than this server takes");
        return false;
    }
    http->body_len = (uint32_t)length;
    return true;
}

static bool once(size_t field)
{
    return field == CPSD_HOST || field == CPSD_CONTENT_TYPE || field == CPSD_AUTHORIZATION ||
           field == CPSD_CLIENT_CERT || field == CPSD_CLIENT_CERT_CHAIN;
}

static bool parse_field(struct cpsd_http *http, const char *buf, struct framing *framing, struct stir_view name,
                        struct stir_view value, const struct cpsd_http_limits *limits)
{
    struct stir_view item;
    if (field_is(name, "content-length")) {
        return parse_length(http, framing, value, limits);
    }
    if (field_is(name, "transfer-encoding")) {
        framing->encoding_seen = true;
        return true;
    }
    if (field_is(name, "connection")) {
        if (cpsd_http_item(value, "close", &item)) {
            http->keep_alive = false;
        } else if (cpsd_http_item(value, "keep-alive", &item)) {
            http->keep_alive = true;
        }
        return true;
    }
    if (field_is(name, "expect")) {
        if (!field_is(value, "100-continue")) {
            (void)bad(http, 417, "the only expectation that can be met is 100-continue");
            return false;
        }
        http->expect_continue = true;
        return true;
    }
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        if (!field_is(name, known_fields[i])) {
            continue;
        }
        if (http->fields[i].off && once(i)) {
            (void)bad(http, 400, "Host, Content-Type, Authorization and Client-Cert may be given only once");
            return false;
        }
        http->fields[i] = slice(buf, value.ptr, value.len);
        framing->host_seen |= i == CPSD_HOST;
        return true;
    }
    return true;
}

static bool parse_field_line(struct cpsd_http *http, const char *buf, struct framing *framing, const char *line,
                             size_t len, const struct cpsd_http_limits *limits)
{
    size_t name_len = span(line, len, TCHAR);
    if (name_len == 0 || name_len == len || line[name_len] != ':') {
        (void)bad(http, 400, "a header field is not \"Name: value\"");
        return false;
    }
    const char *value = line + name_len + 1;
    size_t value_len = len - name_len - 1;
    if (span(value, value_len, VALUE) != value_len) {
        (void)bad(http, 400, "a header field holds a control character");
        return false;
    }
    while (value_len && (*value == ' ' || *value == '\t')) {
        value++;
        value_len--;
    }
    while (value_len && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t')) {
        value_len--;
    }
    return parse_field(http, buf, framing, stir_view(line, name_len), stir_view(value, value_len), limits);
}

/* All lines of a complete head. A line ends with CRLF; a CR or LF elsewhere fails the checks of its part. */
static bool parse_lines(struct cpsd_http *http, struct framing *framing, const char *buf, size_t start,
                        const struct cpsd_http_limits *limits)
{
    const char *p = buf + start, *end = buf + http->head_len - 2;
    for (unsigned lines = 0; p < end; lines++) {
        const char *cr = memchr(p, '\r', (size_t)(end - p));
        if (!cr || cr[1] != '\n') {
            (void)bad(http, 400, "a line of the request does not end with CR LF");
            return false;
        }
        if (lines > limits->fields) {
            (void)bad(http, 431, "there are too many header fields");
            return false;
        }
        size_t len = (size_t)(cr - p);
        if (lines == 0 ? !parse_request_line(http, buf, p, len)
                       : !parse_field_line(http, buf, framing, p, len, limits)) {
            return false;
        }
        p = cr + 2;
    }
    return true;
}

static enum cpsd_http_state parse_head(struct cpsd_http *http, const char *buf, size_t start,
                                       const struct cpsd_http_limits *limits)
{
    struct framing framing = {0};
    if (!parse_lines(http, &framing, buf, start, limits)) {
        return CPSD_HTTP_BAD;
    }
    if (framing.encoding_seen && framing.length_seen) {
        return bad(http, 400, "Content-Length and Transfer-Encoding contradict each other");
    }
    if (framing.encoding_seen) {
        return bad(http, 411, "send the body with Content-Length: chunked bodies are not taken");
    }
    if (!framing.host_seen) {
        return bad(http, 400, "the Host field is missing");
    }
    if (!framing.length_seen && (http->method == CPSD_POST || http->method == CPSD_PUT)) {
        return bad(http, 411, "send the body with Content-Length");
    }
    return http->state = CPSD_HTTP_BODY;
}

/* Finds the empty line that ends the head; 0 while it is not there. */
static size_t head_end(struct cpsd_http *http, const char *buf, size_t len)
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
        /* one empty line before a request is forgiven (RFC 9112 section 2.2) */
        size_t start = len >= 2 && buf[0] == '\r' && buf[1] == '\n' ? 2 : 0;
        size_t window = len < limits->head_bytes ? len : limits->head_bytes;
        size_t end = window > start ? head_end(http, buf + start, window - start) : 0;
        if (!end && window == limits->head_bytes) {
            return bad(http, 431, "the request's head is larger than this server takes");
        }
        if (!end) {
            return CPSD_HTTP_HEAD;
        }
        http->head_len = (uint32_t)(end + start);
        (void)parse_head(http, buf, start, limits);
    }
    if (http->state == CPSD_HTTP_BODY && len - http->head_len >= http->body_len) {
        http->state = CPSD_HTTP_READY;
    }
    return http->state;
}

static struct stir_view trim(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return stir_view(p, (size_t)(end - p));
}

static const char *find(const char *p, const char *end, char c)
{
    const char *found = p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
    return found ? found : end;
}

/* True if an item's parameters say q=0, q=0.0, ...: "not acceptable" (RFC 9110 section 12.4.2). */
static bool weight_is_zero(const char *params, const char *end)
{
    while (params < end) {
        const char *next = find(params, end, ';');
        struct stir_view param = trim(params, next);
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
        const char *next = find(p, end, ',');
        const char *params = find(p, next, ';');
        const char *equals = find(p, params, '=');
        if (field_is(trim(p, equals), name) && !weight_is_zero(params, next)) {
            *value = trim(equals < params ? equals + 1 : params, params);
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
        const char *next = find(p, end, '&');
        const char *equals = find(p, next, '=');
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

const char *cpsd_method_name(enum cpsd_method method)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (methods[i].method == method) {
            return methods[i].name;
        }
    }
    return "OTHER";
}
