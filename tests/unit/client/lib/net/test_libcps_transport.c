/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "client/lib/net/transport_curl.h"
#include "common/base/http_field.h"
#include "tests/unit/cps_world.h"
#include "tests/unit/https_peer.h"

#include <stdlib.h>
#include <time.h>

/* Publishing, retrieving and what can go wrong on the way, against a server whose every octet is the test's. */
static struct world world;
static struct peer peer;
static char ca_file[96];

/* What the peer answers next, and what it saw. */
static struct {
    pthread_mutex_t lock;
    char answer[65536];
    char method[16], target[2048], accept[256], type[256], prefer[256];
    char body[20000];
    atomic_uint delay_ms;
} script = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void sleep_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

static void keep_header(const struct peer_request *request, const char *name, char out[256])
{
    if (!peer_header(request, name, out)) {
        out[0] = '\0';
    }
}

static void answer(struct peer *server, const struct peer_request *request, struct stir_buf *out)
{
    unsigned ms = atomic_load(&script.delay_ms);
    for (; ms > 0 && !atomic_load(&server->stopping); ms -= ms > 10 ? 10 : ms) {
        sleep_ms(ms > 10 ? 10 : ms);
    }
    pthread_mutex_lock(&script.lock);
    (void)snprintf(script.method, sizeof(script.method), "%s", request->method);
    (void)snprintf(script.target, sizeof(script.target), "%s", request->target);
    (void)snprintf(script.body, sizeof(script.body), "%s", request->body);
    keep_header(request, "Accept", script.accept);
    keep_header(request, "Content-Type", script.type);
    keep_header(request, "Prefer", script.prefer);
    stir_buf_puts(out, script.answer);
    pthread_mutex_unlock(&script.lock);
}

/* The next answers: a status, more header lines, a body. */
static void will_answer(int status, const char *more, const char *body)
{
    struct stir_buf text = {0};
    peer_reply(&text, status, "application/json", more, body);
    CU_ASSERT_TRUE_FATAL(text.len < sizeof(script.answer));
    pthread_mutex_lock(&script.lock);
    memcpy(script.answer, text.ptr, text.len + 1);
    pthread_mutex_unlock(&script.lock);
    stir_buf_free(&text);
}

static void will_say(const char *raw)
{
    pthread_mutex_lock(&script.lock);
    (void)snprintf(script.answer, sizeof(script.answer), "%s", raw);
    pthread_mutex_unlock(&script.lock);
}

static void begin_with(struct cps_options options)
{
    atomic_store(&script.delay_ms, 0);
    world_begin(&world, NULL);
    world_path(ca_file, &world, "tls-root.pem");
    peer_start(&peer, ca_file, answer, NULL);
    options.size = sizeof(options);
    options.cps_url = options.cps_url ? options.cps_url : peer.url;
    options.tls_ca_file = ca_file;
    options.trust_file = world.trust;
    options.x5u_dir = world.x5u_dir;
    options.now = world_now;
    cps_free(world.cps);
    world.cps = NULL;
    world.cps = world_handle(&options);
}

static void begin(void)
{
    begin_with((struct cps_options){0});
}

static void end(void)
{
    peer_stop(&peer);
    world_end(&world);
}

static void test_publish(void)
{
    struct cps_published published;
    struct cps_error err = {0};
    begin();
    will_answer(201, "Location: /cps/12155551313/ppts/abc\r\n", "");
    CODE_IS(cps_publish(world.cps, "+1 215 555 1313", "a.b.c.d.e", 9, 0, &published, &err), CPS_OK, err);
    UNIT_STR(script.method, "POST", "method");
    UNIT_STR(script.target, "/cps/12155551313/ppts", "target");
    UNIT_STR(script.type, "application/passport", "type");
    UNIT_STR(script.body, "a.b.c.d.e", "body");
    UNIT_STR(published.location, "/cps/12155551313/ppts/abc", "location");
    CU_ASSERT_FALSE(published.existed);
    will_answer(200, "LOCATION:/x\r\n", "");
    CODE_IS(cps_publish(world.cps, "sip:Bob@Example.com", "a", 1, 3600, &published, &err), CPS_OK, err);
    UNIT_STR(script.target, "/cps/sip%3Abob%40example.com/ppts?ttl=3600", "a URI's box");
    UNIT_STR(published.location, "/x", "location");
    CU_ASSERT_TRUE(published.existed);
    CU_ASSERT_EQUAL(atomic_load(&peer.connections), 1);
    CODE_IS(cps_publish(world.cps, "", "a", 1, 0, NULL, &err), CPS_E_TN, err);
    CODE_IS(cps_publish(world.cps, NULL, "a", 1, 0, NULL, &err), CPS_E_INVAL, err);
    CODE_IS(cps_publish(world.cps, "12", "", 0, 0, NULL, &err), CPS_E_TOO_BIG, err);
    CODE_IS(cps_publish(NULL, "12", "a", 1, 0, NULL, &err), CPS_E_INVAL, err);
    CU_ASSERT_EQUAL(atomic_load(&peer.requests), 2);
    end();
}

static void test_statuses(void)
{
    static const struct {
        int status;
        enum cps_code code;
    } rows[] = {
        {204, CPS_OK},
        {400, CPS_E_REFUSED},
        {401, CPS_E_UNAUTHORIZED},
        {403, CPS_E_FORBIDDEN},
        {404, CPS_E_REFUSED},
        {405, CPS_E_REFUSED},
        {408, CPS_E_TIMEOUT},
        {413, CPS_E_REFUSED},
        {415, CPS_E_REFUSED},
        {422, CPS_E_REFUSED},
        {429, CPS_E_BOX_FULL},
        {500, CPS_E_UNAVAILABLE},
        {503, CPS_E_UNAVAILABLE},
        {504, CPS_E_UNAVAILABLE},
        {301, CPS_E_PROTOCOL},
        {307, CPS_E_PROTOCOL},
        {304, CPS_E_PROTOCOL},
    };
    struct cps_error err = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin();
        will_answer(rows[i].status, "Location: https://127.0.0.1:1/elsewhere\r\nRetry-After: 7\r\n", "");
        enum cps_code code = cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err);
        UNIT_CHECK(code == rows[i].code, "%d: %s, expected %s", rows[i].status, cps_error_name(code),
                   cps_error_name(rows[i].code));
        if (code != CPS_OK) {
            UNIT_CHECK(err.http_status == rows[i].status && err.retry_after_s == 7, "%d: status %d, retry %u",
                       rows[i].status, err.http_status, err.retry_after_s);
        }
        end();
    }
    begin();
    will_answer(429, "Retry-After: soon\r\n",
                "{\"title\":\"Box full\",\"detail\":\"It holds 3\\nenvelopes\",\"status\":429}");
    CODE_IS(cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_BOX_FULL, err);
    UNIT_STR(err.text, "the CPS answered 429: Box full: It holds 3 envelopes", "the problem's words, on one line");
    CU_ASSERT_EQUAL(err.retry_after_s, 0);
    end();
}

static void test_retrieve(void)
{
    struct cps_envelopes found = {0};
    struct cps_error err = {0};
    begin();
    will_answer(200, NULL,
                "{\"ppts\":[{\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"ppt\":\"a.b.c.d.e\"},"
                "{\"id\":\"BBBBBBBBBBBBBBBBBBBBBB\",\"ppt\":\"f\",\"more\":1}],\"cursor\":\"c/1 \"}");
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &found, &err), CPS_OK, err);
    UNIT_STR(script.method, "GET", "method");
    UNIT_STR(script.target, "/cps/12155551313/ppts", "target");
    UNIT_STR(script.accept, "application/json", "accept");
    UNIT_STR(script.prefer, "", "prefer");
    CU_ASSERT_EQUAL_FATAL(found.count, 2);
    UNIT_STR(found.items[0].id, "AAAAAAAAAAAAAAAAAAAAAA", "id");
    UNIT_STR(found.items[0].text, "a.b.c.d.e", "text");
    UNIT_STR(found.items[1].text, "f", "text");
    UNIT_STR(found.cursor, "c/1 ", "cursor");
    struct cps_envelopes next = {0};
    will_answer(200, NULL, "{\"ppts\":[],\"cursor\":\"\"}");
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, found.cursor, 1500, &next, &err), CPS_OK, err);
    UNIT_STR(script.target, "/cps/12155551313/ppts?after=c%2F1%20", "target");
    UNIT_STR(script.prefer, "wait=2", "prefer");
    CU_ASSERT_EQUAL(next.count, 0);
    cps_envelopes_clear(&found);
    cps_envelopes_clear(&next);
    cps_envelopes_clear(&next);
    end();
}

static void test_bad_listings(void)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        "{\"ppts\":[]}",
        "{\"cursor\":\"x\"}",
        "{\"ppts\":{},\"cursor\":\"x\"}",
        "{\"ppts\":[],\"cursor\":1}",
        "{\"ppts\":[1],\"cursor\":\"x\"}",
        "{\"ppts\":[{}],\"cursor\":\"x\"}",
        "{\"ppts\":[{\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\"}],\"cursor\":\"x\"}",
        "{\"ppts\":[{\"id\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"ppt\":\"\"}],\"cursor\":\"x\"}",
        "{\"ppts\":[{\"id\":\"AAAAAAAAAAAAAAAAAAAAA\",\"ppt\":\"a\"}],\"cursor\":\"x\"}",
        "{\"ppts\":[{\"id\":\"AAAAAAAAAAAAAAAAAAAAAAA\",\"ppt\":\"a\"}],\"cursor\":\"x\"}",
        "{\"ppts\":[{\"id\":\"AAAAAAAAAAAAAAAAAAAAA/\",\"ppt\":\"a\"}],\"cursor\":\"x\"}",
        "{\"ppts\":[],\"cursor\":\"x\"} ,",
        "{\"ppts\":[],\"ppts\":[],\"cursor\":\"x\"}",
        "{\"ppts\":[],\"cursor\":\"x\\u0000y\"}",
        "{\"ppts\":[],\"cursor\":\"\xff\"}",
        "<html>",
    };
    struct cps_error err = {0};
    struct cps_envelopes untouched = {.count = 7};
    char cursor[400] = "{\"ppts\":[],\"cursor\":\"";
    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        will_answer(200, NULL, rows[i]);
        enum cps_code code = cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &untouched, &err);
        UNIT_CHECK(code == CPS_E_PROTOCOL, "%s: %s", rows[i], cps_error_name(code));
        UNIT_CHECK(untouched.count == 7 && !untouched.items, "%s: output touched", rows[i]);
    }
    memset(cursor + strlen(cursor), 'c', 257);
    (void)snprintf(cursor + strlen(cursor), 8, "\"}");
    will_answer(200, NULL, cursor);
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &untouched, &err), CPS_E_PROTOCOL, err);
    end();
}

static void test_raw_answers(void)
{
    static const struct {
        const char *raw;
        enum cps_code code;
    } rows[] = {
        {"", CPS_E_CONNECT},
        {"hello\r\n\r\n", CPS_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", CPS_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", CPS_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", CPS_E_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", CPS_E_CONNECT},
        {"HTTP/1.1 999 \r\n\r\n", CPS_E_UNAVAILABLE},
    };
    struct cps_error err = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cps_envelopes none = {0};
        begin_with((struct cps_options){.request_timeout_ms = 300});
        will_say(rows[i].raw);
        enum cps_code code = cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &none, &err);
        UNIT_CHECK(code == rows[i].code || code == CPS_E_TIMEOUT, "row %zu: %s (%s), expected %s", i,
                   cps_error_name(code), err.text, cps_error_name(rows[i].code));
        end();
    }
}

static void test_too_large(void)
{
    char body[3000];
    struct cps_envelopes none = {0};
    struct cps_error err = {0};
    begin_with((struct cps_options){.max_response_octets = 2048});
    memset(body, ' ', sizeof(body));
    body[2048] = '\0';
    memcpy(body, "{\"ppts\":[],\"cursor\":\"\"}", 23);
    will_answer(200, NULL, body);
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &none, &err), CPS_OK, err);
    cps_envelopes_clear(&none);
    body[2048] = ' ';
    body[2049] = '\0';
    will_answer(200, NULL, body);
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &none, &err), CPS_E_PROTOCOL, err);
    /* without a length that could tell before */
    char raw[4096] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n801\r\n";
    (void)snprintf(raw + strlen(raw), 2060, "%.2049s", body);
    (void)snprintf(raw + strlen(raw), 16, "\r\n0\r\n\r\n");
    will_say(raw);
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &none, &err), CPS_E_PROTOCOL, err);
    end();
}

static void test_unreachable(void)
{
    struct cps_error err = {0};
    begin_with((struct cps_options){.request_timeout_ms = 200});
    atomic_store(&script.delay_ms, 1000);
    will_answer(201, NULL, "");
    CODE_IS(cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_TIMEOUT, err);
    end();
    begin_with((struct cps_options){.cps_url = "https://127.0.0.1:1"});
    CODE_IS(cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_CONNECT, err);
    CODE_IS(cps_health(world.cps, NULL, &err), CPS_E_CONNECT, err);
    end();
    begin_with((struct cps_options){.cps_url = "https://name.invalid"});
    CODE_IS(cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_CONNECT, err);
    end();
}

/* A server that somebody else vouches for, or that has another name, is not the CPS. */
static void test_tls(void)
{
    struct cps_error err = {0};
    begin();
    struct cps_options options = {.size = sizeof(options), .cps_url = peer.url, .tls_ca_file = world.trust};
    struct cps *cps = world_handle(&options);
    CODE_IS(cps_publish(cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_TLS, err);
    cps_free(cps);
    static struct peer impostor;
    peer_start_as(&impostor, "IP:127.0.0.2,DNS:cps.example", ca_file, answer, NULL);
    options.cps_url = impostor.url;
    options.tls_ca_file = ca_file;
    cps = world_handle(&options);
    CODE_IS(cps_publish(cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_TLS, err);
    CU_ASSERT_EQUAL(atomic_load(&impostor.requests), 0);
    cps_free(cps);
    peer_stop(&impostor);
    options.tls_ca_file = "/nonexistent.pem";
    cps = NULL;
    CODE_IS(cps_new(&cps, &options, &err), CPS_E_IO, err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "tls_ca_file"));
    CU_ASSERT_PTR_NULL(cps);
    end();
}

static void test_health(void)
{
    struct cps_health_status status;
    struct cps_error err = {0};
    begin();
    will_answer(200, NULL, "{\"status\":200,\"message\":\"OK\"}");
    CODE_IS(cps_health(world.cps, &status, &err), CPS_OK, err);
    UNIT_STR(script.target, "/health", "target");
    UNIT_STR(status.text, "{\"status\":200,\"message\":\"OK\"}", "text");
    will_answer(503, NULL, "{\"title\":\"no store\"}");
    CODE_IS(cps_health(world.cps, &status, &err), CPS_E_UNAVAILABLE, err);
    end();
}

static void test_send(void)
{
    struct cps_message message = world_message("Hello");
    const struct cps_key *keys[2];
    struct cps_recipient recipient = {.dest = "+" WORLD_DEST, .keys = keys, .key_count = 2};
    struct cps_sent sent;
    struct cps_error err = {0};
    begin();
    keys[0] = world.box_public;
    keys[1] = world.box_private;
    will_answer(201, NULL, "");
    CODE_IS(cps_send(world.cps, world.signer, &message, &recipient, 1, 60, &sent, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(sent.envelopes, 2);
    CU_ASSERT_EQUAL(sent.published, 2);
    CU_ASSERT_EQUAL(atomic_load(&peer.requests), 2);
    CU_ASSERT_PTR_NOT_NULL(sent.passport);
    UNIT_STR(script.target, "/cps/12155551313/ppts?ttl=60", "target");
    CU_ASSERT_PTR_NULL(strstr(script.body, "2155551212"));
    cps_sent_clear(&sent);
    will_answer(429, NULL, "");
    CODE_IS(cps_send(world.cps, world.signer, &message, &recipient, 1, 0, &sent, &err), CPS_E_BOX_FULL, err);
    CU_ASSERT_EQUAL(sent.envelopes, 2);
    CU_ASSERT_EQUAL(sent.published, 0);
    CU_ASSERT_EQUAL(sent.error.code, CPS_E_BOX_FULL);
    cps_sent_clear(&sent);
    recipient.dest = "12155559999";
    CODE_IS(cps_send(world.cps, world.signer, &message, &recipient, 1, 0, &sent, &err), CPS_E_INVAL, err);
    cps_sent_clear(&sent);
    recipient.dest = WORLD_DEST;
    recipient.key_count = 0; /* so they are asked for */
    will_answer(404, NULL, "");
    CODE_IS(cps_send(world.cps, world.signer, &message, &recipient, 1, 0, &sent, &err), CPS_E_NOT_FOUND, err);
    UNIT_STR(script.target, "/keys/12155551313", "target");
    CU_ASSERT_EQUAL(sent.envelopes, 0);
    cps_sent_clear(&sent);
    CODE_IS(cps_send(world.cps, world.signer, &message, NULL, 0, 0, NULL, &err), CPS_E_INVAL, err);
    end();
}

/* ---- callbacks ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned calls;
    enum cps_code code, inner, again;
    bool chain;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void note(enum cps_code code)
{
    pthread_mutex_lock(&seen.lock);
    seen.calls++;
    seen.code = code;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for_calls(unsigned calls)
{
    pthread_mutex_lock(&seen.lock);
    while (seen.calls < calls) {
        pthread_cond_wait(&seen.changed, &seen.lock);
    }
    pthread_mutex_unlock(&seen.lock);
}

static void on_published(void *arg, const struct cps_published *result)
{
    struct cps *cps = arg;
    if (seen.chain) {
        seen.chain = false;
        seen.inner = cps_publish(cps, WORLD_DEST, "a", 1, 0, NULL, NULL);
        seen.again = cps_publish_async(cps, WORLD_DEST, "a", 1, 0, on_published, cps, NULL);
        cps_free(cps); /* nothing happens */
    }
    note(result->error.code);
}

static void on_retrieved(void *arg, const struct cps_retrieved *result)
{
    (void)arg;
    note(result->error.code == CPS_OK && result->envelopes.count == 0 ? CPS_OK : CPS_E_PROTOCOL);
}

static void on_health(void *arg, const struct cps_health_status *result)
{
    (void)arg;
    note(result->error.code);
}

static void on_sent(void *arg, const struct cps_sent *result)
{
    (void)arg;
    note(result->published == result->envelopes ? result->error.code : CPS_E_PROTOCOL);
}

static void test_callbacks(void)
{
    struct cps_message message = world_message("Hello");
    struct cps_error err = {0};
    begin();
    const struct cps_key *keys[] = {world.box_public};
    struct cps_recipient recipient = {.dest = WORLD_DEST, .keys = keys, .key_count = 1};
    seen.calls = 0;
    seen.chain = true;
    will_answer(201, NULL, "{\"ppts\":[],\"cursor\":\"\"}");
    CODE_IS(cps_publish_async(world.cps, WORLD_DEST, "a", 1, 0, on_published, world.cps, &err), CPS_OK, err);
    wait_for_calls(2);
    CU_ASSERT_EQUAL(seen.inner, CPS_E_IN_CALLBACK);
    CU_ASSERT_EQUAL(seen.again, CPS_OK);
    CODE_IS(cps_retrieve_async(world.cps, WORLD_DEST, NULL, 0, on_retrieved, NULL, &err), CPS_OK, err);
    wait_for_calls(3);
    CU_ASSERT_EQUAL(seen.code, CPS_OK);
    CODE_IS(cps_health_async(world.cps, on_health, NULL, &err), CPS_OK, err);
    wait_for_calls(4);
    CU_ASSERT_EQUAL(seen.code, CPS_OK);
    CODE_IS(cps_send_async(world.cps, world.signer, &message, &recipient, 1, 0, on_sent, NULL, &err), CPS_OK, err);
    wait_for_calls(5);
    CU_ASSERT_EQUAL(seen.code, CPS_OK);
    CODE_IS(cps_publish_async(world.cps, WORLD_DEST, "a", 1, 0, NULL, NULL, &err), CPS_E_INVAL, err);
    CODE_IS(cps_publish_async(world.cps, "", "a", 1, 0, on_published, NULL, &err), CPS_E_TN, err);
    CU_ASSERT_EQUAL(seen.calls, 5);
    end();
}

/* One more than the limit is refused at once; what was taken on ends, each once. */
static void test_backpressure(void)
{
    struct cps_error err = {0};
    begin_with((struct cps_options){.max_in_flight = 3, .max_connections = 1});
    seen.calls = 0;
    atomic_store(&script.delay_ms, 50);
    will_answer(201, NULL, "");
    for (int i = 0; i < 3; i++) {
        CODE_IS(cps_publish_async(world.cps, WORLD_DEST, "a", 1, 0, on_published, NULL, &err), CPS_OK, err);
    }
    CODE_IS(cps_publish_async(world.cps, WORLD_DEST, "a", 1, 0, on_published, NULL, &err), CPS_E_BUSY, err);
    CODE_IS(cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_BUSY, err);
    wait_for_calls(3);
    CODE_IS(cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(seen.calls, 3);
    CU_ASSERT_EQUAL(atomic_load(&peer.connections), 1);
    end();
}

/* Waiting for a free connection counts as waiting for the answer. */
static void test_queue(void)
{
    struct cps_error err = {0};
    begin_with((struct cps_options){.max_connections = 1, .request_timeout_ms = 1000});
    seen.calls = 0;
    atomic_store(&script.delay_ms, 3000);
    will_answer(201, NULL, "");
    for (int i = 0; i < 20; i++) {
        CODE_IS(cps_publish_async(world.cps, WORLD_DEST, "a", 1, 0, on_published, NULL, &err), CPS_OK, err);
    }
    wait_for_calls(20);
    /* CONNECT: a machine so busy that its second was over before the connection was made */
    UNIT_CHECK(seen.code == CPS_E_TIMEOUT || seen.code == CPS_E_CONNECT, "the last one ends with %d", (int)seen.code);
    UNIT_CHECK(atomic_load(&peer.requests) < 20, "%u requests were sent", atomic_load(&peer.requests));
    end();
}

/* Freeing the handle ends what is under way and calls back before it returns. */
static void test_closing(void)
{
    struct cps_error err = {0};
    begin();
    seen.calls = 0;
    atomic_store(&script.delay_ms, 60000);
    will_answer(201, NULL, "");
    for (int i = 0; i < 30; i++) {
        CODE_IS(cps_publish_async(world.cps, WORLD_DEST, "a", 1, 0, on_published, NULL, &err), CPS_OK, err);
    }
    sleep_ms(50);
    cps_free(world.cps);
    world.cps = NULL;
    CU_ASSERT_EQUAL(seen.calls, 30);
    CU_ASSERT_EQUAL(seen.code, CPS_E_CLOSED);
    end();
}

static void test_no_cps(void)
{
    struct cps_error err = {0};
    struct cps_envelopes none = {0};
    world_begin(&world, NULL);
    CODE_IS(cps_publish(world.cps, WORLD_DEST, "a", 1, 0, NULL, &err), CPS_E_CONFIG, err);
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &none, &err), CPS_E_CONFIG, err);
    CODE_IS(cps_health(world.cps, NULL, &err), CPS_E_CONFIG, err);
    world_end(&world);
}

static void test_cache_control(void)
{
    static const struct {
        const char *text;
        int64_t age, expected;
    } rows[] = {
        {"", 0, -1},
        {"public", 0, -1},
        {"max-age=60", 0, 60},
        {"public, max-age=60", 0, 60},
        {"public,max-age=60 ,x", 10, 50},
        {"Max-Age=60", 60, 0},
        {"max-age=60", 61, 0},
        {"max-age=-1", 0, 0},
        {"max-age=", 0, -1},
        {"max-age=1x", 0, 0},
        {"max-age=99999999999999999999", 0, 100000000},
        {"no-store", 0, 0},
        {"max-age=60, no-store", 0, 0},
        {"NO-CACHE", 0, 0},
        {"x-max-age=60", 0, -1},
        {",,,", 0, -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t is = stir_max_age(rows[i].text, strlen(rows[i].text), rows[i].age);
        UNIT_CHECK(is == rows[i].expected, "\"%s\": %lld", rows[i].text, (long long)is);
    }
}

UNIT_MAIN("libcps transport", {"publish", test_publish}, {"statuses", test_statuses}, {"retrieve", test_retrieve},
          {"listings that are none", test_bad_listings}, {"answers that are none", test_raw_answers},
          {"too large", test_too_large}, {"unreachable", test_unreachable}, {"TLS", test_tls}, {"health", test_health},
          {"send", test_send}, {"callbacks", test_callbacks}, {"backpressure", test_backpressure},
          {"queue", test_queue}, {"closing", test_closing}, {"no CPS", test_no_cps},
          {"Cache-Control", test_cache_control})
