/* SPDX-License-Identifier: MIT */
#include "client/peers/wire.h"

#include "client/smpp/pdu_frame.h"
#include "client/smpp/pdu_write.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 262144, LIMIT = 1 << 20, BACKLOG = 511, PORT_LEN = 6 };

void peer_die(enum peer_exit status, const char *fmt, ...)
{
    va_list args;
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit((int)status);
}

uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- connections ---- */

static void wire_adopt(struct wire *wire, int fd)
{
    int one = 1;
    *wire = (struct wire){.fd = fd};
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* The addresses of a host; the caller frees them with freeaddrinfo(). */
static struct addrinfo *wire_resolve(const char *host, uint16_t port, int flags)
{
    char service[PORT_LEN];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found = NULL;
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    int failed = getaddrinfo(host, service, &hints, &found);
    if (failed) {
        peer_die(PEER_FAILED, "cannot resolve %s: %s", host, gai_strerror(failed));
    }
    return found;
}

/* Returns a connected socket, or -1 with errno. */
static int wire_connect_to(const struct addrinfo *address, double seconds)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), failed = 0;
    socklen_t len = sizeof(failed);
    struct pollfd poll_for = {.fd = fd, .events = POLLOUT};
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        failed = errno;
    }
    if (failed == EINPROGRESS) {
        failed = ETIMEDOUT;
        if (poll(&poll_for, 1, (int)(seconds * 1000)) > 0) {
            (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len);
        }
    }
    if (failed) {
        (void)close(fd);
        errno = failed;
        return -1;
    }
    return fd;
}

void wire_connect(struct wire *wire, const char *host, uint16_t port, double seconds)
{
    struct addrinfo *found = wire_resolve(host, port, 0);
    int fd = -1;
    for (const struct addrinfo *address = found; fd < 0 && address; address = address->ai_next) {
        fd = wire_connect_to(address, seconds);
    }
    int reason = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        peer_die(PEER_FAILED, "cannot connect to %s:%u: %s", host, (unsigned)port, strerror(reason));
    }
    wire_adopt(wire, fd);
}

static void wire_name(int fd, char *name)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char host[WIRE_NAME_MAX - PORT_LEN - 3] = "?", service[PORT_LEN] = "?";
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        (void)getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), service, sizeof(service),
                          NI_NUMERICHOST | NI_NUMERICSERV);
    }
    (void)snprintf(name, WIRE_NAME_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, service);
}

int wire_listen(const char *host, uint16_t port, char *name)
{
    int one = 1;
    struct addrinfo *address = wire_resolve(host, port, AI_PASSIVE);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listens = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
                   bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int reason = errno;
    freeaddrinfo(address);
    if (!listens) {
        peer_die(PEER_FAILED, "cannot listen on %s:%u: %s", host, (unsigned)port, strerror(reason));
    }
    wire_name(fd, name);
    return fd;
}

bool wire_accept(struct wire *wire, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        wire_adopt(wire, fd);
    }
    return fd >= 0;
}

void wire_close(struct wire *wire)
{
    if (wire->fd >= 0) {
        (void)close(wire->fd);
    }
    stir_buf_free(&wire->in);
    stir_buf_free(&wire->out);
    *wire = (struct wire){.fd = -1};
}

/* ---- PDUs ---- */

void wire_put(struct wire *wire, const void *octets, size_t n)
{
    stir_buf_put(&wire->out, octets, n);
    if (stir_buf_state(&wire->out) != STIR_OK) {
        peer_die(PEER_FAILED, "out of memory while sending");
    }
}

void wire_put_pdu(struct wire *wire, const struct smpp_pdu *pdu)
{
    static char octets[SMPP_PDU_MAX];
    size_t n = 0;
    if (smpp_pdu_write(octets, sizeof(octets), &n, pdu) != STIR_OK) {
        peer_die(PEER_USAGE, "cannot write a %s: a text is too long for its field",
                 smpp_command_name(pdu->header.command));
    }
    wire_put(wire, octets, n);
}

void wire_put_header(struct wire *wire, uint32_t command, uint32_t status, uint32_t sequence)
{
    char octets[SMPP_HEADER_LEN];
    struct smpp_header header = {SMPP_HEADER_LEN, command, status, sequence};
    smpp_header_write(octets, &header);
    wire_put(wire, octets, sizeof(octets));
}

bool wire_flush(struct wire *wire)
{
    while (wire->fd >= 0 && wire->out_at < wire->out.len) {
        ssize_t n = send(wire->fd, wire->out.ptr + wire->out_at, wire->out.len - wire->out_at, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        wire->out_at += (size_t)n;
    }
    wire->out.len = wire->out_at = 0;
    return wire->fd >= 0;
}

bool wire_fill(struct wire *wire)
{
    if (wire->in_at) {
        memmove(wire->in.ptr, wire->in.ptr + wire->in_at, wire->in.len - wire->in_at);
        wire->in.len -= wire->in_at;
        wire->in_at = 0;
    }
    char *room = stir_buf_extend(&wire->in, PIECE);
    if (!room) {
        peer_die(PEER_FAILED, "out of memory while receiving");
    }
    ssize_t n = recv(wire->fd, room, PIECE, 0);
    wire->in.len -= PIECE - (n > 0 ? (size_t)n : 0);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool wire_next(struct wire *wire, const char **pdu, size_t *n)
{
    const char *at = wire->in.ptr ? wire->in.ptr + wire->in_at : "";
    enum smpp_fault fault = smpp_frame(n, at, wire->in.len - wire->in_at, LIMIT);
    if (fault == SMPP_OK) {
        *pdu = at;
        wire->in_at += *n;
    } else if (fault != SMPP_MORE) {
        wire->fault = fault;
    }
    return fault == SMPP_OK;
}

short wire_events(const struct wire *wire)
{
    return (short)(POLLIN | (wire->out_at < wire->out.len ? POLLOUT : 0));
}

bool wire_wait(struct pollfd *polls, nfds_t count, uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    return ppoll(polls, count, &t, NULL) >= 0;
}
