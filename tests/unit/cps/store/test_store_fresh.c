/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/box/put_new.h"
#include "cps/store/store.h"
#include "tests/unit/redis_server.h"
#include "tests/unit/store_harness.h"

#include <time.h>

/*
 * Boxes that were made without a script: their layout, each operation on them, their conversion when another envelope
 * arrives, and servers that cannot or may not make them.
 */
#define BOX "12155551212"
#define KEY "cps:{" BOX "}"
#define ALL 10, 1 << 20

static struct redis_server server;

static void end_server(void)
{
    redis_end(&server);
}

static bool open_redis(struct harness *h)
{
    static char url[128];
    struct cpsd_store_config config = harness_defaults;
    if (!server.pid) {
        (void)atexit(end_server);
        CU_ASSERT_FATAL(redis_start(&server, NULL));
    }
    CU_ASSERT_FATAL(redis_says(&server, "FLUSHALL", "+OK"));
    CU_ASSERT_FATAL(redis_says(&server, "CONFIG RESETSTAT", "+OK"));
    redis_url(&server, url, sizeof(url));
    config.url = url;
    return harness_open(h, &config);
}

static void put(struct harness *h, const char *box, unsigned id, const char *text, bool existed)
{
    struct outcome o = harness_put(h, box, id, text, 60000);
    UNIT_CODE(o.result.code, STIR_OK, text);
    UNIT_CHECK(o.result.existed == existed, "%s: existed %d", text, o.result.existed);
}

static void check_list(struct harness *h, int64_t after, const char *expected)
{
    char texts[256] = "";
    struct outcome list = harness_list(h, BOX, after, ALL);
    UNIT_CODE(list.result.code, STIR_OK, expected);
    for (size_t i = 0; i < list.result.count; i++) {
        (void)strncat(texts, list.text[i], sizeof(texts) - strlen(texts) - 1);
        (void)strncat(texts, list.entries[i].taken ? "!" : "", sizeof(texts) - strlen(texts) - 1);
        CU_ASSERT(list.result.now_us >= list.entries[i].arrival_us);
    }
    UNIT_STR(texts, expected, "listed");
}

static bool is_fresh(void)
{
    return redis_number(&server, "HLEN " KEY) == 1;
}

/* Each reading operation returns the same envelope, and none of them changes it. */
static void read_by_all(void)
{
    struct harness h;
    if (!open_redis(&h)) {
        return;
    }
    put(&h, BOX, 1, "a", false);
    CU_ASSERT(is_fresh());
    struct outcome plain = harness_list(&h, BOX, 0, ALL), got = harness_get(&h, BOX, 1);
    int64_t arrival = plain.entries[0].arrival_us, expires = plain.entries[0].expires_us;
    struct outcome script = harness_list(&h, BOX, arrival - 1, ALL);
    CU_ASSERT(plain.result.count == 1 && got.result.count == 1 && script.result.count == 1);
    CU_ASSERT(got.entries[0].arrival_us == arrival && script.entries[0].arrival_us == arrival);
    CU_ASSERT(got.entries[0].expires_us == expires && script.entries[0].expires_us == expires);
    CU_ASSERT(expires - arrival > 59999000 - 1000 && expires - arrival <= 60000000);
    CU_ASSERT_EQUAL(expires / 1000, redis_number(&server, "PEXPIRETIME " KEY));
    UNIT_STR(got.text[0], "a", "got");
    UNIT_STR(script.text[0], "a", "listed by the script");
    check_list(&h, 0, "a");
    check_list(&h, arrival, "");
    UNIT_CODE(harness_get(&h, BOX, 2).result.code, STIR_E_NOT_FOUND, "another id");
    UNIT_CODE(harness_remove(&h, BOX, 2).result.code, STIR_E_NOT_FOUND, "another id");
    put(&h, BOX, 1, "a", true);
    CU_ASSERT(is_fresh());
    harness_close(&h);
}

static void one_more(void)
{
    struct harness h;
    if (!open_redis(&h)) {
        return;
    }
    put(&h, BOX, 1, "a", false);
    long until_ms = redis_number(&server, "PEXPIRETIME " KEY);
    struct outcome first = harness_list(&h, BOX, 0, ALL);
    UNIT_CODE(harness_put(&h, BOX, 2, "b", 1000).result.code, STIR_OK, "one that does not live as long");
    CU_ASSERT_FALSE(is_fresh());
    CU_ASSERT_EQUAL(redis_number(&server, "PEXPIRETIME " KEY), until_ms);
    struct outcome both = harness_list(&h, BOX, 0, ALL);
    CU_ASSERT_EQUAL(both.result.count, 2);
    CU_ASSERT_EQUAL(both.entries[0].arrival_us, first.entries[0].arrival_us);
    CU_ASSERT_EQUAL(both.entries[0].expires_us, first.entries[0].expires_us);
    check_list(&h, 0, "ab");
    check_list(&h, first.result.now_us, "b");
    check_list(&h, first.entries[0].arrival_us, "b");
    put(&h, BOX, 3, "c", false);
    put(&h, BOX, 1, "a", true);
    UNIT_CODE(harness_remove(&h, BOX, 1).result.code, STIR_OK, "removed");
    check_list(&h, 0, "a!bc");
    CU_ASSERT(redis_number(&server, "PEXPIRETIME " KEY) > until_ms - 1);
    harness_close(&h);
}

static void consumed(void)
{
    struct harness h;
    if (!open_redis(&h)) {
        return;
    }
    put(&h, BOX, 1, "a", false);
    CU_ASSERT(redis_says(&server, "CONFIG SET maxmemory 100000", "+OK")); /* deleting is allowed */
    UNIT_CODE(harness_remove(&h, BOX, 1).result.code, STIR_OK, "once");
    UNIT_CODE(harness_remove(&h, BOX, 1).result.code, STIR_E_NOT_FOUND, "twice");
    CU_ASSERT(redis_says(&server, "CONFIG SET maxmemory 0", "+OK"));
    check_list(&h, 0, "a!");
    put(&h, BOX, 1, "a", true);
    check_list(&h, 0, "a!");
    long left_ms = redis_number(&server, "PTTL " KEY);
    UNIT_CHECK(left_ms > 110000 && left_ms <= 120001, "%ld ms are left", left_ms);
    harness_close(&h);
}

static void expires(void)
{
    struct harness h;
    if (!open_redis(&h)) {
        return;
    }
    struct outcome list = {0};
    for (uint64_t life_ms = 50; !list.result.count && life_ms <= 50000; life_ms *= 10) { /* longer on a slow machine */
        UNIT_CODE(harness_put(&h, BOX, 1, "a", (int64_t)life_ms).result.code, STIR_OK, "put");
        list = harness_list(&h, BOX, 0, ALL);
        (void)harness_run(&h, life_ms + 10, NULL);
    }
    CU_ASSERT(list.result.count == 1 && strcmp(list.text[0], "a") == 0);
    check_list(&h, 0, "");
    CU_ASSERT_EQUAL(redis_number(&server, "EXISTS " KEY), 0);
    put(&h, BOX, 1, "a", false);
    check_list(&h, 0, "a");
    harness_close(&h);
}

/* Returns the millisecond in which the key expires; Redis keeps a key until its end. */
static long wait_for_last_ms(void)
{
    struct timespec now;
    long until_ms = redis_number(&server, "PEXPIRETIME " KEY);
    do {
        (void)clock_gettime(CLOCK_REALTIME, &now);
    } while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < until_ms);
    return until_ms;
}

/* Operations in that millisecond find nothing, and leave no key that never expires. */
static void too_late(void)
{
    enum { TIMES = 40, MOST = 4000, LIFE_MS = 30 };
    unsigned met = 0;
    for (int i = 0; i < TIMES || (!met && i < MOST); i++) { /* a busy machine may often miss the millisecond */
        struct harness h;
        if (!open_redis(&h)) {
            return;
        }
        put(&h, BOX, 2, "b", false); /* the scripts are loaded */
        CU_ASSERT(redis_says(&server, "DEL " KEY, ":1"));
        UNIT_CODE(harness_put(&h, BOX, 1, "a", LIFE_MS).result.code, STIR_OK, "put");
        long until_ms = wait_for_last_ms();
        struct outcome late = i % 4 == 0   ? harness_remove(&h, BOX, 1)
                              : i % 4 == 1 ? harness_get(&h, BOX, 1)
                              : i % 4 == 2 ? harness_list(&h, BOX, 1, ALL)
                                           : harness_put(&h, BOX, 1, "a", LIFE_MS);
        UNIT_CODE(late.result.code, i % 4 < 2 ? STIR_E_NOT_FOUND : STIR_OK, "too late");
        CU_ASSERT(late.result.count == 0 && !late.result.existed);
        met += late.result.now_us && late.result.now_us < (until_ms + 1) * 1000;
        UNIT_CHECK(redis_number(&server, "PTTL " KEY) != -1, "time %d: the box stays for ever", i);
        harness_close(&h);
    }
    UNIT_CHECK(met > 0, "in %d times the millisecond was not met", MOST);
}

/* The same random histories of many short boxes in both stores. */
static void same_histories(void)
{
    enum { BOXES = 200, STEPS = 12000, IDS = 3, SHORT_MS = 1 };
    struct harness memory, redis;
    uint64_t random = 20240229;
    struct cpsd_store_config config = harness_defaults;
    if (!harness_open(&memory, &config) || !open_redis(&redis)) {
        return;
    }
    for (int i = 0; i < STEPS; i++) {
        char box[32], text[16];
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        unsigned dice = (unsigned)(random >> 33), id = dice / 64 % IDS, what = dice / 1024 % 100;
        (void)snprintf(box, sizeof(box), "1215555%04u", dice / 131072 % BOXES);
        (void)snprintf(text, sizeof(text), "%u", id);
        struct outcome a, b;
        if (what < 40) {
            int64_t ttl = what < 2 ? SHORT_MS : 600000;
            a = harness_put(&memory, box, id, text, ttl);
            b = harness_put(&redis, box, id, text, ttl);
            UNIT_CHECK(a.result.existed == b.result.existed, "step %d: existed: %d, %d", i, a.result.existed,
                       b.result.existed);
            if (ttl == SHORT_MS) {
                (void)harness_run(&memory, SHORT_MS + 2, NULL); /* it expires in both stores before it is read */
            }
        } else if (what < 60) {
            a = harness_remove(&memory, box, id);
            b = harness_remove(&redis, box, id);
        } else if (what < 75) {
            a = harness_get(&memory, box, id);
            b = harness_get(&redis, box, id);
        } else {
            a = harness_list(&memory, box, what < 85, ALL);
            b = harness_list(&redis, box, what < 85, ALL);
            for (size_t j = 0; j < a.result.count && j < b.result.count; j++) {
                UNIT_STR(b.text[j], a.text[j], "listed");
            }
        }
        UNIT_CHECK(a.result.code == b.result.code, "step %d (%u): code %d, %d", i, what, (int)a.result.code,
                   (int)b.result.code);
        UNIT_CHECK(a.result.count == b.result.count, "step %d: %zu in memory, %zu in Redis", i, a.result.count,
                   b.result.count);
    }
    harness_close(&memory);
    harness_close(&redis);
}

/* Returns the number of calls of a command so far, without those that were refused. */
static long calls(const char *command)
{
    char question[128];
    (void)snprintf(question, sizeof(question),
                   "EVAL \"local n = string.match(redis.call('INFO', 'commandstats'), 'cmdstat_%s:calls=(%%d+)') "
                   "return tonumber(n or 0)\" 0",
                   command);
    return redis_number(&server, question);
}

/* With a server that lacks one of the commands, as before 7.0, or a user without permission for it, the scripts do
 * everything, and the command is not tried again. A user who may not end a transaction loses the connection once. */
static void not_allowed(void)
{
    static const char *const commands[] = {"multi", "hsetnx", "exec", "pexpiretime"};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        char rule[64];
        struct harness h;
        if (!open_redis(&h)) {
            return;
        }
        (void)snprintf(rule, sizeof(rule), "ACL SETUSER default -%s", commands[i]);
        CU_ASSERT(redis_says(&server, rule, "+OK"));
        if (strcmp(commands[i], "pexpiretime") ==
            0) { /* such a box could not be read, so none is made: checked when connecting */
            harness_close(&h);
            if (!open_redis(&h)) {
                return;
            }
        }
        put(&h, BOX, 1, "a", strcmp(commands[i], "multi") == 0); /* then the box was made nevertheless */
        check_list(&h, 0, "a");
        put(&h, BOX, 2, "b", false);
        check_list(&h, 0, "ab");
        put(&h, "7", 1, "a", false);
        check_list(&h, 0, "ab");
        CU_ASSERT(redis_number(&server, "PTTL cps:{7}") > 50000);
        CU_ASSERT(redis_number(&server, "PTTL " KEY) > 50000);
        UNIT_CHECK(calls("evalsha") >= 2, "%s: %ld scripts", commands[i], calls("evalsha"));
        UNIT_CHECK(calls("multi") <= 1, "%s: tried %ld times", commands[i], calls("multi"));
        CU_ASSERT(cpsd_store_ready(h.store));
        harness_close(&h);
        (void)snprintf(rule, sizeof(rule), "ACL SETUSER default +%s", commands[i]);
        CU_ASSERT(redis_says(&server, rule, "+OK"));
    }
}

/* If a box is remembered, or most boxes have something in them, the script runs at once. */
static void not_tried_in_vain(void)
{
    struct harness h;
    if (!open_redis(&h)) {
        return;
    }
    for (unsigned i = 0; i < 10; i++) {
        put(&h, BOX, i, "a", false);
    }
    CU_ASSERT_EQUAL(calls("multi"), 2);
    char box[32];
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(box, sizeof(box), "1217555%04u", i);
        put(&h, box, 1, "a", false);
    }
    CU_ASSERT_EQUAL(calls("multi"), 2002);
    /* each gets its second one */
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(box, sizeof(box), "1217555%04u", i);
        put(&h, box, 2, "b", false);
    }
    long tried = calls("multi") - 2002;
    UNIT_CHECK(tried > 50 && tried < 300, "%ld of 2000 were tried in vain", tried);
    /* and back again */
    for (unsigned i = 0; i < 4000; i++) {
        (void)snprintf(box, sizeof(box), "1216555%04u", i);
        put(&h, box, 1, "a", false);
    }
    tried = calls("multi") - 2002 - tried;
    UNIT_CHECK(tried > 2000, "%ld of 4000 were tried", tried);
    harness_close(&h);
}

/* Records as octets. */

static void records(void)
{
    static const uint8_t id[16] = "0123456789abcdef";
    uint8_t octets[64];
    struct cpsd_redis_fresh out, in = {.ttl_ms = 0x0102030405, .id = id, .form = 'E', .envelope = stir_view("xy", 2)};
    CU_ASSERT_EQUAL(cpsd_redis_fresh_record(octets, &in), 25);
    CU_ASSERT(memcmp(octets,
                     "F\1\2\3\4\5"
                     "0123456789abcdef"
                     "Exy",
                     25) == 0);
    CU_ASSERT(cpsd_redis_fresh_parse(&out, stir_view((char *)octets, 25)));
    CU_ASSERT(out.ttl_ms == in.ttl_ms && out.form == 'E' && memcmp(out.id, id, 16) == 0 && out.envelope.len == 2);
    CU_ASSERT(cpsd_redis_fresh_parse(&out, stir_view((char *)octets, 23)));
    CU_ASSERT_FALSE(cpsd_redis_fresh_parse(&out, stir_view((char *)octets, 22)));
    octets[0] = 0;
    CU_ASSERT_FALSE(cpsd_redis_fresh_parse(&out, stir_view((char *)octets, 25)));
    /* with a publisher, after its length */
    in.form = 'O';
    in.publisher = stir_view_str("12345678spc");
    CU_ASSERT_EQUAL(cpsd_redis_fresh_record(octets, &in), 37);
    CU_ASSERT(memcmp(octets + 22, "O\v12345678spcxy", 15) == 0);
    CU_ASSERT(cpsd_redis_fresh_parse(&out, stir_view((char *)octets, 37)));
    CU_ASSERT(stir_view_is(out.publisher, "12345678spc") && stir_view_is(out.envelope, "xy"));
    for (size_t n = 22; n < 35; n++) {
        CU_ASSERT_FALSE(cpsd_redis_fresh_parse(&out, stir_view((char *)octets, n)));
    }
    octets[23] = 7;
    CU_ASSERT_FALSE(cpsd_redis_fresh_parse(&out, stir_view((char *)octets, 37)));
}

static void rows(void)
{
    static char record[] = "F\0\0\0\1\0"
                           "0123456789abcdef"
                           "Exy"; /* 256 ms */
    static const struct {
        int64_t expires_ms;
        bool good;
    } table[] = {{1763762400000, true},
                 {257, true},
                 {256, false},
                 {0, false},
                 {-1, false},
                 {-2, false},
                 {INT64_MAX, false},
                 {INT64_MIN, false},
                 {72057594037927, true},
                 {72057594037928, false}};
    redisReply m = {.type = REDIS_REPLY_STRING, .str = record, .len = 25}, row;
    char room[BOX_ROW_HEAD + 25];
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        UNIT_CHECK(cpsd_redis_fresh_row(&row, room, &m, table[i].expires_ms) == table[i].good, "row %zu", i);
    }
    CU_ASSERT_FATAL(cpsd_redis_fresh_row(&row, room, &m, 0x0100000000));
    CU_ASSERT(row.len == BOX_ROW_HEAD + 2 && memcmp(row.str + 14, "0123456789abcdefExy", 19) == 0);
    m.type = REDIS_REPLY_INTEGER;
    CU_ASSERT_FALSE(cpsd_redis_fresh_row(&row, room, &m, 1763762400000));
}

UNIT_MAIN("store_fresh", {"each operation reads it", read_by_all}, {"a second envelope converts it", one_more},
          {"consumed", consumed}, {"expires", expires}, {"too late", too_late},
          {"both stores have the same histories", same_histories}, {"not allowed", not_allowed},
          {"not tried in vain", not_tried_in_vain}, {"records", records}, {"rows", rows})
