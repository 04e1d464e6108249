/* SPDX-License-Identifier: MIT */
#pragma once

#include "tests/unit/redis_server.h"
#include "tests/unit/store_harness.h"

/*
 * A test that runs against each backend: ON_BOTH(name, &config) makes memory_name and redis_name of name(harness).
 */
static inline void both_with(void (*test)(struct harness *h), const struct cpsd_store_config *config)
{
    struct harness h;
    if (harness_open(&h, config)) {
        test(&h);
        harness_close(&h);
    }
}

static struct redis_server server;

static inline void both_end(void)
{
    redis_end(&server);
}

/* One server for all tests, empty for each. */
static inline void both_with_redis(void (*test)(struct harness *h), const struct cpsd_store_config *config)
{
    char url[128];
    struct cpsd_store_config of_redis = *config;
    if (!server.pid) {
        (void)atexit(both_end);
        (void)redis_start(&server, NULL);
    }
    if (server.pid) {
        CU_ASSERT_FATAL(redis_says(&server, "FLUSHALL", "+OK"));
        redis_url(&server, url, sizeof(url));
        of_redis.url = url;
        both_with(test, &of_redis);
    }
}

#define ON_BOTH(name, config)                                                                                          \
    static void memory_##name(void)                                                                                    \
    {                                                                                                                  \
        both_with(name, config);                                                                                       \
    }                                                                                                                  \
    static void redis_##name(void)                                                                                     \
    {                                                                                                                  \
        both_with_redis(name, config);                                                                                 \
    }
