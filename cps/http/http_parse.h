#pragma once

#include "common/base/buf.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * HTTP/1.1 on the server's side (RFC 9112), octets in and a request out: no socket, no allocation, each octet looked at
 * once. Stricter than the RFC has to be where leniency lets two parsers see two different requests: bare LF, folded
 * lines, white space before a colon, repeated or signed Content-Length, Content-Length beside Transfer-Encoding are
 * refused and the connection is closed.
 */
enum cpsd_method {
    CPSD_GET,
    CPSD_HEAD,
    CPSD_POST,
    CPSD_PUT,
    CPSD_DELETE,
    CPSD_OTHER_METHOD,
};

/* The header fields that somebody here reads; all others are checked for their form and passed over. */
enum cpsd_field {
    CPSD_HOST,
    CPSD_CONTENT_TYPE,
    CPSD_ACCEPT,
    CPSD_PREFER,
    CPSD_AUTHORIZATION,
    CPSD_IDEMPOTENCY_KEY,
    CPSD_IF_NONE_MATCH,
    CPSD_CLIENT_CERT, /* these four by the edge only */
    CPSD_CLIENT_CERT_CHAIN,
    CPSD_FORWARDED,
    CPSD_X_FORWARDED_FOR,
    CPSD_LAST_EVENT_ID,
    CPSD_FIELD_COUNT,
};

struct cpsd_http_limits {
    uint32_t head_bytes; /* request line and header fields, up to 65535; beyond it 431 */
    uint32_t body_bytes; /* beyond it 413 */
    uint16_t fields;     /* header fields in a request; beyond it 431 */
};

/* A stretch of the request, counted from its first octet; len 0 means that it was not there (or empty). */
struct cpsd_slice {
    uint16_t off, len;
};

enum cpsd_http_state {
    CPSD_HTTP_HEAD,  /* more octets of the head are needed */
    CPSD_HTTP_BODY,  /* the head is complete, more octets of the body are needed */
    CPSD_HTTP_READY, /* a whole request: head_len + body_len octets */
    CPSD_HTTP_BAD,   /* answer `status` with `reason` and close: what follows cannot be told apart */
};

/* One request as far as it was read. Zero-initialize it for each. */
struct cpsd_http {
    enum cpsd_http_state state;
    uint32_t scanned;  /* octets that were looked for the end of the head */
    uint32_t head_len; /* with the empty line, and with an empty line before the request */
    uint32_t body_len; /* Content-Length */
    enum cpsd_method method;
    struct cpsd_slice path, query;              /* of the request's target, without '?' */
    struct cpsd_slice fields[CPSD_FIELD_COUNT]; /* of a field with several lines the last one: see `repeated` */
    uint32_t repeated; /* bit 1 << field: the field has several lines, which cpsd_http_join joins */
    uint16_t start;    /* of the request line */
    bool http_1_0;
    bool keep_alive;
    bool expect_continue; /* the client waits for "100 Continue" before it sends the body */
    int status;           /* with CPSD_HTTP_BAD */
    const char *reason;   /* with CPSD_HTTP_BAD: a sentence for the problem's detail */
};

/*
 * Looks at a request of which `len` octets are there, the same buffer content as before and more behind it. Returns the
 * new state. Offsets are into buf; it may move between calls.
 */
enum cpsd_http_state cpsd_http_feed(struct cpsd_http *http, const char *buf, size_t len,
                                    const struct cpsd_http_limits *limits);

/*
 * Joins the lines of a list field, which may be given on several lines (RFC 9110 section 5.3): "a", "b" become "a, b".
 * `http` is a request in state CPSD_HTTP_READY, `buf` its octets, `field` one whose bit in http->repeated is set.
 * `room` takes the text and is at least CPSD_HTTP_JOINED octets long, which the lines of all such fields together do
 * not exceed. Returns the text's length.
 */
#define CPSD_HTTP_JOINED 2048
size_t cpsd_http_join(const struct cpsd_http *http, const char *buf, enum cpsd_field field, char *room);

static inline struct stir_view cpsd_http_view(const char *buf, struct cpsd_slice slice)
{
    return stir_view(buf + slice.off, slice.len);
}

/* Members of a field that is a list of comma-separated items with parameters (Accept, Prefer, Content-Type): finds
 * `name` (case-insensitive) among the items and gives its value ("wait=5" -> "5", "application/json;q=0" -> ""), false
 * if it is not there. q=0 counts as not there. */
bool cpsd_http_item(struct stir_view field, const char *name, struct stir_view *value);

/* A parameter of a query ("ttl=30&after=x"): not decoded, since none of ours needs it. */
bool cpsd_http_query(struct stir_view query, const char *name, struct stir_view *value);

/* A decimal number without sign, white space or leading '+', at most max. False if it is anything else. */
bool cpsd_http_number(struct stir_view text, uint64_t max, uint64_t *out);

/* The same, but a larger number counts as `max`, whatever its length. False: not a number. */
bool cpsd_http_number_up_to(struct stir_view text, uint64_t max, uint64_t *out);

/* What is answered. Views and strings are read during the call that takes the response. */
#define CPSD_RESPONSE_FIELDS 6
struct cpsd_response {
    int status;
    const char *content_type; /* NULL with an empty body */
    struct stir_view body;
    bool stream; /* the body comes later, and ends with the connection */
    struct {
        const char *name;
        const char *value; /* printable ASCII; never from outside unchecked */
    } fields[CPSD_RESPONSE_FIELDS];
    size_t field_count;
};

void cpsd_response_field(struct cpsd_response *response, const char *name, const char *value);

/* Appends status line, header fields and body: one buffer, so one TLS record where it fits. `date` is the value of the
 * Date field. `head_only` leaves the body out but keeps its length (HEAD). */
void cpsd_http_format(struct stir_buf *out, const struct cpsd_response *response, const char *date, bool keep_alive,
                      bool head_only);

/* "Not Found" for 404; "Unknown" for a status that this server does not use. */
const char *cpsd_http_reason(int status);

/* The canonical upper-case name; "OTHER" for CPSD_OTHER_METHOD. */
const char *cpsd_method_name(enum cpsd_method method);

/* Returns the body without the line end (LF or CRLF) that text tools put after its last line. A view of the body. */
struct stir_view cpsd_http_trim_line_end(struct stir_view body);
