/* Key records as they are taken. */
#include "common/keyrecord.h"
#include "cps/auth_rules.h"
#include "cps/certs.h"
#include "cps/keys.h"
#include "cps/keys_common.h"
#include "cps/ppts_common.h"
#include "cps/problem.h"

#include <strings.h>
#include <time.h>

#define WAITS_MAX 8 /* what was fetched for somebody else may be gone again before we look */

struct put_state {
    struct cpsd_certs_wait wait; /* first */
    struct cpsd_request *request;
    struct stir_keyrecord *record;
    unsigned waits;
};

static struct put_state *state_of(struct cpsd_request *request)
{
    return (void *)request->state;
}

/* Answers; nothing of the record is kept. */
static void refuse(struct cpsd_request *request, int status, const struct stir_error *err)
{
    stir_keyrecord_free(state_of(request)->record);
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
        stir_keyrecord_free(state_of(request)->record);
        cpsd_respond(request, &response);
        return;
    }
    stir_keyrecord_free(state_of(request)->record);
    cpsd_ppts_store_problem(request, result);
}

static void keep(struct cpsd_request *request)
{
    const struct stir_keyrecord *record = state_of(request)->record;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t left_ms = (record->exp - (int64_t)now.tv_sec) * 1000 - now.tv_nsec / 1000000;
    if (left_ms <= 0) {
        struct stir_error err = {0};
        (void)stir_fail(&err, STIR_E_STALE, "the key record has expired");
        refuse(request, 422, &err);
        return;
    }
    cpsd_store_keep(request->service->store, &request->dest, stir_view(record->token, record->token_len), left_ms,
                    record->iat, cpsd_request_claim(request), kept, request);
}

/* With the chain that signed it, which is verified where there are roots. */
static void judge(struct cpsd_request *request, const struct stir_chain *chain)
{
    const struct cpsd_trusted *trusted = request->service->trusted;
    const struct stir_keyrecord *record = state_of(request)->record;
    struct stir_error err = {0};
    int64_t now = (int64_t)time(NULL);
    enum stir_code code = STIR_OK;
    if (trusted && trusted->trust) {
        code = cpsd_trusted_verify(trusted, chain, now, &err);
    }
    if (code == STIR_OK) {
        code = stir_keyrecord_check(record, chain, now, request->service->config->keys_skew_s, &err);
    }
    if (code == STIR_OK) {
        keep(request);
    } else {
        refuse(request, code == STIR_E_STALE || code == STIR_E_FUTURE ? 422 : cpsd_status_of(code), &err);
    }
}

/* ---- the chain ---- */

static void judge_by_x5c(struct cpsd_request *request)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    if (stir_keyrecord_chain(&chain, state_of(request)->record, &err) == STIR_OK) {
        judge(request, chain);
    } else {
        refuse(request, err.code == STIR_E_NOMEM ? 503 : 422, &err);
    }
    stir_chain_unref(chain);
}

static void judge_by_x5u(struct cpsd_request *request);

static void arrived(struct cpsd_notice *notice)
{
    struct put_state *state = (struct put_state *)notice;
    state->request->hurry = NULL;
    judge_by_x5u(state->request);
}

/* The client is gone, or the server is being stopped. */
static void hurry(struct cpsd_request *request)
{
    struct stir_error err = {0};
    request->hurry = NULL;
    cpsd_certs_leave(request->service->certs, &state_of(request)->wait);
    (void)stir_fail(&err, STIR_E_UNAVAILABLE, "the server is stopping");
    refuse(request, 503, &err);
}

/* What the record needs is in it, or in the request's state: nothing of the connection's buffer is kept. */
static void judge_by_x5u(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = state_of(request);
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum cpsd_certs_found found = stir_x5u_check(&service->auth->x5u, state->record->x5u, &err) != STIR_OK
                                      ? CPSD_CERTS_FAILED
                                      : cpsd_certs_get(service->certs, &chain, state->record->x5u, service->trusted,
                                                       (int64_t)time(NULL), &service->auth->certs, &state->wait, &err);
    if (found == CPSD_CERTS_LATER) {
        if (!service->draining && ++state->waits <= WAITS_MAX) {
            request->hurry = hurry;
            return;
        }
        cpsd_certs_leave(service->certs, &state->wait);
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "x5u: too many certificates are asked for");
    }
    if (found == CPSD_CERTS_FOUND) {
        judge(request, chain);
    } else {
        refuse(request, cpsd_status_of(err.code), &err);
    }
    stir_chain_unref(chain);
}

/* Without roots there is nobody to trust, and nothing is fetched: readers verify by themselves. */
static void find_chain(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = state_of(request);
    if (state->record->x5c_count) {
        judge_by_x5c(request);
    } else if (!service->trusted || !service->trusted->trust || !service->certs || !service->auth) {
        keep(request);
    } else {
        state->request = request;
        state->wait.notice.arrived = arrived;
        state->wait.port = service->port;
        judge_by_x5u(request);
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
    find_chain(request);
}
