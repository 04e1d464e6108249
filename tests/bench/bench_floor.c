/* SPDX-License-Identifier: MIT */
/*
 * The lower bound that cpsd is compared with: an HTTPS server of OpenSSL and epoll that does nothing else. It reads a
 * whole request and answers with the number of octets in the request's Answer field, in one TLS record. That is the
 * cost of TLS and the kernel for the same traffic on this machine.
 *
 *     bench_floor --certificate FILE --key FILE [--threads N]
 *
 * Listens on a port of 127.0.0.1 that it prints; ends with SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 32768
#define ANSWER_MAX (1u << 20)
#define THREADS_MAX 64
#define FDS 4096

struct conn {
    int fd;
    SSL *ssl;
    size_t in_len;
    char in[REQUEST_MAX];
    char *out;
    size_t out_len;
    bool want_write;
};

struct thread {
    SSL_CTX *ctx;
    int listener, epoll;
};

static struct conn *conns[FDS]; /* by file descriptor; each belongs to one thread */

static void die(const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());
    (void)fprintf(stderr, "bench_floor: %s: %s\n", what, why ? why : strerror(errno));
    exit(1);
}

/* ---- requests ---- */

/* The value of a field in a head, or what it is without it. */
static size_t field(const char *head, size_t n, const char *name, size_t otherwise)
{
    size_t len = strlen(name);
    const char *end = head + n;
    for (const char *line = head; line && (size_t)(end - line) > len; line += line != NULL) {
        if (strncasecmp(line, name, len) == 0) {
            return (size_t)strtoul(line + len, NULL, 10);
        }
        line = memchr(line, '\n', (size_t)(end - line));
    }
    return otherwise;
}

/* True if a whole request is there; *answer is how long it wants its answer. */
static bool request_is_whole(struct conn *conn, size_t *answer)
{
    const char *end = memmem(conn->in, conn->in_len, "\r\n\r\n", 4);
    if (!end) {
        return false;
    }
    size_t head = (size_t)(end - conn->in) + 4;
    size_t body = field(conn->in, head, "Content-Length:", 0);
    *answer = field(conn->in, head, "Answer:", 256);
    return conn->in_len - head >= body;
}

static bool make_answer(struct conn *conn, size_t octets)
{
    char head[96];
    size_t least = (size_t)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %07zu\r\n\r\n", octets);
    octets = octets < least ? least : octets > ANSWER_MAX ? ANSWER_MAX : octets;
    (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %07zu\r\n\r\n", octets - least);
    if (octets > conn->out_len) {
        char *out = realloc(conn->out, octets);
        if (!out) {
            return false;
        }
        memset(out, 'x', octets);
        conn->out = out;
    }
    memcpy(conn->out, head, least);
    conn->out_len = octets;
    return true;
}

/* ---- connections ---- */

static void watch(struct thread *thread, struct conn *conn, int operation, bool for_writing)
{
    struct epoll_event event = {.events = for_writing ? EPOLLOUT : EPOLLIN, .data.fd = conn->fd};
    if (epoll_ctl(thread->epoll, operation, conn->fd, &event) < 0) {
        die("epoll");
    }
    conn->want_write = for_writing;
}

static void close_conn(struct conn *conn)
{
    ERR_clear_error();
    SSL_free(conn->ssl);
    conns[conn->fd] = NULL;
    (void)close(conn->fd);
    free(conn->out);
    free(conn);
}

static void accept_conn(struct thread *thread)
{
    int one = 1;
    int fd = accept4(thread->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 || fd >= FDS) {
        (void)close(fd);
        return;
    }
    struct conn *conn = conns[fd] = calloc(1, sizeof(*conn));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (!conn || !(conn->ssl = SSL_new(thread->ctx)) || SSL_set_fd(conn->ssl, fd) != 1) {
        die("a connection");
    }
    conn->fd = fd;
    SSL_set_accept_state(conn->ssl);
    watch(thread, conn, EPOLL_CTL_ADD, false);
}

/* Returns whether an SSL call must be repeated later, when the socket is ready again. */
static bool later(struct thread *thread, struct conn *conn, int result)
{
    int error = SSL_get_error(conn->ssl, result);
    bool for_writing = error == SSL_ERROR_WANT_WRITE;
    if (!for_writing && error != SSL_ERROR_WANT_READ) {
        return false;
    }
    if (for_writing != conn->want_write) {
        watch(thread, conn, EPOLL_CTL_MOD, for_writing);
    }
    return true;
}

static bool write_answer(struct thread *thread, struct conn *conn)
{
    int n = SSL_write(conn->ssl, conn->out, (int)conn->out_len);
    if (n <= 0) {
        return later(thread, conn, n);
    }
    conn->in_len = 0;
    if (conn->want_write) {
        watch(thread, conn, EPOLL_CTL_MOD, false);
    }
    return true;
}

static bool read_request(struct thread *thread, struct conn *conn)
{
    size_t answer = 0;
    while (conn->in_len < sizeof(conn->in)) {
        int n = SSL_read(conn->ssl, conn->in + conn->in_len, (int)(sizeof(conn->in) - conn->in_len));
        if (n <= 0) {
            return later(thread, conn, n);
        }
        conn->in_len += (size_t)n;
        if (request_is_whole(conn, &answer)) {
            return make_answer(conn, answer) && write_answer(thread, conn);
        }
    }
    return false;
}

/* ---- threads ---- */

static void *serve(void *arg)
{
    struct thread *thread = arg;
    struct epoll_event events[64];
    for (;;) {
        int n = epoll_wait(thread->epoll, events, 64, -1);
        for (int i = 0; i < n; i++) {
            struct conn *conn = conns[events[i].data.fd];
            if (!conn) {
                accept_conn(thread);
            } else if (!(conn->want_write && conn->out_len ? write_answer(thread, conn) : read_request(thread, conn))) {
                close_conn(conn);
            }
        }
    }
    return NULL;
}

static int open_listener(struct sockaddr_in *address)
{
    int one = 1;
    socklen_t len = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)address, len) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) < 0) {
        die("listening");
    }
    return fd;
}

/* As cpsd sets its own up. */
static SSL_CTX *make_ctx(const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1) {
        die(certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        die(key);
    }
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

static void start(struct thread *thread, SSL_CTX *ctx, struct sockaddr_in *address)
{
    thread->ctx = ctx;
    thread->listener = open_listener(address);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = thread->listener};
    thread->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (thread->epoll < 0 || epoll_ctl(thread->epoll, EPOLL_CTL_ADD, thread->listener, &event) < 0) {
        die("epoll");
    }
}

int main(int argc, char **argv)
{
    static struct thread threads[THREADS_MAX];
    struct sockaddr_in address = {.sin_family = AF_INET};
    const char *certificate = NULL, *key = NULL;
    unsigned long count = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--certificate") == 0) {
            certificate = argv[i + 1];
        } else if (strcmp(argv[i], "--key") == 0) {
            key = argv[i + 1];
        } else {
            count = strcmp(argv[i], "--threads") == 0 ? strtoul(argv[i + 1], NULL, 10) : 0;
        }
    }
    if (argc % 2 == 0 || !certificate || !key || count < 1 || count > THREADS_MAX) {
        (void)fputs("usage: bench_floor --certificate FILE --key FILE [--threads N]\n", stderr);
        return 2;
    }
    SSL_CTX *ctx = make_ctx(certificate, key);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (unsigned long i = 0; i < count; i++) {
        start(&threads[i], ctx, &address);
    }
    (void)printf("listening on https://127.0.0.1:%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    for (unsigned long i = 1; i < count; i++) {
        pthread_t id;
        if (pthread_create(&id, NULL, serve, &threads[i]) != 0) {
            die("a thread");
        }
    }
    (void)serve(&threads[0]);
    return 0;
}
