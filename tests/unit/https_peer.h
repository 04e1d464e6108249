/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/file.h"
#include "tests/unit/certs.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A small HTTPS server on loopback for tests of a client: HTTP/1.1, kept alive, one thread a connection. What it
 * answers is the test's: a function that sees the request and writes the whole answer, octet for octet.
 */
struct peer_request {
    char method[16];
    char target[2048];
    char head[8192]; /* request line and headers, NUL-terminated */
    char *body;
    size_t body_len;
};

struct peer;
typedef void peer_answer(struct peer *peer, const struct peer_request *request, struct stir_buf *answer);

struct peer {
    int port;
    char url[64]; /* https://127.0.0.1:port */
    peer_answer *answer;
    void *arg;
    atomic_uint requests, connections;
    atomic_bool stopping;
    /* private */
    int listener;
    SSL_CTX *ctx;
    pthread_t thread;
    struct peer_worker *workers;
    pthread_mutex_t lock; /* of the workers' list and sockets */
};

struct peer_worker {
    struct peer *peer;
    struct peer_worker *next;
    pthread_t thread;
    int fd;
    bool ended;
};

/* Copies the value of a header of the request to out. Returns out, or NULL if there is no such header. */
static inline const char *peer_header(const struct peer_request *request, const char *name, char out[256])
{
    size_t n = strlen(name);
    for (const char *line = strstr(request->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            const char *value = line + n + 1 + strspn(line + n + 1, " ");
            (void)snprintf(out, 256, "%.*s", (int)strcspn(value, "\r\n"), value);
            return out;
        }
    }
    return NULL;
}

/* Reads one request. Returns false at the end of the connection. Octets after the request stay in `in`. */
static inline bool peer_read(SSL *ssl, struct stir_buf *in, struct peer_request *request)
{
    char *end = NULL;
    char value[256];
    while (!(end = in->len ? strstr(in->ptr, "\r\n\r\n") : NULL)) {
        char chunk[4096];
        int n = SSL_read(ssl, chunk, sizeof(chunk));
        if (n <= 0) {
            return false;
        }
        stir_buf_put(in, chunk, (size_t)n);
    }
    size_t head = (size_t)(end + 4 - in->ptr);
    if (head >= sizeof(request->head)) {
        return false;
    }
    memcpy(request->head, in->ptr, head);
    request->head[head] = '\0';
    if (sscanf(request->head, "%15s %2047s", request->method, request->target) != 2) {
        return false;
    }
    const char *length = peer_header(request, "Content-Length", value);
    request->body_len = length ? (size_t)strtoul(length, NULL, 10) : 0;
    while (in->len < head + request->body_len) {
        char chunk[4096];
        int n = SSL_read(ssl, chunk, sizeof(chunk));
        if (n <= 0) {
            return false;
        }
        stir_buf_put(in, chunk, (size_t)n);
    }
    request->body = strndup(in->ptr + head, request->body_len);
    memmove(in->ptr, in->ptr + head + request->body_len, in->len - head - request->body_len + 1);
    in->len -= head + request->body_len;
    return request->body != NULL;
}

static inline void *peer_serve(void *arg)
{
    struct peer_worker *worker = arg;
    struct peer *peer = worker->peer;
    SSL *ssl = SSL_new(peer->ctx);
    struct stir_buf in = {0};
    if (ssl && SSL_set_fd(ssl, worker->fd) == 1 && SSL_accept(ssl) == 1) {
        struct peer_request request = {0};
        while (!atomic_load(&peer->stopping) && peer_read(ssl, &in, &request)) {
            struct stir_buf answer = {0};
            atomic_fetch_add(&peer->requests, 1);
            peer->answer(peer, &request, &answer);
            int sent = answer.len ? SSL_write(ssl, answer.ptr, (int)answer.len) : -1;
            stir_buf_free(&answer);
            free(request.body);
            request.body = NULL;
            if (sent <= 0) {
                break;
            }
        }
        (void)SSL_shutdown(ssl);
    }
    stir_buf_free(&in);
    SSL_free(ssl);
    ERR_clear_error();
    pthread_mutex_lock(&peer->lock);
    (void)close(worker->fd);
    worker->ended = true;
    pthread_mutex_unlock(&peer->lock);
    return NULL;
}

/* Joins the threads that have ended, or all. */
static inline void peer_reap(struct peer *peer, bool all)
{
    for (struct peer_worker **link = &peer->workers; *link;) {
        struct peer_worker *worker = *link;
        pthread_mutex_lock(&peer->lock);
        bool ended = worker->ended;
        if (all && !ended) {
            (void)shutdown(worker->fd, SHUT_RDWR);
        }
        pthread_mutex_unlock(&peer->lock);
        if (ended || all) {
            (void)pthread_join(worker->thread, NULL);
            *link = worker->next;
            free(worker);
        } else {
            link = &worker->next;
        }
    }
}

static inline void *peer_main(void *arg)
{
    struct peer *peer = arg;
    for (;;) {
        int fd = accept(peer->listener, NULL, NULL);
        struct peer_worker *worker = fd < 0 || atomic_load(&peer->stopping) ? NULL : calloc(1, sizeof(*worker));
        if (!worker) {
            if (fd >= 0) {
                (void)close(fd);
            }
            break;
        }
        atomic_fetch_add(&peer->connections, 1);
        peer_reap(peer, false);
        worker->peer = peer;
        worker->fd = fd;
        worker->next = peer->workers;
        peer->workers = worker;
        if (pthread_create(&worker->thread, NULL, peer_serve, worker) != 0) {
            abort();
        }
    }
    return NULL;
}

/* Starts the server with a certificate for these names, and writes the certificate of its authority to ca_file. */
static inline void peer_start_as(struct peer *peer, const char *names, const char *ca_file, peer_answer *answer,
                                 void *arg)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(address);
    EVP_PKEY *ca_key;
    EVP_PKEY *key;
    struct stir_buf pem = {0};
    *peer = (struct peer){.answer = answer, .arg = arg};
    (void)signal(SIGPIPE, SIG_IGN); /* a client may close its connection at any time */
    X509 *ca =
        certs_make((struct stir_cert_spec){.common_name = "TLS root", .ca = true, .not_after = INT64_C(4000000000)},
                   &ca_key);
    X509 *cert = certs_make((struct stir_cert_spec){.common_name = "peer",
                                                    .issuer = ca,
                                                    .issuer_key = ca_key,
                                                    .not_after = INT64_C(4000000000),
                                                    .dns_names = names},
                            &key);
    certs_pem(&pem, ca);
    UNIT_OK(stir_write_file(ca_file, pem.ptr, pem.len, 0600, NULL));
    stir_buf_free(&pem);
    pthread_mutex_init(&peer->lock, NULL);
    peer->ctx = SSL_CTX_new(TLS_server_method());
    CU_ASSERT_PTR_NOT_NULL_FATAL(peer->ctx);
    CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_certificate(peer->ctx, cert), 1);
    CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_PrivateKey(peer->ctx, key), 1);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(peer->listener, 64), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(peer->listener, (struct sockaddr *)&address, &n), 0);
    peer->port = ntohs(address.sin_port);
    (void)snprintf(peer->url, sizeof(peer->url), "https://127.0.0.1:%d", peer->port);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&peer->thread, NULL, peer_main, peer), 0);
}

static inline void peer_start(struct peer *peer, const char *ca_file, peer_answer *answer, void *arg)
{
    peer_start_as(peer, "IP:127.0.0.1,DNS:localhost", ca_file, answer, arg);
}

/* Ends all connections, at once if `answer` does not block. */
static inline void peer_stop(struct peer *peer)
{
    atomic_store(&peer->stopping, true);
    (void)shutdown(peer->listener, SHUT_RDWR);
    (void)pthread_join(peer->thread, NULL);
    (void)close(peer->listener);
    peer_reap(peer, true);
    SSL_CTX_free(peer->ctx);
    pthread_mutex_destroy(&peer->lock);
    ERR_clear_error();
}

/* Makes an answer with a body and optional header lines, each with its CRLF. */
static inline void peer_reply(struct stir_buf *answer, int status, const char *type, const char *more, const char *body)
{
    stir_buf_printf(answer, "HTTP/1.1 %d Status\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status, type,
                    strlen(body), more ? more : "");
    stir_buf_puts(answer, body);
}
