/* SPDX-License-Identifier: MIT */
#include "cps/api/original_token.h"

#include "common/cert/x5u.h"
#include "common/jose/json.h"
#include "cps/auth/auth_rules.h"
#include "cps/auth/cert_cache.h"
#include "cps/auth/rate_limit.h"

#include <stdlib.h>
#include <time.h>

struct original_token {
    struct cpsd_cert_wait wait; /* first: a notice is its original_token */
    struct cpsd_request *request;
    struct stir_token token; /* views of the body's text */
    bool parsed;
    int64_t ttl_ms;
    unsigned waits; /* how often it has waited for a certificate */
    struct cpsd_chain_limit limit;
    cpsd_original_token_done *done;
    void *arg;
};

int64_t cpsd_original_token_ttl_ms(const struct cpsd_original_token_life *life)
{
    int64_t last_use = life->iat + life->max_age;
    if (life->exp >= 0 && life->exp < last_use) {
        last_use = life->exp;
    }
    /* the PASSporTs were published at last_use at the latest, and are kept for `retention` from then on */
    int64_t left = last_use + life->skew + life->retention - life->now;
    if (life->iat > life->now + life->skew || left <= 0) {
        return 0;
    }
    return (left < life->retention ? left : life->retention) * 1000;
}

static void original_finish(struct original_token *original, enum stir_code code, const struct stir_error *err)
{
    cpsd_original_token_done *done = original->done;
    void *arg = original->arg;
    int64_t ttl_ms = original->ttl_ms;
    if (original->parsed) {
        stir_token_clear(&original->token);
    }
    free(original);
    done(arg, code, ttl_ms, err);
}

/* ---- checks without the certificate ---- */

static enum stir_code original_check_life(struct original_token *original, struct stir_error *err)
{
    const struct cpsd_service *service = original->request->service;
    const struct cpsd_auth_rules *rules = service->auth;
    const struct cpsd_original_token_life life = {.now = time(NULL),
                                                  .iat = original->token.iat,
                                                  .exp = original->token.exp,
                                                  .max_age = rules->max_age_s,
                                                  .skew = rules->skew_s,
                                                  .retention = service->config->atis_retention_s};
    original->ttl_ms = cpsd_original_token_ttl_ms(&life);
    return original->ttl_ms
               ? STIR_OK
               : stir_fail(err, STIR_E_STALE, "its PASSporTs are no longer kept, or its iat is in the future");
}

/* Checks path and digest; original_check_life checks the times. The digest covers either the array or the whole body of
 * the original publish; the latter can be checked only if that body had the canonical form {"passports":[...]}. */
static enum stir_code original_check_claims(struct original_token *original, const json_t *array,
                                            struct stir_error *err)
{
    struct stir_buf whole = {0};
    const struct stir_token *token = &original->token;
    stir_buf_puts(&whole, "{\"passports\":");
    stir_jcs(&whole, array);
    stir_buf_puts(&whole, "}");
    enum stir_code code = stir_buf_state(&whole);
    if (code != STIR_OK) {
        return stir_fail(err, code, "out of memory for the digest of passports");
    }
    /* iat and exp were meant for the publisher's CPS: leave them out here */
    struct stir_token untimed = *token;
    untimed.exp = untimed.nbf = -1;
    const struct stir_token_expect expect = {.now = token->iat,
                                             .action = STIR_TOKEN_PUBLISH,
                                             .orig = &original->request->orig,
                                             .dest = &original->request->dest,
                                             .has_body = true,
                                             .body = stir_view(whole.ptr, whole.len),
                                             .passports = stir_view(whole.ptr + 13, whole.len - 14)};
    code = stir_token_check(&untimed, &expect, err);
    stir_buf_free(&whole);
    return code;
}

/* ---- checks with the certificate ---- */

static void original_try_chain(struct original_token *original);

static void original_chain_arrived(struct cpsd_notice *notice)
{
    struct original_token *original = (struct original_token *)(void *)notice;
    original->request->hurry = NULL;
    original_try_chain(original);
}

/* The client is gone, or the server is stopping. */
static void original_on_hurry(struct cpsd_request *request)
{
    struct original_token *original = *(struct original_token **)(void *)request->state;
    struct stir_error err = {0};
    request->hurry = NULL;
    cpsd_cert_cache_leave(request->service->certs, &original->wait);
    original_finish(original, stir_fail(&err, STIR_E_UNAVAILABLE, "the certificate did not arrive in time"), &err);
}

static bool original_may_verify(struct cpsd_cert_wait *wait)
{
    struct original_token *original = (struct original_token *)(void *)wait;
    return cpsd_rate_limit_chain(&original->limit, original->request, original->token.iss);
}

static enum cpsd_cert_found original_find_chain(struct original_token *original, struct stir_chain **chain,
                                                struct stir_error *err)
{
    const struct cpsd_service *service = original->request->service;
    original->wait.notice.arrived = original_chain_arrived;
    original->wait.mailbox = service->mailbox;
    original->wait.may_work = original_may_verify;
    if (!original->token.x5u) {
        return cpsd_cert_cache_get_x5c(service->certs, chain, original->token.x5c, service->trusted, time(NULL),
                                       &service->auth->certs, &original->wait, err);
    }
    return cpsd_cert_cache_get(service->certs, chain, original->token.x5u, service->trusted, time(NULL),
                               &service->auth->certs, &original->wait, err);
}

/* Checks TNAuthList and signature with a chain that leads to a root. */
static enum stir_code original_check_signature(const struct original_token *original, const struct stir_chain *chain,
                                               struct stir_error *err)
{
    enum stir_code code = stir_token_check_scope(&original->token, &chain->tnauth, err);
    return code == STIR_OK ? stir_token_verify_signature(&original->token, chain->key, err) : code;
}

/* Checks the token with a chain. If that fails, the certificate at x5u may have changed since it was cached:
 * CPSD_CERT_FOUND together with an err->code means that another certificate is there to try. */
static enum cpsd_cert_found original_check_or_renew(struct original_token *original, const struct stir_chain *chain,
                                                    struct stir_error *err)
{
    const struct cpsd_service *service = original->request->service;
    if (original_check_signature(original, chain, err) == STIR_OK) {
        cpsd_cert_cache_prove(service->certs, chain, original->token.x5u, original->token.x5c, &original->wait);
        cpsd_rate_limit_give_back_chain(&original->limit, original->request);
        return CPSD_CERT_FOUND;
    }
    return cpsd_cert_cache_renew(service->certs, chain, original->token.x5u, service->trusted, time(NULL),
                                 &service->auth->certs, &original->wait, err);
}

static void original_try_chain(struct original_token *original)
{
    struct cpsd_request *request = original->request;
    enum cpsd_cert_found found = CPSD_CERT_FOUND;
    struct stir_error err = {0};
    /* twice: the cached certificate, and the one that replaced it at the same URL */
    for (unsigned tries = 0; tries < 2; tries++) {
        struct stir_chain *chain = NULL;
        err = (struct stir_error){0};
        found = original_find_chain(original, &chain, &err);
        found = found == CPSD_CERT_FOUND ? original_check_or_renew(original, chain, &err) : found;
        stir_chain_unref(chain);
        if (found != CPSD_CERT_FOUND || err.code == STIR_OK) {
            break;
        }
    }
    /* it is being fetched: original_chain_arrived continues, within a limited number of waits */
    if (found == CPSD_CERT_LATER) {
        if (++original->waits <= CPSD_CERT_WAITS_MAX && !request->service->draining) {
            *(struct original_token **)(void *)request->state = original;
            request->hurry = original_on_hurry;
            return;
        }
        cpsd_cert_cache_leave(request->service->certs, &original->wait);
        (void)stir_fail(&err, STIR_E_UNAVAILABLE, "x5u: the certificate has not arrived yet");
    }
    original_finish(original, err.code, &err);
}

static enum stir_code original_parse(struct original_token *original, const json_t *array, struct stir_view text,
                                     struct stir_error *err)
{
    const struct cpsd_service *service = original->request->service;
    if (!text.ptr) {
        return stir_fail(err, STIR_E_INVAL,
                         "a republish must carry the original publish token as \"token\" in the body");
    }
    enum stir_code code =
        stir_token_parse(&original->token, text.ptr, text.len, (unsigned)service->config->numbers_max_digits, err);
    if (code != STIR_OK) {
        return code;
    }
    original->parsed = true;
    code = original_check_claims(original, array, err);
    if (code == STIR_OK) {
        code = original_check_life(original, err);
    }
    if (code == STIR_OK && original->token.x5u) {
        code = stir_x5u_check(&service->auth->x5u, original->token.x5u, err);
    }
    return code;
}

void cpsd_original_token_check(struct cpsd_request *request, const json_t *array, struct stir_view token,
                               cpsd_original_token_done *done, void *arg)
{
    struct stir_error err = {0};
    struct original_token *original = calloc(1, sizeof(*original));
    if (!original) {
        done(arg, stir_fail(&err, STIR_E_NOMEM, "out of memory for the original token"), 0, &err);
        return;
    }
    *original = (struct original_token){.request = request, .done = done, .arg = arg};
    enum stir_code code = original_parse(original, array, token, &err);
    if (code == STIR_OK) {
        original_try_chain(original);
    } else {
        original_finish(original, code, &err);
    }
}
