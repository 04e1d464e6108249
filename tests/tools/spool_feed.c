/* SPDX-License-Identifier: MIT */
#include "client/cps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A process with a spool, for tests that kill it: spool_feed URL CA_FILE SPOOL_FILE [OPTION=NUMBER...]
 *
 * Reads commands from standard input, answers each with one line, and ends properly at the end of input:
 *     put DEST ENVELOPE [TTL]   "stored ID" as soon as the file has it, or "failed ID CODE text"; in any order
 *     stats                     "stats queued octets published stale refused full unusable away"
 */
static struct cps *cps;

static void say(const char *line, size_t n)
{
    if (write(STDOUT_FILENO, line, n) != (ssize_t)n) {
        _exit(3);
    }
}

static void on_spooled(void *arg, const struct cps_spooled *result)
{
    char line[512];
    char *id = arg;
    const struct cps_error *err = &result->error;
    int n = err->code == CPS_OK
                ? snprintf(line, sizeof(line), "stored %s\n", id)
                : snprintf(line, sizeof(line), "failed %s %s %s\n", id, cps_error_name(err->code), err->text);
    say(line, (size_t)n);
    free(id);
}

static void put(const char *dest, const char *envelope, uint32_t ttl_s)
{
    struct cps_spooled failed = {.error = {.code = CPS_OK}};
    char *id = calloc(1, CPS_ID_LEN + 1);
    if (!id || cps_envelope_id(id, envelope, strlen(envelope), NULL) != CPS_OK) {
        exit(2);
    }
    if (cps_spool_put_async(cps, dest, envelope, strlen(envelope), ttl_s, 0, on_spooled, id, &failed.error) != CPS_OK) {
        on_spooled(id, &failed);
    }
}

static void stats(void)
{
    char line[256];
    struct cps_spool_stats s;
    struct cps_error err;
    if (cps_spool_stats(cps, &s, &err) != CPS_OK) {
        exit(2);
    }
    int n = snprintf(line, sizeof(line),
                     "stats %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                     " %d %" PRIu64 " %d\n",
                     s.queued, s.octets, s.published, s.dropped[CPS_SPOOL_STALE], s.dropped[CPS_SPOOL_REFUSED],
                     s.dropped[CPS_SPOOL_FULL], s.dropped[CPS_SPOOL_UNUSABLE], s.away, s.dropped[CPS_SPOOL_NO_DISK],
                     (int)s.disk);
    say(line, (size_t)n);
}

static void log_line(void *arg, enum cps_log_level level, const char *line)
{
    (void)arg;
    (void)fprintf(stderr, "%d %s\n", (int)level, line);
}

static void set(struct cps_options *options, const char *name, unsigned long value)
{
    const struct {
        const char *name;
        uint32_t *field;
    } fields[] = {
        {"request_timeout_ms", &options->request_timeout_ms},
        {"connect_timeout_ms", &options->connect_timeout_ms},
        {"spool_max", &options->spool_max},
        {"spool_parallel", &options->spool_parallel},
        {"spool_retry_min_ms", &options->spool_retry_min_ms},
        {"spool_retry_max_ms", &options->spool_retry_max_ms},
        {"max_in_flight", &options->max_in_flight},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].name, name) == 0) {
            *fields[i].field = (uint32_t)value;
            return;
        }
    }
    if (strcmp(name, "max_age_s") == 0) {
        options->max_age_s = (int64_t)value;
    } else if (strcmp(name, "spool_sync") == 0) {
        options->spool_sync = value != 0;
    } else {
        (void)fprintf(stderr, "unknown option %s\n", name);
        exit(2);
    }
}

static void read_commands(void)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        const char *command = strsep(&rest, " ");
        const char *dest = strsep(&rest, " ");
        const char *envelope = strsep(&rest, " ");
        const char *ttl = strsep(&rest, " ");
        if (command && strcmp(command, "put") == 0 && envelope) {
            put(dest, envelope, ttl ? (uint32_t)strtoul(ttl, NULL, 10) : 0);
        } else {
            stats();
        }
    }
    free(line);
}

int main(int argc, char **argv)
{
    struct cps_error err = {0};
    if (argc < 4) {
        (void)fprintf(stderr, "spool_feed URL CA_FILE SPOOL_FILE [OPTION=NUMBER...]\n");
        return 2;
    }
    struct cps_options options = {.size = sizeof(options),
                                  .cps_url = argv[1],
                                  .tls_ca_file = argv[2],
                                  .spool_file = argv[3],
                                  .replay = CPS_REPLAY_MEMORY,
                                  .max_age_s = 600,
                                  .log = log_line};
    for (int i = 4; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value) {
            return 2;
        }
        *value = '\0';
        set(&options, argv[i], strtoul(value + 1, NULL, 10));
    }
    if (cps_new(&cps, &options, &err) != CPS_OK) {
        (void)fprintf(stderr, "%s: %s\n", cps_error_name(err.code), err.text);
        return 1;
    }
    say("ready\n", 6);
    read_commands();
    cps_free(cps);
    return 0;
}
