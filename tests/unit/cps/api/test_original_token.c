/* SPDX-License-Identifier: MIT */
#include "cps/api/original_token.h"

#include "tests/unit/unit.h"

/* How long what a peer hands on is kept: it may have been published at the last moment at which its token was good. */
static void test_life(void)
{
    static const struct {
        const char *label;
        struct cpsd_original_token_life life;
        int64_t ttl_ms;
    } rows[] = {
        {"just published", {1000, 1000, -1, 60, 5, 15}, 15000},
        {"a minute old: perhaps published just now", {1060, 1000, -1, 60, 5, 15}, 15000},
        {"the skew is counted", {1065, 1000, -1, 60, 5, 15}, 15000},
        {"a part of its life is over for sure", {1070, 1000, -1, 60, 5, 15}, 10000},
        {"one second is left", {1079, 1000, -1, 60, 5, 15}, 1000},
        {"over", {1080, 1000, -1, 60, 5, 15}, 0},
        {"long over", {1000000, 1000, -1, 60, 5, 15}, 0},
        {"exp ends it earlier", {1030, 1000, 1010, 60, 5, 15}, 0},
        {"exp, and a second is left", {1029, 1000, 1010, 60, 5, 15}, 1000},
        {"exp of years changes nothing", {1080, 1000, 900000000, 60, 5, 15}, 0},
        {"exp before iat", {1000, 1000, 0, 60, 5, 15}, 0},
        {"the clock there is ahead", {1000, 1005, -1, 60, 5, 15}, 15000},
        {"too far ahead", {1000, 1006, -1, 60, 5, 15}, 0},
        {"the end of time", {1000, (int64_t)1 << 53, (int64_t)1 << 53, 60, 5, 15}, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ttl = cpsd_original_token_ttl_ms(&rows[i].life);
        UNIT_CHECK(ttl == rows[i].ttl_ms, "%s: %lld", rows[i].label, (long long)ttl);
    }
}

UNIT_MAIN("original_token", {"how long a republished PASSporT is kept", test_life})
