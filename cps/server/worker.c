/* SPDX-License-Identifier: MIT */
#include "cps/server/server_internal.h"

#include <openssl/rand.h>
#include <unistd.h>

/* A worker is a thread with a loop, libwebsockets on it, a connection to the store, and its listeners. */
#define TICK_MS 250
#define OPENING_MS 5
#define OPEN_BY_NS UINT64_C(5000000000) /* the longest time to wait for the store at start */
#define READ_BUFFER 32768               /* of libwebsockets, per worker: fits most requests whole */
#define OUTPUT_LIMIT (80u << 20)
#define LWS_TIMEOUT_S 7200 /* longer than all of our limits, which cpsd_conn_tick enforces */

/* ---- configuration in use ---- */

/* Waiting requests are judged again by the new trust, with the next ticks. */
static void worker_use_trusted(struct cpsd_worker *worker, struct cpsd_trusted *trusted)
{
    struct cpsd_trusted *old = worker->trusted;
    worker->trusted = cpsd_trusted_ref(trusted);
    worker->service.trusted = worker->trusted;
    worker->judges = true;
    cpsd_trusted_unref(old);
}

/* Puts a setup into use, all or nothing. */
static enum stir_code worker_use_setup(struct cpsd_worker *worker, struct cpsd_setup *setup, struct stir_error *err)
{
    struct cpsd_dummies *dummies = NULL;
    enum stir_code code = cpsd_dummies_new(&dummies, setup->dummy_secret, &setup->config, err);
    if (code == STIR_OK && worker->ssl_ctx && setup->credential) {
        code = cpsd_credential_apply(setup->credential, worker->ssl_ctx, err);
    }
    if (code != STIR_OK) {
        cpsd_dummies_free(dummies);
        return code;
    }
    /* nothing fails from here on */
    cpsd_dummies_free(worker->service.dummies);
    worker->service.dummies = dummies;
    if (worker->ssl_ctx) {
        cpsd_tls_client_ask(worker->ssl_ctx, (enum cpsd_ask_certificates)setup->config.client_certificates);
    }
    worker->service.config = &setup->config;
    worker->service.certificate_end = setup->credential ? cpsd_credential_end(setup->credential) : 0;
    worker_use_trusted(worker, setup->trusted_first ? setup->trusted_first : setup->trusted);
    worker->service.auth = setup->auth;
    cpsd_republisher_use(worker->service.republisher, setup->peers);
    cpsd_log_setup(&worker->log, &setup->config);
    cpsd_setup_unref(worker->setup);
    worker->setup = cpsd_setup_ref(setup);
    return STIR_OK;
}

/* ---- libwebsockets ---- */

static int worker_lws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
        struct cpsd_worker *worker = lws_context_user(lws_get_context(wsi));
        worker->ssl_ctx = user;
        return 0;
    }
    return cpsd_conn_callback(wsi, reason, user, in, len);
}

static const struct lws_protocols worker_protocols[] = {
    {CPSD_LWS_PROTOCOL, worker_lws_callback, sizeof(struct cpsd_conn), 0, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static enum stir_code worker_make_vhosts(struct cpsd_worker *worker, struct lws_context_creation_info *info, bool tls,
                                         struct stir_error *err)
{
    /* Without a client context of ours, libwebsockets makes one for each virtual host, with all authorities of the
     * system in it, and leaks it in a process with several lws contexts. */
    worker->unused_client = SSL_CTX_new(TLS_client_method());
    info->provided_client_ssl_ctx = worker->unused_client;
    info->port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info->vhost_name = "plain";
    worker->plain_vhost = lws_create_vhost(worker->lws, info);
    if (worker->plain_vhost && tls) {
        info->vhost_name = "tls";
        info->options |= LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
        info->alpn = "http/1.1";
        worker->tls_vhost = lws_create_vhost(worker->lws, info);
    }
    if (!worker->unused_client || !worker->plain_vhost || (tls && (!worker->tls_vhost || !worker->ssl_ctx))) {
        return stir_fail(err, STIR_E_NOMEM, "worker %u: libwebsockets cannot make a virtual host", worker->index);
    }
    return STIR_OK;
}

static enum stir_code worker_make_lws(struct cpsd_worker *worker, bool tls, struct stir_error *err)
{
    void *loops[1] = {&worker->loop};
    struct lws_context_creation_info info = {0};
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = worker_protocols;
    info.foreign_loops = loops;
    info.user = worker;
    info.pcontext = &worker->lws; /* libwebsockets sets it to NULL at its end */
    info.pt_serv_buf_size = READ_BUFFER;
    info.timeout_secs = LWS_TIMEOUT_S;
    worker->lws = lws_create_context(&info);
    if (!worker->lws) {
        return stir_fail(err, STIR_E_NOMEM, "worker %u: libwebsockets cannot start", worker->index);
    }
    return worker_make_vhosts(worker, &info, tls, err);
}

/* ---- the worker's life ---- */

static void worker_on_store_closed(void *arg)
{
    struct cpsd_worker *worker = arg;
    /* This begins the end of libwebsockets. cpsd_worker_clear completes it, once the loop has closed all handles. */
    if (worker->lws) {
        lws_context_destroy(worker->lws);
    }
    cpsd_mailbox_close(&worker->mailbox, NULL, NULL);
    uv_close((uv_handle_t *)&worker->tick, NULL);
    uv_close((uv_handle_t *)&worker->opening, NULL);
    uv_close((uv_handle_t *)&worker->command, NULL);
}

static void worker_on_republisher_closed(void *arg)
{
    struct cpsd_worker *worker = arg;
    struct cpsd_store *store = worker->service.store;
    worker->service.store = NULL;
    if (store) {
        cpsd_store_close(store, worker_on_store_closed, worker);
    } else {
        worker_on_store_closed(worker);
    }
}

/* Closes everything that keeps the loop running: republisher, store, libwebsockets, handles, in this order. */
static void worker_close(struct cpsd_worker *worker)
{
    struct cpsd_republisher *republisher = worker->service.republisher;
    worker->closing = true;
    worker->service.republisher = NULL;
    if (republisher) {
        cpsd_republisher_close(republisher, worker_on_republisher_closed, worker);
    } else {
        worker_on_republisher_closed(worker);
    }
}

/* Ends the worker once no connection is left and the peers have got their envelopes, or drain_timeout_s is over. Until
 * then requests may still wait for the store. */
static void worker_finish_if_idle(struct cpsd_worker *worker)
{
    bool in_time = uv_now(&worker->loop) < worker->stop_deadline_ms;
    bool idle = worker->conn_count == 0 && cpsd_republisher_pending(worker->service.republisher) == 0;
    if (!worker->closing && (idle || !in_time)) {
        worker_close(worker);
    }
}

static void worker_start_listeners(struct cpsd_worker *worker)
{
    struct stir_error err = {0};
    (void)uv_timer_stop(&worker->opening);
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (cpsd_listener_start(&worker->listeners[i], &err) != STIR_OK) {
            stir_log_plain(worker->service.log, STIR_LOG_ERROR, "worker %u: %s", worker->index, err.text);
        }
    }
    atomic_store_explicit(&worker->serves, true, memory_order_release);
    (void)uv_async_send(worker->opened);
}

/* Connections wait in the listeners' queues until the store is connected, so that the first requests after a start are
 * served. A store that cannot be reached delays the start by one attempt to connect. */
static void worker_on_opening(uv_timer_t *timer)
{
    struct cpsd_worker *worker = timer->data;
    if (cpsd_store_tried(worker->service.store) || uv_hrtime() >= worker->open_by_ns) {
        worker_start_listeners(worker);
    }
}

/* Accepts no more connections, and ends idle ones. worker_finish_if_idle does the rest. */
static void worker_begin_stop(struct cpsd_worker *worker)
{
    if (worker->stopping) {
        return;
    }
    worker->stopping = true;
    if (!atomic_load_explicit(&worker->serves, memory_order_relaxed)) {
        worker_start_listeners(worker);
    }
    worker->service.draining = true;
    worker->stop_deadline_ms = uv_now(&worker->loop) + (uint64_t)worker->service.config->drain_timeout_s * 1000;
    for (size_t i = 0; i < worker->listener_count; i++) {
        cpsd_listener_stop(&worker->listeners[i]);
    }
    cpsd_conn_drain(worker);
}

/* The main thread has sent something. Several commands may arrive as one call. */
static void worker_on_command(uv_async_t *async)
{
    struct cpsd_worker *worker = async->data;
    uv_mutex_lock(&worker->mutex);
    unsigned commands = worker->commands;
    struct cpsd_setup *setup = worker->next_setup;
    struct cpsd_trusted *trusted = worker->next_trusted;
    worker->commands = 0;
    worker->next_setup = NULL;
    worker->next_trusted = NULL;
    uv_mutex_unlock(&worker->mutex);
    /* A worker that is stopping keeps its setup. */
    if (setup) {
        struct stir_error err = {0};
        if (!worker->stopping && worker_use_setup(worker, setup, &err) != STIR_OK) {
            stir_log_plain(worker->service.log, STIR_LOG_ERROR,
                           "worker %u: reload failed, the previous configuration stays in use: %s", worker->index,
                           err.text);
        }
        cpsd_setup_unref(setup);
    }
    if (trusted) {
        worker_use_trusted(worker, trusted);
        cpsd_trusted_unref(trusted);
    }
    if (commands & CPSD_CMD_STOP) {
        worker_begin_stop(worker);
    }
}

static void worker_on_tick(uv_timer_t *timer)
{
    struct cpsd_worker *worker = timer->data;
    cpsd_count(&worker->ticks, 1);
    cpsd_conn_tick(worker);
    cpsd_listeners_tick(worker);
    if (worker->stopping) {
        cpsd_conn_drain(worker);
        worker_finish_if_idle(worker);
    }
}

void cpsd_worker_command(struct cpsd_worker *worker, unsigned command, struct cpsd_setup *setup)
{
    struct cpsd_setup *old = NULL;
    struct cpsd_trusted *old_trusted = NULL;
    uv_mutex_lock(&worker->mutex);
    worker->commands |= command;
    if (setup) {
        old = worker->next_setup;
        old_trusted = worker->next_trusted; /* the setup has a newer one */
        worker->next_setup = cpsd_setup_ref(setup);
        worker->next_trusted = NULL;
    }
    uv_mutex_unlock(&worker->mutex);
    cpsd_setup_unref(old);
    cpsd_trusted_unref(old_trusted);
    (void)uv_async_send(&worker->command);
}

void cpsd_worker_trust(struct cpsd_worker *worker, struct cpsd_trusted *trusted)
{
    uv_mutex_lock(&worker->mutex);
    struct cpsd_trusted *old = worker->next_trusted;
    worker->next_trusted = cpsd_trusted_ref(trusted);
    uv_mutex_unlock(&worker->mutex);
    cpsd_trusted_unref(old);
    (void)uv_async_send(&worker->command);
}

enum stir_code cpsd_worker_init(struct cpsd_worker *worker, unsigned index, struct cpsd_setup *setup,
                                struct cpsd_backend *backend, struct cpsd_fetcher *fetcher,
                                struct cpsd_cert_cache *certs, struct stir_error *err)
{
    worker->index = index;
    worker->spare_fd = cpsd_spare_fd();
    worker->out.limit = OUTPUT_LIMIT;
    worker->service.log = &worker->log;
    worker->service.backend = backend;
    worker->service.loop = &worker->loop;
    worker->service.metrics = &worker->metrics;
    worker->service.certs = certs;
    worker->service.mailbox = &worker->mailbox;
    if (uv_loop_init(&worker->loop) < 0 || uv_mutex_init(&worker->mutex) < 0 ||
        uv_async_init(&worker->loop, &worker->command, worker_on_command) < 0 ||
        uv_timer_init(&worker->loop, &worker->tick) < 0 || uv_timer_init(&worker->loop, &worker->opening) < 0 ||
        RAND_bytes(worker->log_key, sizeof(worker->log_key)) != 1) {
        return stir_fail(err, STIR_E_NOMEM, "worker %u: out of memory", index);
    }
    worker->command.data = worker;
    worker->tick.data = worker;
    worker->opening.data = worker;
    worker->made = true; /* from here on cpsd_worker_clear has a loop to close */
    enum stir_code code = cpsd_mailbox_open(&worker->mailbox, &worker->loop, err);
    if (code != STIR_OK) {
        return code;
    }
    code = cpsd_proxy_headers_new(&worker->proxy_headers, err);
    if (code != STIR_OK) {
        return code;
    }
    code = worker_make_lws(worker, setup->credential != NULL, err);
    if (code != STIR_OK) {
        return code;
    }
    code =
        cpsd_republisher_new(&worker->service.republisher, &worker->loop, fetcher, &worker->metrics, &worker->log, err);
    if (code != STIR_OK) {
        return code;
    }
    /* the setup is applied to all of these; the store comes last, as it connects at once */
    code = worker_use_setup(worker, setup, err);
    return code == STIR_OK ? cpsd_store_attach(&worker->service.store, backend, &worker->loop, err) : code;
}

void cpsd_worker_main(void *arg)
{
    struct cpsd_worker *worker = arg;
    worker->ran = true;
    worker->open_by_ns = uv_hrtime() + OPEN_BY_NS;
    (void)uv_timer_start(&worker->tick, worker_on_tick, TICK_MS, TICK_MS);
    (void)uv_timer_start(&worker->opening, worker_on_opening, 0, OPENING_MS);
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
}

/* Ends a worker that was made but whose thread never ran. */
static void worker_abandon(struct cpsd_worker *worker)
{
    worker_close(worker);
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < worker->listener_count; i++) {
        (void)close(worker->listeners[i].fd);
    }
}

void cpsd_worker_clear(struct cpsd_worker *worker)
{
    if (worker->made) {
        if (!worker->ran) {
            worker_abandon(worker);
        }
        if (worker->lws) {
            lws_context_destroy(worker->lws);
        }
        SSL_CTX_free(worker->unused_client);
        (void)uv_loop_close(&worker->loop);
        uv_mutex_destroy(&worker->mutex);
    }
    if (worker->made && worker->spare_fd >= 0) {
        (void)close(worker->spare_fd);
    }
    cpsd_dummies_free(worker->service.dummies);
    cpsd_proxy_headers_free(worker->proxy_headers);
    cpsd_setup_unref(worker->next_setup);
    cpsd_trusted_unref(worker->next_trusted);
    cpsd_trusted_unref(worker->trusted);
    cpsd_setup_unref(worker->setup);
    cpsd_request_pool_clear(worker);
    stir_buf_free(&worker->out);
}
