/* SPDX-License-Identifier: MIT */
#include "cps/http/http_parse.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

static const struct cpsd_http_limits limits = {.head_bytes = 1024, .body_bytes = 100, .fields = 8};

static const struct {
    const char *label, *text;
    enum cpsd_http_state state;
    int status;
} requests[] = {
    {"plain get", "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_READY, 0},
    {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", CPSD_HTTP_READY, 0},
    {"absolute form", "GET https://a/health HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_READY, 0},
    {"empty line before", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_READY, 0},
    {"body", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", CPSD_HTTP_READY, 0},
    {"body to come", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", CPSD_HTTP_BODY, 0},
    {"body at the limit", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", CPSD_HTTP_BODY, 0},
    {"body over the limit", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", CPSD_HTTP_BAD, 413},
    {"length over 64 bits", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
     CPSD_HTTP_BAD, 400},
    {"length of 64 bits", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", CPSD_HTTP_BAD,
     413},
    {"negative length", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"signed length", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"length in hex", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"length list", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", CPSD_HTTP_BAD, 400},
    {"empty length", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"length twice", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", CPSD_HTTP_BAD,
     400},
    {"no length", "POST /x HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 411},
    {"chunked", "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", CPSD_HTTP_BAD, 411},
    {"length and encoding", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
     CPSD_HTTP_BAD, 400},
    {"encoding and length", "POST /x HTTP/1.1\r\nHost: a\r\ntransfer-encoding: x\r\ncontent-length: 3\r\n\r\nabc",
     CPSD_HTTP_BAD, 400},
    {"get with an encoding", "GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", CPSD_HTTP_BAD, 411},
    {"S16: HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", CPSD_HTTP_READY, 0},
    {"S16: HTTP/1.0 with an invalid Host", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"S16: Host with space, comma and slash", "GET / HTTP/1.1\r\nHost: a b,c/\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with half an escape", "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with a bracket that stays open", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with text after the bracket", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with octets over 127", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host with a port", "GET / HTTP/1.1\r\nHost: cps.example.com:8443\r\n\r\n", CPSD_HTTP_READY, 0},
    {"host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", CPSD_HTTP_READY, 0},
    {"IPv6 host", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n", CPSD_HTTP_READY, 0},
    {"IPv4 in IPv6 host", "GET / HTTP/1.1\r\nHost: [::ffff:192.0.2.1]\r\n\r\n", CPSD_HTTP_READY, 0},
    {"escaped host", "GET / HTTP/1.1\r\nHost: a%2Db_c~!\r\n\r\n", CPSD_HTTP_READY, 0},
    {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", CPSD_HTTP_READY, 0},
    {"absolute form with a user", "GET https://u@a/health HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"absolute form without a host", "GET https:///health HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"idempotency key twice", "GET / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n",
     CPSD_HTTP_BAD, 400},
    {"S16: prefer twice", "GET / HTTP/1.1\r\nHost: a\r\nPrefer: a\r\nPrefer: b\r\n\r\n", CPSD_HTTP_READY, 0},
    {"no host", "GET / HTTP/1.1\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"content type twice", "GET / HTTP/1.1\r\nHost: a\r\nContent-Type: a\r\nContent-Type: a\r\n\r\n", CPSD_HTTP_BAD,
     400},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CPSD_HTTP_BAD, 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 505},
    {"HTTP/0.9", "GET /\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"no target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"authority form", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"absolute without a path", "GET https://a HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"control in the target", "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"octet over 127 in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"lower-case method is another method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", CPSD_HTTP_READY, 0},
    {"bare LF in the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"bare LF in a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"bare CR in a field", "GET / HTTP/1.1\r\nHost: a\rX\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"folded line", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"field without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"field without a name", "GET / HTTP/1.1\r\n: a\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"control in a field", "GET / HTTP/1.1\r\nHost: a\x02\r\n\r\n", CPSD_HTTP_BAD, 400},
    {"octets over 127 in a field", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n", CPSD_HTTP_READY, 0},
    {"expectation", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", CPSD_HTTP_BODY,
     0},
    {"another expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", CPSD_HTTP_BAD, 417},
    {"eight fields", "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\n\r\n", CPSD_HTTP_READY, 0},
    {"nine fields", "GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\nG:\r\nH:\r\n\r\n", CPSD_HTTP_BAD,
     431},
};

/* A copy on the heap, exactly as long, so that a sanitizer sees a read beyond it. */
static enum cpsd_http_state feed_whole(struct cpsd_http *http, const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    *http = (struct cpsd_http){0};
    enum cpsd_http_state state = cpsd_http_feed(http, copy, len, &limits);
    free(copy);
    return state;
}

static enum cpsd_http_state feed_octets(struct cpsd_http *http, const char *text, size_t len)
{
    *http = (struct cpsd_http){0};
    enum cpsd_http_state state = CPSD_HTTP_HEAD;
    for (size_t n = 1; n <= len && state != CPSD_HTTP_BAD && state != CPSD_HTTP_READY; n++) {
        char *copy = malloc(n);
        memcpy(copy, text, n);
        state = cpsd_http_feed(http, copy, n, &limits);
        free(copy);
    }
    return state;
}

static void test_requests(void)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct cpsd_http whole = {0}, octets = {0};
        size_t len = strlen(requests[i].text);
        (void)feed_whole(&whole, requests[i].text, len);
        UNIT_CHECK(whole.state == requests[i].state, "%s: state %d", requests[i].label, whole.state);
        UNIT_CHECK(whole.status == requests[i].status, "%s: status %d", requests[i].label, whole.status);
        UNIT_CHECK(whole.state != CPSD_HTTP_BAD || (whole.reason && !whole.keep_alive), "%s: reason",
                   requests[i].label);
        UNIT_CHECK(feed_octets(&octets, requests[i].text, len) == requests[i].state, "%s: octet by octet",
                   requests[i].label);
        UNIT_CHECK(octets.status == requests[i].status, "%s: octet by octet: %d", requests[i].label, octets.status);
    }
}

static void test_truncations(void)
{
    const char *text = "POST /cps/1/ppts?ttl=5 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    for (size_t n = 0; n < strlen(text); n++) {
        struct cpsd_http http;
        enum cpsd_http_state state = feed_whole(&http, text, n);
        UNIT_CHECK(state == CPSD_HTTP_HEAD || state == CPSD_HTTP_BODY, "%zu octets: %d", n, state);
    }
}

static void test_parts(void)
{
    const char *text = "\r\nPOST /cps/1/ppts?ttl=5 HTTP/1.1\r\nhOST:\t a \r\ncontent-length: 3\r\nAccept: x\r\n"
                       "Prefer: wait=7\r\nConnection: close\r\n\r\nabcGET";
    struct cpsd_http http = {0};
    CU_ASSERT_EQUAL(cpsd_http_feed(&http, text, strlen(text), &limits), CPSD_HTTP_READY);
    CU_ASSERT_EQUAL(http.method, CPSD_POST);
    CU_ASSERT(stir_view_is(cpsd_http_view(text, http.path), "/cps/1/ppts"));
    CU_ASSERT(stir_view_is(cpsd_http_view(text, http.query), "ttl=5"));
    CU_ASSERT(stir_view_is(cpsd_http_view(text, http.fields[CPSD_HOST]), "a"));
    CU_ASSERT(stir_view_is(cpsd_http_view(text, http.fields[CPSD_ACCEPT]), "x"));
    CU_ASSERT(stir_view_is(cpsd_http_view(text, http.fields[CPSD_PREFER]), "wait=7"));
    CU_ASSERT_EQUAL(http.fields[CPSD_AUTHORIZATION].len, 0);
    CU_ASSERT_FALSE(http.keep_alive);
    CU_ASSERT_EQUAL(http.body_len, 3);
    CU_ASSERT_EQUAL(strncmp(text + http.head_len + http.body_len, "GET", 3), 0);
}

static void test_keep_alive(void)
{
    static const struct {
        const char *text;
        bool keep;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nHost: a\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true},
        /* S16: the tokens of all lines count, and close wins */
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: x\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_http http;
        UNIT_CHECK(feed_whole(&http, rows[i].text, strlen(rows[i].text)) == CPSD_HTTP_READY, "%zu", i);
        UNIT_CHECK(http.keep_alive == rows[i].keep, "%s", rows[i].text);
    }
}

static void test_head_limit(void)
{
    /* a head of exactly the limit is taken, one octet more is not; neither is a head without an end */
    char text[2048];
    for (size_t total = limits.head_bytes - 1; total <= limits.head_bytes + 1; total++) {
        int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        memset(text + n, 'x', total - (size_t)n - 4);
        memcpy(text + total - 4, "\r\n\r\n", 4);
        struct cpsd_http http;
        enum cpsd_http_state expected = total <= limits.head_bytes ? CPSD_HTTP_READY : CPSD_HTTP_BAD;
        UNIT_CHECK(feed_whole(&http, text, total) == expected, "%zu octets", total);
        UNIT_CHECK(feed_octets(&http, text, total) == expected, "%zu octets, one by one", total);
        UNIT_CHECK(expected != CPSD_HTTP_BAD || http.status == 431, "status %d", http.status);
    }
    memset(text, 'x', sizeof(text));
    struct cpsd_http http;
    CU_ASSERT_EQUAL(feed_whole(&http, text, sizeof(text)), CPSD_HTTP_BAD);
    CU_ASSERT_EQUAL(http.status, 431);
}

static void test_items(void)
{
    static const struct {
        const char *field, *name, *value; /* value NULL: not there */
    } rows[] = {
        {"application/json", "application/json", ""},
        {"text/html, APPLICATION/json;q=0.5", "application/json", ""},
        {"application/json;q=0", "application/json", NULL},
        {"application/json; q=0.000", "application/json", NULL},
        {"application/jsonx", "application/json", NULL},
        {"*/*", "application/json", NULL},
        {"wait=5", "wait", "5"},
        {"respond-async, wait = 10 ;x", "wait", "10"},
        {"wait", "wait", ""},
        {"", "wait", NULL},
        {",,,", "wait", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_view value = {0};
        bool found = cpsd_http_item(stir_view_str(rows[i].field), rows[i].name, &value);
        UNIT_CHECK(found == (rows[i].value != NULL), "\"%s\" in \"%s\"", rows[i].name, rows[i].field);
        UNIT_CHECK(!found || stir_view_is(value, rows[i].value), "value of \"%s\"", rows[i].field);
    }
}

static void test_query_and_numbers(void)
{
    struct stir_view value;
    CU_ASSERT(cpsd_http_query(stir_view_str("a=1&ttl=30&x"), "ttl", &value) && stir_view_is(value, "30"));
    CU_ASSERT(cpsd_http_query(stir_view_str("a=1&ttl"), "ttl", &value) && value.len == 0);
    CU_ASSERT_FALSE(cpsd_http_query(stir_view_str("attl=1"), "ttl", &value));
    CU_ASSERT_FALSE(cpsd_http_query(stir_view_str(""), "ttl", &value));
    uint64_t n = 7;
    CU_ASSERT(cpsd_http_number(stir_view_str("0"), 5, &n) && n == 0);
    CU_ASSERT(cpsd_http_number(stir_view_str("5"), 5, &n) && n == 5);
    static const char *const bad[] = {"", "6", "-1", "+1", " 1", "1 ", "1e1", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        UNIT_CHECK(!cpsd_http_number(stir_view_str(bad[i]), 5, &n), "\"%s\"", bad[i]);
    }
    CU_ASSERT_EQUAL(n, 5);
}

static void test_format(void)
{
    struct cpsd_response response = {.status = 201, .content_type = "text/plain", .body = stir_view_str("hello")};
    struct stir_buf out = {0};
    cpsd_response_field(&response, "Location", "/x");
    cpsd_http_format(&out, &response, "today", true, false);
    UNIT_STR(out.ptr,
             "HTTP/1.1 201 Created\r\nDate: today\r\nContent-Type: text/plain\r\nLocation: /x\r\n"
             "Content-Length: 5\r\n\r\nhello",
             "whole");
    out.len = 0;
    cpsd_http_format(&out, &response, "today", false, true);
    UNIT_STR(out.ptr,
             "HTTP/1.1 201 Created\r\nDate: today\r\nContent-Type: text/plain\r\nLocation: /x\r\n"
             "Connection: close\r\nContent-Length: 5\r\n\r\n",
             "to HEAD, last");
    out.len = 0;
    response = (struct cpsd_response){.status = 204};
    cpsd_http_format(&out, &response, "today", true, false);
    UNIT_STR(out.ptr, "HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n", "204 has no length");
    stir_buf_free(&out);
    static const int used[] = {200, 201, 204, 304, 400, 401, 403, 404, 405, 408,
                               411, 413, 415, 417, 422, 429, 431, 500, 503, 505};
    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        UNIT_CHECK(strcmp(cpsd_http_reason(used[i]), "Unknown") != 0, "%d has a reason", used[i]);
    }
    UNIT_STR(cpsd_http_reason(299), "Unknown", "a status that is not used");
}

/* A list field is what all its lines say, in their order (RFC 9110 section 5.3). */
static void test_s16_joined(void)
{
    static const struct {
        const char *text, *prefer, *accept;
    } rows[] = {
        {"GET /a:b HTTP/1.1\r\nHost: a\r\nPrefer: x\r\nPrefer: wait=5\r\n\r\n", "x, wait=5", NULL},
        {"\r\nGET / HTTP/1.1\r\nprefer:wait=5 \r\nHost: a\r\nPREFER: \r\nPrefer: x\r\n\r\n", "wait=5, , x", NULL},
        {"GET / HTTP/1.1\r\nAccept: a\r\nPrefer: 1\r\nHost: a\r\nPrefer: 2\r\nAccept: b\r\nPrefers: 3\r\n\r\n", "1, 2",
         "a, b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct cpsd_http http = {0};
        char room[CPSD_HTTP_JOINED + 1];
        const char *text = rows[i].text;
        CU_ASSERT_EQUAL(cpsd_http_feed(&http, text, strlen(text), &limits), CPSD_HTTP_READY);
        CU_ASSERT_EQUAL(http.repeated, 1u << CPSD_PREFER | (rows[i].accept ? 1u << CPSD_ACCEPT : 0));
        room[cpsd_http_join(&http, text, CPSD_PREFER, room)] = '\0';
        UNIT_STR(room, rows[i].prefer, "Prefer");
        if (rows[i].accept) {
            room[cpsd_http_join(&http, text, CPSD_ACCEPT, room)] = '\0';
            UNIT_STR(room, rows[i].accept, "Accept");
        }
    }
}

/* What is joined fits into the room for it, to the octet. */
static void test_joined_limit(void)
{
    static const struct cpsd_http_limits wide = {.head_bytes = 8192, .body_bytes = 100, .fields = 64};
    for (size_t len = CPSD_HTTP_JOINED - 10; len < CPSD_HTTP_JOINED + 10; len++) {
        char text[CPSD_HTTP_JOINED * 2], room[CPSD_HTTP_JOINED + 1];
        int n = snprintf(text, sizeof(text),
                         "GET / HTTP/1.1\r\nHost: a\r\nPrefer: %0*d\r\nAccept: 12\r\nPrefer: 1\r\nAccept: 3\r\n\r\n",
                         (int)len - 8, 7); /* "7, 1" and "12, 3" */
        struct cpsd_http http = {0};
        enum cpsd_http_state state = cpsd_http_feed(&http, text, (size_t)n, &wide);
        UNIT_CHECK(state == (len <= CPSD_HTTP_JOINED ? CPSD_HTTP_READY : CPSD_HTTP_BAD), "%zu octets", len);
        if (state == CPSD_HTTP_READY) {
            size_t used = cpsd_http_join(&http, text, CPSD_PREFER, room);
            used += cpsd_http_join(&http, text, CPSD_ACCEPT, room + used);
            CU_ASSERT_EQUAL(used, len);
        } else {
            CU_ASSERT_EQUAL(http.status, 431);
        }
    }
}

static void test_s16_numbers(void)
{
    static const struct {
        const char *text;
        uint64_t number; /* 0: refused */
    } rows[] = {{"1", 1},
                {"60", 60},
                {"61", 60},
                {"99999999999", 60},
                {"99999999999999999999999999999", 60},
                {"", 0},
                {"-1", 0},
                {"1x", 0},
                {"9999999999999999999999999x", 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint64_t number = 0;
        struct stir_view text = stir_view(rows[i].text, strlen(rows[i].text));
        CU_ASSERT_EQUAL(cpsd_http_number_up_to(text, 60, &number), rows[i].number != 0);
        UNIT_CHECK(number == rows[i].number, "%s", rows[i].text);
    }
}

UNIT_MAIN("http", {"S16: lines of a list field are joined", test_s16_joined},
          {"S16: a number over the maximum is cut to it", test_s16_numbers},
          {"limit of joined lines", test_joined_limit}, {"requests and refusals", test_requests},
          {"every truncation waits for more", test_truncations}, {"parts of a request", test_parts},
          {"keep-alive", test_keep_alive}, {"limit of the head", test_head_limit}, {"items of a field", test_items},
          {"query and numbers", test_query_and_numbers}, {"response", test_format})
