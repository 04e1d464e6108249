/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/handshakes.h"

#include <assert.h>

#include "client/sidecar/server/sidecar_internal.h"

bool sc_handshake_begin(struct sc_conn *conn, const struct sockaddr *address)
{
    struct sc_sidecar *sidecar = conn->sidecar;
    struct sc_handshakes *all = &sidecar->handshakes;
    const struct sc_config *config = &sidecar->setup->config;
    sc_network_text(conn->network, address);
    if (!sc_tally_add(&all->by_network, conn->network, (uint64_t)config->handshakes_by_address)) {
        all->ended_total++;
        return false;
    }
    conn->shaking = true;
    conn->shaking_since_ms = uv_now(&sidecar->loop);
    conn->earlier_handshake = all->newest;
    *(all->newest ? &all->newest->later_handshake : &all->oldest) = conn;
    all->newest = conn;
    if (all->by_network.total > (size_t)config->max_handshakes) {
        struct sc_conn *oldest = all->oldest;
        all->ended_total++;
        sc_handshake_end(oldest);
        sc_link_fail(&oldest->link[SC_ESME], "over [listen] max_handshakes");
    }
    return true;
}

void sc_handshake_end(struct sc_conn *conn)
{
    struct sc_handshakes *all = &conn->sidecar->handshakes;
    if (!conn->shaking) {
        return;
    }
    assert((conn->earlier_handshake || all->oldest == conn) && (conn->later_handshake || all->newest == conn));
    conn->shaking = false;
    *(conn->earlier_handshake ? &conn->earlier_handshake->later_handshake : &all->oldest) = conn->later_handshake;
    *(conn->later_handshake ? &conn->later_handshake->earlier_handshake : &all->newest) = conn->earlier_handshake;
    sc_tally_remove(&all->by_network, conn->network);
}

void sc_handshakes_tick(struct sc_sidecar *sidecar)
{
    struct sc_handshakes *all = &sidecar->handshakes;
    uint64_t ms = (uint64_t)sidecar->setup->config.handshake_s * 1000;
    for (struct sc_conn *conn; (conn = all->oldest) && uv_now(&sidecar->loop) - conn->shaking_since_ms >= ms;) {
        all->ended_total++;
        sc_handshake_end(conn);
        sc_link_fail(&conn->link[SC_ESME], "its TLS handshake took longer than [timeouts] handshake_s");
    }
}
