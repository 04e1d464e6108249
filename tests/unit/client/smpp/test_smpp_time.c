/* SPDX-License-Identifier: MIT */
#include "client/smpp/time.h"
#include "tests/unit/unit.h"

/* schedule_delivery_time and validity_period. */

#define NOW INT64_C(1796000000) /* 2026-11-30 00:53:20 UTC */

static void test_times(void)
{
    static const struct {
        const char *text;
        bool good;
        int64_t seconds;
    } rows[] = {
        {"261130005320000+", true, 0},
        {"261130015320000+", true, 3600},
        {"261130005321900-", true, 1},
        {"261130015320004+", true, 0}, /* an hour ahead of UTC */
        {"261129235320004-", true, 0}, /* an hour behind it */
        {"261130005310000+", true, -10},
        {"280229000000000+", true, 39395200},
        {"000000010000000R", true, 3600},
        {"000001000001000R", true, 86401},
        {"010203040506000R", true, (365 + 60 + 3) * 86400 + 4 * 3600 + 5 * 60 + 6},
        {"000000000000000R", true, 0},
        {"", false, 0},
        {"26113000532000+", false, 0},
        {"2611300053200000+", false, 0},
        {"261130005320000", false, 0},
        {"261130005320000Z", false, 0},
        {"26113000532000a+", false, 0},
        {"270229000000000+", false, 0}, /* no leap year */
        {"261330005320000+", false, 0},
        {"261100005320000+", false, 0},
        {"261130245320000+", false, 0},
        {"261130006020000+", false, 0},
        {"261130005320049+", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t seconds = 77;
        bool good = smpp_time_read(&seconds, stir_view_str(rows[i].text), NOW);
        UNIT_CHECK(good == rows[i].good && seconds == (good ? rows[i].seconds : 77), "%s: %d, %lld", rows[i].text, good,
                   (long long)seconds);
    }
}

UNIT_MAIN("smpp_time", {"times", test_times})
