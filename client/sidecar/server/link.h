#pragma once

#include "client/sidecar/relay/held_message.h"
#include "client/sidecar/server/tls.h"
#include "common/base/buf.h"

#include <stdbool.h>
#include <uv.h>

/*
 * One TCP connection, with or without TLS: moves octets and nothing else. What is written within a turn of the loop
 * goes out at its end, in one piece.
 */
struct sc_link;

/* What the owner is told. It may call any function of any link in these but the last. */
struct sc_link_ops {
    /* Ready for octets: connected, accepted, TLS agreed. */
    void (*opened)(void *arg, enum sc_leg leg);
    void (*octets)(void *arg, enum sc_leg leg, const void *data, size_t n);
    /* More than queue_max octets are waiting to be sent; or less than half of that again. */
    void (*full)(void *arg, enum sc_leg leg, bool full);
    /* It has ended, or could not be opened: why, or NULL for an orderly end. Never comes for one that was told to end,
     * and never from within a function of the link. */
    void (*lost)(void *arg, enum sc_leg leg, const char *why);
    /* The last call: its memory may go. */
    void (*closed)(void *arg, enum sc_leg leg);
};

/* What links of one loop share. */
struct sc_flow {
    uv_loop_t *loop;
    uv_prepare_t prepare;
    uv_check_t check;
    struct sc_link *dirty;   /* those that have something to send, or to report */
    struct stir_buf plain;   /* what TLS gave, until it is dealt with */
    char *in;                /* where the system reads to */
    bool (*turn)(void *arg); /* called before the links' turn to send; true if that did anything */
    void *turn_arg;
    size_t queue_max;    /* octets */
    unsigned silence_ms; /* what a link has sent is acknowledged within so long, or it is dead; 0: the system's time */
};

enum sc_link_state {
    SC_LINK_NONE, /* not used, or all over */
    SC_LINK_RESOLVING,
    SC_LINK_CONNECTING,
    SC_LINK_RETRYING, /* one address did not answer, another will be asked */
    SC_LINK_SHAKING,  /* TLS */
    SC_LINK_OPEN,
    SC_LINK_ENDING, /* sends what is left, then waits for the other side's end */
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
    struct addrinfo *addresses, *address; /* found; and the one that is being tried */
    struct sc_tls *tls;
    struct stir_buf out;    /* to be sent, as it was written */
    struct stir_buf wire;   /* TLS: to be sent, encrypted */
    struct stir_buf flying; /* the system has it */
    bool dirty, full;
    bool bare;       /* there is neither a handle nor a request */
    bool shut;       /* we have said that nothing more comes */
    bool peer_ended; /* the other side has */
    struct sc_link *next_dirty;
    const char *failed; /* to be reported as lost */
    uint64_t deadline_ms;
};

/* STIR_E_NOMEM. Cleared with sc_flow_close when no link is left, and the loop has run after it. */
enum stir_code sc_flow_open(struct sc_flow *flow, uv_loop_t *loop, struct stir_error *err) STIR_MUST_CHECK;
void sc_flow_close(struct sc_flow *flow);

/* The link is zeroed memory that stays where it is until closed(). */
void sc_link_init(struct sc_link *link, struct sc_flow *flow, const struct sc_link_ops *ops, void *arg,
                  enum sc_leg leg);

/* Takes a connection from a listener; reads nothing yet. 0, or an error of libuv's: closed() follows. */
int sc_link_take(struct sc_link *link, uv_stream_t *listener);

/* Begins with one that was taken, with TLS if there is a ctx; opened() may come at once. */
void sc_link_begin(struct sc_link *link, SSL_CTX *ctx);

/* Resolves, connects, agrees on TLS if there is a ctx; within timeout_ms. */
void sc_link_connect(struct sc_link *link, const char *host, const char *port, SSL_CTX *ctx, const char *name,
                     uint64_t timeout_ms);

void sc_link_write(struct sc_link *link, const void *data, size_t n);
void sc_link_read(struct sc_link *link, bool on);

/* Sends what was written, then closes; within linger_ms. */
void sc_link_end(struct sc_link *link, uint64_t linger_ms);

/* It ends for this reason: lost() comes with the turn of the loop. `why` is kept as a pointer. */
void sc_link_fail(struct sc_link *link, const char *why);

/* Closes now. */
void sc_link_abort(struct sc_link *link);

/* To be called a few times a second. */
void sc_link_tick(struct sc_link *link);

/* Says full() if it has become so, or is no longer. Happens whenever something is sent too. */
void sc_link_check(struct sc_link *link);

/* Octets that wait to be sent. */
size_t sc_link_queued(const struct sc_link *link);
