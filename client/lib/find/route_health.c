/* SPDX-License-Identifier: MIT */
/*
 * Which servers of a CPS answer. A server is used until a request to it fails. From then on it is probed in the
 * background with GET /health?for=read until it answers. While another server of the route is good, the failed one is
 * left alone, each time for longer. When no server is good, requests still go to them until a probe of each has failed
 * as well. Then the CPS is away: requests fail at once with CPS_E_AWAY, until the first good answer.
 *
 * A CPS that answers 5xx to some requests only, such as one whose store is full, answers the probe and is not away.
 */
#include "client/lib/find/route_internal.h"

#include "client/lib/net/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define ALONE_FIRST_MS 1000   /* how long a server is left alone that failed once; doubles each time, ... */
#define ALONE_LAST_MS 30000   /* ... up to this, or to what it asked for with Retry-After, ... */
#define ALONE_ASKED_MAX_S 300 /* ... which counts up to this */
#define PATIENCE_MS 2000      /* timeout of a probe, ... */
#define DOUBT_MS 500          /* ... but of the first one after a request that timed out */
#define PAUSE_FIRST_MS 100    /* between probes of a CPS that is away; doubles each time, ... */
#define PAUSE_LAST_MS 1000    /* ... up to this */
#define IDLE_MS 300000        /* cps_url that no request wanted for this time is probed every ALONE_LAST_MS */

/* Any other CPS that no request wanted for this time is no longer probed: otherwise anyone who can publish a key record
 * could make us probe any host for ever. */
#define UNWANTED_MS 5000

/* The probing of one server. */
struct cps_watch {
    struct cps_task task; /* first */
    struct cps_transfer transfer;
    struct cps_route *route; /* a reference */
    unsigned server;
    bool asking;     /* a probe is under way */
    unsigned probes; /* that failed, in sequence */
    int64_t last_ms; /* when the last one ended (monotonic); 0: none has */
};

bool cps_route_failed(const struct cps_response *response)
{
    switch (response->error.code) {
    case CPS_OK:
        return response->status >= 500;
    case CPS_E_CONNECT:
    case CPS_E_TLS:
    case CPS_E_TIMEOUT:
        return true;
    default:
        return false;
    }
}

/* ---- the state of servers, under the lock of the routes ---- */

static bool route_health_any_good(const struct cps_route *route)
{
    for (unsigned i = 0; i < route->count; i++) {
        if (!route->servers[i].until_ms) {
            return true;
        }
    }
    return false;
}

static bool route_health_all_away(const struct cps_route *route)
{
    for (unsigned i = 0; i < route->count; i++) {
        if (!route->servers[i].away) {
            return false;
        }
    }
    return true;
}

/* Records a failure. Returns for how many milliseconds the server is left alone while others are good. */
static int64_t route_health_note_failure(struct cps_server *server, const struct cps_response *response)
{
    unsigned asked = response->retry_after_s < ALONE_ASKED_MAX_S ? response->retry_after_s : ALONE_ASKED_MAX_S;
    int64_t alone_ms = server->failures < 5 ? (int64_t)ALONE_FIRST_MS << server->failures : ALONE_LAST_MS;
    alone_ms = asked * INT64_C(1000) > alone_ms ? asked * INT64_C(1000) : alone_ms;
    server->failures += server->failures < 5;
    server->until_ms = cps_monotonic_ms() + alone_ms;
    if (response->error.code == CPS_OK) {
        (void)cps_fail(&server->cause, CPS_E_UNAVAILABLE, "it answered with status %d", response->status);
    } else {
        server->cause = response->error;
    }
    return alone_ms;
}

/* Uses a server again as if nothing were known about it. */
static void route_health_reset(struct cps_route *route, struct cps_server *server)
{
    server->until_ms = 0;
    server->away = false;
    route->away_ms = 0;
}

/* Has all probes of the route run sooner, because no other server is good any more. */
static void route_health_hurry_probes(struct cps_route *route)
{
    for (unsigned i = 0; i < route->count; i++) {
        if (route->servers[i].watch) {
            cps_task_wake(&route->servers[i].watch->task);
        }
    }
}

/* ---- log lines ---- */

/* What one answer has changed. */
struct change {
    int64_t alone_ms; /* how long the server is left alone from now on; 0: it is not */
    bool answers;     /* the server is used again */
    bool lost;        /* the CPS is away from now on */
    int64_t away_ms;  /* the CPS is back after this time; 0: it was not away */
    bool alone;       /* the route has no other server */
    char why[160];
};

static void route_health_log(struct cps_route *route, unsigned i, const struct change *change)
{
    const struct cps *cps = route->routes->cps;
    const char *base = route->servers[i].base;
    /* Anyone can publish a record that names a CPS, so its absence is not worth an operator's attention. */
    enum cps_log_level level = route->public_only ? CPS_LOG_INFO : CPS_LOG_NOTICE;
    if (change->alone_ms && !change->alone) {
        cps_log(cps, CPS_LOG_WARNING, "CPS server %s failed and is left alone for %lld ms: %s", base,
                (long long)change->alone_ms, change->why);
    } else if (change->answers && !change->alone) {
        cps_log(cps, CPS_LOG_NOTICE, "CPS server %s answers again", base);
    }
    if (change->lost) {
        cps_log(cps, level, "the CPS is away: %s: %s; requests to it fail at once until it answers", route->urls,
                change->why);
    } else if (change->away_ms) {
        cps_log(cps, level, "the CPS answers again: %s: it was away for %lld.%lld s", route->urls,
                (long long)(change->away_ms / 1000), (long long)(change->away_ms % 1000 / 100));
    }
}

/* Under the lock. */
static void route_health_take_success(struct cps_route *route, struct cps_server *server, struct change *change)
{
    change->answers = server->until_ms != 0;
    change->away_ms = route->away_ms ? cps_monotonic_ms() - route->away_ms + 1 : 0;
    server->failures = 0;
    route_health_reset(route, server);
    if (change->answers && server->watch) {
        cps_task_wake(&server->watch->task); /* to end */
    }
}

/* Under the lock. */
static void route_health_take_failure(struct cps_route *route, struct cps_server *server,
                                      const struct cps_response *response, bool probe, struct change *change)
{
    bool was_good = !server->until_ms;
    int64_t alone_ms = route_health_note_failure(server, response);
    change->alone_ms = was_good ? alone_ms : 0;
    (void)snprintf(change->why, sizeof(change->why), "%.158s", server->cause.text);
    server->away = server->away || probe;
    if (!route->away_ms && route_health_all_away(route)) {
        route->away_ms = cps_monotonic_ms();
        route->routes->lost++;
        change->lost = true;
    }
    if (was_good && !route_health_any_good(route)) {
        route_health_hurry_probes(route);
    }
}

static void route_probe_start(struct cps_route *route, unsigned server);

/* Records what an answer to a request or to a probe says about a server. */
static void route_health_hear(struct cps_route *route, unsigned i, const struct cps_response *response, bool probe)
{
    struct cps_server *server = &route->servers[i];
    struct change change = {.alone = route->count == 1};
    if (response->error.code == CPS_E_CLOSED || response->error.code == CPS_E_NOMEM) {
        return; /* we ended the attempt ourselves, which says nothing about the server */
    }
    pthread_mutex_lock(&route->routes->lock);
    if (cps_route_failed(response)) {
        route_health_take_failure(route, server, response, probe, &change);
    } else if (server->until_ms) {
        route_health_take_success(route, server, &change);
    }
    bool unwatched = server->until_ms && !server->watch;
    pthread_mutex_unlock(&route->routes->lock);
    route_health_log(route, i, &change);
    if (unwatched) {
        route_probe_start(route, i);
    }
}

void cps_route_hear(struct cps_route *route, unsigned server, const struct cps_response *response)
{
    route_health_hear(route, server, response, false);
}

bool cps_route_is_away(struct cps_route *route, struct cps_error *err)
{
    int64_t now = cps_monotonic_ms();
    pthread_mutex_lock(&route->routes->lock);
    bool away = route->away_ms != 0;
    if (away && now - route->wanted_ms > IDLE_MS) {
        route_health_hurry_probes(route);
    }
    route->wanted_ms = now;
    if (away) {
        (void)cps_fail(err, CPS_E_AWAY, "the CPS has been away for %lld s: %.120s",
                       (long long)(now - route->away_ms) / 1000, route->servers[0].cause.text);
    }
    pthread_mutex_unlock(&route->routes->lock);
    return away;
}

void cps_away(const struct cps *cps, struct cps_away_status *out)
{
    struct cps_routes *routes = cps->routes;
    int64_t now = cps_monotonic_ms();
    *out = (struct cps_away_status){0};
    pthread_mutex_lock(&routes->lock);
    for (const struct cps_route *route = routes->newest; route; route = route->older) {
        if (route->away_ms && route == cps->route) {
            out->away = true;
            out->away_ms = now - route->away_ms;
            out->cause = route->servers[0].cause;
        } else if (route->away_ms) {
            out->others++;
        }
    }
    out->lost = routes->lost;
    pthread_mutex_unlock(&routes->lock);
}

/* ---- probes in the background, on the I/O thread ---- */

/* Shortens a pause by a random part, so that clients that lost a CPS at the same time do not probe it in step. */
static int64_t route_probe_jitter(int64_t pause_ms)
{
    uint16_t chance = 0;
    (void)!getrandom(&chance, sizeof(chance), GRND_NONBLOCK);
    return pause_ms - pause_ms * chance / (4 * (int64_t)UINT16_MAX);
}

/* Returns true if no request has wanted the route recently and it is not that of cps_url. Under the lock. */
static bool route_health_is_unwanted(const struct cps_route *route, int64_t now)
{
    return route != route->routes->cps->route && now - route->wanted_ms > UNWANTED_MS;
}

/* Returns when a server is probed next if no server of its CPS is good. Under the lock. */
static int64_t route_probe_next_ms(const struct cps_watch *watch, int64_t now)
{
    const struct cps_route *route = watch->route;
    int64_t pause_ms = PAUSE_FIRST_MS;
    if (!route->servers[watch->server].away && !watch->last_ms) {
        return now; /* a request has failed: find out whether the server is away */
    }
    for (unsigned i = 1; i < watch->probes && pause_ms < PAUSE_LAST_MS; i++) {
        pause_ms *= 2;
    }
    pause_ms = pause_ms < PAUSE_LAST_MS ? pause_ms : PAUSE_LAST_MS;
    return watch->last_ms + (now - route->wanted_ms > IDLE_MS ? ALONE_LAST_MS : route_probe_jitter(pause_ms));
}

/* Returns when a server is probed next (monotonic), and the timeout of the probe; 0 if it is not probed any more. Under
 * the lock. */
static int64_t route_probe_plan(struct cps_watch *watch, int64_t now, uint32_t *patience_ms)
{
    struct cps_route *route = watch->route;
    struct cps_server *server = &route->servers[watch->server];
    bool good = route_health_any_good(route);
    bool doubt = !good && !server->away && server->cause.code == CPS_E_TIMEOUT;
    *patience_ms = doubt ? DOUBT_MS : PATIENCE_MS;
    if (route_health_is_unwanted(route, now)) {
        route_health_reset(route, server);
    }
    return !server->until_ms ? 0 : good ? server->until_ms : route_probe_next_ms(watch, now);
}

/* Sends a probe. Returns false if it cannot be sent, for want of memory. */
static bool route_probe_send(struct cps_watch *watch, uint32_t patience_ms)
{
    struct cps_route *route = watch->route;
    struct cps *cps = route->routes->cps;
    struct cps_transfer *transfer = &watch->transfer;
    uint32_t most_ms = cps->options.request_timeout_ms;
    char *url = cps_route_join(route->servers[watch->server].base, "/health?for=read");
    *transfer = (struct cps_transfer){
        .done = cps_task_transfer_done,
        .arg = &watch->task,
        .request =
            {
                .lane = CPS_LANE_WAIT, /* does not count against max_connections */
                .url = url,
                .accept = "application/json",
                .response_max = 65536,
                .public_only = route->public_only,
                .timeout_ms = patience_ms < most_ms ? patience_ms : most_ms,
            },
    };
    watch->asking = url && cps_transport_submit(cps->transport, transfer, NULL) == CPS_OK;
    if (!watch->asking) {
        cps_transfer_clear(transfer);
    }
    return watch->asking;
}

static void route_probe_take_answer(struct cps_watch *watch)
{
    const struct cps_response *response = &watch->transfer.response;
    watch->asking = false;
    watch->last_ms = cps_monotonic_ms();
    watch->probes += cps_route_failed(response) && watch->probes < 16;
    route_health_hear(watch->route, watch->server, response, true);
    cps_transfer_clear(&watch->transfer);
}

static void route_probe_end(struct cps_watch *watch)
{
    cps_task_end(&watch->task);
    cps_route_unref(watch->route);
    free(watch);
}

static void route_probe_step(struct cps_task *task)
{
    struct cps_watch *watch = (struct cps_watch *)task;
    struct cps_route *route = watch->route;
    if (watch->asking && !atomic_load(&watch->transfer.complete)) {
        return;
    }
    if (watch->asking) {
        route_probe_take_answer(watch);
    }
    /* Plan the next probe, or end: the server answers, nobody wants it, or the handle is being freed. */
    uint32_t patience_ms = 0;
    int64_t now = cps_monotonic_ms();
    pthread_mutex_lock(&route->routes->lock);
    int64_t due = atomic_load(&task->cps->closing) ? 0 : route_probe_plan(watch, now, &patience_ms);
    if (!due) {
        route->servers[watch->server].watch = NULL;
    }
    pthread_mutex_unlock(&route->routes->lock);
    if (!due) {
        route_probe_end(watch);
    } else if (due > now) {
        task->due_ms = due;
    } else {
        task->due_ms = route_probe_send(watch, patience_ms) ? 0 : now + PAUSE_LAST_MS;
    }
}

/* Begins to probe a server. Without memory for that the server is used until it fails again. */
static void route_probe_start(struct cps_route *route, unsigned server)
{
    struct cps_watch *made = calloc(1, sizeof(*made));
    if (made) {
        made->task.cps = route->routes->cps;
        made->task.step = route_probe_step;
        made->task.unmetered = true;
        made->route = cps_route_ref(route);
        made->server = server;
    }
    /* Its first step runs later on this thread. It is not known to others, who could wake it, before it has begun. */
    bool begun = made && cps_task_start(&made->task, NULL) == CPS_OK;
    pthread_mutex_lock(&route->routes->lock);
    if (begun) {
        route->servers[server].watch = made;
    } else {
        route_health_reset(route, &route->servers[server]);
    }
    pthread_mutex_unlock(&route->routes->lock);
    if (made && !begun) {
        cps_route_unref(made->route);
        free(made);
    }
}
