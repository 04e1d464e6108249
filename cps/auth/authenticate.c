/* SPDX-License-Identifier: MIT */
#include "cps/auth/authenticate.h"

#include "cps/auth/auth_internal.h"
#include "cps/http/problem.h"

#include <assert.h>
#include <stdlib.h>

void cpsd_auth_release(struct cpsd_request *request)
{
    struct cpsd_auth *auth = request->auth;
    if (auth) {
        request->auth = NULL;
        request->token = NULL;
        if (auth->parsed) {
            stir_token_clear(&auth->token);
        }
        free(auth->copy);
        free(auth);
    }
}

/* ---- the certificate ---- */

/* The token is good: sets the caller, gives back what was counted for an unknown chain, and goes on with the request.
 */
static void auth_admit(struct cpsd_request *request, struct stir_chain *chain)
{
    struct cpsd_auth *auth = request->auth;
    const struct cpsd_auth_rules *rules = request->service->auth;
    request->claim.ttl_ms = stir_token_window_ms(&auth->token, cpsd_auth_now_s(), rules->max_age_s, rules->skew_s);
    request->has_claim = true;
    request->token = &auth->token;
    cpsd_cert_cache_prove(request->service->certs, chain, auth->token.x5u, auth->token.x5c, &auth->wait);
    cpsd_rate_limit_give_back_chain(&auth->limit, request);
    cpsd_caller_set(&request->caller, CPSD_TOKEN, chain, cpsd_token_acts_as(&auth->token, chain));
    cpsd_count(&request->service->metrics->tokens_accepted, 1);
    auth->next(request);
}

static bool auth_may_work(struct cpsd_cert_wait *wait)
{
    struct cpsd_auth *auth = (struct cpsd_auth *)wait;
    return cpsd_rate_limit_chain(&auth->limit, auth->request, auth->token.iss ? auth->token.iss : "");
}

static void auth_on_certificate(struct cpsd_notice *notice)
{
    struct cpsd_auth *auth = (struct cpsd_auth *)notice;
    auth->request->hurry = NULL;
    auth->resolve(auth->request);
}

/* request->hurry: the client has gone, or the server is stopping. */
static void auth_hurry(struct cpsd_request *request)
{
    request->hurry = NULL;
    cpsd_cert_cache_leave(request->service->certs, &request->auth->wait);
    cpsd_problem(request, 503, stir_strerror(STIR_E_UNAVAILABLE), "the server is stopping", 1, NULL);
}

/* A certificate or a TNAuthList is being fetched; the request waits, with a copy of everything it needs. */
static void auth_wait(struct cpsd_request *request)
{
    struct cpsd_auth *auth = request->auth;
    struct stir_error err = {0};
    if (request->service->draining) {
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "the server is stopping");
    } else if (++auth->waits > CPSD_CERT_WAITS_MAX) {
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "x5u: this request needs too many fetches");
    } else if (auth->waits == 1 && !cpsd_auth_own_views(auth)) {
        (void)stir_fail(&err, STIR_E_NOMEM, "x5u: out of memory");
    }
    if (err.code == STIR_OK) {
        request->hurry = auth_hurry;
    } else {
        cpsd_cert_cache_leave(request->service->certs, &auth->wait);
        cpsd_auth_refuse(request, &err);
    }
}

static enum cpsd_cert_found auth_find_chain(const struct cpsd_request *request, struct stir_chain **chain,
                                            struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct cpsd_auth *auth = request->auth;
    const struct stir_token *token = &auth->token;
    if (token->x5u) {
        return cpsd_cert_cache_get(service->certs, chain, token->x5u, service->trusted, cpsd_auth_now_s(),
                                   &service->auth->certs, &auth->wait, err);
    }
    return cpsd_cert_cache_get_x5c(service->certs, chain, token->x5c, service->trusted, cpsd_auth_now_s(),
                                   &service->auth->certs, &auth->wait, err);
}

static void auth_resolve(struct cpsd_request *request);

/* Verifies the token with a chain. If that fails, the certificate at x5u may have changed since it was cached, so a
 * later one is looked for. */
static enum cpsd_cert_found auth_check_with(struct cpsd_request *request, struct stir_chain *chain,
                                            struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct cpsd_auth *auth = request->auth;
    if (cpsd_token_verify(request, chain, err) == STIR_OK) {
        auth_admit(request, chain);
        return CPSD_CERT_FOUND;
    }
    enum cpsd_cert_found found = cpsd_cert_cache_renew(service->certs, chain, auth->token.x5u, service->trusted,
                                                       cpsd_auth_now_s(), &service->auth->certs, &auth->wait, err);
    if (found == CPSD_CERT_FOUND) {
        auth_resolve(request);
    }
    return found;
}

/* Finds the token's chain and verifies the token with it; or waits for the chain and is called again. */
static void auth_resolve(struct cpsd_request *request)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum cpsd_cert_found found = auth_find_chain(request, &chain, &err);
    if (found == CPSD_CERT_FOUND) {
        found = auth_check_with(request, chain, &err);
    }
    stir_chain_unref(chain);
    if (found == CPSD_CERT_FAILED && cpsd_rate_limit_chain_refused(&request->auth->limit, &err)) {
        cpsd_rate_limit_refuse_chain(request, &request->auth->limit);
    } else if (found == CPSD_CERT_FAILED) {
        cpsd_auth_refuse(request, &err);
    } else if (found == CPSD_CERT_LATER) {
        auth_wait(request);
    }
}

/* ---- a client certificate whose TNAuthList is elsewhere ---- */

/* The client has proved in its TLS handshake that it holds the key; what is missing is the TNAuthList (RFC 8226 10.1).
 */
static void auth_resolve_list(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct cpsd_auth *auth = request->auth;
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum cpsd_cert_found found =
        cpsd_cert_cache_with_list(service->certs, &chain, request->caller.chain, service->trusted, cpsd_auth_now_s(),
                                  &service->auth->certs, &auth->wait, &err);
    if (found == CPSD_CERT_FOUND) {
        cpsd_cert_cache_prove(service->certs, chain, NULL, NULL, &auth->wait);
        cpsd_rate_limit_give_back_chain(&auth->limit, request);
        cpsd_caller_set(&request->caller, CPSD_TLS, chain, NULL);
        stir_chain_unref(chain);
        auth->next(request);
    } else if (found == CPSD_CERT_LATER) {
        auth_wait(request);
    } else if (cpsd_rate_limit_chain_refused(&auth->limit, &err)) {
        cpsd_rate_limit_refuse_chain(request, &auth->limit);
    } else {
        cpsd_caller_clear(&request->caller);
        (void)stir_fail_prefix(&err, err.code, "the client certificate");
        cpsd_problem_error(request, &err);
    }
}

/* ---- entry ---- */

static struct cpsd_auth *auth_new(struct cpsd_request *request, void (*next)(struct cpsd_request *request),
                                  void (*resolver)(struct cpsd_request *request))
{
    assert(!request->auth);
    struct cpsd_auth *auth = calloc(1, sizeof(*auth));
    if (auth) {
        auth->request = request;
        auth->next = next;
        auth->resolve = resolver;
        auth->wait.notice.arrived = auth_on_certificate;
        auth->wait.mailbox = request->service->mailbox;
        auth->wait.may_work = auth_may_work;
        request->auth = auth;
    }
    return auth;
}

/* Parses the token and makes the checks that need no certificate. */
static enum stir_code auth_begin_token(struct cpsd_request *request, const struct cpsd_route *route,
                                       void (*next)(struct cpsd_request *request), struct stir_error *err)
{
    struct stir_view text = cpsd_bearer_token(request->fields[CPSD_AUTHORIZATION]);
    if (!text.len) {
        return stir_fail(err, STIR_E_UNAUTHORIZED, "the Authorization field must be \"Bearer\" and a token");
    }
    struct cpsd_auth *auth = auth_new(request, next, auth_resolve);
    if (!auth) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory for a token");
    }
    enum stir_code code =
        stir_token_parse(&auth->token, text.ptr, text.len, (unsigned)request->service->config->numbers_max_digits, err);
    if (code != STIR_OK) {
        return code;
    }
    auth->parsed = true;
    if (!request->service->auth || !request->service->certs) {
        return stir_fail(err, STIR_E_UNAUTHORIZED, "this server accepts no bearer tokens");
    }
    /* the cheap checks come first; the certificate and the signature follow in auth_resolve */
    code = cpsd_token_check_claims(request, &auth->token, route, err);
    code = code == STIR_OK ? cpsd_token_check_body(request, &auth->token, route, err) : code;
    if (code == STIR_OK && auth->token.x5u) {
        code = stir_x5u_check(&request->service->auth->x5u, auth->token.x5u, err);
    }
    return code;
}

static void auth_begin_list(struct cpsd_request *request, void (*next)(struct cpsd_request *request))
{
    struct stir_error err = {0};
    if (!request->service->auth || !request->service->certs) {
        (void)stir_fail(&err, STIR_E_CERT, "the client certificate: this server does not fetch its TNAuthList");
        cpsd_problem_error(request, &err);
    } else if (!auth_new(request, next, auth_resolve_list)) {
        (void)stir_fail(&err, STIR_E_NOMEM, "the client certificate: out of memory");
        cpsd_problem_error(request, &err);
    } else {
        auth_resolve_list(request);
    }
}

void cpsd_authenticate(struct cpsd_request *request, const struct cpsd_route *route,
                       void (*next)(struct cpsd_request *request))
{
    struct stir_error err = {0};
    if (!request->fields[CPSD_AUTHORIZATION].len) {
        bool elsewhere = request->caller.chain && request->caller.chain->list_urls[0];
        elsewhere ? auth_begin_list(request, next) : next(request);
    } else if (auth_begin_token(request, route, next, &err) != STIR_OK) {
        cpsd_auth_refuse(request, &err);
    } else {
        auth_resolve(request);
    }
}
