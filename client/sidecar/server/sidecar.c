#include "client/sidecar/server/sidecar_internal.h"

#include "common/base/log_writer.h"
#include "common/net/sd_notify.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOG_RING ((size_t)1 << 20) /* octets of log lines that wait to be written */
#define LOG_FLUSH_S 5              /* at the end */

enum {
    TICK_MS = 100,
    BACKLOG = 511,
    UNBOUND_PDU_MAX = 4096, /* octets; a bind has some 100 */
};

/* ---- settings ---- */

static void use_settings(struct gw_gateway *gateway)
{
    const struct gw_config *config = &gateway->setup->config;
    struct gw_relay_options *options = &gateway->options;
    *options = (struct gw_relay_options){
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
        .offers = {config->submit.action != GW_PASS, config->deliver.action != GW_PASS},
        .filter = &gateway->filter,
        .pool = &gateway->pool,
        .counters = &gateway->counters,
    };
    gateway->pool.held_max = (size_t)config->held_messages_total;
    gateway->pool.octets_max = (size_t)config->held_bytes_total;
    gateway->flow.queue_max = (size_t)config->queue_bytes;
    /* a reader that is slow for a moment is none that is dead */
    gateway->flow.silence_ms =
        config->enquire_link_s ? (unsigned)((config->enquire_link_s + config->answer_s) * 1000) : 0;
    gateway->log = (struct stir_log){.fd = 2,
                                     .level = (enum stir_log_level)config->log_level,
                                     .format = (enum stir_log_format)config->log_format,
                                     .writer = gateway->log.writer,
                                     .alike_per_s = (unsigned)config->log_alike_per_s};
    stir_log_writer_form(gateway->log.writer, &gateway->log);
}

static enum stir_code check_filter(const struct gw_config *config, bool there, struct stir_error *err)
{
    if (!there && (config->submit.action != GW_PASS || config->deliver.action != GW_PASS)) {
        return stir_fail(err, STIR_E_CONFIG, "[submit] and [deliver] action: only pass is possible here");
    }
    return STIR_OK;
}

/* ---- reload ---- */

static void log_change(void *arg, const struct stir_conf_key *key)
{
    stir_log_plain(arg, STIR_LOG_NOTICE, "reload: [%s] %s changed%s", key->section, key->name,
                   key->reloadable ? "" : ", which takes a restart: the old value stays");
}

static enum stir_code load_again(struct gw_gateway *gateway, struct gw_setup **out, struct stir_error *err)
{
    struct gw_config config = {0};
    enum stir_code code = gw_config_load(&config, gateway->path, gateway->overrides, err);
    if (code == STIR_OK) {
        stir_conf_diff(&gateway->setup->config, &config, gw_config_table, gw_config_count, log_change, &gateway->log);
        code = gw_setup_new(out, &config, err);
    }
    if (code == STIR_OK) {
        code = check_filter(&(*out)->config, gateway->has_filter, err);
    }
    code = code == STIR_OK ? stir_log_writer_open(gateway->log.writer, (*out)->config.log_file, err) : code;
    if (code == STIR_OK && gateway->filter.reload) {
        code = gateway->filter.reload(gateway->filter.arg, &(*out)->config, err);
    }
    return code;
}

/* Keeps the old configuration, and says so to the log and to systemd. */
static void reload_failed(struct gw_gateway *gateway, const struct stir_error *err)
{
    (void)!stir_log_writer_open(gateway->log.writer, gateway->setup->config.log_file, NULL);
    stir_reloads_note(&gateway->reloads, false);
    stir_log_plain(&gateway->log, STIR_LOG_ERROR, "reload: nothing is changed: %s", err->text);
    (void)stir_notify("READY=1\nSTATUS=The last reload failed: nothing was changed");
}

/* Binds stay: what is new counts for what comes next. */
static void on_hangup(uv_signal_t *handle, int signum)
{
    struct gw_gateway *gateway = handle->data;
    struct gw_setup *setup = NULL;
    struct stir_error err = {0};
    (void)signum;
    if (gateway->stopping) {
        return;
    }
    (void)stir_notify_reloading();
    if (load_again(gateway, &setup, &err) != STIR_OK) {
        reload_failed(gateway, &err);
        gw_setup_free(setup);
        return;
    }
    gw_setup_free(gateway->setup);
    gateway->setup = setup;
    use_settings(gateway);
    stir_reloads_note(&gateway->reloads, true);
    stir_log_plain(&gateway->log, STIR_LOG_NOTICE, "reload: configuration and certificates are in use");
    (void)stir_notify("READY=1\nSTATUS=Reloaded");
}

static enum stir_code open_logs_again(struct gw_gateway *gateway, struct stir_error *err)
{
    enum stir_code code = stir_log_writer_open(gateway->log.writer, gateway->setup->config.log_file, err);
    return code == STIR_OK && gateway->filter.reopen ? gateway->filter.reopen(gateway->filter.arg, err) : code;
}

static void on_usr1(uv_signal_t *handle, int signum)
{
    struct gw_gateway *gateway = handle->data;
    struct stir_error err = {0};
    (void)signum;
    if (open_logs_again(gateway, &err) == STIR_OK) {
        stir_log_plain(&gateway->log, STIR_LOG_NOTICE, "logs: opened again after SIGUSR1");
    } else {
        stir_log_plain(&gateway->log, STIR_LOG_ERROR, "logs: the file before stays in use: %s", err.text);
    }
}

static void on_usr2(uv_signal_t *handle, int signum)
{
    struct gw_gateway *gateway = handle->data;
    (void)signum;
    stir_log_plain(&gateway->log, STIR_LOG_NOTICE, "SIGUSR2 is ignored: SIGHUP reloads, SIGUSR1 opens logs again");
}

/* ---- the end ---- */

static void close_all(struct gw_gateway *gateway)
{
    gateway->ending = true;
    if (gateway->filter.close) {
        gateway->filter.close(gateway->filter.arg);
        gateway->filter = (struct gw_filter){0};
    }
    gw_admin_close(gateway->admin);
    gateway->admin = NULL;
    gw_flow_close(&gateway->flow);
    uv_close((uv_handle_t *)&gateway->tick, NULL);
    uv_close((uv_handle_t *)&gateway->watchdog, NULL);
    uv_close((uv_handle_t *)&gateway->hangup, NULL);
    uv_close((uv_handle_t *)&gateway->usr1, NULL);
    uv_close((uv_handle_t *)&gateway->usr2, NULL);
}

static void check_end(struct gw_gateway *gateway)
{
    if (gateway->stopping && !gateway->ending && gateway->conn_count == 0) {
        close_all(gateway);
    }
}

void gw_gateway_conn_gone(struct gw_gateway *gateway)
{
    check_end(gateway);
}

static void close_entrances(struct gw_gateway *gateway)
{
    for (size_t i = 0; i < gateway->listener_count; i++) {
        uv_close((uv_handle_t *)&gateway->listeners[i].tcp, NULL);
    }
    uv_close((uv_handle_t *)&gateway->term, NULL); /* a second one ends it on the spot */
    uv_close((uv_handle_t *)&gateway->interrupt, NULL);
}

static void on_stop(uv_signal_t *handle, int signum)
{
    struct gw_gateway *gateway = handle->data;
    uint64_t limit = (uint64_t)gateway->setup->config.drain_s * 1000;
    (void)stir_notify("STOPPING=1\nSTATUS=Finishing the messages that are under way");
    stir_log_plain(&gateway->log, STIR_LOG_NOTICE, "stopping: %s, %zu connections, %zu messages are held",
                   signum == SIGTERM ? "SIGTERM" : "SIGINT", gateway->conn_count, gateway->pool.held);
    gateway->stopping = true;
    gateway->stop_at_ms = uv_now(&gateway->loop) + limit;
    close_entrances(gateway);
    if (gateway->filter.stop) {
        gateway->filter.stop(gateway->filter.arg);
    }
    for (struct gw_conn *conn = gateway->first; conn; conn = conn->next) {
        if (conn->relay) {
            gw_relay_drain(conn->relay, limit, uv_now(&gateway->loop));
        }
    }
    check_end(gateway);
}

static void on_tick(uv_timer_t *handle)
{
    struct gw_gateway *gateway = handle->data;
    for (size_t i = 0; i < gateway->listener_count && !gateway->stopping; i++) {
        struct gw_listener *listener = &gateway->listeners[i];
        listener->waiting = listener->waiting && !gw_conn_accept(gateway, (uv_stream_t *)&listener->tcp);
    }
    gw_handshakes_tick(gateway);
    for (struct gw_conn *conn = gateway->first, *next; conn; conn = next) {
        next = conn->next;
        gw_conn_tick(conn);
    }
    if (gateway->stopping && uv_now(&gateway->loop) >= gateway->stop_at_ms) {
        for (struct gw_conn *conn = gateway->first; conn; conn = conn->next) {
            gw_conn_abort(conn);
        }
    }
}

/* systemd kills a process that sends no WATCHDOG=1 for the time of WatchdogSec=. */
static void on_watchdog(uv_timer_t *handle)
{
    (void)handle;
    (void)stir_notify("WATCHDOG=1");
}

/* ---- the beginning ---- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct gw_listener *listener = stream->data;
    if (status < 0) {
        stir_log_plain(&listener->gateway->log, STIR_LOG_ERROR, "accept: %s", uv_strerror(status));
    } else {
        listener->waiting = !gw_conn_accept(listener->gateway, stream);
    }
}

static enum stir_code listen_on_one(struct gw_gateway *gateway, const struct sockaddr_storage *address, bool only,
                                    const char *text, struct stir_error *err)
{
    struct gw_listener *listener = &gateway->listeners[gateway->listener_count];
    if (gateway->listener_count == GW_LISTENERS_MAX) {
        return stir_fail(err, STIR_E_CONFIG, "[listen] address: more than %d", GW_LISTENERS_MAX);
    }
    listener->gateway = gateway;
    (void)uv_tcp_init(&gateway->loop, &listener->tcp);
    listener->tcp.data = listener;
    gateway->listener_count++;
    int status = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)address, only ? UV_TCP_IPV6ONLY : 0);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
    }
    if (status < 0) {
        return stir_fail(err, STIR_E_IO, "cannot listen on %s: %s", text, uv_strerror(status));
    }
    char where[GW_PLACE_MAX];
    gw_place_text(where, &listener->tcp);
    stir_log_plain(&gateway->log, STIR_LOG_NOTICE, "listening on smpp%s://%s", gateway->setup->server_tls ? "s" : "",
                   where);
    return STIR_OK;
}

/* All addresses of an item of the configuration. */
static enum stir_code listen_on(struct gw_gateway *gateway, const char *text, struct stir_error *err)
{
    struct stir_listen_addresses found;
    enum stir_code code = gw_listen_find(&found, "[listen] address", text, err);
    for (size_t i = 0; code == STIR_OK && i < found.count; i++) {
        const struct sockaddr_storage *address = &found.at[i].address;
        code = listen_on_one(gateway, address, found.any && address->ss_family == AF_INET6, text, err);
    }
    return code;
}

static enum stir_code listen_all(struct gw_gateway *gateway, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    char item[300];
    for (size_t pos = 0;
         code == STIR_OK && stir_conf_next(gateway->setup->config.listen_address, &pos, item, sizeof(item));) {
        code = listen_on(gateway, item, err);
    }
    return code;
}

/* Enough descriptors for all connections, if the hard limit allows. */
static void raise_file_limit(const struct gw_gateway *gateway)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)gateway->setup->config.max_connections * 2 + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < want) {
        limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < want - 256) {
            stir_log_plain(&gateway->log, STIR_LOG_WARNING,
                           "the limit of open files (%llu) does not suffice for [listen] max_connections",
                           (unsigned long long)limit.rlim_cur);
        }
    }
}

static void watch_signals(struct gw_gateway *gateway)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_signal_init(&gateway->loop, &gateway->term);
    (void)uv_signal_init(&gateway->loop, &gateway->interrupt);
    (void)uv_signal_init(&gateway->loop, &gateway->hangup);
    (void)uv_signal_init(&gateway->loop, &gateway->usr1);
    (void)uv_signal_init(&gateway->loop, &gateway->usr2);
    (void)uv_timer_init(&gateway->loop, &gateway->tick);
    gateway->term.data = gateway->interrupt.data = gateway->hangup.data = gateway->tick.data = gateway;
    gateway->usr1.data = gateway->usr2.data = gateway;
    (void)uv_signal_start(&gateway->term, on_stop, SIGTERM);
    (void)uv_signal_start(&gateway->interrupt, on_stop, SIGINT);
    (void)uv_signal_start(&gateway->hangup, on_hangup, SIGHUP);
    (void)uv_signal_start(&gateway->usr1, on_usr1, SIGUSR1);
    (void)uv_signal_start(&gateway->usr2, on_usr2, SIGUSR2);
    (void)uv_timer_start(&gateway->tick, on_tick, TICK_MS, TICK_MS);
    uint64_t watchdog_ms = stir_notify_watchdog_ms();
    (void)uv_timer_init(&gateway->loop, &gateway->watchdog);
    if (watchdog_ms) {
        (void)uv_timer_start(&gateway->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
    }
}

static bool take_turn(void *arg)
{
    return gw_conn_resume_all(arg);
}

static enum stir_code start(struct gw_gateway *gateway, gw_filter_maker *make, struct stir_error *err)
{
    const struct gw_config *config = &gateway->setup->config;
    gateway->flow.turn = take_turn;
    gateway->flow.turn_arg = gateway;
    enum stir_code code = gw_flow_open(&gateway->flow, &gateway->loop, err);
    if (code == STIR_OK) {
        code = check_filter(config, make != NULL, err);
    }
    if (code == STIR_OK && make) {
        code = stir_conf_fault(err, make(&gateway->filter, config, &gateway->loop, &gateway->log, err));
        gateway->has_filter = code == STIR_OK;
    }
    if (code == STIR_OK && config->admin_listen[0]) {
        code = gw_admin_open(&gateway->admin, gateway, config->admin_listen, err);
    }
    return code == STIR_OK ? listen_all(gateway, err) : code;
}

enum stir_code gw_gateway_run(struct gw_config *config, const char *path, const struct stir_conf_overrides *overrides,
                              gw_filter_maker *make, struct stir_error *err)
{
    struct gw_gateway *gateway = calloc(1, sizeof(*gateway));
    if (gateway) {
        gateway->log.writer = stir_log_writer_new(
            &(struct stir_log_writer_config){.fd = STDERR_FILENO, .capacity = LOG_RING, .flush_s = LOG_FLUSH_S});
    }
    if (!gateway || !gateway->log.writer || uv_loop_init(&gateway->loop) < 0) {
        stir_log_writer_free(gateway ? gateway->log.writer : NULL);
        free(gateway);
        gw_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "gateway");
    }
    gateway->path = path;
    stir_reloads_begin(&gateway->reloads);
    gateway->overrides = overrides;
    enum stir_code code = gw_setup_new(&gateway->setup, config, err);
    if (code == STIR_OK) {
        use_settings(gateway);
        raise_file_limit(gateway);
        watch_signals(gateway);
        code = stir_conf_fault(err, stir_log_writer_open(gateway->log.writer, gateway->setup->config.log_file, err));
        code = code == STIR_OK ? start(gateway, make, err) : code;
        if (code == STIR_OK) {
            stir_log_plain(&gateway->log, STIR_LOG_NOTICE, "ready: peer %s", gateway->setup->config.peer_address);
            (void)stir_notify("READY=1\nSTATUS=Serving");
        } else {
            close_entrances(gateway);
            close_all(gateway);
        }
        (void)uv_run(&gateway->loop, UV_RUN_DEFAULT);
    }
    (void)uv_loop_close(&gateway->loop);
    if (code == STIR_OK) {
        stir_log_plain(&gateway->log, STIR_LOG_NOTICE, "stopped");
    }
    gw_tally_clear(&gateway->tally);
    gw_tally_clear(&gateway->handshakes.by_network);
    gw_setup_free(gateway->setup);
    stir_log_writer_free(gateway->log.writer);
    free(gateway);
    return code;
}

void gw_gateway_check(struct gw_config *config, struct stir_faults *faults)
{
    struct gw_setup *setup = NULL;
    struct stir_error err = {0};
    stir_faults_take(faults, gw_setup_new(&setup, config, &err), &err);
    gw_setup_free(setup);
}
