#pragma once

#include "client/smpp/pdu.h"
#include "common/buf.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/* A TCP connection that speaks SMPP, for tools: PDUs in and out over buffers, never blocking. Errors end the program.
 */
struct wire {
    int fd; /* -1: closed */
    struct stir_buf in, out;
    size_t in_at; /* octets of in that are dealt with */
    size_t out_at;
    uint64_t taken; /* PDUs */
};

void die(const char *fmt, ...) STIR_PRINTF(1, 2) __attribute__((noreturn));
uint64_t now_ns(void);

/* Connects to port of 127.0.0.1; listens there, port 0 is any, and tells which. */
void wire_connect(struct wire *wire, uint16_t port);
int wire_listen(uint16_t *port);
bool wire_accept(struct wire *wire, int listener);
void wire_close(struct wire *wire);

/* Appends a PDU; wire_flush sends what the system takes now. */
void wire_put(struct wire *wire, const void *pdu, size_t n);
void wire_put_pdu(struct wire *wire, const struct smpp_pdu *pdu);
void wire_put_header(struct wire *wire, uint32_t command, uint32_t status, uint32_t sequence);
bool wire_flush(struct wire *wire);

/* Reads what there is; false at the end of the connection. */
bool wire_fill(struct wire *wire);

/* The next whole PDU that was read, valid until the next wire_fill. */
bool wire_next(struct wire *wire, const char **pdu, size_t *n);

/* What poll() is to wait for. */
short wire_events(const struct wire *wire);

/* poll() for at most so long; false if a signal came. */
bool wire_wait(struct pollfd *polls, nfds_t count, uint64_t ns);
