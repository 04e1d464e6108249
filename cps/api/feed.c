#include "cps/api/feed.h"

#include "common/jose/json.h"
#include "cps/api/cursor.h"
#include "cps/api/feed_common.h"
#include "cps/api/keys_common.h"
#include "cps/api/passports_box.h"
#include "cps/api/ppts_common.h"
#include "cps/api/routes.h"
#include "cps/http/problem.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 64                       /* entries that are read and written together */
#define AT_ONCE_OCTETS ((size_t)1 << 17) /* and about so many octets */
#define HEARTBEAT_MS 15000
#define RETRY_MS 1000 /* after the store failed, or while the client takes nothing */
#define BLOCKED_S 30  /* then it is cut */

struct feed_state {
    struct cpsd_wait wait;
    uv_timer_t timer;
    struct stir_identity box;
    int64_t after_us;
    uint64_t began_ms;
    unsigned blocked_s;
    bool listing, arrived, hurried;
};

CPSD_STATE_FITS(struct feed_state);

static void read_on(struct cpsd_request *request);

static struct feed_state *state_of(struct cpsd_request *request)
{
    return (void *)request->state;
}

void cpsd_feed_box(struct stir_identity *out, const char *spc)
{
    static const char prefix[] = "/feed/"; /* no path names a box that begins with a slash */
    size_t n = strnlen(spc, STIR_SPC_MAX);
    out->kind = STIR_IDENTITY_URI;
    memcpy(out->text, prefix, sizeof(prefix) - 1);
    memcpy(out->text + sizeof(prefix) - 1, spc, n);
    out->len = (unsigned)(sizeof(prefix) - 1 + n);
    out->text[out->len] = '\0';
    stir_spc_normalize(out->text + sizeof(prefix) - 1);
}

bool cpsd_feed_entry(const struct cpsd_entry *entry, struct stir_view *dest, struct stir_view *envelope)
{
    const char *text = entry->envelope.ptr;
    const char *end = memchr(text, '\n', entry->envelope.len);
    if (!end) {
        return false;
    }
    *dest = stir_view(text, (size_t)(end - text));
    *envelope = stir_view(end + 1, entry->envelope.len - dest->len - 1);
    return true;
}

void cpsd_feed_render(struct stir_buf *out, const struct cpsd_entry *entry, struct stir_view dest,
                      struct stir_view envelope)
{
    char id[CPSD_ID_TEXT];
    cpsd_ppts_id_text(id, entry->id);
    stir_buf_puts(out, "{\"dest\":");
    stir_json_quote(out, dest.ptr, dest.len);
    stir_buf_puts(out, ",\"id\":\"");
    stir_buf_put(out, id, sizeof(id));
    stir_buf_puts(out, "\",\"ppt\":\"");
    stir_buf_put(out, envelope.ptr, envelope.len);
    stir_buf_puts(out, "\"}");
}

/* ---- the end ---- */

static void timer_closed(uv_handle_t *handle)
{
    struct cpsd_request *request = handle->data;
    struct cpsd_response response = {.status = 200};
    cpsd_respond(request, &response); /* all of it was sent before */
}

static void finish(struct cpsd_request *request)
{
    struct feed_state *state = state_of(request);
    request->hurry = NULL;
    request->judge = NULL;
    request->drained = NULL;
    cpsd_store_unwait(&state->wait);
    cpsd_uncount(&request->service->metrics->feeds);
    uv_close((uv_handle_t *)&state->timer, timer_closed);
}

static void on_hurry(struct cpsd_request *request)
{
    struct feed_state *state = state_of(request);
    request->hurry = NULL;
    state->hurried = true;
    if (!state->listing) {
        finish(request);
    }
}

static void on_judge(struct cpsd_request *request)
{
    struct feed_state *state = state_of(request);
    if (state->listing) {
        state->arrived = true; /* reads on at once afterwards, and judges then */
    } else if (!cpsd_request_still_allowed(request)) {
        finish(request);
    }
}

/* ---- going on ---- */

static void on_timer(uv_timer_t *timer)
{
    struct cpsd_request *request = timer->data;
    struct feed_state *state = state_of(request);
    if (state->listing) {
        return;
    }
    if (!request->stream->blocked(request)) {
        state->blocked_s = 0;
        read_on(request);
    } else if (++state->blocked_s < BLOCKED_S) {
        (void)uv_timer_start(&state->timer, on_timer, RETRY_MS, 0);
    } else {
        finish(request);
    }
}

static void on_drained(struct cpsd_request *request)
{
    struct feed_state *state = state_of(request);
    if (state->blocked_s && !state->listing && !state->hurried) {
        state->blocked_s = 0;
        read_on(request);
    }
}

static void sleep_for(struct cpsd_request *request, uint64_t ms)
{
    (void)uv_timer_start(&state_of(request)->timer, on_timer, ms, 0);
}

static void on_arrival(void *arg)
{
    struct cpsd_request *request = arg;
    struct feed_state *state = state_of(request);
    state->arrived = true;
    if (!state->listing && state->blocked_s == 0) {
        read_on(request);
    }
}

static void put_event(struct stir_buf *out, const struct cpsd_entry *entry)
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

/* What is written for a list: its events, or a comment that keeps the connection. */
static void write_events(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    struct feed_state *state = state_of(request);
    struct stir_buf text = {.limit = 8 << 20};
    for (size_t i = 0; i < result->count; i++) {
        put_event(&text, &result->entries[i]);
    }
    if (stir_buf_state(&text) == STIR_OK) {
        request->stream->send(request, text.len ? stir_view(text.ptr, text.len) : stir_view_str(":\n\n"));
        state->after_us = result->count ? result->entries[result->count - 1].arrival_us : state->after_us;
        cpsd_count(&request->service->metrics->envelopes, result->count);
    }
    stir_buf_free(&text);
}

static void listed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct feed_state *state = state_of(request);
    state->listing = false;
    if (state->hurried) {
        finish(request);
        return;
    }
    if (result->code == STIR_OK) {
        if (state->after_us > result->now_us) {
            state->after_us = 0; /* the store's clock was set back: better all again than something missed */
        }
        write_events(request, result);
    }
    bool blocked = request->stream->blocked(request);
    state->blocked_s = blocked ? 1 : 0;
    bool more = result->code == STIR_OK && (result->count || state->arrived);
    /* not called from here: the store may complete at once, and the stack would grow with the feed */
    sleep_for(request, blocked || result->code != STIR_OK ? RETRY_MS : more ? 0 : HEARTBEAT_MS);
}

/* To miss nothing: waits first, lists then. */
static void read_on(struct cpsd_request *request)
{
    struct feed_state *state = state_of(request);
    uint64_t life_ms = (uint64_t)request->service->config->feed_life_s * 1000;
    if (uv_now(request->service->loop) - state->began_ms >= life_ms || !cpsd_request_still_allowed(request)) {
        finish(request); /* a client that still may comes back with Last-Event-ID */
        return;
    }
    cpsd_store_unwait(&state->wait);
    cpsd_store_wait(request->service->store, &state->wait, &state->box, on_arrival, request);
    (void)uv_timer_stop(&state->timer);
    state->listing = true;
    state->arrived = false;
    cpsd_store_list(request->service->store, &state->box, state->after_us, AT_ONCE, AT_ONCE_OCTETS, NULL, listed,
                    request);
}

/* ---- the beginning ---- */

bool cpsd_feed_path(struct cpsd_request *request)
{
    char spc[STIR_SPC_MAX + 1];
    struct stir_error err = {0};
    if (cpsd_passports_spc(spc, request->segment[0], &err) != STIR_OK) {
        cpsd_problem(request, 400, "the path does not name a provider", err.text, 0, NULL);
        return false;
    }
    cpsd_keys_name_spc(&request->dest, spc);
    request->has_dest = true;
    return true;
}

bool cpsd_feed_after(struct cpsd_request *request, struct stir_view event, int64_t *after_us)
{
    struct stir_view text = event;
    *after_us = 0;
    if ((text.len || cpsd_http_query(request->query, "after", &text)) && !cpsd_cursor_parse(text, after_us)) {
        cpsd_problem(request, 400, "the place to go on from is not understood",
                     "give the id of an event, or the cursor of a list, as it came", 0, NULL);
        return false;
    }
    return true;
}

static void begin(struct cpsd_request *request)
{
    struct feed_state *state = state_of(request);
    struct cpsd_response head = {.status = 200, .content_type = "text/event-stream"};
    cpsd_response_field(&head, "Cache-Control", "no-store");
    if (request->method == CPSD_HEAD || !request->stream || state->hurried || request->service->draining) {
        cpsd_respond(request, &head);
        return;
    }
    request->hurry = on_hurry;
    request->judge = on_judge;
    request->waiting = true;
    (void)uv_timer_init(request->service->loop, &state->timer);
    state->timer.data = request;
    state->began_ms = uv_now(request->service->loop);
    request->drained = on_drained;
    cpsd_count(&request->service->metrics->feeds, 1);
    request->stream->begin(request, &head);
    read_on(request);
}

/* The token is used up before anything is sent: one that was used before opens no feed. */
static void admitted(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    state_of(request)->listing = false;
    request->hurry = NULL;
    if (result->code == STIR_OK) {
        begin(request);
    } else {
        cpsd_ppts_store_problem(request, result);
    }
}

void cpsd_feed(struct cpsd_request *request)
{
    struct feed_state *state = state_of(request);
    if (!request->service->config->feeds) {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND), "this server has no feeds ([feeds] enabled)", 0,
                     NULL);
        return;
    }
    if (!cpsd_feed_after(request, request->fields[CPSD_LAST_EVENT_ID], &state->after_us)) {
        return;
    }
    cpsd_feed_box(&state->box, request->dest.text + strlen("spc:"));
    const struct cpsd_claim *claim = cpsd_request_claim(request);
    if (claim) {
        state->listing = true; /* on_hurry leaves the answer to `admitted` */
        request->hurry = on_hurry;
        cpsd_store_once(request->service->store, claim, admitted, request);
    } else {
        begin(request);
    }
}
