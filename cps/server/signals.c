/* SPDX-License-Identifier: MIT */
#include "common/base/log_writer.h"
#include "common/net/sd_notify.h"
#include "cps/server/server_state.h"

#include <signal.h>

/* SIGTERM, SIGINT: the workers finish their open requests and end; this loop ends with its last handle. */
static void signals_on_stop(uv_signal_t *handle, int signum)
{
    struct cpsd_server *server = handle->data;
    if (server->stopping) {
        return;
    }
    server->stopping = true;
    (void)stir_notify("STOPPING=1\nSTATUS=Finishing open requests");
    stir_log_plain(&server->log, STIR_LOG_NOTICE, "stopping: %s", signum == SIGTERM ? "SIGTERM" : "SIGINT");
    for (size_t i = 0; i < server->worker_count; i++) {
        cpsd_worker_command(&server->workers[i], CPSD_CMD_STOP, NULL);
    }
    uv_close((uv_handle_t *)&server->term, NULL);
    uv_close((uv_handle_t *)&server->interrupt, NULL);
    uv_close((uv_handle_t *)&server->watchdog, NULL);
    cpsd_trust_update_stop(server);
}

static void signals_on_hangup(uv_signal_t *handle, int signum)
{
    struct cpsd_server *server = handle->data;
    (void)signum;
    if (!server->stopping) {
        cpsd_reload(server);
    }
}

static void signals_on_usr1(uv_signal_t *handle, int signum)
{
    struct cpsd_server *server = handle->data;
    struct stir_error err = {0};
    (void)signum;
    if (stir_log_writer_open(server->log.writer, server->setup->config.log_file, &err) == STIR_OK) {
        stir_log_plain(&server->log, STIR_LOG_NOTICE, "logs: reopened after SIGUSR1");
    } else {
        stir_log_plain(&server->log, STIR_LOG_ERROR, "logs: cannot reopen, the previous file stays in use: %s",
                       err.text);
    }
}

static void signals_on_usr2(uv_signal_t *handle, int signum)
{
    struct cpsd_server *server = handle->data;
    (void)signum;
    stir_log_plain(&server->log, STIR_LOG_NOTICE,
                   "signals: SIGUSR2 is ignored; send SIGHUP to reload, SIGUSR1 to reopen log files");
}

/* Signals that would end the process by default, and must not while open requests are finished: their handles stay
 * until cpsd_signals_close. They do not keep the loop running. */
static bool signals_watch_until_end(struct cpsd_server *server)
{
    const struct {
        uv_signal_t *handle;
        uv_signal_cb callback;
        int signum;
    } rows[] = {{&server->hangup, signals_on_hangup, SIGHUP},
                {&server->usr1, signals_on_usr1, SIGUSR1},
                {&server->usr2, signals_on_usr2, SIGUSR2}};
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

enum stir_code cpsd_signals_watch(struct cpsd_server *server, struct stir_error *err)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&server->loop) < 0 || uv_signal_init(&server->loop, &server->term) < 0 ||
        uv_signal_init(&server->loop, &server->interrupt) < 0 || !signals_watch_until_end(server)) {
        return stir_fail(err, STIR_E_NOMEM, "cannot make the signal handlers");
    }
    server->term.data = server->interrupt.data = server;
    (void)uv_signal_start(&server->term, signals_on_stop, SIGTERM);
    (void)uv_signal_start(&server->interrupt, signals_on_stop, SIGINT);
    return STIR_OK;
}

void cpsd_signals_close(struct cpsd_server *server)
{
    uv_close((uv_handle_t *)&server->hangup, NULL);
    uv_close((uv_handle_t *)&server->usr1, NULL);
    uv_close((uv_handle_t *)&server->usr2, NULL);
}
