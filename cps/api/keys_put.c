/* Key records as they are taken. */
#include "common/cert/x5c.h"
#include "common/passport/keyrecord.h"
#include "cps/api/keys.h"
#include "cps/api/keys_common.h"
#include "cps/api/ppts_common.h"
#include "cps/auth/auth_rules.h"
#include "cps/auth/cert_cache.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <strings.h>
#include <time.h>

struct put_state {
    struct cpsd_cert_wait wait; /* first */
    struct cpsd_request *request;
    struct stir_keyrecord *record;
    json_t *x5c; /* the record's, for the cache; NULL with x5u */
    unsigned waits;
    struct cpsd_chain_limit limit;
};
CPSD_STATE_FITS(struct put_state);

static struct put_state *state_of(struct cpsd_request *request)
{
    return (void *)request->state;
}

static void let_go(struct put_state *state)
{
    stir_keyrecord_free(state->record);
    json_decref(state->x5c);
}

/* Answers; nothing of the record is kept. */
static void refuse(struct cpsd_request *request, int status, const struct stir_error *err)
{
    let_go(state_of(request));
    if (status == 401) {
        status = 403; /* the record's credentials are not the caller's */
    }
    cpsd_problem(request, status, stir_strerror(err->code), err->text, status == 503 ? 1 : 0, NULL);
}

/* The media type, and what some send instead. */
static bool is_record_type(struct stir_view type)
{
    static const char *const names[] = {"application/jwt", ("application/" STIR_KEYRECORD_TYP), "application/jose"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i]);
        if (type.len >= n && strncasecmp(type.ptr, names[i], n) == 0 &&
            (type.len == n || type.ptr[n] == ';' || type.ptr[n] == ' ')) {
            return true;
        }
    }
    return false;
}

static bool is_about(const struct stir_keyrecord *record, const struct stir_identity *subject)
{
    return subject->kind == STIR_IDENTITY_TN ? stir_tnauth_has_tn(&record->claims, subject->text)
                                             : stir_tnauth_has_spc(&record->claims, subject->text + strlen("spc:"));
}

static void kept(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct stir_keyrecord *record = state_of(request)->record;
    struct stir_error err = {.code = STIR_E_REFUSED};
    char etag[CPSD_KEYS_ETAG], segment[3 * STIR_IDENTITY_MAX + 1], location[3 * STIR_IDENTITY_MAX + 16];
    if (result->code == STIR_E_REFUSED) {
        (void)stir_fail(&err, STIR_E_REFUSED, "the record that is here was issued later");
        refuse(request, 409, &err);
        return;
    }
    if (result->code == STIR_OK) {
        struct cpsd_response response = {.status = result->existed ? 200 : 201};
        (void)stir_identity_to_path(segment, &request->dest);
        (void)snprintf(location, sizeof(location), "/keys/%s", segment);
        cpsd_keys_etag(etag, stir_view(record->token, record->token_len));
        cpsd_response_field(&response, "Location", location);
        cpsd_response_field(&response, "ETag", etag);
        let_go(state_of(request));
        cpsd_respond(request, &response);
        return;
    }
    let_go(state_of(request));
    cpsd_ppts_store_problem(request, result);
}

/* The name to keep the record under: one that names the number does not take the place of one for its range. */
static void name_kept(struct stir_identity *out, const struct cpsd_request *request,
                      const struct stir_keyrecord *record)
{
    *out = request->dest;
    if (request->dest.kind != STIR_IDENTITY_TN) {
        return;
    }
    for (size_t i = 0; i < record->claims.count; i++) {
        const struct stir_tnauth_entry *entry = &record->claims.entries[i];
        if (entry->kind == STIR_TNAUTH_ONE && strcmp(entry->value, request->dest.text) == 0) {
            return;
        }
    }
    cpsd_keys_name_block(out, &request->dest);
}

static void keep(struct cpsd_request *request)
{
    const struct stir_keyrecord *record = state_of(request)->record;
    struct stir_identity name;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t left_ms = (record->exp - (int64_t)now.tv_sec) * 1000 - now.tv_nsec / 1000000;
    if (left_ms <= 0) {
        struct stir_error err = {0};
        (void)stir_fail(&err, STIR_E_STALE, "the key record has expired");
        refuse(request, 422, &err);
        return;
    }
    name_kept(&name, request, record);
    cpsd_store_keep(request->service->store, &name, stir_view(record->token, record->token_len), left_ms, record->iat,
                    cpsd_request_claim(request), kept, request);
}

/* Checks the record with the chain that signed it. */
static enum stir_code check(const struct cpsd_request *request, const struct stir_chain *chain, struct stir_error *err)
{
    const struct stir_keyrecord *record = ((const struct put_state *)(const void *)request->state)->record;
    return stir_keyrecord_check(record, chain, (int64_t)time(NULL), request->service->config->keys_skew_s, err);
}

static void refuse_record(struct cpsd_request *request, const struct stir_error *err)
{
    struct put_state *state = state_of(request);
    bool untimely = err->code == STIR_E_STALE || err->code == STIR_E_FUTURE;
    if (cpsd_rate_limit_chain_refused(&state->limit, err)) {
        let_go(state);
        cpsd_rate_limit_refuse_chain(request, &state->limit);
    } else {
        refuse(request, untimely ? 422 : cpsd_status_of(err->code), err);
    }
}

/* ---- the chain ---- */

/* Without roots there is nobody to trust, and nothing is fetched: readers verify by themselves. */
static void judge_without_roots(struct cpsd_request *request)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    const struct stir_keyrecord *record = state_of(request)->record;
    if (record->x5c_count && stir_keyrecord_chain(&chain, record, &err) != STIR_OK) {
        refuse(request, err.code == STIR_E_NOMEM ? 503 : 422, &err);
    } else if (chain && check(request, chain, &err) != STIR_OK) {
        refuse_record(request, &err);
    } else {
        keep(request);
    }
    stir_chain_unref(chain);
}

static void judge(struct cpsd_request *request);

static bool may_work(struct cpsd_cert_wait *wait)
{
    struct put_state *state = (struct put_state *)(void *)wait;
    return cpsd_rate_limit_chain(&state->limit, state->request, state->record->iss);
}

static void arrived(struct cpsd_notice *notice)
{
    struct put_state *state = (struct put_state *)notice;
    state->request->hurry = NULL;
    judge(state->request);
}

/* The client is gone, or the server is being stopped. */
static void hurry(struct cpsd_request *request)
{
    struct stir_error err = {0};
    request->hurry = NULL;
    cpsd_cert_cache_leave(request->service->certs, &state_of(request)->wait);
    (void)stir_fail(&err, STIR_E_UNAVAILABLE, "the server is stopping");
    refuse(request, 503, &err);
}

/* True if the record's certificate is being fetched and the request can wait for it. */
static bool can_wait(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = state_of(request);
    if (service->draining || ++state->waits > CPSD_CERT_WAITS_MAX) {
        cpsd_cert_cache_leave(service->certs, &state->wait);
        return false;
    }
    request->hurry = hurry;
    return true;
}

/* Checks the record with a chain. If it fails, the certificate at x5u may have been changed since it was cached. */
static enum cpsd_cert_found check_or_renew(struct cpsd_request *request, struct stir_chain *chain,
                                           struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = state_of(request);
    if (check(request, chain, err) == STIR_OK) {
        cpsd_cert_cache_prove(service->certs, chain, state->record->x5u, state->x5c, &state->wait);
        cpsd_rate_limit_give_back_chain(&state->limit, request);
        cpsd_rate_limit_give_back(request);
        keep(request);
        return CPSD_CERT_FOUND;
    }
    enum cpsd_cert_found found = cpsd_cert_cache_renew(service->certs, chain, state->record->x5u, service->trusted,
                                                       (int64_t)time(NULL), &service->auth->certs, &state->wait, err);
    if (found == CPSD_CERT_FOUND) {
        judge(request);
    }
    return found;
}

static enum cpsd_cert_found find_chain(struct cpsd_request *request, struct stir_chain **chain, struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = state_of(request);
    int64_t now = (int64_t)time(NULL);
    if (state->x5c) {
        return cpsd_cert_cache_get_x5c(service->certs, chain, state->x5c, service->trusted, now, &service->auth->certs,
                                       &state->wait, err);
    }
    if (stir_x5u_check(&service->auth->x5u, state->record->x5u, err) != STIR_OK) {
        return CPSD_CERT_FAILED;
    }
    return cpsd_cert_cache_get(service->certs, chain, state->record->x5u, service->trusted, now, &service->auth->certs,
                               &state->wait, err);
}

/* What the record needs is in it, or in the request's state: nothing of the connection's buffer is kept. */
static void judge(struct cpsd_request *request)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum cpsd_cert_found found = find_chain(request, &chain, &err);
    if (found == CPSD_CERT_FOUND) {
        found = check_or_renew(request, chain, &err);
    }
    stir_chain_unref(chain);
    if (found == CPSD_CERT_LATER && !can_wait(request)) {
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "too many certificates are asked for");
        found = CPSD_CERT_FAILED;
    }
    if (found == CPSD_CERT_FAILED) {
        refuse_record(request, &err);
    }
}

/* The record's x5c as the cache takes it. */
static enum stir_code read_x5c(struct put_state *state, struct stir_error *err)
{
    struct stir_buf text = {0};
    if (!state->record->x5c_count) {
        return STIR_OK;
    }
    stir_x5c_put(&text, state->record->x5c, state->record->x5c_count);
    state->x5c = stir_buf_state(&text) == STIR_OK ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
    stir_buf_free(&text);
    return state->x5c ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "x5c");
}

static void begin(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = state_of(request);
    struct stir_error err = {0};
    if (!service->trusted || !service->trusted->trust || !service->certs || !service->auth) {
        judge_without_roots(request);
    } else if (read_x5c(state, &err) != STIR_OK) {
        refuse(request, 503, &err);
    } else {
        state->request = request;
        state->wait.notice.arrived = arrived;
        state->wait.mailbox = service->mailbox;
        state->wait.may_work = may_work;
        judge(request);
    }
}

void cpsd_keys_put(struct cpsd_request *request)
{
    struct put_state *state = state_of(request);
    struct stir_view text = request->body;
    struct stir_error err = {0};
    if (!is_record_type(request->fields[CPSD_CONTENT_TYPE])) {
        cpsd_problem(request, 415, "the media type is not taken here", "send Content-Type: " CPSD_KEYS_TYPE, 0, NULL);
        return;
    }
    if (text.len && text.ptr[text.len - 1] == '\n') {
        text.len--; /* what text tools leave behind it */
    }
    enum stir_code code = stir_keyrecord_parse(&state->record, text.ptr, text.len, &err);
    if (code == STIR_OK && !is_about(state->record, &request->dest)) {
        code = stir_fail(&err, STIR_E_DEST_MISMATCH, "the record is not about the subject that the path names");
    }
    if (code != STIR_OK) {
        refuse(request, code == STIR_E_TOO_BIG ? 413 : code == STIR_E_NOMEM ? 503 : 422, &err);
        return;
    }
    begin(request);
}
