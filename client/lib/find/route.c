/* SPDX-License-Identifier: MIT */
#include "client/lib/find/route_internal.h"

#include "common/base/buf.h"
#include "common/base/url.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE_OF(node) ((struct cps_route *)(void *)((char *)(node)-offsetof(struct cps_route, node)))
#define UNUSED_KEEP 256 /* routes without a reference that are kept */

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

static void route_unlink(struct cps_route *route)
{
    struct cps_routes *routes = route->routes;
    *(route->newer ? &route->newer->older : &routes->newest) = route->older;
    *(route->older ? &route->older->newer : &routes->oldest) = route->newer;
}

static void route_link_newest(struct cps_route *route)
{
    struct cps_routes *routes = route->routes;
    route->newer = NULL;
    route->older = routes->newest;
    *(routes->newest ? &routes->newest->newer : &routes->oldest) = route;
    routes->newest = route;
}

static void route_free(struct cps_route *route)
{
    for (unsigned i = 0; i < route->count; i++) {
        free(route->servers[i].base);
        free(route->servers[i].host);
    }
    free(route);
}

static void route_drop(struct cps_route *route)
{
    route_unlink(route);
    stir_map_remove(&route->routes->map, &route->node);
    route_free(route);
}

void cps_routes_free(struct cps_routes *routes)
{
    if (!routes) {
        return;
    }
    while (routes->newest) {
        route_drop(routes->newest);
    }
    stir_map_free(&routes->map);
    pthread_mutex_destroy(&routes->lock);
    free(routes);
}

static struct cps_route *route_find(struct cps_routes *routes, const char *urls, bool public_only, uint64_t hash)
{
    for (struct stir_map_node *node = stir_map_first(&routes->map, hash); node; node = stir_map_next(node)) {
        struct cps_route *route = ROUTE_OF(node);
        if (route->public_only == public_only && strcmp(route->urls, urls) == 0) {
            return route;
        }
    }
    return NULL;
}

/* Drops the oldest unused routes beyond UNUSED_KEEP. The others are kept for what is known about their servers. */
static void routes_trim(struct cps_routes *routes)
{
    for (struct cps_route *old = routes->oldest, *next; old && routes->unused > UNUSED_KEEP; old = next) {
        next = old->newer;
        if (old->refs == 0) {
            routes->unused--;
            route_drop(old);
        }
    }
}

/* ---- making them ---- */

char *cps_route_join(const char *base, const char *path)
{
    struct stir_buf url = {0};
    stir_buf_puts(&url, base);
    stir_buf_puts(&url, path);
    char *joined = stir_buf_steal(&url, NULL);
    stir_buf_free(&url);
    return joined;
}

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

static enum cps_code route_add_server(struct cps_route *route, char *url, enum cps_code code, struct cps_error *err)
{
    struct stir_url parsed;
    struct stir_error cause = {0};
    size_t n = strlen(url);
    if (route->count == CPS_ROUTE_SERVERS) {
        return cps_fail(err, code, "more than %d URLs are given for one CPS", CPS_ROUTE_SERVERS);
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

static enum cps_code route_new(struct cps_route **out, struct cps_routes *routes, const char *urls, bool public_only,
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
    memcpy(route->urls, urls, n); /* as given: the table finds the route by it */
    route->head.unref = cps_route_unref;
    route->routes = routes;
    route->public_only = public_only;
    enum cps_code failed = CPS_OK;
    for (const char *at = urls; failed == CPS_OK && cps_route_next_url(&at, url);) {
        failed = route_add_server(route, url, code, err);
    }
    if (failed == CPS_OK && route->count == 0) {
        failed = cps_fail(err, code, "no URL is given");
    }
    if (failed != CPS_OK) {
        route_free(route);
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
    /* One route for the same URLs, so that all operations share what is known about its servers. */
    uint64_t hash = stir_map_hash(&routes->map, urls, strnlen(urls, CPS_ROUTE_URLS_MAX), NULL, 0);
    struct cps_route *route = route_find(routes, urls, public_only, hash);
    if (route) {
        route_unlink(route);
        route_link_newest(route);
        routes->unused -= route->refs == 0;
    } else {
        failed = route_new(&route, routes, urls, public_only, code, err);
        if (route) {
            stir_map_put(&routes->map, &route->node, hash);
            route_link_newest(route);
            routes_trim(routes);
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
    assert(route->refs > 0);
    route->refs--;
    if (route->refs == 0) {
        routes->unused++;
        routes_trim(routes);
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
