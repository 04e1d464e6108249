#include "cps/auth/auth.h"

#include "common/jose/json.h"
#include "cps/auth/auth_internal.h"
#include "cps/http/problem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static int64_t now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

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

/* ---- what a request demands of its token ---- */

/* The token behind "Bearer"; len 0 for another scheme. */
static struct stir_view bearer(struct stir_view field)
{
    static const char scheme[] = "Bearer ";
    const size_t n = sizeof(scheme) - 1;
    if (field.len <= n || strncasecmp(field.ptr, scheme, n) != 0) {
        return stir_view(NULL, 0);
    }
    struct stir_view text = stir_view(field.ptr + n, field.len - n);
    while (text.len && text.ptr[0] == ' ') {
        text.ptr++;
        text.len--;
    }
    return text;
}

static enum stir_token_action action_of(const struct stir_token *token, enum cpsd_action action)
{
    switch (action) {
    case CPSD_ACT_PUBLISH:
        return STIR_TOKEN_PUBLISH;
    case CPSD_ACT_ATIS_PUBLISH:
    case CPSD_ACT_REPUBLISH:
        return token->action == STIR_TOKEN_REPUBLISH ? STIR_TOKEN_REPUBLISH : STIR_TOKEN_PUBLISH;
    case CPSD_ACT_DELETE:
        return STIR_TOKEN_DELETE;
    case CPSD_ACT_REPORT:
        return STIR_TOKEN_REPORT;
    case CPSD_ACT_KEYS_PUT:
        return STIR_TOKEN_KEYS;
    default:
        return STIR_TOKEN_RETRIEVE;
    }
}

/* Returns the code of "spc:CODE", NULL for every other identity. */
static const char *spc_in(const struct stir_identity *id)
{
    static const char scheme[] = "spc:";
    return strncmp(id->text, scheme, sizeof(scheme) - 1) == 0 ? id->text + sizeof(scheme) - 1 : NULL;
}

/* A provider's own place, as of its key record: the token names it by its SPC, perhaps in dest as well. */
static const char *provider_of(const struct cpsd_request *request)
{
    return request->has_dest ? spc_in(&request->dest) : NULL;
}

static bool names_provider(const struct stir_identity *dest, const char *provider)
{
    const char *spc = spc_in(dest);
    return spc && stir_spc_equal(spc, provider);
}

static enum stir_code check_claims(const struct cpsd_request *request, const struct stir_token *token,
                                   const struct cpsd_route *route, struct stir_error *err)
{
    const struct cpsd_auth_rules *rules = request->service->auth;
    const char *provider = provider_of(request);
    struct stir_token_expect expect = {.now = now_s(),
                                       .max_age_s = rules->max_age_s,
                                       .skew_s = rules->skew_s,
                                       .aud = (const char *const *)rules->aud,
                                       .aud_count = rules->aud_count,
                                       .action = action_of(token, route->action),
                                       .orig = request->has_orig ? &request->orig : NULL,
                                       .dest = request->has_dest ? &request->dest : NULL,
                                       .spc = provider};
    if (provider && (!token->has_dest || names_provider(&token->dest, provider))) {
        expect.dest = NULL;
    }
    if (request->spc[0] && expect.action == STIR_TOKEN_RETRIEVE) {
        expect.spc = request->spc;
    }
    if (!rules->aud_count) {
        return stir_fail(err, STIR_E_UNAUTHORIZED,
                         "this server has no name to find in aud: it needs [auth] audience or [server] public_url");
    }
    return stir_token_check(token, &expect, err);
}

/* ---- the body ---- */

/* The canonical text of the body's `passports`; of an envelope, the array that has it. */
static void put_array(struct stir_buf *out, const struct cpsd_route *route, struct stir_view body)
{
    json_t *root = NULL;
    if (route->action == CPSD_ACT_PUBLISH) {
        body = cpsd_http_trim_line_end(body);
        stir_buf_puts(out, "[");
        stir_json_quote(out, body.ptr, body.len);
        stir_buf_puts(out, "]");
    } else if (route->action == CPSD_ACT_ATIS_PUBLISH &&
               stir_json_parse_object(&root, body.ptr, body.len, "the body", NULL) == STIR_OK) {
        const json_t *array = json_object_get(root, "passports");
        if (json_is_array(array)) {
            stir_jcs(out, array);
        }
        json_decref(root);
    }
}

static enum stir_code check_body(const struct cpsd_request *request, const struct stir_token *token,
                                 const struct cpsd_route *route, struct stir_error *err)
{
    struct stir_buf array = {0};
    bool bare = route->action == CPSD_ACT_REPORT && request->body.len == 0; /* all that it says is in the path */
    if (bare || (route->method != CPSD_POST && route->method != CPSD_PUT)) {
        return STIR_OK;
    }
    if (stir_token_wants_array(token)) {
        put_array(&array, route, request->body);
    }
    enum stir_code code = stir_buf_state(&array);
    code = code == STIR_OK ? stir_token_check_body(token, request->body, stir_view(array.ptr, array.len), err)
                           : stir_fail(err, code, "the digest of the body");
    stir_buf_free(&array);
    return code;
}

/* ---- the certificate ---- */

/* iss is always the certificate's. On a publish for another provider and on a partner's retrieve, spc may name the
 * provider of the path instead; passports.c decides whether this caller may retrieve from it (ATIS-1000105). */
static enum stir_code check_scope(const struct cpsd_request *request, const struct stir_token *token,
                                  const struct stir_chain *chain, struct stir_error *err)
{
    struct stir_token named = *token;
    bool publishes_or_retrieves = token->action == STIR_TOKEN_PUBLISH || token->action == STIR_TOKEN_RETRIEVE;
    bool for_another = publishes_or_retrieves && token->spc && stir_spc_equal(token->spc, request->spc);
    if (for_another) {
        named.spc = NULL;
    }
    return stir_token_check_scope(&named, &chain->tnauth, err);
}

static enum stir_code verify(struct cpsd_request *request, struct stir_chain *chain, struct stir_error *err)
{
    const struct stir_token *token = &request->auth->token;
    enum stir_code code = check_scope(request, token, chain, err);
    code = code == STIR_OK ? stir_token_verify_ready(token, chain->verifier, err) : code;
    return code == STIR_OK ? stir_token_id(request->claim.id, token, err) : code;
}

/* Who the token speaks for, among the SPCs of its certificate; NULL: the first of them. */
static const char *acts_as(const struct stir_token *token, const struct stir_chain *chain)
{
    const char *names[] = {token->spc, token->sub, token->iss};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] && stir_tnauth_has_spc(&chain->tnauth, names[i])) {
            return names[i];
        }
    }
    return NULL;
}

static void admit(struct cpsd_request *request, struct stir_chain *chain)
{
    struct cpsd_auth *auth = request->auth;
    const struct cpsd_auth_rules *rules = request->service->auth;
    request->claim.ttl_ms = stir_token_window_ms(&auth->token, now_s(), rules->max_age_s, rules->skew_s);
    request->has_claim = true;
    request->token = &auth->token;
    cpsd_cert_cache_prove(request->service->certs, chain, auth->token.x5u, auth->token.x5c, &auth->wait);
    cpsd_limits_give_back_chain(&auth->limit, request);
    cpsd_caller_set(&request->caller, CPSD_TOKEN, chain, acts_as(&auth->token, chain));
    cpsd_count(&request->service->metrics->tokens_accepted, 1);
    auth->next(request);
}

static bool may_work(struct cpsd_cert_wait *wait)
{
    struct cpsd_auth *auth = (struct cpsd_auth *)wait;
    return cpsd_limits_chain(&auth->limit, auth->request, auth->token.iss ? auth->token.iss : "");
}

static void arrived(struct cpsd_notice *notice)
{
    struct cpsd_auth *auth = (struct cpsd_auth *)notice;
    auth->request->hurry = NULL;
    auth->resolve(auth->request);
}

/* The client is gone, or the server is being stopped. */
static void hurry(struct cpsd_request *request)
{
    request->hurry = NULL;
    cpsd_cert_cache_leave(request->service->certs, &request->auth->wait);
    cpsd_problem(request, 503, stir_strerror(STIR_E_UNAVAILABLE), "the server is stopping", 1, NULL);
}

/* It is being fetched. */
static void wait_for_it(struct cpsd_request *request)
{
    struct cpsd_auth *auth = request->auth;
    struct stir_error err = {0};
    if (request->service->draining) {
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "the server is stopping");
    } else if (++auth->waits > CPSD_CERT_WAITS_MAX) {
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "x5u: too many certificates are asked for");
    } else if (auth->waits == 1 && !cpsd_auth_own_views(auth)) {
        (void)stir_fail(&err, STIR_E_NOMEM, "x5u");
    }
    if (err.code == STIR_OK) {
        request->hurry = hurry;
    } else {
        cpsd_cert_cache_leave(request->service->certs, &auth->wait);
        cpsd_auth_refuse(request, &err);
    }
}

static enum cpsd_cert_found find_chain(const struct cpsd_request *request, struct stir_chain **chain,
                                       struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct cpsd_auth *auth = request->auth;
    const struct stir_token *token = &auth->token;
    if (token->x5u) {
        return cpsd_cert_cache_get(service->certs, chain, token->x5u, service->trusted, now_s(), &service->auth->certs,
                                   &auth->wait, err);
    }
    return cpsd_cert_cache_get_x5c(service->certs, chain, token->x5c, service->trusted, now_s(), &service->auth->certs,
                                   &auth->wait, err);
}

static void resolve(struct cpsd_request *request);

/* Verifies the token with a chain. If it fails, the certificate at x5u may have been changed since it was cached. */
static enum cpsd_cert_found check_with(struct cpsd_request *request, struct stir_chain *chain, struct stir_error *err)
{
    const struct cpsd_service *service = request->service;
    struct cpsd_auth *auth = request->auth;
    if (verify(request, chain, err) == STIR_OK) {
        admit(request, chain);
        return CPSD_CERT_FOUND;
    }
    enum cpsd_cert_found found = cpsd_cert_cache_renew(service->certs, chain, auth->token.x5u, service->trusted,
                                                       now_s(), &service->auth->certs, &auth->wait, err);
    if (found == CPSD_CERT_FOUND) {
        resolve(request);
    }
    return found;
}

/* Gets the chain, verified; the rest follows when it is there. */
static void resolve(struct cpsd_request *request)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum cpsd_cert_found found = find_chain(request, &chain, &err);
    if (found == CPSD_CERT_FOUND) {
        found = check_with(request, chain, &err);
    }
    stir_chain_unref(chain);
    if (found == CPSD_CERT_FAILED && cpsd_limits_chain_refused(&request->auth->limit, &err)) {
        cpsd_limits_refuse_chain(request, &request->auth->limit);
    } else if (found == CPSD_CERT_FAILED) {
        cpsd_auth_refuse(request, &err);
    } else if (found == CPSD_CERT_LATER) {
        wait_for_it(request);
    }
}

/* ---- a client certificate whose TNAuthList is elsewhere ---- */

/* The client has shown in its TLS handshake that it has the key. */
static void resolve_list(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    struct cpsd_auth *auth = request->auth;
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    enum cpsd_cert_found found =
        cpsd_cert_cache_with_list(service->certs, &chain, request->caller.chain, service->trusted, now_s(),
                                  &service->auth->certs, &auth->wait, &err);
    if (found == CPSD_CERT_FOUND) {
        cpsd_cert_cache_prove(service->certs, chain, NULL, NULL, &auth->wait);
        cpsd_limits_give_back_chain(&auth->limit, request);
        cpsd_caller_set(&request->caller, CPSD_TLS, chain, NULL);
        stir_chain_unref(chain);
        auth->next(request);
    } else if (found == CPSD_CERT_LATER) {
        wait_for_it(request);
    } else if (cpsd_limits_chain_refused(&auth->limit, &err)) {
        cpsd_limits_refuse_chain(request, &auth->limit);
    } else {
        cpsd_caller_clear(&request->caller);
        (void)stir_fail_prefix(&err, err.code, "the client certificate");
        cpsd_problem_error(request, &err);
    }
}

/* ---- the beginning ---- */

static struct cpsd_auth *auth_new(struct cpsd_request *request, void (*next)(struct cpsd_request *request),
                                  void (*resolver)(struct cpsd_request *request))
{
    struct cpsd_auth *auth = calloc(1, sizeof(*auth));
    if (auth) {
        auth->request = request;
        auth->next = next;
        auth->resolve = resolver;
        auth->wait.notice.arrived = arrived;
        auth->wait.mailbox = request->service->mailbox;
        auth->wait.may_work = may_work;
        request->auth = auth;
    }
    return auth;
}

static enum stir_code begin(struct cpsd_request *request, const struct cpsd_route *route,
                            void (*next)(struct cpsd_request *request), struct stir_error *err)
{
    struct stir_view text = bearer(request->fields[CPSD_AUTHORIZATION]);
    if (!text.len) {
        return stir_fail(err, STIR_E_UNAUTHORIZED, "the Authorization field is not \"Bearer\" and a token");
    }
    struct cpsd_auth *auth = auth_new(request, next, resolve);
    if (!auth) {
        return stir_fail(err, STIR_E_NOMEM, "a token");
    }
    enum stir_code code =
        stir_token_parse(&auth->token, text.ptr, text.len, (unsigned)request->service->config->numbers_max_digits, err);
    if (code != STIR_OK) {
        return code;
    }
    auth->parsed = true;
    if (!request->service->auth || !request->service->certs) {
        return stir_fail(err, STIR_E_UNAUTHORIZED, "no token is accepted here");
    }
    code = check_claims(request, &auth->token, route, err);
    code = code == STIR_OK ? check_body(request, &auth->token, route, err) : code;
    if (code == STIR_OK && auth->token.x5u) {
        code = stir_x5u_check(&request->service->auth->x5u, auth->token.x5u, err);
    }
    return code;
}

static void begin_list(struct cpsd_request *request, void (*next)(struct cpsd_request *request))
{
    struct stir_error err = {0};
    if (!request->service->auth || !request->service->certs) {
        (void)stir_fail(&err, STIR_E_CERT, "the client certificate: its TNAuthList is not fetched here");
        cpsd_problem_error(request, &err);
    } else if (!auth_new(request, next, resolve_list)) {
        (void)stir_fail(&err, STIR_E_NOMEM, "the client certificate");
        cpsd_problem_error(request, &err);
    } else {
        resolve_list(request);
    }
}

void cpsd_authenticate(struct cpsd_request *request, const struct cpsd_route *route,
                       void (*next)(struct cpsd_request *request))
{
    struct stir_error err = {0};
    if (!request->fields[CPSD_AUTHORIZATION].len) {
        bool elsewhere = request->caller.chain && request->caller.chain->list_urls[0];
        elsewhere ? begin_list(request, next) : next(request);
    } else if (begin(request, route, next, &err) != STIR_OK) {
        cpsd_auth_refuse(request, &err);
    } else {
        resolve(request);
    }
}
