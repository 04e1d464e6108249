/* SPDX-License-Identifier: MIT */
#include "cps/server/server.h"

#include "common/base/log_writer.h"
#include "cps/auth/conn_limit.h"
#include "cps/auth/rate_limit.h"
#include "cps/server/server_state.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* The process from start to end. What it does while it serves is in signals.c, reload.c, trust_update.c and
 * watchdog.c. */
#define LOG_RING ((size_t)1 << 20) /* octets of log lines that wait to be written */
#define LOG_FLUSH_S 5              /* at the end */
#define READ_BUCKETS 100000        /* networks that are remembered at a time */
#define FETCHES_AT_ONCE 64
#define OTHER_FILES 256 /* descriptors besides connections: listeners, the store, logs, fetches */

/* Raises the limit of open files to what all connections need, as far as the hard limit allows. */
static void server_raise_file_limit(const struct cpsd_server *server)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)server->setup->config.max_connections * server->worker_count + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want) {
        return;
    }
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < want - OTHER_FILES) {
        stir_log_plain(&server->log, STIR_LOG_WARNING,
                       "limits: %llu open files are too few for [server] max_connections; raise LimitNOFILE= (ulimit "
                       "-n) or lower max_connections",
                       (unsigned long long)limit.rlim_cur);
    }
}

/* Makes what all workers share. */
static enum stir_code server_make_shared(struct cpsd_server *server, size_t count, struct stir_error *err)
{
    server->workers = calloc(count, sizeof(*server->workers));
    server->metrics = calloc(count, sizeof(struct cpsd_metrics *));
    server->reads = cpsd_buckets_new(READ_BUCKETS);
    server->conn_limit = cpsd_conn_limit_new();
    server->handshakes = cpsd_conn_limit_new();
    server->tickets = cpsd_tls_tickets_new(NULL, NULL);
    server->trust_status = cpsd_trust_status_new();
    if (!server->workers || !server->metrics || !server->reads || !server->conn_limit || !server->handshakes ||
        !server->tickets || !server->trust_status) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for %zu workers", count);
    }
    server->worker_count = count;
    return STIR_OK;
}

static enum stir_code server_make_worker(struct cpsd_server *server, size_t i, struct stir_error *err)
{
    struct cpsd_worker *worker = &server->workers[i];
    worker->log.writer = server->log.writer;
    enum stir_code code =
        cpsd_worker_init(worker, (unsigned)i, server->setup, server->backend, server->fetcher, server->certs, err);
    memcpy(worker->log_key, server->workers[0].log_key, sizeof(worker->log_key)); /* one number, one hash */
    server->metrics[i] = &worker->metrics;
    worker->service.all_metrics = server->metrics;
    worker->service.reads = server->reads;
    worker->service.conn_limit = server->conn_limit;
    worker->service.form_warned = &server->form_warned;
    worker->service.reloads = &server->reloads;
    worker->service.trust_status = server->trust_status;
    worker->service.worker_count = server->worker_count;
    worker->handshakes = server->handshakes;
    worker->tickets = server->tickets;
    worker->opened = &server->opened;
    if (code != STIR_OK || !worker->ssl_ctx) {
        return code;
    }
    code = cpsd_tls_harden(worker->ssl_ctx, server->tickets, err);
    return code == STIR_OK ? cpsd_tls_client_setup(worker->ssl_ctx, err) : code;
}

static enum stir_code server_make_workers(struct cpsd_server *server, struct stir_error *err)
{
    int64_t configured = server->setup->config.workers;
    enum stir_code code = server_make_shared(server, configured ? (size_t)configured : uv_available_parallelism(), err);
    if (code != STIR_OK) {
        return code;
    }
    server_raise_file_limit(server);
    for (size_t i = 0; code == STIR_OK && i < server->worker_count; i++) {
        code = server_make_worker(server, i, err);
    }
    return code;
}

/* Makes the cache of certificates and fills it from [auth] x5u_dir. */
static enum stir_code server_make_certs(struct cpsd_server *server, struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    size_t count = 0;
    enum stir_code code =
        cpsd_cert_cache_new(&server->certs, server->fetcher, (size_t)config->auth_x5u_entries, &server->log, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_cert_cache_load_dir(server->certs, config->auth_x5u_dir, &count, err);
    if (code != STIR_OK) {
        stir_conf_name_key(err, config, cpsd_config_table, cpsd_config_count);
        return stir_conf_fault(err, code);
    }
    if (config->auth_x5u_dir[0]) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "certificates: %zu files loaded from [auth] x5u_dir %s", count,
                       config->auth_x5u_dir);
    }
    if (server->setup->trusted->trust && !server->setup->auth->aud_count) {
        stir_log_plain(&server->log, STIR_LOG_WARNING,
                       "auth: no bearer token is accepted, as this server has no name for aud; set [auth] audience or "
                       "[server] public_url");
    }
    return STIR_OK;
}

/* Opens the store and makes what fetches over HTTPS. */
static enum stir_code server_open_backends(struct cpsd_server *server, struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    const struct cpsd_store_config store = cpsd_store_config(config, &server->store_log);
    enum stir_code code = stir_conf_fault(err, cpsd_dummy_secret(server->setup->dummy_secret, config, err));
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_backend_new(&server->backend, &store, err);
    if (code != STIR_OK) {
        return code;
    }
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "store: %s", cpsd_backend_description(server->backend));
    cpsd_warn_of_outdated(&server->log, config);
    cpsd_policy_log(&server->log, config);
    return cpsd_fetcher_new(&server->fetcher, FETCHES_AT_ONCE, err);
}

/* Opens the listening sockets: those that systemd passed, and those of the configuration. */
static enum stir_code server_listen(struct cpsd_server *server, struct stir_error *err)
{
    struct stir_passed passed = {0};
    enum stir_code code = stir_passed_read(&passed, err);
    if (code != STIR_OK) {
        return code;
    }
    return cpsd_listen(server->workers, server->worker_count, &server->setup->config, &passed, &server->log, err);
}

/* Everything that can fail at start, before the first thread runs. */
static enum stir_code server_prepare(struct cpsd_server *server, struct stir_error *err)
{
    static enum stir_code (*const steps[])(struct cpsd_server * server,
                                           struct stir_error * err) = {server_open_backends,   server_make_certs,
                                                                       server_make_workers,    server_listen,
                                                                       cpsd_signals_watch,     cpsd_watchdog_start,
                                                                       cpsd_trust_update_start};
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
        code = steps[i](server, err);
    }
    return code;
}

/* Runs the workers until a signal ends the main loop, and waits for them. */
static enum stir_code server_serve(struct cpsd_server *server, struct stir_error *err)
{
    size_t running = 0;
    enum stir_code code = STIR_OK;
    for (; running < server->worker_count; running++) {
        struct cpsd_worker *worker = &server->workers[running];
        if (uv_thread_create(&worker->thread, cpsd_worker_main, worker) < 0) {
            code = stir_fail(err, STIR_E_NOMEM, "cannot start the thread of worker %zu", running);
            break;
        }
    }
    if (code == STIR_OK) {
        (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    }
    /* The workers were told to stop by the signal; after a failed start they are told here. */
    for (size_t i = 0; i < running; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_STOP, NULL);
        (void)uv_thread_join(&server->workers[i].thread);
    }
    cpsd_signals_close(server);
    uv_close((uv_handle_t *)&server->opened, NULL);
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&server->loop);
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "stopped");
    return code;
}

/* Frees everything but the log's writer. Workers come first: they use the rest. */
static void server_clear(struct cpsd_server *server)
{
    for (size_t i = 0; i < server->worker_count; i++) {
        cpsd_worker_clear(&server->workers[i]);
    }
    cpsd_crls_free(server->crls);
    cpsd_root_lists_free(server->root_lists);
    cpsd_trust_status_free(server->trust_status);
    cpsd_fetcher_free(server->fetcher);
    cpsd_cert_cache_free(server->certs);
    cpsd_backend_free(server->backend);
    free(server->workers);
    free(server->metrics);
    cpsd_buckets_free(server->reads);
    cpsd_conn_limit_free(server->conn_limit);
    cpsd_conn_limit_free(server->handshakes);
    cpsd_tls_tickets_free(server->tickets);
    free(server->seen_ticks);
    cpsd_trusted_unref(server->trusted);
    cpsd_setup_unref(server->setup);
}

static enum stir_code server_run(struct cpsd_server *server, struct cpsd_config *config, struct stir_error *err)
{
    enum stir_code code = cpsd_setup_new(&server->setup, config, NULL, NULL, &server->log, err);
    if (code != STIR_OK) {
        return code;
    }
    server->trusted = cpsd_trusted_ref(server->setup->trusted);
    code = stir_conf_fault(err, stir_log_writer_open(server->log.writer, server->setup->config.log_file, err));
    if (code != STIR_OK) {
        return code;
    }
    code = server_prepare(server, err);
    return code == STIR_OK ? server_serve(server, err) : code;
}

/* libwebsockets' own messages are not for operators: each fault that matters is logged by this program. */
static void server_drop_lws_log(int level, const char *line)
{
    (void)level, (void)line;
}

enum stir_code cpsd_server_run(struct cpsd_config *config, const char *path,
                               const struct stir_conf_overrides *overrides, struct stir_error *err)
{
    struct cpsd_server server = {.path = path, .overrides = overrides, .form_warned = ATOMIC_FLAG_INIT};
    server.log.writer = stir_log_writer_new(
        &(struct stir_log_writer_config){.fd = STDERR_FILENO, .capacity = LOG_RING, .flush_s = LOG_FLUSH_S});
    if (!server.log.writer) {
        cpsd_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "out of memory for the log");
    }
    cpsd_log_setup(&server.log, config);
    stir_log_writer_form(server.log.writer, &server.log);
    server.store_log = server.log;
    stir_reloads_begin(&server.reloads);
    lws_set_log_level(0, server_drop_lws_log);
    enum stir_code code = server_run(&server, config, err);
    server_clear(&server);
    stir_log_writer_free(server.log.writer);
    return code;
}
