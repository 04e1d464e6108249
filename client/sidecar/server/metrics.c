/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/sidecar_internal.h"

#include "common/base/log_writer.h"

#include <inttypes.h>

static void metrics_put(struct stir_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    stir_buf_printf(out, "# HELP cps_smpp_%s %s\n# TYPE cps_smpp_%s %s\ncps_smpp_%s %" PRIu64 "\n", name, help, name,
                    type, name, value);
}

static void metrics_put_states(struct sc_sidecar *sidecar, struct stir_buf *out)
{
    uint64_t states[SC_STATE_COUNT] = {0}, queued[SC_LEG_COUNT] = {0};
    for (const struct sc_conn *conn = sidecar->first; conn; conn = conn->next) {
        if (conn->relay) {
            states[sc_relay_state(conn->relay)]++;
        }
        queued[SC_ESME] += sc_link_queued(&conn->link[SC_ESME]);
        queued[SC_PEER] += sc_link_queued(&conn->link[SC_PEER]);
    }
    stir_buf_puts(out, "# HELP cps_smpp_connections ESME connections, by state\n# TYPE cps_smpp_connections "
                       "gauge\n");
    for (int state = 0; state < SC_STATE_COUNT; state++) {
        stir_buf_printf(out, "cps_smpp_connections{state=\"%s\"} %" PRIu64 "\n", sc_state_name((enum sc_state)state),
                        states[state]);
    }
    stir_buf_printf(out,
                    "# HELP cps_smpp_queued_bytes Octets queued for sending\n# TYPE cps_smpp_queued_bytes "
                    "gauge\ncps_smpp_queued_bytes{leg=\"esme\"} %" PRIu64 "\n"
                    "cps_smpp_queued_bytes{leg=\"peer\"} %" PRIu64 "\n",
                    queued[SC_ESME], queued[SC_PEER]);
}

void sc_sidecar_metrics(struct sc_sidecar *sidecar, struct stir_buf *out)
{
    metrics_put_states(sidecar, out);
    metrics_put(out, "bound", "gauge", "Binds that the peer has accepted or is about to", sidecar->tally.total);
    metrics_put(out, "held_messages", "gauge", "Messages waiting for a decision or their turn", sidecar->pool.held);
    metrics_put(out, "held_bytes", "gauge", "Octets of the held messages", sidecar->pool.octets);
    metrics_put(out, "accepted_total", "counter", "Connections accepted", sidecar->conn_total);
    metrics_put(out, "log_dropped_total", "counter",
                "Log lines dropped because the reader or the disk of the log was too slow",
                stir_log_writer_dropped(sidecar->log.writer));
    metrics_put(out, "log_left_out_total", "counter", "Log lines left out because there were too many of the same kind",
                stir_log_writer_left_out(sidecar->log.writer));
    metrics_put(out, "refused_total", "counter", "Connections closed at once because of their address or their number",
                sidecar->refused_total);
    metrics_put(out, "handshakes", "gauge", "TLS handshakes of ESMEs in progress",
                sidecar->handshakes.by_network.total);
    metrics_put(out, "handshakes_ended_total", "counter",
                "TLS handshakes ended because of max_handshakes, handshakes_by_address or handshake_s",
                sidecar->handshakes.ended_total);
#define PUT_COUNTER(name, help) metrics_put(out, #name "_total", "counter", help, sidecar->counters.name);
    SC_COUNTER_LIST(PUT_COUNTER)
#undef PUT_COUNTER
    /* the counters of the relays, then health, process and filter */
    sc_health_render(sidecar, out);
    stir_process_metrics(out, "cps_smpp", &sidecar->reloads);
    if (sidecar->filter.metrics) {
        sidecar->filter.metrics(sidecar->filter.arg, out);
    }
}
