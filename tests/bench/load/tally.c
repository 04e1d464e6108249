/* SPDX-License-Identifier: MIT */
#include "tests/bench/load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double load_cpu_s(int pid)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) {
        return -1;
    }
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool load_tally_add(struct load_tally *tally, int status, size_t octets, uint64_t latency_ns)
{
    if (tally->answers == tally->room) {
        size_t room = tally->room ? tally->room * 2 : 65536;
        uint32_t *more = realloc(tally->latency_us, room * sizeof(*more));
        if (!more) {
            return false;
        }
        tally->latency_us = more;
        tally->room = room;
    }
    uint64_t us = latency_ns / 1000;
    tally->latency_us[tally->answers++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    tally->status[status]++;
    tally->octets += octets;
    return true;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double per_answer(const struct load_tally *tally, double total)
{
    return tally->answers ? total / (double)tally->answers : 0;
}

static uint32_t permille(const struct load_tally *tally, unsigned of_1000)
{
    return tally->answers ? tally->latency_us[(tally->answers - 1) * of_1000 / 1000] : 0;
}

static void print_statuses(const struct load_tally *tally)
{
    const char *comma = "";
    printf("\"status\":{");
    for (int i = 0; i < 600; i++) {
        if (tally->status[i]) {
            printf("%s\"%d\":%llu", comma, i, (unsigned long long)tally->status[i]);
            comma = ",";
        }
    }
    printf("}");
}

void load_tally_print(struct load_tally *tally, const struct load_options *options)
{
    qsort(tally->latency_us, tally->answers, sizeof(*tally->latency_us), by_value);
    printf("{\"answers\":%zu,\"seconds\":%.3f,\"per_s\":%.1f,\"p50_us\":%u,\"p90_us\":%u,\"p99_us\":%u,\"p999_us\":%u,"
           "\"max_us\":%u,",
           tally->answers, tally->seconds, (double)tally->answers / tally->seconds, permille(tally, 500),
           permille(tally, 900), permille(tally, 990), permille(tally, 999), permille(tally, 1000));
    print_statuses(tally);
    printf(",\"answer_octets\":%.0f,\"envelopes\":%.2f,\"load_cpu_us\":%.2f,\"cpu_us\":[",
           per_answer(tally, (double)tally->octets),
           tally->sampled ? (double)tally->envelopes / (double)tally->sampled : 0,
           per_answer(tally, tally->own_s * 1e6));
    for (unsigned i = 0; i < options->groups; i++) {
        printf("%s%.2f", i ? "," : "", per_answer(tally, tally->cpu_s[i] * 1e6));
    }
    printf("]}\n");
}
