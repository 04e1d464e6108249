#include "cps/api/routes.h"
#include "cps/auth/conn_limit.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"
#include "cps/server/server_internal.h"
#include "cps/server/tcp_progress.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * A connection's life. libwebsockets moves octets and does TLS (its raw role); requests are cut out of the octets by
 * cps/http, one at a time and in order. A short answer is one write. Of a long one libwebsockets, which does not say
 * how much it still has, gets a part at a time, so that the output that is held can be counted and its progress
 * measured.
 */
#define WHOLE_WRITE 32768 /* octets: an answer up to this length is one write */
#define PART_TCP 16384    /* of a longer one: a TLS record */
#define PART_UNIX 4096    /* the kernel counts what was read of a unix socket by whole writes */
#define PARTS_AT_ONCE 16  /* then other connections get their turn */

static void process_input(struct cpsd_conn *conn);

static struct cpsd_http_limits limits_of(const struct cpsd_worker *worker)
{
    const struct cpsd_config *config = worker->service.config;
    return (struct cpsd_http_limits){.head_bytes = (uint32_t)config->max_head_bytes,
                                     .body_bytes = (uint32_t)config->max_body_bytes,
                                     .fields = 64};
}

/* ---- lists by state, oldest first: what is too old stands at the head ---- */

static void unlink_conn(struct cpsd_conn *conn)
{
    struct cpsd_conn_list *list = &conn->worker->conns[conn->state];
    assert(conn->prev ? conn->prev->next == conn : list->first == conn);
    assert(conn->next ? conn->next->prev == conn : list->last == conn);
    *(conn->prev ? &conn->prev->next : &list->first) = conn->next;
    *(conn->next ? &conn->next->prev : &list->last) = conn->prev;
}

static void link_conn(struct cpsd_conn *conn, enum cpsd_conn_state state)
{
    struct cpsd_conn_list *list = &conn->worker->conns[state];
    conn->state = state;
    conn->since_ms = uv_now(&conn->worker->loop);
    conn->next = NULL;
    conn->prev = list->last;
    *(list->last ? &list->last->next : &list->first) = conn;
    list->last = conn;
}

void cpsd_conn_move(struct cpsd_conn *conn, enum cpsd_conn_state state)
{
    unlink_conn(conn);
    link_conn(conn, state);
}

static void set_state(struct cpsd_conn *conn, enum cpsd_conn_state state)
{
    if (conn->state != state) {
        cpsd_conn_move(conn, state);
    }
}

/* Closes soon, not here: callers still hold the connection. A socket that never becomes writable is left to the tick.
 */
static void kill_conn(struct cpsd_conn *conn)
{
    if (!conn->dead) {
        conn->dead = true;
        set_state(conn, CPSD_CONN_LINGER);
        lws_callback_on_writable(conn->wsi);
    }
}

static void closed(struct cpsd_conn *conn);

/* Closes at once: from timers and commands only, where nobody else holds the connection. (LWS_TO_KILL_ASYNC would wait
 * for libwebsockets' own timer, which a foreign loop does not wake.) For us it is gone when this returns; libwebsockets
 * may still want to flush what a stuck client did not read, and gives up because the socket is shut. */
void cpsd_conn_close(struct cpsd_conn *conn)
{
    struct lws *wsi = conn->wsi;
    closed(conn);
    (void)shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

/* ---- writing ---- */

static const char *date_now(struct cpsd_worker *worker)
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

static void begin_output(struct cpsd_worker *worker)
{
    worker->out.len = 0;
    (void)stir_buf_extend(&worker->out, LWS_PRE);
}

/* True while the client has not taken all output: libwebsockets or the connection holds some. */
static bool has_output(const struct cpsd_conn *conn)
{
    return conn->out || lws_partial_buffered(conn->wsi);
}

static void count_held(struct cpsd_conn *conn, size_t held)
{
    conn->worker->held += held - conn->held;
    conn->held = held;
}

static void free_output(struct cpsd_conn *conn)
{
    free(conn->out);
    conn->out = NULL;
    conn->out_len = conn->out_at = 0;
}

/* What of the output is held now; what libwebsockets got last counts whole while it has some of it. */
static void update_held(struct cpsd_conn *conn)
{
    count_held(conn, conn->out_len - conn->out_at + (lws_partial_buffered(conn->wsi) ? conn->last_write : 0));
}

/* libwebsockets keeps what the socket does not take and writes it by itself. */
static void write_part(struct cpsd_conn *conn, char *octets, size_t len)
{
    conn->last_write = len;
    conn->handed += len;
    if (!conn->dead && lws_write(conn->wsi, (unsigned char *)octets, len, LWS_WRITE_RAW) < (int)len) {
        kill_conn(conn);
    }
}

/* Writes parts of `octets` from `at` on as long as the socket takes them. Returns where it stopped. */
static size_t write_parts(struct cpsd_conn *conn, char *octets, size_t at, size_t len)
{
    size_t most = conn->local_socket ? PART_UNIX : PART_TCP;
    for (int i = 0; i < PARTS_AT_ONCE && at < len && !conn->dead && !lws_partial_buffered(conn->wsi); i++) {
        size_t n = len - at < most ? len - at : most;
        write_part(conn, octets + at, n);
        at += n;
    }
    return at;
}

/* Keeps output for later, after what waits already. */
static void save_output(struct cpsd_conn *conn, const char *octets, size_t len)
{
    size_t left = conn->out_len - conn->out_at;
    char *out = malloc(LWS_PRE + left + len);
    if (!out) {
        kill_conn(conn);
        return;
    }
    if (left) {
        memcpy(out + LWS_PRE, conn->out + LWS_PRE + conn->out_at, left);
    }
    memcpy(out + LWS_PRE + left, octets, len);
    free_output(conn);
    conn->out = out;
    conn->out_len = left + len;
}

static void write_output(struct cpsd_conn *conn)
{
    struct stir_buf *out = &conn->worker->out;
    if (stir_buf_state(out) != STIR_OK) {
        stir_buf_free(out); /* a failure sticks: the next response starts anew */
        kill_conn(conn);
        return;
    }
    char *octets = out->ptr + LWS_PRE;
    size_t len = out->len - LWS_PRE, at = 0;
    if (conn->dead) {
        return;
    }
    if (!has_output(conn) && len <= WHOLE_WRITE) {
        write_part(conn, octets, len);
        at = len;
    } else if (!has_output(conn)) {
        at = write_parts(conn, octets, 0, len);
    }
    if (at < len && !conn->dead) {
        save_output(conn, octets + at, len - at);
    }
    if (has_output(conn)) {
        lws_callback_on_writable(conn->wsi);
    }
    update_held(conn);
}

/* Hands libwebsockets the next parts of what waits. */
static void write_more(struct cpsd_conn *conn)
{
    if (conn->out) {
        conn->out_at = write_parts(conn, conn->out + LWS_PRE, conn->out_at, conn->out_len);
        if (conn->out_at == conn->out_len) {
            free_output(conn);
        }
    }
    update_held(conn);
}

int64_t cpsd_conn_taken(const struct cpsd_conn *conn)
{
    int fd = lws_get_socket_fd(conn->wsi);
    return conn->local_socket ? (int64_t)conn->handed - (int64_t)cpsd_octets_queued(fd)
                              : (int64_t)cpsd_octets_acked(fd);
}

static void throttle(struct cpsd_conn *conn, bool on)
{
    if (conn->throttled != on && !conn->dead) {
        conn->throttled = on;
        (void)lws_rx_flow_control(conn->wsi, !on);
    }
}

/* After the last answer: the client is told that nothing more comes, and may read in peace before we close. Closing at
 * once, with its octets unread, would reset the connection and could take the answer with it. */
static void start_linger(struct cpsd_conn *conn)
{
    set_state(conn, CPSD_CONN_LINGER);
    free(conn->in);
    conn->in = NULL;
    conn->in_len = conn->in_cap = 0;
    throttle(conn, false); /* what comes is read and dropped */
    if (!conn->dead) {
        lws_callback_on_writable(conn->wsi);
    }
}

static void shut_output(struct cpsd_conn *conn)
{
    if (has_output(conn)) {
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

static struct cpsd_request *take_request(struct cpsd_worker *worker)
{
    struct cpsd_request *request = worker->free_requests;
    if (request) {
        worker->free_requests = request->answer_arg;
    } else {
        request = malloc(sizeof(*request));
    }
    return request;
}

static void give_request(struct cpsd_worker *worker, struct cpsd_request *request)
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

/* The answer is out: on to the next request. */
static void answered(struct cpsd_conn *conn)
{
    assert(!conn->request);
    if (!conn->keep_alive) {
        start_linger(conn);
        return;
    }
    set_state(conn, CPSD_CONN_IDLE);
    throttle(conn, false);
    if (!conn->processing && conn->in_len) {
        process_input(conn);
    }
}

/* An answer that the socket did not take whole has to leave before the next request is looked at: otherwise a client
 * who asks and does not read would fill the memory with answers. */
static void after_answer(struct cpsd_conn *conn)
{
    assert(conn->request);
    conn->request = NULL;
    if (conn->dead) {
        return;
    }
    if (has_output(conn)) {
        conn->taken = cpsd_conn_taken(conn);
        cpsd_conn_bound_output(conn->worker); /* at the cost of others: this one is not FLUSHING yet */
        set_state(conn, CPSD_CONN_FLUSHING);
        throttle(conn, true);
        lws_callback_on_writable(conn->wsi);
        return;
    }
    answered(conn);
}

/* The next part of a stream, when there is room for it. */
static void stream_written(struct cpsd_conn *conn)
{
    if (has_output(conn)) {
        lws_callback_on_writable(conn->wsi);
    } else if (conn->request->drained) {
        conn->request->drained(conn->request);
    }
}

/* libwebsockets has handed on what it kept. */
static void written(struct cpsd_conn *conn)
{
    write_more(conn);
    if (conn->dead) {
        return;
    }
    if (conn->state == CPSD_CONN_LINGER) {
        shut_output(conn);
    } else if (conn->state == CPSD_CONN_FLUSHING && has_output(conn)) {
        lws_callback_on_writable(conn->wsi);
    } else if (conn->state == CPSD_CONN_FLUSHING) {
        answered(conn);
    } else if (conn->request && conn->request->streaming) {
        stream_written(conn);
    }
}

/* The completion that handlers call. */
static void answer(struct cpsd_request *request, const struct cpsd_response *response)
{
    struct cpsd_conn *conn = request->answer_arg;
    struct cpsd_service *service = request->service;
    struct cpsd_worker *worker = (struct cpsd_worker *)((char *)service - offsetof(struct cpsd_worker, service));
    uint64_t us = (uv_hrtime() - request->started_ns) / 1000;
    cpsd_metrics_request(&worker->metrics, request->route_id, response->status, us);
    if (service->config->log_access) {
        cpsd_access_log(worker, request, response->status, us);
    }
    if (conn && request->streaming) {
        conn->keep_alive = false;
    } else if (conn) {
        conn->keep_alive &= !worker->stopping;
        begin_output(worker);
        cpsd_http_format(&worker->out, response, date_now(worker), conn->keep_alive, conn->head_only);
        write_output(conn);
    }
    cpsd_auth_release(request);
    cpsd_caller_clear(&request->caller);
    give_request(worker, request);
    if (conn) {
        after_answer(conn);
    }
}

static void stream_send(struct cpsd_request *request, struct stir_view octets)
{
    struct cpsd_conn *conn = request->answer_arg;
    if (conn && !conn->dead) {
        begin_output(conn->worker);
        stir_buf_put(&conn->worker->out, octets.ptr, octets.len);
        write_output(conn);
    }
}

static void stream_begin(struct cpsd_request *request, const struct cpsd_response *head)
{
    struct cpsd_conn *conn = request->answer_arg;
    struct cpsd_response response = *head;
    assert(!request->streaming);
    response.stream = true;
    request->streaming = true;
    if (conn && !conn->dead) {
        begin_output(conn->worker);
        cpsd_http_format(&conn->worker->out, &response, date_now(conn->worker), false, false);
        write_output(conn);
    }
}

static bool stream_blocked(const struct cpsd_request *request)
{
    const struct cpsd_conn *conn = request->answer_arg;
    return conn && !conn->dead && has_output(conn);
}

static const struct cpsd_stream stream = {.begin = stream_begin, .send = stream_send, .blocked = stream_blocked};

/* The certificate that the client showed, and, where an edge says it, the client's address. NULL: it showed none. */
static struct cpsd_client_cert *cert_of(struct cpsd_conn *conn, struct cpsd_request *request)
{
    struct cpsd_worker *worker = conn->worker;
    const struct stir_view *fields = request->fields;
    SSL *ssl = conn->tls && !conn->client_cert_read ? lws_get_ssl(conn->wsi) : NULL;
    if (ssl) {
        cpsd_tls_client_read(&conn->client_cert, ssl);
        conn->client_cert_read = true;
    }
    if (conn->plain && worker->service.config->edge) {
        struct in6_addr client = in6addr_any; /* the edge's own address says nothing of the client */
        (void)cpsd_proxy_headers_address(&client, fields[CPSD_FORWARDED], fields[CPSD_X_FORWARDED_FOR]);
        request->caller.address = client;
        return cpsd_proxy_headers_cert(worker->proxy_headers, fields[CPSD_CLIENT_CERT], fields[CPSD_CLIENT_CERT_CHAIN]);
    }
    return cpsd_client_cert_is_there(&conn->client_cert) ? &conn->client_cert : NULL;
}

/* Joins list fields that came on several lines, into room[CPSD_HTTP_JOINED]. */
static void join_fields(struct cpsd_request *request, const struct cpsd_http *http, const char *octets, char *room)
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

static void start_request(struct cpsd_conn *conn, const char *octets)
{
    const struct cpsd_http *http = &conn->http;
    struct cpsd_worker *worker = conn->worker;
    assert(!conn->request && !conn->dead); /* one request at a time, in order */
    struct cpsd_request *request = take_request(worker);
    char joined[CPSD_HTTP_JOINED]; /* as long as the handler may read fields */
    if (!request) {
        kill_conn(conn);
        return;
    }
    memset(request, 0, sizeof(*request));
    request->method = http->method;
    request->path = cpsd_http_view(octets, http->path);
    request->query = cpsd_http_view(octets, http->query);
    request->body = stir_view(octets + http->head_len, http->body_len);
    for (size_t i = 0; i < CPSD_FIELD_COUNT; i++) {
        request->fields[i] = cpsd_http_view(octets, http->fields[i]);
    }
    join_fields(request, http, octets, joined);
    cpsd_caller_copy(&request->caller, &conn->caller);
    request->client_cert = cert_of(conn, request);
    request->service = &worker->service;
    request->started_ns = uv_hrtime();
    request->stream = &stream;
    request->answer = answer;
    request->answer_arg = conn;
    conn->keep_alive = http->keep_alive;
    conn->head_only = http->method == CPSD_HEAD;
    conn->request = request;
    set_state(conn, CPSD_CONN_BUSY);
    cpsd_dispatch(request);
    /* libwebsockets closes a connection whose end it reads: a client may shut its side down and still gets its answer
     */
    if (conn->request) {
        throttle(conn, true);
    }
}

/* Answers what is not a request, or not one to go on after. */
void cpsd_conn_refuse(struct cpsd_conn *conn, int status, const char *reason)
{
    struct cpsd_worker *worker = conn->worker;
    struct stir_buf body = {.limit = 1024};
    cpsd_problem_body(&body, status, cpsd_http_reason(status), reason);
    struct cpsd_response response = {.status = status, .content_type = "application/problem+json"};
    response.body = stir_view(body.ptr, body.len);
    cpsd_metrics_request(&worker->metrics, CPSD_ROUTE_OTHER, status, 0);
    begin_output(worker);
    cpsd_http_format(&worker->out, &response, date_now(worker), false, false);
    write_output(conn);
    stir_buf_free(&body);
    conn->keep_alive = false;
    start_linger(conn);
}

static void answer_continue(struct cpsd_conn *conn)
{
    if (conn->http.expect_continue && !conn->continued) {
        conn->continued = true;
        begin_output(conn->worker);
        stir_buf_puts(&conn->worker->out, "HTTP/1.1 100 Continue\r\n\r\n");
        write_output(conn);
    }
}

/* ---- input ---- */

static bool takes_requests(const struct cpsd_conn *conn)
{
    return conn->state == CPSD_CONN_HANDSHAKE || conn->state == CPSD_CONN_IDLE || conn->state == CPSD_CONN_READING;
}

/* Takes requests off the front of octets while there are whole ones and none is being answered. Returns how many octets
 * were used. */
static size_t consume(struct cpsd_conn *conn, const char *octets, size_t len)
{
    struct cpsd_http_limits limits = limits_of(conn->worker);
    size_t used = 0;
    conn->processing = true;
    while (!conn->dead && takes_requests(conn) && used < len) {
        set_state(conn, CPSD_CONN_READING);
        enum cpsd_http_state state = cpsd_http_feed(&conn->http, octets + used, len - used, &limits);
        if (state == CPSD_HTTP_BAD) {
            cpsd_conn_refuse(conn, conn->http.status, conn->http.reason);
        } else if (state == CPSD_HTTP_READY) {
            size_t total = (size_t)conn->http.head_len + conn->http.body_len;
            start_request(conn, octets + used);
            used += total;
            conn->http = (struct cpsd_http){0};
            conn->continued = false;
        } else {
            if (state == CPSD_HTTP_BODY) {
                answer_continue(conn);
            }
            break;
        }
    }
    conn->processing = false;
    return used;
}

/* Keeps octets for later. */
static bool save_input(struct cpsd_conn *conn, const char *octets, size_t len)
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

static void process_input(struct cpsd_conn *conn)
{
    size_t used = consume(conn, conn->in, conn->in_len);
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

static void received(struct cpsd_conn *conn, const char *octets, size_t len)
{
    if (conn->dead || conn->state == CPSD_CONN_LINGER) {
        return;
    }
    if (conn->state == CPSD_CONN_HANDSHAKE) {
        lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
        cpsd_handshake_end(conn);
    }
    /* the usual case: whole requests straight out of libwebsockets' buffer, no copy */
    size_t used = conn->in_len == 0 ? consume(conn, octets, len) : 0;
    if (conn->dead || conn->state == CPSD_CONN_LINGER || used == len) {
        return;
    }
    bool waited = conn->in_len != 0;
    if (!save_input(conn, octets + used, len - used)) {
        kill_conn(conn);
        return;
    }
    if (waited && takes_requests(conn)) {
        process_input(conn);
    }
}

/* ---- coming and going ---- */

/* False: there are too many connections, or handshakes in progress, from its network. */
static bool adopted(struct cpsd_conn *conn, struct lws *wsi)
{
    const struct cpsd_listener *listener = lws_get_opaque_user_data(wsi);
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);
    *conn = (struct cpsd_conn){.wsi = wsi, .worker = listener->worker};
    conn->tls = listener->tls;
    conn->plain = !listener->tls && !listener->local;
    conn->caller.kind = listener->local ? CPSD_LOCAL : CPSD_ANYBODY;
    if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&peer, &len) == 0) {
        conn->local_socket = peer.ss_family == AF_UNIX;
        if (peer.ss_family == AF_INET6) {
            conn->caller.address = ((const struct sockaddr_in6 *)(const void *)&peer)->sin6_addr;
        } else if (peer.ss_family == AF_INET) {
            conn->caller.address.s6_addr[10] = conn->caller.address.s6_addr[11] = 0xff;
            memcpy(&conn->caller.address.s6_addr[12], &((const struct sockaddr_in *)(const void *)&peer)->sin_addr, 4);
        }
    }
    link_conn(conn, listener->tls ? CPSD_CONN_HANDSHAKE : CPSD_CONN_IDLE);
    conn->worker->conn_count++;
    cpsd_count(&conn->worker->metrics.connections, 1);
    cpsd_count(&conn->worker->metrics.connections_total, 1);
    const struct cpsd_config *config = conn->worker->service.config;
    bool of_edge = conn->plain && config->edge; /* of all its clients together */
    uint64_t most = listener->local || of_edge ? 0 : (uint64_t)config->connections_by_address;
    conn->counted = cpsd_conn_limit_acquire(conn->worker->service.conn_limit, &conn->caller.address, most);
    if (!conn->counted) {
        cpsd_count(&conn->worker->metrics.connections_refused, 1);
    }
    return conn->counted && (!conn->tls || cpsd_handshake_begin(conn));
}

static void closed(struct cpsd_conn *conn)
{
    struct cpsd_request *request = conn->request;
    unlink_conn(conn);
    conn->wsi = NULL;
    conn->dead = true;
    conn->worker->conn_count--;
    cpsd_handshake_end(conn);
    cpsd_uncount(&conn->worker->metrics.connections);
    free(conn->in);
    conn->in = NULL;
    conn->in_len = 0;
    free_output(conn);
    count_held(conn, 0);
    if (conn->counted) {
        cpsd_conn_limit_release(conn->worker->service.conn_limit, &conn->caller.address);
    }
    cpsd_caller_clear(&conn->caller);
    cpsd_client_cert_clear(&conn->client_cert);
    if (request) {
        request->answer_arg = NULL; /* answered to nobody */
        if (request->hurry) {
            request->hurry(request);
        }
    }
}

int cpsd_conn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct cpsd_conn *conn = user;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_ADOPT:
        return adopted(conn, wsi) ? 0 : -1;
    case LWS_CALLBACK_RAW_RX:
        received(conn, in, len);
        return conn->dead ? -1 : 0;
    case LWS_CALLBACK_RAW_WRITEABLE:
        if (!conn->dead) {
            written(conn);
        }
        return conn->dead ? -1 : 0;
    case LWS_CALLBACK_RAW_CLOSE:
        if (conn && conn->wsi) {
            closed(conn);
        }
        return 0;
    default:
        return 0;
    }
}
