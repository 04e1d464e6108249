/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/admin.h"

#include "client/sidecar/server/sidecar_internal.h"
#include "common/jose/json.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENTS_MAX = 32,
    REQUEST_MAX = 4096, /* maximum size of a request in octets */
    REQUEST_MS = 5000,  /* time for request and answer together */
};

struct sc_admin {
    struct sc_sidecar *sidecar;
    uv_tcp_t tcps[STIR_LISTEN_ADDRESSES_MAX];
    size_t tcp_count, open_listeners;
    size_t clients;
    struct client *first;
    bool closing;
};

struct client {
    struct sc_admin *admin;
    struct client *previous, *next;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    unsigned open_handles;
    bool answered;
    char request[REQUEST_MAX];
    size_t len;
    struct stir_buf answer;
};

void sc_place_text(char out[SC_PLACE_MAX], const uv_tcp_t *tcp)
{
    struct sockaddr_storage address = {0};
    int len = (int)sizeof(address);
    char host[INET6_ADDRSTRLEN] = "?";
    unsigned port = 0;
    bool six = false;
    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&address, &len) == 0) {
        struct sockaddr_in6 in6;
        struct sockaddr_in in;
        memcpy(&in6, &address, sizeof(in6));
        memcpy(&in, &address, sizeof(in));
        six = address.ss_family == AF_INET6;
        port = ntohs(six ? in6.sin6_port : in.sin_port);
        (void)inet_ntop(address.ss_family, six ? (const void *)&in6.sin6_addr : (const void *)&in.sin_addr, host,
                        sizeof(host));
    }
    (void)snprintf(out, SC_PLACE_MAX, "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "", port);
}

/* ---- clients ---- */

static void admin_free(struct sc_admin *admin)
{
    if (admin->closing && admin->clients == 0 && admin->open_listeners == 0) {
        free(admin);
    }
}

static void admin_on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    struct sc_admin *admin = client->admin;
    if (--client->open_handles) {
        return;
    }
    *(client->previous ? &client->previous->next : &admin->first) = client->next;
    if (client->next) {
        client->next->previous = client->previous;
    }
    stir_buf_free(&client->answer);
    free(client);
    admin->clients--;
    admin_free(admin);
}

static void admin_close_client(struct client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->tcp)) {
        uv_close((uv_handle_t *)&client->tcp, admin_on_client_closed);
        uv_close((uv_handle_t *)&client->timer, admin_on_client_closed);
    }
}

static void admin_on_timer(uv_timer_t *timer)
{
    admin_close_client(timer->data);
}

/* Waits for the client or the timer to close: if we closed while the client is still sending, it could lose the
 * answer. */
static void admin_on_written(uv_write_t *request, int status)
{
    struct client *client = request->data;
    if (status < 0 || uv_shutdown(&client->shutdown, (uv_stream_t *)&client->tcp, NULL) < 0) {
        admin_close_client(client);
    }
}

/* ---- requests ---- */

static void admin_answer(struct client *client, const char *status, const char *type, const struct stir_buf *body)
{
    uv_buf_t buf;
    client->answered = true;
    stir_buf_printf(&client->answer,
                    "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n%s"
                    "Connection: close\r\n\r\n",
                    status, type, body->len, strncmp(status, "405", 3) == 0 ? "Allow: GET\r\n" : "");
    stir_buf_put(&client->answer, body->ptr, body->len);
    if (stir_buf_state(&client->answer) != STIR_OK || stir_buf_state(body) != STIR_OK) {
        admin_close_client(client);
        return;
    }
    buf = uv_buf_init(client->answer.ptr, (unsigned)client->answer.len);
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->tcp, &buf, 1, admin_on_written) < 0) {
        admin_close_client(client);
    }
}

static void admin_answer_text(struct client *client, const char *status, const char *type, const char *text)
{
    struct stir_buf body = {0};
    stir_buf_puts(&body, text);
    admin_answer(client, status, type, &body);
    stir_buf_free(&body);
}

static void admin_put_reasons(struct stir_buf *body, const struct sc_health *health, bool stopping)
{
    const char *comma = "";
    stir_buf_puts(body, "{\"status\":503,\"message\":\"not ready\",\"reasons\":[");
    if (stopping) {
        stir_buf_puts(body, "\"stopping\"");
        comma = ",";
    }
    for (int part = 0; part < SC_HEALTH_PARTS; part++) {
        const char *reason = health->reasons[part];
        if (reason[0]) {
            stir_buf_puts(body, comma);
            stir_json_quote(body, reason, strlen(reason));
            comma = ",";
        }
    }
    stir_buf_puts(body, "]}\n");
}

/* Appends the healthy answer, with advice about trust lists that were never loaded or have expired. They need
 * attention, but messages need not be sent elsewhere. */
static void admin_put_good(struct stir_buf *body, const struct sc_sidecar *sidecar)
{
    struct stir_buf advice = {0};
    if (sidecar->filter.advise) {
        sidecar->filter.advise(sidecar->filter.arg, &advice);
    }
    stir_buf_puts(body, "{\"status\":200,\"message\":\"OK\"");
    if (advice.len) {
        stir_buf_puts(body, ",\"trust\":");
        stir_json_quote(body, advice.ptr, advice.len);
    }
    stir_buf_puts(body, "}\n");
    stir_buf_free(&advice);
}

/* Answers whether messages are forwarded now, signed and verified as configured; for /ready, also whether new
 * connections are accepted. */
static void admin_answer_health(struct client *client, bool stopping)
{
    struct stir_buf body = {0};
    struct sc_health health;
    bool good = !stopping;
    sc_health_look(client->admin->sidecar, &health);
    for (int part = 0; part < SC_HEALTH_PARTS; part++) {
        good = good && !health.reasons[part][0];
    }
    if (good) {
        admin_put_good(&body, client->admin->sidecar);
    } else {
        admin_put_reasons(&body, &health, stopping);
    }
    admin_answer(client, good ? "200 OK" : "503 Service Unavailable", "application/json", &body);
    stir_buf_free(&body);
}

static void admin_handle_request(struct client *client, const char *method, const char *path)
{
    struct sc_sidecar *sidecar = client->admin->sidecar;
    bool health = strcmp(path, "/health") == 0, ready = strcmp(path, "/ready") == 0;
    if (!health && !ready && strcmp(path, "/metrics") != 0) {
        admin_answer_text(client, "404 Not Found", "text/plain", "not found; available: /metrics, /health, /ready\n");
    } else if (strcmp(method, "GET") != 0) {
        admin_answer_text(client, "405 Method Not Allowed", "text/plain", "GET\n");
    } else if (health || ready) {
        admin_answer_health(client, ready && sidecar->stopping);
    } else {
        struct stir_buf body = {0};
        sc_sidecar_metrics(sidecar, &body);
        admin_answer(client, "200 OK", "text/plain; version=0.0.4", &body);
        stir_buf_free(&body);
    }
}

/* Takes "GET /health HTTP/1.1" and the fields after it, up to the empty line. */
static void admin_read_request(struct client *client)
{
    char method[8], path[64];
    if (!memmem(client->request, client->len, "\r\n\r\n", 4)) {
        if (client->len == REQUEST_MAX - 1) {
            admin_answer_text(client, "431 Request Header Fields Too Large", "text/plain", "request too long\n");
        }
        return;
    }
    client->request[client->len] = '\0';
    int end = 0;
    if (sscanf(client->request, "%7[A-Z] %63[!-~] HTTP/1.%n", method, path, &end) != 2 || end == 0) {
        admin_answer_text(client, "400 Bad Request", "text/plain", "malformed request\n");
        return;
    }
    path[strcspn(path, "?")] = '\0';
    admin_handle_request(client, method, path);
}

static void admin_on_alloc(uv_handle_t *handle_, size_t suggested, uv_buf_t *buf)
{
    struct client *client = handle_->data;
    size_t at = client->answered ? 0 : client->len;
    (void)suggested;
    *buf = uv_buf_init(client->request + at, (unsigned)(REQUEST_MAX - 1 - at));
}

static void admin_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *client = stream->data;
    (void)buf;
    if (n < 0) {
        admin_close_client(client);
    } else if (n > 0 && !client->answered) {
        client->len += (size_t)n;
        admin_read_request(client);
    }
}

/* ---- the listener ---- */

static void admin_on_connection(uv_stream_t *stream, int status)
{
    struct sc_admin *admin = stream->data;
    struct client *client = status == 0 ? calloc(1, sizeof(*client)) : NULL;
    if (!client) {
        return;
    }
    client->admin = admin;
    client->next = admin->first;
    if (client->next) {
        client->next->previous = client;
    }
    admin->first = client;
    admin->clients++;
    client->open_handles = 2;
    (void)uv_tcp_init(&admin->sidecar->loop, &client->tcp);
    (void)uv_timer_init(&admin->sidecar->loop, &client->timer);
    client->tcp.data = client->timer.data = client;
    if (uv_accept(stream, (uv_stream_t *)&client->tcp) < 0 || admin->clients > CLIENTS_MAX ||
        uv_timer_start(&client->timer, admin_on_timer, REQUEST_MS, 0) < 0 ||
        uv_read_start((uv_stream_t *)&client->tcp, admin_on_alloc, admin_on_read) < 0) {
        admin_close_client(client);
    }
}

static void admin_on_listener_closed(uv_handle_t *handle_)
{
    struct sc_admin *admin = handle_->data;
    admin->open_listeners--;
    admin_free(admin);
}

void sc_admin_close(struct sc_admin *admin)
{
    if (admin) {
        for (struct client *client = admin->first; client; client = client->next) {
            admin_close_client(client);
        }
        admin->closing = true;
        for (size_t i = 0; i < admin->tcp_count; i++) {
            uv_close((uv_handle_t *)&admin->tcps[i], admin_on_listener_closed);
        }
        admin_free(admin);
    }
}

static enum stir_code admin_listen(struct sc_admin *admin, const struct sockaddr_storage *address, bool only,
                                   const char *text, struct stir_error *err)
{
    uv_tcp_t *tcp = &admin->tcps[admin->tcp_count++];
    char place[SC_PLACE_MAX];
    admin->open_listeners++;
    (void)uv_tcp_init(&admin->sidecar->loop, tcp);
    tcp->data = admin;
    int status = uv_tcp_bind(tcp, (const struct sockaddr *)address, only ? UV_TCP_IPV6ONLY : 0);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)tcp, CLIENTS_MAX, admin_on_connection);
    }
    if (status < 0) {
        return stir_fail(err, STIR_E_IO, "[admin] cannot listen on %s: %s", text, uv_strerror(status));
    }
    sc_place_text(place, tcp);
    stir_log_plain(&admin->sidecar->log, STIR_LOG_NOTICE, "admin on http://%s", place);
    return STIR_OK;
}

enum stir_code sc_admin_open(struct sc_admin **out, struct sc_sidecar *sidecar, const char *address,
                             struct stir_error *err)
{
    struct stir_listen_addresses found;
    enum stir_code code = sc_listen_find(&found, "[admin] listen", address, err);
    struct sc_admin *admin = code == STIR_OK ? calloc(1, sizeof(*admin)) : NULL;
    if (!admin) {
        return code == STIR_OK ? stir_fail(err, STIR_E_NOMEM, "admin") : code;
    }
    admin->sidecar = sidecar;
    for (size_t i = 0; code == STIR_OK && i < found.count; i++) {
        const struct sockaddr_storage *where = &found.at[i].address;
        code = admin_listen(admin, where, found.any && where->ss_family == AF_INET6, address, err);
    }
    if (code != STIR_OK) {
        sc_admin_close(admin);
        return code;
    }
    *out = admin;
    return STIR_OK;
}
