/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "common/base/buf.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A TCP connection that carries SMPP, for cps-esme and cps-smsc: PDUs in and out over buffers, without blocking. A
 * fault of the machine (no memory, no socket) ends the program with a message.
 */
struct wire {
    int fd; /* -1: closed */
    struct stir_buf in, out;
    size_t in_at;          /* octets of `in` that were taken */
    size_t out_at;         /* octets of `out` that were sent */
    enum smpp_fault fault; /* why no more PDUs can be read; SMPP_OK: they can */
};

/* The exit statuses of cps-esme and cps-smsc, as in their manual pages. */
enum peer_exit {
    PEER_OK = 0,
    PEER_FAILED = 1,  /* the connection could not be made, or ended, or an answer did not arrive */
    PEER_USAGE = 2,   /* the command line is wrong */
    PEER_REFUSED = 3, /* the other side refused a bind or a message */
};

/* Prints the program's name and the message on standard error, and ends the program. */
void peer_die(enum peer_exit status, const char *fmt, ...) STIR_PRINTF(2, 3) __attribute__((noreturn));

/* Returns the time since an arbitrary moment, in nanoseconds. It never runs backwards. */
uint64_t now_ns(void);

/* Connects to a port of a host, which is a name or an address, within a number of seconds. Ends the program with
 * PEER_FAILED if that fails. */
void wire_connect(struct wire *wire, const char *host, uint16_t port, double seconds);

/* Listens on a port of an address; port 0 is any free one. Puts "ADDRESS:PORT" into name, which has room for
 * WIRE_NAME_MAX octets, and returns the socket. Ends the program with PEER_FAILED if that fails. */
enum { WIRE_NAME_MAX = 128 };
int wire_listen(const char *host, uint16_t port, char *name);

/* Accepts a connection. Returns false if none is waiting. */
bool wire_accept(struct wire *wire, int listener);
void wire_close(struct wire *wire);

/* Append octets, a PDU, or a PDU that is only a header. wire_flush sends them. A PDU that cannot be written ends the
 * program with PEER_USAGE: a text from the command line is too long for its field. */
void wire_put(struct wire *wire, const void *octets, size_t n);
void wire_put_pdu(struct wire *wire, const struct smpp_pdu *pdu);
void wire_put_header(struct wire *wire, uint32_t command, uint32_t status, uint32_t sequence);

/* Sends as much as the system takes now. Returns false if the connection has ended. */
bool wire_flush(struct wire *wire);

/* Reads what has arrived. Returns false if the connection has ended. */
bool wire_fill(struct wire *wire);

/* Takes the next whole PDU, which is valid until the next wire_fill. Returns false if no whole PDU has arrived, or if
 * the octets are not SMPP; wire->fault is set then. */
bool wire_next(struct wire *wire, const char **pdu, size_t *n);

/* Returns the events that poll() has to wait for. */
short wire_events(const struct wire *wire);

/* Waits with poll() for at most ns nanoseconds. Returns false if a signal interrupted it. */
bool wire_wait(struct pollfd *polls, nfds_t count, uint64_t ns);
