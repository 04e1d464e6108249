#include "cps/http/http_parse.h"

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

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* True for "host", "host:port", "[IPv6]:port" (RFC 9110 section 7.2, RFC 3986 section 3.2.2). An empty host is one. */
static bool is_host(const char *p, const char *end)
{
    static const char marks[] = "-._~!$&'()*+,;=";
    if (p < end && *p == '[') {
        const char *close = memchr(p, ']', (size_t)(end - p));
        for (p++; close && p < close && (is_hex(*p) || *p == ':' || *p == '.'); p++) {
        }
        if (!close || p != close || close[-1] == '[') {
            return false;
        }
        p = close + 1;
    } else {
        for (; p < end && *p != ':'; p++) {
            bool letter = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');
            if (*p == '%' && end - p > 2 && is_hex(p[1]) && is_hex(p[2])) {
                p += 2;
            } else if (!letter && !is_digit(*p) && (*p == '\0' || !strchr(marks, *p))) {
                return false;
            }
        }
    }
    if (p < end && *p++ != ':') {
        return false;
    }
    while (p < end && is_digit(*p)) {
        p++;
    }
    return p == end;
}

/* "https://host/path" is allowed in a request to an origin server too (RFC 9112 section 3.2.2). NULL: not a host. */
static const char *skip_authority(const char *p, const char *end)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if ((size_t)(end - p) > n && strncasecmp(p, schemes[i], n) == 0) {
            const char *slash = memchr(p + n, '/', (size_t)(end - p) - n);
            const char *host_end = slash ? slash : end;
            return host_end > p + n && is_host(p + n, host_end) ? host_end : NULL;
        }
    }
    return p;
}

static bool parse_target(struct cpsd_http *http, const char *buf, const char *p, const char *end)
{
    p = skip_authority(p, end);
    if (!p || p == end || *p != '/') {
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

static bool parse_version(struct cpsd_http *http, struct stir_view version)
{
    http->http_1_0 = stir_view_is(version, "HTTP/1.0");
    if (!http->http_1_0 && !stir_view_is(version, "HTTP/1.1")) {
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

/* What decides where a request and its connection end. */
struct framing {
    bool length_seen, encoding_seen, host_seen;
    bool close_seen, keep_alive_seen; /* in Connection, on any of its lines */
    size_t joined;                    /* octets of list fields with several lines, once they are joined */
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

/* Fields whose value is a list may have several lines, others may not (RFC 9110 section 5.3). HAProxy gives
 * Client-Cert-Chain on one line; it would be long to join. */
static bool is_list(size_t field)
{
    return field == CPSD_ACCEPT || field == CPSD_PREFER || field == CPSD_IF_NONE_MATCH || field == CPSD_FORWARDED ||
           field == CPSD_X_FORWARDED_FOR;
}

/* Notes a line of a field that is read here. */
static bool parse_known(struct cpsd_http *http, const char *buf, struct framing *framing, size_t field,
                        struct stir_view value)
{
    if (field == CPSD_HOST && !is_host(value.ptr, value.ptr + value.len)) {
        (void)bad(http, 400, "Host is not a host name or address with an optional port");
        return false;
    }
    if (http->fields[field].off && !is_list(field)) {
        (void)bad(http, 400, "a header field that holds a single value is given more than once");
        return false;
    }
    if (http->fields[field].off) {
        /* the first line counts when the second one comes */
        framing->joined += http->repeated & 1u << field ? 0 : http->fields[field].len;
        framing->joined += value.len + 2;
        http->repeated |= 1u << field;
    }
    if (framing->joined > CPSD_HTTP_JOINED) {
        (void)bad(http, 431, "the lines of a header field are longer together than this server takes");
        return false;
    }
    http->fields[field] = slice(buf, value.ptr, value.len);
    framing->host_seen |= field == CPSD_HOST;
    return true;
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
        framing->close_seen |= cpsd_http_item(value, "close", &item);
        framing->keep_alive_seen |= cpsd_http_item(value, "keep-alive", &item);
        return true;
    }
    if (field_is(name, "expect") && !http->http_1_0) { /* RFC 9110 section 10.1.1: ignored in HTTP/1.0 */
        if (!field_is(value, "100-continue")) {
            (void)bad(http, 417, "the only expectation that can be met is 100-continue");
            return false;
        }
        http->expect_continue = true;
        return true;
    }
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        if (field_is(name, known_fields[i])) {
            return parse_known(http, buf, framing, i, value);
        }
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
    http->start = (uint16_t)start;
    if (!parse_lines(http, &framing, buf, start, limits)) {
        return CPSD_HTTP_BAD;
    }
    if (framing.encoding_seen && framing.length_seen) {
        return bad(http, 400, "Content-Length and Transfer-Encoding contradict each other");
    }
    if (framing.encoding_seen) {
        return bad(http, 411, "send the body with Content-Length: chunked bodies are not taken");
    }
    if (!framing.host_seen && !http->http_1_0) {
        return bad(http, 400, "the Host field is missing");
    }
    if (!framing.length_seen && (http->method == CPSD_POST || http->method == CPSD_PUT)) {
        return bad(http, 411, "send the body with Content-Length");
    }
    http->keep_alive = !framing.close_seen && (!http->http_1_0 || framing.keep_alive_seen);
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

static const char *find(const char *p, const char *end, char c);
static struct stir_view trim(const char *p, const char *end);

size_t cpsd_http_join(const struct cpsd_http *http, const char *buf, enum cpsd_field field, char *room)
{
    const char *p = buf + http->start, *end = buf + http->head_len - 2;
    size_t len = 0;
    for (const char *next; p < end; p = next) {
        const char *cr = find(p, end, '\r'), *colon = find(p, cr, ':');
        next = cr + 2;
        /* the request line is no field: a method has no colon, and its target comes after a space */
        if (colon == cr || !field_is(stir_view(p, (size_t)(colon - p)), known_fields[field])) {
            continue;
        }
        struct stir_view value = trim(colon + 1, cr);
        if (len + value.len + 2 > CPSD_HTTP_JOINED) {
            break; /* parse_known has refused such a request */
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

bool cpsd_http_number_up_to(struct stir_view text, uint64_t max, uint64_t *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.ptr[i])) {
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
