/* SPDX-License-Identifier: MIT */
#include "client/cps.h"
#include "common/passport/token.h"
#include "tests/unit/fake_cps.h"

#include <time.h>

/* What libcps says of itself to the CPS: a token for each request, made for it alone. */
#define AUTH_X5U "https://certs.example.org/carrier.pem"

static struct world world;
static struct fake_cps fake;
static char auth_chain[96], auth_key[96];
static EVP_PKEY *carrier_key;
static struct cps_options with_auth;

/* What the CPS was told last. */
static char field[8192];

/* Every jti that the CPS saw. */
static char jtis[16][STIR_TOKEN_JTI_MAX + 1];
static atomic_uint jti_count, repeated;

static void note_token(const struct peer_request *request)
{
    static const char name[] = "\r\nAuthorization: Bearer ";
    struct stir_token token;
    const char *at = strstr(request->head, name);
    unsigned count = atomic_load(&jti_count);
    size_t n = at ? strcspn(at + sizeof(name) - 1, "\r\n") : 0;
    if (!at || count == 16 || stir_token_parse(&token, at + sizeof(name) - 1, n, 0, NULL) != STIR_OK) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        repeated += strcmp(jtis[i], token.jti) == 0;
    }
    (void)snprintf(jtis[count], sizeof(jtis[count]), "%s", token.jti);
    atomic_store(&jti_count, count + 1);
    stir_token_clear(&token);
}

static void answer(struct peer *peer, const struct peer_request *request, struct stir_buf *out)
{
    pthread_mutex_lock(&fake.lock);
    note_token(request);
    pthread_mutex_unlock(&fake.lock);
    fake_answer(peer, request, out);
}

static void make_carrier(const char *tnauth, int64_t from, int64_t until)
{
    X509 *carrier = certs_make_for(tnauth,
                                   (struct stir_cert_spec){.common_name = "Carrier",
                                                           .issuer = world.ca,
                                                           .issuer_key = world.ca_key,
                                                           .not_before = from,
                                                           .not_after = until},
                                   &carrier_key);
    WORLD_CERTS(auth_chain, carrier, world.ca);
    world_write_key(auth_key, carrier_key);
}

/* CAs of the world are of 2023; here only the carrier's own certificate and the chain's times count. */
static void begin(void)
{
    int64_t now = (int64_t)time(NULL);
    fake_begin(&fake, &world, (struct cps_options){0});
    fake.peer.answer = answer;
    atomic_store(&jti_count, 0);
    atomic_store(&repeated, 0);
    world_path(auth_chain, &world, "carrier.pem");
    world_path(auth_key, &world, "carrier.key");
    world.ca = certs_make((struct stir_cert_spec){.common_name = "Today's CA",
                                                  .ca = true,
                                                  .issuer = world.root,
                                                  .issuer_key = world.root_key,
                                                  .not_before = now - 86400,
                                                  .not_after = now + 86400},
                          &world.ca_key);
    make_carrier("tn:12155551212,spc:7375,spc:1234", now - 3600, now + 3600);
    with_auth = world.options;
    with_auth.auth_cert_file = auth_chain;
    with_auth.auth_key_file = auth_key;
    with_auth.auth_x5u = AUTH_X5U;
}

static void end(void)
{
    fake_end(&fake, &world);
}

/* The token of the last request; false: there was none. */
static bool last_token(struct stir_token *token)
{
    static const char name[] = "\r\nAuthorization: Bearer ";
    struct stir_error err = {0};
    const char *at = strstr(fake.last.head, name);
    if (!at) {
        return false;
    }
    at += sizeof(name) - 1;
    (void)snprintf(field, sizeof(field), "%.*s", (int)strcspn(at, "\r\n"), at);
    enum stir_code code = stir_token_parse(token, field, strlen(field), 0, &err);
    UNIT_CODE(code, STIR_OK, err.text);
    return code == STIR_OK;
}

/* What a CPS of this name would check. */
static void check_last(enum stir_token_action action, const char *method, const char *target, const char *body,
                       char jti[STIR_TOKEN_JTI_MAX + 1])
{
    static const char *const aud[] = {"127.0.0.1"};
    struct stir_identity dest = {0};
    struct stir_token token;
    struct stir_error err = {0};
    UNIT_STR(fake.last.method, method, "method");
    UNIT_CHECK(strncmp(fake.last.target, target, strlen(target)) == 0, "%s, not %s", fake.last.target, target);
    UNIT_OK(stir_identity_parse_canonical(&dest, WORLD_DEST, strlen(WORLD_DEST), 0, NULL));
    if (!last_token(&token)) {
        UNIT_CHECK(false, "%s %s: no token", fake.last.method, fake.last.target);
        return;
    }
    struct stir_buf array = {0};
    stir_buf_printf(&array, "[\"%s\"]", body ? body : "");
    struct stir_token_expect expect = {.now = (int64_t)time(NULL),
                                       .max_age_s = 60,
                                       .skew_s = 1,
                                       .aud = aud,
                                       .aud_count = 1,
                                       .action = action,
                                       .dest = &dest,
                                       .has_body = body != NULL,
                                       .body = stir_view_str(body ? body : ""),
                                       .passports = stir_view(array.ptr, array.len)};
    UNIT_CODE(stir_token_check(&token, &expect, &err), STIR_OK, err.text);
    UNIT_OK(stir_token_verify_signature(&token, carrier_key, &err));
    UNIT_STR(token.iss, "7375", "iss");
    UNIT_STR(token.sub, "7375", "sub");
    UNIT_STR(token.spc, "7375", "spc");
    UNIT_STR(token.x5u, AUTH_X5U, "x5u");
    UNIT_CHECK(token.has_dest && !token.has_orig && token.exp == -1, "dest alone");
    UNIT_CHECK(strcmp(jti, token.jti) != 0, "the token is a new one");
    (void)snprintf(jti, STIR_TOKEN_JTI_MAX + 1, "%s", token.jti);
    stir_token_clear(&token);
    stir_buf_free(&array);
}

/* An envelope, to be published. */
static struct cps_envelopes sealed;

static const char *envelope(const char *body)
{
    char *passport = world_sign(&world, body, 0);
    struct cps_error err = {0};
    const struct cps_key *to = world.box_public;
    cps_envelopes_clear(&sealed);
    CODE_IS(cps_seal(world.cps, passport, strlen(passport), NULL, &to, 1, &sealed, &err), CPS_OK, err);
    cps_text_free(passport);
    return sealed.items[0].text;
}

static void test_requests(void)
{
    char jti[STIR_TOKEN_JTI_MAX + 1] = "";
    struct cps_envelopes listed = {0};
    struct cps_error err = {0};
    begin();
    struct cps *cps = world_handle(&with_auth);
    const char *text = envelope("Hello");
    for (int i = 0; i < 2; i++) {
        CODE_IS(cps_publish(cps, "+1 (215) 555-1313", text, strlen(text), 60, NULL, &err), CPS_OK, err);
        check_last(STIR_TOKEN_PUBLISH, "POST", "/cps/" WORLD_DEST "/ppts?ttl=60", text, jti);
    }
    CODE_IS(cps_retrieve(cps, WORLD_DEST, NULL, 0, &listed, &err), CPS_OK, err);
    check_last(STIR_TOKEN_RETRIEVE, "GET", "/cps/" WORLD_DEST "/ppts", NULL, jti);
    UNIT_CHECK(!strstr(fake.last.target, "dummies"), "%s", fake.last.target);
    cps_envelopes_clear(&listed);
    CODE_IS(cps_health(cps, NULL, &err), CPS_OK, err);
    UNIT_CHECK(!strstr(fake.last.head, "Authorization"), "nobody has to know who asks how the CPS is");
    cps_free(cps);
    CODE_IS(cps_publish(world.cps, WORLD_DEST, text, strlen(text), 0, NULL, &err), CPS_OK, err);
    UNIT_CHECK(!strstr(fake.last.head, "Authorization"), "no credential, no token");
    end();
}

/* What comes again has a new token: a message sent twice, and what waited in the spool. */
static void test_again(void)
{
    char file[96];
    const struct cps_key *to = NULL;
    struct cps_spool_stats stats = {0};
    struct cps_error err = {0};
    begin();
    to = world.box_public;
    const struct cps_recipient recipient = {.dest = WORLD_DEST, .keys = &to, .key_count = 1};
    struct cps_message message = world_message("Hello");
    world_path(file, &world, "spool.db");
    with_auth.spool_file = file;
    with_auth.spool_retry_min_ms = 1;
    with_auth.spool_retry_max_ms = 20;
    struct cps *cps = world_handle(&with_auth);
    fake.status = 503;
    fake.status_for = 4;
    CODE_IS(cps_send_with_spool(cps, world.signer, &message, &recipient, 1, 0, CPS_SPOOL_ON_FAILURE, NULL, &err),
            CPS_OK, err);
    for (unsigned waited = 0; waited < 4000 && stats.published == 0; waited++) {
        fake_sleep(1);
        CODE_IS(cps_spool_stats(cps, &stats, &err), CPS_OK, err);
    }
    CU_ASSERT_EQUAL(stats.published, 1);
    CU_ASSERT_EQUAL(atomic_load(&fake.plain), 5);
    cps_free(cps);
    CU_ASSERT_EQUAL(atomic_load(&jti_count), 5);
    CU_ASSERT_EQUAL(atomic_load(&repeated), 0);
    end();
}

/* A CPS of two servers, one store behind them: what the first has seen is no good at the second. */
static void test_failover(void)
{
    char urls[160];
    struct cps_error err = {0};
    begin();
    (void)snprintf(urls, sizeof(urls), "%s/one %s/two", fake.peer.url, fake.peer.url);
    with_auth.cps_url = urls;
    struct cps *cps = world_handle(&with_auth);
    const char *text = envelope("Hello");
    fake.status = 503;
    fake.status_for = 1;
    CODE_IS(cps_publish(cps, WORLD_DEST, text, strlen(text), 0, NULL, &err), CPS_OK, err);
    UNIT_CHECK(strncmp(fake.last.target, "/two/", 5) == 0, "%s", fake.last.target);
    CU_ASSERT_EQUAL(atomic_load(&jti_count), 2);
    CU_ASSERT_EQUAL(atomic_load(&repeated), 0);
    cps_free(cps);
    end();
}

static void test_holder(void)
{
    char jti[STIR_TOKEN_JTI_MAX + 1] = "";
    const struct cps_key *with[] = {world.box_private};
    struct cps_message message = world_message("Hello");
    struct cps_envelopes listed = {0};
    struct cps_result result;
    struct cps_error err = {0};
    begin();
    with[0] = world.box_private;
    with_auth.holder = true;
    with_auth.claim = true;
    struct cps *cps = world_handle(&with_auth);
    fake_publish(&fake, &world, "Hello", 0);
    CODE_IS(cps_retrieve(cps, WORLD_DEST, NULL, 0, &listed, &err), CPS_OK, err);
    check_last(STIR_TOKEN_RETRIEVE, "GET", "/cps/" WORLD_DEST "/ppts?dummies=no", NULL, jti);
    cps_envelopes_clear(&listed);
    CODE_IS(cps_retrieve(cps, WORLD_DEST, "1", 0, &listed, &err), CPS_OK, err);
    check_last(STIR_TOKEN_RETRIEVE, "GET", "/cps/" WORLD_DEST "/ppts?dummies=no&after=1", NULL, jti);
    cps_envelopes_clear(&listed);
    (void)!cps_receive(cps, &message, with, 1, 0, &result);
    VERDICT_IS(&result, CPS_PASSED, "the message");
    check_last(STIR_TOKEN_DELETE, "DELETE", "/cps/" WORLD_DEST "/ppts/", NULL, jti);
    cps_result_clear(&result);
    cps_free(cps);
    end();
}

/* The chain in the token, where it is published nowhere; a certificate of numbers alone. */
static void test_chain_inside(void)
{
    struct cps_error err = {0};
    struct stir_token token;
    begin();
    with_auth.auth_x5u = NULL;
    with_auth.auth_spc = "1234";
    with_auth.auth_audience = "cps.example.net";
    struct cps *cps = world_handle(&with_auth);
    const char *text = envelope("Hello");
    CODE_IS(cps_publish(cps, WORLD_DEST, text, strlen(text), 0, NULL, &err), CPS_OK, err);
    if (last_token(&token)) {
        UNIT_CHECK(!token.x5u && json_array_size(token.x5c) == 2, "the chain is in it");
        UNIT_STR(token.spc, "1234", "spc");
        UNIT_STR(token.iss, "1234", "iss");
        UNIT_STR(json_string_value(json_object_get(token.jws.payload, "aud")), "cps.example.net", "aud");
        stir_token_clear(&token);
    }
    cps_free(cps);
    make_carrier("range:12155551000+100", (int64_t)time(NULL) - 3600, (int64_t)time(NULL) + 3600);
    with_auth.auth_spc = NULL;
    cps = world_handle(&with_auth);
    CODE_IS(cps_publish(cps, WORLD_DEST, text, strlen(text), 0, NULL, &err), CPS_OK, err);
    if (last_token(&token)) {
        UNIT_STR(token.iss, "12155551000", "iss");
        UNIT_CHECK(!token.spc, "no SPC");
        stir_token_clear(&token);
    }
    cps_free(cps);
    end();
}

/* A certificate that no CPS would take any more is told of here, and nothing is sent. */
static void test_expired(void)
{
    int64_t now = (int64_t)time(NULL);
    struct cps_envelopes listed = {0};
    struct cps_error err = {0};
    begin();
    const char *text = envelope("Hello");
    make_carrier("spc:7375", now - 3600, now - 60);
    struct cps *cps = world_handle(&with_auth);
    unsigned requests = atomic_load(&fake.peer.requests);
    CODE_IS(cps_publish(cps, WORLD_DEST, text, strlen(text), 0, NULL, &err), CPS_E_CERT_TIME, err);
    UNIT_CHECK(strstr(err.text, "auth_cert_file") && strstr(err.text, "expired"), "%s", err.text);
    CODE_IS(cps_retrieve(cps, WORLD_DEST, NULL, 0, &listed, &err), CPS_E_CERT_TIME, err);
    cps_free(cps);
    make_carrier("spc:7375", now + 600, now + 1000);
    cps = world_handle(&with_auth);
    CODE_IS(cps_publish(cps, WORLD_DEST, text, strlen(text), 0, NULL, &err), CPS_E_CERT_TIME, err);
    UNIT_CHECK(strstr(err.text, "not yet valid") != NULL, "%s", err.text);
    CU_ASSERT_EQUAL(atomic_load(&fake.peer.requests), requests);
    cps_free(cps);
    end();
}

/* What could not be published because nobody had renewed the certificate is published when somebody has. */
static void test_expired_spool(void)
{
    int64_t now = (int64_t)time(NULL);
    char file[96];
    const struct cps_key *to = NULL;
    struct cps_spool_stats stats = {0};
    struct cps_sent sent = {0};
    struct cps_error err = {0};
    begin();
    to = world.box_public;
    const struct cps_recipient recipient = {.dest = WORLD_DEST, .keys = &to, .key_count = 1};
    struct cps_message message = world_message("Hello");
    world_path(file, &world, "spool.db");
    with_auth.spool_file = file;
    with_auth.spool_retry_min_ms = 1;
    with_auth.spool_retry_max_ms = 20;
    make_carrier("spc:7375", now - 3600, now - 60);
    struct cps *cps = world_handle(&with_auth);
    CODE_IS(cps_send_with_spool(cps, world.signer, &message, &recipient, 1, 0, CPS_SPOOL_ON_FAILURE, &sent, &err),
            CPS_OK, err);
    CU_ASSERT_EQUAL(sent.spooled, 1);
    CU_ASSERT_EQUAL(sent.spooled_for.code, CPS_E_CERT_TIME);
    cps_sent_clear(&sent);
    fake_sleep(100);
    CU_ASSERT_EQUAL(atomic_load(&fake.peer.requests), 0);
    cps_free(cps);
    make_carrier("spc:7375", now - 3600, now + 3600);
    cps = world_handle(&with_auth);
    for (unsigned waited = 0; waited < 4000 && stats.published == 0; waited++) {
        fake_sleep(1);
        CODE_IS(cps_spool_stats(cps, &stats, &err), CPS_OK, err);
    }
    CU_ASSERT_EQUAL(stats.published, 1);
    cps_free(cps);
    end();
}

static void refuses(enum cps_code code, const char *says)
{
    struct cps *cps = NULL;
    struct cps_error err = {0};
    enum cps_code is = cps_new(&cps, &with_auth, &err);
    code_is(is, code, says, err.text, __LINE__, __FILE__);
    UNIT_CHECK(strstr(err.text, says) != NULL, "\"%s\" is not in: %s", says, err.text);
    CU_ASSERT_PTR_NULL(cps);
    cps_free(cps);
    with_auth = world.options;
    with_auth.auth_cert_file = auth_chain;
    with_auth.auth_key_file = auth_key;
}

static void test_options(void)
{
    begin();
    with_auth.auth_key_file = NULL;
    refuses(CPS_E_CONFIG, "auth_cert_file and auth_key_file");
    with_auth.auth_cert_file = NULL;
    refuses(CPS_E_CONFIG, "auth_cert_file and auth_key_file");
    with_auth.auth_cert_file = with_auth.auth_key_file = NULL;
    with_auth.auth_x5u = AUTH_X5U;
    refuses(CPS_E_CONFIG, "auth_x5u needs auth_cert_file");
    with_auth.auth_cert_file = with_auth.auth_key_file = NULL;
    with_auth.auth_spc = "1234";
    refuses(CPS_E_CONFIG, "auth_spc needs auth_cert_file");
    with_auth.auth_cert_file = with_auth.auth_key_file = NULL;
    with_auth.holder = true;
    refuses(CPS_E_CONFIG, "holder needs a credential");
    with_auth.auth_x5u = "http://certs.example.org/carrier.pem";
    refuses(CPS_E_X5U, "auth: x5u");
    with_auth.auth_spc = "9999";
    refuses(CPS_E_CERT_SCOPE, "auth_spc");
    with_auth.auth_spc = "12155551212"; /* a number of the certificate's, no SPC */
    refuses(CPS_E_CERT_SCOPE, "auth_spc");
    with_auth.auth_spc = "";
    refuses(CPS_E_CERT_SCOPE, "auth_spc");
    with_auth.auth_key_file = world.signer_key;
    refuses(CPS_E_KEY, "is not that of the certificate");
    with_auth.auth_cert_file = "/nonexistent";
    refuses(CPS_E_IO, "/nonexistent");
    end();
}

/* A caller that was built when there were no credentials. */
static void test_old_size(void)
{
    struct cps_options old;
    struct cps *cps = NULL;
    struct cps_error err = {0};
    begin();
    old = with_auth;
    old.size = offsetof(struct cps_options, auth_cert_file);
    CODE_IS(cps_new(&cps, &old, &err), CPS_OK, err);
    const char *text = envelope("Hello");
    CODE_IS(cps_publish(cps, WORLD_DEST, text, strlen(text), 0, NULL, &err), CPS_OK, err);
    UNIT_CHECK(!strstr(fake.last.head, "Authorization"), "what lies behind its struct is nothing of ours");
    cps_free(cps);
    cps_envelopes_clear(&sealed);
    old.size = offsetof(struct cps_options, numbers_file) - 1;
    CODE_IS(cps_new(&cps, &old, &err), CPS_E_INVAL, err);
    end();
}

UNIT_MAIN("libcps credentials to the CPS", {"requests", test_requests}, {"again", test_again},
          {"failover", test_failover}, {"holder", test_holder}, {"chain inside", test_chain_inside},
          {"expired", test_expired}, {"expired, spooled", test_expired_spool}, {"options", test_options},
          {"older callers", test_old_size})
