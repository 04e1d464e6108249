/* SPDX-License-Identifier: MIT */
/* Sending a request to the servers of a route, one after the other until one of them answers. */
#include "client/lib/find/route_internal.h"

#include "client/lib/sign/credential.h"

#include <assert.h>
#include <stdlib.h>

/* Makes the bearer token of one attempt: it names the server and is valid for one request. */
static enum cps_code route_request_authorize(struct cps_request *request, const struct cps_server *server,
                                             struct cps_error *err)
{
    const struct cps_token_for what = {
        .action = request->action,
        .dest = request->dest.len ? &request->dest : NULL,
        .body = stir_view(request->body ? request->body : "", request->body ? request->body_len : 0),
        .host = server->host,
    };
    char *made = NULL;
    enum cps_code code = cps_credential_make(&made, request->route->routes->cps->credential, &what, err);
    if (code == CPS_OK) {
        free(request->authorization);
        request->authorization = made;
    }
    return code;
}

/* Returns the best server that was not tried: the first one in use, else the one that is left alone for the shortest
 * time; -1 if none is left. */
static int route_request_choose_server(struct cps_route *route, unsigned tried)
{
    int best = -1;
    pthread_mutex_lock(&route->routes->lock);
    for (unsigned i = 0; i < route->count; i++) {
        const struct cps_server *server = &route->servers[i];
        if (!(tried & 1u << i) && (best < 0 || server->until_ms < route->servers[best].until_ms)) {
            best = (int)i;
        }
    }
    pthread_mutex_unlock(&route->routes->lock);
    return best;
}

/* Directs the request at the next server. CPS_E_NOT_FOUND: none is left; CPS_E_AWAY, CPS_E_NOMEM, and what
 * cps_credential_make gives. */
static enum cps_code route_request_aim(struct cps_transfer *transfer, struct cps_error *err)
{
    struct cps_request *request = &transfer->request;
    struct cps_route *route = request->route;
    if (cps_route_is_away(route, err) && !request->even_away) {
        return CPS_E_AWAY;
    }
    /* Each server is tried once in a request. */
    int server = route_request_choose_server(route, transfer->tried);
    char *url = server >= 0 ? cps_route_join(route->servers[server].base, request->path) : NULL;
    if (!url) {
        return cps_fail(err, server >= 0 ? CPS_E_NOMEM : CPS_E_NOT_FOUND, "%s",
                        server >= 0 ? "out of memory" : "every server of the CPS was tried");
    }
    enum cps_code code = request->credential ? route_request_authorize(request, &route->servers[server], err) : CPS_OK;
    if (code != CPS_OK) {
        free(url);
        return code;
    }
    free(request->url);
    request->url = url;
    request->public_only = route->public_only;
    transfer->server = (unsigned)server;
    assert((unsigned)server < route->count);
    transfer->tried |= 1u << server;
    return CPS_OK;
}

/* Limits the time of an attempt, so that a server that accepts requests and never answers leaves time for the others. A
 * waiting request has no limit: it is answered late on purpose. */
static void route_request_limit_time(struct cps_transfer *transfer, int64_t left_ms)
{
    unsigned all = (1u << transfer->request.route->count) - 1;
    bool last = (transfer->tried & all) == all;
    transfer->attempt_max_ms =
        last || transfer->request.lane == CPS_LANE_WAIT ? 0 : (uint32_t)(left_ms > 2 ? left_ms / 2 : 1);
}

static bool route_request_is_unreached(const struct cps_transfer *transfer)
{
    enum cps_code code = transfer->response.error.code;
    return code == CPS_E_CONNECT || code == CPS_E_TLS;
}

/* Called when an attempt has ended. Returns true if another server is asked. */
static bool route_request_next_server(struct cps_transfer *transfer)
{
    int64_t left_ms = transfer->submitted_ms + transfer->request.timeout_ms - cps_monotonic_ms();
    cps_route_hear(transfer->request.route, transfer->server, &transfer->response);
    if (!cps_route_failed(&transfer->response) || left_ms <= 0 ||
        (transfer->request.once && !route_request_is_unreached(transfer)) ||
        route_request_aim(transfer, NULL) != CPS_OK) {
        return false;
    }
    route_request_limit_time(transfer, left_ms);
    return true;
}

enum cps_code cps_route_submit(struct cps *cps, struct cps_transfer *transfer, struct cps_error *err)
{
    transfer->again = route_request_next_server;
    transfer->tried = 0;
    enum cps_code code = route_request_aim(transfer, err);
    if (code != CPS_OK) {
        return code;
    }
    route_request_limit_time(transfer, transfer->request.timeout_ms);
    return cps_transport_submit(cps->transport, transfer, err);
}
