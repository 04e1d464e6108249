#include "cps/api/passports_inner.h"

#include "common/cert/x5u.h"
#include "common/jose/json.h"
#include "cps/auth/auth_rules.h"
#include "cps/auth/cert_cache.h"
#include "cps/auth/rate_limit.h"

#include <stdlib.h>
#include <time.h>

struct inner {
    struct cpsd_cert_wait wait; /* first */
    struct cpsd_request *request;
    struct stir_token token; /* views into the body's text */
    bool parsed;
    int64_t ttl_ms;
    unsigned waits; /* for certificates, so far */
    struct cpsd_chain_limit limit;
    cpsd_passports_inner_done *done;
    void *arg;
};

int64_t cpsd_passports_inner_ttl_ms(const struct cpsd_passports_inner_life *life)
{
    int64_t last_use = life->iat + life->max_age;
    if (life->exp >= 0 && life->exp < last_use) {
        last_use = life->exp;
    }
    int64_t left = last_use + life->skew + life->retention - life->now;
    if (life->iat > life->now + life->skew || left <= 0) {
        return 0;
    }
    return (left < life->retention ? left : life->retention) * 1000;
}

static void finish(struct inner *inner, enum stir_code code, const struct stir_error *err)
{
    cpsd_passports_inner_done *done = inner->done;
    void *arg = inner->arg;
    int64_t ttl_ms = inner->ttl_ms;
    if (inner->parsed) {
        stir_token_clear(&inner->token);
    }
    free(inner);
    done(arg, code, ttl_ms, err);
}

/* ---- what needs no certificate ---- */

static enum stir_code check_life(struct inner *inner, struct stir_error *err)
{
    const struct cpsd_service *service = inner->request->service;
    const struct cpsd_auth_rules *rules = service->auth;
    const struct cpsd_passports_inner_life life = {.now = time(NULL),
                                                   .iat = inner->token.iat,
                                                   .exp = inner->token.exp,
                                                   .max_age = rules->max_age_s,
                                                   .skew = rules->skew_s,
                                                   .retention = service->config->atis_retention_s};
    inner->ttl_ms = cpsd_passports_inner_ttl_ms(&life);
    return inner->ttl_ms ? STIR_OK
                         : stir_fail(err, STIR_E_STALE, "what it published is no longer kept, or its iat is ahead");
}

/* Path and digest; the times are judged by check_life. A token with the digest of a whole body can be checked where
 * that body had the canonical form, as JSON.stringify and the like make it. */
static enum stir_code check_claims(struct inner *inner, const struct cpsd_passports_body *body, struct stir_error *err)
{
    struct stir_buf whole = {0};
    const struct stir_token *token = &inner->token;
    stir_buf_puts(&whole, "{\"passports\":");
    stir_jcs(&whole, body->array);
    stir_buf_puts(&whole, "}");
    enum stir_code code = stir_buf_state(&whole);
    if (code != STIR_OK) {
        return stir_fail(err, code, "the digest of passports");
    }
    struct stir_token untimed = *token;
    untimed.exp = untimed.nbf = -1;
    const struct stir_token_expect expect = {.now = token->iat,
                                             .action = STIR_TOKEN_PUBLISH,
                                             .orig = &inner->request->orig,
                                             .dest = &inner->request->dest,
                                             .has_body = true,
                                             .body = stir_view(whole.ptr, whole.len),
                                             .passports = stir_view(whole.ptr + 13, whole.len - 14)};
    code = stir_token_check(&untimed, &expect, err);
    stir_buf_free(&whole);
    return code;
}

/* ---- what needs one ---- */

static void ask_for_chain(struct inner *inner);

static void chain_arrived(struct cpsd_notice *notice)
{
    struct inner *inner = (struct inner *)(void *)notice;
    inner->request->hurry = NULL;
    ask_for_chain(inner);
}

/* The client has gone, or the server is being stopped. */
static void on_hurry(struct cpsd_request *request)
{
    struct inner *inner = *(struct inner **)(void *)request->state;
    struct stir_error err = {0};
    request->hurry = NULL;
    cpsd_cert_cache_leave(request->service->certs, &inner->wait);
    finish(inner, stir_fail(&err, STIR_E_UNAVAILABLE, "the certificate was not there in time"), &err);
}

static bool may_work(struct cpsd_cert_wait *wait)
{
    struct inner *inner = (struct inner *)(void *)wait;
    return cpsd_rate_limit_chain(&inner->limit, inner->request, inner->token.iss);
}

static enum cpsd_cert_found find_chain(struct inner *inner, struct stir_chain **chain, struct stir_error *err)
{
    const struct cpsd_service *service = inner->request->service;
    inner->wait.notice.arrived = chain_arrived;
    inner->wait.mailbox = service->mailbox;
    inner->wait.may_work = may_work;
    if (!inner->token.x5u) {
        return cpsd_cert_cache_get_x5c(service->certs, chain, inner->token.x5c, service->trusted, time(NULL),
                                       &service->auth->certs, &inner->wait, err);
    }
    return cpsd_cert_cache_get(service->certs, chain, inner->token.x5u, service->trusted, time(NULL),
                               &service->auth->certs, &inner->wait, err);
}

/* With the chain, which leads to a root. */
static enum stir_code check_signature(const struct inner *inner, const struct stir_chain *chain, struct stir_error *err)
{
    enum stir_code code = stir_token_check_scope(&inner->token, &chain->tnauth, err);
    return code == STIR_OK ? stir_token_verify_signature(&inner->token, chain->key, err) : code;
}

/* Checks the token with a chain. If it fails, the certificate at x5u may have been changed since it was cached:
 * CPSD_CERT_FOUND with an err->code is another one to try. */
static enum cpsd_cert_found check_or_renew(struct inner *inner, const struct stir_chain *chain, struct stir_error *err)
{
    const struct cpsd_service *service = inner->request->service;
    if (check_signature(inner, chain, err) == STIR_OK) {
        cpsd_cert_cache_prove(service->certs, chain, inner->token.x5u, inner->token.x5c, &inner->wait);
        cpsd_rate_limit_give_back_chain(&inner->limit, inner->request);
        return CPSD_CERT_FOUND;
    }
    return cpsd_cert_cache_renew(service->certs, chain, inner->token.x5u, service->trusted, time(NULL),
                                 &service->auth->certs, &inner->wait, err);
}

static void ask_for_chain(struct inner *inner)
{
    struct cpsd_request *request = inner->request;
    enum cpsd_cert_found found = CPSD_CERT_FOUND;
    struct stir_error err = {0};
    for (unsigned tries = 0; tries < 2; tries++) {
        struct stir_chain *chain = NULL;
        err = (struct stir_error){0};
        found = find_chain(inner, &chain, &err);
        found = found == CPSD_CERT_FOUND ? check_or_renew(inner, chain, &err) : found;
        stir_chain_unref(chain);
        if (found != CPSD_CERT_FOUND || err.code == STIR_OK) {
            break;
        }
    }
    if (found == CPSD_CERT_LATER) {
        if (++inner->waits <= CPSD_CERT_WAITS_MAX && !request->service->draining) {
            *(struct inner **)(void *)request->state = inner;
            request->hurry = on_hurry;
            return;
        }
        cpsd_cert_cache_leave(request->service->certs, &inner->wait);
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "x5u: the certificate is not there yet");
    }
    finish(inner, err.code, &err);
}

static enum stir_code begin(struct inner *inner, const struct cpsd_passports_body *body, struct stir_error *err)
{
    const struct cpsd_service *service = inner->request->service;
    if (!body->token.ptr) {
        return stir_fail(err, STIR_E_INVAL, "a republish has the original publish token as the body's token");
    }
    enum stir_code code = stir_token_parse(&inner->token, body->token.ptr, body->token.len,
                                           (unsigned)service->config->numbers_max_digits, err);
    inner->parsed = code == STIR_OK;
    code = code == STIR_OK ? check_claims(inner, body, err) : code;
    code = code == STIR_OK ? check_life(inner, err) : code;
    if (code == STIR_OK && inner->token.x5u) {
        code = stir_x5u_check(&service->auth->x5u, inner->token.x5u, err);
    }
    return code;
}

void cpsd_passports_inner(struct cpsd_request *request, const struct cpsd_passports_body *body,
                          cpsd_passports_inner_done *done, void *arg)
{
    struct stir_error err = {0};
    struct inner *inner = calloc(1, sizeof(*inner));
    if (!inner) {
        done(arg, stir_fail(&err, STIR_E_NOMEM, "the original token"), 0, &err);
        return;
    }
    *inner = (struct inner){.request = request, .done = done, .arg = arg};
    enum stir_code code = begin(inner, body, &err);
    if (code == STIR_OK) {
        ask_for_chain(inner);
    } else {
        finish(inner, code, &err);
    }
}
