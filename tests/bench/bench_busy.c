/* SPDX-License-Identifier: MIT */
/*
 * What it costs a receiver to fetch and verify one message at a destination that gets many: messages are sent to it at
 * a given rate, each is verified as soon as it was sent, and only the verifying is measured: its time, and the
 * processor time that it takes this process and others meanwhile (the CPS, Redis).
 *
 *     bench_busy --url URL --ca FILE --pki DIR --key FILE --public FILE [--rate 200] [--count 1000] [--before 0]
 *                [--dest TN] [--pid PID]...
 *
 * --before: messages that are sent and verified first, as fast as possible, so that the box is as full as after
 * a while. DIR is one that `cpsctl pki --name carrier --spc ...` filled; key and public are of the destination.
 */
#include "client/cps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIDS 4
#define TTL_S 60

struct busy {
    const char *url, *ca, *pki, *key_file, *public_file, *dest;
    unsigned long rate, count, before;
    clockid_t clocks[PIDS];
    unsigned clock_count;
    struct cps *sender, *receiver;
    struct cps_signer *signer;
    struct cps_key *key, *public;
    double *wall_us, *cpu_us;
};

static void need(bool good, const char *what, const char *why)
{
    if (!good) {
        (void)fprintf(stderr, "bench_busy: %s: %s\n", what, why);
        exit(1);
    }
}

static double read_us(clockid_t clock)
{
    struct timespec t;
    need(clock_gettime(clock, &t) == 0, "a clock", "the process is gone");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static double cpu_us(const struct busy *busy)
{
    double sum = read_us(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < busy->clock_count; i++) {
        sum += read_us(busy->clocks[i]);
    }
    return sum;
}

static void wait_until(double us)
{
    struct timespec t = {.tv_sec = (time_t)(us / 1e6)};
    t.tv_nsec = (long)((us - (double)t.tv_sec * 1e6) * 1e3);
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Sends one message and verifies it; at: where what it took goes, NULL: nowhere. */
static void one(struct busy *busy, unsigned long n, const double *due_us, size_t at)
{
    char orig[24], body[64];
    struct cps_error err = {0};
    struct cps_result result;
    (void)snprintf(orig, sizeof(orig), "1300%07lu", n % 10000000);
    (void)snprintf(body, sizeof(body), "Your code is %06lu", n % 1000000);
    struct cps_message message = {
        .orig = orig, .dest = &busy->dest, .dest_count = 1, .body = body, .body_len = strlen(body)};
    const struct cps_key *public = busy->public, *key = busy->key;
    struct cps_recipient recipient = {.dest = busy->dest, .keys = &public, .key_count = 1};
    if (due_us) {
        wait_until(*due_us);
    }
    need(cps_send(busy->sender, busy->signer, &message, &recipient, 1, TTL_S, NULL, &err) == CPS_OK, "sending",
         err.text);
    double wall = read_us(CLOCK_MONOTONIC), cpu = cpu_us(busy);
    enum cps_code code = cps_receive(busy->receiver, &message, &key, 1, 0, &result);
    need(code == CPS_OK, cps_verdict_name(result.verdict), result.error.text);
    if (due_us) {
        busy->wall_us[at] = read_us(CLOCK_MONOTONIC) - wall;
        busy->cpu_us[at] = cpu_us(busy) - cpu;
    }
    cps_result_clear(&result);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), by_value);
    return values[n / 2];
}

static void open_all(struct busy *busy)
{
    struct cps_error err = {0};
    char key[512], chain[512], trust[512];
    (void)snprintf(key, sizeof(key), "%s/carrier.key", busy->pki);
    (void)snprintf(chain, sizeof(chain), "%s/carrier.pem", busy->pki);
    (void)snprintf(trust, sizeof(trust), "%s/root.pem", busy->pki);
    struct cps_options options = {.size = sizeof(options),
                                  .cps_url = busy->url,
                                  .tls_ca_file = busy->ca,
                                  .trust_file = trust,
                                  .x5u_dir = busy->pki,
                                  .allow_spc = true};
    struct cps_signer_options signer = {.size = sizeof(signer),
                                        .key = key,
                                        .chain_file = chain,
                                        .x5u = "https://certificates.example.com/carrier.pem"};
    need(cps_new(&busy->sender, &options, &err) == CPS_OK && cps_new(&busy->receiver, &options, &err) == CPS_OK,
         "libcps", err.text);
    need(cps_signer_open(&busy->signer, &signer, &err) == CPS_OK, "the signer", err.text);
    need(cps_key_load(&busy->key, busy->key_file, true, &err) == CPS_OK, "the key", err.text);
    need(cps_key_load(&busy->public, busy->public_file, false, &err) == CPS_OK, "the public key", err.text);
}

static void close_all(struct busy *busy)
{
    cps_free(busy->sender);
    cps_free(busy->receiver);
    cps_signer_free(busy->signer);
    cps_key_free(busy->key);
    cps_key_free(busy->public);
    free(busy->wall_us);
    free(busy->cpu_us);
}

static bool set(struct busy *busy, const char *name, const char *value)
{
    char *end = NULL;
    const struct {
        const char *name;
        const char **text;
        unsigned long *number;
    } options[] = {{"--url", &busy->url, NULL},      {"--ca", &busy->ca, NULL},
                   {"--pki", &busy->pki, NULL},      {"--key", &busy->key_file, NULL},
                   {"--dest", &busy->dest, NULL},    {"--public", &busy->public_file, NULL},
                   {"--rate", NULL, &busy->rate},    {"--count", NULL, &busy->count},
                   {"--before", NULL, &busy->before}};
    if (strcmp(name, "--pid") == 0) {
        pid_t pid = (pid_t)strtol(value, &end, 10);
        return busy->clock_count < PIDS && end != value &&
               clock_getcpuclockid(pid, &busy->clocks[busy->clock_count++]) == 0;
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(name, options[i].name) == 0 && options[i].text) {
            *options[i].text = value;
            return true;
        }
        if (strcmp(name, options[i].name) == 0) {
            *options[i].number = strtoul(value, &end, 10);
            return end != value && !*end && *options[i].number <= 1000000;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct busy busy = {.dest = "12155550000", .rate = 200, .count = 1000};
    bool good = argc % 2;
    for (int i = 1; good && i < argc; i += 2) {
        good = set(&busy, argv[i], argv[i + 1]);
    }
    if (!good || !busy.url || !busy.ca || !busy.pki || !busy.key_file || !busy.public_file || !busy.rate ||
        !busy.count) {
        (void)fputs("usage: bench_busy --url URL --ca FILE --pki DIR --key FILE --public FILE [--rate N] [--count N]\n"
                    "                  [--before N] [--dest TN] [--pid PID]...\n",
                    stderr);
        return 2;
    }
    open_all(&busy);
    busy.wall_us = calloc(busy.count, sizeof(double));
    busy.cpu_us = calloc(busy.count, sizeof(double));
    need(busy.wall_us && busy.cpu_us, "the results", "out of memory");
    for (unsigned long i = 0; i < busy.before; i++) {
        one(&busy, i, NULL, 0);
    }
    double due = read_us(CLOCK_MONOTONIC);
    for (unsigned long i = 0; i < busy.count; i++) {
        due += 1e6 / (double)busy.rate;
        one(&busy, busy.before + i, &due, i);
    }
    printf("{\"rate\":%lu,\"before\":%lu,\"count\":%lu,\"wall_us\":%.1f,\"cpu_us\":%.1f}\n", busy.rate, busy.before,
           busy.count, median(busy.wall_us, busy.count), median(busy.cpu_us, busy.count));
    close_all(&busy);
    return 0;
}
