/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/relay.h"
#include "client/sidecar/server/handshakes.h"
#include "client/sidecar/server/link.h"
#include "client/sidecar/server/sidecar.h"

/* One ESME's connection: its relay with a link on each leg. */
struct sc_conn {
    struct sc_sidecar *sidecar;
    struct sc_conn *previous, *next; /* in the list of all connections */
    struct sc_conn *next_resume;
    bool resuming;
    bool peer_opened; /* the connection to the peer was opened */
    uint64_t number;
    struct sc_relay *relay;
    bool shaking; /* its TLS handshake is in progress, see handshakes.h */
    uint64_t shaking_since_ms;
    struct sc_conn *earlier_handshake, *later_handshake;
    char network[SC_ADDRESS_MAX + 1]; /* the network that its handshake counts for */
    struct sc_link link[SC_LEG_COUNT];
};

/* Accepts a connection from a listener, and closes it if it is not allowed. Returns false if out of memory: try again.
 */
bool sc_conn_accept(struct sc_sidecar *sidecar, uv_stream_t *listener);

/* Checks time limits. Called for each connection a few times per second. */
void sc_conn_tick(struct sc_conn *conn);

/* Resumes the relays that have asked for it. Returns true if there were any. */
bool sc_conn_resume_all(struct sc_sidecar *sidecar);

/* Closes both legs at once. */
void sc_conn_abort(struct sc_conn *conn);
