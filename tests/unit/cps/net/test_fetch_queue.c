/* SPDX-License-Identifier: MIT */
#include "cps/net/fetch_queue.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

/* Whose turn it is: requests by queue and host, without a network. */
#define AT_ONCE 16 /* of certificates: 2 to a host; 64 of it may wait */
#define LATE 1000

static struct cpsd_fetch_queues queues;

static struct cpsd_fetch *make(enum cpsd_fetch_queue queue, const char *url)
{
    struct cpsd_fetch *fetch = calloc(1, sizeof(*fetch));
    CU_ASSERT_PTR_NOT_NULL_FATAL(fetch);
    fetch->queue = queue;
    fetch->url = strdup(url);
    fetch->late_ns = LATE;
    return fetch;
}

static void drop(struct cpsd_fetch *fetch)
{
    free(fetch->url);
    free(fetch);
}

/* False: there is no place for it. */
static bool add(enum cpsd_fetch_queue queue, const char *url)
{
    struct cpsd_fetch *fetch = make(queue, url);
    enum stir_code code = cpsd_fetch_queues_add(&queues, fetch, NULL);
    UNIT_CHECK(code == STIR_OK || code == STIR_E_UNAVAILABLE, "%s: %s", url, stir_error_name(code));
    if (code != STIR_OK) {
        drop(fetch);
    }
    return code == STIR_OK;
}

static void add_many(enum cpsd_fetch_queue queue, const char *url, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        UNIT_CHECK(add(queue, url), "%s: %u", url, i);
    }
}

/* The next one that starts must be of this URL; NULL: none starts. Returned, for done(). */
static struct cpsd_fetch *starts(const char *url)
{
    enum cpsd_fetch_turn turn = CPSD_FETCH_LATE;
    struct cpsd_fetch *fetch = cpsd_fetch_queues_take(&queues, 0, &turn);
    UNIT_CHECK((fetch != NULL) == (url != NULL), "%s starts", fetch ? fetch->url : "none");
    if (fetch) {
        UNIT_STR(fetch->url, url, "the next");
        CU_ASSERT_EQUAL(turn, CPSD_FETCH_START);
    }
    return fetch;
}

static void done(struct cpsd_fetch *fetch)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(fetch);
    cpsd_fetch_queues_done(&queues, fetch);
    drop(fetch);
}

/* Takes all that still wait, as a fetcher does that stops. Returns how many there were. */
static unsigned late_at(uint64_t now)
{
    unsigned count = 0;
    enum cpsd_fetch_turn turn = CPSD_FETCH_LATE;
    for (struct cpsd_fetch *fetch; (fetch = cpsd_fetch_queues_take(&queues, now, &turn)); count++) {
        CU_ASSERT_EQUAL(turn, CPSD_FETCH_LATE);
        drop(fetch);
    }
    return count;
}

static void is_empty(void)
{
    CU_ASSERT_EQUAL(cpsd_fetch_queues_next_ns(&queues), UINT64_MAX);
    for (int i = 0; i < CPSD_FETCH_QUEUES; i++) {
        UNIT_CHECK(!queues.line[i].hosts && !queues.line[i].active && !queues.line[i].waiting, "queue %d", i);
    }
}

static void test_a_host_has_a_share(void)
{
    cpsd_fetch_queues_init(&queues, AT_ONCE);
    add_many(CPSD_FETCH_CERTS, "https://slow.example/x", 60);
    struct cpsd_fetch *slow[] = {starts("https://slow.example/x"), starts("https://slow.example/x")};
    (void)starts(NULL);
    add_many(CPSD_FETCH_CERTS, "https://other.example/x", 1);
    struct cpsd_fetch *other = starts("https://other.example/x");
    (void)starts(NULL);
    done(slow[0]);
    slow[0] = starts("https://slow.example/x");
    /* the same host, whichever way it is written, on whichever port */
    add_many(CPSD_FETCH_CERTS, "https://SLOW.example.:8443/y", 1);
    (void)starts(NULL);
    CU_ASSERT_EQUAL(late_at(LATE), 58);
    done(slow[0]);
    done(slow[1]);
    done(other);
    is_empty();
}

static void test_hosts_take_turns(void)
{
    struct cpsd_fetch *active[AT_ONCE];
    char url[64];
    cpsd_fetch_queues_init(&queues, AT_ONCE);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        (void)snprintf(url, sizeof(url), "https://h%u.example/", i / 2);
        add_many(CPSD_FETCH_CERTS, url, 1);
    }
    for (unsigned i = 0; i < AT_ONCE; i++) {
        enum cpsd_fetch_turn turn;
        active[i] = cpsd_fetch_queues_take(&queues, 0, &turn);
    }
    add_many(CPSD_FETCH_CERTS, "https://a.example/", 3);
    add_many(CPSD_FETCH_CERTS, "https://b.example/", 3);
    (void)starts(NULL); /* all transfers are in use */
    const char *turns[] = {"https://a.example/", "https://b.example/", "https://a.example/", "https://b.example/"};
    for (unsigned i = 0; i < 4; i++) {
        done(active[i]);
        active[i] = starts(turns[i]);
    }
    CU_ASSERT_EQUAL(late_at(LATE), 2);
    for (unsigned i = 0; i < AT_ONCE; i++) {
        done(active[i]);
    }
    is_empty();
}

static void test_queues_are_apart(void)
{
    struct cpsd_fetch *active[2];
    cpsd_fetch_queues_init(&queues, AT_ONCE);
    add_many(CPSD_FETCH_CERTS, "https://slow.example/x", 64);
    active[0] = starts("https://slow.example/x");
    active[1] = starts("https://slow.example/x");
    (void)starts(NULL);
    static const enum cpsd_fetch_queue others[] = {CPSD_FETCH_KNOWN_CERTS, CPSD_FETCH_LISTS, CPSD_FETCH_PEERS};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        add_many(others[i], "https://slow.example/x", 1);
        done(starts("https://slow.example/x"));
    }
    CU_ASSERT_EQUAL(late_at(LATE), 62);
    done(active[0]);
    done(active[1]);
    is_empty();
}

static void test_bounds(void)
{
    char url[64];
    unsigned taken = 0;
    cpsd_fetch_queues_init(&queues, AT_ONCE);
    add_many(CPSD_FETCH_CERTS, "https://slow.example/x", 64);
    CU_ASSERT_FALSE(add(CPSD_FETCH_CERTS, "https://slow.example/y"));
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(url, sizeof(url), "https://h%u.example/", i);
        taken += add(CPSD_FETCH_CERTS, url);
    }
    CU_ASSERT_EQUAL(taken, 192);
    CU_ASSERT_EQUAL(late_at(UINT64_MAX), 256);
    is_empty();
}

static void test_late_and_removed(void)
{
    cpsd_fetch_queues_init(&queues, AT_ONCE);
    add_many(CPSD_FETCH_CERTS, "https://slow.example/x", 2);
    struct cpsd_fetch *active[] = {starts("https://slow.example/x"), starts("https://slow.example/x")};
    struct cpsd_fetch *waiting[4];
    for (unsigned i = 0; i < 4; i++) {
        waiting[i] = make(CPSD_FETCH_CERTS, "https://slow.example/x");
        waiting[i]->late_ns = 10 * (i + 1);
        UNIT_OK(cpsd_fetch_queues_add(&queues, waiting[i], NULL));
    }
    CU_ASSERT_EQUAL(cpsd_fetch_queues_next_ns(&queues), 10);
    static const unsigned order[] = {0, 3, 2};
    for (unsigned i = 0; i < 3; i++) { /* the first, the last, the last again */
        cpsd_fetch_queues_remove(&queues, waiting[order[i]]);
        drop(waiting[order[i]]);
    }
    CU_ASSERT_EQUAL(cpsd_fetch_queues_next_ns(&queues), 20);
    add_many(CPSD_FETCH_CERTS, "https://slow.example/y", 1);
    (void)starts(NULL);
    CU_ASSERT_EQUAL(late_at(19), 0);
    CU_ASSERT_EQUAL(late_at(20), 1);
    CU_ASSERT_EQUAL(late_at(LATE), 1);
    done(active[0]);
    done(active[1]);
    is_empty();
}

UNIT_MAIN("fetch_queue", {"S6: a host has a share", test_a_host_has_a_share},
          {"S6: hosts take turns", test_hosts_take_turns}, {"S6: queues are apart", test_queues_are_apart},
          {"bounds", test_bounds}, {"late and removed", test_late_and_removed})
