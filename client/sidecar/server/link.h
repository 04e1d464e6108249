/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/held_message.h"
#include "client/sidecar/server/tls.h"
#include "common/base/buf.h"

#include <stdbool.h>
#include <uv.h>

/*
 * One TCP connection, with or without TLS, which moves octets. Everything that is written within one iteration of the
 * loop is sent in one piece at its end.
 */
struct sc_link;

/* Callbacks to the owner, which may call any function of any link in them, except in closed(). */
struct sc_link_ops {
    /* Ready for octets: connected or accepted, and the TLS handshake is done. */
    void (*opened)(void *arg, enum sc_leg leg);
    void (*octets)(void *arg, enum sc_leg leg, const void *data, size_t n);
    /* full: more than queue_max octets are queued for sending. Not full: less than half of that again. */
    void (*full)(void *arg, enum sc_leg leg, bool full);
    /* The connection has ended or could not be opened. why is NULL for an orderly end. Not called for a link that was
     * told to end, and never from within a function of the link. */
    void (*lost)(void *arg, enum sc_leg leg, const char *why);
    /* The last call: the owner may free the link. */
    void (*closed)(void *arg, enum sc_leg leg);
};

/* Shared by the links of one loop. */
struct sc_flow {
    uv_loop_t *loop;
    uv_prepare_t prepare;
    uv_check_t check;
    struct sc_link *dirty;   /* links with something to send or to report */
    struct stir_buf plain;   /* decrypted octets, until they are given to the owner */
    char *in;                /* the buffer that libuv reads into */
    bool (*turn)(void *arg); /* called before the links send; returns true if it did anything */
    void *turn_arg;
    size_t queue_max; /* octets */
    unsigned
        silence_ms; /* TCP user timeout: a link is lost if its octets are not acknowledged in time; 0: the default */
};

enum sc_link_state {
    SC_LINK_NONE, /* not used, or closed */
    SC_LINK_RESOLVING,
    SC_LINK_CONNECTING,
    SC_LINK_RETRYING, /* one address failed, the next one will be tried */
    SC_LINK_SHAKING,  /* TLS */
    SC_LINK_OPEN,
    SC_LINK_ENDING, /* sends what is queued, then waits for the end from the other side */
    SC_LINK_CLOSING,
};

struct sc_link {
    enum sc_link_state state;
    enum sc_leg leg;
    struct sc_flow *flow;
    const struct sc_link_ops *ops;
    void *arg;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct addrinfo *addresses, *address; /* those found, and the one being tried */
    struct sc_tls *tls;
    struct stir_buf out;    /* to be sent: plaintext */
    struct stir_buf wire;   /* to be sent: TLS records */
    struct stir_buf flying; /* being written by libuv */
    bool dirty, full;
    bool bare;       /* it has neither an open handle nor a request */
    bool shut;       /* our side is shut down for writing */
    bool peer_ended; /* the other side has shut down */
    struct sc_link *next_dirty;
    const char *failed; /* the reason to report with lost(); NULL: none */
    uint64_t deadline_ms;
};

/* STIR_E_NOMEM. The owner calls sc_flow_close when no link is left, then runs the loop until its handles are closed. */
enum stir_code sc_flow_open(struct sc_flow *flow, uv_loop_t *loop, struct stir_error *err) STIR_MUST_CHECK;
void sc_flow_close(struct sc_flow *flow);

/* Prepares a link in zeroed memory, which must not move until closed(). */
void sc_link_init(struct sc_link *link, struct sc_flow *flow, const struct sc_link_ops *ops, void *arg,
                  enum sc_leg leg);

/* Accepts a connection from a listener, without reading yet. Returns 0, or an error of libuv; closed() follows then. */
int sc_link_take(struct sc_link *link, uv_stream_t *listener);

/* Starts an accepted connection, with TLS if ctx is not NULL. opened() may be called at once. */
void sc_link_begin(struct sc_link *link, SSL_CTX *ctx);

/* Resolves the host, connects, and does the TLS handshake if ctx is not NULL, all within timeout_ms. name: the name
 * that the certificate must contain. */
void sc_link_connect(struct sc_link *link, const char *host, const char *port, SSL_CTX *ctx, const char *name,
                     uint64_t timeout_ms);

/* Queues octets for sending; they are copied. */
void sc_link_write(struct sc_link *link, const void *data, size_t n);

/* Stops or resumes reading. */
void sc_link_read(struct sc_link *link, bool on);

/* Sends what is queued, then closes, within linger_ms. */
void sc_link_end(struct sc_link *link, uint64_t linger_ms);

/* Ends the link for a reason: lost() is called at the end of this iteration of the loop. `why` must stay valid. */
void sc_link_fail(struct sc_link *link, const char *why);

/* Closes now. */
void sc_link_abort(struct sc_link *link);

/* Checks the time limit. Called a few times per second. */
void sc_link_tick(struct sc_link *link);

/* Calls full() if that has changed. Also done whenever something is sent. */
void sc_link_check(struct sc_link *link);

/* Returns the number of octets queued for sending. */
size_t sc_link_queued(const struct sc_link *link);
