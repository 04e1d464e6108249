#pragma once

#include "client/sidecar/relay/relay.h"
#include "client/sidecar/server/handshakes.h"
#include "client/sidecar/server/link.h"
#include "client/sidecar/server/sidecar.h"

/* One ESME's connection: its relay with a link on each leg. */
struct sc_conn {
    struct sc_sidecar *sidecar;
    struct sc_conn *previous, *next; /* of all */
    struct sc_conn *next_resume;
    bool resuming;
    bool peer_opened; /* the connection to the peer came to be */
    uint64_t number;
    struct sc_relay *relay;
    bool shaking; /* its TLS handshake is in progress: client/sidecar/server/handshakes.h */
    uint64_t shaking_since_ms;
    struct sc_conn *earlier_handshake, *later_handshake;
    char network[SC_ADDRESS_MAX + 1]; /* that it counts for */
    struct sc_link link[SC_LEG_COUNT];
};

/* Takes a connection from a listener, and keeps it if it may be. False: there is no memory to take it, try again. */
bool sc_conn_accept(struct sc_sidecar *sidecar, uv_stream_t *listener);

/* For each connection, a few times a second. */
void sc_conn_tick(struct sc_conn *conn);

/* Does what relays have asked for; true if one had. */
bool sc_conn_resume_all(struct sc_sidecar *sidecar);

/* Closes both legs now. */
void sc_conn_abort(struct sc_conn *conn);
