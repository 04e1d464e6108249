/* SPDX-License-Identifier: MIT */
#include "common/jose/json.h"
#include "cps/auth/auth_internal.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* What a request demands of its bearer token (ATIS-1000096, ATIS-1000105). authenticate.c says in which order. */

int64_t cpsd_auth_now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

struct stir_view cpsd_bearer_token(struct stir_view field)
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

static enum stir_token_action token_action(const struct stir_token *token, enum cpsd_action action)
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
static const char *token_spc_in(const struct stir_identity *id)
{
    static const char scheme[] = "spc:";
    return strncmp(id->text, scheme, sizeof(scheme) - 1) == 0 ? id->text + sizeof(scheme) - 1 : NULL;
}

/* Returns the SPC of the request's destination if that is a provider, as for a key record; otherwise NULL. */
static const char *token_provider(const struct cpsd_request *request)
{
    return request->has_dest ? token_spc_in(&request->dest) : NULL;
}

/* Returns true if dest is this provider. */
static bool token_names_provider(const struct stir_identity *dest, const char *provider)
{
    const char *spc = token_spc_in(dest);
    return spc && stir_spc_equal(spc, provider);
}

enum stir_code cpsd_token_check_claims(const struct cpsd_request *request, const struct stir_token *token,
                                       const struct cpsd_route *route, struct stir_error *err)
{
    const struct cpsd_auth_rules *rules = request->service->auth;
    const char *provider = token_provider(request);
    struct stir_token_expect expect = {.now = cpsd_auth_now_s(),
                                       .max_age_s = rules->max_age_s,
                                       .skew_s = rules->skew_s,
                                       .aud = (const char *const *)rules->aud,
                                       .aud_count = rules->aud_count,
                                       .action = token_action(token, route->action),
                                       .orig = request->has_orig ? &request->orig : NULL,
                                       .dest = request->has_dest ? &request->dest : NULL,
                                       .spc = provider};
    /* A provider is named by the token's spc; dest may be missing then. */
    if (provider && (!token->has_dest || token_names_provider(&token->dest, provider))) {
        expect.dest = NULL;
    }
    /* Retrieving from a provider's box: the token names that provider (ATIS-1000105). */
    if (request->spc[0] && expect.action == STIR_TOKEN_RETRIEVE) {
        expect.spc = request->spc;
    }
    if (!rules->aud_count) {
        return stir_fail(err, STIR_E_UNAUTHORIZED,
                         "this server has no name to compare with aud: set [auth] audience or [server] public_url");
    }
    return stir_token_check(token, &expect, err);
}

/* Appends what the token's digest is computed over when it is over an array: the canonical text of the body's
 * `passports`, or of an array with the envelope as its only element. */
static void token_put_array(struct stir_buf *out, const struct cpsd_route *route, struct stir_view body)
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

enum stir_code cpsd_token_check_body(const struct cpsd_request *request, const struct stir_token *token,
                                     const struct cpsd_route *route, struct stir_error *err)
{
    struct stir_buf array = {0};
    bool bare = route->action == CPSD_ACT_REPORT && request->body.len == 0; /* the path says everything */
    if (bare || (route->method != CPSD_POST && route->method != CPSD_PUT)) {
        return STIR_OK;
    }
    if (stir_token_wants_array(token)) {
        token_put_array(&array, route, request->body);
    }
    enum stir_code code = stir_buf_state(&array);
    code = code == STIR_OK ? stir_token_check_body(token, request->body, stir_view(array.ptr, array.len), err)
                           : stir_fail(err, code, "cannot compute the digest of the body");
    stir_buf_free(&array);
    return code;
}

/* Checks that the certificate covers what the token claims. iss is always the certificate's. When publishing for
 * another provider, and when a partner retrieves, spc may name the provider in the path instead; the handler decides
 * whether this caller may do that (ATIS-1000105). */
static enum stir_code token_check_scope(const struct cpsd_request *request, const struct stir_token *token,
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

enum stir_code cpsd_token_verify(struct cpsd_request *request, struct stir_chain *chain, struct stir_error *err)
{
    const struct stir_token *token = &request->auth->token;
    enum stir_code code = token_check_scope(request, token, chain, err);
    code = code == STIR_OK ? stir_token_verify_ready(token, chain->verifier, err) : code;
    return code == STIR_OK ? stir_token_id(request->claim.id, token, err) : code;
}

const char *cpsd_token_acts_as(const struct stir_token *token, const struct stir_chain *chain)
{
    const char *names[] = {token->spc, token->sub, token->iss};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] && stir_tnauth_has_spc(&chain->tnauth, names[i])) {
            return names[i];
        }
    }
    return NULL;
}
