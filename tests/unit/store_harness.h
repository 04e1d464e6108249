/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/store/store.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

/*
 * A store on a loop of its own that runs one operation at a time. Results are copied, so that they can be read after
 * the completion.
 */
#define HARNESS_ENTRIES 64

struct harness {
    bool remote; /* not in memory */
    uv_loop_t loop;
    struct cpsd_backend *backend;
    struct cpsd_store *store;
    bool closed;
};

struct outcome {
    int calls;
    struct cpsd_store_result result;
    struct cpsd_entry entries[HARNESS_ENTRIES]; /* the views are into text */
    char text[HARNESS_ENTRIES][64];             /* the beginning of each envelope */
};

static const struct cpsd_store_config harness_defaults = {
    .url = "memory:",
    .box_limit = 1000,
    .memory_limit_bytes = 64UL << 20,
    .timeout_ms = 20000, /* on a busy machine, Redis may not run for a second */
    .max_ttl_ms = 3600000,
};

static inline void harness_on_closed(void *arg)
{
    *(bool *)arg = true;
}

static inline void harness_close(struct harness *h)
{
    cpsd_store_close(h->store, harness_on_closed, &h->closed);
    while (!h->closed && uv_run(&h->loop, UV_RUN_ONCE)) {
    }
    UNIT_CHECK(h->closed, "closing was not reported");
    cpsd_backend_free(h->backend);
    UNIT_CHECK(uv_loop_close(&h->loop) == 0, "handles were left on the loop");
}

static inline void harness_done(void *arg, const struct cpsd_store_result *result)
{
    struct outcome *o = arg;
    o->calls++;
    o->result = *result;
    for (size_t i = 0; i < result->count && i < HARNESS_ENTRIES; i++) {
        size_t n = result->entries[i].envelope.len;
        o->entries[i] = result->entries[i];
        n = n < sizeof(o->text[i]) - 1 ? n : sizeof(o->text[i]) - 1;
        memcpy(o->text[i], result->entries[i].envelope.ptr, n);
        o->text[i][n] = 0;
    }
    o->result.entries = o->entries;
}

/* A timer that is due before the loop runs is called before it polls; uv_stop keeps it from polling forever. */
static inline void harness_stop(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
    uv_stop(timer->loop);
}

/* Runs the loop for `ms` milliseconds, or until *until is not 0. Returns the milliseconds that it took. */
static inline uint64_t harness_run(struct harness *h, uint64_t ms, const int *until)
{
    bool over = false;
    uv_timer_t timer;
    uint64_t started = uv_hrtime();
    (void)uv_timer_init(&h->loop, &timer);
    timer.data = &over;
    uv_update_time(&h->loop);
    (void)uv_timer_start(&timer, harness_stop, ms, 0);
    while (!over && !(until && *until)) {
        (void)uv_run(&h->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&h->loop, UV_RUN_NOWAIT);
    return (uv_hrtime() - started) / 1000000;
}

static inline uint64_t harness_until_ready(struct harness *h, bool ready, uint64_t ms)
{
    uint64_t taken = 0;
    while (cpsd_store_ready(h->store) != ready && taken < ms) {
        taken += harness_run(h, 1, NULL);
    }
    return taken;
}

static inline bool harness_attach(struct harness *h, const struct cpsd_store_config *config)
{
    struct stir_error err = {0};
    memset(h, 0, sizeof(*h));
    h->remote = strcmp(config->url, "memory:") != 0;
    (void)signal(SIGPIPE, SIG_IGN);
    bool open = uv_loop_init(&h->loop) == 0 && cpsd_backend_new(&h->backend, config, &err) == STIR_OK &&
                cpsd_store_attach(&h->store, h->backend, &h->loop, &err) == STIR_OK;
    return UNIT_CHECK(open, "cannot open the store: %s", err.text);
}

static inline bool harness_open(struct harness *h, const struct cpsd_store_config *config)
{
    if (!harness_attach(h, config)) {
        return false;
    }
    (void)harness_until_ready(h, true, 60000);
    return UNIT_CHECK(cpsd_store_ready(h->store), "the store is not ready");
}

static inline void harness_wait(struct harness *h, struct outcome *o)
{
    (void)harness_run(h, 60000, &o->calls);
    UNIT_CHECK(o->calls == 1, "%d completions", o->calls);
}

static inline struct stir_identity harness_box(const char *text)
{
    struct stir_identity box = {.kind = strchr(text, ':') ? STIR_IDENTITY_URI : STIR_IDENTITY_TN};
    box.len = (unsigned)strlen(text);
    memcpy(box.text, text, box.len + 1);
    return box;
}

/* Makes an id that looks random from a number. */
static inline void harness_id(uint8_t id[CPSD_ID_OCTETS], unsigned n)
{
    for (size_t i = 0; i < CPSD_ID_OCTETS; i++) {
        id[i] = (uint8_t)(n >> (8 * (i % 4))) ^ (uint8_t)(0x5b * i);
    }
}

static inline struct outcome harness_put(struct harness *h, const char *to, unsigned n, const char *text, int64_t ttl)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, n);
    cpsd_store_put(h->store, &box, id, stir_view_str(text), ttl, NULL, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

static inline struct outcome harness_list(struct harness *h, const char *to, int64_t after, size_t count, size_t octets)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    cpsd_store_list(h->store, &box, after, count, octets, NULL, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

static inline struct outcome harness_get(struct harness *h, const char *to, unsigned n)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, n);
    cpsd_store_get(h->store, &box, id, NULL, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

static inline struct outcome harness_remove_or(struct harness *h, const char *to, unsigned n, bool remember)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, n);
    cpsd_store_remove(h->store, &box, id, remember, NULL, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

static inline struct outcome harness_remove(struct harness *h, const char *to, unsigned n)
{
    return harness_remove_or(h, to, n, false);
}
