/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The store alone, without HTTP: one worker, many operations under way.
 *
 *     bench_store URL BOXES EACH OCTETS
 *
 * Publishes EACH envelopes of OCTETS octets to each of BOXES boxes, then lists each whole box, and prints the time per
 * operation. The envelopes remain in the store.
 */
enum { FLIGHT = 256, LIVES_MS = 3600000 };

struct bench {
    uv_loop_t loop;
    struct cpsd_backend *backend;
    struct cpsd_store *store;
    unsigned long boxes, each, octets;
    unsigned long begun, ended, failed, listed;
    char *envelope;
    bool closed;
};

static struct stir_identity box_number(unsigned long i)
{
    struct stir_identity box = {.kind = STIR_IDENTITY_TN};
    box.len = (unsigned)snprintf(box.text, sizeof(box.text), "1215%07lu", i);
    return box;
}

static void done(void *arg, const struct cpsd_store_result *result)
{
    struct bench *b = arg;
    b->ended++;
    b->failed += result->code != STIR_OK;
    b->listed += result->count;
}

static void put_one(struct bench *b, unsigned long i)
{
    struct stir_identity box = box_number(i % b->boxes);
    uint8_t id[CPSD_ID_OCTETS];
    uint64_t half = i * UINT64_C(0x9e3779b97f4a7c15) ^ uv_hrtime();
    memcpy(id, &i, sizeof(i));
    memcpy(id + sizeof(i), &half, sizeof(half));
    cpsd_store_put(b->store, &box, id, stir_view(b->envelope, b->octets), LIVES_MS, NULL, done, b);
}

static void list_one(struct bench *b, unsigned long i)
{
    struct stir_identity box = box_number(i);
    cpsd_store_list(b->store, &box, 0, 10000, (size_t)8 << 20, NULL, done, b);
}

static void run(struct bench *b, const char *what, unsigned long count, void (*one)(struct bench *b, unsigned long i))
{
    uint64_t started = uv_hrtime();
    b->begun = b->ended = b->failed = 0;
    while (b->ended < count) {
        while (b->begun < count && b->begun - b->ended < FLIGHT) {
            one(b, b->begun++);
        }
        (void)uv_run(&b->loop, b->ended < count ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    }
    double seconds = (double)(uv_hrtime() - started) / 1e9;
    printf("%s: %lu in %.2f s, %.0f/s, %.1f us each", what, count, seconds, (double)count / seconds,
           seconds * 1e6 / (double)count);
    printf(b->failed ? ", %lu failed\n" : "\n", b->failed);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static bool open_store(struct bench *b, const char *url)
{
    struct stir_error err = {0};
    const struct cpsd_store_config config = {.url = url,
                                             .box_limit = 1000000,
                                             .timeout_ms = 10000,
                                             .max_ttl_ms = LIVES_MS};
    b->envelope = malloc(b->octets);
    if (!b->envelope || uv_loop_init(&b->loop) || cpsd_backend_new(&b->backend, &config, &err) ||
        cpsd_store_attach(&b->store, b->backend, &b->loop, &err)) {
        (void)fprintf(stderr, "bench_store: %s\n", err.text);
        return false;
    }
    memset(b->envelope, 'x', b->octets);
    for (uint64_t started = uv_hrtime(); !cpsd_store_ready(b->store);) {
        (void)uv_run(&b->loop, UV_RUN_ONCE);
        if (uv_hrtime() - started > UINT64_C(5000000000)) {
            (void)fprintf(stderr, "bench_store: the store is not there\n");
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    if (argc == 5) {
        b.boxes = strtoul(argv[2], NULL, 10);
        b.each = strtoul(argv[3], NULL, 10);
        b.octets = strtoul(argv[4], NULL, 10);
    }
    if (!b.boxes || !b.each || !b.octets) {
        (void)fprintf(stderr, "usage: bench_store URL BOXES EACH OCTETS\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!open_store(&b, argv[1])) {
        return 1;
    }
    run(&b, "put ", b.boxes * b.each, put_one);
    run(&b, "list", b.boxes, list_one);
    cpsd_store_close(b.store, on_closed, &b.closed);
    while (!b.closed) {
        (void)uv_run(&b.loop, UV_RUN_ONCE);
    }
    cpsd_backend_free(b.backend);
    (void)uv_loop_close(&b.loop);
    free(b.envelope);
    return b.listed == b.boxes * b.each ? 0 : 1;
}
