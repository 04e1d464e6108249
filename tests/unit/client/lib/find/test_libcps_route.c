/* SPDX-License-Identifier: MIT */
#include "client/lib/context/handle.h"
#include "client/lib/find/route.h"
#include "common/jose/key.h"
#include "tests/unit/jose.h"
#include "tests/unit/keys_world.h"

/* Where a request goes, and what happens when a server does not answer. */
static struct world world;
static struct keys_cps a, b;
static char roots[96], numbers[96], both[160];
static char log_text[8192];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_log(void *arg, enum cps_log_level level, const char *line)
{
    (void)arg;
    (void)level;
    pthread_mutex_lock(&log_lock);
    if (strlen(log_text) + strlen(line) + 2 < sizeof(log_text)) {
        (void)snprintf(log_text + strlen(log_text), sizeof(log_text) - strlen(log_text), "%s\n", line);
    }
    pthread_mutex_unlock(&log_lock);
}

/* Makes the handle again, with other options. */
static void begin_handle(struct cps_options options)
{
    options.size = sizeof(options);
    options.tls_ca_file = roots;
    options.trust_file = world.trust;
    options.x5u_dir = world.x5u_dir;
    options.now = world_now;
    options.log = keep_log;
    cps_free(world.cps);
    world.cps = NULL;
    world.cps = world_handle(&options);
}

/* urls NULL: both servers. */
static void begin_with(struct cps_options options, const char *urls)
{
    world_begin(&world, NULL);
    keys_cps_start(&a, &world, "a.pem");
    keys_cps_start(&b, &world, "b.pem");
    keys_join(roots, &world, a.ca_file, b.ca_file);
    (void)snprintf(both, sizeof(both), "%s/, %s", a.peer.url, b.peer.url);
    log_text[0] = '\0';
    options.cps_url = urls ? urls : both;
    begin_handle(options);
}

/* Waits until the CPS is away, or is not. */
static void await_away(bool away)
{
    struct cps_away_status status = {.away = !away};
    for (int i = 0; i < 6000 && status.away != away; i++) {
        keys_sleep_ms(5);
        cps_away(world.cps, &status);
    }
    UNIT_CHECK(status.away == away, "it is %s", away ? "not away" : "still away");
}

/* With the log's lock. */
static unsigned log_count(const char *text)
{
    unsigned count = 0;
    for (const char *at = log_text; (at = strstr(at, text)); at++) {
        count++;
    }
    return count;
}

static void begin(void)
{
    begin_with((struct cps_options){0}, NULL);
}

/* With the first server alone. */
static void begin_alone(struct cps_options options)
{
    begin();
    options.cps_url = a.peer.url;
    begin_handle(options);
}

static void end(void)
{
    cps_free(world.cps); /* before the servers: its connections are theirs */
    world.cps = NULL;
    keys_cps_stop(&a);
    keys_cps_stop(&b);
    world_end(&world);
}

static void publishes(enum cps_code code, unsigned line)
{
    struct cps_published published;
    struct cps_error err = {0};
    enum cps_code is = cps_publish(world.cps, WORLD_DEST, "a.b.c.d.e", 9, 0, &published, &err);
    unit_check(is == code, line, __FILE__, "line %u: %s (%s), expected %s", line, cps_error_name(is), err.text,
               cps_error_name(code));
}
#define PUBLISHES(code) publishes((code), __LINE__)
#define POSTS(x) atomic_load(&(x).posts)

static void test_first_is_first(void)
{
    begin();
    for (unsigned i = 0; i < 5; i++) {
        PUBLISHES(CPS_OK);
    }
    CU_ASSERT_EQUAL(POSTS(a), 5);
    CU_ASSERT_EQUAL(POSTS(b), 0);
    end();
}

/* Publishes to the second server because the first one answers 5xx. Returns how long that took in milliseconds. */
static int64_t fail_over(void)
{
    begin();
    keys_set(&a, &a.any_status, 503);
    int64_t begun = cps_monotonic_ms();
    PUBLISHES(CPS_OK);
    return cps_monotonic_ms() - begun;
}

/* The next server is asked at once, not when the I/O thread looks around by itself, which it does every second. On a
 * busy machine one attempt may take as long; not each of five. */
static void test_failover_at_once(void)
{
    bool at_once = false;
    for (int i = 0; i < 5 && !at_once; i++) {
        at_once = fail_over() < 950;
        end();
    }
    CU_ASSERT_TRUE(at_once);
}

/* Waits until a server was asked how it is this many times, and is left alone no longer than, or longer than, ms. */
static void await_health(unsigned healths, int64_t above, int64_t below)
{
    int64_t left = INT64_MIN;
    for (int i = 0; i < 3000 && !(left > above && left < below); i++) {
        keys_sleep_ms(10);
        left = atomic_load(&a.healths) == healths ? cps_route_left_alone_ms(world.cps->route, 0) : INT64_MIN;
    }
    UNIT_CHECK(left > above && left < below, "asked %u times, left alone for %d ms", atomic_load(&a.healths),
               (int)left);
}

/* Waits until the first server is used again. */
static void await_used(void)
{
    for (int i = 0; i < 3000 && cps_route_left_alone_ms(world.cps->route, 0); i++) {
        keys_sleep_ms(10);
    }
    CU_ASSERT_EQUAL(cps_route_left_alone_ms(world.cps->route, 0), 0);
}

/* A server that answers 5xx is left alone, asked how it is, and used again. */
static void test_failover_and_back(void)
{
    (void)fail_over();
    CU_ASSERT_EQUAL(POSTS(a), 1);
    CU_ASSERT_EQUAL(POSTS(b), 1);
    CU_ASSERT_TRUE(cps_route_left_alone_ms(world.cps->route, 0) > 0);
    CU_ASSERT_EQUAL(cps_route_left_alone_ms(world.cps->route, 1), 0);
    PUBLISHES(CPS_OK);
    CU_ASSERT_EQUAL(POSTS(a), 1); /* not asked again yet */
    CU_ASSERT_EQUAL(POSTS(b), 2);
    await_health(1, 1000, 2001); /* asked how it is, in the background: not well */
    CU_ASSERT_EQUAL(POSTS(a), 1);
    keys_set(&a, &a.any_status, 0);
    await_health(2, -1, 1);
    PUBLISHES(CPS_OK);
    CU_ASSERT_EQUAL(POSTS(a), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "is left alone for 1000 ms"));
    CU_ASSERT_PTR_NOT_NULL(strstr(log_text, "answers again"));
    end();
}

/* Nobody listens; somebody listens and says nothing. */
static void test_dead_and_mute(void)
{
    char urls[160];
    begin();
    keys_cps_stop(&a);
    PUBLISHES(CPS_OK);
    CU_ASSERT_EQUAL(POSTS(b), 1);
    keys_cps_start(&a, &world, "a.pem"); /* at another port: nobody knows */
    end();

    begin_with((struct cps_options){.request_timeout_ms = 3000}, NULL);
    atomic_store(&a.delay_ms, 60000);
    PUBLISHES(CPS_OK);
    CU_ASSERT_EQUAL(POSTS(b), 1);
    PUBLISHES(CPS_OK);
    CU_ASSERT_EQUAL(POSTS(a), 1); /* it was not asked again, and did not have to time out again */
    CU_ASSERT_EQUAL(POSTS(b), 2);
    end();

    (void)snprintf(urls, sizeof(urls), "https://127.0.0.1:1|https://127.0.0.1:2");
    begin_with((struct cps_options){0}, urls);
    PUBLISHES(CPS_E_CONNECT);
    await_away(true);
    PUBLISHES(CPS_E_AWAY);
    end();
}

/* What another server would say as well is not asked of it. */
static void test_no_failover(void)
{
    static const struct {
        int status;
        enum cps_code code;
    } rows[] = {{400, CPS_E_REFUSED}, {401, CPS_E_UNAUTHORIZED}, {403, CPS_E_FORBIDDEN}, {429, CPS_E_BOX_FULL}};
    begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        keys_set(&a, &a.any_status, rows[i].status);
        PUBLISHES(rows[i].code);
    }
    CU_ASSERT_EQUAL(POSTS(b), 0);
    CU_ASSERT_EQUAL(cps_route_left_alone_ms(world.cps->route, 0), 0);
    /* all fail: the last one's word */
    keys_set(&a, &a.any_status, 500);
    keys_set(&b, &b.any_status, 503);
    PUBLISHES(CPS_E_UNAVAILABLE);
    CU_ASSERT_EQUAL(POSTS(b), 1);
    end();
}

/* Publishes three times to a CPS that answers 503 to that and is well. True: it was asked each time. */
static bool asks_each_time(void)
{
    struct cps_error err = {0};
    unsigned asked = 0;
    begin_alone((struct cps_options){0});
    keys_set(&a, &a.post_status, 503);
    for (unsigned i = 0; i < 3; i++) {
        asked += cps_publish(world.cps, WORLD_DEST, "a.b.c.d.e", 9, 0, NULL, &err) == CPS_E_UNAVAILABLE;
    }
    UNIT_CHECK(POSTS(a) == asked, "asked %u times, %u answers", POSTS(a), asked);
    await_used();
    keys_set(&a, &a.post_status, 0);
    PUBLISHES(CPS_OK);
    return asked == 3;
}

/* A CPS that answers 5xx to some requests and is well itself is not away. On a busy machine it may take too long to say
 * so once; not each of five times. */
static void test_single_in_trouble(void)
{
    bool each_time = false;
    for (int i = 0; i < 5 && !each_time; i++) {
        each_time = asks_each_time();
        end();
    }
    CU_ASSERT_TRUE(each_time);
}

struct away_case {
    const char *name;
    int status;        /* of all answers */
    unsigned delay_ms; /* of all answers */
    enum cps_code code;
};

/* One server: the failure, a probe that fails as well, then nobody is asked until it answers. */
static void away_and_back(const struct away_case *row)
{
    struct cps_away_status status;
    begin_alone((struct cps_options){.request_timeout_ms = row->delay_ms ? 1500 : 20000});
    PUBLISHES(CPS_OK);
    keys_set(&a, &a.any_status, row->status);
    atomic_store(&a.delay_ms, row->delay_ms);
    PUBLISHES(row->code);
    await_away(true);
    unsigned posts = POSTS(a);
    for (unsigned i = 0; i < 100; i++) {
        PUBLISHES(CPS_E_AWAY);
    }
    CU_ASSERT_EQUAL(POSTS(a), posts);
    cps_away(world.cps, &status);
    UNIT_CHECK(status.away && status.away_ms >= 0 && status.lost == 1 && status.others == 0, "%s: away", row->name);
    UNIT_CHECK(status.cause.code != CPS_OK && status.cause.text[0], "%s: %s", row->name, status.cause.text);
    keys_set(&a, &a.any_status, 0);
    atomic_store(&a.delay_ms, 0);
    await_away(false);
    PUBLISHES(CPS_OK);
    cps_away(world.cps, &status);
    UNIT_CHECK(!status.away && status.lost == 1, "%s: back", row->name);
    pthread_mutex_lock(&log_lock);
    UNIT_CHECK(log_count("the CPS is away: https://") == 1 && log_count("the CPS answers again: https://") == 1,
               "%s: told once each: %s", row->name, log_text);
    pthread_mutex_unlock(&log_lock);
    end();
}

static void test_away(void)
{
    static const struct away_case rows[] = {
        {"5xx", 503, 0, CPS_E_UNAVAILABLE},
        {"no answer", 0, 60000, CPS_E_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        away_and_back(&rows[i]);
    }
}

/* N5: what is received while the CPS is away is cps-unavailable at once, and nobody is accused, also afterwards. */
static void test_n5_receive_while_away(void)
{
    struct cps_message message = world_message("Hello");
    struct cps_result result = {0};
    begin_alone((struct cps_options){.request_timeout_ms = 1500});
    const struct cps_key *own[] = {world.box_private};
    atomic_store(&a.delay_ms, 60000);
    CODE_IS(cps_receive(world.cps, &message, own, 1, 0, &result), CPS_E_TIMEOUT, result.error);
    cps_result_clear(&result);
    await_away(true);
    unsigned lists = atomic_load(&a.lists);
    for (unsigned i = 0; i < 20; i++) {
        CODE_IS(cps_receive(world.cps, &message, own, 1, 0, &result), CPS_E_AWAY, result.error);
        VERDICT_IS(&result, CPS_CPS_UNAVAILABLE, "away");
        cps_result_clear(&result);
    }
    keys_sleep_ms(1000); /* a CPS that was restarted is waited for; one that stays away is not */
    int64_t begun = cps_monotonic_ms();
    CODE_IS(cps_receive(world.cps, &message, own, 1, 60000, &result), CPS_E_AWAY, result.error);
    UNIT_CHECK(cps_monotonic_ms() - begun < 30000, "it did not wait for what cannot come");
    cps_result_clear(&result);
    CU_ASSERT_EQUAL(atomic_load(&a.lists), lists);
    atomic_store(&a.delay_ms, 0);
    await_away(false);
    CODE_IS(cps_receive(world.cps, &message, own, 1, 0, &result), CPS_E_NO_PASSPORT, result.error);
    cps_result_clear(&result);
    end();
}

/* A CPS says nothing about another one. */
static void test_away_is_of_one_cps(void)
{
    char rows[256];
    struct cps_away_status status;
    struct cps_error err = {0};
    begin();
    world_path(numbers, &world, "numbers.csv");
    int n = snprintf(rows, sizeof(rows), "1215,5678,%s\n", b.peer.url);
    world_write(numbers, rows, (size_t)n);
    begin_handle((struct cps_options){.cps_url = a.peer.url, .numbers_file = numbers});
    keys_set(&b, &b.any_status, 500);
    PUBLISHES(CPS_E_UNAVAILABLE);
    for (unsigned i = 0; i < 2000 && (cps_away(world.cps, &status), !status.others); i++) {
        keys_sleep_ms(5);
    }
    UNIT_CHECK(!status.away && status.others == 1, "the other one is away");
    PUBLISHES(CPS_E_AWAY);
    CODE_IS(cps_publish(world.cps, "13035550000", "a.b.c.d.e", 9, 0, NULL, &err), CPS_OK, err);
    end();
}

static void test_number_table(void)
{
    char rows[256];
    begin();
    world_path(numbers, &world, "numbers.csv");
    int n = snprintf(rows, sizeof(rows), "1215,5678,%s\n121555512,1\n44,2,https://127.0.0.1:1|%s\n", b.peer.url,
                     b.peer.url);
    world_write(numbers, rows, (size_t)n);
    struct cps_options options = {.size = sizeof(options),
                                  .cps_url = a.peer.url,
                                  .tls_ca_file = roots,
                                  .numbers_file = numbers};
    cps_free(world.cps);
    world.cps = world_handle(&options);
    static const struct {
        const char *dest;
        unsigned a, b;
    } expected[] = {{"12155551313", 0, 1},
                    {"12155551212", 1, 0},
                    {"13035550000", 1, 0},
                    {"447700900000", 0, 1},
                    {"sip:alice@example.com", 1, 0}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct cps_error err = {0};
        unsigned at_a = POSTS(a), at_b = POSTS(b);
        CODE_IS(cps_publish(world.cps, expected[i].dest, "a.b.c.d.e", 9, 0, NULL, &err), CPS_OK, err);
        UNIT_CHECK(POSTS(a) - at_a == expected[i].a && POSTS(b) - at_b == expected[i].b, "%s", expected[i].dest);
    }
    end();
}

static void test_bad_urls(void)
{
    static const char *const urls[] = {
        "",
        ",",
        "http://127.0.0.1",
        "https://a.example.com,http://b.example.com",
        "https://a.example.com,x",
        "https://user@a.example.com",
        "https://a.example.com/?q",
        "https://1,https://2,https://3,https://4,https://5,https://6,https://7,https://8,https://9"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct cps_options options = {.size = sizeof(options), .cps_url = urls[i]};
        struct cps_error err = {0};
        struct cps *cps = NULL;
        enum cps_code code = cps_new(&cps, &options, &err);
        UNIT_CHECK(code == CPS_E_CONFIG && strncmp(err.text, "cps_url", 7) == 0, "\"%s\": %s (%s)", urls[i],
                   cps_error_name(code), err.text);
        cps_free(cps);
    }
}

/* A record of the destination's that names b as its CPS. */
static void sign_record(void)
{
    struct keys_holder bob = keys_holder(&world, "tn:" WORLD_DEST);
    struct cps_error err = {0};
    char jwk[] = "{\"crv\":\"X25519\",\"kty\":\"OKP\",\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}";
    struct stir_keyrecord_key key = {.pkey = jose_key(jwk), .not_before = INT64_MIN, .not_after = INT64_MAX};
    (void)err;
    keys_sign(&a, &world, &bob, "tn:" WORLD_DEST,
              (struct stir_keyrecord_spec){
                  .keys = &key, .key_count = 1, .iat = CERTS_NOW - 5, .exp = CERTS_NOW + 1000, .cps = b.peer.url});
    EVP_PKEY_free(key.pkey);
}

static void test_by_record(void)
{
    struct cps_message message = world_message("Hello");
    struct cps_recipient recipient = {.dest = WORLD_DEST};
    struct cps_sent sent = {0};
    struct cps_error err = {0};
    struct cps_result result = {0};
    begin_with((struct cps_options){.route_by_record = true, .record_allow_private = true}, NULL);
    cps_free(world.cps);
    struct cps_options options = {.size = sizeof(options),
                                  .cps_url = a.peer.url,
                                  .tls_ca_file = roots,
                                  .trust_file = world.trust,
                                  .x5u_dir = world.x5u_dir,
                                  .now = world_now,
                                  .route_by_record = true,
                                  .record_allow_private = true};
    world.cps = world_handle(&options);
    sign_record();
    const struct cps_key *given[] = {world.box_public}, *own[] = {world.box_private};
    /* keys that are given: the record says where */
    recipient.keys = given;
    recipient.key_count = 1;
    CODE_IS(cps_send(world.cps, world.signer, &message, &recipient, 1, 0, &sent, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(POSTS(a), 0);
    CU_ASSERT_EQUAL(POSTS(b), 1);
    cps_sent_clear(&sent);
    PUBLISHES(CPS_OK);
    CU_ASSERT_EQUAL(POSTS(b), 2);
    CU_ASSERT_EQUAL(atomic_load(&a.gets), 1);
    b.count = 1; /* what was published just now was no envelope */
    /* and where to read */
    CODE_IS(cps_receive(world.cps, &message, own, 1, 0, &result), CPS_OK, result.error);
    CU_ASSERT_EQUAL(atomic_load(&a.lists), 0);
    CU_ASSERT_TRUE(atomic_load(&b.lists) > 0);
    cps_result_clear(&result);
    struct cps_envelopes envelopes = {0};
    CODE_IS(cps_retrieve(world.cps, WORLD_DEST, NULL, 0, &envelopes, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(envelopes.count, 1);
    CU_ASSERT_EQUAL(atomic_load(&a.lists), 0);
    cps_envelopes_clear(&envelopes);
    /* a destination without a record is read where the default is */
    keys_set(&a, &a.status, 404);
    CODE_IS(cps_retrieve(world.cps, "447700900000", NULL, 0, &envelopes, &err), CPS_OK, err);
    CU_ASSERT_EQUAL(atomic_load(&a.lists), 1);
    cps_envelopes_clear(&envelopes);
    end();
}

UNIT_MAIN("libcps: routes", {"the first is first", test_first_is_first},
          {"the next server at once", test_failover_at_once}, {"over and back", test_failover_and_back},
          {"dead and mute", test_dead_and_mute}, {"no failover", test_no_failover},
          {"one server in trouble", test_single_in_trouble}, {"away and back", test_away},
          {"N5: what is received while the CPS is away", test_n5_receive_while_away},
          {"a CPS says nothing about another", test_away_is_of_one_cps}, {"number table", test_number_table},
          {"bad URLs", test_bad_urls}, {"by record", test_by_record})
