#include "cps/server.h"

#include "cps/crls.h"
#include "cps/limits.h"
#include "cps/server_internal.h"

#include <openssl/rand.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#define READ_BUCKETS 100000    /* networks that are remembered at a time */
#define WATCHDOG_LEAST_MS 1000 /* workers tick four times in it */
#define FETCHES_AT_ONCE 64
#define LONGEST_LIFE_MS 259200000u /* 72 h, whatever ttl_max_s says: that one can be reloaded */

struct server {
    struct stir_log log;       /* the main thread's; its level follows reloads */
    struct stir_log store_log; /* read by all threads, so it stays as it is */
    const char *path;
    const struct stir_conf_overrides *overrides;
    struct cpsd_setup *setup;
    struct cpsd_backend *backend;
    struct cpsd_fetcher *fetcher;
    struct cpsd_certs *certs;
    struct cpsd_crls *crls;
    struct cpsd_worker *workers;
    struct cpsd_metrics **metrics;
    struct cpsd_buckets *reads;
    struct cpsd_crowd *crowd;
    size_t worker_count;
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup;
    uv_timer_t watchdog;
    uint64_t *seen_ticks; /* of each worker, when the watchdog last looked */
    bool stopping;
};

/* ---- configurations in use ---- */

struct cpsd_setup *cpsd_setup_ref(struct cpsd_setup *setup)
{
    atomic_fetch_add_explicit(&setup->refs, 1, memory_order_relaxed);
    return setup;
}

void cpsd_setup_unref(struct cpsd_setup *setup)
{
    if (setup && atomic_fetch_sub_explicit(&setup->refs, 1, memory_order_acq_rel) == 1) {
        cpsd_config_clear(&setup->config);
        cpsd_credential_free(setup->credential);
        cpsd_trusted_unref(setup->trusted);
        cpsd_auth_rules_free(setup->auth);
        cpsd_peers_unref(setup->peers);
        OPENSSL_cleanse(setup->dummy_secret, sizeof(setup->dummy_secret));
        free(setup);
    }
}

/* Takes config over, also when it fails. */
static enum stir_code make_setup(struct cpsd_setup **out, struct cpsd_config *config, const struct cpsd_crls *crls,
                                 struct stir_error *err)
{
    struct cpsd_crl_text texts[CPSD_CRL_URLS_MAX];
    struct cpsd_setup *setup = calloc(1, sizeof(*setup));
    if (!setup) {
        cpsd_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "configuration");
    }
    setup->config = *config;
    *config = (struct cpsd_config){0};
    atomic_init(&setup->refs, 1);
    enum stir_code code = cpsd_crls_check(&setup->config, err);
    if (code == STIR_OK && setup->config.listen[0]) {
        code = cpsd_credential_load(&setup->credential, &setup->config, err);
    }
    if (code == STIR_OK) {
        size_t count = cpsd_crls_texts(crls, &setup->config, texts);
        code = cpsd_trusted_load(&setup->trusted, &setup->config, texts, count, NULL, err);
    }
    if (code == STIR_OK) {
        code = cpsd_auth_rules_new(&setup->auth, &setup->config, err);
    }
    if (code == STIR_OK) {
        code = cpsd_peers_load(&setup->peers, &setup->config, err);
    }
    if (code != STIR_OK) {
        cpsd_setup_unref(setup);
        return code;
    }
    *out = setup;
    return STIR_OK;
}

void cpsd_log_setup(struct stir_log *log, const struct cpsd_config *config)
{
    log->fd = 2;
    log->level = (enum stir_log_level)config->log_level;
    log->format = (enum stir_log_format)config->log_format;
}

/* ---- reload ---- */

static void log_change(void *arg, const struct stir_conf_key *key)
{
    stir_log_plain(arg, STIR_LOG_NOTICE, "reload: [%s] %s changed%s", key->section, key->name,
                   key->reloadable ? "" : ", which takes a restart: the old value stays");
}

static enum stir_code load_again(const struct server *server, struct cpsd_setup **out, struct stir_error *err)
{
    struct cpsd_config config = {0};
    enum stir_code code = cpsd_config_load(&config, server->path, server->overrides, err);
    if (code != STIR_OK) {
        return code;
    }
    stir_conf_diff(&server->setup->config, &config, cpsd_config_table, cpsd_config_count, log_change,
                   (void *)(uintptr_t)&server->log);
    struct cpsd_setup *setup = NULL;
    code = make_setup(&setup, &config, server->crls, err);
    if (code == STIR_OK) {
        code = cpsd_certs_load_dir(server->certs, setup->config.auth_x5u_dir, NULL, err);
    }
    if (code != STIR_OK) {
        cpsd_setup_unref(setup);
        return code;
    }
    memcpy(setup->dummy_secret, server->setup->dummy_secret, CPSD_DUMMY_SECRET);
    *out = setup;
    return STIR_OK;
}

static void on_hangup(uv_signal_t *handle, int signum)
{
    struct server *server = handle->data;
    struct cpsd_setup *setup = NULL;
    struct stir_error err = {0};
    (void)signum;
    if (server->stopping) {
        return;
    }
    (void)cpsd_notify_reloading();
    enum stir_code code = load_again(server, &setup, &err);
    if (code == STIR_OK) {
        code = cpsd_crls_use(server->crls, &setup->config, &err);
    }
    if (code != STIR_OK) {
        cpsd_setup_unref(setup);
        stir_log_plain(&server->log, STIR_LOG_ERROR, "reload: nothing is changed: %s", err.text);
        (void)cpsd_notify("READY=1\nSTATUS=The last reload failed: nothing was changed");
        return;
    }
    cpsd_log_setup(&server->log, &setup->config);
    for (size_t i = 0; i < server->worker_count; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_RELOAD, setup);
    }
    cpsd_setup_unref(server->setup);
    server->setup = setup;
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "reload: configuration and certificate are in use");
    (void)cpsd_notify("READY=1\nSTATUS=Reloaded");
}

/* A revocation list was fetched: the trust is built anew, with the same number table. */
static enum stir_code trust_again(void *arg, struct stir_error *err)
{
    struct server *server = arg;
    const struct cpsd_config *config = &server->setup->config;
    struct cpsd_crl_text texts[CPSD_CRL_URLS_MAX];
    struct cpsd_trusted *trusted = NULL;
    size_t count = cpsd_crls_texts(server->crls, config, texts);
    enum stir_code code = cpsd_trusted_load(&trusted, config, texts, count, server->setup->trusted->numbers, err);
    for (size_t i = 0; code == STIR_OK && i < server->worker_count; i++) {
        cpsd_worker_trust(&server->workers[i], trusted);
    }
    cpsd_trusted_unref(trusted);
    return code;
}

/* ---- the watchdog ---- */

/* systemd hears from this process as long as every worker's loop goes round. */
static void on_watchdog(uv_timer_t *timer)
{
    struct server *server = timer->data;
    bool alive = true;
    for (size_t i = 0; i < server->worker_count; i++) {
        uint64_t ticks = atomic_load_explicit(&server->workers[i].ticks, memory_order_relaxed);
        if (ticks == server->seen_ticks[i]) {
            alive = false;
            stir_log_plain(&server->log, STIR_LOG_ERROR, "worker %zu does not go on: systemd is not told to wait", i);
        }
        server->seen_ticks[i] = ticks;
    }
    if (alive) {
        (void)cpsd_notify("WATCHDOG=1");
    }
}

static enum stir_code watch_workers(struct server *server, struct stir_error *err)
{
    uint64_t every_ms = cpsd_notify_watchdog_ms();
    server->seen_ticks = calloc(server->worker_count, sizeof(*server->seen_ticks));
    if (!server->seen_ticks || uv_timer_init(&server->loop, &server->watchdog) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "watchdog");
    }
    if (every_ms && every_ms < WATCHDOG_LEAST_MS) {
        return stir_fail(err, STIR_E_CONFIG, "WatchdogSec= is shorter than %d s", 2 * WATCHDOG_LEAST_MS / 1000);
    }
    server->watchdog.data = server;
    for (size_t i = 0; i < server->worker_count; i++) {
        server->seen_ticks[i] = UINT64_MAX; /* none seen yet: the first look is not held against a worker */
    }
    if (every_ms) {
        (void)uv_timer_start(&server->watchdog, on_watchdog, every_ms, every_ms);
    }
    return STIR_OK;
}

/* ---- start and stop ---- */

static void on_stop(uv_signal_t *handle, int signum)
{
    struct server *server = handle->data;
    if (server->stopping) {
        return;
    }
    server->stopping = true;
    (void)cpsd_notify("STOPPING=1\nSTATUS=Answering what is under way");
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "stopping: %s", signum == SIGTERM ? "SIGTERM" : "SIGINT");
    for (size_t i = 0; i < server->worker_count; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_STOP, NULL);
    }
    uv_close((uv_handle_t *)&server->term, NULL);
    uv_close((uv_handle_t *)&server->interrupt, NULL);
    uv_close((uv_handle_t *)&server->hangup, NULL);
    uv_close((uv_handle_t *)&server->watchdog, NULL);
    cpsd_crls_stop(server->crls);
}

static enum stir_code watch_signals(struct server *server, struct stir_error *err)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&server->loop) < 0 || uv_signal_init(&server->loop, &server->term) < 0 ||
        uv_signal_init(&server->loop, &server->interrupt) < 0 || uv_signal_init(&server->loop, &server->hangup) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "signals");
    }
    server->term.data = server->interrupt.data = server->hangup.data = server;
    (void)uv_signal_start(&server->term, on_stop, SIGTERM);
    (void)uv_signal_start(&server->interrupt, on_stop, SIGINT);
    (void)uv_signal_start(&server->hangup, on_hangup, SIGHUP);
    return STIR_OK;
}

/* Enough descriptors for all connections, if the hard limit allows. */
static void raise_file_limit(const struct server *server)
{
    struct rlimit limit;
    rlim_t want = (rlim_t)server->setup->config.max_connections * server->worker_count + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < want) {
        limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur < want - 256) {
            stir_log_plain(&server->log, STIR_LOG_WARNING,
                           "the limit of open files (%llu) does not suffice for [server] max_connections",
                           (unsigned long long)limit.rlim_cur);
        }
    }
}

static void log_policies(const struct server *server)
{
    const struct cpsd_config *config = &server->setup->config;
    for (int action = CPSD_ACT_PUBLISH; action < CPSD_ACTION_COUNT; action++) {
        enum cpsd_policy policy = (enum cpsd_policy)config->policy[action];
        bool loose = policy < cpsd_action_default((enum cpsd_action)action);
        stir_log_plain(&server->log, loose ? STIR_LOG_WARNING : STIR_LOG_NOTICE, "policy: %s is %s%s",
                       cpsd_action_name((enum cpsd_action)action), cpsd_policy_names[policy],
                       policy == CPSD_POLICY_OPEN ? ": anybody may" : "");
    }
    if (!config->dummies_secret_file[0]) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE,
                       "dummies: the secret is made up at start, which is right for a single server only");
    }
}

static struct cpsd_store_config store_config(const struct server *server)
{
    const struct cpsd_config *config = &server->setup->config;
    return (struct cpsd_store_config){.url = config->store_url,
                                      .box_limit = (unsigned)config->box_limit,
                                      .memory_limit_bytes = (unsigned long)config->memory_limit_bytes,
                                      .timeout_ms = (unsigned)config->store_timeout_ms,
                                      .max_ttl_ms = LONGEST_LIFE_MS,
                                      .replicas = cpsd_config_replicas(config),
                                      .log = &server->store_log};
}

static enum stir_code make_workers(struct server *server, struct stir_error *err)
{
    unsigned char tickets[CPSD_TICKET_KEYS];
    int64_t want = server->setup->config.workers;
    size_t count = want ? (size_t)want : uv_available_parallelism();
    server->workers = calloc(count, sizeof(*server->workers));
    server->metrics = calloc(count, sizeof(struct cpsd_metrics *));
    server->reads = cpsd_buckets_new(READ_BUCKETS);
    server->crowd = cpsd_crowd_new();
    if (!server->workers || !server->metrics || !server->reads || !server->crowd ||
        RAND_bytes(tickets, sizeof(tickets)) != 1) {
        return stir_fail(err, STIR_E_NOMEM, "workers");
    }
    server->worker_count = count;
    raise_file_limit(server);
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < count; i++) {
        struct cpsd_worker *worker = &server->workers[i];
        code =
            cpsd_worker_init(worker, (unsigned)i, server->setup, server->backend, server->fetcher, server->certs, err);
        memcpy(worker->log_key, server->workers[0].log_key, sizeof(worker->log_key)); /* one number, one hash */
        server->metrics[i] = &worker->metrics;
        worker->service.all_metrics = server->metrics;
        worker->service.reads = server->reads;
        worker->service.crowd = server->crowd;
        worker->service.worker_count = count;
        if (code == STIR_OK && worker->ssl_ctx) {
            code = cpsd_tls_harden(worker->ssl_ctx, tickets, err);
            code = code == STIR_OK ? cpsd_tls_client_setup(worker->ssl_ctx, err) : code;
        }
    }
    OPENSSL_cleanse(tickets, sizeof(tickets));
    return code;
}

static enum stir_code make_certs(struct server *server, struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    size_t count = 0;
    enum stir_code code = cpsd_certs_new(&server->certs, server->fetcher, (size_t)config->auth_x5u_entries, err);
    if (code == STIR_OK) {
        code = cpsd_certs_load_dir(server->certs, config->auth_x5u_dir, &count, err);
    }
    if (code == STIR_OK && config->auth_x5u_dir[0]) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "%zu certificate chains in %s", count, config->auth_x5u_dir);
    }
    if (server->setup->trusted->trust && !server->setup->auth->aud_count) {
        stir_log_plain(&server->log, STIR_LOG_WARNING,
                       "no bearer token is accepted: neither [auth] audience nor [server] public_url says what this "
                       "server is called");
    }
    return code;
}

static enum stir_code prepare(struct server *server, struct stir_error *err)
{
    struct cpsd_passed passed = {0};
    struct cpsd_store_config store = store_config(server);
    enum stir_code code = cpsd_dummy_secret(server->setup->dummy_secret, &server->setup->config, err);
    if (code == STIR_OK) {
        code = cpsd_backend_new(&server->backend, &store, err);
    }
    if (code == STIR_OK) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "store: %s", cpsd_backend_description(server->backend));
        log_policies(server);
        code = cpsd_fetcher_new(&server->fetcher, FETCHES_AT_ONCE, err);
    }
    if (code == STIR_OK) {
        code = make_certs(server, err);
    }
    if (code == STIR_OK) {
        code = make_workers(server, err);
    }
    if (code == STIR_OK) {
        code = cpsd_passed_read(&passed, err);
    }
    if (code == STIR_OK) {
        code = cpsd_listen(server->workers, server->worker_count, &server->setup->config, &passed, &server->log, err);
    }
    if (code == STIR_OK) {
        code = watch_signals(server, err);
    }
    if (code == STIR_OK) {
        code = watch_workers(server, err);
    }
    if (code == STIR_OK) {
        code = cpsd_crls_new(&server->crls, &server->loop, server->fetcher, &server->log, trust_again, server, err);
    }
    return code == STIR_OK ? cpsd_crls_use(server->crls, &server->setup->config, err) : code;
}

static enum stir_code run(struct server *server, struct stir_error *err)
{
    size_t running = 0;
    enum stir_code code = STIR_OK;
    for (; running < server->worker_count; running++) {
        struct cpsd_worker *worker = &server->workers[running];
        if (uv_thread_create(&worker->thread, cpsd_worker_main, worker) < 0) {
            code = stir_fail(err, STIR_E_NOMEM, "cannot start a thread");
            break;
        }
    }
    if (code == STIR_OK) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "ready: %zu workers", server->worker_count);
        (void)cpsd_notify("READY=1\nSTATUS=Serving");
        (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    }
    for (size_t i = 0; i < running; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_STOP, NULL);
        (void)uv_thread_join(&server->workers[i].thread);
    }
    (void)uv_loop_close(&server->loop);
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "stopped");
    return code;
}

static void quiet(int level, const char *line)
{
    (void)level, (void)line;
}

enum stir_code cpsd_server_run(struct cpsd_config *config, const char *path,
                               const struct stir_conf_overrides *overrides, struct stir_error *err)
{
    struct server server = {.path = path, .overrides = overrides};
    cpsd_log_setup(&server.log, config);
    server.store_log = server.log;
    lws_set_log_level(0, quiet);
    enum stir_code code = make_setup(&server.setup, config, NULL, err);
    if (code != STIR_OK) {
        return code;
    }
    code = prepare(&server, err);
    if (code == STIR_OK) {
        code = run(&server, err);
    }
    for (size_t i = 0; i < server.worker_count; i++) {
        cpsd_worker_clear(&server.workers[i]);
    }
    cpsd_crls_free(server.crls);
    cpsd_fetcher_free(server.fetcher);
    cpsd_certs_free(server.certs);
    cpsd_backend_free(server.backend);
    free(server.workers);
    free(server.metrics);
    cpsd_buckets_free(server.reads);
    cpsd_crowd_free(server.crowd);
    free(server.seen_ticks);
    cpsd_setup_unref(server.setup);
    return code;
}

static enum stir_code check_auth(const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_auth_rules *rules = NULL;
    struct cpsd_certs *certs = NULL;
    enum stir_code code = cpsd_auth_rules_new(&rules, config, err);
    code = code == STIR_OK ? cpsd_certs_new(&certs, NULL, 1, err) : code;
    code = code == STIR_OK ? cpsd_certs_load_dir(certs, config->auth_x5u_dir, NULL, err) : code;
    cpsd_certs_free(certs);
    cpsd_auth_rules_free(rules);
    return code;
}

enum stir_code cpsd_server_check(const struct cpsd_config *config, struct stir_error *err)
{
    struct cpsd_credential *credential = NULL;
    struct cpsd_backend *backend = NULL;
    struct cpsd_dummies *dummies = NULL;
    struct cpsd_trusted *trusted = NULL;
    struct cpsd_peers *peers = NULL;
    uint8_t secret[CPSD_DUMMY_SECRET];
    struct cpsd_store_config store = {.url = config->store_url,
                                      .box_limit = (unsigned)config->box_limit,
                                      .memory_limit_bytes = (unsigned long)config->memory_limit_bytes,
                                      .timeout_ms = (unsigned)config->store_timeout_ms,
                                      .max_ttl_ms = LONGEST_LIFE_MS,
                                      .replicas = cpsd_config_replicas(config)};
    enum stir_code code = cpsd_listen_check(config, err);
    if (code == STIR_OK) {
        code = cpsd_crls_check(config, err);
    }
    if (code == STIR_OK && config->listen[0]) {
        code = cpsd_credential_load(&credential, config, err);
    }
    if (code == STIR_OK) {
        code = cpsd_trusted_load(&trusted, config, NULL, 0, NULL, err);
    }
    if (code == STIR_OK) {
        code = check_auth(config, err);
    }
    if (code == STIR_OK) {
        code = cpsd_peers_load(&peers, config, err);
    }
    if (code == STIR_OK) {
        code = cpsd_dummy_secret(secret, config, err);
    }
    if (code == STIR_OK) {
        code = cpsd_dummies_new(&dummies, secret, config, err);
    }
    if (code == STIR_OK) {
        code = cpsd_backend_new(&backend, &store, err);
    }
    OPENSSL_cleanse(secret, sizeof(secret));
    cpsd_credential_free(credential);
    cpsd_trusted_unref(trusted);
    cpsd_peers_unref(peers);
    cpsd_dummies_free(dummies);
    cpsd_backend_free(backend);
    return code;
}
