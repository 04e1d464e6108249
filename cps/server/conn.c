/* SPDX-License-Identifier: MIT */
#include "cps/api/routes.h"
#include "cps/auth/conn_limit.h"
#include "cps/http/problem.h"
#include "cps/server/server_internal.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/*
 * A connection from its adoption to its end. libwebsockets moves octets and does TLS (its raw role); cps/http cuts
 * requests out of the octets, one at a time and in order. Lists and closing are in conn_state.c, writing is in
 * conn_output.c, time limits are in conn_timer.c.
 */
#define HTTP_FIELDS_MAX 64 /* header fields of a request */

static void conn_process_input(struct cpsd_conn *conn);

static struct cpsd_http_limits conn_http_limits(const struct cpsd_worker *worker)
{
    const struct cpsd_config *config = worker->service.config;
    return (struct cpsd_http_limits){.head_bytes = (uint32_t)config->max_head_bytes,
                                     .body_bytes = (uint32_t)config->max_body_bytes,
                                     .fields = HTTP_FIELDS_MAX};
}

/* Returns the time for the Date field, formatted once a second. */
static const char *conn_date(struct cpsd_worker *worker)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != worker->date_at) {
        struct tm tm;
        worker->date_at = now.tv_sec;
        (void)gmtime_r(&now.tv_sec, &tm);
        (void)strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return worker->date;
}

/* Stops or resumes reading from the client. */
static void conn_throttle(struct cpsd_conn *conn, bool on)
{
    if (conn->throttled != on && !conn->dead) {
        conn->throttled = on;
        (void)lws_rx_flow_control(conn->wsi, !on);
    }
}

/* After the last answer: tells the client that nothing more comes, and gives it time to read. Closing at once, while
 * input of the client is unread, would reset the connection and could destroy the answer on its way (RFC 9112 9.6). */
static void conn_start_linger(struct cpsd_conn *conn)
{
    cpsd_conn_set_state(conn, CPSD_CONN_LINGER);
    free(conn->in);
    conn->in = NULL;
    conn->in_len = conn->in_cap = 0;
    conn_throttle(conn, false); /* input is read and dropped */
    if (!conn->dead) {
        lws_callback_on_writable(conn->wsi);
    }
}

/* Ends our side of the connection once all output was taken. */
static void conn_shut_output(struct cpsd_conn *conn)
{
    if (cpsd_conn_has_output(conn)) {
        lws_callback_on_writable(conn->wsi);
        return;
    }
    SSL *ssl = lws_get_ssl(conn->wsi);
    if (ssl) {
        (void)SSL_shutdown(ssl);
    }
    (void)shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR);
}

/* ---- requests ---- */

/* Returns a request from the worker's pool or a new one, not cleared; NULL: out of memory. */
static struct cpsd_request *request_pool_take(struct cpsd_worker *worker)
{
    struct cpsd_request *request = worker->free_requests;
    if (request) {
        worker->free_requests = request->answer_arg;
    } else {
        request = malloc(sizeof(*request));
    }
    return request;
}

static void request_pool_give(struct cpsd_worker *worker, struct cpsd_request *request)
{
    request->answer_arg = worker->free_requests;
    worker->free_requests = request;
}

void cpsd_request_pool_clear(struct cpsd_worker *worker)
{
    for (struct cpsd_request *request; (request = worker->free_requests);) {
        worker->free_requests = request->answer_arg;
        free(request);
    }
}

/* The client has taken the answer: looks at its next request, or ends the connection. */
static void conn_next_request(struct cpsd_conn *conn)
{
    assert(!conn->request);
    if (!conn->keep_alive) {
        conn_start_linger(conn);
        return;
    }
    cpsd_conn_set_state(conn, CPSD_CONN_IDLE);
    conn_throttle(conn, false);
    if (!conn->processing && conn->in_len) {
        conn_process_input(conn);
    }
}

/* The handler has answered. If the socket did not take the whole answer, the next request waits until it has: otherwise
 * a client that sends requests and does not read would fill the memory with answers. */
static void conn_after_answer(struct cpsd_conn *conn)
{
    assert(conn->request);
    conn->request = NULL;
    if (conn->dead) {
        return;
    }
    if (cpsd_conn_has_output(conn)) {
        conn->taken = cpsd_conn_taken(conn);
        cpsd_conn_bound_output(conn->worker); /* at the cost of others: this one is not FLUSHING yet */
        cpsd_conn_set_state(conn, CPSD_CONN_FLUSHING);
        conn_throttle(conn, true);
        lws_callback_on_writable(conn->wsi);
        return;
    }
    conn_next_request(conn);
}

/* Asks the handler for the next part of a stream once the client has taken the last one. */
static void conn_stream_written(struct cpsd_conn *conn)
{
    if (cpsd_conn_has_output(conn)) {
        lws_callback_on_writable(conn->wsi);
    } else if (conn->request->drained) {
        conn->request->drained(conn->request);
    }
}

/* The socket can be written again: libwebsockets has written what it kept. */
static void conn_written(struct cpsd_conn *conn)
{
    cpsd_conn_output_resume(conn);
    if (conn->dead) {
        return;
    }
    if (conn->state == CPSD_CONN_LINGER) {
        conn_shut_output(conn);
    } else if (conn->state == CPSD_CONN_FLUSHING && cpsd_conn_has_output(conn)) {
        lws_callback_on_writable(conn->wsi);
    } else if (conn->state == CPSD_CONN_FLUSHING) {
        conn_next_request(conn);
    } else if (conn->request && conn->request->streaming) {
        conn_stream_written(conn);
    }
}

/* request->answer: every handler calls this once. */
static void conn_answer(struct cpsd_request *request, const struct cpsd_response *response)
{
    struct cpsd_conn *conn = request->answer_arg;
    struct cpsd_service *service = request->service;
    struct cpsd_worker *worker = (struct cpsd_worker *)((char *)service - offsetof(struct cpsd_worker, service));
    uint64_t us = (uv_hrtime() - request->started_ns) / 1000;
    assert(!conn || conn->request == request);
    cpsd_metrics_request(&worker->metrics, request->route_id, response->status, us);
    if (service->config->log_access) {
        cpsd_access_log(worker, request, response->status, us);
    }
    /* conn is NULL if the client has gone. A stream has had its head already, and ends with the connection. */
    if (conn && request->streaming) {
        conn->keep_alive = false;
    } else if (conn) {
        conn->keep_alive &= !worker->stopping;
        cpsd_conn_output_begin(worker);
        cpsd_http_format(&worker->out, response, conn_date(worker), conn->keep_alive, conn->head_only);
        cpsd_conn_output_send(conn);
    }
    /* the request goes back to the pool before the next one is taken out of it */
    cpsd_auth_release(request);
    cpsd_caller_clear(&request->caller);
    request_pool_give(worker, request);
    if (conn) {
        conn_after_answer(conn);
    }
}

static void conn_stream_send(struct cpsd_request *request, struct stir_view octets)
{
    struct cpsd_conn *conn = request->answer_arg;
    if (conn && !conn->dead) {
        cpsd_conn_output_begin(conn->worker);
        stir_buf_put(&conn->worker->out, octets.ptr, octets.len);
        cpsd_conn_output_send(conn);
    }
}

static void conn_stream_begin(struct cpsd_request *request, const struct cpsd_response *head)
{
    struct cpsd_conn *conn = request->answer_arg;
    struct cpsd_response response = *head;
    assert(!request->streaming);
    response.stream = true;
    request->streaming = true;
    if (conn && !conn->dead) {
        cpsd_conn_output_begin(conn->worker);
        cpsd_http_format(&conn->worker->out, &response, conn_date(conn->worker), false, false);
        cpsd_conn_output_send(conn);
    }
}

static bool conn_stream_blocked(const struct cpsd_request *request)
{
    const struct cpsd_conn *conn = request->answer_arg;
    return conn && !conn->dead && cpsd_conn_has_output(conn);
}

static const struct cpsd_stream conn_stream = {.begin = conn_stream_begin,
                                               .send = conn_stream_send,
                                               .blocked = conn_stream_blocked};

/* Returns the certificate that the client showed, NULL if it showed none. Behind a trusted proxy ([server] edge) the
 * proxy's header fields say which, and what the client's address is. */
static struct cpsd_client_cert *conn_client_cert(struct cpsd_conn *conn, struct cpsd_request *request)
{
    struct cpsd_worker *worker = conn->worker;
    const struct stir_view *fields = request->fields;
    SSL *ssl = conn->tls && !conn->client_cert_read ? lws_get_ssl(conn->wsi) : NULL;
    if (ssl) {
        cpsd_tls_client_read(&conn->client_cert, ssl);
        conn->client_cert_read = true;
    }
    if (conn->plain && worker->service.config->edge) {
        struct in6_addr client = in6addr_any; /* the proxy's address is not the client's */
        (void)cpsd_proxy_headers_address(&client, fields[CPSD_FORWARDED], fields[CPSD_X_FORWARDED_FOR]);
        request->caller.address = client;
        return cpsd_proxy_headers_cert(worker->proxy_headers, fields[CPSD_CLIENT_CERT], fields[CPSD_CLIENT_CERT_CHAIN]);
    }
    return cpsd_client_cert_is_there(&conn->client_cert) ? &conn->client_cert : NULL;
}

/* Joins list fields that came on several lines (RFC 9110 5.3) into room[CPSD_HTTP_JOINED]. */
static void conn_join_fields(struct cpsd_request *request, const struct cpsd_http *http, const char *octets, char *room)
{
    size_t used = 0;
    for (size_t i = 0; http->repeated && i < CPSD_FIELD_COUNT; i++) {
        if (http->repeated & 1u << i) {
            size_t n = cpsd_http_join(http, octets, (enum cpsd_field)i, room + used);
            request->fields[i] = stir_view(room + used, n);
            used += n;
        }
    }
}

/* Fills in a request from the octets of a complete one and hands it to its handler, which may answer at once. */
static void conn_start_request(struct cpsd_conn *conn, const char *octets)
{
    const struct cpsd_http *http = &conn->http;
    struct cpsd_worker *worker = conn->worker;
    assert(!conn->request && !conn->dead); /* one request at a time, in order */
    struct cpsd_request *request = request_pool_take(worker);
    char joined[CPSD_HTTP_JOINED]; /* handlers read fields only until cpsd_dispatch returns */
    if (!request) {
        cpsd_conn_kill(conn);
        return;
    }
    /* views into the octets: a handler that answers later copies what it needs */
    memset(request, 0, sizeof(*request));
    request->method = http->method;
    request->path = cpsd_http_view(octets, http->path);
    request->query = cpsd_http_view(octets, http->query);
    request->body = stir_view(octets + http->head_len, http->body_len);
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        request->fields[i] = cpsd_http_view(octets, http->fields[i]);
    }
    conn_join_fields(request, http, octets, joined);
    cpsd_caller_copy(&request->caller, &conn->caller);
    request->client_cert = conn_client_cert(conn, request);
    request->service = &worker->service;
    request->started_ns = uv_hrtime();
    request->stream = &conn_stream;
    request->answer = conn_answer;
    request->answer_arg = conn;
    /* the connection is BUSY before the handler runs, as the handler may answer at once */
    conn->keep_alive = http->keep_alive;
    conn->head_only = http->method == CPSD_HEAD;
    conn->request = request;
    cpsd_conn_set_state(conn, CPSD_CONN_BUSY);
    cpsd_dispatch(request);
    /* While the request is being answered nothing is read: libwebsockets would close the connection of a client that
     * has shut down its side, and such a client still gets its answer. */
    if (conn->request) {
        conn_throttle(conn, true);
    }
}

void cpsd_conn_refuse(struct cpsd_conn *conn, int status, const char *reason)
{
    struct cpsd_worker *worker = conn->worker;
    struct stir_buf body = {.limit = 1024};
    cpsd_problem_body(&body, status, cpsd_http_reason(status), reason);
    struct cpsd_response response = {.status = status, .content_type = "application/problem+json"};
    response.body = stir_view(body.ptr, body.len);
    cpsd_metrics_request(&worker->metrics, CPSD_ROUTE_OTHER, status, 0);
    cpsd_conn_output_begin(worker);
    cpsd_http_format(&worker->out, &response, conn_date(worker), false, false);
    cpsd_conn_output_send(conn);
    stir_buf_free(&body);
    conn->keep_alive = false;
    conn_start_linger(conn);
}

/* Sends "100 Continue" once if the client waits for it before it sends the body (RFC 9110 10.1.1). */
static void conn_answer_continue(struct cpsd_conn *conn)
{
    if (conn->http.expect_continue && !conn->continued) {
        conn->continued = true;
        cpsd_conn_output_begin(conn->worker);
        stir_buf_puts(&conn->worker->out, "HTTP/1.1 100 Continue\r\n\r\n");
        cpsd_conn_output_send(conn);
    }
}

/* ---- input ---- */

static bool conn_takes_requests(const struct cpsd_conn *conn)
{
    return conn->state == CPSD_CONN_HANDSHAKE || conn->state == CPSD_CONN_IDLE || conn->state == CPSD_CONN_READING;
}

/* Takes complete requests off the front of octets, until one is being answered or the rest is incomplete. Returns the
 * number of octets used. */
static size_t conn_consume(struct cpsd_conn *conn, const char *octets, size_t len)
{
    struct cpsd_http_limits limits = conn_http_limits(conn->worker);
    size_t used = 0;
    /* an answer that is given at once must not start on the next request from within the first */
    conn->processing = true;
    while (!conn->dead && conn_takes_requests(conn) && used < len) {
        cpsd_conn_set_state(conn, CPSD_CONN_READING);
        enum cpsd_http_state state = cpsd_http_feed(&conn->http, octets + used, len - used, &limits);
        if (state == CPSD_HTTP_BAD) {
            cpsd_conn_refuse(conn, conn->http.status, conn->http.reason);
        } else if (state == CPSD_HTTP_READY) {
            size_t total = (size_t)conn->http.head_len + conn->http.body_len;
            conn_start_request(conn, octets + used);
            used += total;
            conn->http = (struct cpsd_http){0};
            conn->continued = false;
        } else {
            if (state == CPSD_HTTP_BODY) {
                conn_answer_continue(conn);
            }
            break;
        }
    }
    conn->processing = false;
    return used;
}

/* Keeps octets for later. Returns false without memory. */
static bool conn_save_input(struct cpsd_conn *conn, const char *octets, size_t len)
{
    if (conn->in_cap - conn->in_len < len) {
        size_t cap = (conn->in_len + len + 4095) & ~(size_t)4095;
        char *in = realloc(conn->in, cap);
        if (!in) {
            return false;
        }
        conn->in = in;
        conn->in_cap = cap;
    }
    memcpy(conn->in + conn->in_len, octets, len);
    conn->in_len += len;
    return true;
}

/* Looks at the octets that were kept, and keeps what is left of them. */
static void conn_process_input(struct cpsd_conn *conn)
{
    size_t used = conn_consume(conn, conn->in, conn->in_len);
    if (conn->state == CPSD_CONN_LINGER) {
        return;
    }
    conn->in_len -= used;
    if (conn->in_len == 0) {
        free(conn->in);
        conn->in = NULL;
        conn->in_cap = 0;
    } else if (used && conn->in) {
        memmove(conn->in, conn->in + used, conn->in_len);
    }
}

/* Octets came from the client. */
static void conn_received(struct cpsd_conn *conn, const char *octets, size_t len)
{
    if (conn->dead || conn->state == CPSD_CONN_LINGER) {
        return;
    }
    /* the first octets of the request show that the handshake is finished */
    if (conn->state == CPSD_CONN_HANDSHAKE) {
        lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
        cpsd_handshake_end(conn);
    }
    /* the usual case: complete requests straight out of libwebsockets' buffer, without a copy */
    size_t used = conn->in_len == 0 ? conn_consume(conn, octets, len) : 0;
    if (conn->dead || conn->state == CPSD_CONN_LINGER || used == len) {
        return;
    }
    bool waited = conn->in_len != 0;
    if (!conn_save_input(conn, octets + used, len - used)) {
        cpsd_conn_kill(conn);
        return;
    }
    if (waited && conn_takes_requests(conn)) {
        conn_process_input(conn);
    }
}

/* ---- adoption ---- */

/* Fills in the address of the client, IPv4 mapped; all zeros for a unix socket. */
static void conn_read_peer(struct cpsd_conn *conn)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    if (getpeername(lws_get_socket_fd(conn->wsi), (struct sockaddr *)&peer, &len) != 0) {
        return;
    }
    conn->local_socket = peer.ss_family == AF_UNIX;
    if (peer.ss_family == AF_INET6) {
        conn->caller.address = ((const struct sockaddr_in6 *)(const void *)&peer)->sin6_addr;
    } else if (peer.ss_family == AF_INET) {
        conn->caller.address.s6_addr[10] = conn->caller.address.s6_addr[11] = 0xff;
        memcpy(&conn->caller.address.s6_addr[12], &((const struct sockaddr_in *)(const void *)&peer)->sin_addr, 4);
    }
}

/* A new connection. Returns false if its network has too many connections, or too many handshakes in progress. */
static bool conn_adopted(struct cpsd_conn *conn, struct lws *wsi)
{
    const struct cpsd_listener *listener = lws_get_opaque_user_data(wsi);
    *conn = (struct cpsd_conn){.wsi = wsi, .worker = listener->worker};
    conn->tls = listener->tls;
    conn->plain = !listener->tls && !listener->local;
    conn->caller.kind = listener->local ? CPSD_LOCAL : CPSD_ANYBODY;
    conn_read_peer(conn);
    cpsd_conn_link(conn, listener->tls ? CPSD_CONN_HANDSHAKE : CPSD_CONN_IDLE);
    conn->worker->conn_count++;
    cpsd_count(&conn->worker->metrics.connections, 1);
    cpsd_count(&conn->worker->metrics.connections_total, 1);
    const struct cpsd_config *config = conn->worker->service.config;
    /* a proxy's connections carry all of its clients, and the admin listener has few: neither is limited */
    bool of_edge = conn->plain && config->edge;
    uint64_t most = listener->local || of_edge ? 0 : (uint64_t)config->connections_by_address;
    conn->counted = cpsd_conn_limit_acquire(conn->worker->service.conn_limit, &conn->caller.address, most);
    if (!conn->counted) {
        cpsd_count(&conn->worker->metrics.connections_refused, 1);
    }
    return conn->counted && (!conn->tls || cpsd_handshake_begin(conn));
}

int cpsd_conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct cpsd_conn *conn = user;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_ADOPT:
        return conn_adopted(conn, wsi) ? 0 : -1;
    case LWS_CALLBACK_RAW_RX:
        conn_received(conn, in, len);
        return conn->dead ? -1 : 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
        if (!conn->dead) {
            conn_written(conn);
        }
        return conn->dead ? -1 : 0;
    case LWS_CALLBACK_RAW_CLOSE:
        if (conn && conn->wsi) {
            cpsd_conn_closed(conn);
        }
        return 0;
    default:
        return 0;
    }
}
