/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The server side of HTTP/1.1 (RFC 9112): octets in, a request out. No socket, no allocation, each octet is read once.
 * Stricter than the RFC requires wherever leniency could let two parsers see two different requests: a bare LF, folded
 * lines, white space before a colon, a repeated or signed Content-Length, and Content-Length together with
 * Transfer-Encoding are refused, and the connection is closed.
 */
enum cpsd_method {
    CPSD_GET,
    CPSD_HEAD,
    CPSD_POST,
    CPSD_PUT,
    CPSD_DELETE,
    CPSD_OTHER_METHOD,
};

/* The header fields that this server reads. All others are checked for their form and ignored. */
enum cpsd_field {
    CPSD_HOST,
    CPSD_CONTENT_TYPE,
    CPSD_ACCEPT,
    CPSD_PREFER,
    CPSD_AUTHORIZATION,
    CPSD_IDEMPOTENCY_KEY,
    CPSD_IF_NONE_MATCH,
    CPSD_CLIENT_CERT, /* these four from a proxy only */
    CPSD_CLIENT_CERT_CHAIN,
    CPSD_FORWARDED,
    CPSD_X_FORWARDED_FOR,
    CPSD_LAST_EVENT_ID,
    CPSD_FIELD_COUNT,
};

struct cpsd_http_limits {
    uint32_t head_bytes; /* request line and header fields, up to 65535; more is 431 */
    uint32_t body_bytes; /* more is 413 */
    uint16_t fields;     /* number of header fields; more are 431 */
};

/* A part of the request, as an offset from its first octet and a length. len 0: missing or empty. */
struct cpsd_slice {
    uint16_t off, len;
};

enum cpsd_http_state {
    CPSD_HTTP_HEAD,  /* more octets of the head are needed */
    CPSD_HTTP_BODY,  /* the head is complete, more octets of the body are needed */
    CPSD_HTTP_READY, /* a whole request: head_len + body_len octets */
    CPSD_HTTP_BAD,   /* answer `status` with `reason` and close: the end of the request is not known */
};

/* One request, as far as it was read. Initialize it with zeros for each request. */
struct cpsd_http {
    enum cpsd_http_state state;
    uint32_t scanned;  /* octets that were searched for the end of the head */
    uint32_t head_len; /* with the empty line that ends it, and an empty line before the request */
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
 * Parses a request of which the first `len` octets have arrived: the same content as in the call before, and more after
 * it. Returns the new state. Offsets are relative to buf, which may move between calls.
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

/* Finds the item `name` (case-insensitive) in a field that is a list of comma-separated items with parameters (Accept,
 * Prefer, Content-Type). Writes its value, "5" for "wait=5", "" without one. Returns false if the item is missing or
 * has q=0 ("application/json;q=0"). */
bool cpsd_http_item(struct stir_view field, const char *name, struct stir_view *value);

/* Finds a parameter of a query ("ttl=30&after=x") and writes its value, which is not percent-decoded: no parameter of
 * this server needs that. Returns false if it is missing. */
bool cpsd_http_query(struct stir_view query, const char *name, struct stir_view *value);

/* Reads a decimal number of digits only, at most max. Returns false for anything else. */
bool cpsd_http_number(struct stir_view text, uint64_t max, uint64_t *out);

/* Reads a decimal number; a number above max, of any length, counts as max. Returns false for anything else. */
bool cpsd_http_number_up_to(struct stir_view text, uint64_t max, uint64_t *out);

/* An answer. Its views and strings are read during the call that takes it, and may end after it. */
#define CPSD_RESPONSE_FIELDS 6
struct cpsd_response {
    int status;
    const char *content_type; /* NULL with an empty body */
    struct stir_view body;
    bool stream; /* the body follows later, and ends with the connection */
    struct {
        const char *name;
        const char *value; /* printable ASCII; text from outside must be checked first */
    } fields[CPSD_RESPONSE_FIELDS];
    size_t field_count;
};

/* Adds a header field to an answer, which has up to CPSD_RESPONSE_FIELDS. */
void cpsd_response_field(struct cpsd_response *response, const char *name, const char *value);

/* Appends status line, header fields and body: one buffer, and so one TLS record if it fits. `date` is the value of the
 * Date field. `head_only` leaves the body out but keeps its Content-Length (HEAD). */
void cpsd_http_format(struct stir_buf *out, const struct cpsd_response *response, const char *date, bool keep_alive,
                      bool head_only);

/* Returns the reason phrase of a status: "Not Found" for 404; "Unknown" for a status that this server does not use. */
const char *cpsd_http_reason(int status);

/* Returns the name of a method in upper case; "OTHER" for CPSD_OTHER_METHOD. */
const char *cpsd_method_name(enum cpsd_method method);

/* Returns the body without a line end (LF or CRLF) after its last line, which text tools add. A view of the body. */
struct stir_view cpsd_http_trim_line_end(struct stir_view body);
