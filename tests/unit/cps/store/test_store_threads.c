/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/store_harness.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * Workers as cpsd has them: each with a loop and a store of its own on one backend. Senders publish to shared boxes,
 * readers follow them by waiting and listing, consumers race for each envelope. For the thread sanitizer, and to
 * check that nothing is missed, nothing comes twice, and everything is taken once.
 */
enum { BOXES = 8, SENDERS = 2, EACH = 1500, TOTAL = SENDERS * EACH, READERS = 2, CONSUMERS = 2, FLIGHT = 32 };

struct shared {
    struct cpsd_backend *backend;
    const char *url;
    atomic_uint sent, consumed;
    atomic_uchar claims[TOTAL];
    atomic_bool failed;
};

struct worker {
    struct shared *shared;
    unsigned number;
    uv_loop_t loop;
    struct cpsd_store *store;
    uv_timer_t watchdog;
    bool over, closed;
    /* sender */
    unsigned next, flying;
    /* reader */
    struct reader {
        struct worker *worker;
        struct stir_identity box;
        struct cpsd_wait wait;
        int64_t after;
        bool listing, woken;
    } reader[BOXES];
    unsigned seen;
    unsigned char *seen_by;
    /* consumer */
    unsigned taken;
};

static struct stir_identity box_number(unsigned i)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "1215555%04u", i);
    return harness_box(text);
}

static void fail(struct worker *w, const char *what)
{
    if (!atomic_exchange(&w->shared->failed, true)) {
        (void)fprintf(stderr, "worker %u: %s\n", w->number, what);
    }
}

/* Senders. */

static void send_more(struct worker *w);

static void sent(void *arg, const struct cpsd_store_result *result)
{
    struct worker *w = arg;
    if (result->code || result->existed) {
        fail(w, "a put failed");
    }
    atomic_fetch_add(&w->shared->sent, 1);
    w->flying--;
    w->over = w->next == EACH && !w->flying;
}

static void send_more(struct worker *w)
{
    while (w->flying < FLIGHT && w->next < EACH) {
        unsigned n = w->number * EACH + w->next++;
        uint8_t id[CPSD_ID_OCTETS] = {0};
        memcpy(id, &n, sizeof(n));
        struct stir_identity box = box_number(n % BOXES);
        w->flying++;
        cpsd_store_put(w->store, &box, id, stir_view((const char *)&n, sizeof(n)), 600000, NULL, sent, w);
    }
}

static void run_sender(struct worker *w)
{
    while (!w->over && !atomic_load(&w->shared->failed)) {
        send_more(w);
        (void)uv_run(&w->loop, w->over ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    }
}

/* Readers: wait first, list then. */

static void follow(struct reader *r);

static void woken(void *arg)
{
    struct reader *r = arg;
    r->woken = true;
    if (!r->listing) {
        follow(r);
    }
}

static void listed(void *arg, const struct cpsd_store_result *result)
{
    struct reader *r = arg;
    struct worker *w = r->worker;
    r->listing = false;
    if (w->over) {
        return; /* closing: it has seen everything */
    }
    if (result->code) {
        fail(w, "a list failed");
        return;
    }
    for (size_t i = 0; i < result->count; i++) {
        unsigned n;
        memcpy(&n, result->entries[i].envelope.ptr, sizeof(n));
        if (result->entries[i].arrival_us <= r->after || n >= TOTAL || w->seen_by[n]++) {
            fail(w, "out of order or twice");
        }
        r->after = result->entries[i].arrival_us;
        w->seen++;
    }
    w->over = w->seen == TOTAL;
    if (!w->over && (r->woken || result->more)) {
        follow(r);
    }
}

static void follow(struct reader *r)
{
    r->woken = false;
    r->listing = true;
    cpsd_store_unwait(&r->wait);
    cpsd_store_wait(r->worker->store, &r->wait, &r->box, woken, r);
    cpsd_store_list(r->worker->store, &r->box, r->after, 20, 10000, NULL, listed, r);
}

static void run_reader(struct worker *w)
{
    w->seen_by = calloc(TOTAL, 1);
    for (unsigned i = 0; w->seen_by && i < BOXES; i++) {
        w->reader[i].worker = w;
        w->reader[i].box = box_number(i);
        follow(&w->reader[i]);
    }
    while (!w->over && !atomic_load(&w->shared->failed)) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < BOXES; i++) {
        if (i % 2) {
            cpsd_store_unwait(&w->reader[i].wait); /* closing removes the others */
        }
    }
}

/* Consumers. */

struct claim {
    struct worker *worker;
    unsigned n;
};

static void claimed(void *arg, const struct cpsd_store_result *result)
{
    struct claim *claim = arg;
    struct worker *w = claim->worker;
    if (result->code == STIR_OK && atomic_fetch_add(&w->shared->claims[claim->n], 1)) {
        fail(w, "consumed twice");
    }
    if (result->code == STIR_OK) {
        atomic_fetch_add(&w->shared->consumed, 1);
    } else if (result->code != STIR_E_NOT_FOUND) {
        fail(w, "a remove failed");
    }
    w->flying--;
}

static void run_consumer(struct worker *w)
{
    static struct claim claims[CONSUMERS][TOTAL];
    for (unsigned i = 0; i < TOTAL; i++) {
        struct claim *claim = &claims[w->number][i];
        uint8_t id[CPSD_ID_OCTETS] = {0};
        *claim = (struct claim){w, w->number ? TOTAL - 1 - i : i};
        memcpy(id, &claim->n, sizeof(claim->n));
        struct stir_identity box = box_number(claim->n % BOXES);
        w->flying++;
        cpsd_store_remove(w->store, &box, id, false, NULL, claimed, claim);
        while (w->flying >= FLIGHT && !atomic_load(&w->shared->failed)) {
            (void)uv_run(&w->loop, UV_RUN_ONCE);
        }
    }
    while (w->flying && !atomic_load(&w->shared->failed)) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
}

/* All. */

static void too_late(uv_timer_t *timer)
{
    fail(timer->data, "not done in time: something was missed");
}

static void work(struct worker *w, void (*run)(struct worker *w))
{
    struct stir_error err;
    if (uv_loop_init(&w->loop) || cpsd_store_attach(&w->store, w->shared->backend, &w->loop, &err)) {
        fail(w, "cannot attach");
        return;
    }
    (void)uv_timer_init(&w->loop, &w->watchdog);
    w->watchdog.data = w;
    (void)uv_timer_start(&w->watchdog, too_late, 60000, 0);
    while (!cpsd_store_ready(w->store) && !atomic_load(&w->shared->failed)) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    run(w);
    uv_close((uv_handle_t *)&w->watchdog, NULL);
    cpsd_store_close(w->store, harness_on_closed, &w->closed);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    if (!w->closed || uv_loop_close(&w->loop)) {
        fail(w, "not closed");
    }
    free(w->seen_by);
}

static void *send_thread(void *arg)
{
    work(arg, run_sender);
    return NULL;
}

static void *read_thread(void *arg)
{
    work(arg, run_reader);
    return NULL;
}

static void *consume_thread(void *arg)
{
    work(arg, run_consumer);
    return NULL;
}

static void race(const char *url)
{
    static struct shared shared;
    static struct worker workers[SENDERS + READERS + CONSUMERS];
    pthread_t threads[SENDERS + READERS + CONSUMERS];
    struct cpsd_store_config config = harness_defaults;
    struct cpsd_store_stats stats;
    struct stir_error err = {0};
    memset(&shared, 0, sizeof(shared));
    memset(workers, 0, sizeof(workers));
    config.url = url;
    config.timeout_ms = 20000;
    config.box_limit = TOTAL;
    CU_ASSERT_FATAL(cpsd_backend_new(&shared.backend, &config, &err) == STIR_OK);
    for (unsigned i = 0; i < SENDERS + READERS + CONSUMERS; i++) {
        unsigned number = i < SENDERS ? i : i < SENDERS + READERS ? i - SENDERS : i - SENDERS - READERS;
        workers[i].shared = &shared;
        workers[i].number = number;
    }
    for (unsigned i = 0; i < SENDERS + READERS; i++) {
        (void)pthread_create(&threads[i], NULL, i < SENDERS ? send_thread : read_thread, &workers[i]);
    }
    for (unsigned i = 0; i < SENDERS + READERS; i++) {
        cpsd_backend_stats(shared.backend, &stats);
        (void)pthread_join(threads[i], NULL);
    }
    for (unsigned i = SENDERS + READERS; i < SENDERS + READERS + CONSUMERS; i++) {
        (void)pthread_create(&threads[i], NULL, consume_thread, &workers[i]);
    }
    for (unsigned i = SENDERS + READERS; i < SENDERS + READERS + CONSUMERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    CU_ASSERT_FALSE(atomic_load(&shared.failed));
    CU_ASSERT_EQUAL(atomic_load(&shared.sent), TOTAL);
    CU_ASSERT_EQUAL(atomic_load(&shared.consumed), TOTAL);
    cpsd_backend_stats(shared.backend, &stats);
    CU_ASSERT_EQUAL(stats.stored, TOTAL);
    CU_ASSERT_EQUAL(stats.consumed, TOTAL);
    CU_ASSERT(stats.failures <= READERS * BOXES); /* lists that were ended by closing */
    CU_ASSERT_EQUAL(stats.held, 0);
    CU_ASSERT_EQUAL(stats.connections_up, 0);
    cpsd_backend_free(shared.backend);
}

static void in_memory(void)
{
    race("memory:");
}

static void in_redis(void)
{
    struct redis_server server = {0};
    char url[128];
    (void)signal(SIGPIPE, SIG_IGN);
    if (redis_start(&server, NULL)) {
        redis_url(&server, url, sizeof(url));
        race(url);
    }
    redis_end(&server);
}

UNIT_MAIN("store_threads", {"memory", in_memory}, {"Redis", in_redis})
