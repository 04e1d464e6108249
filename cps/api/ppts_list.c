/* SPDX-License-Identifier: MIT */
#include "cps/api/allowed.h"
#include "cps/api/box_path.h"
#include "cps/api/cursor.h"
#include "cps/api/dummy.h"
#include "cps/api/id_text.h"
#include "cps/api/ppts.h"
#include "cps/api/store_problem.h"
#include "cps/http/problem.h"

#include <assert.h>
#include <stdio.h>

/*
 * A list holds the real envelopes of the store and the dummies, merged by arrival time. Its cursor is the arrival time
 * of the last entry that it shows, real or dummy. A list that waits first registers with the store and then lists, so
 * that an arrival between the two is not missed.
 */

struct list_state {
    struct cpsd_wait wait;
    uv_timer_t timer;
    bool timer_made;
    bool json;
    bool without_dummies;
    bool listing;                 /* a store operation is under way */
    bool hurried;                 /* the waiting is over: answer with what the next list holds */
    bool arrived;                 /* an envelope arrived while the store was listing */
    bool baseline_taken;          /* baseline_us is set */
    int64_t after_us;             /* ?after=; 0 without it */
    int64_t baseline_us;          /* the waiting ends when an envelope has arrived after this time */
    uint64_t wait_s;              /* Prefer: wait; 0 without it */
    uint64_t deadline_ms, due_ms; /* loop time: when the waiting ends; when to list again if nothing arrives before */
    enum stir_code code;          /* of the last list */
    bool more;
    char cursor[CPSD_CURSOR_TEXT + 1];
    struct stir_buf body;
};

CPSD_STATE_FITS(struct list_state);

static void list_start(struct cpsd_request *request);
static void list_on_timer(uv_timer_t *timer);

static struct list_state *list_state(struct cpsd_request *request)
{
    return (void *)request->state;
}

/* ---- rendering ---- */

struct list_renderer {
    struct stir_buf *out;
    const struct cpsd_request *request;
    bool json, any;
    bool holder; /* the holder is also told which envelopes were taken, and their age */
    int64_t last_us, now_us;
};

static void list_render_entry(struct list_renderer *r, const struct cpsd_entry *entry)
{
    char id[CPSD_ID_TEXT];
    cpsd_id_text(id, entry->id);
    if (r->any) {
        stir_buf_put(r->out, ",", 1);
    }
    if (r->json) {
        /* an envelope consists of base64url and dots: nothing to escape */
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
        cpsd_box_path(r->out, &r->request->dest);
        stir_buf_put(r->out, "/", 1);
        stir_buf_put(r->out, id, sizeof(id));
        stir_buf_puts(r->out, ">;type=\"application/passport\"");
        stir_buf_puts(r->out, r->holder && entry->taken ? ";taken" : "");
    }
    r->any = true;
    r->last_us = entry->arrival_us;
}

/* Keeps the entries that arrived in (after, until] and returns their number. */
static size_t list_keep_between(struct cpsd_entry *entries, size_t count, int64_t after_us, int64_t until_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].arrival_us > after_us && entries[i].arrival_us <= until_us) {
            entries[kept++] = entries[i];
        }
    }
    return kept;
}

/* Returns the number of dummies that this list shows: in steady mode all that are alive, in empty mode one if there is
 * no real envelope. A list that was cut shows no dummy after its last real entry: those come with the next part. */
static size_t list_dummies(struct cpsd_request *request, const struct cpsd_store_result *result,
                           struct cpsd_entry dummies[CPSD_DUMMIES_MAX])
{
    const struct list_state *state = list_state(request);
    struct cpsd_dummies *maker = request->service->dummies;
    if (state->without_dummies || (!cpsd_dummies_steady(maker) && (result->count || state->after_us))) {
        return 0;
    }
    int64_t until = result->more ? result->entries[result->count - 1].arrival_us : result->now_us;
    size_t count = cpsd_dummies_alive(maker, &request->dest, result->now_us, dummies);
    return list_keep_between(dummies, count, state->after_us, until);
}

static void list_render(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    struct list_state *state = list_state(request);
    struct cpsd_entry dummies[CPSD_DUMMIES_MAX];
    size_t dummy_count = list_dummies(request, result, dummies);
    struct list_renderer r = {.out = &state->body,
                              .request = request,
                              .json = state->json,
                              .holder = state->without_dummies,
                              .last_us = state->after_us,
                              .now_us = result->now_us};
    state->body.len = 0; /* an earlier list of this request was not sent */
    if (r.json) {
        stir_buf_puts(r.out, "{\"ppts\":[");
    }
    /* merge the two sorted lists by arrival time */
    for (size_t i = 0, j = 0; i < result->count || j < dummy_count;) {
        bool real = j == dummy_count || (i < result->count && result->entries[i].arrival_us <= dummies[j].arrival_us);
        list_render_entry(&r, real ? &result->entries[i++] : &dummies[j++]);
    }
    /* the cursor covers the dummies too; otherwise it would tell which of the last entries are real */
    cpsd_cursor_text(state->cursor, r.last_us);
    state->more = result->more;
    if (r.json) {
        stir_buf_printf(r.out, "],\"cursor\":\"%s\"}", state->cursor);
    }
    cpsd_count(&request->service->metrics->envelopes, result->count);
    cpsd_count(&request->service->metrics->dummies, dummy_count);
}

/* ---- answering ---- */

static void list_send(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    struct cpsd_response response = {.status = 200};
    char applied[32];
    struct stir_buf link = {.limit = 4096}, body = state->body;
    response.content_type = state->json ? "application/json" : "application/link-format";
    response.body = stir_view(body.ptr ? body.ptr : "", body.len);
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_response_field(&response, "Vary", "Accept");
    /* RFC 7240 section 3: the preference that was applied */
    if (state->wait_s) {
        (void)snprintf(applied, sizeof(applied), "wait=%u", (unsigned)state->wait_s);
        cpsd_response_field(&response, "Preference-Applied", applied);
    }
    /* RFC 8288: where the rest of a list that was cut is */
    if (state->more) {
        stir_buf_printf(&link, "<%s", request->service->config->public_url);
        cpsd_box_path(&link, &request->dest);
        stir_buf_printf(&link, "?after=%s>; rel=\"next\"", state->cursor);
        if (stir_buf_state(&link) == STIR_OK) {
            cpsd_response_field(&response, "Link", link.ptr);
        }
    }
    cpsd_respond(request, &response);
    stir_buf_free(&link);
    stir_buf_free(&body);
}

static void list_answer(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    if (state->code == STIR_OK && stir_buf_state(&state->body) == STIR_OK) {
        list_send(request);
        return;
    }
    stir_buf_free(&state->body);
    struct cpsd_store_result result = {.code = state->code ? state->code : STIR_E_UNAVAILABLE, .retry_after_ms = 1000};
    cpsd_store_problem(request, &result);
}

static void list_timer_closed(uv_handle_t *handle)
{
    list_answer(handle->data);
}

static void list_stop_waiting(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    request->hurry = NULL;
    request->judge = NULL;
    if (state->wait_s) {
        cpsd_store_unwait(&state->wait);
    }
    if (state->timer_made) {
        cpsd_uncount(&request->service->metrics->waiters);
    }
}

static void list_answer_revoked(struct cpsd_request *request)
{
    cpsd_problem(request, 401, "the credential is no longer valid",
                 "while the request waited, the certificate was revoked or expired, or the policy changed", 0, NULL);
}

static void list_revoked_timer_closed(uv_handle_t *handle)
{
    list_answer_revoked(handle->data);
}

/* Ends the waiting of a caller who is no longer allowed to have the list. */
static void list_finish_revoked(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    list_stop_waiting(request);
    if (state->timer_made) {
        uv_close((uv_handle_t *)&state->timer, list_revoked_timer_closed);
    } else {
        list_answer_revoked(request);
    }
}

/* Ends the waiting, if the list waits, and answers. */
static void list_finish(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    list_stop_waiting(request);
    if (state->timer_made) {
        uv_close((uv_handle_t *)&state->timer, list_timer_closed);
    } else {
        list_answer(request);
    }
}

/* ---- waiting ---- */

/* Sleeps until the list is due, or until the credential of the caller has to be judged again. */
static void list_sleep(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    uint64_t now_ms = uv_now(request->service->loop);
    uint64_t ms = state->due_ms > now_ms ? state->due_ms - now_ms : 0;
    if (cpsd_caller_authenticated(&request->caller) && ms > CPSD_JUDGE_AGAIN_MS) {
        ms = CPSD_JUDGE_AGAIN_MS;
    }
    (void)uv_timer_start(&state->timer, list_on_timer, ms, 0);
}

static void list_on_timer(uv_timer_t *timer)
{
    struct cpsd_request *request = timer->data;
    if (uv_now(request->service->loop) >= list_state(request)->due_ms) {
        list_start(request);
    } else if (cpsd_request_still_allowed(request)) {
        list_sleep(request);
    } else {
        list_finish_revoked(request);
    }
}

static void list_on_judge(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    if (state->listing) {
        state->arrived = true; /* the list is made again afterwards, which judges the caller */
    } else if (!cpsd_request_still_allowed(request)) {
        list_finish_revoked(request);
    }
}

static void list_on_arrival(void *arg)
{
    struct cpsd_request *request = arg;
    struct list_state *state = list_state(request);
    if (state->listing) {
        state->arrived = true; /* the list under way may miss it: list again afterwards */
    } else {
        list_start(request);
    }
}

static void list_on_hurry(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    state->hurried = true;
    request->hurry = NULL;
    if (!state->listing) {
        list_start(request);
    }
}

/* Sleeps until an envelope arrives, the next dummy is due, or the time is over. The arrival of a dummy ends the waiting
 * like that of a real envelope; otherwise the waiting would tell which is which (RFC 8816 section 6.2). */
static void list_wait(struct cpsd_request *request, int64_t now_us)
{
    struct list_state *state = list_state(request);
    uv_loop_t *loop = request->service->loop;
    uint64_t now_ms = uv_now(loop);
    uint64_t ms = state->deadline_ms > now_ms ? state->deadline_ms - now_ms : 0;
    int64_t next_us = cpsd_dummies_next(request->service->dummies, &request->dest, now_us);
    if (!state->without_dummies && next_us != INT64_MAX && (uint64_t)((next_us - now_us) / 1000) < ms) {
        ms = (uint64_t)((next_us - now_us) / 1000) + 1;
    }
    /* the first sleep makes the timer, whose closing then has to be waited for before the answer */
    if (!state->timer_made) {
        (void)uv_timer_init(loop, &state->timer);
        state->timer.data = request;
        state->timer_made = true;
        cpsd_count(&request->service->metrics->waiters, 1);
    }
    state->due_ms = now_ms + ms;
    list_sleep(request);
}

static bool list_has_new(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    const struct list_state *state = list_state(request);
    struct cpsd_entry dummies[CPSD_DUMMIES_MAX];
    size_t count = list_dummies(request, result, dummies);
    return (result->count && result->entries[result->count - 1].arrival_us > state->baseline_us) ||
           (count && dummies[count - 1].arrival_us > state->baseline_us);
}

static bool list_must_wait(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    struct list_state *state = list_state(request);
    if (!state->wait_s || state->hurried || result->code != STIR_OK || request->service->draining) {
        return false;
    }
    if (!state->baseline_taken) {
        state->baseline_taken = true;
        state->baseline_us = state->after_us ? state->after_us : result->now_us;
    }
    return uv_now(request->service->loop) < state->deadline_ms && !list_has_new(request, result);
}

static void list_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct list_state *state = list_state(request);
    assert(state->listing);
    state->listing = false;
    if (result->code == STIR_OK && state->after_us > result->now_us) {
        state->after_us = 0; /* the store's clock was set back: list everything again rather than miss something */
        list_start(request);
        return;
    }
    if (list_must_wait(request, result)) {
        if (state->arrived) {
            list_start(request);
        } else {
            list_wait(request, result->now_us);
        }
        return;
    }
    state->code = result->code;
    if (result->code == STIR_OK) {
        list_render(request, result);
    }
    list_finish(request);
}

static void list_start(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    const struct cpsd_config *config = request->service->config;
    if (!cpsd_request_still_allowed(request)) {
        list_finish_revoked(request);
        return;
    }
    assert(!state->listing);
    state->arrived = false;
    state->listing = true;
    if (state->timer_made) {
        (void)uv_timer_stop(&state->timer);
    }
    /* register before listing: an arrival in between then sets `arrived` */
    if (state->wait_s) {
        cpsd_store_unwait(&state->wait);
        cpsd_store_wait(request->service->store, &state->wait, &request->dest, list_on_arrival, request);
    }
    cpsd_store_list(request->service->store, &request->dest, state->after_us, (size_t)config->list_max_entries,
                    (size_t)config->list_max_bytes, cpsd_request_claim(request), list_done, request);
}

/* ---- the request ---- */

static void list_read_wait(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    struct stir_view text;
    uint64_t longest = (uint64_t)request->service->config->max_wait_s;
    if (cpsd_http_item(request->fields[CPSD_PREFER], "wait", &text) &&
        cpsd_http_number_up_to(text, longest, &state->wait_s)) {
        state->deadline_ms = uv_now(request->service->loop) + state->wait_s * 1000;
    }
}

void cpsd_ppts_list(struct cpsd_request *request)
{
    struct list_state *state = list_state(request);
    struct stir_view text;
    if (!cpsd_cursor_after(request, stir_view(NULL, 0), &state->after_us)) {
        return;
    }
    state->json = cpsd_http_item(request->fields[CPSD_ACCEPT], "application/json", &text);
    state->without_dummies = request->asks_for_no_dummies; /* the policy has allowed it */
    list_read_wait(request);
    if (state->wait_s) {
        request->hurry = list_on_hurry;
        request->judge = list_on_judge;
        request->waiting = true;
    }
    list_start(request);
}
