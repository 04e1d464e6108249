#include "cps/server/server.h"

#include "common/base/log_writer.h"
#include "common/base/process_metrics.h"
#include "cps/auth/conn_limit.h"
#include "cps/auth/crls.h"
#include "cps/auth/rate_limit.h"
#include "cps/auth/root_lists.h"
#include "cps/auth/trust_status.h"
#include "cps/base/partners.h"
#include "cps/server/server_internal.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOG_RING ((size_t)1 << 20) /* octets of log lines that wait to be written */
#define LOG_FLUSH_S 5              /* at the end */
#define READ_BUCKETS 100000        /* networks that are remembered at a time */
#define STATUS_MS 500              /* how often the state of lists is copied for /metrics and /ready */
#define WATCHDOG_LEAST_MS 1000     /* workers tick four times in it */
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
    struct cpsd_cert_cache *certs;
    struct cpsd_crls *crls;
    struct cpsd_root_lists *root_lists;
    struct cpsd_trusted *trusted; /* what the workers use, or will soon */
    bool trust_waits;             /* the setup's trust comes into use once its new revocation lists were fetched */
    struct cpsd_trust_status *trust_status;
    uv_timer_t status_timer;
    struct cpsd_worker *workers;
    struct cpsd_metrics **metrics;
    struct cpsd_buckets *reads;
    struct cpsd_conn_limit *conn_limit;
    struct cpsd_conn_limit *handshakes;
    struct cpsd_tls_tickets *tickets;
    atomic_flag form_warned;
    size_t worker_count;
    uv_loop_t loop;
    uv_signal_t term, interrupt;
    uv_signal_t hangup, usr1, usr2; /* stay until the workers have ended */
    struct stir_reloads reloads;
    uv_timer_t watchdog;
    uv_async_t opened;    /* a worker has started its listeners */
    bool ready;           /* all have, and that was said */
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
        cpsd_trusted_unref(setup->trusted_first);
        stir_trust_files_clear(&setup->trust_files);
        cpsd_auth_rules_free(setup->auth);
        cpsd_peers_unref(setup->peers);
        OPENSSL_cleanse(setup->dummy_secret, sizeof(setup->dummy_secret));
        free(setup);
    }
}

static void warn_of_root(void *arg, const char *text)
{
    stir_log_plain(arg, STIR_LOG_WARNING, "[trust] %s", text);
}

/* Reads the trust that a configuration names, with the lists that were fetched already. */
static enum stir_code load_trusted(struct cpsd_setup *setup, const struct server *server, struct stir_error *err)
{
    struct stir_trust_text texts[CPSD_CRLS_MAX], roots[CPSD_ROOT_LISTS_MAX];
    const struct stir_trust_warn warn = {.say = warn_of_root, .arg = (void *)(uintptr_t)&server->log};
    enum stir_code code = cpsd_trusted_files(&setup->trust_files, &setup->config, err);
    const struct cpsd_trusted_spec spec = {.config = &setup->config,
                                           .files = &setup->trust_files,
                                           .root_lists = roots,
                                           .root_list_count =
                                               cpsd_root_lists_texts(server->root_lists, &setup->config, roots),
                                           .crls = texts,
                                           .crl_count = cpsd_crls_texts(server->crls, &setup->config, false, texts),
                                           .read_crl_files = true,
                                           .warn = &warn};
    return code == STIR_OK ? cpsd_trusted_load(&setup->trusted, &spec, err) : code;
}

/* Takes config over, also when it fails. */
static enum stir_code make_setup(struct cpsd_setup **out, struct cpsd_config *config, const struct server *server,
                                 struct stir_error *err)
{
    struct cpsd_setup *setup = calloc(1, sizeof(*setup));
    if (!setup) {
        cpsd_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "configuration");
    }
    setup->config = *config;
    *config = (struct cpsd_config){0};
    atomic_init(&setup->refs, 1);
    enum stir_code code = cpsd_crls_check(&setup->config, err);
    code = code == STIR_OK ? cpsd_root_lists_check(&setup->config, err) : code;
    if (code == STIR_OK && setup->config.listen[0]) {
        code = cpsd_credential_load(&setup->credential, &setup->config, err);
    }
    if (code == STIR_OK) {
        code = load_trusted(setup, server, err);
    }
    if (code == STIR_OK) {
        code = cpsd_auth_rules_new(&setup->auth, &setup->config, err);
    }
    if (code == STIR_OK) {
        code = cpsd_peers_load(&setup->peers, &setup->config, err);
    }
    if (code != STIR_OK) {
        stir_conf_name_key(err, &setup->config, cpsd_config_table, cpsd_config_count);
        cpsd_setup_unref(setup);
        return stir_conf_fault(err, code);
    }
    *out = setup;
    return STIR_OK;
}

void cpsd_log_setup(struct stir_log *log, const struct cpsd_config *config)
{
    log->fd = 2;
    log->level = (enum stir_log_level)config->log_level;
    log->format = (enum stir_log_format)config->log_format;
    log->alike_per_s = (unsigned)config->log_alike_per_s;
}

/* ---- reload ---- */

static void log_change(void *arg, const struct stir_conf_key *key)
{
    stir_log_plain(arg, STIR_LOG_NOTICE, "reload: [%s] %s changed%s", key->section, key->name,
                   key->reloadable ? "" : ", which takes a restart: the old value stays");
}

static void log_outdated(void *arg, const char *text)
{
    stir_log_plain(arg, STIR_LOG_WARNING, "configuration: %s", text);
}

void cpsd_warn_of_outdated(struct stir_log *log, const struct cpsd_config *config)
{
    stir_conf_outdated(config, cpsd_config_table, cpsd_config_count, log_outdated, log);
}

/* Logs all that is wrong with a configuration that was read again, if it is more than one fault. */
static void log_faults(const struct server *server)
{
    const struct stir_faults *faults = server->overrides ? server->overrides->faults : NULL;
    const char *line = faults && faults->count > 1 && faults->lines.ptr ? faults->lines.ptr : "";
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        stir_log_plain(&server->log, STIR_LOG_ERROR, "reload: %.*s", (int)(end - line), line);
    }
}

static enum stir_code load_again(const struct server *server, struct cpsd_setup **out, struct stir_error *err)
{
    struct cpsd_config config = {0};
    enum stir_code code = cpsd_config_load(&config, server->path, server->overrides, err);
    if (code != STIR_OK) {
        log_faults(server);
        return code;
    }
    stir_conf_diff(&server->setup->config, &config, cpsd_config_table, cpsd_config_count, log_change,
                   (void *)(uintptr_t)&server->log);
    struct cpsd_setup *setup = NULL;
    code = make_setup(&setup, &config, server, err);
    assert(code != STIR_OK || setup);
    if (code == STIR_OK) {
        code = cpsd_cert_cache_load_dir(server->certs, setup->config.auth_x5u_dir, NULL, err);
        stir_conf_name_key(err, &setup->config, cpsd_config_table, cpsd_config_count);
    }
    if (code != STIR_OK) {
        cpsd_setup_unref(setup);
        return code;
    }
    memcpy(setup->dummy_secret, server->setup->dummy_secret, CPSD_DUMMY_SECRET);
    *out = setup;
    return STIR_OK;
}

static void replace_trusted(struct server *server, struct cpsd_trusted *trusted)
{
    cpsd_trusted_unref(server->trusted);
    server->trusted = cpsd_trusted_ref(trusted);
}

/* Where each certificate needs a current list, nobody would be trusted until a URL that is new was fetched: the trust
 * of before stays in use until then. */
static void choose_trust(struct server *server, struct cpsd_setup *setup)
{
    server->trust_waits = setup->config.trust_crl_policy == STIR_CRL_REQUIRED && server->trusted->trust &&
                          setup->trusted->trust && cpsd_crls_are_awaited(server->crls);
    if (server->trust_waits) {
        setup->trusted_first = cpsd_trusted_ref(server->trusted);
        stir_log_plain(
            &server->log, STIR_LOG_NOTICE,
            "reload: the roots and revocation lists of before stay in use until the new crl_urls were fetched");
    } else {
        replace_trusted(server, setup->trusted);
    }
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
    (void)stir_notify_reloading();
    enum stir_code code = load_again(server, &setup, &err);
    code = code == STIR_OK ? stir_log_writer_open(server->log.writer, setup->config.log_file, &err) : code;
    code = code == STIR_OK ? cpsd_crls_use(server->crls, &setup->config, &err) : code;
    code = code == STIR_OK ? cpsd_root_lists_use(server->root_lists, &setup->config, &err) : code;
    if (code != STIR_OK) {
        (void)!stir_log_writer_open(server->log.writer, server->setup->config.log_file, NULL);
        cpsd_setup_unref(setup);
        stir_reloads_note(&server->reloads, false);
        stir_log_plain(&server->log, STIR_LOG_ERROR, "reload: nothing is changed: %s", err.text);
        (void)stir_notify("READY=1\nSTATUS=The last reload failed: nothing was changed");
        return;
    }
    cpsd_log_setup(&server->log, &setup->config);
    cpsd_warn_of_outdated(&server->log, &setup->config);
    choose_trust(server, setup);
    for (size_t i = 0; i < server->worker_count; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_RELOAD, setup);
    }
    cpsd_setup_unref(server->setup);
    server->setup = setup;
    stir_reloads_note(&server->reloads, true);
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "reload: configuration and certificate are in use");
    (void)stir_notify("READY=1\nSTATUS=Reloaded");
}

static void on_usr1(uv_signal_t *handle, int signum)
{
    struct server *server = handle->data;
    struct stir_error err = {0};
    (void)signum;
    if (stir_log_writer_open(server->log.writer, server->setup->config.log_file, &err) == STIR_OK) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "logs: opened again after SIGUSR1");
    } else {
        stir_log_plain(&server->log, STIR_LOG_ERROR, "logs: the file before stays in use: %s", err.text);
    }
}

static void on_usr2(uv_signal_t *handle, int signum)
{
    struct server *server = handle->data;
    (void)signum;
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "SIGUSR2 is ignored: SIGHUP reloads, SIGUSR1 opens logs again");
}

/* Builds the trust anew after a list has changed, with the same files of roots and number table. */
static enum stir_code build_trust_again(struct server *server, const struct stir_trust_warn *warn,
                                        struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    struct stir_trust_text texts[CPSD_CRLS_MAX], roots[CPSD_ROOT_LISTS_MAX];
    struct cpsd_trusted *trusted = NULL;
    const struct cpsd_trusted_spec spec = {.config = config,
                                           .files = &server->setup->trust_files,
                                           .warn = warn,
                                           .root_lists = roots,
                                           .root_list_count = cpsd_root_lists_texts(server->root_lists, config, roots),
                                           .crls = texts,
                                           .crl_count = cpsd_crls_texts(server->crls, config, true, texts),
                                           .numbers = server->setup->trusted->numbers};
    enum stir_code code = cpsd_trusted_load(&trusted, &spec, err);
    if (code == STIR_OK && !(server->trust_waits && cpsd_crls_are_awaited(server->crls))) {
        server->trust_waits = false;
        replace_trusted(server, trusted);
        for (size_t i = 0; i < server->worker_count; i++) {
            cpsd_worker_trust(&server->workers[i], trusted);
        }
    }
    cpsd_trusted_unref(trusted);
    return code;
}

static enum stir_code crl_changed(void *arg, struct stir_error *err)
{
    return build_trust_again(arg, NULL, err);
}

/* Roots of the list that cannot be used are logged. */
static enum stir_code root_list_changed(void *arg, struct stir_error *err)
{
    struct server *server = arg;
    const struct stir_trust_warn warn = {.say = warn_of_root, .arg = &server->log};
    return build_trust_again(server, &warn, err);
}

/* ---- how the lists are doing ---- */

static void status_entry(struct cpsd_trust_status_entry *out, const char *kind, const char *name)
{
    *out = (struct cpsd_trust_status_entry){.kind = kind};
    (void)snprintf(out->name, sizeof(out->name), "%s", name);
}

/* Copies the state of all lists to where the workers read it. */
static void on_status_timer(uv_timer_t *timer)
{
    struct server *server = timer->data;
    struct cpsd_trust_status_entry entries[CPSD_CRLS_MAX + CPSD_ROOT_LISTS_MAX];
    struct cpsd_crl_status crl;
    struct cpsd_root_list_status list;
    size_t count = 0;
    for (size_t i = 0; cpsd_crls_status(server->crls, i, &crl); i++) {
        struct cpsd_trust_status_entry *entry = &entries[count++];
        status_entry(entry, "crl", crl.name);
        entry->in_force = crl.good_at != 0;
        entry->good_at = crl.good_at;
        entry->exp = crl.until;
        entry->failures = crl.failures;
    }
    for (size_t i = 0; cpsd_root_lists_status(server->root_lists, i, &list); i++) {
        struct cpsd_trust_status_entry *entry = &entries[count++];
        status_entry(entry, "roots", list.name);
        entry->in_force = list.in_force;
        entry->good_at = list.good_at;
        entry->exp = list.exp;
        entry->failures = list.failures;
    }
    cpsd_trust_status_put(server->trust_status, entries, count);
}

/* ---- watching the workers ---- */

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
        (void)stir_notify("WATCHDOG=1");
    }
}

static void on_opened(uv_async_t *async)
{
    struct server *server = async->data;
    for (size_t i = 0; i < server->worker_count; i++) {
        if (!atomic_load_explicit(&server->workers[i].serves, memory_order_acquire)) {
            return;
        }
    }
    if (!server->ready && !server->stopping) {
        server->ready = true;
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "ready: %zu workers", server->worker_count);
        (void)stir_notify("READY=1\nSTATUS=Serving");
    }
}

static enum stir_code watch_workers(struct server *server, struct stir_error *err)
{
    uint64_t every_ms = stir_notify_watchdog_ms();
    server->seen_ticks = calloc(server->worker_count, sizeof(*server->seen_ticks));
    if (!server->seen_ticks || uv_timer_init(&server->loop, &server->watchdog) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "watchdog");
    }
    if (every_ms && every_ms < WATCHDOG_LEAST_MS) {
        return stir_fail(err, STIR_E_CONFIG, "WatchdogSec= is shorter than %d s", 2 * WATCHDOG_LEAST_MS / 1000);
    }
    server->watchdog.data = server;
    if (uv_async_init(&server->loop, &server->opened, on_opened) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "workers");
    }
    server->opened.data = server;
    uv_unref((uv_handle_t *)&server->opened); /* closed when the workers have ended */
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
    (void)stir_notify("STOPPING=1\nSTATUS=Answering what is under way");
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "stopping: %s", signum == SIGTERM ? "SIGTERM" : "SIGINT");
    for (size_t i = 0; i < server->worker_count; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_STOP, NULL);
    }
    uv_close((uv_handle_t *)&server->term, NULL);
    uv_close((uv_handle_t *)&server->interrupt, NULL);
    uv_close((uv_handle_t *)&server->watchdog, NULL);
    uv_close((uv_handle_t *)&server->status_timer, NULL);
    cpsd_crls_stop(server->crls);
    cpsd_root_lists_stop(server->root_lists);
}

/* Signals that must not end the process while requests are answered: their handles stay until that is over. */
static bool watch_while_running(struct server *server)
{
    struct {
        uv_signal_t *handle;
        uv_signal_cb callback;
        int signum;
    } rows[] = {{&server->hangup, on_hangup, SIGHUP},
                {&server->usr1, on_usr1, SIGUSR1},
                {&server->usr2, on_usr2, SIGUSR2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (uv_signal_init(&server->loop, rows[i].handle) < 0) {
            return false;
        }
        rows[i].handle->data = server;
        (void)uv_signal_start(rows[i].handle, rows[i].callback, rows[i].signum);
        uv_unref((uv_handle_t *)rows[i].handle);
    }
    return true;
}

static enum stir_code watch_signals(struct server *server, struct stir_error *err)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&server->loop) < 0 || uv_signal_init(&server->loop, &server->term) < 0 ||
        uv_signal_init(&server->loop, &server->interrupt) < 0 || !watch_while_running(server)) {
        return stir_fail(err, STIR_E_NOMEM, "signals");
    }
    server->term.data = server->interrupt.data = server;
    (void)uv_signal_start(&server->term, on_stop, SIGTERM);
    (void)uv_signal_start(&server->interrupt, on_stop, SIGINT);
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
    if (!config->publish_by_spc) {
        stir_log_plain(&server->log, STIR_LOG_WARNING,
                       "limits: publish_by_spc is 0, so a caller with a credential may publish at any rate; set it to "
                       "the envelopes per second that this CPS is to take from one provider");
    }
    if (cpsd_partners_any(config->atis_partners)) {
        stir_log_plain(&server->log, STIR_LOG_WARNING,
                       "atis: partners is *, so every provider may retrieve what another one published under its own "
                       "code; list the codes of your partners to narrow it");
    }
    if (!config->dummies_secret_file[0]) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE,
                       "dummies: the secret is made up at start, which is right for a single server only");
    }
}

struct cpsd_store_config cpsd_store_config(const struct cpsd_config *config, struct stir_log *log)
{
    return (struct cpsd_store_config){.url = config->store_url,
                                      .box_limit = (unsigned)config->box_limit,
                                      .box_share = (unsigned)config->box_share,
                                      .memory_limit_bytes = (unsigned long)config->memory_limit_bytes,
                                      .timeout_ms = (unsigned)config->store_timeout_ms,
                                      .max_ttl_ms = LONGEST_LIFE_MS,
                                      .replicas = cpsd_config_replicas(config),
                                      .log = log};
}

static enum stir_code make_workers(struct server *server, struct stir_error *err)
{
    int64_t want = server->setup->config.workers;
    size_t count = want ? (size_t)want : uv_available_parallelism();
    server->workers = calloc(count, sizeof(*server->workers));
    server->metrics = calloc(count, sizeof(struct cpsd_metrics *));
    server->reads = cpsd_buckets_new(READ_BUCKETS);
    server->conn_limit = cpsd_conn_limit_new();
    server->handshakes = cpsd_conn_limit_new();
    server->tickets = cpsd_tls_tickets_new(NULL, NULL);
    server->trust_status = cpsd_trust_status_new();
    if (!server->workers || !server->metrics || !server->reads || !server->conn_limit || !server->handshakes ||
        !server->tickets || !server->trust_status) {
        return stir_fail(err, STIR_E_NOMEM, "workers");
    }
    server->worker_count = count;
    raise_file_limit(server);
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < count; i++) {
        struct cpsd_worker *worker = &server->workers[i];
        worker->log.writer = server->log.writer;
        code =
            cpsd_worker_init(worker, (unsigned)i, server->setup, server->backend, server->fetcher, server->certs, err);
        memcpy(worker->log_key, server->workers[0].log_key, sizeof(worker->log_key)); /* one number, one hash */
        server->metrics[i] = &worker->metrics;
        worker->service.all_metrics = server->metrics;
        worker->service.reads = server->reads;
        worker->service.conn_limit = server->conn_limit;
        worker->service.form_warned = &server->form_warned;
        worker->service.reloads = &server->reloads;
        worker->service.trust_status = server->trust_status;
        worker->handshakes = server->handshakes;
        worker->tickets = server->tickets;
        worker->opened = &server->opened;
        worker->service.worker_count = count;
        if (code == STIR_OK && worker->ssl_ctx) {
            code = cpsd_tls_harden(worker->ssl_ctx, server->tickets, err);
            code = code == STIR_OK ? cpsd_tls_client_setup(worker->ssl_ctx, err) : code;
        }
    }
    return code;
}

static enum stir_code make_certs(struct server *server, struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    size_t count = 0;
    enum stir_code code =
        cpsd_cert_cache_new(&server->certs, server->fetcher, (size_t)config->auth_x5u_entries, &server->log, err);
    if (code == STIR_OK) {
        code = cpsd_cert_cache_load_dir(server->certs, config->auth_x5u_dir, &count, err);
        stir_conf_name_key(err, config, cpsd_config_table, cpsd_config_count);
        code = stir_conf_fault(err, code);
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

/* Lists that trust depends on: read, fetched and reported while the server runs. */
static enum stir_code watch_lists(struct server *server, struct stir_error *err)
{
    const struct cpsd_config *config = &server->setup->config;
    enum stir_code code =
        cpsd_crls_new(&server->crls, &server->loop, server->fetcher, &server->log, crl_changed, server, err);
    if (code == STIR_OK) {
        code = cpsd_root_lists_new(&server->root_lists, &server->loop, server->fetcher, &server->log, root_list_changed,
                                   server, err);
    }
    code = code == STIR_OK ? cpsd_crls_use(server->crls, config, err) : code;
    code = code == STIR_OK ? cpsd_root_lists_use(server->root_lists, config, err) : code;
    (void)uv_timer_init(&server->loop, &server->status_timer); /* cannot fail */
    server->status_timer.data = server;
    (void)uv_timer_start(&server->status_timer, on_status_timer, 0, STATUS_MS);
    return code;
}

static enum stir_code prepare(struct server *server, struct stir_error *err)
{
    struct stir_passed passed = {0};
    struct cpsd_store_config store = cpsd_store_config(&server->setup->config, &server->store_log);
    enum stir_code code =
        stir_conf_fault(err, cpsd_dummy_secret(server->setup->dummy_secret, &server->setup->config, err));
    if (code == STIR_OK) {
        code = cpsd_backend_new(&server->backend, &store, err);
    }
    if (code == STIR_OK) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "store: %s", cpsd_backend_description(server->backend));
        cpsd_warn_of_outdated(&server->log, &server->setup->config);
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
        code = stir_passed_read(&passed, err);
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
        code = watch_lists(server, err);
    }
    return code;
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
        (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    }
    for (size_t i = 0; i < running; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_STOP, NULL);
        (void)uv_thread_join(&server->workers[i].thread);
    }
    uv_close((uv_handle_t *)&server->hangup, NULL);
    uv_close((uv_handle_t *)&server->usr1, NULL);
    uv_close((uv_handle_t *)&server->usr2, NULL);
    uv_close((uv_handle_t *)&server->opened, NULL);
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
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
    struct server server = {.path = path, .overrides = overrides, .form_warned = ATOMIC_FLAG_INIT};
    server.log.writer = stir_log_writer_new(
        &(struct stir_log_writer_config){.fd = STDERR_FILENO, .capacity = LOG_RING, .flush_s = LOG_FLUSH_S});
    if (!server.log.writer) {
        cpsd_config_clear(config);
        return stir_fail(err, STIR_E_NOMEM, "log");
    }
    cpsd_log_setup(&server.log, config);
    stir_log_writer_form(server.log.writer, &server.log);
    server.store_log = server.log;
    stir_reloads_begin(&server.reloads);
    lws_set_log_level(0, quiet);
    enum stir_code code = make_setup(&server.setup, config, &server, err);
    if (code != STIR_OK) {
        stir_log_writer_free(server.log.writer);
        return code;
    }
    server.trusted = cpsd_trusted_ref(server.setup->trusted);
    code = stir_conf_fault(err, stir_log_writer_open(server.log.writer, server.setup->config.log_file, err));
    code = code == STIR_OK ? prepare(&server, err) : code;
    if (code == STIR_OK) {
        code = run(&server, err);
    }
    for (size_t i = 0; i < server.worker_count; i++) {
        cpsd_worker_clear(&server.workers[i]);
    }
    cpsd_crls_free(server.crls);
    cpsd_root_lists_free(server.root_lists);
    cpsd_trust_status_free(server.trust_status);
    cpsd_fetcher_free(server.fetcher);
    cpsd_cert_cache_free(server.certs);
    cpsd_backend_free(server.backend);
    free(server.workers);
    free(server.metrics);
    cpsd_buckets_free(server.reads);
    cpsd_conn_limit_free(server.conn_limit);
    cpsd_conn_limit_free(server.handshakes);
    cpsd_tls_tickets_free(server.tickets);
    free(server.seen_ticks);
    cpsd_trusted_unref(server.trusted);
    cpsd_setup_unref(server.setup);
    stir_log_writer_free(server.log.writer);
    return code;
}
