/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"
#include "tests/unit/store_both.h"

/*
 * The publisher that is stored with an envelope, in each backend, with and without a script.
 */
#define DEST "12155551212"
#define ALICE "alice---1234" /* 8 octets that tell publishers apart, then the SPC */
#define BOB "bob-----5678"

static struct outcome publish(struct harness *h, const char *to, unsigned n, const char *who, int64_t ttl_ms)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, n);
    const struct cpsd_put what = {.id = id,
                                  .envelope = stir_view_str("x"),
                                  .ttl_ms = ttl_ms,
                                  .publisher = stir_view_str(who)};
    cpsd_store_publish(h->store, &box, &what, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

/* The publisher as a completion sees it. */
struct who {
    struct outcome o;
    char text[CPSD_PUBLISHER_MAX + 1];
};

static void note_publisher(void *arg, const struct cpsd_store_result *result)
{
    struct who *who = arg;
    if (result->count) {
        (void)snprintf(who->text, sizeof(who->text), "%.*s", (int)result->entries[0].publisher.len,
                       result->entries[0].publisher.ptr);
    }
    harness_done(&who->o, result);
}

static void published_by(struct harness *h, unsigned n, const char *expected)
{
    struct who who = {.text = "none was found"};
    struct stir_identity box = harness_box(DEST);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, n);
    cpsd_store_get(h->store, &box, id, NULL, note_publisher, &who);
    harness_wait(h, &who.o);
    UNIT_STR(who.text, expected, "who published");
    UNIT_STR(who.o.text[0], "x", "the envelope");
}

static void kept(struct harness *h)
{
    /* the first of a box, then more of them, with and without */
    UNIT_CODE(publish(h, DEST, 1, ALICE, 60000).result.code, STIR_OK, "the first");
    published_by(h, 1, ALICE);
    UNIT_CODE(publish(h, DEST, 2, BOB, 60000).result.code, STIR_OK, "the second");
    UNIT_CODE(publish(h, DEST, 3, "", 60000).result.code, STIR_OK, "the third");
    published_by(h, 1, ALICE);
    published_by(h, 2, BOB);
    published_by(h, 3, "");
    struct outcome o = harness_list(h, DEST, 0, 10, 1000);
    CU_ASSERT_EQUAL(o.result.count, 3);
    UNIT_STR(o.text[0], "x", "the envelope without its publisher");
    /* a taken envelope is still shown with its publisher */
    UNIT_CODE(harness_remove(h, DEST, 2).result.code, STIR_OK, "taken");
    published_by(h, 2, BOB);
}

static void first_stays(struct harness *h)
{
    CU_ASSERT_FALSE(publish(h, DEST, 1, ALICE, 60000).result.existed);
    CU_ASSERT(publish(h, DEST, 1, BOB, 60000).result.existed);
    published_by(h, 1, ALICE);
    CU_ASSERT_FALSE(publish(h, DEST, 2, BOB, 60000).result.existed);
    CU_ASSERT(publish(h, DEST, 1, BOB, 60000).result.existed);
    CU_ASSERT(publish(h, DEST, 2, "", 60000).result.existed);
    published_by(h, 1, ALICE);
    published_by(h, 2, BOB);
}

/* ---- the share of a box ---- */

static const struct cpsd_store_config ten = {
    .url = "memory:", .box_limit = 10, .box_share = 50, .timeout_ms = 1000, .max_ttl_ms = 3600000};

static void refused(struct outcome o, enum cpsd_full full, const char *what)
{
    UNIT_CODE(o.result.code, STIR_E_BOX_FULL, what);
    UNIT_CHECK(o.result.full == full && o.result.limited == 0, "%s: full %d", what, (int)o.result.full);
    UNIT_CHECK(o.result.retry_after_ms >= 1 && o.result.retry_after_ms <= 3600000, "%s: %lld ms", what,
               (long long)o.result.retry_after_ms);
}

static void stored(struct outcome o, const char *what)
{
    UNIT_CODE(o.result.code, STIR_OK, what);
    UNIT_CHECK(!o.result.existed, "%s: existed", what);
}

static void shared(struct harness *h)
{
    for (unsigned i = 0; i < 5; i++) {
        stored(publish(h, DEST, i, i % 2 ? ALICE : "alice---9999", 60000), "Alice, whichever SPC she names");
    }
    refused(publish(h, DEST, 5, ALICE, 60000), CPSD_FULL_SHARE, "her sixth");
    UNIT_CHECK(publish(h, DEST, 4, ALICE, 60000).result.existed, "again what is there");
    stored(publish(h, "12155551213", 5, ALICE, 60000), "in another box");
    for (unsigned i = 10; i < 14; i++) {
        stored(publish(h, DEST, i, BOB, 60000), "Bob");
    }
    stored(publish(h, DEST, 20, "", 60000), "without a credential");
    refused(publish(h, DEST, 21, "", 60000), CPSD_FULL_BOX, "the eleventh");
    refused(publish(h, DEST, 14, BOB, 60000), CPSD_FULL_BOX, "and Bob's fifth");
    UNIT_CODE(harness_remove(h, DEST, 10).result.code, STIR_OK, "one of Bob's is taken");
    refused(publish(h, DEST, 6, ALICE, 60000), CPSD_FULL_SHARE, "Alice still has hers");
    UNIT_CODE(harness_remove(h, DEST, 0).result.code, STIR_OK, "one of Alice's is taken");
    stored(publish(h, DEST, 6, ALICE, 60000), "there is room for one");
    refused(publish(h, DEST, 7, ALICE, 60000), CPSD_FULL_SHARE, "and for no other");
    struct cpsd_store_stats stats;
    cpsd_backend_stats(h->backend, &stats);
    CU_ASSERT_EQUAL(stats.full[CPSD_FULL_BOX], 2);
    CU_ASSERT_EQUAL(stats.full[CPSD_FULL_SHARE], 3);
}

static void strangers_share(struct harness *h)
{
    for (unsigned i = 0; i < 5; i++) {
        stored(publish(h, DEST, i, "", 60000), "without a credential");
    }
    refused(publish(h, DEST, 5, "", 60000), CPSD_FULL_SHARE, "the sixth");
    stored(publish(h, DEST, 6, ALICE, 60000), "Alice");
}

/* Envelopes that expired in the middle of a box do not count: a put that finds no room clears them. */
static void share_expires(struct harness *h)
{
    stored(publish(h, DEST, 100, BOB, 600000), "Bob, for long");
    for (unsigned i = 0; i < 5; i++) {
        stored(publish(h, DEST, i, ALICE, 20), "Alice, for a moment");
    }
    struct outcome o = {.result = {.code = STIR_E_BOX_FULL}};
    for (unsigned tries = 0; o.result.code == STIR_E_BOX_FULL && tries < 1000; tries++) {
        o = publish(h, DEST, 200, ALICE, 600000);
        (void)harness_run(h, 10, NULL);
    }
    stored(o, "Alice, after hers have expired");
    for (unsigned i = 201; i < 205; i++) {
        stored(publish(h, DEST, i, ALICE, 600000), "her whole share");
    }
    refused(publish(h, DEST, 205, ALICE, 600000), CPSD_FULL_SHARE, "not more");
    for (unsigned i = 300; i < 304; i++) {
        stored(publish(h, DEST, i, BOB, 600000), "Bob's");
    }
    refused(publish(h, DEST, 304, "", 600000), CPSD_FULL_BOX, "ten are there");
}

/* A publisher that fills its share for three days does not close the box for others. */
static void not_closed(struct harness *h)
{
    int64_t three_days = INT64_C(259200000);
    size_t taken = 0;
    for (unsigned i = 0; i < 200; i++) {
        taken += publish(h, DEST, i, ALICE, three_days).result.code == STIR_OK;
    }
    CU_ASSERT_EQUAL(taken, 5);
    stored(publish(h, DEST, 1000, BOB, 60000), "Bob");
    stored(publish(h, DEST, 1001, "", 60000), "without a credential");
}

/* ---- taken envelopes that are remembered ---- */

static const struct cpsd_store_config two = {
    .url = "memory:", .box_limit = 2, .box_share = 50, .timeout_ms = 1000, .max_ttl_ms = 3600000};

static void through(struct harness *h, unsigned n, const char *who)
{
    stored(publish(h, DEST, n, who, 600000), who);
    UNIT_CODE(harness_remove(h, DEST, n).result.code, STIR_OK, who);
}

static void taken_are_bounded(struct harness *h)
{
    for (unsigned i = 0; i < CPSD_TAKEN_BOXES; i++) {
        through(h, i, ALICE);
    }
    refused(publish(h, DEST, 50, ALICE, 600000), CPSD_FULL_TAKEN, "too many of Alice's are known");
    for (unsigned i = 100; i < 100 + CPSD_TAKEN_BOXES; i++) {
        through(h, i, BOB);
    }
    refused(publish(h, DEST, 51, "", 600000), CPSD_FULL_TAKEN, "too many of the box's are known");
    UNIT_CHECK(publish(h, DEST, 3, ALICE, 600000).result.existed, "the first of them are known");
    struct cpsd_store_stats stats;
    cpsd_backend_stats(h->backend, &stats);
    CU_ASSERT_EQUAL(stats.full[CPSD_FULL_TAKEN], 2);
}

/* ---- rings ---- */

static struct outcome put_ring(struct harness *h, unsigned n, unsigned ring)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box("/feed/1234");
    uint8_t id[CPSD_ID_OCTETS];
    char text[16];
    harness_id(id, n);
    (void)snprintf(text, sizeof(text), "%u", n);
    const struct cpsd_put what = {.id = id, .envelope = stir_view_str(text), .ttl_ms = 600000, .ring = ring};
    cpsd_store_publish(h->store, &box, &what, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

static void ring_turns(struct harness *h)
{
    unsigned dropped = 0;
    for (unsigned i = 0; i < 50; i++) {
        struct outcome o = put_ring(h, i, 20);
        stored(o, "a ring is never full");
        dropped += o.result.dropped;
    }
    CU_ASSERT_EQUAL(dropped, 30);
    struct outcome o = harness_list(h, "/feed/1234", 0, 60, 10000);
    CU_ASSERT_EQUAL(o.result.count, 20);
    UNIT_STR(o.text[0], "30", "the oldest that is left");
    UNIT_STR(o.text[19], "49", "the newest");
    /* a smaller limit: only a few envelopes are removed at a time */
    for (unsigned i = 50; i < 60; i++) {
        stored(put_ring(h, i, 5), "smaller");
    }
    o = harness_list(h, "/feed/1234", 0, 60, 10000);
    CU_ASSERT_EQUAL(o.result.count, 5);
    UNIT_STR(o.text[4], "59", "the newest");
    struct cpsd_store_stats stats;
    cpsd_backend_stats(h->backend, &stats);
    CU_ASSERT_EQUAL(stats.dropped, 55);
}

/* ---- forgetting ---- */

static void forget(struct harness *h, const char *from, const unsigned *numbers, size_t count)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(from);
    uint8_t ids[8 * CPSD_ID_OCTETS];
    for (size_t i = 0; i < count; i++) {
        harness_id(ids + i * CPSD_ID_OCTETS, numbers[i]);
    }
    cpsd_store_forget(h->store, &box, stir_view((char *)ids, count * CPSD_ID_OCTETS), harness_done, &o);
    harness_wait(h, &o);
    UNIT_CODE(o.result.code, STIR_OK, "forgotten");
}

static void forgotten(struct harness *h)
{
    const unsigned some[] = {1, 3, 77}, one[] = {9};
    forget(h, DEST, some, 3); /* no box */
    stored(publish(h, DEST, 9, ALICE, 60000), "the only one");
    forget(h, DEST, some, 3);
    published_by(h, 9, ALICE);
    forget(h, DEST, one, 1);
    UNIT_CODE(harness_get(h, DEST, 9).result.code, STIR_E_NOT_FOUND, "the only one");
    for (unsigned i = 1; i < 6; i++) {
        stored(publish(h, DEST, i, ALICE, 60000), "Alice");
    }
    forget(h, DEST, some, 3);
    CU_ASSERT_EQUAL(harness_list(h, DEST, 0, 10, 1000).result.count, 3);
    UNIT_CODE(harness_get(h, DEST, 3).result.code, STIR_E_NOT_FOUND, "forgotten");
    CU_ASSERT_FALSE(harness_remove(h, DEST, 3).result.existed);
    stored(publish(h, DEST, 3, ALICE, 60000), "it can come again");
    stored(publish(h, DEST, 6, ALICE, 60000), "there is room for two");
    refused(publish(h, DEST, 7, ALICE, 60000), CPSD_FULL_SHARE, "and for no other");
}

static struct outcome empty_box(struct harness *h, int64_t until_us)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(DEST);
    cpsd_store_empty(h->store, &box, until_us, NULL, harness_done, &o);
    harness_wait(h, &o);
    UNIT_CODE(o.result.code, STIR_OK, "emptied");
    return o;
}

static void emptied(struct harness *h)
{
    CU_ASSERT_EQUAL(empty_box(h, 0).result.ids.len, 0);
    stored(publish(h, DEST, 1, ALICE, 60000), "the only one");
    CU_ASSERT_EQUAL(empty_box(h, 0).result.ids.len, CPSD_ID_OCTETS);
    CU_ASSERT_EQUAL(harness_list(h, DEST, 0, 10, 1000).result.count, 0);
    for (unsigned i = 0; i < 700; i++) {
        stored(publish(h, DEST, i, i % 2 ? ALICE : BOB, 60000), "many");
    }
    UNIT_CODE(harness_remove(h, DEST, 650).result.code, STIR_OK, "one is taken");
    struct outcome first = empty_box(h, 0);
    CU_ASSERT(first.result.more);
    CU_ASSERT_EQUAL(first.result.ids.len, CPSD_EMPTY_MOST * CPSD_ID_OCTETS);
    stored(publish(h, DEST, 1000, "", 60000), "what arrives meanwhile");
    struct outcome last = empty_box(h, first.result.now_us);
    CU_ASSERT_FALSE(last.result.more);
    CU_ASSERT_EQUAL(last.result.ids.len, (size_t)(700 - CPSD_EMPTY_MOST - 1) * CPSD_ID_OCTETS);
    struct outcome left = harness_list(h, DEST, 0, 10, 1000);
    CU_ASSERT_EQUAL(left.result.count, 1);
    UNIT_CHECK(publish(h, DEST, 650, BOB, 60000).result.existed, "what was taken stays known");
    stored(publish(h, DEST, 649, ALICE, 60000), "what was not can come again");
    struct cpsd_store_stats stats;
    cpsd_backend_stats(h->backend, &stats);
    CU_ASSERT_EQUAL(stats.emptied, 700);
}

/* ---- both stores have the same histories ---- */

enum { IDS = 60, STEPS = 4000 };

static unsigned chance(uint64_t *random, unsigned below)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(*random >> 33) % below;
}

static void same_step(struct harness *memory, struct harness *redis, uint64_t *random)
{
    static const char *const whos[] = {ALICE, BOB, "", "carol---0001"};
    unsigned id = chance(random, IDS), what = chance(random, 100);
    struct outcome a, b;
    if (what < 70) {
        const char *who = whos[chance(random, 4)];
        a = publish(memory, DEST, id, who, 600000);
        b = publish(redis, DEST, id, who, 600000);
        UNIT_CHECK(a.result.full == b.result.full && a.result.existed == b.result.existed, "id %u: full %d, %d", id,
                   (int)a.result.full, (int)b.result.full);
    } else if (what < 75) {
        forget(memory, DEST, &id, 1);
        forget(redis, DEST, &id, 1);
        return;
    } else if (what < 76) {
        a = empty_box(memory, 0);
        b = empty_box(redis, 0);
        UNIT_CHECK(a.result.ids.len == b.result.ids.len, "emptied: %zu, %zu", a.result.ids.len, b.result.ids.len);
    } else {
        a = harness_remove(memory, DEST, id);
        b = harness_remove(redis, DEST, id);
    }
    UNIT_CHECK(a.result.code == b.result.code, "id %u: %d in memory, %d in Redis", id, (int)a.result.code,
               (int)b.result.code);
}

static void same_history_with(struct harness *redis)
{
    struct cpsd_store_config config = ten;
    struct harness memory;
    uint64_t random = 20261130;
    config.box_limit = 16;
    config.box_share = 40;
    if (!harness_open(&memory, &config)) {
        return;
    }
    for (unsigned i = 0; i < STEPS; i++) {
        same_step(&memory, redis, &random);
    }
    harness_close(&memory);
}

static void same_history(void)
{
    struct cpsd_store_config config = ten;
    config.box_limit = 16;
    config.box_share = 40;
    both_with_redis(same_history_with, &config);
}

ON_BOTH(kept, &harness_defaults)
ON_BOTH(first_stays, &harness_defaults)
ON_BOTH(shared, &ten)
ON_BOTH(strangers_share, &ten)
ON_BOTH(share_expires, &ten)
ON_BOTH(not_closed, &ten)
ON_BOTH(taken_are_bounded, &two)
ON_BOTH(ring_turns, &ten)
ON_BOTH(forgotten, &ten)
ON_BOTH(emptied, &harness_defaults)

UNIT_MAIN("store_publisher", {"S3: memory: the publisher is kept", memory_kept},
          {"S3: Redis: the publisher is kept", redis_kept},
          {"S3: memory: the first publisher stays", memory_first_stays},
          {"S3: Redis: the first publisher stays", redis_first_stays},
          {"S4: memory: a publisher has a share of a box", memory_shared},
          {"S4: Redis: a publisher has a share of a box", redis_shared},
          {"S4: memory: callers without a credential share", memory_strangers_share},
          {"S4: Redis: callers without a credential share", redis_strangers_share},
          {"S4: memory: what has expired does not count", memory_share_expires},
          {"S4: Redis: what has expired does not count", redis_share_expires},
          {"S4: memory: nobody closes a box for others", memory_not_closed},
          {"S4: Redis: nobody closes a box for others", redis_not_closed},
          {"S4: memory: what is known as taken is bounded", memory_taken_are_bounded},
          {"S4: Redis: what is known as taken is bounded", redis_taken_are_bounded},
          {"S8: memory: the oldest in a ring make room", memory_ring_turns},
          {"S8: Redis: the oldest in a ring make room", redis_ring_turns}, {"memory: forgotten", memory_forgotten},
          {"Redis: forgotten", redis_forgotten}, {"S4: memory: a box is emptied", memory_emptied},
          {"S4: Redis: a box is emptied", redis_emptied}, {"both stores tell the same histories", same_history})
