/* SPDX-License-Identifier: MIT */
#include "common/base/process_metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void stir_reloads_begin(struct stir_reloads *reloads)
{
    reloads->started = (int64_t)time(NULL);
    atomic_init(&reloads->last, reloads->started);
    atomic_init(&reloads->last_good, reloads->started);
    atomic_init(&reloads->failed, false);
}

void stir_reloads_note(struct stir_reloads *reloads, bool good)
{
    long long now = (long long)time(NULL);
    atomic_store(&reloads->last, now);
    atomic_store(&reloads->failed, !good);
    if (good) {
        atomic_store(&reloads->last_good, now);
    }
}

static void process_metrics_head(struct stir_buf *out, const char *prefix, const char *name, const char *type,
                                 const char *help)
{
    stir_buf_printf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, name, help, prefix, name, type);
}

static void process_metrics_put(struct stir_buf *out, const char *prefix, const char *name, const char *type,
                                const char *help, int64_t value)
{
    process_metrics_head(out, prefix, name, type, help);
    stir_buf_printf(out, "%s%s %" PRId64 "\n", prefix, name, value);
}

/* Sizes in octets, from /proc/self/statm, which counts pages. */
static void process_read_memory(int64_t *virtual_octets, int64_t *resident_octets)
{
    char line[128];
    FILE *file = fopen("/proc/self/statm", "re");
    *virtual_octets = *resident_octets = 0;
    if (file && fgets(line, sizeof(line), file)) {
        char *rest = NULL;
        int64_t page = sysconf(_SC_PAGESIZE);
        *virtual_octets = strtoll(line, &rest, 10) * page;
        *resident_octets = strtoll(rest, NULL, 10) * page;
    }
    if (file) {
        (void)fclose(file);
    }
}

static int64_t process_count_descriptors(void)
{
    int64_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory)) {
        count++;
    }
    if (directory) {
        (void)closedir(directory);
    }
    return count > 3 ? count - 3 : 0; /* ".", "..", and the descriptor that reads the directory */
}

static double process_cpu_seconds(void)
{
    struct rusage used = {0};
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void process_metrics_all(struct stir_buf *out, int64_t started)
{
    struct rlimit files = {0};
    int64_t virtual_octets, resident_octets;
    process_read_memory(&virtual_octets, &resident_octets);
    (void)getrlimit(RLIMIT_NOFILE, &files);
    process_metrics_head(out, "process", "_cpu_seconds_total", "counter", "Processor time used, user and system.");
    stir_buf_printf(out, "process_cpu_seconds_total %.3f\n", process_cpu_seconds());
    process_metrics_put(out, "process", "_resident_memory_bytes", "gauge", "Memory that the process has resident.",
                        resident_octets);
    process_metrics_put(out, "process", "_virtual_memory_bytes", "gauge", "Address space of the process.",
                        virtual_octets);
    process_metrics_put(out, "process", "_open_fds", "gauge", "File descriptors that are open.",
                        process_count_descriptors());
    process_metrics_put(out, "process", "_max_fds", "gauge", "File descriptors that may be open.",
                        files.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)files.rlim_cur);
    process_metrics_put(out, "process", "_start_time_seconds", "gauge", "When the process started.", started);
}

void stir_process_metrics(struct stir_buf *out, const char *prefix, const struct stir_reloads *reloads)
{
    process_metrics_head(out, prefix, "_build_info", "gauge", "1, with the version as a label.");
    stir_buf_printf(out, "%s_build_info{version=\"%s\"} 1\n", prefix, CPS_VERSION);
    process_metrics_put(out, prefix, "_reload_success", "gauge", "1 unless the last reload failed and changed nothing.",
                        !atomic_load(&reloads->failed));
    process_metrics_put(out, prefix, "_reload_timestamp_seconds", "gauge",
                        "When the configuration was last read, or tried to be.", atomic_load(&reloads->last));
    process_metrics_put(out, prefix, "_reload_good_timestamp_seconds", "gauge",
                        "When the configuration in use was read.", atomic_load(&reloads->last_good));
    process_metrics_all(out, reloads->started);
}

void stir_certificate_metrics(struct stir_buf *out, const char *prefix, const struct stir_certificate_end *ends,
                              size_t count)
{
    bool begun = false;
    for (size_t i = 0; i < count; i++) {
        if (!ends[i].end) {
            continue;
        }
        if (!begun) {
            process_metrics_head(
                out, prefix, "_certificate_expires_timestamp_seconds", "gauge",
                "When a certificate that is used here ends; of several for one use, the first to end.");
        }
        begun = true;
        stir_buf_printf(out, "%s_certificate_expires_timestamp_seconds{use=\"%s\"} %" PRId64 "\n", prefix, ends[i].use,
                        ends[i].end);
    }
}
