/* SPDX-License-Identifier: MIT */
#include "common/net/sd_notify.h"
#include "cps/server/server_state.h"

#include <stdlib.h>

#define WATCHDOG_LEAST_MS 1000 /* workers tick four times in it */

/* Sends systemd's keep-alive as long as the loop of every worker has turned since the last time. */
static void watchdog_on_timer(uv_timer_t *timer)
{
    struct cpsd_server *server = timer->data;
    bool alive = true;
    for (size_t i = 0; i < server->worker_count; i++) {
        uint64_t ticks = atomic_load_explicit(&server->workers[i].ticks, memory_order_relaxed);
        if (ticks == server->seen_ticks[i]) {
            alive = false;
            stir_log_plain(&server->log, STIR_LOG_ERROR,
                           "worker %zu is stuck; not sending a watchdog keep-alive, so systemd will restart cpsd", i);
        }
        server->seen_ticks[i] = ticks;
    }
    if (alive) {
        (void)stir_notify("WATCHDOG=1");
    }
}

/* A worker has started its listeners: the server is ready once all have. */
static void watchdog_on_opened(uv_async_t *async)
{
    struct cpsd_server *server = async->data;
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

enum stir_code cpsd_watchdog_start(struct cpsd_server *server, struct stir_error *err)
{
    uint64_t every_ms = stir_notify_watchdog_ms();
    server->seen_ticks = calloc(server->worker_count, sizeof(*server->seen_ticks));
    if (!server->seen_ticks || uv_timer_init(&server->loop, &server->watchdog) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for the watchdog");
    }
    if (every_ms && every_ms < WATCHDOG_LEAST_MS) {
        return stir_fail(err, STIR_E_CONFIG, "WatchdogSec= in the systemd unit is too short; set it to %d s or more",
                         2 * WATCHDOG_LEAST_MS / 1000);
    }
    server->watchdog.data = server;
    if (uv_async_init(&server->loop, &server->opened, watchdog_on_opened) < 0) {
        return stir_fail(err, STIR_E_NOMEM, "cannot make the handle by which workers report that they serve");
    }
    server->opened.data = server;
    uv_unref((uv_handle_t *)&server->opened); /* closed when the workers have ended */
    /* No worker has ticked yet; the first look must not count that against it. */
    for (size_t i = 0; i < server->worker_count; i++) {
        server->seen_ticks[i] = UINT64_MAX;
    }
    if (every_ms) {
        (void)uv_timer_start(&server->watchdog, watchdog_on_timer, every_ms, every_ms);
    }
    return STIR_OK;
}
