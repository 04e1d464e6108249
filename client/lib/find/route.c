#include "client/lib/find/route_internal.h"

#include "client/lib/sign/credential.h"
#include "common/base/url.h"

#include <stdlib.h>
#include <string.h>

#define UNUSED_KEEP 256 /* routes that nobody uses at the moment */

enum cps_code cps_routes_new(struct cps_routes **out, struct cps *cps, struct cps_error *err)
{
    struct cps_routes *routes = calloc(1, sizeof(*routes));
    if (!routes || !stir_map_init(&routes->map)) {
        free(routes);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    routes->cps = cps;
    pthread_mutex_init(&routes->lock, NULL);
    *out = routes;
    return CPS_OK;
}

/* ---- routes, under the lock ---- */

static void unlink_route(struct cps_route *route)
{
    struct cps_routes *routes = route->routes;
    *(route->newer ? &route->newer->older : &routes->newest) = route->older;
    *(route->older ? &route->older->newer : &routes->oldest) = route->newer;
}

static void link_newest(struct cps_route *route)
{
    struct cps_routes *routes = route->routes;
    route->newer = NULL;
    route->older = routes->newest;
    *(routes->newest ? &routes->newest->newer : &routes->oldest) = route;
    routes->newest = route;
}

static void free_route(struct cps_route *route)
{
    for (unsigned i = 0; i < route->count; i++) {
        free(route->servers[i].base);
        free(route->servers[i].host);
    }
    free(route);
}

static void drop(struct cps_route *route)
{
    unlink_route(route);
    stir_map_remove(&route->routes->map, &route->node);
    free_route(route);
}

void cps_routes_free(struct cps_routes *routes)
{
    if (!routes) {
        return;
    }
    while (routes->newest) {
        drop(routes->newest);
    }
    stir_map_free(&routes->map);
    pthread_mutex_destroy(&routes->lock);
    free(routes);
}

static struct cps_route *find(struct cps_routes *routes, const char *urls, bool public_only, uint64_t hash)
{
    for (struct stir_map_node *node = stir_map_first(&routes->map, hash); node; node = stir_map_next(node)) {
        struct cps_route *route = (struct cps_route *)node;
        if (route->public_only == public_only && strcmp(route->urls, urls) == 0) {
            return route;
        }
    }
    return NULL;
}

/* Those that nobody uses are kept for what is known of their servers, but not without end. */
static void trim(struct cps_routes *routes)
{
    for (struct cps_route *old = routes->oldest, *next; old && routes->unused > UNUSED_KEEP; old = next) {
        next = old->newer;
        if (old->refs == 0) {
            routes->unused--;
            drop(old);
        }
    }
}

/* ---- making them ---- */

const char *cps_route_urls(const struct cps_route *route)
{
    return route->urls;
}

bool cps_route_next_url(const char **list, char url[CPS_ROUTE_URLS_MAX + 1])
{
    static const char separators[] = ",| \t";
    const char *from = *list + strspn(*list, separators);
    size_t n = strcspn(from, separators);
    if (n == 0 || n > CPS_ROUTE_URLS_MAX) {
        return false;
    }
    memcpy(url, from, n);
    url[n] = '\0';
    *list = from + n;
    return true;
}

static enum cps_code add_server(struct cps_route *route, char *url, enum cps_code code, struct cps_error *err)
{
    struct stir_url parsed;
    struct stir_error cause = {0};
    size_t n = strlen(url);
    if (route->count == CPS_ROUTE_SERVERS) {
        return cps_fail(err, code, "more than %d URLs for one CPS", CPS_ROUTE_SERVERS);
    }
    if (stir_url_parse(&parsed, url, n, STIR_E_URI, &cause) != STIR_OK) {
        return cps_fail(err, code, "%s", cause.text);
    }
    struct cps_server *server = &route->servers[route->count++];
    server->host = strndup(parsed.host.ptr, parsed.host.len);
    while (n && url[n - 1] == '/') {
        url[--n] = '\0';
    }
    server->base = strdup(url);
    return server->base && server->host ? CPS_OK : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

static enum cps_code make(struct cps_route **out, struct cps_routes *routes, const char *urls, bool public_only,
                          enum cps_code code, struct cps_error *err)
{
    char url[CPS_ROUTE_URLS_MAX + 1];
    size_t n = strnlen(urls, CPS_ROUTE_URLS_MAX + 1);
    if (n > CPS_ROUTE_URLS_MAX) {
        return cps_fail(err, code, "the URLs have more than %d characters", CPS_ROUTE_URLS_MAX);
    }
    struct cps_route *route = calloc(1, sizeof(*route) + n + 1);
    if (!route) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    memcpy(route->urls, urls, n);
    route->routes = routes;
    route->public_only = public_only;
    enum cps_code failed = CPS_OK;
    for (const char *at = urls; failed == CPS_OK && cps_route_next_url(&at, url);) {
        failed = add_server(route, url, code, err);
    }
    if (failed == CPS_OK && route->count == 0) {
        failed = cps_fail(err, code, "no URL is given");
    }
    if (failed != CPS_OK) {
        free_route(route);
        return failed;
    }
    *out = route;
    return CPS_OK;
}

enum cps_code cps_route_get(struct cps_route **out, struct cps_routes *routes, const char *urls, bool public_only,
                            enum cps_code code, struct cps_error *err)
{
    enum cps_code failed = CPS_OK;
    pthread_mutex_lock(&routes->lock);
    uint64_t hash = stir_map_hash(&routes->map, urls, strnlen(urls, CPS_ROUTE_URLS_MAX), NULL, 0);
    struct cps_route *route = find(routes, urls, public_only, hash);
    if (route) {
        unlink_route(route);
        link_newest(route);
        routes->unused -= route->refs == 0;
    } else {
        failed = make(&route, routes, urls, public_only, code, err);
        if (route) {
            stir_map_put(&routes->map, &route->node, hash);
            link_newest(route);
            trim(routes);
        }
    }
    if (route) {
        route->refs++;
        *out = route;
    }
    pthread_mutex_unlock(&routes->lock);
    return failed;
}

struct cps_route *cps_route_ref(struct cps_route *route)
{
    pthread_mutex_lock(&route->routes->lock);
    route->refs++;
    pthread_mutex_unlock(&route->routes->lock);
    return route;
}

void cps_route_unref(struct cps_route *route)
{
    if (!route) {
        return;
    }
    struct cps_routes *routes = route->routes;
    pthread_mutex_lock(&routes->lock);
    route->refs--;
    if (route->refs == 0) {
        routes->unused++;
        trim(routes);
    }
    pthread_mutex_unlock(&routes->lock);
}

int64_t cps_route_left_alone_ms(struct cps_route *route, unsigned server)
{
    pthread_mutex_lock(&route->routes->lock);
    int64_t until = server < route->count ? route->servers[server].until_ms : 0;
    pthread_mutex_unlock(&route->routes->lock);
    int64_t left = until - cps_monotonic_ms();
    return until && left < 1 ? 1 : (left > 0 ? left : 0);
}

int64_t cps_route_away_ms(struct cps_route *route)
{
    int64_t now = cps_monotonic_ms();
    pthread_mutex_lock(&route->routes->lock);
    int64_t ms = route->away_ms ? now - route->away_ms + 1 : 0;
    pthread_mutex_unlock(&route->routes->lock);
    return ms;
}

/* ---- requests ---- */

/* Each attempt has a credential of its own: it names the server, and is good once. */
static enum cps_code authorize(struct cps_request *request, const struct cps_server *server, struct cps_error *err)
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

/* Returns the best server of those not tried: the first that is used, else the one that is to be left alone for the
 * shortest time; -1: none is left. */
static int choose(struct cps_route *route, unsigned tried)
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

/* Directs the request at the next server. CPS_E_NOT_FOUND: none is left; CPS_E_AWAY, CPS_E_NOMEM, and what a credential
 * says. */
static enum cps_code aim(struct cps_transfer *transfer, struct cps_error *err)
{
    struct cps_request *request = &transfer->request;
    struct cps_route *route = request->route;
    if (cps_route_is_away(route, err) && !request->even_away) {
        return CPS_E_AWAY;
    }
    int server = choose(route, transfer->tried);
    char *url = server >= 0 ? cps_route_join(route->servers[server].base, request->path) : NULL;
    if (!url) {
        return cps_fail(err, server >= 0 ? CPS_E_NOMEM : CPS_E_NOT_FOUND, "no server is left, or no memory");
    }
    enum cps_code code = request->credential ? authorize(request, &route->servers[server], err) : CPS_OK;
    if (code != CPS_OK) {
        free(url);
        return code;
    }
    free(request->url);
    request->url = url;
    request->public_only = route->public_only;
    transfer->server = (unsigned)server;
    transfer->tried |= 1u << server;
    return CPS_OK;
}

/* One server that takes requests and never answers must not use up the time for the others. But a request that waits
 * may be without an answer for long. */
static void limit(struct cps_transfer *transfer, int64_t left_ms)
{
    unsigned all = (1u << transfer->request.route->count) - 1;
    bool last = (transfer->tried & all) == all;
    transfer->attempt_max_ms =
        last || transfer->request.lane == CPS_LANE_WAIT ? 0 : (uint32_t)(left_ms > 2 ? left_ms / 2 : 1);
}

static bool is_unreached(const struct cps_transfer *transfer)
{
    enum cps_code code = transfer->response.error.code;
    return code == CPS_E_CONNECT || code == CPS_E_TLS;
}

static bool next_server(struct cps_transfer *transfer)
{
    int64_t left_ms = transfer->submitted_ms + transfer->request.timeout_ms - cps_monotonic_ms();
    cps_route_hear(transfer->request.route, transfer->server, &transfer->response);
    if (!cps_route_failed(&transfer->response) || left_ms <= 0 || (transfer->request.once && !is_unreached(transfer)) ||
        aim(transfer, NULL) != CPS_OK) {
        return false;
    }
    limit(transfer, left_ms);
    return true;
}

enum cps_code cps_route_submit(struct cps *cps, struct cps_transfer *transfer, struct cps_error *err)
{
    transfer->again = next_server;
    transfer->tried = 0;
    enum cps_code code = aim(transfer, err);
    if (code != CPS_OK) {
        return code;
    }
    limit(transfer, transfer->request.timeout_ms);
    return cps_transport_submit(cps->transport, transfer, err);
}
