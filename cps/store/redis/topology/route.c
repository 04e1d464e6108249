/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/route.h"

#include "cps/store/redis/topology/cluster.h"
#include "cps/store/redis/topology/durable.h"
#include "cps/store/redis/topology/refusal.h"
#include "cps/store/redis/topology/servers.h"
#include "cps/store/redis/wire/greeting.h"
#include "cps/store/redis/wire/reply.h"

#include <stdio.h>
#include <stdlib.h>

#define MS UINT64_C(1000000)
#define PARK_MS 20       /* between two attempts */
#define PARKED_MAX 16384 /* parked requests; more are refused */
#define HOPS_MAX 5       /* redirections in a row */
#define RELOADS_MAX 3    /* of the scripts for one request: they may be lost again while they are being loaded */
#define PATIENCE_MS 50   /* what an attempt has at least, however late it is made */

static void route_on_tick(uv_timer_t *timer)
{
    struct redis_servers *servers = timer->data;
    servers->parked_count = 0;
    for (struct redis_request *request = redis_request_list_take(&servers->parked), *next; request; request = next) {
        next = request->next;
        redis_route_resend(request);
    }
}

/* Keeps the request for the next tick if it has the time; fails it if not. */
static void route_park(struct redis_request *request)
{
    struct redis_servers *servers = request->servers;
    if (!servers->patient || servers->store->closing || servers->parked_count >= PARKED_MAX ||
        uv_hrtime() + PARK_MS * MS >= request->deadline_ns) {
        redis_request_fail(request, STIR_E_UNAVAILABLE);
        return;
    }
    redis_request_enter(request, REDIS_REQUEST_PARKED);
    request->hops = 0;
    redis_request_list_add(&servers->parked, request);
    servers->parked_count++;
    if (!uv_is_active((uv_handle_t *)&servers->tick)) {
        uv_update_time(servers->store->loop);
        (void)uv_timer_start(&servers->tick, route_on_tick, PARK_MS, 0);
    }
}

/* Returns the node that the request goes to; NULL if none is known. */
static struct redis_node *route_node(const struct redis_request *request)
{
    struct redis_servers *servers = request->servers;
    if (request->state == REDIS_REQUEST_ASKING) {
        return request->node;
    }
    return redis_servers_are_cluster(servers) ? redis_cluster_node(servers, request->slot) : &servers->only;
}

/* Sends the request to where it belongs now. */
static void route_attempt(struct redis_request *request)
{
    if (request->state != REDIS_REQUEST_ASKING) {
        redis_request_enter(request, REDIS_REQUEST_SENT);
    }
    request->wire.firsts = request->firsts;
    struct redis_node *node = route_node(request);
    if (!node || !redis_node_send(node, request)) {
        route_park(request);
    }
}

void redis_route_resend(struct redis_request *request)
{
    uint64_t now = uv_hrtime();
    if (now >= request->deadline_ns) {
        redis_request_fail(request, STIR_E_UNAVAILABLE);
        return;
    }
    uint64_t least = now + PATIENCE_MS * MS;
    request->wire.due_ns = request->deadline_ns > least ? request->deadline_ns : least;
    route_attempt(request);
}

void redis_route_lost(struct redis_request *request)
{
    if (request->state == REDIS_REQUEST_UNDONE || request->traits & REDIS_REQUEST_REPEATABLE) {
        route_park(request);
    } else {
        redis_request_fail(request, STIR_E_UNAVAILABLE);
    }
}

/* Error answers. */

/* After NOSCRIPT: loads the scripts and sends the request again, on the same connection. */
static bool route_reload(struct redis_request *request)
{
    struct cpsd_redis_conn *conn = redis_node_conn_for(request->node, request);
    if (request->reloads >= RELOADS_MAX || !cpsd_redis_reload_scripts(conn)) {
        return false;
    }
    request->reloads++;
    return redis_node_send(request->node, request);
}

/* If ASKING was refused, so is the request after it. */
static bool route_on_asked(struct cpsd_redis_request *asking, const redisReply *reply)
{
    (void)asking;
    (void)reply;
    return true;
}

/* Follows MOVED, which changes the map, or ASK, which is for this request alone. */
static void route_redirect(struct redis_request *request, const redisReply *reply)
{
    static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
    unsigned slot = 0;
    struct redis_servers *servers = request->servers;
    struct redis_node *node =
        request->hops++ < HOPS_MAX ? redis_cluster_redirect(servers, request->node, reply, &slot) : NULL;
    bool ask = cpsd_redis_error_is(reply, "ASK");
    if (node && !ask) {
        redis_cluster_moved(servers, slot, node);
    }
    if (!ask) {
        redis_discovery_doubt(servers, true);
    }
    redis_request_enter(request, ask && node ? REDIS_REQUEST_ASKING : REDIS_REQUEST_SENT);
    request->asking = (struct cpsd_redis_request){.command = asking,
                                                  .len = sizeof(asking) - 1,
                                                  .due_ns = request->wire.due_ns,
                                                  .answered = route_on_asked};
    if (!node || !redis_node_send(node, request)) {
        route_park(request);
    }
}

/* True for errors of a server that cannot serve the request for the moment. */
static bool route_is_passing(const redisReply *reply)
{
    return cpsd_redis_error_is(reply, "CLUSTERDOWN") || cpsd_redis_error_is(reply, "LOADING") ||
           cpsd_redis_error_is(reply, "MASTERDOWN");
}

/* Takes an error answer: nothing was done. Returns false for one after which this server is not used any more. */
static bool route_take_error(struct redis_request *request, const redisReply *reply)
{
    struct redis_servers *servers = request->servers;
    const struct redis_request_handler *handler = request->handler;
    bool redirected = redis_servers_are_cluster(servers) &&
                      (cpsd_redis_error_is(reply, "MOVED") || cpsd_redis_error_is(reply, "ASK"));
    /* its owner may know another way to make the request */
    if (handler->refused && handler->refused(request, reply, redirected)) {
        free(request);
        return true;
    }
    if (cpsd_redis_error_is(reply, "NOSCRIPT") && route_reload(request)) {
        return true;
    }
    if (redirected) {
        route_redirect(request, reply);
        return true;
    }
    /* a slot is being moved, and not all keys are at one node (several keys only) */
    if (cpsd_redis_error_is(reply, "TRYAGAIN") && servers->patient) {
        route_park(request);
        return true;
    }
    redis_log_refusal(request->node, reply);
    /* the primary is another server now: drop this one, which leads to looking for it */
    if (cpsd_redis_error_is(reply, "READONLY")) {
        struct cpsd_redis_conn *conn = redis_node_conn_for(request->node, request);
        (void)snprintf(conn->refusal, sizeof(conn->refusal), "server has become a replica; looking for the primary");
        redis_request_enter(request, REDIS_REQUEST_UNDONE);
        return false;
    }
    if (servers->patient && route_is_passing(reply)) {
        redis_discovery_doubt(servers, true);
        route_park(request);
        return true;
    }
    redis_request_fail(request, STIR_E_UNAVAILABLE);
    return true;
}

/* Answers. */

static bool route_on_first(struct cpsd_redis_request *wire, const redisReply *reply)
{
    struct redis_request *request = (struct redis_request *)wire;
    return request->handler->first(request, reply);
}

static bool route_on_answer(struct cpsd_redis_request *wire, const redisReply *reply)
{
    struct redis_request *request = (struct redis_request *)wire;
    if (!reply) {
        redis_route_lost(request);
        return true;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        return route_take_error(request, reply);
    }
    switch (request->handler->answered(request, reply)) {
    case REDIS_ANSWER_COMPLETED:
        free(request);
        return true;
    case REDIS_ANSWER_KEPT:
        redis_durable_confirm_later(request);
        return true;
    case REDIS_ANSWER_NONSENSE:
        break;
    }
    return false;
}

void redis_route_send(struct redis_request *request)
{
    request->wire.first = request->firsts ? route_on_first : NULL;
    request->wire.answered = route_on_answer;
    route_attempt(request);
}

/* The timer of parked requests. */

void redis_route_open(struct redis_servers *servers)
{
    redis_request_list_init(&servers->parked);
    (void)uv_timer_init(servers->store->loop, &servers->tick);
    servers->tick.data = servers;
    servers->parts++;
}

static void route_on_tick_closed(uv_handle_t *handle)
{
    redis_servers_part_closed(handle->data);
}

void redis_route_close(struct redis_servers *servers)
{
    for (struct redis_request *request = redis_request_list_take(&servers->parked), *next; request; request = next) {
        next = request->next;
        redis_request_fail(request, STIR_E_UNAVAILABLE);
    }
    uv_close((uv_handle_t *)&servers->tick, route_on_tick_closed);
}
