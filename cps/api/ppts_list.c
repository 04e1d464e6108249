#include "cps/api/cursor.h"
#include "cps/api/dummy.h"
#include "cps/api/ppts.h"
#include "cps/api/ppts_common.h"
#include "cps/api/routes.h"
#include "cps/http/problem.h"

#include <stdio.h>

/*
 * A list is what the store has and the dummies, merged by arrival. Its cursor is the last arrival that it shows,
 * whether real or not. A list that waits registers with the store first and lists then, so that nothing falls in
 * between.
 */

struct list_state {
    struct cpsd_wait wait;
    uv_timer_t timer;
    bool timer_made;
    bool json;
    bool without_dummies;
    bool listing;        /* a store operation is under way */
    bool hurried;        /* answer with what there is */
    bool arrived;        /* something came while the store was listing */
    bool baseline_taken; /* baseline_us was taken */
    int64_t after_us;    /* ?after=, 0 if none */
    int64_t baseline_us; /* waiting ends when something arrived after this */
    uint64_t wait_s, deadline_ms;
    uint64_t due_ms;     /* when it has to list again, if nothing arrives before */
    enum stir_code code; /* of the last list */
    bool more;
    char cursor[CPSD_CURSOR_TEXT + 1];
    struct stir_buf body;
};

CPSD_STATE_FITS(struct list_state);

static void list_again(struct cpsd_request *request);
static void on_timer(uv_timer_t *timer);

static struct list_state *state_of(struct cpsd_request *request)
{
    return (void *)request->state;
}

/* ---- rendering ---- */

struct renderer {
    struct stir_buf *out;
    const struct cpsd_request *request;
    bool json, any;
    bool holder; /* is told what was taken, and since when envelopes are here */
    int64_t last_us, now_us;
};

static void render_entry(struct renderer *r, const struct cpsd_entry *entry)
{
    char id[CPSD_ID_TEXT];
    cpsd_ppts_id_text(id, entry->id);
    if (r->any) {
        stir_buf_put(r->out, ",", 1);
    }
    if (r->json) {
        /* an envelope is base64url and dots: no character of it needs an escape */
        stir_buf_puts(r->out, "{\"id\":\"");
        stir_buf_put(r->out, id, sizeof(id));
        stir_buf_puts(r->out, "\",\"ppt\":\"");
        stir_buf_put(r->out, entry->envelope.ptr, entry->envelope.len);
        stir_buf_puts(r->out, "\"");
        if (r->holder) {
            int64_t age_us = r->now_us - entry->arrival_us;
            stir_buf_puts(r->out, entry->taken ? ",\"taken\":true" : "");
            stir_buf_printf(r->out, ",\"age_ms\":%lld", (long long)(age_us > 0 ? age_us / 1000 : 0));
        }
        stir_buf_puts(r->out, "}");
    } else {
        stir_buf_put(r->out, "<", 1);
        cpsd_ppts_box_path(r->out, &r->request->dest);
        stir_buf_put(r->out, "/", 1);
        stir_buf_put(r->out, id, sizeof(id));
        stir_buf_puts(r->out, ">;type=\"application/passport\"");
        stir_buf_puts(r->out, r->holder && entry->taken ? ";taken" : "");
    }
    r->any = true;
    r->last_us = entry->arrival_us;
}

/* Drops what lies outside (after, until] from a list in order of arrival. */
static size_t keep_between(struct cpsd_entry *entries, size_t count, int64_t after_us, int64_t until_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].arrival_us > after_us && entries[i].arrival_us <= until_us) {
            entries[kept++] = entries[i];
        }
    }
    return kept;
}

/* The dummies that this list shows, if it does: in steady mode all that are alive, in empty mode one where nothing real
 * is. A list that was cut shows none beyond its last real entry: they come with the next part. */
static size_t dummies_for(struct cpsd_request *request, const struct cpsd_store_result *result,
                          struct cpsd_entry dummies[CPSD_DUMMIES_MAX])
{
    const struct list_state *state = state_of(request);
    struct cpsd_dummies *maker = request->service->dummies;
    if (state->without_dummies || (!cpsd_dummies_steady(maker) && (result->count || state->after_us))) {
        return 0;
    }
    int64_t until = result->more ? result->entries[result->count - 1].arrival_us : result->now_us;
    size_t count = cpsd_dummies_alive(maker, &request->dest, result->now_us, dummies);
    return keep_between(dummies, count, state->after_us, until);
}

static void render(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    struct list_state *state = state_of(request);
    struct cpsd_entry dummies[CPSD_DUMMIES_MAX];
    size_t dummy_count = dummies_for(request, result, dummies);
    struct renderer r = {.out = &state->body,
                         .request = request,
                         .json = state->json,
                         .holder = state->without_dummies,
                         .last_us = state->after_us,
                         .now_us = result->now_us};
    state->body.len = 0;
    if (r.json) {
        stir_buf_puts(r.out, "{\"ppts\":[");
    }
    for (size_t i = 0, j = 0; i < result->count || j < dummy_count;) {
        bool real = j == dummy_count || (i < result->count && result->entries[i].arrival_us <= dummies[j].arrival_us);
        render_entry(&r, real ? &result->entries[i++] : &dummies[j++]);
    }
    cpsd_cursor_text(state->cursor, r.last_us);
    state->more = result->more;
    if (r.json) {
        stir_buf_printf(r.out, "],\"cursor\":\"%s\"}", state->cursor);
    }
    cpsd_count(&request->service->metrics->envelopes, result->count);
    cpsd_count(&request->service->metrics->dummies, dummy_count);
}

/* ---- answering ---- */

static void answer_list(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    struct cpsd_response response = {.status = 200};
    char applied[32];
    struct stir_buf link = {.limit = 4096}, body = state->body;
    response.content_type = state->json ? "application/json" : "application/link-format";
    response.body = stir_view(body.ptr ? body.ptr : "", body.len);
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_response_field(&response, "Vary", "Accept");
    if (state->wait_s) {
        (void)snprintf(applied, sizeof(applied), "wait=%u", (unsigned)state->wait_s);
        cpsd_response_field(&response, "Preference-Applied", applied);
    }
    if (state->more) {
        stir_buf_printf(&link, "<%s", request->service->config->public_url);
        cpsd_ppts_box_path(&link, &request->dest);
        stir_buf_printf(&link, "?after=%s>; rel=\"next\"", state->cursor);
        if (stir_buf_state(&link) == STIR_OK) {
            cpsd_response_field(&response, "Link", link.ptr);
        }
    }
    cpsd_respond(request, &response);
    stir_buf_free(&link);
    stir_buf_free(&body);
}

static void answer(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    if (state->code == STIR_OK && stir_buf_state(&state->body) == STIR_OK) {
        answer_list(request);
        return;
    }
    stir_buf_free(&state->body);
    struct cpsd_store_result result = {.code = state->code ? state->code : STIR_E_UNAVAILABLE, .retry_after_ms = 1000};
    cpsd_ppts_store_problem(request, &result);
}

static void timer_closed(uv_handle_t *handle)
{
    answer(handle->data);
}

static void leave(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    request->hurry = NULL;
    request->judge = NULL;
    if (state->wait_s) {
        cpsd_store_unwait(&state->wait);
    }
    if (state->timer_made) {
        cpsd_uncount(&request->service->metrics->waiters);
    }
}

static void say_revoked(struct cpsd_request *request)
{
    cpsd_problem(request, 401, "the credential is not valid any more",
                 "the certificate has been revoked or has ended, or the policy has changed, while the request waited",
                 0, NULL);
}

static void revoked_timer_closed(uv_handle_t *handle)
{
    say_revoked(handle->data);
}

/* Ends the waiting of a caller who may not have the list any more. */
static void finish_revoked(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    leave(request);
    if (state->timer_made) {
        uv_close((uv_handle_t *)&state->timer, revoked_timer_closed);
    } else {
        say_revoked(request);
    }
}

/* Ends the waiting, if there is one, and answers. */
static void finish(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    leave(request);
    if (state->timer_made) {
        uv_close((uv_handle_t *)&state->timer, timer_closed);
    } else {
        answer(request);
    }
}

/* ---- waiting ---- */

/* Sleeps until the list is due; a caller with a credential is judged again meanwhile. */
static void sleep_on(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    uint64_t now_ms = uv_now(request->service->loop);
    uint64_t ms = state->due_ms > now_ms ? state->due_ms - now_ms : 0;
    if (cpsd_caller_authenticated(&request->caller) && ms > CPSD_JUDGE_AGAIN_MS) {
        ms = CPSD_JUDGE_AGAIN_MS;
    }
    (void)uv_timer_start(&state->timer, on_timer, ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct cpsd_request *request = timer->data;
    if (uv_now(request->service->loop) >= state_of(request)->due_ms) {
        list_again(request);
    } else if (cpsd_request_still_allowed(request)) {
        sleep_on(request);
    } else {
        finish_revoked(request);
    }
}

static void on_judge(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    if (state->listing) {
        state->arrived = true; /* lists once more, and is judged then */
    } else if (!cpsd_request_still_allowed(request)) {
        finish_revoked(request);
    }
}

static void on_arrival(void *arg)
{
    struct cpsd_request *request = arg;
    struct list_state *state = state_of(request);
    if (state->listing) {
        state->arrived = true; /* perhaps too late for that list: it is made again */
    } else {
        list_again(request);
    }
}

static void on_hurry(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    state->hurried = true;
    request->hurry = NULL;
    if (!state->listing) {
        list_again(request);
    }
}

/* Sleeps until something arrives, the next dummy is due, or the time is over. A dummy's arrival wakes as a real one's
 * does: otherwise the waiting would tell which is which. */
static void wait_for_arrival(struct cpsd_request *request, int64_t now_us)
{
    struct list_state *state = state_of(request);
    uv_loop_t *loop = request->service->loop;
    uint64_t now_ms = uv_now(loop);
    uint64_t ms = state->deadline_ms > now_ms ? state->deadline_ms - now_ms : 0;
    int64_t next_us = cpsd_dummies_next(request->service->dummies, &request->dest, now_us);
    if (!state->without_dummies && next_us != INT64_MAX && (uint64_t)((next_us - now_us) / 1000) < ms) {
        ms = (uint64_t)((next_us - now_us) / 1000) + 1;
    }
    if (!state->timer_made) {
        (void)uv_timer_init(loop, &state->timer);
        state->timer.data = request;
        state->timer_made = true;
        cpsd_count(&request->service->metrics->waiters, 1);
    }
    state->due_ms = now_ms + ms;
    sleep_on(request);
}

static bool anything_new(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    const struct list_state *state = state_of(request);
    struct cpsd_entry dummies[CPSD_DUMMIES_MAX];
    size_t count = dummies_for(request, result, dummies);
    return (result->count && result->entries[result->count - 1].arrival_us > state->baseline_us) ||
           (count && dummies[count - 1].arrival_us > state->baseline_us);
}

static bool must_wait(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    struct list_state *state = state_of(request);
    if (!state->wait_s || state->hurried || result->code != STIR_OK || request->service->draining) {
        return false;
    }
    if (!state->baseline_taken) {
        state->baseline_taken = true;
        state->baseline_us = state->after_us ? state->after_us : result->now_us;
    }
    return uv_now(request->service->loop) < state->deadline_ms && !anything_new(request, result);
}

static void listed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct list_state *state = state_of(request);
    state->listing = false;
    if (result->code == STIR_OK && state->after_us > result->now_us) {
        state->after_us = 0; /* the store's clock was set back: better all again than something missed */
        list_again(request);
        return;
    }
    if (must_wait(request, result)) {
        if (state->arrived) {
            list_again(request);
        } else {
            wait_for_arrival(request, result->now_us);
        }
        return;
    }
    state->code = result->code;
    if (result->code == STIR_OK) {
        render(request, result);
    }
    finish(request);
}

static void list_again(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    const struct cpsd_config *config = request->service->config;
    if (!cpsd_request_still_allowed(request)) {
        finish_revoked(request);
        return;
    }
    state->arrived = false;
    state->listing = true;
    if (state->timer_made) {
        (void)uv_timer_stop(&state->timer);
    }
    if (state->wait_s) {
        cpsd_store_unwait(&state->wait);
        cpsd_store_wait(request->service->store, &state->wait, &request->dest, on_arrival, request);
    }
    cpsd_store_list(request->service->store, &request->dest, state->after_us, (size_t)config->list_max_entries,
                    (size_t)config->list_max_bytes, cpsd_request_claim(request), listed, request);
}

/* ---- the request ---- */

bool cpsd_ppts_without_dummies(const struct cpsd_request *request)
{
    struct stir_view value;
    return cpsd_http_query(request->query, "dummies", &value) && stir_view_is(value, "no");
}

static void read_wait(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    struct stir_view text;
    uint64_t longest = (uint64_t)request->service->config->max_wait_s;
    if (cpsd_http_item(request->fields[CPSD_PREFER], "wait", &text) &&
        cpsd_http_number_up_to(text, longest, &state->wait_s)) {
        state->deadline_ms = uv_now(request->service->loop) + state->wait_s * 1000;
    }
}

void cpsd_ppts_list(struct cpsd_request *request)
{
    struct list_state *state = state_of(request);
    struct stir_view text;
    if (cpsd_http_query(request->query, "after", &text) && !cpsd_cursor_parse(text, &state->after_us)) {
        cpsd_problem(request, 400, "the query is not understood", "after is the cursor of an earlier list", 0, NULL);
        return;
    }
    state->json = cpsd_http_item(request->fields[CPSD_ACCEPT], "application/json", &text);
    state->without_dummies = cpsd_ppts_without_dummies(request);
    read_wait(request);
    if (state->wait_s) {
        request->hurry = on_hurry;
        request->judge = on_judge;
        request->waiting = true;
    }
    list_again(request);
}
