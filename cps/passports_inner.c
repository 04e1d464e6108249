#include "cps/passports_inner.h"

#include "common/json.h"
#include "common/x5c.h"

#include <stdlib.h>
#include <time.h>

struct inner {
    struct cpsd_request *request;
    struct stir_token token; /* views into the body's text */
    int64_t ttl_ms;
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

static void finish(struct inner *inner, const struct stir_error *err)
{
    cpsd_passports_inner_done *done = inner->done;
    void *arg = inner->arg;
    int64_t ttl_ms = inner->ttl_ms;
    stir_token_clear(&inner->token);
    free(inner);
    done(arg, ttl_ms, err);
}

/* ---- what needs no certificate ---- */

static enum stir_code check_life(struct inner *inner, struct stir_error *err)
{
    const struct cpsd_config *config = inner->request->service->config;
    const struct cpsd_passports_inner_life life = {.now = time(NULL),
                                                   .iat = inner->token.iat,
                                                   .exp = inner->token.exp,
                                                   .max_age = 60,
                                                   .skew = 60,
                                                   .retention = config->atis_retention_s};
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

static enum stir_code check_chain(const struct inner *inner, const struct stir_chain *chain, struct stir_error *err)
{
    enum stir_code code = cpsd_trusted_verify(inner->request->service->trusted, chain, time(NULL), err);
    code = code == STIR_OK ? stir_token_check_scope(&inner->token, &chain->tnauth, err) : code;
    return code == STIR_OK ? stir_token_verify_signature(&inner->token, chain->key, err) : code;
}

static void with_x5c(struct inner *inner)
{
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    if (stir_x5c_parse(&chain, inner->token.x5c, &err) == STIR_OK) {
        (void)check_chain(inner, chain, &err);
    }
    stir_chain_unref(chain);
    finish(inner, &err);
}

void cpsd_passports_inner(struct cpsd_request *request, const struct cpsd_passports_body *body,
                          cpsd_passports_inner_done *done, void *arg)
{
    struct stir_error err = {0};
    struct inner *inner = calloc(1, sizeof(*inner));
    if (!inner) {
        (void)stir_fail(&err, STIR_E_NOMEM, "the original token");
        done(arg, 0, &err);
        return;
    }
    *inner = (struct inner){.request = request, .done = done, .arg = arg};
    if (!body->token.ptr) {
        (void)stir_fail(&err, STIR_E_INVAL, "a republish has the original publish token as the body's token");
    } else if (stir_token_parse(&inner->token, body->token.ptr, body->token.len, &request->service->numbering, &err) ==
                   STIR_OK &&
               check_claims(inner, body, &err) == STIR_OK) {
        (void)check_life(inner, &err);
    }
    if (err.code != STIR_OK) {
        finish(inner, &err);
    } else {
        with_x5c(inner);
    }
}
