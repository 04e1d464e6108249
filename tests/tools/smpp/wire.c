#include "tests/tools/smpp/wire.h"

#include "client/smpp/pdu_frame.h"
#include "client/smpp/pdu_write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 262144, LIMIT = 1 << 20, PDU_MAX = 65536 };

void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (
        struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void adopt(struct wire *wire, int fd)
{
    int one = 1;
    *wire = (struct wire){.fd = fd};
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

void wire_connect(struct wire *wire, uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        die("127.0.0.1:%u: %s", port, strerror(errno));
    }
    adopt(wire, fd);
}

int wire_listen(uint16_t *port)
{
    int one = 1;
    struct sockaddr_in address = loopback(*port);
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 511) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        die("127.0.0.1:%u: %s", *port, strerror(errno));
    }
    *port = ntohs(address.sin_port);
    return fd;
}

bool wire_accept(struct wire *wire, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        adopt(wire, fd);
    }
    return fd >= 0;
}

void wire_close(struct wire *wire)
{
    if (wire->fd >= 0) {
        (void)close(wire->fd);
        wire->fd = -1;
    }
    stir_buf_free(&wire->in);
    stir_buf_free(&wire->out);
    wire->in = wire->out = (struct stir_buf){0};
    wire->in_at = wire->out_at = 0;
}

void wire_put(struct wire *wire, const void *pdu, size_t n)
{
    stir_buf_put(&wire->out, pdu, n);
    if (stir_buf_state(&wire->out) != STIR_OK) {
        die("out of memory");
    }
}

void wire_put_pdu(struct wire *wire, const struct smpp_pdu *pdu)
{
    static char octets[PDU_MAX];
    size_t n = 0;
    if (smpp_pdu_write(octets, sizeof(octets), &n, pdu) != STIR_OK) {
        die("this makes no PDU");
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
        die("out of memory");
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
        wire->taken++;
    } else if (fault != SMPP_MORE) {
        die("what came is not SMPP: %s", smpp_fault_text(fault));
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
