/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

struct cps;

/* Returns the time by which the handle judges messages: seconds since 1970-01-01 UTC, from options.now if that is set,
 * else from the system's clock. */
int64_t cps_now(const struct cps *cps);

/* Returns milliseconds of the monotonic clock, for deadlines and pauses. */
int64_t cps_monotonic_ms(void);

/* Returns milliseconds since 1970-01-01 UTC by the system's clock, which may be set back or forth. */
int64_t cps_wall_ms(void);
