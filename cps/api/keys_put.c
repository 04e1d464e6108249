/* SPDX-License-Identifier: MIT */
#include "common/cert/x5c.h"
#include "common/passport/keyrecord.h"
#include "cps/api/key_names.h"
#include "cps/api/keys.h"
#include "cps/api/spc_path.h"
#include "cps/api/store_problem.h"
#include "cps/auth/auth_rules.h"
#include "cps/auth/cert_cache.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <strings.h>
#include <time.h>

/*
 * PUT of a key record: parse it, find the certificate chain that signed it (which may have to be fetched), check it
 * with the chain, keep it.
 */
struct put_state {
    struct cpsd_cert_wait wait; /* first: a notice is its put_state */
    struct cpsd_request *request;
    struct stir_keyrecord *record;
    json_t *x5c;    /* the chain in the record, for the cache; NULL with x5u */
    unsigned waits; /* how often it has waited for a certificate */
    struct cpsd_chain_limit limit;
};
CPSD_STATE_FITS(struct put_state);

static struct put_state *keys_put_state(struct cpsd_request *request)
{
    return (void *)request->state;
}

static void keys_put_free(struct put_state *state)
{
    stir_keyrecord_free(state->record);
    json_decref(state->x5c);
}

/* Answers with a problem and frees the record. */
static void keys_put_refuse(struct cpsd_request *request, int status, const struct stir_error *err)
{
    keys_put_free(keys_put_state(request));
    if (status == 401) {
        status = 403; /* 401 is about the caller's credential, and this is about the record's */
    }
    cpsd_problem(request, status, stir_strerror(err->code), err->text, status == 503 ? 1 : 0, NULL);
}

/* Returns true for the media type of a record, and for others that clients send instead. */
static bool keys_put_is_record_type(struct stir_view type)
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

static bool keys_put_is_about(const struct stir_keyrecord *record, const struct stir_identity *subject)
{
    return subject->kind == STIR_IDENTITY_TN
               ? stir_tnauth_has_tn(&record->claims, subject->text)
               : stir_tnauth_has_spc(&record->claims, subject->text + strlen(CPSD_SPC_SCHEME));
}

static void keys_put_kept(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct stir_keyrecord *record = keys_put_state(request)->record;
    struct stir_error err = {.code = STIR_E_REFUSED};
    char etag[CPSD_KEYS_ETAG], segment[3 * STIR_IDENTITY_MAX + 1], location[3 * STIR_IDENTITY_MAX + 16];
    if (result->code == STIR_E_REFUSED) {
        (void)stir_fail(&err, STIR_E_REFUSED, "this server has a record for the subject that was issued later");
        keys_put_refuse(request, 409, &err);
        return;
    }
    /* 201 for a new record, 200 for the same one again */
    if (result->code == STIR_OK) {
        struct cpsd_response response = {.status = result->existed ? 200 : 201};
        (void)stir_identity_to_path(segment, &request->dest);
        (void)snprintf(location, sizeof(location), "/keys/%s", segment);
        cpsd_keys_etag(etag, stir_view(record->token, record->token_len));
        cpsd_response_field(&response, "Location", location);
        cpsd_response_field(&response, "ETag", etag);
        keys_put_free(keys_put_state(request));
        cpsd_respond(request, &response);
        return;
    }
    keys_put_free(keys_put_state(request));
    cpsd_store_problem(request, result);
}

/* Writes the name to keep the record under: a record that names the number does not replace one for its range. */
static void keys_put_name(struct stir_identity *out, const struct cpsd_request *request,
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

static void keys_put_keep(struct cpsd_request *request)
{
    const struct stir_keyrecord *record = keys_put_state(request)->record;
    struct stir_identity name;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t left_ms = (record->exp - (int64_t)now.tv_sec) * 1000 - now.tv_nsec / 1000000;
    if (left_ms <= 0) {
        struct stir_error err = {0};
        (void)stir_fail(&err, STIR_E_STALE, "the key record has expired");
        keys_put_refuse(request, 422, &err);
        return;
    }
    keys_put_name(&name, request, record);
    cpsd_store_keep(request->service->store, &name, stir_view(record->token, record->token_len), left_ms, record->iat,
                    cpsd_request_claim(request), keys_put_kept, request);
}

/* Checks the record with the chain that signed it. */
static enum stir_code keys_put_check(const struct cpsd_request *request, const struct stir_chain *chain,
                                     struct stir_error *err)
{
    const struct stir_keyrecord *record = ((const struct put_state *)(const void *)request->state)->record;
    return stir_keyrecord_check(record, chain, (int64_t)time(NULL), request->service->config->keys_skew_s, err);
}

static void keys_put_refuse_record(struct cpsd_request *request, const struct stir_error *err)
{
    struct put_state *state = keys_put_state(request);
    bool untimely = err->code == STIR_E_STALE || err->code == STIR_E_FUTURE;
    if (cpsd_rate_limit_chain_refused(&state->limit, err)) {
        keys_put_free(state);
        cpsd_rate_limit_refuse_chain(request, &state->limit);
    } else {
        keys_put_refuse(request, untimely ? 422 : cpsd_status_of(err->code), err);
    }
}

/* ---- the chain ---- */

/* Without roots no chain can be trusted, and nothing is fetched: only a chain in the record is used for the check, and
 * readers verify for themselves. */
static void keys_put_verify_without_roots(struct cpsd_request *request)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    const struct stir_keyrecord *record = keys_put_state(request)->record;
    if (record->x5c_count && stir_keyrecord_chain(&chain, record, &err) != STIR_OK) {
        keys_put_refuse(request, err.code == STIR_E_NOMEM ? 503 : 422, &err);
    } else if (chain && keys_put_check(request, chain, &err) != STIR_OK) {
        keys_put_refuse_record(request, &err);
    } else {
        keys_put_keep(request);
    }
    stir_chain_unref(chain);
}

static void keys_put_verify(struct cpsd_request *request);

static bool keys_put_may_verify(struct cpsd_cert_wait *wait)
{
    struct put_state *state = (struct put_state *)(void *)wait;
    return cpsd_rate_limit_chain(&state->limit, state->request, state->record->iss);
}

static void keys_put_certificate_arrived(struct cpsd_notice *notice)
{
    struct put_state *state = (struct put_state *)notice;
    state->request->hurry = NULL;
    keys_put_verify(state->request);
}

/* The client is gone, or the server is stopping. */
static void keys_put_hurry(struct cpsd_request *request)
{
    struct stir_error err = {0};
    request->hurry = NULL;
    cpsd_cert_cache_leave(request->service->certs, &keys_put_state(request)->wait);
    (void)stir_fail(&err, STIR_E_UNAVAILABLE, "the server is stopping");
    keys_put_refuse(request, 503, &err);
}

/* Returns true if the request may wait for the certificate that is being fetched. */
static bool keys_put_can_wait(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = keys_put_state(request);
    if (service->draining || ++state->waits > CPSD_CERT_WAITS_MAX) {
        cpsd_cert_cache_leave(service->certs, &state->wait);
        return false;
    }
    request->hurry = keys_put_hurry;
    return true;
}

/* Checks the record with a chain. If that fails, the certificate at x5u may have changed since it was cached. */
static enum cpsd_cert_found keys_put_check_or_renew(struct cpsd_request *request, struct stir_chain *chain,
                                                    struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = keys_put_state(request);
    if (keys_put_check(request, chain, err) == STIR_OK) {
        cpsd_cert_cache_prove(service->certs, chain, state->record->x5u, state->x5c, &state->wait);
        cpsd_rate_limit_give_back_chain(&state->limit, request);
        cpsd_rate_limit_give_back(request);
        keys_put_keep(request);
        return CPSD_CERT_FOUND;
    }
    enum cpsd_cert_found found = cpsd_cert_cache_renew(service->certs, chain, state->record->x5u, service->trusted,
                                                       (int64_t)time(NULL), &service->auth->certs, &state->wait, err);
    if (found == CPSD_CERT_FOUND) {
        keys_put_verify(request);
    }
    return found;
}

static enum cpsd_cert_found keys_put_find_chain(struct cpsd_request *request, struct stir_chain **chain,
                                                struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = keys_put_state(request);
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

/* Finds the chain and checks the record. Runs again when a certificate has arrived: everything that it needs is in the
 * request's state, nothing in the connection's buffer. */
static void keys_put_verify(struct cpsd_request *request)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum cpsd_cert_found found = keys_put_find_chain(request, &chain, &err);
    if (found == CPSD_CERT_FOUND) {
        found = keys_put_check_or_renew(request, chain, &err);
    }
    stir_chain_unref(chain);
    if (found == CPSD_CERT_LATER && !keys_put_can_wait(request)) {
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "the certificate did not arrive in time");
        found = CPSD_CERT_FAILED;
    }
    if (found == CPSD_CERT_FAILED) {
        keys_put_refuse_record(request, &err);
    }
}

/* Copies the chain in the record to the form that the cache reads. */
static enum stir_code keys_put_read_x5c(struct put_state *state, struct stir_error *err)
{
    struct stir_buf text = {0};
    if (!state->record->x5c_count) {
        return STIR_OK;
    }
    stir_x5c_put(&text, state->record->x5c, state->record->x5c_count);
    state->x5c = stir_buf_state(&text) == STIR_OK ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
    stir_buf_free(&text);
    return state->x5c ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory for x5c");
}

static void keys_put_begin(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct put_state *state = keys_put_state(request);
    struct stir_error err = {0};
    if (!service->trusted || !service->trusted->trust || !service->certs || !service->auth) {
        keys_put_verify_without_roots(request);
    } else if (keys_put_read_x5c(state, &err) != STIR_OK) {
        keys_put_refuse(request, 503, &err);
    } else {
        state->request = request;
        state->wait.notice.arrived = keys_put_certificate_arrived;
        state->wait.mailbox = service->mailbox;
        state->wait.may_work = keys_put_may_verify;
        keys_put_verify(request);
    }
}

void cpsd_keys_put(struct cpsd_request *request)
{
    struct put_state *state = keys_put_state(request);
    struct stir_view text = request->body;
    struct stir_error err = {0};
    if (!keys_put_is_record_type(request->fields[CPSD_CONTENT_TYPE])) {
        cpsd_problem(request, 415, "the media type is not supported", "send Content-Type: " CPSD_KEYS_TYPE, 0, NULL);
        return;
    }
    if (text.len && text.ptr[text.len - 1] == '\n') {
        text.len--; /* text tools end a file with a line feed */
    }
    enum stir_code code = stir_keyrecord_parse(&state->record, text.ptr, text.len, &err);
    if (code == STIR_OK && !keys_put_is_about(state->record, &request->dest)) {
        code = stir_fail(&err, STIR_E_DEST_MISMATCH, "the record is not about the subject in the path");
    }
    if (code != STIR_OK) {
        keys_put_refuse(request, code == STIR_E_TOO_BIG ? 413 : code == STIR_E_NOMEM ? 503 : 422, &err);
        return;
    }
    keys_put_begin(request);
}
