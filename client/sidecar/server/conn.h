#pragma once

#include "client/sidecar/relay/relay.h"
#include "client/sidecar/server/handshakes.h"
#include "client/sidecar/server/link.h"
#include "client/sidecar/server/sidecar.h"

/* One ESME's connection: its relay with a link on each leg. */
struct gw_conn {
    struct gw_gateway *gateway;
    struct gw_conn *previous, *next; /* of all */
    struct gw_conn *next_resume;
    bool resuming;
    bool peer_opened; /* the connection to the peer came to be */
    uint64_t number;
    struct gw_relay *relay;
    bool shaking; /* its TLS handshake is in progress: client/sidecar/server/handshakes.h */
    uint64_t shaking_since_ms;
    struct gw_conn *earlier_handshake, *later_handshake;
    char network[GW_ADDRESS_MAX + 1]; /* that it counts for */
    struct gw_link link[GW_LEG_COUNT];
};

/* Takes a connection from a listener, and keeps it if it may be. False: there is no memory to take it, try again. */
bool gw_conn_accept(struct gw_gateway *gateway, uv_stream_t *listener);

/* For each connection, a few times a second. */
void gw_conn_tick(struct gw_conn *conn);

/* Does what relays have asked for; true if one had. */
bool gw_conn_resume_all(struct gw_gateway *gateway);

/* Closes both legs now. */
void gw_conn_abort(struct gw_conn *conn);
