/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_retry.h"
#include "tests/unit/unit.h"

static const struct cps_spool_pace pace = {.min_ms = 100, .max_ms = 3200, .parallel = 8};

static void test_fates(void)
{
    static const struct {
        enum cps_code code;
        enum cps_spool_fate fate;
        bool may_pass;
    } table[] = {
        {CPS_OK, CPS_FATE_PUBLISHED, false},
        {CPS_E_CONNECT, CPS_FATE_CPS, true},
        {CPS_E_TLS, CPS_FATE_CPS, true},
        {CPS_E_TIMEOUT, CPS_FATE_CPS, true},
        {CPS_E_UNAVAILABLE, CPS_FATE_CPS, true},
        {CPS_E_AWAY, CPS_FATE_AWAY, true},
        {CPS_E_PROTOCOL, CPS_FATE_CPS, false},
        {CPS_E_UNAUTHORIZED, CPS_FATE_CPS, false},
        {CPS_E_FORBIDDEN, CPS_FATE_BOX, false},
        {CPS_E_BOX_FULL, CPS_FATE_BOX, true},
        {CPS_E_REFUSED, CPS_FATE_REFUSED, false},
        {CPS_E_CERT_TIME, CPS_FATE_CPS, true},
        {CPS_E_CLOSED, CPS_FATE_LOCAL, true},
        {CPS_E_BUSY, CPS_FATE_LOCAL, true},
        {CPS_E_NOMEM, CPS_FATE_LOCAL, false},
        {CPS_E_INVAL, CPS_FATE_LOCAL, false},
        {(enum cps_code)9999, CPS_FATE_LOCAL, false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        UNIT_CHECK(cps_spool_fate(table[i].code) == table[i].fate, "%s", cps_error_name(table[i].code));
        UNIT_CHECK(cps_spool_may_pass(table[i].code) == table[i].may_pass, "%s", cps_error_name(table[i].code));
    }
}

/* Full jitter: anything from 1 ms to the bound, which doubles up to the longest. */
static void test_pauses(void)
{
    static const struct {
        unsigned tries;
        uint64_t random;
        int64_t pause;
    } table[] = {
        {0, 0, 1},
        {0, 99, 100},
        {1, 0, 1},
        {1, 99, 100},
        {1, 100, 1},
        {2, 199, 200},
        {2, 200, 1},
        {3, 399, 400},
        {6, 3199, 3200},
        {6, 3200, 1},
        {7, 3199, 3200},
        {4000000000u, 3199, 3200},
        {1, UINT64_MAX, 1 + (int64_t)(UINT64_MAX % 100)},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int64_t pause = cps_spool_pause(&pace, table[i].tries, 0, table[i].random);
        UNIT_CHECK(pause == table[i].pause, "row %zu: %lld", i, (long long)pause);
    }
    CU_ASSERT_EQUAL(cps_spool_pause(&pace, 1, 7, 0), 7001);
    CU_ASSERT_EQUAL(cps_spool_pause(&pace, 1, 7, 99), 7100);
    CU_ASSERT_EQUAL(cps_spool_pause(&pace, 1, UINT32_MAX, 0), CPS_SPOOL_RETRY_AFTER_MAX_S * 1000 + 1);
    struct cps_spool_pace odd = {.min_ms = 3, .max_ms = 10, .parallel = 1};
    CU_ASSERT_EQUAL(cps_spool_pause(&odd, 9, 0, 9), 10);
    CU_ASSERT_EQUAL(cps_spool_pause(&odd, 9, 0, 10), 1);
}

/* One first, then twice as many with each success, up to the limit; all the way back with a failure. */
static void test_window(void)
{
    static const unsigned grows[] = {1, 2, 4, 8, 8};
    struct cps_spool_retry retry;
    cps_spool_retry_init(&retry, &pace);
    for (size_t i = 0; i < sizeof(grows) / sizeof(grows[0]); i++) {
        CU_ASSERT_EQUAL(cps_spool_room(&retry, 1000, 0), grows[i]);
        CU_ASSERT_EQUAL(cps_spool_room(&retry, 1000, grows[i]), 0);
        CU_ASSERT_EQUAL(cps_spool_room(&retry, 1000, grows[i] + 1), 0);
        cps_spool_heard(&retry, CPS_FATE_PUBLISHED, 0, 1000, 0);
    }
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 1000, 3), 5);
    cps_spool_heard(&retry, CPS_FATE_CPS, 0, 1000, 49);
    CU_ASSERT_TRUE(retry.away);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 1000, 0), 0);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 1049, 0), 0);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 1050, 0), 1);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 1050, 1), 0);
    cps_spool_heard(&retry, CPS_FATE_PUBLISHED, 0, 1050, 0);
    CU_ASSERT_FALSE(retry.away);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 1050, 0), 2);
    struct cps_spool_pace single = {.min_ms = 1, .max_ms = 1, .parallel = 1};
    cps_spool_retry_init(&retry, &single);
    for (int i = 0; i < 5; i++) {
        cps_spool_heard(&retry, CPS_FATE_PUBLISHED, 0, 0, 0);
        CU_ASSERT_EQUAL(cps_spool_room(&retry, 0, 0), 1);
    }
}

static void test_backoff(void)
{
    static const int64_t bounds[] = {100, 200, 400, 800, 1600, 3200, 3200, 3200};
    struct cps_spool_retry retry;
    int64_t now = 5000;
    cps_spool_retry_init(&retry, &pace);
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        cps_spool_heard(&retry, CPS_FATE_CPS, 0, now, (uint64_t)bounds[i] - 1);
        CU_ASSERT_EQUAL(retry.not_before_ms, now + bounds[i]);
        now = retry.not_before_ms;
    }
    /* what was under way together fails as one; only what the CPS asks for makes the pause longer */
    cps_spool_heard(&retry, CPS_FATE_PUBLISHED, 0, now, 0);
    cps_spool_heard(&retry, CPS_FATE_CPS, 0, now, 0);
    for (unsigned i = 0; i < 7; i++) {
        cps_spool_heard(&retry, CPS_FATE_CPS, 0, now, 99);
    }
    CU_ASSERT_EQUAL(retry.failures, 1);
    CU_ASSERT_EQUAL(retry.not_before_ms, now + 1);
    cps_spool_heard(&retry, CPS_FATE_CPS, 3, now, 0);
    CU_ASSERT_EQUAL(retry.not_before_ms, now + 3001);
    cps_spool_heard(&retry, CPS_FATE_CPS, 2, now, 0);
    CU_ASSERT_EQUAL(retry.not_before_ms, now + 3001);
    cps_spool_heard(&retry, CPS_FATE_LOCAL, 0, now, 0);
    CU_ASSERT_TRUE(retry.away);
    cps_spool_heard(&retry, CPS_FATE_REFUSED, 0, now, 0);
    CU_ASSERT_FALSE(retry.away);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, now, 0), 1);
}

/* A full box is its own affair; many in a row are not. */
static void test_boxes(void)
{
    struct cps_spool_retry retry;
    cps_spool_retry_init(&retry, &pace);
    for (int i = 0; i < 4; i++) {
        cps_spool_heard(&retry, CPS_FATE_PUBLISHED, 0, 0, 0);
    }
    cps_spool_heard(&retry, CPS_FATE_BOX, 60, 0, 0);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 0, 0), 4);
    for (int i = 1; i < 15; i++) {
        cps_spool_heard(&retry, CPS_FATE_BOX, 60, 0, 0);
        CU_ASSERT_TRUE(cps_spool_room(&retry, 0, 0) >= 1);
    }
    cps_spool_heard(&retry, CPS_FATE_BOX, 60, 0, 0);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 60000, 0), 0);
    CU_ASSERT_EQUAL(cps_spool_room(&retry, 60001, 0), 1);
    CU_ASSERT_FALSE(retry.away);
    cps_spool_heard(&retry, CPS_FATE_CPS, 0, 70000, 0);
    cps_spool_heard(&retry, CPS_FATE_BOX, 0, 70000, 0);
    CU_ASSERT_FALSE(retry.away);
}

UNIT_MAIN("libcps: when the spool tries again", {"what an answer means", test_fates}, {"pauses", test_pauses},
          {"how much at once", test_window}, {"a CPS that is away", test_backoff}, {"full boxes", test_boxes})
