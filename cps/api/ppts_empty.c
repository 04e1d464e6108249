#include "cps/api/feed.h"
#include "cps/api/ppts.h"
#include "cps/api/ppts_common.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"

/*
 * A holder empties its box, in steps with a turn of the loop between them: the store takes out a number of envelopes at
 * a time, so that no other request waits for long. What arrives after the first step stays.
 */
struct empty_state {
    uv_timer_t timer;
    int64_t until_us; /* the time of the first step; 0: it was not done yet */
    enum stir_code code;
    int64_t retry_after_ms;
};
CPSD_STATE_FITS(struct empty_state);

static struct empty_state *state_of(struct cpsd_request *request)
{
    return (void *)request->state;
}

static void timer_closed(uv_handle_t *handle)
{
    struct cpsd_request *request = handle->data;
    const struct empty_state *state = state_of(request);
    struct cpsd_response response = {.status = 204};
    if (state->code == STIR_OK) {
        cpsd_respond(request, &response);
    } else {
        cpsd_ppts_store_problem(request, &(struct cpsd_store_result){.code = state->code,
                                                                     .retry_after_ms = state->retry_after_ms});
    }
}

static void take_out(uv_timer_t *timer);

static void taken_out(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct empty_state *state = state_of(request);
    state->code = result->code;
    state->retry_after_ms = result->retry_after_ms;
    if (result->code == STIR_OK) {
        state->until_us = state->until_us ? state->until_us : result->now_us;
        cpsd_feed_forget(request, result->ids);
    }
    if (result->more) {
        (void)uv_timer_start(&state->timer, take_out, 0, 0);
    } else {
        uv_close((uv_handle_t *)&state->timer, timer_closed);
    }
}

static void take_out(uv_timer_t *timer)
{
    struct cpsd_request *request = timer->data;
    cpsd_store_empty(request->service->store, &request->dest, state_of(request)->until_us, cpsd_request_claim(request),
                     taken_out, request);
}

void cpsd_ppts_empty(struct cpsd_request *request)
{
    struct empty_state *state = state_of(request);
    struct stir_error err = {0};
    const struct cpsd_trusted *trusted = request->service->trusted;
    if (cpsd_policy_check(CPSD_POLICY_HOLDER, CPSD_ACT_DELETE, &request->caller, &request->dest,
                          trusted ? trusted->numbers : NULL, &err) != STIR_OK) {
        cpsd_problem_error(request, &err);
        return;
    }
    (void)uv_timer_init(request->service->loop, &state->timer);
    state->timer.data = request;
    take_out(&state->timer);
}
