/* SPDX-License-Identifier: MIT */
/*
 * Opens many TLS connections to a server, holds them without a word, and says when all are there.
 *
 *     bench_idle --port N --ca FILE --count N
 *
 * Prints "N connections" and holds them until its standard input ends.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The client's end of a connection is freed but for its socket: the server cannot tell. */
static int open_one(SSL_CTX *ctx, const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 ? SSL_new(ctx) : NULL;
    bool good = ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1;
    if (ssl) {
        SSL_set_quiet_shutdown(ssl, 1);
        SSL_free(ssl);
    }
    if (!good && fd >= 0) {
        (void)close(fd);
    }
    return good ? fd : -1;
}

static unsigned long number(const char *text, unsigned long most)
{
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && n <= most ? n : 0;
}

int main(int argc, char **argv)
{
    unsigned long port = 0, count = 0;
    const char *ca = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0) {
            port = number(argv[i + 1], 65535);
        } else if (strcmp(argv[i], "--count") == 0) {
            count = number(argv[i + 1], 1000000);
        } else if (strcmp(argv[i], "--ca") == 0) {
            ca = argv[i + 1];
        }
    }
    if (!port || !count || !ca || argc != 7) {
        (void)fputs("usage: bench_idle --port N --ca FILE --count N\n", stderr);
        return 2;
    }
    struct rlimit files = {.rlim_cur = count + 64, .rlim_max = count + 64};
    (void)setrlimit(RLIMIT_NOFILE, &files);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || SSL_CTX_load_verify_file(ctx, ca) != 1) {
        (void)fprintf(stderr, "bench_idle: %s cannot be used\n", ca);
        return 1;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    for (unsigned long i = 0; i < count; i++) {
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (open_one(ctx, &to) < 0) {
            (void)fprintf(stderr, "bench_idle: connection %lu was not taken\n", i + 1);
            return 1;
        }
    }
    printf("%lu connections\n", count);
    (void)fflush(stdout);
    while (getchar() != EOF) {
    }
    SSL_CTX_free(ctx);
    return 0;
}
