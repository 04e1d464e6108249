/* SPDX-License-Identifier: MIT */
#include "cps/api/feed.h"

#include "cps/api/allowed.h"
#include "cps/api/cursor.h"
#include "cps/api/feed_entry.h"
#include "cps/api/spc_path.h"
#include "cps/api/store_problem.h"
#include "cps/http/problem.h"

#include <assert.h>
#include <string.h>

#define LIST_ENTRIES 64               /* entries that are read and sent together, at most */
#define LIST_OCTETS ((size_t)1 << 17) /* octets of entries that are read and sent together, about */
#define HEARTBEAT_MS 15000            /* a comment is sent after this time without an event */
#define RETRY_MS 1000                 /* pause after the store failed, and while the client reads nothing */
#define BLOCKED_S 30                  /* the stream is ended when the client has read nothing for this time */

/*
 * A feed alternates between listing (one store operation is under way) and sleeping (its timer runs and it is
 * registered for arrivals). What happens while it lists is remembered in `arrived` and `hurried`, and handled when the
 * list is done.
 */
struct feed_state {
    struct cpsd_wait wait;
    uv_timer_t timer;
    struct stir_identity box;
    int64_t after_us;   /* arrival time of the last entry that was sent */
    uint64_t began_ms;  /* loop time */
    unsigned blocked_s; /* for how long the client has read nothing; 0: it reads */
    bool listing;       /* a store operation is under way */
    bool arrived;       /* an entry may have arrived while the store was listing */
    bool hurried;       /* the client is gone or the server drains: end the stream */
};

CPSD_STATE_FITS(struct feed_state);

static void feed_list(struct cpsd_request *request);

static struct feed_state *feed_state(struct cpsd_request *request)
{
    return (void *)request->state;
}

/* ---- the end ---- */

static void feed_timer_closed(uv_handle_t *handle)
{
    struct cpsd_request *request = handle->data;
    struct cpsd_response response = {.status = 200};
    cpsd_respond(request, &response); /* head and body were sent before: this only completes the request */
}

static void feed_finish(struct cpsd_request *request)
{
    struct feed_state *state = feed_state(request);
    request->hurry = NULL;
    request->judge = NULL;
    request->drained = NULL;
    cpsd_store_unwait(&state->wait);
    cpsd_uncount(&request->service->metrics->feeds);
    uv_close((uv_handle_t *)&state->timer, feed_timer_closed);
}

static void feed_on_hurry(struct cpsd_request *request)
{
    struct feed_state *state = feed_state(request);
    request->hurry = NULL;
    state->hurried = true;
    if (!state->listing) {
        feed_finish(request);
    }
}

static void feed_on_judge(struct cpsd_request *request)
{
    struct feed_state *state = feed_state(request);
    if (state->listing) {
        state->arrived = true; /* lists again at once afterwards, which judges the caller */
    } else if (!cpsd_request_still_allowed(request)) {
        feed_finish(request);
    }
}

/* ---- listing and sending ---- */

static void feed_on_timer(uv_timer_t *timer)
{
    struct cpsd_request *request = timer->data;
    struct feed_state *state = feed_state(request);
    if (state->listing) {
        return;
    }
    if (!request->stream->blocked(request)) {
        state->blocked_s = 0;
        feed_list(request);
    } else if (++state->blocked_s < BLOCKED_S) {
        (void)uv_timer_start(&state->timer, feed_on_timer, RETRY_MS, 0);
    } else {
        feed_finish(request);
    }
}

static void feed_on_drained(struct cpsd_request *request)
{
    struct feed_state *state = feed_state(request);
    if (state->blocked_s && !state->listing && !state->hurried) {
        state->blocked_s = 0;
        feed_list(request);
    }
}

static void feed_sleep(struct cpsd_request *request, uint64_t ms)
{
    (void)uv_timer_start(&feed_state(request)->timer, feed_on_timer, ms, 0);
}

static void feed_on_arrival(void *arg)
{
    struct cpsd_request *request = arg;
    struct feed_state *state = feed_state(request);
    state->arrived = true;
    if (!state->listing && state->blocked_s == 0) {
        feed_list(request);
    }
}

static void feed_put_event(struct stir_buf *out, const struct cpsd_entry *entry)
{
    char cursor[CPSD_CURSOR_TEXT + 1];
    struct stir_view dest, envelope;
    if (cpsd_feed_entry(entry, &dest, &envelope)) {
        cpsd_cursor_text(cursor, entry->arrival_us);
        stir_buf_printf(out, "id: %s\ndata: ", cursor);
        cpsd_feed_render(out, entry, dest, envelope);
        stir_buf_puts(out, "\n\n");
    }
}

/* Sends the events of a list, or a comment that keeps the connection open. */
static void feed_send_events(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    struct feed_state *state = feed_state(request);
    struct stir_buf text = {.limit = 8 << 20};
    for (size_t i = 0; i < result->count; i++) {
        feed_put_event(&text, &result->entries[i]);
    }
    if (stir_buf_state(&text) == STIR_OK) {
        request->stream->send(request, text.len ? stir_view(text.ptr, text.len) : stir_view_str(":\n\n"));
        state->after_us = result->count ? result->entries[result->count - 1].arrival_us : state->after_us;
        cpsd_count(&request->service->metrics->envelopes, result->count);
    }
    stir_buf_free(&text);
}

static void feed_list_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct feed_state *state = feed_state(request);
    assert(state->listing);
    state->listing = false;
    if (state->hurried) {
        feed_finish(request);
        return;
    }
    if (result->code == STIR_OK) {
        if (state->after_us > result->now_us) {
            state->after_us = 0; /* the store's clock was set back: send everything again rather than miss something */
        }
        feed_send_events(request, result);
    }
    bool blocked = request->stream->blocked(request);
    state->blocked_s = blocked ? 1 : 0;
    bool more = result->code == STIR_OK && (result->count || state->arrived);
    /* the timer starts the next list even if it is due now: the store may complete at once, and the stack would grow */
    feed_sleep(request, blocked || result->code != STIR_OK ? RETRY_MS : more ? 0 : HEARTBEAT_MS);
}

/* Starts a list. Registers for arrivals first, so that an arrival during the list is not missed. */
static void feed_list(struct cpsd_request *request)
{
    struct feed_state *state = feed_state(request);
    uint64_t life_ms = (uint64_t)request->service->config->feed_life_s * 1000;
    if (uv_now(request->service->loop) - state->began_ms >= life_ms || !cpsd_request_still_allowed(request)) {
        feed_finish(request); /* a client that is still allowed connects again with Last-Event-ID */
        return;
    }
    assert(!state->listing);
    cpsd_store_unwait(&state->wait);
    cpsd_store_wait(request->service->store, &state->wait, &state->box, feed_on_arrival, request);
    (void)uv_timer_stop(&state->timer);
    state->listing = true;
    state->arrived = false;
    cpsd_store_list(request->service->store, &state->box, state->after_us, LIST_ENTRIES, LIST_OCTETS, NULL,
                    feed_list_done, request);
}

/* ---- the request ---- */

bool cpsd_feed_path(struct cpsd_request *request)
{
    char spc[STIR_SPC_MAX + 1];
    struct stir_error err = {0};
    if (cpsd_spc_from_path(spc, request->segment[0], &err) != STIR_OK) {
        cpsd_problem(request, 400, "the path does not name a provider", err.text, 0, NULL);
        return false;
    }
    cpsd_spc_identity(&request->dest, spc);
    request->has_dest = true;
    return true;
}

static void feed_begin(struct cpsd_request *request)
{
    struct feed_state *state = feed_state(request);
    struct cpsd_response head = {.status = 200, .content_type = "text/event-stream"};
    cpsd_response_field(&head, "Cache-Control", "no-store");
    /* HEAD, and a client or server that is about to leave: the head is the whole answer */
    if (request->method == CPSD_HEAD || !request->stream || state->hurried || request->service->draining) {
        cpsd_respond(request, &head);
        return;
    }
    request->hurry = feed_on_hurry;
    request->judge = feed_on_judge;
    request->waiting = true;
    (void)uv_timer_init(request->service->loop, &state->timer);
    state->timer.data = request;
    state->began_ms = uv_now(request->service->loop);
    request->drained = feed_on_drained;
    cpsd_count(&request->service->metrics->feeds, 1);
    request->stream->begin(request, &head);
    feed_list(request);
}

/* The token is marked as used before anything is sent: a token that was used before does not open a feed. */
static void feed_admitted(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    feed_state(request)->listing = false;
    request->hurry = NULL;
    if (result->code == STIR_OK) {
        feed_begin(request);
    } else {
        cpsd_store_problem(request, result);
    }
}

void cpsd_feed(struct cpsd_request *request)
{
    struct feed_state *state = feed_state(request);
    if (!request->service->config->feeds) {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND),
                     "this server offers no feeds ([feeds] enabled = no)", 0, NULL);
        return;
    }
    if (!cpsd_cursor_after(request, request->fields[CPSD_LAST_EVENT_ID], &state->after_us)) {
        return;
    }
    cpsd_feed_box(&state->box, request->dest.text + strlen(CPSD_SPC_SCHEME));
    const struct cpsd_claim *claim = cpsd_request_claim(request);
    if (claim) {
        state->listing = true; /* so that feed_on_hurry leaves the answer to feed_admitted */
        request->hurry = feed_on_hurry;
        cpsd_store_once(request->service->store, claim, feed_admitted, request);
    } else {
        feed_begin(request);
    }
}
