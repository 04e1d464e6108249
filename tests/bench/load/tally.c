#include "tests/bench/load/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

double load_cpu_s(int pid)
{
    char path[32], text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    /* the name in parentheses may hold anything; utime and stime are the 12th and 13th words behind it */
    char *p = strrchr(text, ')');
    unsigned long long user = 0, system = 0;
    for (int word = 0; p && word < 12; word++) {
        p = strchr(p + 1, ' ');
    }
    if (!p) {
        return -1;
    }
    user = strtoull(p, &p, 10);
    system = strtoull(p, NULL, 10);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
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

static uint32_t percentile(const struct load_tally *tally, unsigned percent)
{
    return tally->answers ? tally->latency_us[(tally->answers - 1) * percent / 100] : 0;
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
    printf("{\"answers\":%zu,\"seconds\":%.3f,\"per_s\":%.1f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,",
           tally->answers, tally->seconds, (double)tally->answers / tally->seconds, percentile(tally, 50),
           percentile(tally, 99), percentile(tally, 100));
    print_statuses(tally);
    printf(",\"answer_octets\":%.0f,\"envelopes\":%.2f,\"load_cpu_us\":%.2f,\"cpu_us\":[",
           per_answer(tally, (double)tally->octets),
           tally->sampled ? (double)tally->envelopes / (double)tally->sampled : 0,
           per_answer(tally, tally->own_s * 1e6));
    for (unsigned i = 0; i < options->pid_count; i++) {
        printf("%s%.2f", i ? "," : "", per_answer(tally, tally->cpu_s[i] * 1e6));
    }
    printf("]}\n");
}
