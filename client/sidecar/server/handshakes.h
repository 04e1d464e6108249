/* SPDX-License-Identifier: MIT */
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
    uint64_t ended_total;            /* handshakes that one of the three limits ended */
};

/* Counts the handshake of a new connection. Returns false if its network has handshakes_by_address handshakes in
 * progress already, or if out of memory. Above max_handshakes the oldest handshake is ended: an attacker's slow
 * handshakes are the oldest, an ESME's own takes a few round trips. */
bool sc_handshake_begin(struct sc_conn *conn, const struct sockaddr *address);

/* Notes that a handshake is finished or its connection gone. Does nothing for a connection without a handshake. */
void sc_handshake_end(struct sc_conn *conn);

/* Ends handshakes that took longer than handshake_s. Called a few times per second. */
void sc_handshakes_tick(struct sc_sidecar *sidecar);
