#pragma once

#include "client/sidecar/server/access.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * TLS handshakes of ESMEs in progress, bounded in number ([listen] max_handshakes), for each network
 * (handshakes_by_address) and in time ([timeouts] handshake_s). One thread.
 */
struct sc_conn;
struct sc_sidecar;

struct sc_handshakes {
    struct sc_conn *oldest, *newest; /* linked by later_handshake, earlier_handshake */
    struct sc_tally by_network;      /* its total is the number of handshakes in progress */
    uint64_t ended_total;            /* those that the sidecar ended, by one of the three limits */
};

/* Counts a new connection in. False: its network has handshakes_by_address handshakes in progress already, or memory is
 * out. Over max_handshakes the handshake that is in progress for the longest time is ended: a stranger's slow ones are
 * the oldest, an ESME's own takes a few round trips. */
bool sc_handshake_begin(struct sc_conn *conn, const struct sockaddr *address);

/* The handshake is finished, or its connection is gone. Does nothing for a connection without one in progress. */
void sc_handshake_end(struct sc_conn *conn);

/* Ends handshakes that took longer than handshake_s. A few times a second. */
void sc_handshakes_tick(struct sc_sidecar *sidecar);
