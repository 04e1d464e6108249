/* SPDX-License-Identifier: MIT */
#include "common/cert/list_refresh.h"

#include "tests/unit/unit.h"

/* When lists are read or fetched again, and how old they are. Times are milliseconds or seconds from an arbitrary
 * start. */
#define HOUR_MS 3600000

static void test_success(void)
{
    struct stir_list_refresh refresh = {.due_ms = 1000};
    CU_ASSERT_FALSE(stir_list_refresh_is_due(&refresh, 999));
    CU_ASSERT_TRUE(stir_list_refresh_is_due(&refresh, 1000));
    stir_list_refresh_end(&refresh, true, 1000, 77, HOUR_MS);
    CU_ASSERT_TRUE(refresh.tried);
    CU_ASSERT_EQUAL(refresh.good_at, 77);
    CU_ASSERT_EQUAL(refresh.failures, 0);
    CU_ASSERT_FALSE(stir_list_refresh_is_due(&refresh, 1000 + HOUR_MS - 1));
    CU_ASSERT_TRUE(stir_list_refresh_is_due(&refresh, 1000 + HOUR_MS));
}

static void test_failure(void)
{
    struct stir_list_refresh refresh = {.good_at = 77};
    stir_list_refresh_end(&refresh, false, 1000, 99, HOUR_MS);
    CU_ASSERT_TRUE(refresh.tried);
    CU_ASSERT_EQUAL(refresh.good_at, 77);
    CU_ASSERT_EQUAL(refresh.failures, 1);
    CU_ASSERT_FALSE(stir_list_refresh_is_due(&refresh, 1000 + STIR_LIST_RETRY_MS - 1));
    CU_ASSERT_TRUE(stir_list_refresh_is_due(&refresh, 1000 + STIR_LIST_RETRY_MS));
}

static void test_failure_with_a_short_interval(void)
{
    struct stir_list_refresh refresh = {0};
    stir_list_refresh_end(&refresh, false, 1000, 99, 5000);
    CU_ASSERT_EQUAL(refresh.due_ms, 6000);
}

static void test_age(void)
{
    CU_ASSERT_EQUAL(stir_list_age(100, 10, 100), STIR_LIST_CURRENT);
    CU_ASSERT_EQUAL(stir_list_age(100, 10, 101), STIR_LIST_IN_GRACE);
    CU_ASSERT_EQUAL(stir_list_age(100, 10, 110), STIR_LIST_IN_GRACE);
    CU_ASSERT_EQUAL(stir_list_age(100, 10, 111), STIR_LIST_EXPIRED);
    CU_ASSERT_EQUAL(stir_list_age(100, 0, 101), STIR_LIST_EXPIRED);
}

UNIT_MAIN("list_refresh", {"after a success", test_success}, {"after a failure", test_failure},
          {"after a failure, with an interval below a minute", test_failure_with_a_short_interval}, {"age", test_age})
