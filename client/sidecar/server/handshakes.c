#include "client/sidecar/server/handshakes.h"

#include "client/sidecar/server/sidecar_internal.h"

bool gw_handshake_begin(struct gw_conn *conn, const struct sockaddr *address)
{
    struct gw_gateway *gateway = conn->gateway;
    struct gw_handshakes *all = &gateway->handshakes;
    const struct gw_config *config = &gateway->setup->config;
    gw_network_text(conn->network, address);
    if (!gw_tally_add(&all->by_network, conn->network, (uint64_t)config->handshakes_by_address)) {
        all->ended_total++;
        return false;
    }
    conn->shaking = true;
    conn->shaking_since_ms = uv_now(&gateway->loop);
    conn->earlier_handshake = all->newest;
    *(all->newest ? &all->newest->later_handshake : &all->oldest) = conn;
    all->newest = conn;
    if (all->by_network.total > (size_t)config->max_handshakes) {
        struct gw_conn *oldest = all->oldest;
        all->ended_total++;
        gw_handshake_end(oldest);
        gw_link_fail(&oldest->link[GW_ESME], "over [listen] max_handshakes");
    }
    return true;
}

void gw_handshake_end(struct gw_conn *conn)
{
    struct gw_handshakes *all = &conn->gateway->handshakes;
    if (!conn->shaking) {
        return;
    }
    conn->shaking = false;
    *(conn->earlier_handshake ? &conn->earlier_handshake->later_handshake : &all->oldest) = conn->later_handshake;
    *(conn->later_handshake ? &conn->later_handshake->earlier_handshake : &all->newest) = conn->earlier_handshake;
    gw_tally_remove(&all->by_network, conn->network);
}

void gw_handshakes_tick(struct gw_gateway *gateway)
{
    struct gw_handshakes *all = &gateway->handshakes;
    uint64_t ms = (uint64_t)gateway->setup->config.handshake_s * 1000;
    for (struct gw_conn *conn; (conn = all->oldest) && uv_now(&gateway->loop) - conn->shaking_since_ms >= ms;) {
        all->ended_total++;
        gw_handshake_end(conn);
        gw_link_fail(&conn->link[GW_ESME], "its TLS handshake took longer than [timeouts] handshake_s");
    }
}
