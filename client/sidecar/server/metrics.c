#include "client/sidecar/server/sidecar_internal.h"

#include "common/base/log_writer.h"

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
                    "# HELP cps_smpp_queued_bytes Octets that wait to be sent\n"
                    "# TYPE cps_smpp_queued_bytes gauge\n"
                    "cps_smpp_queued_bytes{leg=\"esme\"} %" PRIu64 "\n"
                    "cps_smpp_queued_bytes{leg=\"peer\"} %" PRIu64 "\n",
                    queued[GW_ESME], queued[GW_PEER]);
}

void gw_gateway_metrics(struct gw_gateway *gateway, struct stir_buf *out)
{
    put_states(gateway, out);
    put(out, "bound", "gauge", "Binds that the peer has accepted or is about to", gateway->tally.total);
    put(out, "held_messages", "gauge", "Messages that wait for a decision or their turn", gateway->pool.held);
    put(out, "held_bytes", "gauge", "Octets of these", gateway->pool.octets);
    put(out, "accepted_total", "counter", "Connections accepted", gateway->conn_total);
    put(out, "log_dropped_total", "counter", "Log lines dropped because the log's reader or disk was too slow",
        stir_log_writer_dropped(gateway->log.writer));
    put(out, "log_left_out_total", "counter", "Log lines left out because there were too many of their kind",
        stir_log_writer_left_out(gateway->log.writer));
    put(out, "refused_total", "counter", "Connections closed at once, by address or number", gateway->refused_total);
    put(out, "handshakes", "gauge", "TLS handshakes of ESMEs in progress now", gateway->handshakes.by_network.total);
    put(out, "handshakes_ended_total", "counter",
        "TLS handshakes that were ended: over max_handshakes, handshakes_by_address or handshake_s",
        gateway->handshakes.ended_total);
#define PUT_COUNTER(name, help) put(out, #name "_total", "counter", help, gateway->counters.name);
    GW_COUNTER_LIST(PUT_COUNTER)
#undef PUT_COUNTER
    gw_health_render(gateway, out);
    stir_process_metrics(out, "cps_smpp", &gateway->reloads);
    if (gateway->filter.metrics) {
        gateway->filter.metrics(gateway->filter.arg, out);
    }
}
