/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/store_harness.h"

/*
 * A box over time: the same random history in both stores, long boxes, expiry in the middle, taken envelopes, and a
 * clock that is set back.
 */
#define BOX "12155551212"
#define KEY "cps:{" BOX "}"

static struct redis_server server;

static void end_server(void)
{
    redis_end(&server);
}

static bool open_redis(struct harness *h, unsigned box_limit)
{
    static char url[128];
    struct cpsd_store_config config = harness_defaults;
    if (!server.pid) {
        (void)atexit(end_server);
        CU_ASSERT_FATAL(redis_start(&server, NULL));
    }
    CU_ASSERT_FATAL(redis_says(&server, "FLUSHALL", "+OK"));
    redis_url(&server, url, sizeof(url));
    config.url = url;
    config.box_limit = box_limit;
    return harness_open(h, &config);
}

static bool open_memory(struct harness *h, unsigned box_limit)
{
    struct cpsd_store_config config = harness_defaults;
    config.box_limit = box_limit;
    return harness_open(h, &config);
}

/* A random history. */

/* Envelopes of SHORT_MS are put for WINDOW_MS at most, then all of them expire before the next operation: the two
 * stores never see the same envelope at different sides of its end. */
enum { IDS = 1500, STEPS = 3000, ROUNDS = 4, SHORT_MS = 3000, WINDOW_MS = 1000 };

struct pair {
    struct harness memory, redis;
    uint64_t random;
    uint64_t window; /* uv_hrtime at which the oldest envelope that may still be there was stored */
    struct {
        uint64_t times[2][IDS * ROUNDS * 2]; /* cursors so far, the corresponding ones of both stores */
        size_t seen;
    } of[2]; /* each box */
};

static const char *const boxes[] = {BOX, "im:a@example.com"};

static unsigned chance(struct pair *p, unsigned below)
{
    p->random = p->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(p->random >> 33) % below;
}

static void same_list(struct pair *p, size_t which, size_t cursor, size_t count, size_t octets)
{
    uint64_t(*times)[IDS * ROUNDS * 2] = p->of[which].times;
    size_t *seen = &p->of[which].seen;
    struct outcome a =
        harness_list(&p->memory, boxes[which], cursor ? (int64_t)times[0][cursor - 1] : 0, count, octets);
    struct outcome b = harness_list(&p->redis, boxes[which], cursor ? (int64_t)times[1][cursor - 1] : 0, count, octets);
    CU_ASSERT_EQUAL(a.result.code, b.result.code);
    UNIT_CHECK(a.result.count == b.result.count, "%zu in memory, %zu in Redis", a.result.count, b.result.count);
    UNIT_CHECK(a.result.more == b.result.more, "more: %d in memory, %d in Redis", a.result.more, b.result.more);
    for (size_t i = 0; i < a.result.count && i < b.result.count && i < HARNESS_ENTRIES; i++) {
        UNIT_CHECK(memcmp(a.entries[i].id, b.entries[i].id, CPSD_ID_OCTETS) == 0, "entry %zu", i);
        UNIT_STR(a.text[i], b.text[i], "envelope");
        if (*seen < IDS * ROUNDS) {
            times[0][*seen] = (uint64_t)a.entries[i].arrival_us;
            times[1][(*seen)++] = (uint64_t)b.entries[i].arrival_us;
        }
    }
}

/* puts: the percentage of operations that are puts */
static void step(struct pair *p, size_t which, unsigned puts)
{
    const char *box = boxes[which];
    unsigned id = chance(p, IDS);
    unsigned what = chance(p, 100);
    char text[32];
    (void)snprintf(text, sizeof(text), "%0*u", (int)chance(p, 20) + 1, id);
    if (what < puts) {
        int64_t ttl = chance(p, 3) ? 600000 : SHORT_MS;
        struct outcome a = harness_put(&p->memory, box, id, text, ttl), b = harness_put(&p->redis, box, id, text, ttl);
        CU_ASSERT_EQUAL(a.result.code, b.result.code);
        UNIT_CHECK(a.result.existed == b.result.existed, "id %u existed: %d, %d", id, a.result.existed,
                   b.result.existed);
    } else if (what < 85) {
        struct outcome a = harness_remove(&p->memory, box, id), b = harness_remove(&p->redis, box, id);
        UNIT_CHECK(a.result.code == b.result.code, "id %u removed", id);
    } else if (what < 92) {
        struct outcome a = harness_get(&p->memory, box, id), b = harness_get(&p->redis, box, id);
        UNIT_CHECK(a.result.code == b.result.code, "id %u there", id);
        UNIT_STR(a.text[0], b.text[0], "envelope");
    } else {
        size_t seen = p->of[which].seen;
        same_list(p, which, seen ? chance(p, (unsigned)seen + 1) : 0, 1 + chance(p, 40), 1 + chance(p, 400));
    }
}

static void let_short_ones_expire(struct pair *p)
{
    (void)harness_run(&p->memory, SHORT_MS + 10, NULL);
    p->window = uv_hrtime();
}

static void same_history(void)
{
    static struct pair pair;
    static const unsigned puts[] = {80, 50, 20, 45};
    struct pair *p = &pair;
    p->random = 20240229;
    if (!open_memory(&p->memory, 100000) || !open_redis(&p->redis, 100000)) {
        return;
    }
    p->window = uv_hrtime();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < STEPS; i++) {
            if (uv_hrtime() - p->window > (uint64_t)WINDOW_MS * 1000000) {
                let_short_ones_expire(p);
            }
            step(p, chance(p, 8) == 0, puts[round % 4]);
        }
        let_short_ones_expire(p);
        same_list(p, 0, 0, HARNESS_ENTRIES, 1 << 20);
        same_list(p, 1, 0, HARNESS_ENTRIES, 1 << 20);
    }
    UNIT_CHECK(redis_number(&server, "HLEN " KEY) < 4 * IDS, "%ld fields", redis_number(&server, "HLEN " KEY));
    harness_close(&p->memory);
    harness_close(&p->redis);
}

/* Long boxes. */

static void put_range(struct harness *h, unsigned from, unsigned to, int64_t ttl)
{
    char text[16];
    for (unsigned i = from; i < to; i++) {
        (void)snprintf(text, sizeof(text), "%u", i);
        UNIT_CODE(harness_put(h, BOX, i, text, ttl).result.code, STIR_OK, "put");
    }
}

static void check_first(struct outcome *o, unsigned first, unsigned apart, size_t count)
{
    UNIT_CODE(o->result.code, STIR_OK, "list");
    UNIT_CHECK(o->result.count == count, "%zu entries instead of %zu", o->result.count, count);
    for (unsigned i = 0; i < o->result.count && i < HARNESS_ENTRIES; i++) {
        UNIT_CHECK(strtoul(o->text[i], NULL, 10) == first + i * apart, "entry %u is %s", i, o->text[i]);
    }
}

static void long_box(struct harness *h)
{
    enum { LONG = 3000 };
    static int64_t arrival[LONG];
    put_range(h, 0, LONG, 600000);
    for (unsigned i = 0; i < LONG; i++) {
        struct outcome got = harness_get(h, BOX, i);
        arrival[i] = got.entries[0].arrival_us;
    }
    for (unsigned i = 0; i < LONG; i += 97) {
        struct outcome list = harness_list(h, BOX, arrival[i], 5, 1 << 20);
        check_first(&list, i + 1, 1, LONG - 1 - i < 5 ? LONG - 1 - i : 5);
        list = harness_list(h, BOX, arrival[i] - 1, 5, 1 << 20);
        check_first(&list, i, 1, LONG - i < 5 ? LONG - i : 5);
    }
    for (unsigned i = 0; i < LONG; i++) {
        if (i % 3) {
            UNIT_CODE(harness_remove(h, BOX, i).result.code, STIR_OK, "remove");
        }
    }
    for (unsigned i = 0; i < LONG - 30; i += 99) {
        if (i > 2 * CPSD_TAKEN_SHOWN) { /* some of the first ones are still shown */
            struct outcome list = harness_list(h, BOX, arrival[i], 5, 1 << 20);
            check_first(&list, i + 3, 3, 5);
            UNIT_CODE(harness_get(h, BOX, i + 1).result.code, STIR_E_NOT_FOUND, "what was taken");
        }
        UNIT_CODE(harness_get(h, BOX, i).result.code, STIR_OK, "what was left");
    }
}

static void long_in_memory(void)
{
    struct harness h;
    if (open_memory(&h, 100000)) {
        long_box(&h);
        harness_close(&h);
    }
}

static void long_in_redis(void)
{
    struct harness h;
    if (open_redis(&h, 100000)) {
        long_box(&h);
        /* 1,000 envelopes: id and number; 2,000 consumed: id and row; what was compacted away is not there. */
        long fields = redis_number(&server, "HLEN " KEY);
        UNIT_CHECK(fields >= 6001 && fields <= 6001 + 1000 + 128, "%ld fields", fields);
        harness_close(&h);
    }
}

/* Thousands of envelopes come and go after one with a long lifetime: the box stays small and quick to list. */
static void come_and_go(void)
{
    struct harness h;
    if (!open_redis(&h, 500)) {
        return;
    }
    put_range(&h, 0, 1, 600000);
    for (unsigned round = 0; round < 8; round++) {
        put_range(&h, 1000 * round + 1, 1000 * round + 400, 100);
        (void)harness_run(&h, 120, NULL);
        struct outcome list = harness_list(&h, BOX, 0, 5, 1 << 20);
        check_first(&list, 0, 1, 1);
        CU_ASSERT_FALSE(list.result.more);
    }
    (void)harness_run(&h, 120, NULL);
    for (int i = 0; i < 3; i++) {
        (void)harness_list(&h, BOX, 0, 5, 1 << 20);
    }
    put_range(&h, 9000, 9001, 600000);
    long fields = redis_number(&server, "HLEN " KEY);
    UNIT_CHECK(fields == 6, "%ld fields", fields);
    harness_close(&h);
}

/* During a compaction, which takes several operations: expiry at the front, lists, removals, puts. */
static void in_between(void)
{
    enum {
        ALL = 900,
        SHORT = 20,
        TAKEN = 579 /* a compaction begins with this number of unused rows */
    };
    struct harness h;
    if (!open_redis(&h, 5000)) {
        return;
    }
    put_range(&h, 0, SHORT, 6000);
    put_range(&h, SHORT, ALL, 600000);
    for (unsigned i = SHORT; i < SHORT + TAKEN; i++) {
        UNIT_CODE(harness_remove(&h, BOX, i).result.code, STIR_OK, "remove");
    }
    long rows = redis_number(&server, "HLEN " KEY) - 3 - 2 * TAKEN - (ALL - TAKEN);
    UNIT_CHECK(rows > ALL - 256 && rows < ALL, "it has begun and not ended: %ld rows", rows);
    struct outcome list = harness_list(&h, BOX, 0, SHORT, 1 << 20);
    check_first(&list, 0, 1, SHORT);
    (void)harness_run(&h, 6010, NULL);
    for (unsigned i = 0; i < 6; i++) {
        put_range(&h, ALL + i, ALL + i + 1, 600000);
        struct outcome newest = harness_get(&h, BOX, ALL + i);
        list = harness_list(&h, BOX, newest.entries[0].arrival_us - 1, 10, 1 << 20);
        check_first(&list, ALL + i, 1, 1);
        list = harness_list(&h, BOX, 0, CPSD_TAKEN_SHOWN, 1 << 20);
        check_first(&list, SHORT, 1, CPSD_TAKEN_SHOWN);
        list = harness_list(&h, BOX, list.entries[CPSD_TAKEN_SHOWN - 1].arrival_us, 10, 1 << 20);
        check_first(&list, SHORT + TAKEN, 1, 10);
        list = harness_list(&h, BOX, list.entries[9].arrival_us, 10, 1 << 20);
        check_first(&list, SHORT + TAKEN + 10, 1, 10);
        UNIT_CODE(harness_remove(&h, BOX, ALL - 1 - i).result.code, STIR_OK, "one at the end");
    }
    rows = redis_number(&server, "HLEN " KEY) - 3 - 2 * (TAKEN + 6) - (ALL - TAKEN - SHORT);
    UNIT_CHECK(rows >= ALL - TAKEN - SHORT && rows < ALL - TAKEN + 20 + CPSD_TAKEN_SHOWN, "it has ended: %ld rows",
               rows);
    harness_close(&h);
}

/* The same envelope is stored again each time after it expired, after an envelope that stays. */
static void again_and_again(void)
{
    struct harness h;
    if (!open_redis(&h, 500)) {
        return;
    }
    put_range(&h, 0, 1, 600000);
    for (unsigned i = 0; i < 300; i++) {
        put_range(&h, 1, 2, 1);
        (void)harness_run(&h, 2, NULL);
    }
    long fields = redis_number(&server, "HLEN " KEY);
    UNIT_CHECK(fields <= 140, "%ld fields", fields);
    harness_close(&h);
}

/* A full box is searched for room at most ten times per second: it stays full until the reported time. */
static void full_for_a_while(void)
{
    struct harness h;
    if (!open_redis(&h, 50)) {
        return;
    }
    put_range(&h, 0, 1, 600000);
    put_range(&h, 1, 50, 2000);
    UNIT_CODE(harness_put(&h, BOX, 99, "x", 600000).result.code, STIR_E_BOX_FULL, "full");
    (void)harness_run(&h, 2020, NULL);
    uint64_t looked = uv_hrtime();
    put_range(&h, 101, 150, 30);
    (void)harness_run(&h, 40, NULL);
    struct outcome full = harness_put(&h, BOX, 200, "x", 600000);
    if (uv_hrtime() - looked > 95000000) {
        puts("skipped: too slow to see it");
        harness_close(&h);
        return;
    }
    UNIT_CODE(full.result.code, STIR_E_BOX_FULL, "not looked again");
    UNIT_CHECK(full.result.retry_after_ms > 0 && full.result.retry_after_ms <= 100, "retry after %d ms",
               (int)full.result.retry_after_ms);
    (void)harness_run(&h, (uint64_t)full.result.retry_after_ms + 5, NULL);
    put_range(&h, 201, 250, 600000);
    struct outcome list = harness_list(&h, BOX, 0, 3, 1 << 20);
    CU_ASSERT_STRING_EQUAL(list.text[0], "0");
    CU_ASSERT_STRING_EQUAL(list.text[1], "201");
    UNIT_CODE(harness_put(&h, BOX, 300, "x", 600000).result.code, STIR_E_BOX_FULL, "and full again");
    harness_close(&h);
}

/* Makes the taken envelopes from the first to the last look as if two minutes had passed. */
static void let_two_minutes_pass(unsigned first, unsigned last)
{
    char command[512];
    (void)snprintf(
        command, sizeof(command),
        "EVAL \"for i = %u, %u do local s = redis.call('HGET', KEYS[1], 't' .. i) if s then "
        "local id, past = string.sub(s, 8, 23), struct.pack('>I7', 1) local v = redis.call('HGET', KEYS[1], id) "
        "redis.call('HSET', KEYS[1], 't' .. i, past .. string.sub(s, 8), id, "
        "string.sub(v, 1, 8) .. past .. string.sub(v, 16)) end end return 1\" 1 " KEY,
        first, last);
    CU_ASSERT_EQUAL(redis_number(&server, command), 1);
}

static void consumed_ids_go(void)
{
    struct harness h;
    if (!open_redis(&h, 1000)) {
        return;
    }
    put_range(&h, 0, 1, 600000);
    for (unsigned i = 1; i <= 300; i++) {
        put_range(&h, i, i + 1, 2000);
        UNIT_CODE(harness_remove(&h, BOX, i).result.code, STIR_OK, "remove");
    }
    long before = redis_number(&server, "HLEN " KEY);
    UNIT_CHECK(before >= 603 && before <= 603 + 129 + 8, "%ld fields", before);
    (void)harness_run(&h, 2100, NULL);
    UNIT_CODE(harness_remove(&h, BOX, 300).result.code, STIR_E_NOT_FOUND, "taken");
    let_two_minutes_pass(1, 300);
    put_range(&h, 1000, 1050, 600000);
    long after = redis_number(&server, "HLEN " KEY);
    UNIT_CHECK(after >= 103 && after <= 103 + 180, "%ld fields", after);
    struct outcome again = harness_put(&h, BOX, 1, "1", 600000);
    UNIT_CODE(again.result.code, STIR_OK, "a consumed one, after its time");
    CU_ASSERT_FALSE(again.result.existed);
    harness_close(&h);
}

/* Ids that are remembered for two minutes are cleared even if an id before them is remembered for longer. */
#define KNOWN_TAKEN "EVAL \"return tonumber(redis.call('HGET', KEYS[1], 'q'))\" 1 " KEY

static void taken_after_long_ones(void)
{
    struct harness h;
    if (!open_redis(&h, 4)) {
        return;
    }
    for (unsigned i = 0; i < 30; i++) {
        put_range(&h, i, i + 1, 600000);
        UNIT_CODE(harness_remove(&h, BOX, i).result.code, STIR_OK, "remove");
    }
    CU_ASSERT_EQUAL(redis_number(&server, KNOWN_TAKEN), 30);
    CU_ASSERT_EQUAL(redis_number(&server,
                                 "EVAL \"local n, now = 0, redis.call('TIME')[1] * 1000000 for i = 1, 1000 do "
                                 "local s = redis.call('HGET', KEYS[1], 't' .. i) "
                                 "if s and struct.unpack('>I7', s) < now + 300000000 then n = n + 1 "
                                 "local id, past = string.sub(s, 8, 23), struct.pack('>I7', 1) "
                                 "local v = redis.call('HGET', KEYS[1], id) "
                                 "redis.call('HSET', KEYS[1], 't' .. i, past .. string.sub(s, 8), id, "
                                 "string.sub(v, 1, 8) .. past .. string.sub(v, 16)) end end return n\" 1 " KEY),
                    26);
    for (unsigned i = 100; i < 120; i++) {
        put_range(&h, i, i + 1, 600000);
        (void)harness_remove(&h, BOX, i);
    }
    long known = redis_number(&server, KNOWN_TAKEN);
    UNIT_CHECK(known == 24, "%ld are known", known); /* the first four, and these twenty */
    harness_close(&h);
}

/* After an id that is remembered for longer: ids that were taken, expired, and were stored or taken again. */
static void consumed_twice(void)
{
    struct harness h;
    if (!open_redis(&h, 1000)) {
        return;
    }
    put_range(&h, 0, 1, 6000);
    UNIT_CODE(harness_remove(&h, BOX, 0).result.code, STIR_OK, "known for long");
    put_range(&h, 1, 3, 2000);
    UNIT_CODE(harness_remove(&h, BOX, 1).result.code, STIR_OK, "remove");
    UNIT_CODE(harness_remove(&h, BOX, 2).result.code, STIR_OK, "remove");
    (void)harness_run(&h, 2010, NULL);
    let_two_minutes_pass(2, 3);
    put_range(&h, 1, 3, 600000);
    UNIT_CODE(harness_remove(&h, BOX, 1).result.code, STIR_OK, "removed anew");
    (void)harness_run(&h, 4000, NULL);
    let_two_minutes_pass(1, 1);
    put_range(&h, 10, 12, 600000);
    CU_ASSERT_TRUE(harness_put(&h, BOX, 1, "1", 600000).result.existed);
    CU_ASSERT_TRUE(harness_get(&h, BOX, 1).entries[0].taken);
    CU_ASSERT_FALSE(harness_get(&h, BOX, 2).entries[0].taken);
    struct outcome list = harness_list(&h, BOX, 0, 10, 1 << 20);
    CU_ASSERT_EQUAL(list.result.count, 4);
    harness_close(&h);
}

static void key_expires(void)
{
    struct harness h;
    if (!open_redis(&h, 1000)) {
        return;
    }
    put_range(&h, 1, 2, 600000);
    put_range(&h, 2, 3, 300);
    long ms = redis_number(&server, "PTTL " KEY);
    UNIT_CHECK(ms > 500000 && ms <= 600001, "expires in %ld ms", ms);
    UNIT_CODE(harness_remove(&h, BOX, 1).result.code, STIR_OK, "remove");
    ms = redis_number(&server, "PTTL " KEY);
    UNIT_CHECK(ms > 500000, "a consumed id is known as long: %ld ms", ms);
    CU_ASSERT(redis_says(&server, "FLUSHALL", "+OK"));
    put_range(&h, 1, 2, 2000);
    put_range(&h, 2, 3, 50);
    CU_ASSERT_EQUAL(redis_number(&server, "EXISTS " KEY), 1);
    (void)harness_run(&h, 2010, NULL);
    CU_ASSERT_EQUAL(redis_number(&server, "EXISTS " KEY), 0);
    harness_close(&h);
}

/* As if Redis' clock had been an hour ahead when the last one arrived. */
static void clock_set_back(void)
{
    static const char ahead[] = "EVAL \"local m = redis.call('HGET', KEYS[1], 'm') "
                                "local last = struct.unpack('>I7', m, 14) + 3600000000 "
                                "redis.call('HSET', KEYS[1], 'm', string.sub(m, 1, 13) .. struct.pack('>I7', last) .. "
                                "string.sub(m, 21)) return 1\" 1 " KEY;
    struct harness h;
    if (!open_redis(&h, 1000)) {
        return;
    }
    put_range(&h, 0, 2, 600000);
    CU_ASSERT_FATAL(redis_says(&server, ahead, ":1"));
    put_range(&h, 2, 5, 600000);
    struct outcome list = harness_list(&h, BOX, 0, 10, 1 << 20);
    check_first(&list, 0, 1, 5);
    CU_ASSERT(list.entries[2].arrival_us - list.entries[1].arrival_us > 3600000000 - 1000);
    CU_ASSERT(list.result.now_us >= list.entries[4].arrival_us);
    for (unsigned i = 0; i < 5; i++) {
        struct outcome after = harness_list(&h, BOX, list.entries[i].arrival_us, 10, 1 << 20);
        check_first(&after, i + 1, 1, 4 - i);
    }
    struct outcome none = harness_list(&h, BOX, list.result.now_us, 10, 1 << 20);
    check_first(&none, 0, 1, 0);
    put_range(&h, 5, 6, 600000);
    none = harness_list(&h, BOX, list.result.now_us, 10, 1 << 20);
    check_first(&none, 5, 1, 1);
    UNIT_CODE(harness_remove(&h, BOX, 2).result.code, STIR_OK, "found by its arrival");
    harness_close(&h);
}

/* The memory store's own bounds. */

static void memory_limit(void)
{
    struct harness h;
    struct cpsd_store_config config = harness_defaults;
    struct cpsd_store_stats stats;
    char text[1000] = "";
    memset(text, 'x', sizeof(text) - 1);
    config.memory_limit_bytes = 100000;
    if (!harness_open(&h, &config)) {
        return;
    }
    unsigned stored = 0;
    char to[16];
    struct outcome o;
    for (;; stored++) {
        (void)snprintf(to, sizeof(to), "%u", stored + 1);
        o = harness_put(&h, to, stored, text, 3000);
        if (o.result.code || stored > 1000) {
            break;
        }
    }
    UNIT_CODE(o.result.code, STIR_E_UNAVAILABLE, "no more memory");
    CU_ASSERT(o.result.retry_after_ms >= 1);
    UNIT_CHECK(stored > 60 && stored < 100, "%u stored", stored);
    cpsd_backend_stats(h.backend, &stats);
    CU_ASSERT_EQUAL(stats.held, stored);
    CU_ASSERT(stats.held_octets > 90000 && stats.held_octets <= 100000);
    UNIT_CODE(harness_remove(&h, "1", 0).result.code, STIR_OK, "consumed");
    UNIT_CODE(harness_remove(&h, "2", 1).result.code, STIR_OK, "consumed");
    UNIT_CODE(harness_put(&h, to, stored, text, 3000).result.code, STIR_OK, "room for one");
    (void)harness_run(&h, 4000, NULL);
    cpsd_backend_stats(h.backend, &stats);
    UNIT_CHECK(stats.held == 0 && stats.held_octets < 600, "the sweep left more than the taken ids: %d octets",
               (int)stats.held_octets);
    CU_ASSERT_EQUAL(stats.expired_seen, stored - 1);
    harness_close(&h);
}

UNIT_MAIN("store_box", {"both stores have the same history", same_history}, {"a long box in memory", long_in_memory},
          {"a long box in Redis", long_in_redis}, {"envelopes come and go after one that stays", come_and_go},
          {"during a compaction", in_between}, {"stored again and again", again_and_again},
          {"full for a while", full_for_a_while}, {"taken ids are forgotten", consumed_ids_go},
          {"taken after long ones", taken_after_long_ones}, {"consumed twice", consumed_twice},
          {"the key expires", key_expires}, {"a clock that was set back", clock_set_back},
          {"the memory store's limit", memory_limit})
