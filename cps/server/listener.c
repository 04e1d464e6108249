/* SPDX-License-Identifier: MIT */
#include "common/net/listen_address.h"
#include "cps/server/server_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Listening sockets. Each worker has its own with SO_REUSEPORT, so that the kernel spreads connections over them:
 * libwebsockets as Debian builds it (LWS_MAX_SMP 1) has no threads. Accepted sockets are handed to libwebsockets.
 */
#define ACCEPTS_PER_TURN 64 /* then other connections get their turn */
#define BACKLOG 4096
#define SHORTAGE_LOG_MS 60000

union socket_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* Removes a socket file that no process listens on any more: an earlier cpsd left it. */
static void listen_remove_stale_socket(const union socket_address *address, socklen_t len)
{
    struct stat st;
    if (lstat(address->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        return;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0 && connect(probe, &address->any, len) < 0 && errno == ECONNREFUSED) {
        (void)unlink(address->un.sun_path);
    }
    if (probe >= 0) {
        (void)close(probe);
    }
}

/* Binds a TCP socket whose port the sockets of other workers can share. The first one is bound before it is marked as
 * shared (SO_REUSEPORT), which fails if another process listens there, even with SO_REUSEPORT. */
static bool listen_bind_shared(int fd, const union socket_address *address, socklen_t len, bool first)
{
    int one = 1;
    bool ok = first || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0;
    ok = ok && bind(fd, &address->any, len) == 0;
    return ok && (!first || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0);
}

/* Opens a listening socket and writes the address that it got into *address. `text`: the address as configured.
 * `first`: the first worker's. Returns -1 with *err set on failure. */
static int listen_open_socket(union socket_address *address, socklen_t len, const char *text, bool first,
                              struct stir_error *err)
{
    int one = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0;
    if (ok && address->any.sa_family == AF_UNIX) {
        listen_remove_stale_socket(address, len);
        ok = bind(fd, &address->any, len) == 0;
    } else if (ok) {
        ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
             setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0; /* accepted sockets inherit it */
        /* [::] does not take the IPv4 port, which may be configured as well */
        if (address->any.sa_family == AF_INET6) {
            (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
        }
        ok = ok && listen_bind_shared(fd, address, len, first);
    }
    if (!ok || listen(fd, BACKLOG) < 0 || getsockname(fd, &address->any, &len) < 0) {
        (void)stir_fail(err, STIR_E_IO, "cannot listen on %s: %s%s", text, strerror(errno),
                        errno == EADDRINUSE ? "; another process, perhaps a second cpsd, uses it: see ss -lntp" : "");
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

static enum stir_code listen_add(struct cpsd_worker *worker, int fd, bool tls, bool local, struct stir_error *err)
{
    if (worker->listener_count == CPSD_LISTENERS_MAX) {
        (void)close(fd);
        return stir_fail(err, STIR_E_CONFIG, "cannot listen on more than %d addresses", CPSD_LISTENERS_MAX);
    }
    assert(worker->listener_count < CPSD_LISTENERS_MAX);
    struct cpsd_listener *listener = &worker->listeners[worker->listener_count++];
    *listener = (struct cpsd_listener){.worker = worker, .fd = fd, .tls = tls, .local = local};
    return STIR_OK;
}

static void listen_log(const struct stir_log *log, const union socket_address *address, bool tls, bool local)
{
    char host[INET6_ADDRSTRLEN] = "";
    if (address->any.sa_family == AF_UNIX) {
        stir_log_plain(log, STIR_LOG_NOTICE, "%s on unix:%s", local ? "admin" : "listening", address->un.sun_path);
        return;
    }
    bool six = address->any.sa_family == AF_INET6;
    const void *raw = six ? (const void *)&address->in6.sin6_addr : (const void *)&address->in.sin_addr;
    (void)inet_ntop(address->any.sa_family, raw, host, sizeof(host));
    stir_log_plain(log, STIR_LOG_NOTICE, "%s on %s://%s%s%s:%u", local ? "admin" : "listening", tls ? "https" : "http",
                   six ? "[" : "", host, six ? "]" : "", ntohs(six ? address->in6.sin6_port : address->in.sin_port));
}

/* Opens one address for `count` workers. The first bind may choose a port (port 0), which the others then share. There
 * is only one unix socket, of which each worker has a duplicate. */
static enum stir_code listen_on_address(struct cpsd_worker *workers, size_t count, const struct sockaddr_storage *where,
                                        socklen_t len, const char *text, bool tls, bool local,
                                        const struct stir_log *log, struct stir_error *err)
{
    union socket_address address = {0};
    enum stir_code code = STIR_OK;
    int first = -1;
    memcpy(&address, where, len < sizeof(address) ? len : sizeof(address));
    for (size_t i = 0; code == STIR_OK && i < count; i++) {
        bool shared = i > 0 && address.any.sa_family == AF_UNIX;
        int fd = shared ? fcntl(first, F_DUPFD_CLOEXEC, 0) : listen_open_socket(&address, len, text, i == 0, err);
        if (fd < 0) {
            return shared ? stir_fail(err, STIR_E_IO, "cannot listen on %s: %s", text, strerror(errno)) : STIR_E_IO;
        }
        first = i == 0 ? fd : first;
        code = listen_add(&workers[i], fd, tls, local, err);
    }
    if (code == STIR_OK) {
        listen_log(log, &address, tls, local);
    }
    return code;
}

/* Opens all addresses to which an item of the configuration resolves. */
static enum stir_code listen_on_name(struct cpsd_worker *workers, size_t count, const char *text, bool tls, bool local,
                                     const struct stir_log *log, struct stir_error *err)
{
    struct stir_listen_addresses found;
    enum stir_code code = stir_listen_addresses_find(&found, text, err);
    for (size_t i = 0; code == STIR_OK && i < found.count; i++) {
        code = listen_on_address(workers, count, &found.at[i].address, found.at[i].len, text, tls, local, log, err);
    }
    return code;
}

/* Gives a duplicate of a socket that systemd opened to each of `count` workers; closes fd. */
static enum stir_code listen_on_passed(struct cpsd_worker *workers, size_t count, int fd, bool tls, bool local,
                                       const struct stir_log *log, struct stir_error *err)
{
    union socket_address address = {0};
    socklen_t len = sizeof(address);
    enum stir_code code = STIR_OK;
    if (getsockname(fd, &address.any, &len) < 0) {
        code = stir_fail(err, STIR_E_IO, "cannot use a socket that systemd passed: %s", strerror(errno));
    }
    for (size_t i = 0; code == STIR_OK && i < count; i++) {
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        code = own < 0 ? stir_fail(err, STIR_E_IO, "cannot use a socket that systemd passed: %s", strerror(errno))
                       : listen_add(&workers[i], own, tls, local, err);
    }
    (void)close(fd);
    if (code == STIR_OK) {
        listen_log(log, &address, tls, local);
    }
    return code;
}

/* Opens the sockets that systemd passed under `name`, or else the addresses of the list. */
static enum stir_code listen_on_list(struct cpsd_worker *workers, size_t count, struct stir_passed *passed,
                                     const char *name, const char *list, bool tls, const struct stir_log *log,
                                     struct stir_error *err)
{
    char text[300];
    size_t pos = 0;
    enum stir_code code = STIR_OK;
    int fd = stir_passed_take(passed, name);
    if (fd >= 0) {
        for (; code == STIR_OK && fd >= 0; fd = stir_passed_take(passed, name)) {
            code = listen_on_passed(workers, count, fd, tls, false, log, err);
        }
        return code;
    }
    while (code == STIR_OK && stir_conf_next(list, &pos, text, sizeof(text))) {
        code = listen_on_name(workers, count, text, tls, false, log, err);
    }
    return code;
}

enum stir_code cpsd_listen(struct cpsd_worker *workers, size_t count, const struct cpsd_config *config,
                           struct stir_passed *passed, const struct stir_log *log, struct stir_error *err)
{
    int admin = stir_passed_take(passed, "admin");
    /* Without [server] listen no certificate was loaded. */
    if (!config->listen[0] && stir_passed_has(passed, "https")) {
        return stir_fail(err, STIR_E_CONFIG,
                         "systemd passed a socket named \"https\"; set [server] listen, certificate and private_key "
                         "as well");
    }
    enum stir_code code = listen_on_list(workers, count, passed, "https", config->listen, true, log, err);
    if (code != STIR_OK) {
        return code;
    }
    code = listen_on_list(workers, count, passed, "http", config->listen_plain, false, log, err);
    if (code != STIR_OK) {
        return code;
    }
    /* The first worker serves all admin requests. */
    if (admin >= 0) {
        code = listen_on_passed(workers, 1, admin, false, true, log, err);
    } else if (config->admin_listen[0]) {
        code = listen_on_name(workers, 1, config->admin_listen, false, true, log, err);
    }
    if (code == STIR_OK && stir_passed_left(passed)) {
        code = stir_fail(err, STIR_E_CONFIG,
                         "systemd passed a socket named \"%s\"; set FileDescriptorName= to https, http or admin "
                         "(once)",
                         stir_passed_left(passed));
    }
    return code;
}

static enum stir_code listen_check_list(const char *key, const char *list, struct stir_error *err)
{
    char text[300];
    size_t pos = 0;
    struct stir_listen_addresses found;
    enum stir_code code = STIR_OK;
    while (code == STIR_OK && stir_conf_next(list, &pos, text, sizeof(text))) {
        code = stir_listen_addresses_find(&found, text, err);
    }
    return code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", key);
}

enum stir_code cpsd_listen_check(const struct cpsd_config *config, struct stir_error *err)
{
    enum stir_code code = listen_check_list("[server] listen", config->listen, err);
    if (code == STIR_OK) {
        code = listen_check_list("[server] listen_plain", config->listen_plain, err);
    }
    return code == STIR_OK ? listen_check_list("[admin] listen", config->admin_listen, err) : code;
}

/* ---- accepting ---- */

/* Hands an accepted socket to libwebsockets, unless the worker has as many connections as it may have. */
static void listener_hand_over(struct cpsd_listener *listener, int fd)
{
    struct cpsd_worker *worker = listener->worker;
    if (worker->conn_count >= (size_t)worker->service.config->max_connections) {
        cpsd_count(&worker->metrics.connections_refused, 1);
        (void)close(fd);
        return;
    }
    lws_adopt_desc_t how = {.vh = listener->tls ? worker->tls_vhost : worker->plain_vhost,
                            .type = LWS_ADOPT_SOCKET | (listener->tls ? LWS_ADOPT_ALLOW_SSL : 0),
                            .fd = {.sockfd = fd},
                            .vh_prot_name = CPSD_LWS_PROTOCOL,
                            .opaque = listener};
    (void)lws_adopt_descriptor_vhost_via_info(&how); /* closes fd itself on failure */
}

/* Gives up the spare descriptor, accepts one connection with it and refuses that: with an answer if it has no TLS. */
static void listener_refuse_with_spare(struct cpsd_listener *listener)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
                                 "Content-Length: 60\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
                                 "{\"status\":503,\"title\":\"the server has too many connections\"}";
    struct cpsd_worker *worker = listener->worker;
    if (worker->spare_fd >= 0) {
        (void)close(worker->spare_fd);
    }
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        char request[4096];
        cpsd_count(&worker->metrics.connections_refused, 1);
        if (!listener->tls) {
            (void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
            (void)shutdown(fd, SHUT_WR);
            (void)recv(fd, request, sizeof(request), 0); /* unread octets would reset the connection */
        }
        (void)close(fd);
    }
    worker->spare_fd = cpsd_spare_fd();
}

/* Stops accepting until the next tick: without descriptors the listening socket stays readable, and the loop would do
 * nothing else. */
static void listener_pause(struct cpsd_listener *listener, const char *reason)
{
    struct cpsd_worker *worker = listener->worker;
    uint64_t now = uv_now(&worker->loop);
    listener_refuse_with_spare(listener);
    (void)uv_poll_stop(&listener->poll);
    listener->paused = true;
    cpsd_count(&worker->metrics.accept_pauses, 1);
    if (!worker->shortage_logged_ms || now - worker->shortage_logged_ms >= SHORTAGE_LOG_MS) {
        worker->shortage_logged_ms = now;
        stir_log_plain(
            &worker->log, STIR_LOG_ERROR,
            "worker %u cannot accept connections: %s; new clients wait or get status 503; raise LimitNOFILE= or "
            "lower [server] max_connections",
            worker->index, reason);
    }
}

static bool listener_is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void listener_on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct cpsd_listener *listener = poll->data;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            listener_hand_over(listener, fd);
        } else if (listener_is_shortage(errno)) {
            listener_pause(listener, strerror(errno));
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

void cpsd_listeners_tick(struct cpsd_worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct cpsd_listener *listener = &worker->listeners[i];
        if (listener->paused && listener->open) {
            listener->paused = false;
            (void)uv_poll_start(&listener->poll, UV_READABLE, listener_on_acceptable);
        }
    }
}

int cpsd_spare_fd(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

enum stir_code cpsd_listener_start(struct cpsd_listener *listener, struct stir_error *err)
{
    int status = uv_poll_init(&listener->worker->loop, &listener->poll, listener->fd);
    if (status < 0) {
        return stir_fail(err, STIR_E_IO, "cannot watch a listening socket: %s", uv_strerror(status));
    }
    listener->poll.data = listener;
    listener->open = true;
    status = uv_poll_start(&listener->poll, UV_READABLE, listener_on_acceptable);
    return status < 0 ? stir_fail(err, STIR_E_IO, "cannot watch a listening socket: %s", uv_strerror(status)) : STIR_OK;
}

static void listener_on_closed(uv_handle_t *handle)
{
    struct cpsd_listener *listener = handle->data;
    (void)close(listener->fd);
    listener->fd = -1;
}

void cpsd_listener_stop(struct cpsd_listener *listener)
{
    if (listener->open) {
        listener->open = false;
        uv_close((uv_handle_t *)&listener->poll, listener_on_closed);
    }
}
