/* SPDX-License-Identifier: MIT */
#include "cps/api/ppts.h"

#include "common/jose/envelope.h"
#include "cps/api/box_path.h"
#include "cps/api/dummy.h"
#include "cps/api/feed.h"
#include "cps/api/id_text.h"
#include "cps/api/store_problem.h"
#include "cps/auth/publisher.h"
#include "cps/auth/rate_limit.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"

#include <openssl/sha.h>
#include <strings.h>

/* ---- publish ---- */

struct publish_state {
    uint8_t id[CPSD_ID_OCTETS];
    struct cpsd_spend spend;
    struct cpsd_feeding *feeding;
};
CPSD_STATE_FITS(struct publish_state);

static void ppts_publish_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct publish_state *state = (const void *)request->state;
    char room[CPSD_RATE_LIMIT_ROOM];
    /* a copy in the provider's feed only for an envelope that is new in its box */
    cpsd_feeding_end(state->feeding, result->code == STIR_OK && !result->existed);
    if (result->limited) {
        cpsd_rate_limit_refuse(request, &state->spend, result->limited, result->retry_after_ms);
        return;
    }
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
        return;
    }
    /* 201 for a new envelope, 200 for one that was already there; Location names it in both cases */
    char id[CPSD_ID_TEXT];
    struct stir_buf location = {.limit = 1024};
    struct cpsd_response response = {.status = result->existed ? 200 : 201};
    cpsd_id_text(id, state->id);
    cpsd_box_path(&location, &request->dest);
    stir_buf_put(&location, "/", 1);
    stir_buf_put(&location, id, sizeof(id));
    if (stir_buf_state(&location) == STIR_OK) {
        cpsd_response_field(&response, "Location", location.ptr);
        cpsd_rate_limit_fields(&response, room, &state->spend, result->tokens_left);
        cpsd_respond(request, &response);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&location);
}

static bool ppts_is_passport_type(struct stir_view type)
{
    static const char want[] = "application/passport";
    size_t n = sizeof(want) - 1;
    return type.len >= n && strncasecmp(type.ptr, want, n) == 0 &&
           (type.len == n || type.ptr[n] == ';' || type.ptr[n] == ' ');
}

/* Reads ?ttl=, in seconds; a longer one than ttl_max_s is cut to it. Returns false after answering 400. */
static bool ppts_read_ttl(struct cpsd_request *request, int64_t *ttl_ms)
{
    const struct cpsd_config *config = request->service->config;
    struct stir_view text;
    uint64_t seconds = (uint64_t)config->ttl_default_s;
    if (cpsd_http_query(request->query, "ttl", &text) &&
        (!cpsd_http_number_up_to(text, (uint64_t)config->ttl_max_s, &seconds) || seconds == 0)) {
        cpsd_problem(request, 400, "the query is not valid", "ttl must be a number of seconds, at least 1", 0, NULL);
        return false;
    }
    uint64_t longest = (uint64_t)config->ttl_max_s;
    *ttl_ms = (int64_t)(seconds < longest ? seconds : longest) * 1000;
    return true;
}

/* Logs once in the life of the process; otherwise every publisher could fill the log. */
static void ppts_warn_of_form(const struct cpsd_request *request, const struct stir_error *why)
{
    if (!atomic_flag_test_and_set(request->service->form_warned)) {
        stir_log_plain(
            request->service->log, STIR_LOG_WARNING,
            "publish: stored an envelope that can be distinguished from a dummy: %s; set [dummies] strict = yes to "
            "refuse such envelopes (logged only once)",
            why->text);
    }
}

/* Checks the form of the envelope (RFC 7516 compact serialization) and, in strict mode, that it looks like a dummy.
 * Returns false after answering 413 or 422. */
static bool ppts_check_envelope(struct cpsd_request *request, struct stir_view envelope)
{
    struct stir_error err = {0};
    struct stir_jwe_info info;
    if (stir_jwe_check(&info, envelope.ptr, envelope.len, &err) != STIR_OK) {
        cpsd_problem(request, err.code == STIR_E_TOO_BIG ? 413 : 422, stir_strerror(STIR_E_JWE), err.text, 0, NULL);
        return false;
    }
    if (stir_envelope_check_form(&info, &err) == STIR_OK) {
        return true;
    }
    if (cpsd_config_strict(request->service->config)) {
        cpsd_problem(request, 422, "the envelope can be distinguished from others", err.text, 0, NULL);
        return false;
    }
    ppts_warn_of_form(request, &err);
    return true;
}

void cpsd_ppts_publish(struct cpsd_request *request)
{
    struct publish_state *state = (void *)request->state;
    struct stir_view envelope = cpsd_http_trim_line_end(request->body);
    int64_t ttl_ms = 0;
    if (!ppts_read_ttl(request, &ttl_ms)) {
        return;
    }
    if (!ppts_is_passport_type(request->fields[CPSD_CONTENT_TYPE])) {
        cpsd_problem(request, 415, "the media type is not supported", "send Content-Type: application/passport", 0,
                     NULL);
        return;
    }
    if (!ppts_check_envelope(request, envelope)) {
        return;
    }

    /* the id is the start of the SHA-256 of the envelope, so the same envelope published twice is stored once */
    uint8_t digest[SHA256_DIGEST_LENGTH], publisher[CPSD_PUBLISHER_MAX];
    struct cpsd_put put = {.id = state->id, .envelope = envelope, .ttl_ms = ttl_ms, .spend = &state->spend};
    if (cpsd_publisher_of(&put.publisher, publisher, &request->caller) != STIR_OK) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
        return;
    }
    SHA256((const unsigned char *)envelope.ptr, envelope.len, digest);
    memcpy(state->id, digest, CPSD_ID_OCTETS);

    /* the store takes the rate limits, the token's claim and the envelope in one step */
    cpsd_rate_limit_publish(&state->spend, request, put.publisher, 1);
    state->feeding = cpsd_feeding_begin(request, state->id, envelope, ttl_ms);
    put.claim = cpsd_request_claim(request);
    cpsd_store_publish(request->service->store, &request->dest, &put, ppts_publish_done, request);
}

/* ---- fetch ---- */

struct fetch_state { /* of a DELETE too */
    uint8_t id[CPSD_ID_OCTETS];
};
CPSD_STATE_FITS(struct fetch_state);

static void ppts_answer_envelope(struct cpsd_request *request, struct stir_view envelope)
{
    struct stir_buf link = {.limit = 4096};
    struct cpsd_response response = {.status = 200, .content_type = "application/passport", .body = envelope};
    stir_buf_printf(&link, "<%s", request->service->config->public_url);
    cpsd_box_path(&link, &request->dest);
    stir_buf_puts(&link, ">; rel=\"collection\"");
    if (stir_buf_state(&link) == STIR_OK) {
        cpsd_response_field(&response, "Link", link.ptr);
    }
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_respond(request, &response);
    stir_buf_free(&link);
}

/* Answers with the dummy of this id, if the box shows one now. Returns false without an answer if it does not. */
static bool ppts_answer_dummy(struct cpsd_request *request, int64_t now_us)
{
    const struct fetch_state *state = (const void *)request->state;
    struct cpsd_entry dummies[CPSD_DUMMIES_MAX];
    size_t count = cpsd_dummies_alive(request->service->dummies, &request->dest, now_us, dummies);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(dummies[i].id, state->id, CPSD_ID_OCTETS) == 0) {
            cpsd_count(&request->service->metrics->dummies, 1);
            ppts_answer_envelope(request, dummies[i].envelope);
            return true;
        }
    }
    return false;
}

static void ppts_fetch_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code == STIR_OK && result->count) {
        cpsd_count(&request->service->metrics->envelopes, 1);
        ppts_answer_envelope(request, result->entries[0].envelope);
    } else if (result->code != STIR_E_NOT_FOUND || !ppts_answer_dummy(request, result->now_us)) {
        cpsd_store_problem(request, result);
    }
}

void cpsd_ppts_fetch(struct cpsd_request *request)
{
    struct fetch_state *state = (void *)request->state;
    if (cpsd_id_from_path(request, state->id)) {
        cpsd_store_get(request->service->store, &request->dest, state->id, cpsd_request_claim(request), ppts_fetch_done,
                       request);
    }
}

/* ---- delete ---- */

static void ppts_delete_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code == STIR_E_NOT_FOUND && result->existed) {
        cpsd_problem(request, 410, "the envelope was taken before",
                     "another request of the holder took it; its PASSporT counts as used", 0, NULL);
        return;
    }
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
        return;
    }
    const struct fetch_state *state = (const void *)request->state;
    struct cpsd_response response = {.status = 204};
    cpsd_feed_forget(request, stir_view((const char *)state->id, sizeof(state->id)));
    cpsd_respond(request, &response);
}

void cpsd_ppts_delete(struct cpsd_request *request)
{
    struct fetch_state *state = (void *)request->state;
    struct stir_view value;
    /* ?claim=yes: an id that is not there counts as taken from now on, so that an envelope that comes late is not used
     */
    bool remember = cpsd_http_query(request->query, "claim", &value) && stir_view_is(value, "yes");
    if (cpsd_id_from_path(request, state->id)) {
        cpsd_store_remove(request->service->store, &request->dest, state->id, remember, cpsd_request_claim(request),
                          ppts_delete_done, request);
    }
}

/* ---- delete all ---- */

/*
 * A holder empties its box in steps, with a turn of the event loop between them: the store takes out a limited number
 * of envelopes per step, so that no other request waits long. Envelopes that arrive after the first step stay.
 */
struct empty_state {
    uv_timer_t timer;
    int64_t until_us; /* the time of the first step, since the epoch; 0 before that step */
    enum stir_code code;
    int64_t retry_after_ms;
};
CPSD_STATE_FITS(struct empty_state);

static struct empty_state *empty_state(struct cpsd_request *request)
{
    return (void *)request->state;
}

static void empty_timer_closed(uv_handle_t *handle)
{
    struct cpsd_request *request = handle->data;
    const struct empty_state *state = empty_state(request);
    struct cpsd_response response = {.status = 204};
    if (state->code == STIR_OK) {
        cpsd_respond(request, &response);
    } else {
        cpsd_store_problem(request,
                           &(struct cpsd_store_result){.code = state->code, .retry_after_ms = state->retry_after_ms});
    }
}

static void empty_next_step(uv_timer_t *timer);

static void empty_step_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct empty_state *state = empty_state(request);
    state->code = result->code;
    state->retry_after_ms = result->retry_after_ms;
    if (result->code == STIR_OK) {
        state->until_us = state->until_us ? state->until_us : result->now_us;
        cpsd_feed_forget(request, result->ids);
    }
    if (result->more) {
        (void)uv_timer_start(&state->timer, empty_next_step, 0, 0);
    } else {
        uv_close((uv_handle_t *)&state->timer, empty_timer_closed);
    }
}

static void empty_next_step(uv_timer_t *timer)
{
    struct cpsd_request *request = timer->data;
    cpsd_store_empty(request->service->store, &request->dest, empty_state(request)->until_us,
                     cpsd_request_claim(request), empty_step_done, request);
}

void cpsd_ppts_empty(struct cpsd_request *request)
{
    struct empty_state *state = empty_state(request);
    struct stir_error err = {0};
    const struct cpsd_trusted *trusted = request->service->trusted;
    if (cpsd_policy_check(CPSD_POLICY_HOLDER, CPSD_ACT_DELETE, &request->caller, &request->dest,
                          trusted ? trusted->numbers : NULL, &err) != STIR_OK) {
        cpsd_problem_error(request, &err);
        return;
    }
    (void)uv_timer_init(request->service->loop, &state->timer);
    state->timer.data = request;
    empty_next_step(&state->timer);
}
