/* SPDX-License-Identifier: MIT */
#include "cps/auth/rate_limit.h"
#include "cps/auth/trusted.h"
#include "cps/store/store.h"
#include "tests/unit/store_harness.h"

#include <arpa/inet.h>

/*
 * What the limits that are set by default let through, by a clock of the test's own: senders of the largest networks
 * are not throttled, and a stranger is.
 */
#define SHORT_CODE "72345"
#define SECOND INT64_C(1000000) /* microseconds */

static struct cpsd_config config;
static struct cpsd_service service;

static bool load(void)
{
    struct stir_error err = {0};
    /* what takes certificates and roots otherwise */
    struct stir_conf_overrides overrides = {.text = {"server.listen=", "server.listen_plain=127.0.0.1:0",
                                                     "policy.publish=open"},
                                            .count = 3};
    if (!config.burst_s) {
        UNIT_OK(cpsd_config_load(&config, NULL, &overrides, &err));
        service = (struct cpsd_service){.config = &config};
    }
    return config.burst_s != 0;
}

static struct cpsd_request request_of(enum cpsd_caller_kind kind, const char *dest, const char *address)
{
    struct cpsd_request request = {.service = &service, .dest = harness_box(dest)};
    request.caller.kind = kind;
    UNIT_CHECK(inet_pton(AF_INET6, address, &request.caller.address) == 1, "%s", address);
    return request;
}

/* Publishes per_s times a second for N seconds, to a destination or, with NULL, to another one each time; returns
 * how often it was refused. */
static size_t run(enum cpsd_caller_kind kind, const char *dest, int64_t per_s, int64_t seconds)
{
    struct cpsd_buckets *buckets = cpsd_buckets_new(1000000);
    struct cpsd_request request = request_of(kind, SHORT_CODE, "::ffff:192.0.2.1");
    struct stir_view publisher = kind == CPSD_ANYBODY ? stir_view("", 0)
                                                      : stir_view("12345678"
                                                                  "1234",
                                                                  12);
    size_t refused = 0;
    for (int64_t i = 0; i < per_s * seconds; i++) {
        struct cpsd_spend spend;
        int n = snprintf(request.dest.text, sizeof(request.dest.text), "%s%lld", dest ? dest : "1215555",
                         dest ? 0 : (long long)i);
        request.dest.len = (unsigned)n;
        cpsd_rate_limit_publish(&spend, &request, publisher, 1);
        refused += cpsd_buckets_spend(buckets, &spend, "", SECOND * 1000 + i * SECOND / per_s).refused;
    }
    cpsd_buckets_free(buckets);
    return refused;
}

static void publishers(void)
{
    if (!load()) {
        return;
    }
    UNIT_CHECK(run(CPSD_TLS, SHORT_CODE, 200, 300) == 0, "S4: 200 a second to a short code for five minutes");
    UNIT_CHECK(run(CPSD_ANYBODY, SHORT_CODE, 200, 300) == 0, "S4: also without a credential");
    UNIT_CHECK(run(CPSD_TLS, SHORT_CODE, 500, 300) == 0, "S4: 500 a second to one destination");
    UNIT_CHECK(run(CPSD_TLS, NULL, 20000, 10) == 0, "S4: a sidecar with a certificate is not limited by its address");
    /* the limits are there */
    UNIT_CHECK(run(CPSD_TLS, SHORT_CODE, 600, 300) > 10000, "S4: 600 a second to one destination");
    UNIT_CHECK(run(CPSD_ANYBODY, NULL, 1000, 30) == 0, "S4: 1,000 a second of a stranger");
    UNIT_CHECK(run(CPSD_ANYBODY, NULL, 2000, 30) > 20000, "S4: 2,000 a second of a stranger");
}

/* 200 a second with the life that the server gives them are 12,000 in the box at a time. */
static void box(void)
{
    struct harness h;
    struct cpsd_store_config store = harness_defaults;
    if (!load()) {
        return;
    }
    store.box_limit = (unsigned)config.box_limit;
    store.box_share = (unsigned)config.box_share;
    size_t at_a_time = (size_t)(200 * config.ttl_default_s);
    CU_ASSERT_EQUAL(at_a_time, 12000);
    if (!harness_open(&h, &store)) {
        return;
    }
    struct stir_identity box = harness_box(SHORT_CODE);
    for (unsigned i = 0; i < at_a_time; i++) {
        struct outcome o = {0};
        uint8_t id[CPSD_ID_OCTETS];
        harness_id(id, i);
        const struct cpsd_put put = {.id = id,
                                     .envelope = stir_view_str("x"),
                                     .ttl_ms = config.ttl_default_s * 1000,
                                     .publisher = stir_view_str("12345678")};
        cpsd_store_publish(h.store, &box, &put, harness_done, &o);
        harness_wait(&h, &o);
        UNIT_CODE(o.result.code, STIR_OK, "S4: an envelope of one publisher");
    }
    harness_close(&h);
}

static void unlimited(void)
{
    struct cpsd_spend spend;
    if (!load()) {
        return;
    }
    struct cpsd_request request = request_of(CPSD_ANYBODY, SHORT_CODE, "::");
    cpsd_rate_limit_publish(&spend, &request, stir_view("", 0), 1);
    UNIT_CHECK(spend.count == 1 && strncmp(spend.bucket[0].name, "dest:", 5) == 0,
               "S4: an address that is not known has no limit");
    UNIT_CHECK(config.publish_by_spc == 0, "S4: what a provider may send is the operator's decision");
    cpsd_config_clear(&config);
}

/* The pair's bucket is one for all numbers of a holder, and another one for each publisher. */
static void pairs(void)
{
    static char rows[] = "1215555,1111\n1310555,2222\n";
    struct stir_numtable *numbers = NULL;
    struct cpsd_trusted trusted = {0};
    if (!load()) {
        return;
    }
    UNIT_OK(stir_numtable_parse(&numbers, rows, strlen(rows), NULL));
    trusted.numbers = numbers;
    service.trusted = &trusted;
    const struct stir_view a = stir_view_str("12345678"
                                             "A"),
                           b = stir_view_str("12345678"
                                             "B");
    static const char *const dests[] = {"12155551212", "12155551213", "13105551212", "72345", "72346"};
    struct cpsd_bucket of[2][5];
    for (size_t i = 0; i < 5; i++) {
        struct cpsd_request request = request_of(CPSD_TLS, dests[i], "::1");
        of[0][i] = cpsd_rate_limit_of_pair(&request, a);
        of[1][i] = cpsd_rate_limit_of_pair(&request, b);
    }
    for (size_t i = 0; i < 10; i++) {
        for (size_t j = 0; j < 10; j++) {
            size_t holder_i = i % 5 < 2 ? 0 : i % 5, holder_j = j % 5 < 2 ? 0 : j % 5;
            bool same = i / 5 == j / 5 && holder_i == holder_j;
            UNIT_CHECK((strcmp(of[i / 5][i % 5].name, of[j / 5][j % 5].name) == 0) == same, "S11: %zu and %zu", i, j);
        }
    }
    service.trusted = NULL;
    stir_numtable_unref(numbers);
}

UNIT_MAIN("limits", {"S4: publishers", publishers}, {"S4: a box", box}, {"S11: pairs", pairs},
          {"S4: unlimited", unlimited})
