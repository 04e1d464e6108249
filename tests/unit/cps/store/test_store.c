/* SPDX-License-Identifier: MIT */
#include "common/jose/jwe.h"
#include "cps/store/store.h"
#include "tests/unit/store_both.h"

#include <time.h>

/*
 * The contract in cps/store/store.h: each test runs against each backend.
 */
#define DEST "12155551212"
#define ALL 1000, ((size_t)1 << 20)

static int64_t wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_ms(struct harness *h, uint64_t ms)
{
    (void)harness_run(h, ms, NULL);
}

/* Checks that a result lists exactly these texts in this order of arrival: "a b! c"; '!' marks a taken envelope. */
static void check_list(const struct outcome *o, const char *expected, const char *label)
{
    char text[1024] = "";
    UNIT_CODE(o->result.code, STIR_OK, label);
    for (size_t i = 0; i < o->result.count && i < HARNESS_ENTRIES; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s%s%s", i ? " " : "", o->text[i],
                       o->entries[i].taken ? "!" : "");
        UNIT_CHECK(i == 0 || o->entries[i].arrival_us > o->entries[i - 1].arrival_us, "%s: order of arrival", label);
    }
    UNIT_STR(text, expected, label);
}

static void put_get(struct harness *h)
{
    int64_t before = wall_us();
    struct outcome put = harness_put(h, DEST, 1, "one", 60000);
    UNIT_CODE(put.result.code, STIR_OK, "put");
    CU_ASSERT_FALSE(put.result.existed);
    CU_ASSERT(!put.result.now_us || (put.result.now_us >= before - 1000 && put.result.now_us <= wall_us() + 1000));
    struct outcome got = harness_get(h, DEST, 1);
    UNIT_CODE(got.result.code, STIR_OK, "get");
    CU_ASSERT_EQUAL_FATAL(got.result.count, 1);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, 1);
    CU_ASSERT(memcmp(got.entries[0].id, id, sizeof(id)) == 0);
    CU_ASSERT_STRING_EQUAL(got.text[0], "one");
    CU_ASSERT(got.entries[0].arrival_us >= before - 1000);
    CU_ASSERT(llabs(got.entries[0].expires_us - got.entries[0].arrival_us - 60000000) < 1000);
    CU_ASSERT(got.result.now_us >= got.entries[0].arrival_us);
    UNIT_CODE(harness_get(h, DEST, 2).result.code, STIR_E_NOT_FOUND, "another id");
    UNIT_CODE(harness_get(h, "12155551213", 1).result.code, STIR_E_NOT_FOUND, "another box");
    CU_ASSERT(harness_get(h, "12155551213", 1).result.now_us >= before - 1000);
}

/* Envelopes and ids may have any octets. */
static void binary(struct harness *h)
{
    static const char octets[] = "a\0b\r\n$5\r\n\xff\xfe";
    static const char ids[][CPSD_ID_OCTETS + 1] = {"0000000000000000", "1               ",
                                                   "t1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "\r\n*1\r\n$4\r\nQUIT\r\n"};
    struct stir_identity box = harness_box("im:user%7D@example.com");
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct outcome put = {0}, got = {0};
        cpsd_store_put(h->store, &box, (const uint8_t *)ids[i], stir_view(octets, sizeof(octets) - 1), 60000, NULL,
                       harness_done, &put);
        harness_wait(h, &put);
        UNIT_CODE(put.result.code, STIR_OK, "put");
        cpsd_store_get(h->store, &box, (const uint8_t *)ids[i], NULL, harness_done, &got);
        harness_wait(h, &got);
        UNIT_CODE(got.result.code, STIR_OK, "get");
        CU_ASSERT_EQUAL(got.entries[0].envelope.len, sizeof(octets) - 1);
        CU_ASSERT(memcmp(got.text[0], octets, sizeof(octets) - 1) == 0);
        CU_ASSERT(memcmp(got.entries[0].id, ids[i], CPSD_ID_OCTETS) == 0);
    }
    struct outcome list = harness_list(h, "im:user%7D@example.com", 0, ALL);
    CU_ASSERT_EQUAL(list.result.count, 4);
}

/* A real envelope comes back unchanged, alone and in a list, and the octets of a list are limited. */
static void true_envelopes(struct harness *h)
{
    static const uint8_t epk[64] = {9}, iv[STIR_GCM_IV], tag[STIR_GCM_TAG], secret[300];
    struct stir_identity box = harness_box(DEST);
    struct stir_buf envelope[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        struct outcome put = {0}, got;
        stir_jwe_assemble(&envelope[i], i ? STIR_CURVE_P256 : STIR_CURVE_X25519, epk, iv, secret, sizeof(secret), tag);
        uint8_t id[CPSD_ID_OCTETS] = {(uint8_t)(i + 1)};
        cpsd_store_put(h->store, &box, id, stir_view(envelope[i].ptr, envelope[i].len), 60000, NULL, harness_done,
                       &put);
        harness_wait(h, &put);
        UNIT_CODE(put.result.code, STIR_OK, "put");
        memset(&got, 0, sizeof(got));
        cpsd_store_get(h->store, &box, id, NULL, harness_done, &got);
        harness_wait(h, &got);
        CU_ASSERT_EQUAL(got.entries[0].envelope.len, envelope[i].len);
        CU_ASSERT_EQUAL(memcmp(got.text[0], envelope[i].ptr, 63), 0);
    }
    struct outcome list = harness_list(h, DEST, 0, 10, envelope[0].len + envelope[1].len + 32);
    CU_ASSERT(list.result.count == 2 && !list.result.more);
    CU_ASSERT(list.entries[0].envelope.len == envelope[0].len && list.entries[1].envelope.len == envelope[1].len);
    CU_ASSERT_EQUAL(memcmp(list.text[1], envelope[1].ptr, 63), 0);
    list = harness_list(h, DEST, 0, 10, envelope[0].len + envelope[1].len - 32);
    CU_ASSERT(list.result.count == 1 && list.result.more);
    stir_buf_free(&envelope[0]);
    stir_buf_free(&envelope[1]);
}

static void idempotent(struct harness *h)
{
    UNIT_CODE(harness_put(h, DEST, 1, "one", 60000).result.code, STIR_OK, "put");
    struct outcome first = harness_get(h, DEST, 1);
    struct outcome again = harness_put(h, DEST, 1, "one", 120000);
    UNIT_CODE(again.result.code, STIR_OK, "again");
    CU_ASSERT_TRUE(again.result.existed);
    struct outcome second = harness_get(h, DEST, 1);
    CU_ASSERT_EQUAL(first.entries[0].arrival_us, second.entries[0].arrival_us);
    CU_ASSERT_EQUAL(first.entries[0].expires_us, second.entries[0].expires_us);
    struct outcome list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "one", "once");
}

static void order_and_cursor(struct harness *h)
{
    static const char *const texts[] = {"a", "b", "c", "d", "e"};
    struct outcome list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "", "missing box");
    CU_ASSERT_FALSE(list.result.more);
    for (unsigned i = 0; i < 5; i++) {
        UNIT_CODE(harness_put(h, DEST, 100 - i, texts[i], 60000).result.code, STIR_OK, "put");
    }
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "a b c d e", "all");
    CU_ASSERT_FALSE(list.result.more);
    static const char *const rest[] = {"b c d e", "c d e", "d e", "e", ""};
    for (unsigned i = 0; i < 5; i++) {
        struct outcome after = harness_list(h, DEST, list.entries[i].arrival_us, ALL);
        check_list(&after, rest[i], "after an arrival");
        after = harness_list(h, DEST, list.entries[i].arrival_us - 1, ALL);
        check_list(&after, i ? rest[i - 1] : "a b c d e", "just before an arrival");
    }
    struct outcome later = harness_list(h, DEST, INT64_MAX, ALL);
    check_list(&later, "", "after the end of time");
    later = harness_list(h, DEST, -5, ALL);
    check_list(&later, "a b c d e", "before time");
    UNIT_CODE(harness_put(h, DEST, 7, "f", 60000).result.code, STIR_OK, "put");
    later = harness_list(h, DEST, list.result.now_us, ALL);
    check_list(&later, "f", "what came after the list was made");
}

static void limits(struct harness *h)
{
    static const struct {
        size_t count, octets;
        const char *expected;
        bool more;
    } rows[] = {
        {1, 1000, "aaaa", true},
        {2, 1000, "aaaa bbbb", true},
        {3, 1000, "aaaa bbbb cccc", false},
        {4, 1000, "aaaa bbbb cccc", false},
        {0, 1000, "aaaa", true},
        {10, 0, "aaaa", true},
        {10, 3, "aaaa", true},
        {10, 4, "aaaa", true},
        {10, 7, "aaaa", true},
        {10, 8, "aaaa bbbb", true},
        {10, 11, "aaaa bbbb", true},
        {10, 12, "aaaa bbbb cccc", false},
        {SIZE_MAX, SIZE_MAX, "aaaa bbbb cccc", false},
    };
    (void)harness_put(h, DEST, 1, "aaaa", 60000);
    (void)harness_put(h, DEST, 2, "bbbb", 60000);
    (void)harness_put(h, DEST, 3, "cccc", 60000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char label[64];
        (void)snprintf(label, sizeof(label), "count %zu, octets %zu", rows[i].count, rows[i].octets);
        struct outcome list = harness_list(h, DEST, 0, rows[i].count, rows[i].octets);
        check_list(&list, rows[i].expected, label);
        UNIT_CHECK(list.result.more == rows[i].more, "%s: more is %d", label, list.result.more);
    }
}

/* Reading a whole box in pages, each from the end of the last one, gives every envelope once, in order. */
static void pages(struct harness *h)
{
    char text[16];
    for (unsigned i = 0; i < 500; i++) {
        (void)snprintf(text, sizeof(text), "%u", i);
        UNIT_CODE(harness_put(h, DEST, i, text, 60000).result.code, STIR_OK, "put");
    }
    int64_t after = 0;
    unsigned seen = 0;
    for (bool more = true; more && seen <= 500;) {
        struct outcome page = harness_list(h, DEST, after, 33, 1 << 20);
        UNIT_CODE(page.result.code, STIR_OK, "page");
        for (size_t i = 0; i < page.result.count; i++, seen++) {
            UNIT_CHECK(strtoul(page.text[i], NULL, 10) == seen, "%s instead of %u", page.text[i], seen);
        }
        more = page.result.more;
        after = page.result.count ? page.entries[page.result.count - 1].arrival_us : after;
    }
    CU_ASSERT_EQUAL(seen, 500);
}

/* Checks that an envelope cannot be taken; existed: because it was taken before. */
static void check_absent(struct harness *h, const char *to, unsigned n, bool remember, bool existed, const char *label)
{
    struct outcome o = harness_remove_or(h, to, n, remember);
    UNIT_CODE(o.result.code, STIR_E_NOT_FOUND, label);
    UNIT_CHECK(o.result.existed == existed, "%s: existed %d", label, o.result.existed);
}

static void consume(struct harness *h)
{
    (void)harness_put(h, DEST, 1, "a", 60000);
    (void)harness_put(h, DEST, 2, "b", 1500); /* long enough for a busy machine to read it */
    (void)harness_put(h, DEST, 3, "c", 60000);
    UNIT_CODE(harness_remove(h, DEST, 2).result.code, STIR_OK, "the first");
    check_absent(h, DEST, 2, false, true, "the second");
    check_absent(h, DEST, 9, false, false, "never there");
    check_absent(h, DEST, 9, false, false, "never there, asked again");
    check_absent(h, "9", 1, false, false, "no such box");
    struct outcome got = harness_get(h, DEST, 2);
    CU_ASSERT(got.result.code == STIR_OK && got.result.count == 1 && got.entries[0].taken);
    struct outcome list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "a b! c", "it is shown");
    struct outcome again = harness_put(h, DEST, 2, "b", 60000);
    UNIT_CODE(again.result.code, STIR_OK, "published again");
    CU_ASSERT_TRUE(again.result.existed);
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "a b! c", "nothing was added");
    sleep_ms(h, 1520);
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "a c", "its time is over");
    UNIT_CODE(harness_get(h, DEST, 2).result.code, STIR_E_NOT_FOUND, "get");
    check_absent(h, DEST, 2, false, true, "that it was taken is known for two minutes");
    again = harness_put(h, DEST, 2, "b", 60000);
    UNIT_CODE(again.result.code, STIR_OK, "published after it would have expired");
    CU_ASSERT_TRUE(again.result.existed);
    UNIT_CODE(harness_remove(h, DEST, 1).result.code, STIR_OK, "another");
    UNIT_CODE(harness_remove(h, DEST, 3).result.code, STIR_OK, "another");
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "a! c!", "all are taken");
    CU_ASSERT_TRUE(harness_put(h, DEST, 3, "c", 60000).result.existed);
}

/* An id that is not there can be remembered as taken, so that only one of several callers is the first. */
static void remember(struct harness *h)
{
    check_absent(h, DEST, 1, true, false, "an empty box");
    check_absent(h, DEST, 1, true, true, "the second time");
    check_absent(h, DEST, 1, false, true, "without remembering");
    CU_ASSERT_TRUE(harness_put(h, DEST, 1, "a", 60000).result.existed);
    struct outcome list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "", "nothing is shown");
    UNIT_CODE(harness_get(h, DEST, 1).result.code, STIR_E_NOT_FOUND, "get");
    (void)harness_put(h, DEST, 2, "b", 60000);
    (void)harness_put(h, DEST, 3, "c", 300);
    check_absent(h, DEST, 4, true, false, "beside others");
    check_absent(h, DEST, 4, true, true, "beside others, again");
    sleep_ms(h, 320);
    check_absent(h, DEST, 3, true, false, "one that has expired");
    check_absent(h, DEST, 3, true, true, "one that has expired, again");
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "b", "what is alive stays");
    UNIT_CODE(harness_remove_or(h, DEST, 2, true).result.code, STIR_OK, "and is taken once");
    check_absent(h, DEST, 2, true, true, "and not twice");
    /* a box that was made without a script, and the id is another one */
    (void)harness_put(h, "12155550001", 1, "d", 60000);
    check_absent(h, "12155550001", 2, true, false, "beside a single one");
    check_absent(h, "12155550001", 2, true, true, "beside a single one, again");
    list = harness_list(h, "12155550001", 0, ALL);
    check_list(&list, "d", "it stays");
}

/* Taken envelopes do not count for the limit, and only a number of them is shown. */
static void taken_many(struct harness *h)
{
    char text[16];
    for (unsigned i = 0; i < CPSD_TAKEN_SHOWN + 20; i++) {
        (void)snprintf(text, sizeof(text), "%u", i);
        UNIT_CODE(harness_put(h, DEST, i, text, 60000).result.code, STIR_OK, "put");
        UNIT_CODE(harness_remove(h, DEST, i).result.code, STIR_OK, "taken");
        check_absent(h, DEST, i, false, true, "once");
    }
    struct outcome list = harness_list(h, DEST, 0, 1000, 1 << 20);
    UNIT_CHECK(list.result.count == CPSD_TAKEN_SHOWN, "%zu are shown", list.result.count);
    (void)harness_put(h, DEST, 1000, "alive", 60000);
    list = harness_list(h, DEST, list.entries[CPSD_TAKEN_SHOWN - 1].arrival_us, 1000, 1 << 20);
    check_list(&list, "alive", "what is alive");
}

static void expiry(struct harness *h)
{
    (void)harness_put(h, DEST, 1, "long", 60000);
    (void)harness_put(h, DEST, 2, "short", 1500);
    (void)harness_put(h, DEST, 3, "longer", 90000);
    struct outcome list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "long short longer", "all there");
    sleep_ms(h, 1520);
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "long longer", "the one in the middle is over");
    UNIT_CODE(harness_get(h, DEST, 2).result.code, STIR_E_NOT_FOUND, "get");
    UNIT_CODE(harness_remove(h, DEST, 2).result.code, STIR_E_NOT_FOUND, "remove");
    struct outcome again = harness_put(h, DEST, 2, "new", 60000);
    UNIT_CODE(again.result.code, STIR_OK, "put again");
    CU_ASSERT_FALSE(again.result.existed);
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "long longer new", "arrived anew");
    UNIT_CODE(harness_remove(h, DEST, 2).result.code, STIR_OK, "and removed");
}

static void ttl_bounds(struct harness *h)
{
    static const struct {
        int64_t ttl_ms, expected_ms;
    } rows[] = {{0, 1}, {-1, 1}, {INT64_MIN, 1}, {1, 1}, {3600000, 3600000}, {3600001, 3600000}, {INT64_MAX, 3600000}};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcome put = harness_put(h, DEST, i, "x", rows[i].ttl_ms);
        UNIT_CODE(put.result.code, STIR_OK, "put");
        struct outcome got = harness_get(h, DEST, i);
        if (got.result.code == STIR_OK) {
            int64_t ms = (got.entries[0].expires_us - got.entries[0].arrival_us) / 1000;
            UNIT_CHECK(ms >= rows[i].expected_ms - 2 && ms <= rows[i].expected_ms, "row %u: lives %lld ms", i,
                       (long long)ms);
        } else {
            UNIT_CHECK(rows[i].expected_ms == 1, "row %u: gone", i);
        }
    }
}

/* The boxes of this store hold 4 envelopes. */
static void full_box(struct harness *h)
{
    (void)harness_put(h, DEST, 1, "a", 60000);
    (void)harness_put(h, DEST, 2, "b", 2300);
    (void)harness_put(h, DEST, 3, "c", 60000);
    (void)harness_put(h, DEST, 4, "d", 70000);
    struct outcome full = harness_put(h, DEST, 5, "e", 60000);
    UNIT_CODE(full.result.code, STIR_E_BOX_FULL, "the fifth");
    UNIT_CHECK(full.result.retry_after_ms > 0 && full.result.retry_after_ms <= 2300, "retry after %lld",
               (long long)full.result.retry_after_ms);
    CU_ASSERT(full.result.now_us > 0);
    CU_ASSERT_TRUE(harness_put(h, DEST, 1, "a", 60000).result.existed);
    UNIT_CODE(harness_put(h, "12155551213", 5, "e", 60000).result.code, STIR_OK, "another box");
    struct outcome list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "a b c d", "nothing was evicted");
    sleep_ms(h, (uint64_t)full.result.retry_after_ms + 20);
    UNIT_CODE(harness_put(h, DEST, 5, "e", 60000).result.code, STIR_OK, "when it was told to");
    full = harness_put(h, DEST, 6, "f", 60000);
    UNIT_CODE(full.result.code, STIR_E_BOX_FULL, "full again");
    UNIT_CHECK(full.result.retry_after_ms > 50000 && full.result.retry_after_ms <= 58000, "retry after %lld",
               (long long)full.result.retry_after_ms);
    UNIT_CODE(harness_remove(h, DEST, 3).result.code, STIR_OK, "a place");
    UNIT_CODE(harness_put(h, DEST, 6, "f", 60000).result.code, STIR_OK, "taken");
    UNIT_CODE(harness_put(h, DEST, 7, "g", 60000).result.code, STIR_E_BOX_FULL, "and full");
    list = harness_list(h, DEST, 0, ALL);
    check_list(&list, "a c! d e f", "what is there");
}

/* Waiting. */

struct waiter {
    struct cpsd_wait wait;
    struct harness *h;
    struct waiter *other; /* taken out when this one is called */
    int called;
};

static void arrived(void *arg)
{
    struct waiter *w = arg;
    w->called++;
    if (w->other) {
        cpsd_store_unwait(&w->other->wait);
    }
}

/* The first wait for a box in Redis is woken once when the subscription is in force. Waits for that, so that later
 * wake-ups come from arrivals. */
static void wait_settled(struct harness *h, struct waiter *w, const struct stir_identity *box, bool first)
{
    cpsd_store_wait(h->store, &w->wait, box, arrived, w);
    (void)harness_run(h, first && h->remote ? 60000 : 30, &w->called);
    if (w->called) {
        w->called = 0;
        cpsd_store_wait(h->store, &w->wait, box, arrived, w);
    }
}

static void waiting(struct harness *h)
{
    struct stir_identity box = harness_box(DEST), other = harness_box("12155551213");
    static struct waiter a, b, c; /* a and c are still waiting when this returns */
    a = b = c = (struct waiter){0};
    wait_settled(h, &a, &box, true);
    wait_settled(h, &b, &box, false);
    wait_settled(h, &c, &other, true);
    cpsd_store_unwait(&b.wait);
    cpsd_store_unwait(&b.wait);
    UNIT_CODE(harness_put(h, DEST, 1, "a", 60000).result.code, STIR_OK, "put");
    (void)harness_run(h, 60000, &a.called);
    CU_ASSERT_EQUAL(a.called, 1);
    CU_ASSERT_EQUAL(b.called, 0);
    CU_ASSERT_EQUAL(c.called, 0);
    cpsd_store_unwait(&a.wait);
    UNIT_CODE(harness_put(h, DEST, 2, "b", 60000).result.code, STIR_OK, "put");
    sleep_ms(h, 20);
    CU_ASSERT_EQUAL(a.called, 1);
    cpsd_store_wait(h->store, &a.wait, &box, arrived, &a);
    CU_ASSERT_TRUE(harness_put(h, DEST, 2, "b", 60000).result.existed);
    sleep_ms(h, 20);
    UNIT_CHECK(a.called == 1, "what was there already wakes nobody");
    /* a and c are still waiting: closing removes them. */
}

static void woken_and_gone(struct harness *h)
{
    struct stir_identity box = harness_box(DEST);
    struct waiter a = {0}, b = {0};
    struct outcome put = {0};
    uint8_t id[CPSD_ID_OCTETS] = {0};
    wait_settled(h, &a, &box, true);
    wait_settled(h, &b, &box, false);
    a.other = &b;
    b.other = &a;
    cpsd_store_put(h->store, &box, id, stir_view_str("x"), 60000, NULL, harness_done, &put);
    for (int i = 0; i < 1000 && !a.called && !b.called; i++) {
        (void)harness_run(h, 50, NULL);
    }
    harness_wait(h, &put);
    UNIT_CHECK(a.called + b.called == 1, "each takes the other out: %d called", a.called + b.called);
    a.called = b.called = 0;
    put = (struct outcome){0};
    id[0] = 1;
    cpsd_store_wait(h->store, &a.wait, &box, arrived, &a);
    cpsd_store_put(h->store, &box, id, stir_view_str("x"), 60000, NULL, harness_done, &put);
    if (put.calls) { /* woken, but `arrived` was not called yet */
        CU_ASSERT_EQUAL(a.called, 0);
        cpsd_store_unwait(&a.wait);
        (void)harness_run(h, 50, NULL);
        CU_ASSERT_EQUAL(a.called, 0);
    } else {
        (void)harness_run(h, 60000, &a.called);
        CU_ASSERT_EQUAL(a.called, 1);
        harness_wait(h, &put);
    }
}

enum { MANY = 10000 };

static int count_called(const struct waiter *w)
{
    int called = 0;
    for (unsigned i = 0; i < MANY; i++) {
        called += w[i].called;
    }
    return called;
}

/* Runs the loop until this number of waiters was called. */
static void run_until_called(struct harness *h, const struct waiter *w, int count)
{
    for (int i = 0; i < 600 && count_called(w) < count; i++) {
        (void)harness_run(h, 100, NULL);
    }
}

static void settle(struct harness *h, struct waiter *w)
{
    for (unsigned i = 0; i < MANY; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "1215%07u", i % 5000);
        struct stir_identity box = harness_box(text);
        cpsd_store_wait(h->store, &w[i].wait, &box, arrived, &w[i]);
    }
    run_until_called(h, w, h->remote ? MANY : 0); /* see wait_settled */
    for (unsigned i = 0; i < MANY; i++) {
        if (w[i].called) {
            struct stir_identity box = w[i].wait.box;
            w[i].called = 0;
            cpsd_store_wait(h->store, &w[i].wait, &box, arrived, &w[i]);
        }
    }
}

static void many_waiters(struct harness *h)
{
    struct waiter *w = calloc(MANY, sizeof(*w));
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    settle(h, w);
    for (unsigned i = 0; i < 1000; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "1215%07u", i);
        (void)harness_put(h, text, i, "x", 60000);
    }
    run_until_called(h, w, 2000);
    CU_ASSERT_EQUAL(count_called(w), 2000);
    for (unsigned i = 0; i < MANY; i++) {
        UNIT_CHECK(w[i].called == (i % 5000 < 1000), "waiter %u", i);
        cpsd_store_unwait(&w[i].wait);
    }
    free(w);
}

static void statistics(struct harness *h)
{
    (void)harness_put(h, DEST, 1, "a", 60000);
    (void)harness_put(h, DEST, 1, "a", 60000);
    (void)harness_put(h, DEST, 2, "b", 60000);
    (void)harness_remove(h, DEST, 1);
    (void)harness_remove(h, DEST, 1);
    (void)harness_list(h, DEST, 0, ALL);
    struct cpsd_store_stats stats;
    cpsd_backend_stats(h->backend, &stats);
    CU_ASSERT_EQUAL(stats.operations, 6);
    CU_ASSERT_EQUAL(stats.stored, 2);
    CU_ASSERT_EQUAL(stats.consumed, 1);
    CU_ASSERT_EQUAL(stats.failures, 0);
    uint64_t sum = 0;
    for (size_t i = 0; i < 16; i++) {
        sum += stats.latency_bucket[i];
    }
    CU_ASSERT_EQUAL(sum, 6);
}

/* A completion that begins the next operation, and one that closes the store. */

struct chain {
    struct harness *h;
    int left, calls;
    bool close;
};

static void chained(void *arg, const struct cpsd_store_result *result)
{
    struct chain *chain = arg;
    struct stir_identity box = harness_box(DEST);
    UNIT_CODE(result->code, STIR_OK, "in the chain");
    for (size_t i = 0; i < result->count; i++) {
        UNIT_CHECK(stir_view_is(result->entries[i].envelope, "x"), "entry %zu", i);
    }
    chain->calls++;
    if (chain->left-- > 0) {
        cpsd_store_list(chain->h->store, &box, 0, ALL, NULL, chained, chain);
        for (size_t i = 0; i < result->count; i++) {
            UNIT_CHECK(stir_view_is(result->entries[i].envelope, "x"), "entry %zu, after another list", i);
        }
    } else if (chain->close) {
        cpsd_store_close(chain->h->store, harness_on_closed, &chain->h->closed);
    }
}

static void nested(struct harness *h)
{
    for (unsigned i = 0; i < 50; i++) {
        (void)harness_put(h, DEST, i, "x", 60000);
    }
    struct chain chain = {.h = h, .left = 5};
    struct stir_identity box = harness_box(DEST);
    cpsd_store_list(h->store, &box, 0, ALL, NULL, chained, &chain);
    for (int i = 0; i < 3000 && chain.calls < 6; i++) {
        sleep_ms(h, 10);
    }
    CU_ASSERT_EQUAL(chain.calls, 6);
}

static const struct cpsd_store_config *small_boxes(void)
{
    static struct cpsd_store_config config;
    config = harness_defaults;
    config.box_limit = 4;
    return &config;
}

ON_BOTH(put_get, &harness_defaults)
ON_BOTH(binary, &harness_defaults)
ON_BOTH(true_envelopes, &harness_defaults)
ON_BOTH(idempotent, &harness_defaults)
ON_BOTH(order_and_cursor, &harness_defaults)
ON_BOTH(limits, &harness_defaults)
ON_BOTH(pages, &harness_defaults)
ON_BOTH(consume, &harness_defaults)
ON_BOTH(remember, &harness_defaults)
ON_BOTH(taken_many, &harness_defaults)
ON_BOTH(expiry, &harness_defaults)
ON_BOTH(ttl_bounds, &harness_defaults)
ON_BOTH(full_box, small_boxes())
ON_BOTH(waiting, &harness_defaults)
ON_BOTH(woken_and_gone, &harness_defaults)
ON_BOTH(many_waiters, &harness_defaults)
ON_BOTH(statistics, &harness_defaults)
ON_BOTH(nested, &harness_defaults)

#define TEST(title, name)                                                                                              \
    {"memory: " title, memory_##name},                                                                                 \
    {                                                                                                                  \
        "Redis: " title, redis_##name                                                                                  \
    }

UNIT_MAIN("store", TEST("put and get", put_get), TEST("any octets", binary), TEST("true envelopes", true_envelopes),
          TEST("the same envelope again", idempotent), TEST("order of arrival and cursor", order_and_cursor),
          TEST("limits of a list", limits), TEST("page by page", pages), TEST("consumed once", consume),
          TEST("F10: remembered as taken", remember), TEST("many that are taken", taken_many), TEST("expiry", expiry),
          TEST("bounds of a life", ttl_bounds), TEST("a full box", full_box), TEST("waiting", waiting),
          TEST("woken and gone", woken_and_gone), TEST("10,000 waiters", many_waiters), TEST("statistics", statistics),
          TEST("operations within completions", nested))
