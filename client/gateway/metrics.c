#include "client/gateway/gateway_internal.h"

#include <inttypes.h>

static void put(struct stir_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    stir_buf_printf(out, "# HELP cps_smpp_%s %s\n# TYPE cps_smpp_%s %s\ncps_smpp_%s %" PRIu64 "\n", name, help, name,
                    type, name, value);
}

static void put_states(struct gw_gateway *gateway, struct stir_buf *out)
{
    uint64_t states[GW_STATE_COUNT] = {0}, queued[GW_LEG_COUNT] = {0};
    for (const struct gw_conn *conn = gateway->first; conn; conn = conn->next) {
        if (conn->relay) {
            states[gw_relay_state(conn->relay)]++;
        }
        queued[GW_ESME] += gw_link_queued(&conn->link[GW_ESME]);
        queued[GW_PEER] += gw_link_queued(&conn->link[GW_PEER]);
    }
    stir_buf_puts(out, "# HELP cps_smpp_connections ESMEs' connections now, by state\n"
                       "# TYPE cps_smpp_connections gauge\n");
    for (int state = 0; state < GW_STATE_COUNT; state++) {
        stir_buf_printf(out, "cps_smpp_connections{state=\"%s\"} %" PRIu64 "\n", gw_state_name((enum gw_state)state),
                        states[state]);
    }
    stir_buf_printf(out,
                    "# HELP cps_smpp_queued_octets Octets that wait to be sent\n"
                    "# TYPE cps_smpp_queued_octets gauge\n"
                    "cps_smpp_queued_octets{leg=\"esme\"} %" PRIu64 "\n"
                    "cps_smpp_queued_octets{leg=\"peer\"} %" PRIu64 "\n",
                    queued[GW_ESME], queued[GW_PEER]);
}

void gw_gateway_metrics(struct gw_gateway *gateway, struct stir_buf *out)
{
    put_states(gateway, out);
    put(out, "bound", "gauge", "Binds that the peer has accepted or is about to", gateway->tally.total);
    put(out, "held_messages", "gauge", "Messages that wait for a decision or their turn", gateway->pool.held);
    put(out, "held_octets", "gauge", "Octets of these", gateway->pool.octets);
    put(out, "accepted_total", "counter", "Connections accepted", gateway->conn_total);
    put(out, "refused_total", "counter", "Connections closed at once, by address or number", gateway->refused_total);
#define PUT_COUNTER(name, help) put(out, #name "_total", "counter", help, gateway->counters.name);
    GW_COUNTER_LIST(PUT_COUNTER)
#undef PUT_COUNTER
    if (gateway->filter.metrics) {
        gateway->filter.metrics(gateway->filter.arg, out);
    }
}
