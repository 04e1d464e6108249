#include "cps/api/ppts.h"

#include "common/jose/b64.h"
#include "common/jose/envelope.h"
#include "cps/api/dummy.h"
#include "cps/api/feed.h"
#include "cps/api/ppts_common.h"
#include "cps/auth/authenticate.h"
#include "cps/auth/publisher.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <openssl/sha.h>
#include <strings.h>

bool cpsd_ppts_dest(struct cpsd_request *request)
{
    struct stir_error err = {0};
    enum stir_code code = stir_identity_from_path(&request->dest, request->segment[0].ptr, request->segment[0].len,
                                                  (unsigned)request->service->config->numbers_max_digits, &err);
    if (code != STIR_OK) {
        cpsd_problem(request, 400, "the path does not name a destination", err.text, 0, NULL);
        return false;
    }
    request->has_dest = true;
    return true;
}

bool cpsd_ppts_id(struct cpsd_request *request, uint8_t id[CPSD_ID_OCTETS])
{
    size_t len = 0;
    struct stir_view text = request->segment[1];
    if (text.len != CPSD_ID_TEXT || stir_b64url_decode(id, CPSD_ID_OCTETS, &len, text.ptr, text.len) != STIR_OK ||
        len != CPSD_ID_OCTETS) {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND), "no envelope has such a name", 0, NULL);
        return false;
    }
    return true;
}

void cpsd_ppts_id_text(char *out, const uint8_t id[CPSD_ID_OCTETS])
{
    (void)stir_b64url_encode(out, id, CPSD_ID_OCTETS);
}

void cpsd_ppts_box_path(struct stir_buf *out, const struct stir_identity *dest)
{
    char segment[3 * STIR_IDENTITY_MAX + 1];
    stir_buf_put(out, "/cps/", 5);
    stir_buf_put(out, segment, stir_identity_to_path(segment, dest));
    stir_buf_put(out, "/ppts", 5);
}

void cpsd_ppts_store_problem(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    if (result->code == STIR_E_REPLAYED) {
        cpsd_auth_replayed(request);
        return;
    }
    int64_t retry_s = (result->retry_after_ms + 999) / 1000;
    unsigned retry = retry_s < 1 ? 1 : retry_s > 3600 ? 3600 : (unsigned)retry_s;
    const char *detail = result->code == STIR_E_BOX_FULL      ? cpsd_rate_limit_full_detail(result->full)
                         : result->code == STIR_E_UNAVAILABLE ? "the store did not answer in time or is away"
                                                              : NULL;
    int status = cpsd_status_of(result->code);
    cpsd_problem(request, status, stir_strerror(result->code), detail, status == 429 || status == 503 ? retry : 0,
                 NULL);
}

/* ---- publish ---- */

struct publish_state {
    uint8_t id[CPSD_ID_OCTETS];
    struct cpsd_spend spend;
    struct cpsd_feeding *feeding;
};
CPSD_STATE_FITS(struct publish_state);

static void published(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct publish_state *state = (const void *)request->state;
    char room[CPSD_RATE_LIMIT_ROOM];
    cpsd_feeding_end(state->feeding, result->code == STIR_OK && !result->existed);
    if (result->limited) {
        cpsd_rate_limit_refuse(request, &state->spend, result->limited, result->retry_after_ms);
        return;
    }
    if (result->code != STIR_OK) {
        cpsd_ppts_store_problem(request, result);
        return;
    }
    char id[CPSD_ID_TEXT];
    struct stir_buf location = {.limit = 1024};
    struct cpsd_response response = {.status = result->existed ? 200 : 201};
    cpsd_ppts_id_text(id, state->id);
    cpsd_ppts_box_path(&location, &request->dest);
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

static bool is_passport_type(struct stir_view type)
{
    static const char want[] = "application/passport";
    size_t n = sizeof(want) - 1;
    return type.len >= n && strncasecmp(type.ptr, want, n) == 0 &&
           (type.len == n || type.ptr[n] == ';' || type.ptr[n] == ' ');
}

/* ?ttl=seconds, cut to the longest life. False: answered 400. */
static bool read_ttl(struct cpsd_request *request, int64_t *ttl_ms)
{
    const struct cpsd_config *config = request->service->config;
    struct stir_view text;
    uint64_t seconds = (uint64_t)config->ttl_default_s;
    if (cpsd_http_query(request->query, "ttl", &text) &&
        (!cpsd_http_number_up_to(text, (uint64_t)config->ttl_max_s, &seconds) || seconds == 0)) {
        cpsd_problem(request, 400, "the query is not understood", "ttl is a number of seconds from 1 up", 0, NULL);
        return false;
    }
    uint64_t longest = (uint64_t)config->ttl_max_s;
    *ttl_ms = (int64_t)(seconds < longest ? seconds : longest) * 1000;
    return true;
}

/* Once in the life of the process: every publisher could fill the log otherwise. */
static void warn_of_form(const struct cpsd_request *request, const struct stir_error *why)
{
    if (!atomic_flag_test_and_set(request->service->form_warned)) {
        stir_log_plain(request->service->log, STIR_LOG_WARNING,
                       "publish: stored an envelope that can be told from a dummy: %s ([dummies] strict = yes refuses "
                       "such envelopes; this is logged once)",
                       why->text);
    }
}

/* False: answered 413 or 422. */
static bool check_envelope(struct cpsd_request *request, struct stir_view envelope)
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
        cpsd_problem(request, 422, "the envelope can be told from others", err.text, 0, NULL);
        return false;
    }
    warn_of_form(request, &err);
    return true;
}

void cpsd_ppts_publish(struct cpsd_request *request)
{
    struct publish_state *state = (void *)request->state;
    struct stir_view envelope = cpsd_http_trim_line_end(request->body);
    int64_t ttl_ms = 0;
    if (!read_ttl(request, &ttl_ms)) {
        return;
    }
    if (!is_passport_type(request->fields[CPSD_CONTENT_TYPE])) {
        cpsd_problem(request, 415, "the media type is not taken here", "send Content-Type: application/passport", 0,
                     NULL);
        return;
    }
    if (!check_envelope(request, envelope)) {
        return;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH], publisher[CPSD_PUBLISHER_MAX];
    struct cpsd_put put = {.id = state->id, .envelope = envelope, .ttl_ms = ttl_ms, .spend = &state->spend};
    if (cpsd_publisher_of(&put.publisher, publisher, &request->caller) != STIR_OK) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
        return;
    }
    SHA256((const unsigned char *)envelope.ptr, envelope.len, digest);
    memcpy(state->id, digest, CPSD_ID_OCTETS);
    cpsd_rate_limit_publish(&state->spend, request, put.publisher, 1);
    state->feeding = cpsd_feeding_begin(request, state->id, envelope, ttl_ms);
    put.claim = cpsd_request_claim(request);
    cpsd_store_publish(request->service->store, &request->dest, &put, published, request);
}

/* ---- fetch ---- */

struct fetch_state { /* of a DELETE, too */
    uint8_t id[CPSD_ID_OCTETS];
};
CPSD_STATE_FITS(struct fetch_state);

static void answer_envelope(struct cpsd_request *request, struct stir_view envelope)
{
    struct stir_buf link = {.limit = 4096};
    struct cpsd_response response = {.status = 200, .content_type = "application/passport", .body = envelope};
    stir_buf_printf(&link, "<%s", request->service->config->public_url);
    cpsd_ppts_box_path(&link, &request->dest);
    stir_buf_puts(&link, ">; rel=\"collection\"");
    if (stir_buf_state(&link) == STIR_OK) {
        cpsd_response_field(&response, "Link", link.ptr);
    }
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_respond(request, &response);
    stir_buf_free(&link);
}

static bool answer_dummy(struct cpsd_request *request, int64_t now_us)
{
    const struct fetch_state *state = (const void *)request->state;
    struct cpsd_entry dummies[CPSD_DUMMIES_MAX];
    size_t count = cpsd_dummies_alive(request->service->dummies, &request->dest, now_us, dummies);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(dummies[i].id, state->id, CPSD_ID_OCTETS) == 0) {
            cpsd_count(&request->service->metrics->dummies, 1);
            answer_envelope(request, dummies[i].envelope);
            return true;
        }
    }
    return false;
}

static void fetched(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code == STIR_OK && result->count) {
        cpsd_count(&request->service->metrics->envelopes, 1);
        answer_envelope(request, result->entries[0].envelope);
    } else if (result->code != STIR_E_NOT_FOUND || !answer_dummy(request, result->now_us)) {
        cpsd_ppts_store_problem(request, result);
    }
}

void cpsd_ppts_fetch(struct cpsd_request *request)
{
    struct fetch_state *state = (void *)request->state;
    if (cpsd_ppts_id(request, state->id)) {
        cpsd_store_get(request->service->store, &request->dest, state->id, cpsd_request_claim(request), fetched,
                       request);
    }
}

/* ---- delete ---- */

static void deleted(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code == STIR_E_NOT_FOUND && result->existed) {
        cpsd_problem(request, 410, "the envelope was taken", "who took it has used its PASSporT, or will", 0, NULL);
        return;
    }
    if (result->code != STIR_OK) {
        cpsd_ppts_store_problem(request, result);
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
    bool remember = cpsd_http_query(request->query, "claim", &value) && stir_view_is(value, "yes");
    if (cpsd_ppts_id(request, state->id)) {
        cpsd_store_remove(request->service->store, &request->dest, state->id, remember, cpsd_request_claim(request),
                          deleted, request);
    }
}
