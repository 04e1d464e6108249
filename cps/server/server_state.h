/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/process_metrics.h"
#include "cps/auth/trust_status.h"
#include "cps/server/server_internal.h"

/*
 * The main thread's state, and the parts of the server that work on it. Calls go one way:
 * server.c (start and end) -> signals.c -> reload.c -> trust_update.c -> setup.c. Private to cps/server.
 */
struct cpsd_server {
    struct stir_log log;       /* the main thread's; its level follows reloads */
    struct stir_log store_log; /* read by all threads, so it never changes */
    const char *path;          /* of the configuration file; may be NULL */
    const struct stir_conf_overrides *overrides;
    struct cpsd_setup *setup;
    struct cpsd_backend *backend;
    struct cpsd_fetcher *fetcher;
    struct cpsd_cert_cache *certs;
    struct cpsd_crls *crls;
    struct cpsd_root_lists *root_lists;
    struct cpsd_trusted *trusted; /* what the workers use, or will soon */
    bool trust_waits;             /* the setup's trust comes into use once its new revocation lists were fetched */
    struct cpsd_trust_status *trust_status;
    uv_timer_t status_timer;
    struct cpsd_worker *workers;
    size_t worker_count;
    struct cpsd_metrics **metrics; /* of each worker */
    struct cpsd_buckets *reads;
    struct cpsd_conn_limit *conn_limit;
    struct cpsd_conn_limit *handshakes;
    struct cpsd_tls_tickets *tickets;
    atomic_flag form_warned;
    uv_loop_t loop;
    uv_signal_t term, interrupt;
    uv_signal_t hangup, usr1, usr2; /* stay until the workers have ended */
    struct stir_reloads reloads;
    uv_timer_t watchdog;
    uv_async_t opened;    /* a worker has started its listeners */
    bool ready;           /* all workers have, and systemd was told */
    uint64_t *seen_ticks; /* of each worker, when the watchdog last looked */
    bool stopping;
};

/* signals.c: opens the loop and starts to watch signals: SIGTERM and SIGINT stop the server, SIGHUP reloads, SIGUSR1
 * reopens the log. STIR_E_NOMEM. */
enum stir_code cpsd_signals_watch(struct cpsd_server *server, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_signals_close(struct cpsd_server *server); /* those that stay until the workers have ended */

/* reload.c: reads the configuration again and hands it to the workers. All or nothing: on a fault it is logged and the
 * previous configuration stays in use. */
void cpsd_reload(struct cpsd_server *server);

/* watchdog.c: watches whether the workers serve and whether their loops turn, and tells systemd. STIR_E_CONFIG:
 * WatchdogSec= is too short. STIR_E_NOMEM. */
enum stir_code cpsd_watchdog_start(struct cpsd_server *server, struct stir_error *err) STIR_MUST_CHECK;

/* trust_update.c: starts to refresh revocation lists and lists of roots, and to publish their state for /metrics and
 * /ready. What cpsd_crls_use and cpsd_root_lists_use return. */
enum stir_code cpsd_trust_update_start(struct cpsd_server *server, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_trust_update_stop(struct cpsd_server *server);

/* trust_update.c: decides, on a reload, from when on a new setup's trust is used: at once, or after its new revocation
 * lists were fetched. */
void cpsd_trust_update_choose(struct cpsd_server *server, struct cpsd_setup *setup);

/* policy_log.c: logs at start who may do what, and each setting that an operator should know to be loose. */
void cpsd_policy_log(const struct stir_log *log, const struct cpsd_config *config);
