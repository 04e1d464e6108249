/* SPDX-License-Identifier: MIT */
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
    SC_LISTENERS_MAX = 16,
    SC_LINGER_MS = 2000, /* time for the other side to read what was sent last */
    SC_LINGER_STOP_MS = 500,
};

struct sc_listener {
    struct sc_sidecar *sidecar;
    uv_tcp_t tcp;
    bool waiting; /* a connection could not be accepted; until it is, libuv reports no other */
};

/* Everything made from a configuration, before any of it is used. */
struct sc_setup {
    struct sc_config config;
    struct sc_allow allow;
    SSL_CTX *server_tls, *client_tls; /* NULL: no TLS */
    struct sc_endpoint peer;
};

struct sc_sidecar {
    struct sc_setup *setup;
    struct stir_log log;
    const char *path;
    const struct stir_conf_overrides *overrides;
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup, usr1, usr2;
    uv_timer_t tick;
    uv_timer_t watchdog; /* sends systemd a watchdog keep-alive */
    struct sc_listener listeners[SC_LISTENERS_MAX];
    size_t listener_count;
    struct sc_flow flow;
    struct sc_relay_options options;
    struct sc_pool pool;
    struct sc_counters counters;
    struct sc_tally tally;
    struct sc_handshakes handshakes;
    struct sc_filter filter;
    bool has_filter;
    struct sc_admin *admin;
    struct sc_conn *first;
    struct sc_conn *resume;
    size_t conn_count;
    void (*conn_gone)(struct sc_sidecar *sidecar); /* called after each connection that ended */
    uint64_t conn_total;                           /* since start */
    uint64_t refused_total;                        /* connections closed because of their address or number */
    struct sc_peer_health peer_health;
    struct stir_reloads reloads;
    bool stopping, ending;
    uint64_t stop_at_ms;
};

/* Makes a setup. Takes over config, also on failure. STIR_E_CONFIG and others name the setting or the file. */
enum stir_code sc_setup_new(struct sc_setup **out, struct sc_config *config, struct stir_error *err) STIR_MUST_CHECK;
void sc_setup_free(struct sc_setup *setup);

/* Appends all metrics as Prometheus text. */
void sc_sidecar_metrics(struct sc_sidecar *sidecar, struct stir_buf *out);
