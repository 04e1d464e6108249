/* SPDX-License-Identifier: MIT */
#include "client/sidecar/server/sidecar_internal.h"

#include "common/base/log_writer.h"
#include "common/net/sd_notify.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOG_RING ((size_t)1 << 20) /* octets of log lines that wait to be written */
#define LOG_FLUSH_S 5              /* time to write log lines at the end */

enum {
    TICK_MS = 100,
    BACKLOG = 511,
    UNBOUND_PDU_MAX = 4096, /* octets; a bind has about 100 */
};

/* ---- settings ---- */

static void sidecar_use_settings(struct sc_sidecar *sidecar)
{
    const struct sc_config *config = &sidecar->setup->config;
    struct sc_relay_options *options = &sidecar->options;
    *options = (struct sc_relay_options){
        .max_pdu = (size_t)config->max_pdu_bytes,
        .max_unbound_pdu = UNBOUND_PDU_MAX,
        .held_max = (size_t)config->held_messages,
        .held_octets_max = (size_t)config->held_bytes,
        .bind_ms = (uint32_t)(config->bind_s * 1000),
        .enquire_ms = (uint32_t)(config->enquire_link_s * 1000),
        .answer_ms = (uint32_t)(config->answer_s * 1000),
        .pdu_ms = (uint32_t)(config->pdu_s * 1000),
        .idle_ms = (uint32_t)(config->idle_s * 1000),
        .unbind_ms = (uint32_t)(config->unbind_s * 1000),
        .offers = {config->submit.action != SC_PASS, config->deliver.action != SC_PASS},
        .filter = &sidecar->filter,
        .pool = &sidecar->pool,
        .counters = &sidecar->counters,
    };
    sidecar->pool.held_max = (size_t)config->held_messages_total;
    sidecar->pool.octets_max = (size_t)config->held_bytes_total;
    sidecar->flow.queue_max = (size_t)config->queue_bytes;
    /* a slow reader must not be taken for a dead one */
    sidecar->flow.silence_ms =
        config->enquire_link_s ? (unsigned)((config->enquire_link_s + config->answer_s) * 1000) : 0;
    sidecar->log = (struct stir_log){.fd = 2,
                                     .level = (enum stir_log_level)config->log_level,
                                     .format = (enum stir_log_format)config->log_format,
                                     .writer = sidecar->log.writer,
                                     .alike_per_s = (unsigned)config->log_alike_per_s};
    stir_log_writer_form(sidecar->log.writer, &sidecar->log);
}

static enum stir_code sidecar_check_filter(const struct sc_config *config, bool there, struct stir_error *err)
{
    if (!there && (config->submit.action != SC_PASS || config->deliver.action != SC_PASS)) {
        return stir_fail(err, STIR_E_CONFIG, "[submit] and [deliver] action: only pass is possible without a filter");
    }
    return STIR_OK;
}

/* ---- reload ---- */

static void sidecar_log_change(void *arg, const struct stir_conf_key *key)
{
    stir_log_plain(arg, STIR_LOG_NOTICE, "reload: [%s] %s changed%s", key->section, key->name,
                   key->reloadable ? "" : ", but takes effect only after a restart");
}

static enum stir_code sidecar_load_again(struct sc_sidecar *sidecar, struct sc_setup **out, struct stir_error *err)
{
    struct sc_config config = {0};
    enum stir_code code = sc_config_load(&config, sidecar->path, sidecar->overrides, err);
    if (code == STIR_OK) {
        stir_conf_diff(&sidecar->setup->config, &config, sc_config_table, sc_config_count, sidecar_log_change,
                       &sidecar->log);
        code = sc_setup_new(out, &config, err);
    }
    if (code == STIR_OK) {
        code = sidecar_check_filter(&(*out)->config, sidecar->has_filter, err);
    }
    code = code == STIR_OK ? stir_log_writer_open(sidecar->log.writer, (*out)->config.log_file, err) : code;
    if (code == STIR_OK && sidecar->filter.reload) {
        code = sidecar->filter.reload(sidecar->filter.arg, &(*out)->config, err);
    }
    return code;
}

/* Keeps the old configuration, and reports that to the log and to systemd. */
static void sidecar_reload_failed(struct sc_sidecar *sidecar, const struct stir_error *err)
{
    (void)!stir_log_writer_open(sidecar->log.writer, sidecar->setup->config.log_file, NULL);
    stir_reloads_note(&sidecar->reloads, false);
    stir_log_plain(&sidecar->log, STIR_LOG_ERROR, "reload: nothing is changed: %s", err->text);
    (void)stir_notify("READY=1\nSTATUS=The last reload failed: nothing was changed");
}

/* SIGHUP: reads the configuration again. Binds stay open; the new settings apply from now on. */
static void sidecar_on_hangup(uv_signal_t *handle, int signum)
{
    struct sc_sidecar *sidecar = handle->data;
    struct sc_setup *setup = NULL;
    struct stir_error err = {0};
    (void)signum;
    if (sidecar->stopping) {
        return;
    }
    (void)stir_notify_reloading();
    if (sidecar_load_again(sidecar, &setup, &err) != STIR_OK) {
        sidecar_reload_failed(sidecar, &err);
        sc_setup_free(setup);
        return;
    }
    sc_setup_free(sidecar->setup);
    sidecar->setup = setup;
    sidecar_use_settings(sidecar);
    stir_reloads_note(&sidecar->reloads, true);
    stir_log_plain(&sidecar->log, STIR_LOG_NOTICE, "reload: configuration and certificates are in use");
    (void)stir_notify("READY=1\nSTATUS=Reloaded");
}

static enum stir_code sidecar_open_logs_again(struct sc_sidecar *sidecar, struct stir_error *err)
{
    enum stir_code code = stir_log_writer_open(sidecar->log.writer, sidecar->setup->config.log_file, err);
    return code == STIR_OK && sidecar->filter.reopen ? sidecar->filter.reopen(sidecar->filter.arg, err) : code;
}

static void sidecar_on_usr1(uv_signal_t *handle, int signum)
{
    struct sc_sidecar *sidecar = handle->data;
    struct stir_error err = {0};
    (void)signum;
    if (sidecar_open_logs_again(sidecar, &err) == STIR_OK) {
        stir_log_plain(&sidecar->log, STIR_LOG_NOTICE, "logs: opened again after SIGUSR1");
    } else {
        stir_log_plain(&sidecar->log, STIR_LOG_ERROR, "logs: cannot open the file again, the old one stays in use: %s",
                       err.text);
    }
}

static void sidecar_on_usr2(uv_signal_t *handle, int signum)
{
    struct sc_sidecar *sidecar = handle->data;
    (void)signum;
    stir_log_plain(&sidecar->log, STIR_LOG_NOTICE, "SIGUSR2 is ignored: SIGHUP reloads, SIGUSR1 opens logs again");
}

/* ---- the end ---- */

static void sidecar_close_all(struct sc_sidecar *sidecar)
{
    sidecar->ending = true;
    if (sidecar->filter.close) {
        sidecar->filter.close(sidecar->filter.arg);
        sidecar->filter = (struct sc_filter){0};
    }
    sc_admin_close(sidecar->admin);
    sidecar->admin = NULL;
    sc_flow_close(&sidecar->flow);
    uv_close((uv_handle_t *)&sidecar->tick, NULL);
    uv_close((uv_handle_t *)&sidecar->watchdog, NULL);
    uv_close((uv_handle_t *)&sidecar->hangup, NULL);
    uv_close((uv_handle_t *)&sidecar->usr1, NULL);
    uv_close((uv_handle_t *)&sidecar->usr2, NULL);
}

static void sidecar_check_end(struct sc_sidecar *sidecar)
{
    if (sidecar->stopping && !sidecar->ending && sidecar->conn_count == 0) {
        sidecar_close_all(sidecar);
    }
}

static void sidecar_close_listeners(struct sc_sidecar *sidecar)
{
    for (size_t i = 0; i < sidecar->listener_count; i++) {
        uv_close((uv_handle_t *)&sidecar->listeners[i].tcp, NULL);
    }
    uv_close((uv_handle_t *)&sidecar->term, NULL); /* a second signal ends the process at once */
    uv_close((uv_handle_t *)&sidecar->interrupt, NULL);
}

static void sidecar_on_stop(uv_signal_t *handle, int signum)
{
    struct sc_sidecar *sidecar = handle->data;
    uint64_t limit = (uint64_t)sidecar->setup->config.drain_s * 1000;
    (void)stir_notify("STOPPING=1\nSTATUS=Finishing the messages in progress");
    stir_log_plain(&sidecar->log, STIR_LOG_NOTICE, "stopping: %s, %zu connections, %zu messages are held",
                   signum == SIGTERM ? "SIGTERM" : "SIGINT", sidecar->conn_count, sidecar->pool.held);
    sidecar->stopping = true;
    sidecar->stop_at_ms = uv_now(&sidecar->loop) + limit;
    sidecar_close_listeners(sidecar);
    if (sidecar->filter.stop) {
        sidecar->filter.stop(sidecar->filter.arg);
    }
    for (struct sc_conn *conn = sidecar->first; conn; conn = conn->next) {
        if (conn->relay) {
            sc_relay_drain(conn->relay, limit, uv_now(&sidecar->loop));
        }
    }
    sidecar_check_end(sidecar);
}

static void sidecar_on_tick(uv_timer_t *handle)
{
    struct sc_sidecar *sidecar = handle->data;
    for (size_t i = 0; i < sidecar->listener_count && !sidecar->stopping; i++) {
        struct sc_listener *listener = &sidecar->listeners[i];
        listener->waiting = listener->waiting && !sc_conn_accept(sidecar, (uv_stream_t *)&listener->tcp);
    }
    sc_handshakes_tick(sidecar);
    for (struct sc_conn *conn = sidecar->first, *next; conn; conn = next) {
        next = conn->next;
        sc_conn_tick(conn);
    }
    if (sidecar->stopping && uv_now(&sidecar->loop) >= sidecar->stop_at_ms) {
        for (struct sc_conn *conn = sidecar->first; conn; conn = conn->next) {
            sc_conn_abort(conn);
        }
    }
}

/* systemd kills a process that sends no WATCHDOG=1 for the time of WatchdogSec=. */
static void sidecar_on_watchdog(uv_timer_t *handle)
{
    (void)handle;
    (void)stir_notify("WATCHDOG=1");
}

/* ---- the beginning ---- */

static void sidecar_on_connection(uv_stream_t *stream, int status)
{
    struct sc_listener *listener = stream->data;
    if (status < 0) {
        stir_log_plain(&listener->sidecar->log, STIR_LOG_ERROR, "accept: %s", uv_strerror(status));
    } else {
        listener->waiting = !sc_conn_accept(listener->sidecar, stream);
    }
}

static enum stir_code sidecar_listen_address(struct sc_sidecar *sidecar, const struct sockaddr_storage *address,
                                             bool only, const char *text, struct stir_error *err)
{
    struct sc_listener *listener = &sidecar->listeners[sidecar->listener_count];
    if (sidecar->listener_count == SC_LISTENERS_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "[listen] address: more than %d addresses", SC_LISTENERS_MAX);
    }
    listener->sidecar = sidecar;
    (void)uv_tcp_init(&sidecar->loop, &listener->tcp);
    listener->tcp.data = listener;
    sidecar->listener_count++;
    int status = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)address, only ? UV_TCP_IPV6ONLY : 0);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, sidecar_on_connection);
    }
    if (status < 0) {
        return stir_fail(err, STIR_E_IO, "cannot listen on %s: %s", text, uv_strerror(status));
    }
    char where[SC_PLACE_MAX];
    sc_place_text(where, &listener->tcp);
    stir_log_plain(&sidecar->log, STIR_LOG_NOTICE, "listening on smpp%s://%s", sidecar->setup->server_tls ? "s" : "",
                   where);
    return STIR_OK;
}

/* Listens on all addresses of an item of [listen] address. */
static enum stir_code sidecar_listen_on(struct sc_sidecar *sidecar, const char *text, struct stir_error *err)
{
    struct stir_listen_addresses found;
    enum stir_code code = sc_listen_find(&found, "[listen] address", text, err);
    for (size_t i = 0; code == STIR_OK && i < found.count; i++) {
        const struct sockaddr_storage *address = &found.at[i].address;
        code = sidecar_listen_address(sidecar, address, found.any && address->ss_family == AF_INET6, text, err);
    }
    return code;
}

static enum stir_code sidecar_listen_all(struct sc_sidecar *sidecar, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    char item[300];
    for (size_t pos = 0;
         code == STIR_OK && stir_conf_next(sidecar->setup->config.listen_address, &pos, item, sizeof(item));) {
        code = sidecar_listen_on(sidecar, item, err);
    }
    return code;
}

/* Raises the limit of open files to what all connections need, if the hard limit allows it. */
static void sidecar_raise_file_limit(const struct sc_sidecar *sidecar)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)sidecar->setup->config.max_connections * 2 + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < want) {
        limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < want - 256) {
            stir_log_plain(&sidecar->log, STIR_LOG_WARNING,
                           "the limit of open files (%llu) is too low for [listen] max_connections",
                           (unsigned long long)limit.rlim_cur);
        }
    }
}

static void sidecar_watch_signals(struct sc_sidecar *sidecar)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_signal_init(&sidecar->loop, &sidecar->term);
    (void)uv_signal_init(&sidecar->loop, &sidecar->interrupt);
    (void)uv_signal_init(&sidecar->loop, &sidecar->hangup);
    (void)uv_signal_init(&sidecar->loop, &sidecar->usr1);
    (void)uv_signal_init(&sidecar->loop, &sidecar->usr2);
    (void)uv_timer_init(&sidecar->loop, &sidecar->tick);
    sidecar->term.data = sidecar->interrupt.data = sidecar->hangup.data = sidecar->tick.data = sidecar;
    sidecar->usr1.data = sidecar->usr2.data = sidecar;
    (void)uv_signal_start(&sidecar->term, sidecar_on_stop, SIGTERM);
    (void)uv_signal_start(&sidecar->interrupt, sidecar_on_stop, SIGINT);
    (void)uv_signal_start(&sidecar->hangup, sidecar_on_hangup, SIGHUP);
    (void)uv_signal_start(&sidecar->usr1, sidecar_on_usr1, SIGUSR1);
    (void)uv_signal_start(&sidecar->usr2, sidecar_on_usr2, SIGUSR2);
    (void)uv_timer_start(&sidecar->tick, sidecar_on_tick, TICK_MS, TICK_MS);
    uint64_t watchdog_ms = stir_notify_watchdog_ms();
    (void)uv_timer_init(&sidecar->loop, &sidecar->watchdog);
    if (watchdog_ms) {
        (void)uv_timer_start(&sidecar->watchdog, sidecar_on_watchdog, watchdog_ms, watchdog_ms);
    }
}

static bool sidecar_take_turn(void *arg)
{
    return sc_conn_resume_all(arg);
}

static enum stir_code sidecar_start(struct sc_sidecar *sidecar, sc_filter_maker *make, struct stir_error *err)
{
    const struct sc_config *config = &sidecar->setup->config;
    sidecar->flow.turn = sidecar_take_turn;
    sidecar->flow.turn_arg = sidecar;
    enum stir_code code = sc_flow_open(&sidecar->flow, &sidecar->loop, err);
    if (code == STIR_OK) {
        code = sidecar_check_filter(config, make != NULL, err);
    }
    if (code == STIR_OK && make) {
        code = stir_conf_fault(err, make(&sidecar->filter, config, &sidecar->loop, &sidecar->log, err));
        sidecar->has_filter = code == STIR_OK;
    }
    if (code == STIR_OK && config->admin_listen[0]) {
        code = sc_admin_open(&sidecar->admin, sidecar, config->admin_listen, err);
    }
    return code == STIR_OK ? sidecar_listen_all(sidecar, err) : code;
}

enum stir_code sc_sidecar_run(struct sc_config *config, const char *path, const struct stir_conf_overrides *overrides,
                              sc_filter_maker *make, struct stir_error *err)
{
    struct sc_sidecar *sidecar = calloc(1, sizeof(*sidecar));
    if (sidecar) {
        sidecar->log.writer = stir_log_writer_new(
            &(struct stir_log_writer_config){.fd = STDERR_FILENO, .capacity = LOG_RING, .flush_s = LOG_FLUSH_S});
    }
    /* without memory, log or loop nothing can be run or reported in the usual way */
    if (!sidecar || !sidecar->log.writer || uv_loop_init(&sidecar->loop) < 0) {
        stir_log_writer_free(sidecar ? sidecar->log.writer : NULL);
        free(sidecar);
        sc_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "out of memory at start");
    }
    sidecar->path = path;
    sidecar->conn_gone = sidecar_check_end;
    stir_reloads_begin(&sidecar->reloads);
    sidecar->overrides = overrides;
    enum stir_code code = sc_setup_new(&sidecar->setup, config, err);
    if (code == STIR_OK) {
        sidecar_use_settings(sidecar);
        sidecar_raise_file_limit(sidecar);
        sidecar_watch_signals(sidecar);
        code = stir_conf_fault(err, stir_log_writer_open(sidecar->log.writer, sidecar->setup->config.log_file, err));
        code = code == STIR_OK ? sidecar_start(sidecar, make, err) : code;
        if (code == STIR_OK) {
            stir_log_plain(&sidecar->log, STIR_LOG_NOTICE, "ready: peer %s", sidecar->setup->config.peer_address);
            (void)stir_notify("READY=1\nSTATUS=Serving");
        } else {
            sidecar_close_listeners(sidecar);
            sidecar_close_all(sidecar);
        }
        /* also after a failure: the loop must run until all handles are closed */
        (void)uv_run(&sidecar->loop, UV_RUN_DEFAULT);
    }
    (void)uv_loop_close(&sidecar->loop);
    if (code == STIR_OK) {
        stir_log_plain(&sidecar->log, STIR_LOG_NOTICE, "stopped");
    }
    sc_tally_clear(&sidecar->tally);
    sc_tally_clear(&sidecar->handshakes.by_network);
    sc_setup_free(sidecar->setup);
    stir_log_writer_free(sidecar->log.writer);
    free(sidecar);
    return code;
}

void sc_sidecar_check(struct sc_config *config, struct stir_faults *faults)
{
    struct sc_setup *setup = NULL;
    struct stir_error err = {0};
    stir_faults_take(faults, sc_setup_new(&setup, config, &err), &err);
    sc_setup_free(setup);
}
