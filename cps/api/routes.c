/* SPDX-License-Identifier: MIT */
#include "cps/api/routes.h"

#include "cps/api/admin.h"
#include "cps/api/allowed.h"
#include "cps/api/box_path.h"
#include "cps/api/feed.h"
#include "cps/api/key_names.h"
#include "cps/api/keys.h"
#include "cps/api/passports.h"
#include "cps/api/ppts.h"
#include "cps/api/report.h"
#include "cps/auth/authenticate.h"
#include "cps/auth/client_cert.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

const struct cpsd_route cpsd_routes[] = {
    {CPSD_POST, "/cps/{dest}/ppts", CPSD_ACT_PUBLISH, CPSD_ROUTE_PUBLISH, cpsd_box_dest, cpsd_ppts_publish, false},
    {CPSD_GET, "/cps/{prefix}*/ppts", CPSD_ACT_FEED, CPSD_ROUTE_PREFIX, cpsd_prefix_path, cpsd_prefix, false},
    {CPSD_GET, "/feed/{spc}", CPSD_ACT_FEED, CPSD_ROUTE_FEED, cpsd_feed_path, cpsd_feed, false},
    {CPSD_GET, "/cps/{dest}/ppts", CPSD_ACT_LIST, CPSD_ROUTE_LIST, cpsd_box_dest, cpsd_ppts_list, false},
    {CPSD_GET, "/cps/{dest}/ppts/{id}", CPSD_ACT_FETCH, CPSD_ROUTE_FETCH, cpsd_box_dest, cpsd_ppts_fetch, false},
    {CPSD_DELETE, "/cps/{dest}/ppts", CPSD_ACT_DELETE, CPSD_ROUTE_EMPTY, cpsd_box_dest, cpsd_ppts_empty, false},
    {CPSD_DELETE, "/cps/{dest}/ppts/{id}", CPSD_ACT_DELETE, CPSD_ROUTE_DELETE, cpsd_box_dest, cpsd_ppts_delete, false},
    {CPSD_POST, "/cps/{dest}/ppts/{id}/report", CPSD_ACT_REPORT, CPSD_ROUTE_REPORT, cpsd_box_dest, cpsd_report, false},
    {CPSD_GET, "/cps/reports", CPSD_ACT_REPORTS, CPSD_ROUTE_REPORTS, NULL, cpsd_reports, false},
    {CPSD_POST, "/passports/{dest}/{orig}", CPSD_ACT_ATIS_PUBLISH, CPSD_ROUTE_ATIS_PUBLISH, cpsd_passports_path,
     cpsd_passports_publish, false},
    {CPSD_GET, "/passports/{dest}/{orig}", CPSD_ACT_ATIS_RETRIEVE, CPSD_ROUTE_ATIS_RETRIEVE, cpsd_passports_path,
     cpsd_passports_retrieve, false},
    {CPSD_POST, "/passports/{spc}/{dest}/{orig}", CPSD_ACT_ATIS_PUBLISH, CPSD_ROUTE_ATIS_PUBLISH, cpsd_passports_path,
     cpsd_passports_publish, false},
    {CPSD_GET, "/passports/{spc}/{dest}/{orig}", CPSD_ACT_ATIS_RETRIEVE, CPSD_ROUTE_ATIS_RETRIEVE, cpsd_passports_path,
     cpsd_passports_retrieve, false},
    {CPSD_PUT, "/keys/{subject}", CPSD_ACT_KEYS_PUT, CPSD_ROUTE_KEYS_PUT, cpsd_keys_path, cpsd_keys_put, false},
    {CPSD_GET, "/keys/{subject}", CPSD_ACT_KEYS_GET, CPSD_ROUTE_KEYS_GET, cpsd_keys_path, cpsd_keys_get, false},
    {CPSD_GET, "/health", CPSD_ACT_NONE, CPSD_ROUTE_HEALTH, NULL, cpsd_admin_health, false},
    {CPSD_GET, "/ready", CPSD_ACT_NONE, CPSD_ROUTE_READY, NULL, cpsd_admin_ready, true},
    {CPSD_GET, "/metrics", CPSD_ACT_NONE, CPSD_ROUTE_METRICS, NULL, cpsd_admin_metrics, true},
    {CPSD_GET, "/boxes/{dest}", CPSD_ACT_NONE, CPSD_ROUTE_BOX, cpsd_box_dest, cpsd_admin_box, true},
};
const size_t cpsd_route_count = sizeof(cpsd_routes) / sizeof(cpsd_routes[0]);

/* Takes the next segment, which starts with '/', off a path. Returns false at its end. */
static bool routes_next_segment(struct stir_view *path, struct stir_view *segment)
{
    if (path->len == 0 || path->ptr[0] != '/') {
        return false;
    }
    const char *from = path->ptr + 1, *end = path->ptr + path->len;
    const char *slash = from < end ? memchr(from, '/', (size_t)(end - from)) : NULL;
    const char *to = slash ? slash : end;
    *segment = stir_view(from, (size_t)(to - from));
    *path = stir_view(to, (size_t)(end - to));
    return true;
}

/* A path with a slash at its end is the same path (RFC 8816 section 9 fetches ".../ppt1/"). */
static struct stir_view routes_without_last_slash(struct stir_view path)
{
    if (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

/* Compares a path with a pattern segment by segment and notes the variable segments. */
static bool routes_match(const char *pattern, struct stir_view path, struct stir_view *segments)
{
    struct stir_view want = stir_view_str(pattern), w, p;
    size_t n = 0;
    while (routes_next_segment(&want, &w)) {
        if (!routes_next_segment(&path, &p)) {
            return false;
        }
        if (w.len && w.ptr[0] == '{') {
            bool with_asterisk = w.ptr[w.len - 1] == '*';
            if (p.len == 0 || (with_asterisk && (p.len == 1 || p.ptr[p.len - 1] != '*'))) {
                return false;
            }
            assert(n < sizeof(((struct cpsd_request *)NULL)->segment) / sizeof(struct stir_view));
            segments[n++] = p;
        } else if (w.len != p.len || memcmp(w.ptr, p.ptr, w.len) != 0) {
            return false;
        }
    }
    return path.len == 0;
}

static bool routes_method_fits(enum cpsd_method method, enum cpsd_method route)
{
    return method == route || (method == CPSD_HEAD && route == CPSD_GET);
}

static void routes_method_not_allowed(struct cpsd_request *request, unsigned allowed)
{
    static const enum cpsd_method order[] = {CPSD_GET, CPSD_HEAD, CPSD_POST, CPSD_PUT, CPSD_DELETE};
    char allow[64];
    size_t used = 0;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (allowed & 1u << order[i]) {
            used += (size_t)snprintf(allow + used, sizeof(allow) - used, "%s%s", used ? ", " : "",
                                     cpsd_method_name(order[i]));
        }
    }
    cpsd_problem(request, 405, "this path does not support the method", "use one of the methods in Allow", 0, allow);
}

/* Continues once the caller is known: asks the policy and calls the handler. */
static void routes_caller_known(struct cpsd_request *request)
{
    struct stir_error err = {0};
    if (cpsd_caller_authenticated(&request->caller)) {
        cpsd_rate_limit_give_back(request);
    }
    if (cpsd_request_allowed(request, &err) != STIR_OK) {
        cpsd_problem_error(request, &err);
    } else {
        request->route->handler(request);
    }
}

/* Judges the client certificate, unless there is a token too, which then counts alone. A request with a bad certificate
 * is refused even where the policy is "open". Returns false after answering. */
static bool routes_take_certificate(struct cpsd_request *request)
{
    struct stir_error err = {0};
    struct timespec now;
    if (!request->client_cert || request->fields[CPSD_AUTHORIZATION].len) {
        return true;
    }
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (cpsd_client_cert_judge(request->client_cert, request->service->trusted, now.tv_sec, &request->caller, &err) !=
        STIR_OK) {
        cpsd_problem_error(request, &err);
        return false;
    }
    return true;
}

static void routes_take(struct cpsd_request *request, const struct cpsd_route *route)
{
    request->route = route;
    request->route_id = route->id;
    if (route->dest && !route->dest(request)) {
        return;
    }
    if (route->action == CPSD_ACT_NONE) {
        route->handler(request);
    } else if (cpsd_rate_limit_admit(request) && routes_take_certificate(request)) {
        cpsd_authenticate(request, route, routes_caller_known);
    }
}

void cpsd_dispatch(struct cpsd_request *request)
{
    struct stir_view path = routes_without_last_slash(request->path);
    unsigned allowed = 0;
    bool local = request->caller.kind == CPSD_LOCAL;
    request->route_id = CPSD_ROUTE_OTHER;
    /* the first route that fits in path and method takes the request; without one, `allowed` collects the methods of
     * the routes that fit in path, for 405 (RFC 9110 section 15.5.6) */
    for (size_t i = 0; i < cpsd_route_count; i++) {
        const struct cpsd_route *route = &cpsd_routes[i];
        bool here = local ? route->action == CPSD_ACT_NONE : !route->local;
        if (!here || !routes_match(route->pattern, path, request->segment)) {
            continue;
        }
        if (routes_method_fits(request->method, route->method)) {
            routes_take(request, route);
            return;
        }
        allowed |= 1u << route->method | (route->method == CPSD_GET ? 1u << CPSD_HEAD : 0);
    }
    if (allowed) {
        routes_method_not_allowed(request, allowed);
    } else {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND), "this server has no such path", 0, NULL);
    }
}
