#include "cps/api/routes.h"

#include "cps/api/admin.h"
#include "cps/api/feed.h"
#include "cps/api/keys.h"
#include "cps/api/passports.h"
#include "cps/api/ppts.h"
#include "cps/api/report.h"
#include "cps/auth/authenticate.h"
#include "cps/auth/client_cert.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <stdio.h>
#include <time.h>

const struct cpsd_route cpsd_routes[] = {
    {CPSD_POST, "/cps/{dest}/ppts", CPSD_ACT_PUBLISH, CPSD_ROUTE_PUBLISH, cpsd_ppts_dest, cpsd_ppts_publish, false},
    {CPSD_GET, "/cps/{prefix}*/ppts", CPSD_ACT_FEED, CPSD_ROUTE_PREFIX, cpsd_prefix_path, cpsd_prefix, false},
    {CPSD_GET, "/feed/{spc}", CPSD_ACT_FEED, CPSD_ROUTE_FEED, cpsd_feed_path, cpsd_feed, false},
    {CPSD_GET, "/cps/{dest}/ppts", CPSD_ACT_LIST, CPSD_ROUTE_LIST, cpsd_ppts_dest, cpsd_ppts_list, false},
    {CPSD_GET, "/cps/{dest}/ppts/{id}", CPSD_ACT_FETCH, CPSD_ROUTE_FETCH, cpsd_ppts_dest, cpsd_ppts_fetch, false},
    {CPSD_DELETE, "/cps/{dest}/ppts", CPSD_ACT_DELETE, CPSD_ROUTE_EMPTY, cpsd_ppts_dest, cpsd_ppts_empty, false},
    {CPSD_DELETE, "/cps/{dest}/ppts/{id}", CPSD_ACT_DELETE, CPSD_ROUTE_DELETE, cpsd_ppts_dest, cpsd_ppts_delete, false},
    {CPSD_POST, "/cps/{dest}/ppts/{id}/report", CPSD_ACT_REPORT, CPSD_ROUTE_REPORT, cpsd_ppts_dest, cpsd_report, false},
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
    {CPSD_GET, "/boxes/{dest}", CPSD_ACT_NONE, CPSD_ROUTE_BOX, cpsd_ppts_dest, cpsd_admin_box, true},
};
const size_t cpsd_route_count = sizeof(cpsd_routes) / sizeof(cpsd_routes[0]);

/* The next segment of a path, which starts with '/'; false at its end. */
static bool next_segment(struct stir_view *path, struct stir_view *segment)
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

/* A slash at the end says the same (RFC 8816 section 9 fetches ".../ppt1/"). */
static struct stir_view without_last_slash(struct stir_view path)
{
    if (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

static bool matches(const char *pattern, struct stir_view path, struct stir_view *segments)
{
    struct stir_view want = stir_view_str(pattern), w, p;
    size_t n = 0;
    while (next_segment(&want, &w)) {
        if (!next_segment(&path, &p)) {
            return false;
        }
        if (w.len && w.ptr[0] == '{') {
            bool with_asterisk = w.ptr[w.len - 1] == '*';
            if (p.len == 0 || (with_asterisk && (p.len == 1 || p.ptr[p.len - 1] != '*'))) {
                return false;
            }
            segments[n++] = p;
        } else if (w.len != p.len || memcmp(w.ptr, p.ptr, w.len) != 0) {
            return false;
        }
    }
    return path.len == 0;
}

static bool method_fits(enum cpsd_method method, enum cpsd_method route)
{
    return method == route || (method == CPSD_HEAD && route == CPSD_GET);
}

static void method_not_allowed(struct cpsd_request *request, unsigned allowed)
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
    cpsd_problem(request, 405, "this path does not have that method", "use one of the methods in Allow", 0, allow);
}

static enum stir_code ask_policy(const struct cpsd_request *request, enum cpsd_action action, int policy,
                                 struct stir_error *err)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    return cpsd_policy_check((enum cpsd_policy)policy, action, &request->caller,
                             request->has_dest ? &request->dest : NULL, trusted ? trusted->numbers : NULL, err);
}

/* A list may ask for more than listing: to wait, and to be spared the dummies. */
static void read_demands(struct cpsd_request *request)
{
    struct stir_view value;
    bool lists = request->route->action == CPSD_ACT_LIST;
    request->asks_to_wait = lists && cpsd_http_item(request->fields[CPSD_PREFER], "wait", &value);
    request->asks_for_no_dummies = lists && cpsd_ppts_without_dummies(request);
}

/* Asks the policy for all that the request demands. */
static enum stir_code ask_for_all(const struct cpsd_request *request, struct stir_error *err)
{
    const int *policy = request->service->config->policy;
    enum cpsd_action action = request->route->action;
    enum stir_code code = ask_policy(request, action, policy[action], err);
    if (code == STIR_OK && request->asks_to_wait) {
        code = ask_policy(request, CPSD_ACT_WAIT, policy[CPSD_ACT_WAIT], err);
    }
    if (code == STIR_OK && request->asks_for_no_dummies) {
        code = ask_policy(request, CPSD_ACT_LIST, CPSD_POLICY_HOLDER, err);
    }
    return code;
}

static void note_judged(struct cpsd_request *request)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    request->judged_generation = trusted ? trusted->generation : 0;
    request->judged_ms = uv_now(request->service->loop);
}

bool cpsd_request_still_allowed(struct cpsd_request *request)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    struct timespec now;
    uint64_t generation = trusted ? trusted->generation : 0;
    if (generation == request->judged_generation &&
        uv_now(request->service->loop) - request->judged_ms < CPSD_JUDGE_AGAIN_MS) {
        return true;
    }
    note_judged(request);
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (!cpsd_caller_authenticated(&request->caller) ||
            cpsd_trusted_verify(trusted, request->caller.chain, now.tv_sec, NULL) == STIR_OK) &&
           ask_for_all(request, NULL) == STIR_OK;
}

/* Who asks is known. */
static void go_on(struct cpsd_request *request)
{
    struct stir_error err = {0};
    note_judged(request);
    if (cpsd_caller_authenticated(&request->caller)) {
        cpsd_rate_limit_give_back(request);
    }
    read_demands(request);
    if (ask_for_all(request, &err) != STIR_OK) {
        cpsd_problem_error(request, &err);
    } else {
        request->route->handler(request);
    }
}

/* A client certificate is a credential like another: with one that is not good nothing is done, also what is open,
 * unless there is a token too, which counts then. False: answered. */
static bool take_certificate(struct cpsd_request *request)
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

static void take(struct cpsd_request *request, const struct cpsd_route *route)
{
    request->route = route;
    request->route_id = route->id;
    if (route->dest && !route->dest(request)) {
        return;
    }
    if (route->action == CPSD_ACT_NONE) {
        route->handler(request);
    } else if (cpsd_rate_limit_admit(request) && take_certificate(request)) {
        cpsd_authenticate(request, route, go_on);
    }
}

void cpsd_dispatch(struct cpsd_request *request)
{
    struct stir_view path = without_last_slash(request->path);
    unsigned allowed = 0;
    bool local = request->caller.kind == CPSD_LOCAL;
    request->route_id = CPSD_ROUTE_OTHER;
    for (size_t i = 0; i < cpsd_route_count; i++) {
        const struct cpsd_route *route = &cpsd_routes[i];
        bool here = local ? route->action == CPSD_ACT_NONE : !route->local;
        if (!here || !matches(route->pattern, path, request->segment)) {
            continue;
        }
        if (method_fits(request->method, route->method)) {
            take(request, route);
            return;
        }
        allowed |= 1u << route->method | (route->method == CPSD_GET ? 1u << CPSD_HEAD : 0);
    }
    if (allowed) {
        method_not_allowed(request, allowed);
    } else {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND), "this server has no such path", 0, NULL);
    }
}
