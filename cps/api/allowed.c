/* SPDX-License-Identifier: MIT */
#include "cps/api/allowed.h"

#include "cps/auth/trusted.h"
#include "cps/http/route.h"

#include <time.h>

static enum stir_code allowed_by_policy(const struct cpsd_request *request, enum cpsd_action action, int policy,
                                        struct stir_error *err)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    return cpsd_policy_check((enum cpsd_policy)policy, action, &request->caller,
                             request->has_dest ? &request->dest : NULL, trusted ? trusted->numbers : NULL, err);
}

static enum stir_code allowed_check(const struct cpsd_request *request, struct stir_error *err)
{
    const int *policy = request->service->config->policy;
    enum cpsd_action action = request->route->action;
    enum stir_code code = allowed_by_policy(request, action, policy[action], err);
    if (code == STIR_OK && request->asks_to_wait) {
        code = allowed_by_policy(request, CPSD_ACT_WAIT, policy[CPSD_ACT_WAIT], err);
    }
    if (code == STIR_OK && request->asks_for_no_dummies) {
        code = allowed_by_policy(request, CPSD_ACT_LIST, CPSD_POLICY_HOLDER, err);
    }
    return code;
}

/* Remembers which trust the caller was judged under, and when. */
static void allowed_note(struct cpsd_request *request)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    request->judged_generation = trusted ? trusted->generation : 0;
    request->judged_ms = uv_now(request->service->loop);
}

/* A list can ask for more than the list: to wait (RFC 7240 section 4.3), and to leave out the dummies. */
static void allowed_read_demands(struct cpsd_request *request)
{
    struct stir_view value;
    bool lists = request->route->action == CPSD_ACT_LIST;
    request->asks_to_wait = lists && cpsd_http_item(request->fields[CPSD_PREFER], "wait", &value);
    request->asks_for_no_dummies =
        lists && cpsd_http_query(request->query, "dummies", &value) && stir_view_is(value, "no");
}

enum stir_code cpsd_request_allowed(struct cpsd_request *request, struct stir_error *err)
{
    allowed_note(request);
    allowed_read_demands(request);
    return allowed_check(request, err);
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
    allowed_note(request);
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (cpsd_caller_authenticated(&request->caller) &&
        cpsd_trusted_verify(trusted, request->caller.chain, now.tv_sec, NULL) != STIR_OK) {
        return false;
    }
    return allowed_check(request, NULL) == STIR_OK;
}
