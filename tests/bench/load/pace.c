/* SPDX-License-Identifier: MIT */
#include "tests/bench/load/load.h"

#include <math.h>

/* Uniform in (0, 1], the same for every run with the same seed. */
static double chance(struct load_pace *pace)
{
    pace->seed = pace->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(pace->seed >> 11) + 1) / 9007199254740993.0;
}

void load_pace_start(struct load_pace *pace, uint64_t rate, uint64_t now_ns)
{
    *pace = (struct load_pace){.rate = rate, .seed = rate, .due_ns = now_ns};
    load_pace_next(pace);
}

/* Arrivals of many who do not know of each other: the gaps are distributed exponentially. */
void load_pace_next(struct load_pace *pace)
{
    pace->due_ns += (uint64_t)(-log(chance(pace)) * 1e9 / (double)pace->rate);
}
