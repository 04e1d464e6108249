/* SPDX-License-Identifier: MIT */
#include "client/lib/context/clock.h"

#include "client/lib/context/handle.h"

#include <time.h>

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cps_now(const struct cps *cps)
{
    return cps->options.now ? cps->options.now(cps->options.now_arg) : (int64_t)time(NULL);
}

int64_t cps_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t cps_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}
