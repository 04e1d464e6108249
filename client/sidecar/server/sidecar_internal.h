#pragma once

#include "client/sidecar/relay/relay.h"
#include "client/sidecar/server/access.h"
#include "client/sidecar/server/admin.h"
#include "client/sidecar/server/conn.h"
#include "client/sidecar/server/endpoint.h"
#include "client/sidecar/server/handshakes.h"
#include "client/sidecar/server/health.h"
#include "client/sidecar/server/sidecar.h"
#include "client/sidecar/server/tls.h"
#include "common/base/process_metrics.h"

enum {
    GW_LISTENERS_MAX = 16,
    GW_LINGER_MS = 2000, /* for the other side to read our last words */
    GW_LINGER_STOP_MS = 500,
};

struct gw_listener {
    struct gw_gateway *gateway;
    uv_tcp_t tcp;
    bool waiting; /* one that could not be taken; until it is, libuv offers no other */
};

/* What a configuration leads to, all of it made before any of it is used. */
struct gw_setup {
    struct gw_config config;
    struct gw_allow allow;
    SSL_CTX *server_tls, *client_tls; /* NULL: without */
    struct gw_endpoint peer;
};

struct gw_gateway {
    struct gw_setup *setup;
    struct stir_log log;
    const char *path;
    const struct stir_conf_overrides *overrides;
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup, usr1, usr2;
    uv_timer_t tick;
    uv_timer_t watchdog; /* tells systemd that the loop goes round */
    struct gw_listener listeners[GW_LISTENERS_MAX];
    size_t listener_count;
    struct gw_flow flow;
    struct gw_relay_options options;
    struct gw_pool pool;
    struct gw_counters counters;
    struct gw_tally tally;
    struct gw_handshakes handshakes;
    struct gw_filter filter;
    bool has_filter;
    struct gw_admin *admin;
    struct gw_conn *first;
    struct gw_conn *resume;
    size_t conn_count;
    uint64_t conn_total;    /* since start */
    uint64_t refused_total; /* connections, by address or number */
    struct gw_peer_health peer_health;
    struct stir_reloads reloads;
    bool stopping, ending;
    uint64_t stop_at_ms;
};

/* Makes a setup; takes config over, also when it fails. */
enum stir_code gw_setup_new(struct gw_setup **out, struct gw_config *config, struct stir_error *err) STIR_MUST_CHECK;
void gw_setup_free(struct gw_setup *setup);

/* The last connection is gone. */
void gw_gateway_conn_gone(struct gw_gateway *gateway);

/* Prometheus text of all that the gateway knows. */
void gw_gateway_metrics(struct gw_gateway *gateway, struct stir_buf *out);
