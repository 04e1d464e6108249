/* SPDX-License-Identifier: MIT */
/* The handlers without a socket: a request goes in, the answer comes out of the one completion. */
#include "common/base/process_metrics.h"
#include "common/jose/json.h"
#include "common/jose/jwe.h"
#include "cps/api/dummy.h"
#include "cps/api/routes.h"
#include "cps/http/problem.h"
#include "tests/unit/jose_jwe.h"

#include <stdlib.h>

static struct cpsd_config config;
static struct cpsd_service service;
static struct cpsd_metrics metrics;
static struct cpsd_metrics *all_metrics[] = {&metrics};
static struct stir_reloads reloads;
static uv_loop_t loop;
static EVP_PKEY *key;

/* What was answered, copied out of the completion. */
struct answer {
    bool done;
    int status;
    char type[64], location[512], link[512], allow[64], retry[16], applied[32];
    struct stir_buf body;
    struct cpsd_request *request;
};

static void keep(char *out, size_t cap, const struct cpsd_response *response, const char *name)
{
    for (size_t i = 0; i < response->field_count; i++) {
        if (strcmp(response->fields[i].name, name) == 0) {
            (void)snprintf(out, cap, "%s", response->fields[i].value);
        }
    }
}

static void on_answer(struct cpsd_request *request, const struct cpsd_response *response)
{
    struct answer *answer = request->answer_arg;
    CU_ASSERT_FALSE(answer->done); /* exactly once */
    answer->done = true;
    answer->status = response->status;
    (void)snprintf(answer->type, sizeof(answer->type), "%s", response->content_type ? response->content_type : "");
    keep(answer->location, sizeof(answer->location), response, "Location");
    keep(answer->link, sizeof(answer->link), response, "Link");
    keep(answer->allow, sizeof(answer->allow), response, "Allow");
    keep(answer->retry, sizeof(answer->retry), response, "Retry-After");
    keep(answer->applied, sizeof(answer->applied), response, "Preference-Applied");
    answer->body.len = 0;
    stir_buf_put(&answer->body, response->body.ptr, response->body.len);
    stir_buf_put(&answer->body, "", 0);
    free(request);
}

struct ask {
    enum cpsd_method method;
    const char *path, *query, *type, *accept, *prefer, *body;
    bool local;
};

/* Sends without waiting for the answer. */
static void begin(struct answer *answer, const struct ask *ask)
{
    struct cpsd_request *request = calloc(1, sizeof(*request));
    stir_buf_free(&answer->body);
    *answer = (struct answer){.request = request};
    request->method = ask->method;
    request->path = stir_view_str(ask->path);
    request->query = stir_view_str(ask->query ? ask->query : "");
    request->body = stir_view_str(ask->body ? ask->body : "");
    request->fields[CPSD_CONTENT_TYPE] = stir_view_str(ask->type ? ask->type : "");
    request->fields[CPSD_ACCEPT] = stir_view_str(ask->accept ? ask->accept : "");
    request->fields[CPSD_PREFER] = stir_view_str(ask->prefer ? ask->prefer : "");
    request->caller.kind = ask->local ? CPSD_LOCAL : CPSD_ANYBODY;
    request->service = &service;
    request->answer = on_answer;
    request->answer_arg = answer;
    cpsd_dispatch(request);
}

static void finish(const struct answer *answer)
{
    for (int i = 0; i < 2000 && !answer->done; i++) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    CU_ASSERT_FATAL(answer->done);
}

static void ask(struct answer *answer, const struct ask *what)
{
    begin(answer, what);
    finish(answer);
}

static char *envelope(void)
{
    struct stir_buf out = {0};
    uint8_t plaintext[512] = {0};
    UNIT_OK(stir_jwe_encrypt(&out, plaintext, sizeof(plaintext), key, NULL));
    return stir_buf_steal(&out, NULL);
}

static void publish(struct answer *answer, const char *path, const char *text, const char *query)
{
    const struct ask post = {
        .method = CPSD_POST, .path = path, .query = query, .type = "application/passport", .body = text};
    ask(answer, &post);
}

static atomic_flag form_warned;

static void setup(void)
{
    static const uint8_t secret[CPSD_DUMMY_SECRET] = {5};
    static const struct stir_log silent = {.level = STIR_LOG_ERROR};
    struct stir_error err = {0};
    struct stir_conf_overrides overrides = {.text = {"server.listen=", "listen_plain=127.0.0.1:0", "max_wait_s=2",
                                                     "policy.publish=open"},
                                            .count = 4};
    UNIT_OK(cpsd_config_load(&config, NULL, &overrides, &err));
    struct cpsd_store_config store = {
        .url = "memory:", .box_limit = 5, .memory_limit_bytes = 1 << 20, .timeout_ms = 1000, .max_ttl_ms = 259200000};
    UNIT_OK(stir_key_generate(&key, STIR_CURVE_X25519, NULL));
    (void)uv_loop_init(&loop);
    service = (struct cpsd_service){.config = &config,
                                    .log = &silent,
                                    .metrics = &metrics,
                                    .reloads = &reloads,
                                    .all_metrics = all_metrics,
                                    .form_warned = &form_warned,
                                    .worker_count = 1,
                                    .loop = &loop};
    stir_reloads_begin(&reloads);
    UNIT_OK(cpsd_backend_new(&service.backend, &store, &err));
    UNIT_OK(cpsd_store_attach(&service.store, service.backend, &loop, &err));
    UNIT_OK(cpsd_dummies_new(&service.dummies, secret, &config, &err));
}

static void store_closed(void *arg)
{
    *(bool *)arg = true;
}

static void teardown(struct answer *answer)
{
    bool closed = false;
    cpsd_store_close(service.store, store_closed, &closed);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    CU_ASSERT(closed);
    CU_ASSERT_EQUAL(uv_loop_close(&loop), 0);
    cpsd_backend_free(service.backend);
    cpsd_dummies_free(service.dummies);
    cpsd_config_clear(&config);
    EVP_PKEY_free(key);
    stir_buf_free(&answer->body);
}

static json_t *list_json(struct answer *answer, const char *path, const char *query)
{
    json_t *value = NULL;
    const struct ask get = {.method = CPSD_GET, .path = path, .query = query, .accept = "application/json"};
    ask(answer, &get);
    CU_ASSERT_EQUAL(answer->status, 200);
    UNIT_STR(answer->type, "application/json", "type");
    UNIT_OK(stir_json_parse(&value, answer->body.ptr, answer->body.len, NULL));
    CU_ASSERT_FATAL(json_is_object(value));
    return value;
}

static bool lists(const json_t *list, const char *text)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(list, "ppts"), i, item)
    {
        const char *ppt = json_string_value(json_object_get(item, "ppt"));
        if (ppt && strcmp(ppt, text) == 0) {
            return true;
        }
    }
    return false;
}

static void test_publish_and_read(void)
{
    struct answer answer = {0};
    setup();
    char *text = envelope(), location[512];
    publish(&answer, "/cps/+1.215.555.1212/ppts", text, NULL);
    CU_ASSERT_EQUAL(answer.status, 201);
    (void)snprintf(location, sizeof(location), "%s", answer.location);
    CU_ASSERT_EQUAL(strncmp(location, "/cps/12155551212/ppts/", 22), 0);
    CU_ASSERT_EQUAL(strlen(location), 22 + 22);

    struct stir_buf with_line_end = {0};
    stir_buf_printf(&with_line_end, "%s\r\n", text);
    publish(&answer, "/cps/12155551212/ppts", with_line_end.ptr, "ttl=999999999");
    CU_ASSERT_EQUAL(answer.status, 200);
    UNIT_STR(answer.location, location, "the same again has the same Location");
    stir_buf_free(&with_line_end);

    ask(&answer, &(struct ask){.method = CPSD_GET, .path = location});
    CU_ASSERT_EQUAL(answer.status, 200);
    UNIT_STR(answer.body.ptr, text, "fetched");
    UNIT_STR(answer.type, "application/passport", "type");
    UNIT_STR(answer.link, "</cps/12155551212/ppts>; rel=\"collection\"", "link");

    ask(&answer, &(struct ask){.method = CPSD_GET, .path = "/cps/12155551212/ppts/"});
    CU_ASSERT_EQUAL(answer.status, 200);
    UNIT_STR(answer.type, "application/link-format", "type");
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.body.ptr, location));

    json_t *list = list_json(&answer, "/cps/12155551212/ppts", NULL);
    CU_ASSERT(lists(list, text));
    char query[64];
    (void)snprintf(query, sizeof(query), "after=%s", json_string_value(json_object_get(list, "cursor")));
    json_decref(list);
    list = list_json(&answer, "/cps/12155551212/ppts", query);
    CU_ASSERT_FALSE(lists(list, text));
    json_decref(list);
    list = list_json(&answer, "/cps/12155551213/ppts", NULL);
    CU_ASSERT_FALSE(lists(list, text));
    json_decref(list);
    free(text);
    teardown(&answer);
}

/* Every id of a list can be fetched, dummies too; a box that nobody wrote to is not empty. */
static void test_dummies(void)
{
    struct answer answer = {0}, one = {0};
    setup();
    for (int mode = CPSD_DUMMIES_STEADY; mode <= CPSD_DUMMIES_EMPTY; mode++) {
        static const uint8_t secret[CPSD_DUMMY_SECRET] = {6};
        cpsd_dummies_free(service.dummies);
        config.dummies_mode = mode;
        UNIT_OK(cpsd_dummies_new(&service.dummies, secret, &config, NULL));
        json_t *list = list_json(&answer, "/cps/12155550000/ppts", NULL);
        json_t *ppts = json_object_get(list, "ppts"), *item;
        size_t i;
        CU_ASSERT(mode == CPSD_DUMMIES_STEADY ? json_array_size(ppts) >= 1 : json_array_size(ppts) == 1);
        json_array_foreach(ppts, i, item)
        {
            char path[128];
            (void)snprintf(path, sizeof(path), "/cps/12155550000/ppts/%s",
                           json_string_value(json_object_get(item, "id")));
            ask(&one, &(struct ask){.method = CPSD_GET, .path = path});
            CU_ASSERT_EQUAL(one.status, 200);
            UNIT_STR(one.body.ptr, json_string_value(json_object_get(item, "ppt")), "dummy");
        }
        char *text = envelope();
        publish(&one, "/cps/12155550000/ppts", text, NULL);
        json_t *after = list_json(&one, "/cps/12155550000/ppts", NULL);
        CU_ASSERT(lists(after, text));
        /* steady: the arrival changes nothing else; empty: the dummy is gone */
        size_t expected = mode == CPSD_DUMMIES_STEADY ? json_array_size(ppts) + 1 : 2;
        CU_ASSERT_EQUAL(json_array_size(json_object_get(after, "ppts")), expected);
        json_decref(after);
        json_decref(list);
        free(text);
    }
    stir_buf_free(&one.body);
    teardown(&answer);
}

static void test_refusals(void)
{
    static const char good_type[] = "application/passport";
    static const struct {
        const char *label;
        struct ask ask;
        int status;
    } rows[] = {
        {"no such path", {.path = "/nothing"}, 404},
        {"empty dest", {.path = "/cps//ppts"}, 404},
        {"dots", {.path = "/cps/../ppts"}, 400},
        {"letters", {.path = "/cps/abc/ppts"}, 400},
        {"NUL", {.path = "/cps/%00/ppts"}, 400},
        {"bad escape", {.path = "/cps/%zz/ppts"}, 400},
        {"16 digits", {.path = "/cps/1234567890123456/ppts"}, 400},
        {"one digit", {.path = "/cps/1/ppts"}, 400},
        {"two digits", {.path = "/cps/12/ppts"}, 200},
        {"15 digits", {.path = "/cps/123456789012345/ppts"}, 200},
        {"a URI", {.path = "/cps/sip%3Aalice%40example.com/ppts"}, 200},
        {"bad cursor", {.path = "/cps/12/ppts", .query = "after=x"}, 400},
        {"cursor over 63 bits", {.path = "/cps/12/ppts", .query = "after=__________8"}, 400},
        {"id of another form", {.path = "/cps/12/ppts/x"}, 404},
        {"id with stray bits", {.path = "/cps/12/ppts/AAAAAAAAAAAAAAAAAAAAAB"}, 404},
        {"unknown id", {.path = "/cps/12/ppts/AAAAAAAAAAAAAAAAAAAAAA"}, 404},
        {"put", {.method = CPSD_PUT, .path = "/cps/12/ppts"}, 405},
        {"post to an id", {.method = CPSD_POST, .path = "/cps/12/ppts/AAAAAAAAAAAAAAAAAAAAAA"}, 405},
        {"other method", {.method = CPSD_OTHER_METHOD, .path = "/health"}, 405},
        {"delete is the holder's", {.method = CPSD_DELETE, .path = "/cps/12/ppts/AAAAAAAAAAAAAAAAAAAAAA"}, 401},
        {"no type", {.method = CPSD_POST, .path = "/cps/12/ppts", .body = "x"}, 415},
        {"other type", {.method = CPSD_POST, .path = "/cps/12/ppts", .type = "text/plain", .body = "x"}, 415},
        {"longer type",
         {.method = CPSD_POST, .path = "/cps/12/ppts", .type = "application/passports", .body = "x"},
         415},
        {"empty body", {.method = CPSD_POST, .path = "/cps/12/ppts", .type = good_type}, 422},
        {"no envelope", {.method = CPSD_POST, .path = "/cps/12/ppts", .type = good_type, .body = "a.b.c"}, 422},
        {"ttl 0", {.method = CPSD_POST, .path = "/cps/12/ppts", .query = "ttl=0", .type = good_type}, 400},
        {"ttl -1", {.method = CPSD_POST, .path = "/cps/12/ppts", .query = "ttl=-1", .type = good_type}, 400},
        {"ttl x", {.method = CPSD_POST, .path = "/cps/12/ppts", .query = "ttl=x", .type = good_type}, 400},
        {"metrics for all", {.path = "/metrics"}, 404},
        {"metrics for us", {.path = "/metrics", .local = true}, 200},
        {"ready", {.path = "/ready", .local = true}, 200},
        {"health", {.path = "/health"}, 200},
        {"boxes on the admin listener", {.path = "/cps/12/ppts", .local = true}, 404},
        {"head", {.method = CPSD_HEAD, .path = "/health"}, 200},
    };
    struct answer answer = {0};
    setup();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(&answer, &rows[i].ask);
        UNIT_CHECK(answer.status == rows[i].status, "%s: %d, expected %d", rows[i].label, answer.status,
                   rows[i].status);
        if (answer.status >= 400) {
            json_t *problem = NULL;
            UNIT_STR(answer.type, "application/problem+json", rows[i].label);
            UNIT_OK(stir_json_parse(&problem, answer.body.ptr, answer.body.len, NULL));
            UNIT_CHECK(json_is_string(json_object_get(problem, "title")), "%s: title", rows[i].label);
            UNIT_CHECK(json_integer_value(json_object_get(problem, "status")) == rows[i].status, "%s: status",
                       rows[i].label);
            json_decref(problem);
        }
        UNIT_CHECK(answer.status != 405 || answer.allow[0], "%s: Allow", rows[i].label);
    }
    teardown(&answer);
}

/* What another JOSE library writes opens as well, but whoever watches the box can tell it from a dummy. */
static void test_form(void)
{
    static const struct {
        const char *label, *header;
        size_t plaintext;
        const char *detail; /* NULL: stored */
    } rows[] = {
        {"ours", JOSE_HEADER_X25519, 512, NULL},
        {"ours, longer", JOSE_HEADER_X25519, 8192, NULL},
        {"another order",
         "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"cty\":\"passport\",\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\","
         "\"x\":\"@X\"}}",
         512, "in the order alg, cty, enc, epk"},
        {"another order in epk",
         "{\"alg\":\"ECDH-ES\",\"cty\":\"passport\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"OKP\",\"crv\":\"X25519\","
         "\"x\":\"@X\"}}",
         512, "in the order crv, kty, x, y"},
        {"spaces",
         "{\"alg\": \"ECDH-ES\", \"cty\": \"passport\", \"enc\": \"A256GCM\", \"epk\": {\"crv\": \"X25519\", "
         "\"kty\": \"OKP\", \"x\": \"@X\"}}",
         512, "without spaces"},
        {"A128GCM",
         "{\"alg\":\"ECDH-ES\",\"cty\":\"passport\",\"enc\":\"A128GCM\",\"epk\":{\"crv\":\"X25519\",\"kty\":\"OKP\","
         "\"x\":\"@X\"}}",
         512, "use A256GCM"},
        {"not padded", JOSE_HEADER_X25519, 333, "has 333 octets; pad it with spaces to 512, 1,024"},
        {"a multiple of 256", JOSE_HEADER_X25519, 768, "has 768 octets"},
        {"too long", JOSE_HEADER_X25519, 8448, "has 8448 octets"},
    };
    static const char plaintext[8448] = "a.b.c";
    for (int strict = CPSD_STRICT_AUTO; strict <= CPSD_STRICT_NO; strict++) {
        struct answer answer = {0};
        setup();
        config.dummies_strict = strict;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            char *text = jose_seal(key, rows[i].header, stir_view(plaintext, rows[i].plaintext));
            char path[64];
            int expected = rows[i].detail && strict != CPSD_STRICT_NO ? 422 : 201;
            (void)snprintf(path, sizeof(path), "/cps/1215555%04zu/ppts", i);
            publish(&answer, path, text, NULL);
            UNIT_CHECK(answer.status == expected, "%s: %d", rows[i].label, answer.status);
            UNIT_CHECK(expected == 201 || strstr(answer.body.ptr, rows[i].detail), "%s: %s", rows[i].label,
                       answer.body.ptr);
            free(text);
        }
        teardown(&answer);
    }
}

/* auto follows the policy: where neither list nor fetch is open, only authenticated callers see what there is. */
static void test_form_by_policy(void)
{
    static const struct {
        int list, fetch;
        bool strict;
    } rows[] = {{CPSD_POLICY_OPEN, CPSD_POLICY_OPEN, true},
                {CPSD_POLICY_HOLDER, CPSD_POLICY_OPEN, true},
                {CPSD_POLICY_OPEN, CPSD_POLICY_TOKEN, true},
                {CPSD_POLICY_TOKEN, CPSD_POLICY_HOLDER, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_config some = {.dummies_strict = CPSD_STRICT_AUTO};
        some.policy[CPSD_ACT_LIST] = rows[i].list;
        some.policy[CPSD_ACT_FETCH] = rows[i].fetch;
        UNIT_CHECK(cpsd_config_strict(&some) == rows[i].strict, "row %zu", i);
        some.dummies_strict = CPSD_STRICT_YES;
        CU_ASSERT_TRUE(cpsd_config_strict(&some));
        some.dummies_strict = CPSD_STRICT_NO;
        CU_ASSERT_FALSE(cpsd_config_strict(&some));
    }
}

static void test_full_box(void)
{
    struct answer answer = {0};
    setup();
    for (int i = 0; i < 6; i++) {
        char *text = envelope();
        publish(&answer, "/cps/12155551212/ppts", text, "ttl=30");
        UNIT_CHECK(answer.status == (i < 5 ? 201 : 429), "%d: %d", i, answer.status);
        free(text);
    }
    long retry = strtol(answer.retry, NULL, 10);
    CU_ASSERT(retry >= 1 && retry <= 30);
    teardown(&answer);
}

static void test_delete(void)
{
    struct answer answer = {0};
    setup();
    config.policy[CPSD_ACT_DELETE] = CPSD_POLICY_OPEN;
    char *text = envelope(), location[512];
    publish(&answer, "/cps/12155551212/ppts", text, NULL);
    (void)snprintf(location, sizeof(location), "%s", answer.location);
    ask(&answer, &(struct ask){.method = CPSD_DELETE, .path = location});
    CU_ASSERT_EQUAL(answer.status, 204);
    ask(&answer, &(struct ask){.method = CPSD_DELETE, .path = location});
    CU_ASSERT_EQUAL(answer.status, 410);
    publish(&answer, "/cps/12155551212/ppts", text, NULL); /* known until it would have expired */
    CU_ASSERT_EQUAL(answer.status, 200);
    json_t *list = list_json(&answer, "/cps/12155551212/ppts", NULL);
    CU_ASSERT_TRUE(lists(list, text)); /* strangers see no difference */
    for (size_t i = 0; i < json_array_size(json_object_get(list, "ppts")); i++) {
        CU_ASSERT_EQUAL(json_object_size(json_array_get(json_object_get(list, "ppts"), i)), 2);
    }
    json_decref(list);
    static const struct {
        const char *query;
        int status;
    } absent[] = {{NULL, 404}, {NULL, 404}, {"claim=no", 404}, {"claim=yes", 404}, {"claim=yes", 410}, {NULL, 410}};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        ask(&answer, &(struct ask){.method = CPSD_DELETE,
                                   .path = "/cps/12155551212/ppts/AAAAAAAAAAAAAAAAAAAAAA",
                                   .query = absent[i].query});
        UNIT_CHECK(answer.status == absent[i].status, "row %zu: %d", i, answer.status);
    }
    free(text);
    teardown(&answer);
}

/* Cut lists: all of them together show everything once, in order. */
static void test_cursor(void)
{
    struct answer answer = {0};
    char *texts[5], query[64] = "";
    size_t seen = 0, lists_read = 0;
    setup();
    config.list_max_entries = 2;
    for (int i = 0; i < 5; i++) {
        texts[i] = envelope();
        publish(&answer, "/cps/12155551212/ppts", texts[i], NULL);
    }
    do {
        json_t *list = list_json(&answer, "/cps/12155551212/ppts", query[0] ? query : NULL);
        size_t i;
        const json_t *item;
        json_array_foreach(json_object_get(list, "ppts"), i, item)
        {
            const char *ppt = json_string_value(json_object_get(item, "ppt"));
            for (size_t k = 0; k < 5; k++) {
                if (strcmp(texts[k], ppt) == 0) {
                    UNIT_CHECK(k == seen, "%zu came as number %zu", k, seen);
                    seen++;
                }
            }
        }
        (void)snprintf(query, sizeof(query), "after=%s", json_string_value(json_object_get(list, "cursor")));
        json_decref(list);
        lists_read++;
    } while (answer.link[0] && lists_read < 10);
    CU_ASSERT_EQUAL(seen, 5);
    CU_ASSERT_EQUAL(lists_read, 3);
    for (int i = 0; i < 5; i++) {
        free(texts[i]);
    }
    teardown(&answer);
}

/* A cursor from before the store's clock was set back leads to the whole box, not to nothing. */
static void test_cursor_of_the_future(void)
{
    struct answer answer = {0};
    setup();
    char *text = envelope();
    publish(&answer, "/cps/12155551212/ppts", text, NULL);
    json_t *list = list_json(&answer, "/cps/12155551212/ppts", "after=f_________8");
    CU_ASSERT(lists(list, text));
    json_decref(list);
    free(text);
    teardown(&answer);
}

static void use_empty_mode(void)
{
    static const uint8_t secret[CPSD_DUMMY_SECRET] = {7};
    cpsd_dummies_free(service.dummies);
    config.dummies_mode = CPSD_DUMMIES_EMPTY;
    UNIT_OK(cpsd_dummies_new(&service.dummies, secret, &config, NULL));
}

static void test_wait(void)
{
    struct answer answer = {0}, published = {0};
    const struct ask wait = {.method = CPSD_GET,
                             .path = "/cps/12155551212/ppts",
                             .accept = "application/json",
                             .prefer = "wait=9"};
    setup();
    use_empty_mode(); /* no dummy wakes it */
    begin(&answer, &wait);
    CU_ASSERT_FALSE(answer.done);
    CU_ASSERT_EQUAL(atomic_load(&metrics.waiters), 1);
    char *text = envelope();
    publish(&published, "/cps/12155551212/ppts", text, NULL);
    finish(&answer);
    CU_ASSERT_EQUAL(answer.status, 200);
    UNIT_STR(answer.applied, "wait=2", "cut to max_wait_s");
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.body.ptr, text));
    CU_ASSERT_EQUAL(atomic_load(&metrics.waiters), 0);
    free(text);
    stir_buf_free(&published.body);
    teardown(&answer);
}

static void test_wait_ends(void)
{
    struct answer answer = {0};
    setup();
    use_empty_mode();
    uint64_t start = uv_hrtime();
    ask(&answer, &(struct ask){.method = CPSD_GET, .path = "/cps/12/ppts", .prefer = "wait=1"});
    uint64_t ms = (uv_hrtime() - start) / 1000000;
    CU_ASSERT(ms >= 900);
    CU_ASSERT_EQUAL(answer.status, 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.body.ptr, "/cps/12/ppts/")); /* the dummy */
    /* drained: answered at once with what there is */
    begin(&answer, &(struct ask){.method = CPSD_GET, .path = "/cps/12/ppts", .prefer = "wait=30"});
    CU_ASSERT_FALSE(answer.done);
    answer.request->hurry(answer.request);
    finish(&answer);
    CU_ASSERT_EQUAL(answer.status, 200);
    teardown(&answer);
}

static void test_policy(void)
{
    struct answer answer = {0};
    setup();
    config.policy[CPSD_ACT_LIST] = config.policy[CPSD_ACT_FETCH] = config.policy[CPSD_ACT_PUBLISH] = CPSD_POLICY_NOBODY;
    ask(&answer, &(struct ask){.method = CPSD_GET, .path = "/cps/12/ppts"});
    CU_ASSERT_EQUAL(answer.status, 403);
    ask(&answer, &(struct ask){.method = CPSD_GET, .path = "/cps/12/ppts/AAAAAAAAAAAAAAAAAAAAAA"});
    CU_ASSERT_EQUAL(answer.status, 403);
    publish(&answer, "/cps/12/ppts", "x", NULL);
    CU_ASSERT_EQUAL(answer.status, 403);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer.body.ptr, "nobody"));
    teardown(&answer);
}

/* Every code has a status, and the text of one is always in the table of reasons. */
static void test_status_map(void)
{
    for (int code = 0; code < STIR_CODE_COUNT; code++) {
        int status = cpsd_status_of((enum stir_code)code);
        UNIT_CHECK(status == 200 ? code == STIR_OK : status >= 400, "%s: %d", stir_error_name((enum stir_code)code),
                   status);
        UNIT_CHECK(strcmp(cpsd_http_reason(status), "Unknown") != 0, "%d", status);
    }
}

UNIT_MAIN("ppts", {"publish, list, fetch", test_publish_and_read}, {"dummies are like all others", test_dummies},
          {"refusals", test_refusals}, {"N8: an envelope of another form", test_form},
          {"N8: which policies make it strict", test_form_by_policy}, {"a full box", test_full_box},
          {"delete once", test_delete}, {"cursor", test_cursor}, {"a cursor of the future", test_cursor_of_the_future},
          {"waiting", test_wait}, {"waiting ends", test_wait_ends}, {"policy", test_policy},
          {"one map to a status", test_status_map})
