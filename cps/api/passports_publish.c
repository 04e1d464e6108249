/* SPDX-License-Identifier: MIT */
#include "common/jose/b64.h"
#include "cps/api/idempotency.h"
#include "cps/api/original_token.h"
#include "cps/api/passports.h"
#include "cps/api/passports_rules.h"
#include "cps/api/store_problem.h"
#include "cps/auth/publisher.h"
#include "cps/auth/rate_limit.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"
#include "cps/net/republish.h"

#include <assert.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define CALLER_TEXT 64

/*
 * A publish runs in steps: read the body; verify the original token of a republish; look up the Idempotency-Key; put
 * the PASSporTs into the store, one after the other; answer, and forward new PASSporTs to the peers. A step that fails
 * answers with a problem. PASSporTs that are stored by then stay: publishing them again finds them there.
 */
struct publication {
    struct cpsd_request *request;
    struct cpsd_passports_body body;
    struct stir_identity box;
    struct stir_view raw; /* the whole body, a copy; with `key` only */
    char *key;            /* Idempotency-Key; NULL without it */
    char *token;          /* the publisher's token, for the peers; NULL: not forwarded */
    int64_t ttl_ms;
    struct cpsd_idempotency_check check;
    bool keeps_record; /* this request is the first with its key */
    bool is_new;       /* at least one PASSporT was not in the store before */
    size_t next;       /* index of the PASSporT that is put next */
    struct cpsd_spend spend;
    uint8_t publisher[CPSD_PUBLISHER_MAX];
    size_t publisher_len;
    struct cpsd_store_result failed; /* without entries */
};

static void publication_put_next(struct publication *publication);

static void publication_free(struct publication *publication)
{
    if (publication) {
        cpsd_passports_body_clear(&publication->body);
        free((char *)(uintptr_t)publication->raw.ptr);
        free(publication->key);
        free(publication->token);
        free(publication);
    }
}

static void publication_fail(struct publication *publication, int status, const char *title, const char *detail)
{
    struct cpsd_request *request = publication->request;
    publication_free(publication);
    cpsd_problem(request, status, title, detail, status == 503 ? 1 : 0, NULL);
}

/* ---- the answer ---- */

static void publication_succeed(struct publication *publication)
{
    struct cpsd_request *request = publication->request;
    struct cpsd_response response = {.status = 201, .content_type = "application/json"};
    response.body = stir_view_str("{\"status\":201,\"message\":\"Created\"}");
    if (publication->token && publication->is_new) {
        cpsd_republish(request->service->republisher, &request->dest, &request->orig, publication->body.array,
                       publication->token, publication->ttl_ms);
    }
    publication_free(publication);
    cpsd_respond(request, &response);
}

static void publication_answer_failure(struct publication *publication)
{
    struct cpsd_request *request = publication->request;
    struct cpsd_store_result failed = publication->failed;
    struct cpsd_spend spend = publication->spend;
    publication_free(publication);
    if (failed.limited) {
        cpsd_rate_limit_refuse(request, &spend, failed.limited, failed.retry_after_ms);
    } else {
        cpsd_store_problem(request, &failed);
    }
}

static void publication_key_forgotten(void *arg, const struct cpsd_store_result *result)
{
    (void)result;
    publication_answer_failure(arg);
}

static void publication_store_failed(struct publication *publication, const struct cpsd_store_result *result)
{
    publication->failed = *result;
    if (publication->keeps_record) {
        cpsd_idempotency_forget(&publication->check, publication_key_forgotten, publication);
    } else {
        publication_answer_failure(publication);
    }
}

/* ---- storing ---- */

static void publication_stored(void *arg, const struct cpsd_store_result *result)
{
    struct publication *publication = arg;
    if (result->code != STIR_OK) {
        publication_store_failed(publication, result);
        return;
    }
    publication->is_new |= !result->existed;
    if (++publication->next < publication->body.count) {
        publication_put_next(publication);
    } else {
        publication_succeed(publication);
    }
}

/* Returns true if the publisher's certificate names the provider of the path. */
static bool publication_is_own(const struct cpsd_request *request)
{
    const struct cpsd_caller *caller = &request->caller;
    return cpsd_caller_authenticated(caller) && caller->chain &&
           stir_tnauth_has_spc(&caller->chain->tnauth, request->spc);
}

static void publication_put_next(struct publication *publication)
{
    assert(publication->next < publication->body.count);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct stir_view text = publication->body.passports[publication->next];
    SHA256((const unsigned char *)text.ptr, text.len, digest);
    if (cpsd_passports_has_spc(publication->request)) {
        cpsd_passports_id_set_own(digest, publication_is_own(publication->request));
    }
    struct stir_view publisher = stir_view((const char *)publication->publisher, publication->publisher_len);
    /* the first put takes the tokens of the rate limits for all PASSporTs of the body */
    if (publication->next == 0) {
        cpsd_rate_limit_publish(&publication->spend, publication->request, publisher,
                                (unsigned)publication->body.count);
    }
    const struct cpsd_put put = {
        .id = digest,
        .envelope = text,
        .ttl_ms = publication->ttl_ms,
        .publisher = publisher,
        .spend = publication->next == 0 ? &publication->spend : NULL,
        .claim = cpsd_request_claim(publication->request),
    };
    cpsd_store_publish(publication->request->service->store, &publication->box, &put, publication_stored, publication);
}

/* ---- Idempotency-Key ---- */

static void publication_token_used(void *arg, const struct cpsd_store_result *result)
{
    struct publication *publication = arg;
    if (result->code == STIR_OK) {
        publication_succeed(publication);
    } else {
        publication_store_failed(publication, result);
    }
}

/* There is nothing left to put, but the token has to be marked as used. */
static void publication_use_token(struct publication *publication)
{
    struct cpsd_request *request = publication->request;
    const struct cpsd_claim *claim = cpsd_request_claim(request);
    if (claim) {
        cpsd_store_once(request->service->store, claim, publication_token_used, publication);
    } else {
        publication_succeed(publication);
    }
}

static void publication_key_known(void *arg, enum cpsd_idempotency outcome, int64_t left_ms)
{
    struct publication *publication = arg;
    switch (outcome) {
    case CPSD_IDEMPOTENCY_FIRST:
        publication->keeps_record = true;
        publication_put_next(publication);
        return;
    case CPSD_IDEMPOTENCY_AGAIN:
        publication->ttl_ms = left_ms;
        if (left_ms > 0) {
            publication_put_next(publication);
        } else {
            publication_use_token(publication);
        }
        return;
    case CPSD_IDEMPOTENCY_OTHER:
        publication_fail(publication, 422, "the Idempotency-Key was used before with another body",
                         "send the same body as before, or use a new key");
        return;
    case CPSD_IDEMPOTENCY_FAILED:
        break;
    }
    publication_fail(publication, 503, stir_strerror(STIR_E_UNAVAILABLE),
                     "the store did not answer in time or is away");
}

/* Writes whose Idempotency-Keys these are: the provider's; for a caller without SPC those of its certificate; without
 * certificate those of its address. Returns false if OpenSSL failed. */
static bool publication_name_caller(char out[CALLER_TEXT], const struct cpsd_caller *caller)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (caller->spc[0]) {
        (void)snprintf(out, CALLER_TEXT, "spc:%s", caller->spc);
        return true;
    }
    bool by_cert = caller->chain && caller->chain->certs[0];
    if (by_cert && X509_digest(caller->chain->certs[0], EVP_sha256(), digest, &len) != 1) {
        return false;
    }
    size_t n = by_cert ? len : sizeof(caller->address);
    memcpy(out, by_cert ? "crt:" : "net:", 4);
    out[4 + stir_b64url_encode(out + 4, by_cert ? digest : caller->address.s6_addr, n)] = '\0';
    return true;
}

static void publication_ask_for_key(struct publication *publication)
{
    struct cpsd_request *request = publication->request;
    char caller[CALLER_TEXT];
    if (!publication_name_caller(caller, &request->caller)) {
        publication_fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return;
    }
    int64_t life_ms = request->service->config->atis_idempotency_s * 1000;
    cpsd_idempotency_begin(&publication->check, request->service->store, stir_view_str(publication->key), caller,
                           &publication->box, publication->raw, life_ms, publication->ttl_ms, publication_key_known,
                           publication);
}

static void publication_store(struct publication *publication)
{
    if (publication->key) {
        publication_ask_for_key(publication);
    } else {
        publication_put_next(publication);
    }
}

/* ---- republish ---- */

static void publication_original_checked(void *arg, enum stir_code code, int64_t ttl_ms, const struct stir_error *err)
{
    struct publication *publication = arg;
    if (code == STIR_OK) {
        publication->ttl_ms = ttl_ms;
        publication_store(publication);
        return;
    }
    int status = cpsd_status_of(code);
    publication_fail(publication, status == 500 || status == 422 ? 401 : status, "the original token is not accepted",
                     err->text);
}

static bool publication_is_republish(const struct cpsd_request *request)
{
    return request->token && request->token->action == STIR_TOKEN_REPUBLISH;
}

/* The route's policy is that of a publish, so the policy of a republish is checked here. Returns false after
 * answering. */
static bool publication_may_republish(struct cpsd_request *request)
{
    struct stir_error err = {0};
    const struct cpsd_trusted *trusted = request->service->trusted;
    int policy = request->service->config->policy[CPSD_ACT_REPUBLISH];
    if (cpsd_passports_has_spc(request)) {
        cpsd_problem(
            request, 403, stir_strerror(STIR_E_FORBIDDEN),
            "only /passports/{dest}/{orig} accepts a republish; PASSporTs for one provider are not republished", 0,
            NULL);
        return false;
    }
    if (cpsd_policy_check((enum cpsd_policy)policy, CPSD_ACT_REPUBLISH, &request->caller, &request->dest,
                          trusted ? trusted->numbers : NULL, &err) != STIR_OK) {
        cpsd_problem_error(request, &err);
        return false;
    }
    return true;
}

/* ---- reading the request ---- */

static bool publication_is_json(struct stir_view type)
{
    static const char want[] = "application/json";
    size_t n = sizeof(want) - 1;
    return type.len == 0 || (type.len >= n && strncasecmp(type.ptr, want, n) == 0 &&
                             (type.len == n || type.ptr[n] == ';' || type.ptr[n] == ' '));
}

/* Decides how long the PASSporTs are kept. Returns false after answering. */
static bool publication_read_life(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    const struct cpsd_config *config = request->service->config;
    struct cpsd_passports_life life = {.now = time(NULL),
                                       .until_exp = cpsd_passports_has_spc(request),
                                       .retention = config->atis_retention_s,
                                       .retain_max = config->atis_retention_max_s};
    if (request->token && life.until_exp) {
        if (request->token->exp < 0) {
            publication_fail(publication, 400, "the token has no exp",
                             "the token of a publish for a provider needs exp: it says when to delete the PASSporTs");
            return false;
        }
        life.exp = request->token->exp;
    }
    publication->ttl_ms = cpsd_passports_ttl_ms(&life);
    if (publication->ttl_ms == 0) {
        publication_fail(publication, 401, stir_strerror(STIR_E_UNAUTHORIZED), "the token's exp has passed");
        return false;
    }
    return true;
}

static bool publication_read_body(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    const struct cpsd_config *config = request->service->config;
    const struct cpsd_passports_rule rule = {.count = (size_t)config->atis_max_passports,
                                             .take_any = config->atis_accept == CPSD_ATIS_ANY};
    struct stir_error err = {0};
    if (!publication_is_json(request->fields[CPSD_CONTENT_TYPE])) {
        publication_fail(publication, 415, "the media type is not supported", "send Content-Type: application/json");
        return false;
    }
    if (cpsd_passports_body_parse(&publication->body, request->body, &rule, &err) != STIR_OK) {
        int status = err.code == STIR_E_JSON ? 400 : cpsd_status_of(err.code);
        publication_fail(publication, status, stir_strerror(err.code), err.text);
        return false;
    }
    return true;
}

/* Copies the key and the body, which are needed after the handler has returned. Returns false after answering. */
static bool publication_keep_key(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    struct stir_view key = request->fields[CPSD_IDEMPOTENCY_KEY];
    if (key.len == 0) {
        return true;
    }
    if (key.len > CPSD_IDEMPOTENCY_KEY_MAX) {
        publication_fail(publication, 400, "the Idempotency-Key is too long", "a key may have up to 255 characters");
        return false;
    }
    char *copy = malloc(request->body.len + 1);
    publication->key = strndup(key.ptr, key.len);
    if (copy) {
        memcpy(copy, request->body.ptr, request->body.len);
        publication->raw = stir_view(copy, request->body.len);
    }
    if (!publication->key || !copy) {
        publication_fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return false;
    }
    return true;
}

/* Copies the token of a publish that is forwarded to the peers. What a peer sent is not forwarded, so that there are no
 * loops between servers. Returns false after answering. */
static bool publication_keep_token(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    struct stir_view field = request->fields[CPSD_AUTHORIZATION];
    const char *space = field.len ? memchr(field.ptr, ' ', field.len) : NULL;
    if (!request->token || !space || publication_is_republish(request) || cpsd_passports_has_spc(request) ||
        !cpsd_republishes(request->service->republisher)) {
        return true;
    }
    while (space < field.ptr + field.len && *space == ' ') {
        space++;
    }
    size_t len = (size_t)(field.ptr + field.len - space);
    if (request->body.len + len + sizeof(",\"token\":\"\"") > (size_t)request->service->config->max_body_bytes) {
        publication_fail(publication, 413, stir_strerror(STIR_E_TOO_BIG),
                         "PASSporTs and token together are too large to be forwarded to other servers; send fewer");
        return false;
    }
    publication->token = strndup(space, len);
    if (!publication->token) {
        publication_fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return false;
    }
    return true;
}

void cpsd_passports_publish(struct cpsd_request *request)
{
    if (publication_is_republish(request) && !publication_may_republish(request)) {
        return;
    }
    struct publication *publication = calloc(1, sizeof(*publication));
    if (!publication) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
        return;
    }
    publication->request = request;
    struct stir_view publisher;
    if (cpsd_publisher_of(&publisher, publication->publisher, &request->caller) != STIR_OK) {
        publication_fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return;
    }
    publication->publisher_len = publisher.len;
    /* everything that is needed after this call is read and copied now: the request's views end with it */
    cpsd_passports_box(&publication->box, request->spc, &request->dest, &request->orig);
    if (!publication_read_body(publication) || !publication_read_life(publication) ||
        !publication_keep_key(publication) || !publication_keep_token(publication)) {
        return;
    }
    if (publication_is_republish(request)) {
        cpsd_original_token_check(request, publication->body.array, publication->body.token,
                                  publication_original_checked, publication);
    } else {
        publication_store(publication);
    }
}
