#include "common/jose/b64.h"
#include "cps/api/idempotency.h"
#include "cps/api/passports.h"
#include "cps/api/passports_body.h"
#include "cps/api/passports_box.h"
#include "cps/api/passports_common.h"
#include "cps/api/passports_inner.h"
#include "cps/auth/publisher.h"
#include "cps/auth/rate_limit.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"
#include "cps/net/republish.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define CALLER_TEXT 64

/*
 * A publish, step by step: the body is read; a republish's original token is verified; an Idempotency-Key is looked up;
 * each PASSporT is put, one after the other; then the answer goes out, and what is new goes on to the peers. A step
 * that fails answers. What is stored by then stays: published again, it is there already.
 */
struct publication {
    struct cpsd_request *request;
    struct cpsd_passports_body body;
    struct stir_identity box;
    struct stir_view raw; /* the whole body, a copy where the key has to wait for something */
    char *key;            /* Idempotency-Key; NULL without one */
    char *token;          /* the publisher's token, for the peers; NULL: it goes to none */
    int64_t ttl_ms;
    struct cpsd_idempotency_check check;
    bool keeps_record; /* the key became this request's */
    bool is_new;       /* something of it was not there before */
    size_t next;       /* the PASSporT that is put next */
    struct cpsd_spend spend;
    uint8_t publisher[CPSD_PUBLISHER_MAX];
    size_t publisher_len;
    struct cpsd_store_result failed; /* without entries */
};

static void put_next(struct publication *publication);

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

static void fail(struct publication *publication, int status, const char *title, const char *detail)
{
    struct cpsd_request *request = publication->request;
    publication_free(publication);
    cpsd_problem(request, status, title, detail, status == 503 ? 1 : 0, NULL);
}

/* ---- the answer ---- */

static void succeed(struct publication *publication)
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

static void answer_failure(struct publication *publication)
{
    struct cpsd_request *request = publication->request;
    struct cpsd_store_result failed = publication->failed;
    struct cpsd_spend spend = publication->spend;
    publication_free(publication);
    if (failed.limited) {
        cpsd_rate_limit_refuse(request, &spend, failed.limited, failed.retry_after_ms);
    } else {
        cpsd_passports_store_problem(request, &failed);
    }
}

static void forgot(void *arg, const struct cpsd_store_result *result)
{
    (void)result;
    answer_failure(arg);
}

static void store_failed(struct publication *publication, const struct cpsd_store_result *result)
{
    publication->failed = *result;
    if (publication->keeps_record) {
        cpsd_idempotency_forget(&publication->check, forgot, publication);
    } else {
        answer_failure(publication);
    }
}

/* ---- storing ---- */

static void stored(void *arg, const struct cpsd_store_result *result)
{
    struct publication *publication = arg;
    if (result->code != STIR_OK) {
        store_failed(publication, result);
        return;
    }
    publication->is_new |= !result->existed;
    if (++publication->next < publication->body.count) {
        put_next(publication);
    } else {
        succeed(publication);
    }
}

/* The provider of the path is the publisher, by its certificate. */
static bool is_own(const struct cpsd_request *request)
{
    const struct cpsd_caller *caller = &request->caller;
    return cpsd_caller_authenticated(caller) && caller->chain &&
           stir_tnauth_has_spc(&caller->chain->tnauth, request->spc);
}

static void put_next(struct publication *publication)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct stir_view text = publication->body.passports[publication->next];
    SHA256((const unsigned char *)text.ptr, text.len, digest);
    if (cpsd_passports_has_spc(publication->request)) {
        cpsd_passports_id_set_own(digest, is_own(publication->request));
    }
    struct stir_view publisher = stir_view((const char *)publication->publisher, publication->publisher_len);
    if (publication->next == 0) { /* for all of them */
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
    cpsd_store_publish(publication->request->service->store, &publication->box, &put, stored, publication);
}

/* ---- Idempotency-Key ---- */

static void used_token(void *arg, const struct cpsd_store_result *result)
{
    struct publication *publication = arg;
    if (result->code == STIR_OK) {
        succeed(publication);
    } else {
        store_failed(publication, result);
    }
}

/* Nothing is left to put: the token is used up all the same. */
static void use_token(struct publication *publication)
{
    struct cpsd_request *request = publication->request;
    const struct cpsd_claim *claim = cpsd_request_claim(request);
    if (claim) {
        cpsd_store_once(request->service->store, claim, used_token, publication);
    } else {
        succeed(publication);
    }
}

static void key_known(void *arg, enum cpsd_idempotency outcome, int64_t left_ms)
{
    struct publication *publication = arg;
    switch (outcome) {
    case CPSD_IDEMPOTENCY_FIRST:
        publication->keeps_record = true;
        put_next(publication);
        return;
    case CPSD_IDEMPOTENCY_AGAIN:
        publication->ttl_ms = left_ms;
        if (left_ms > 0) {
            put_next(publication);
        } else {
            use_token(publication);
        }
        return;
    case CPSD_IDEMPOTENCY_OTHER:
        fail(publication, 422, "the Idempotency-Key was used with another body",
             "send the same body as before, or another key");
        return;
    case CPSD_IDEMPOTENCY_FAILED:
        break;
    }
    fail(publication, 503, stir_strerror(STIR_E_UNAVAILABLE), "the store did not answer in time or is away");
}

/* Whose Idempotency-Keys they are: the provider's; without one those of the certificate, or else of the address. */
static bool name_caller(char out[CALLER_TEXT], const struct cpsd_caller *caller)
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

static void ask_for_key(struct publication *publication)
{
    struct cpsd_request *request = publication->request;
    char caller[CALLER_TEXT];
    if (!name_caller(caller, &request->caller)) {
        fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return;
    }
    int64_t life_ms = request->service->config->atis_idempotency_s * 1000;
    cpsd_idempotency_begin(&publication->check, request->service->store, stir_view_str(publication->key), caller,
                           &publication->box, publication->raw, life_ms, publication->ttl_ms, key_known, publication);
}

static void store(struct publication *publication)
{
    if (publication->key) {
        ask_for_key(publication);
    } else {
        put_next(publication);
    }
}

/* ---- republish ---- */

static void inner_known(void *arg, enum stir_code code, int64_t ttl_ms, const struct stir_error *err)
{
    struct publication *publication = arg;
    if (code == STIR_OK) {
        publication->ttl_ms = ttl_ms;
        store(publication);
        return;
    }
    int status = cpsd_status_of(code);
    fail(publication, status == 500 || status == 422 ? 401 : status, "the original token is not accepted", err->text);
}

static bool is_republish(const struct cpsd_request *request)
{
    return request->token && request->token->action == STIR_TOKEN_REPUBLISH;
}

/* The route's policy is that of a publish. False: answered. */
static bool may_republish(struct cpsd_request *request)
{
    struct stir_error err = {0};
    const struct cpsd_trusted *trusted = request->service->trusted;
    int policy = request->service->config->policy[CPSD_ACT_REPUBLISH];
    if (cpsd_passports_has_spc(request)) {
        cpsd_problem(request, 403, stir_strerror(STIR_E_FORBIDDEN),
                     "what is published for one provider is not republished: that goes to /passports/{dest}/{orig}", 0,
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

/* ---- what comes in ---- */

static bool is_json(struct stir_view type)
{
    static const char want[] = "application/json";
    size_t n = sizeof(want) - 1;
    return type.len == 0 || (type.len >= n && strncasecmp(type.ptr, want, n) == 0 &&
                             (type.len == n || type.ptr[n] == ';' || type.ptr[n] == ' '));
}

/* False: answered. */
static bool read_life(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    const struct cpsd_config *config = request->service->config;
    struct cpsd_passports_life life = {.now = time(NULL),
                                       .until_exp = cpsd_passports_has_spc(request),
                                       .retention = config->atis_retention_s,
                                       .retain_max = config->atis_retention_max_s};
    if (request->token && life.until_exp) {
        if (request->token->exp < 0) {
            fail(publication, 400, "the token has no exp",
                 "a publish for a provider says in exp when the PASSporTs are to be deleted");
            return false;
        }
        life.exp = request->token->exp;
    }
    publication->ttl_ms = cpsd_passports_ttl_ms(&life);
    if (publication->ttl_ms == 0) {
        fail(publication, 401, stir_strerror(STIR_E_UNAUTHORIZED), "the token's exp has passed");
        return false;
    }
    return true;
}

static bool read_body(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    const struct cpsd_config *config = request->service->config;
    const struct cpsd_passports_rule rule = {.count = (size_t)config->atis_max_passports,
                                             .take_any = config->atis_accept == CPSD_ATIS_ANY};
    struct stir_error err = {0};
    if (!is_json(request->fields[CPSD_CONTENT_TYPE])) {
        fail(publication, 415, "the media type is not taken here", "send Content-Type: application/json");
        return false;
    }
    if (cpsd_passports_body_parse(&publication->body, request->body, &rule, &err) != STIR_OK) {
        int status = err.code == STIR_E_JSON ? 400 : cpsd_status_of(err.code);
        fail(publication, status, stir_strerror(err.code), err.text);
        return false;
    }
    return true;
}

/* Copies what is needed after the handler has returned. False: answered. */
static bool keep_key(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    struct stir_view key = request->fields[CPSD_IDEMPOTENCY_KEY];
    if (key.len == 0) {
        return true;
    }
    if (key.len > CPSD_IDEMPOTENCY_KEY_MAX) {
        fail(publication, 400, "the Idempotency-Key is too long", "it may have up to 255 characters");
        return false;
    }
    char *copy = malloc(request->body.len + 1);
    publication->key = strndup(key.ptr, key.len);
    if (copy) {
        memcpy(copy, request->body.ptr, request->body.len);
        publication->raw = stir_view(copy, request->body.len);
    }
    if (!publication->key || !copy) {
        fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return false;
    }
    return true;
}

/* What was published here by token goes to the peers. What a peer sent does not: that ends every loop. */
static bool keep_token(struct publication *publication)
{
    const struct cpsd_request *request = publication->request;
    struct stir_view field = request->fields[CPSD_AUTHORIZATION];
    const char *space = field.len ? memchr(field.ptr, ' ', field.len) : NULL;
    if (!request->token || !space || is_republish(request) || cpsd_passports_has_spc(request) ||
        !cpsd_republishes(request->service->republisher)) {
        return true;
    }
    while (space < field.ptr + field.len && *space == ' ') {
        space++;
    }
    size_t len = (size_t)(field.ptr + field.len - space);
    if (request->body.len + len + sizeof(",\"token\":\"\"") > (size_t)request->service->config->max_body_bytes) {
        fail(publication, 413, stir_strerror(STIR_E_TOO_BIG),
             "PASSporTs and token together are more than can be handed on to other servers");
        return false;
    }
    publication->token = strndup(space, len);
    if (!publication->token) {
        fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return false;
    }
    return true;
}

void cpsd_passports_publish(struct cpsd_request *request)
{
    if (is_republish(request) && !may_republish(request)) {
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
        fail(publication, 503, stir_strerror(STIR_E_NOMEM), NULL);
        return;
    }
    publication->publisher_len = publisher.len;
    cpsd_passports_box(&publication->box, request->spc, &request->dest, &request->orig);
    if (!read_body(publication) || !read_life(publication) || !keep_key(publication) || !keep_token(publication)) {
        return;
    }
    if (is_republish(request)) {
        cpsd_passports_inner(request, &publication->body, inner_known, publication);
    } else {
        store(publication);
    }
}
