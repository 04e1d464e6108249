/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/link_internal.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

/* Opens a link: accepts it, or resolves the host and connects; then the TLS handshake. */

enum { KEEPALIVE_S = 60 };

static void link_tune(struct sc_link *link)
{
    uv_os_fd_t fd = -1;
    (void)uv_tcp_nodelay(&link->tcp, 1);
    (void)uv_tcp_keepalive(&link->tcp, 1, KEEPALIVE_S);
    if (link->flow->silence_ms && uv_fileno((uv_handle_t *)&link->tcp, &fd) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &link->flow->silence_ms, sizeof(link->flow->silence_ms));
    }
}

/* Continues after the TCP connection is open. */
static void link_open_settle(struct sc_link *link)
{
    struct stir_error err = {0};
    link_tune(link);
    sc_link_start_reading(link);
    if (!link->tls) {
        link->state = SC_LINK_OPEN;
        link->ops->opened(link->arg, link->leg);
        return;
    }
    link->state = SC_LINK_SHAKING;
    if (link->leg == SC_PEER && sc_tls_start(link->tls, &link->wire, &err) != STIR_OK) {
        link->failed = "cannot start TLS";
    }
    sc_link_mark(link);
}

int sc_link_take(struct sc_link *link, uv_stream_t *listener)
{
    (void)uv_tcp_init(link->flow->loop, &link->tcp); /* cannot fail without flags */
    link->tcp.data = link;
    link->state = SC_LINK_CONNECTING;
    int status = uv_accept(listener, (uv_stream_t *)&link->tcp);
    if (status < 0) {
        sc_link_abort(link);
    }
    return status;
}

void sc_link_begin(struct sc_link *link, SSL_CTX *ctx)
{
    if (ctx && sc_tls_new(&link->tls, ctx, NULL, NULL) != STIR_OK) {
        sc_link_fail(link, "out of memory");
        return;
    }
    link_open_settle(link);
}

static void link_try_address(struct sc_link *link);

static void link_on_retry(uv_handle_t *handle)
{
    struct sc_link *link = handle->data;
    if (link->state == SC_LINK_RETRYING) {
        link_try_address(link);
    } else {
        sc_link_finish(link);
    }
}

static void link_on_connected(uv_connect_t *request, int status)
{
    struct sc_link *link = request->data;
    if (link->state != SC_LINK_CONNECTING) {
        return;
    }
    if (status == 0) {
        link_open_settle(link);
    } else if (link->address->ai_next) {
        link->address = link->address->ai_next;
        link->state = SC_LINK_RETRYING;
        uv_close((uv_handle_t *)&link->tcp, link_on_retry);
    } else {
        sc_link_lose_uv(link, status);
    }
}

static void link_try_address(struct sc_link *link)
{
    link->state = SC_LINK_CONNECTING;
    link->connect.data = link;
    int status = uv_tcp_init(link->flow->loop, &link->tcp);
    link->tcp.data = link;
    if (status == 0) {
        status = uv_tcp_connect(&link->connect, &link->tcp, link->address->ai_addr, link_on_connected);
    }
    if (status < 0) {
        link_on_connected(&link->connect, status);
    }
}

static void link_on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct sc_link *link = request->data;
    link->addresses = link->address = found;
    if (link->state == SC_LINK_CLOSING) {
        sc_link_finish(link);
    } else if (status < 0 || !found) {
        char why[128];
        link->state = SC_LINK_CLOSING;
        link->ops->lost(link->arg, link->leg, uv_strerror_r(status < 0 ? status : UV_EAI_NONAME, why, sizeof(why)));
        sc_link_finish(link);
    } else {
        link_try_address(link);
    }
}

void sc_link_connect(struct sc_link *link, const char *host, const char *port, SSL_CTX *ctx, const char *name,
                     uint64_t timeout_ms)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    link->resolve.data = link;
    link->deadline_ms = uv_now(link->flow->loop) + timeout_ms;
    link->state = SC_LINK_RESOLVING;
    bool made = !ctx || sc_tls_new(&link->tls, ctx, name, NULL) == STIR_OK;
    if (!made || uv_getaddrinfo(link->flow->loop, &link->resolve, link_on_resolved, host, port, &hints) < 0) {
        link->bare = true;
        sc_link_mark(link);
    }
}
