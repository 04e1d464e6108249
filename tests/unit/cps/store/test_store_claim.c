/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"
#include "tests/unit/store_both.h"

/*
 * Claims and records: the contract in cps/store/store.h, for each backend.
 */
#define DEST "12155551212"
#define OTHER "12155551213"
#define ALL 1000, ((size_t)1 << 20)

static struct cpsd_claim claim_of(unsigned n, int64_t ttl_ms)
{
    struct cpsd_claim claim = {.ttl_ms = ttl_ms};
    harness_id(claim.id, n);
    return claim;
}

/* One operation with a claim (NULL: none). */
static struct outcome act(struct harness *h, char what, const char *to, unsigned n, const struct cpsd_claim *claim)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, n);
    switch (what) {
    case 'p':
        cpsd_store_put(h->store, &box, id, stir_view_str("x"), 60000, claim, harness_done, &o);
        break;
    case 'l':
        cpsd_store_list(h->store, &box, 0, ALL, claim, harness_done, &o);
        break;
    case 'g':
        cpsd_store_get(h->store, &box, id, claim, harness_done, &o);
        break;
    case 'r':
        cpsd_store_remove(h->store, &box, id, false, claim, harness_done, &o);
        break;
    case 'o':
        cpsd_store_once(h->store, claim, harness_done, &o);
        break;
    case 'k':
        cpsd_store_keep(h->store, &box, stir_view_str("text"), 60000, 1, claim, harness_done, &o);
        break;
    case 'L':
        cpsd_store_look(h->store, &box, claim, harness_done, &o);
        break;
    default:
        cpsd_store_drop(h->store, &box, claim, harness_done, &o);
        break;
    }
    harness_wait(h, &o);
    return o;
}

static struct outcome keep(struct harness *h, const char *name, const char *text, int64_t ttl_ms, int64_t order)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(name);
    cpsd_store_keep(h->store, &box, stir_view_str(text), ttl_ms, order, NULL, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

/* Each operation takes its claim: any other with the same one is refused and does nothing. */
static void each_claims(struct harness *h)
{
    static const char kinds[] = "plgrokLd";
    char label[8];
    for (unsigned i = 0; kinds[i]; i++) {
        struct cpsd_claim claim = claim_of(100 + i, 60000);
        struct outcome first = act(h, kinds[i], DEST, i, &claim);
        UNIT_CHECK(first.result.code == STIR_OK || first.result.code == STIR_E_NOT_FOUND, "%c: %s", kinds[i],
                   stir_error_name(first.result.code));
        CU_ASSERT(first.result.now_us > 0);
        for (unsigned j = 0; kinds[j]; j++) {
            (void)snprintf(label, sizeof(label), "%c %c", kinds[i], kinds[j]);
            struct outcome again = act(h, kinds[j], DEST, 50, &claim);
            UNIT_CODE(again.result.code, STIR_E_REPLAYED, label);
            CU_ASSERT_EQUAL(again.result.count, 0);
            CU_ASSERT_FALSE(again.result.existed);
        }
    }
    UNIT_CODE(harness_get(h, DEST, 50).result.code, STIR_E_NOT_FOUND, "a refused put stored nothing");
}

static void refused_does_nothing(struct harness *h)
{
    struct cpsd_claim claim = claim_of(1, 60000), other = claim_of(2, 60000);
    UNIT_CODE(act(h, 'p', DEST, 1, &claim).result.code, STIR_OK, "put");
    UNIT_CODE(act(h, 'k', DEST, 1, NULL).result.code, STIR_OK, "keep");
    UNIT_CODE(act(h, 'r', DEST, 1, &claim).result.code, STIR_E_REPLAYED, "remove");
    UNIT_CODE(act(h, 'd', DEST, 1, &claim).result.code, STIR_E_REPLAYED, "drop");
    UNIT_CODE(act(h, 'g', DEST, 1, &other).result.code, STIR_OK, "the envelope is still there");
    UNIT_CODE(act(h, 'L', DEST, 1, NULL).result.code, STIR_OK, "the record, too");
    UNIT_CODE(act(h, 'r', DEST, 1, &other).result.code, STIR_E_REPLAYED, "used by the get");
    for (const char *kind = "plgrokLd"; *kind; kind++) {
        UNIT_CODE(act(h, *kind, OTHER, 1, &claim).result.code, STIR_E_REPLAYED, "S12: another box, the same claim");
        UNIT_CODE(act(h, *kind, "im:a@example.com", 1, &claim).result.code, STIR_E_REPLAYED, "S12: a URI's box");
    }
    UNIT_CODE(harness_get(h, OTHER, 1).result.code, STIR_E_NOT_FOUND, "nothing was stored there");
}

/* A claim stays taken if the operation did nothing, and no longer than its lifetime. */
static void taken_for(struct harness *h)
{
    static const int64_t lives_ms[] = {150, 1500, 15000}; /* a slow machine needs a longer one */
    struct cpsd_claim shortly = {0}, none = claim_of(2, 60000), never = claim_of(3, -5);
    struct cpsd_claim forever = claim_of(4, INT64_MAX);
    UNIT_CODE(act(h, 'r', DEST, 9, &none).result.code, STIR_E_NOT_FOUND, "nothing to remove");
    UNIT_CODE(act(h, 'r', DEST, 9, &none).result.code, STIR_E_REPLAYED, "but taken");
    for (unsigned i = 0; i < 3; i++) {
        uint64_t begun = uv_hrtime();
        shortly = claim_of(10 + i, lives_ms[i]);
        UNIT_CODE(act(h, 'd', DEST, 9, &shortly).result.code, STIR_E_NOT_FOUND, "nothing to drop");
        struct outcome again = act(h, 'o', DEST, 9, &shortly);
        if (uv_hrtime() - begun < (uint64_t)lives_ms[i] * 1000000) {
            UNIT_CODE(again.result.code, STIR_E_REPLAYED, "taken");
            break;
        }
    }
    UNIT_CODE(act(h, 'o', DEST, 9, &never).result.code, STIR_OK, "a life below 1 is 1");
    UNIT_CODE(act(h, 'o', DEST, 9, &forever).result.code, STIR_OK, "forever");
    UNIT_CODE(act(h, 'o', DEST, 9, &forever).result.code, STIR_E_REPLAYED, "and once");
    (void)harness_run(h, (uint64_t)shortly.ttl_ms + 20, NULL);
    UNIT_CODE(act(h, 'o', DEST, 9, &shortly).result.code, STIR_OK, "free again");
    UNIT_CODE(act(h, 'o', DEST, 9, &never).result.code, STIR_OK, "free again");
    UNIT_CODE(act(h, 'o', DEST, 9, &none).result.code, STIR_E_REPLAYED, "not this one");
}

/* Claims and records do not interfere with boxes: they are not listed or counted there, and may have the same ids. */
static void apart(struct harness *h)
{
    for (unsigned i = 0; i < 6; i++) {
        struct cpsd_claim claim = claim_of(i, 60000);
        UNIT_CODE(act(h, 'o', DEST, 0, &claim).result.code, STIR_OK, "once");
        UNIT_CODE(act(h, i < 4 ? 'p' : 'g', DEST, i, NULL).result.code, i < 4 ? STIR_OK : STIR_E_NOT_FOUND, "item");
    }
    UNIT_CODE(keep(h, DEST, "record", 60000, 5).result.code, STIR_OK, "keep");
    UNIT_CODE(act(h, 'p', DEST, 5, NULL).result.code, STIR_E_BOX_FULL, "by its four envelopes");
    CU_ASSERT_EQUAL(harness_list(h, DEST, 0, ALL).result.count, 4);
    static const uint8_t zero[CPSD_ID_OCTETS];
    struct outcome o = {0};
    struct stir_identity box = harness_box(DEST);
    cpsd_store_get(h->store, &box, zero, NULL, harness_done, &o);
    harness_wait(h, &o);
    UNIT_CODE(o.result.code, STIR_E_NOT_FOUND, "a record is no envelope");
}

static void records(struct harness *h)
{
    UNIT_CODE(act(h, 'L', "1234", 0, NULL).result.code, STIR_E_NOT_FOUND, "none yet");
    struct outcome o = keep(h, "1234", "first", 60000, 1700000000);
    UNIT_CODE(o.result.code, STIR_OK, "keep");
    CU_ASSERT_FALSE(o.result.existed);
    struct outcome seen = act(h, 'L', "1234", 0, NULL);
    UNIT_CODE(seen.result.code, STIR_OK, "look");
    CU_ASSERT_EQUAL_FATAL(seen.result.count, 1);
    UNIT_STR(seen.text[0], "first", "its text");
    CU_ASSERT_EQUAL(seen.entries[0].arrival_us, 0);
    UNIT_CHECK(llabs(seen.entries[0].expires_us - o.result.now_us - 60000000) < 100000, "expires in %lld us",
               (long long)(seen.entries[0].expires_us - o.result.now_us));
    o = keep(h, "1234", "first", 60000, 1700000000);
    UNIT_CODE(o.result.code, STIR_OK, "the same");
    CU_ASSERT_TRUE(o.result.existed);
    o = keep(h, "1234", "older", 60000, 1699999999);
    UNIT_CODE(o.result.code, STIR_E_REFUSED, "an older one");
    CU_ASSERT(o.result.now_us > 0);
    UNIT_STR(act(h, 'L', "1234", 0, NULL).text[0], "first", "not replaced");
    UNIT_CODE(keep(h, "1234", "as old", 60000, 1700000000).result.code, STIR_OK, "as old");
    UNIT_CODE(keep(h, "1234", "", 60000, (INT64_C(1) << 53) - 1).result.code, STIR_OK, "newer, empty");
    seen = act(h, 'L', "1234", 0, NULL);
    CU_ASSERT(seen.result.code == STIR_OK && seen.entries[0].envelope.len == 0);
    UNIT_CODE(keep(h, "1234", "x", 60000, (INT64_C(1) << 53) - 2).result.code, STIR_E_REFUSED, "by one");
    UNIT_CODE(act(h, 'd', "1234", 0, NULL).result.code, STIR_OK, "drop");
    UNIT_CODE(act(h, 'd', "1234", 0, NULL).result.code, STIR_E_NOT_FOUND, "once");
    UNIT_CODE(act(h, 'L', "1234", 0, NULL).result.code, STIR_E_NOT_FOUND, "gone");
    UNIT_CODE(keep(h, "1234", "older", 60000, 0).result.code, STIR_OK, "what was dropped is forgotten");
}

static void record_life(struct harness *h)
{
    UNIT_CODE(keep(h, "1234", "short", 150, 9).result.code, STIR_OK, "keep");
    UNIT_CODE(keep(h, "1235", "long", INT64_C(90) * 86400 * 1000, 9).result.code, STIR_OK, "beyond max_ttl_ms");
    (void)harness_run(h, 170, NULL);
    UNIT_CODE(act(h, 'L', "1234", 0, NULL).result.code, STIR_E_NOT_FOUND, "expired");
    UNIT_CODE(act(h, 'd', "1234", 0, NULL).result.code, STIR_E_NOT_FOUND, "expired");
    UNIT_CODE(keep(h, "1234", "older", 60000, 1).result.code, STIR_OK, "an expired one refuses nothing");
    struct outcome seen = act(h, 'L', "1235", 0, NULL);
    CU_ASSERT(seen.entries[0].expires_us - seen.result.now_us > INT64_C(89) * 86400 * 1000000);
}

static void record_sizes(struct harness *h)
{
    static const struct {
        size_t octets;
        enum stir_code code;
    } rows[] = {{0, STIR_OK}, {1, STIR_OK}, {CPSD_RECORD_MAX, STIR_OK}, {CPSD_RECORD_MAX + 1, STIR_E_TOO_BIG}};
    char *text = calloc(1, CPSD_RECORD_MAX + 1); /* a text of NUL octets */
    struct stir_identity name = harness_box("im:carrier@example.com");
    for (size_t i = 0; text && i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct outcome o = {0};
        cpsd_store_keep(h->store, &name, stir_view(text, rows[i].octets), 60000, 1, NULL, harness_done, &o);
        harness_wait(h, &o);
        UNIT_CODE(o.result.code, rows[i].code, "size");
        struct outcome seen = act(h, 'L', "im:carrier@example.com", 0, NULL);
        CU_ASSERT(rows[i].code || seen.entries[0].envelope.len == rows[i].octets);
    }
    free(text);
}

/* Of two simultaneous operations with one claim, one succeeds, whatever they are. */
static void race(struct harness *h)
{
    struct cpsd_claim claim = claim_of(7, 60000);
    struct stir_identity box = harness_box(DEST);
    struct outcome o[16] = {0};
    int won = 0, calls = 0;
    for (unsigned i = 0; i < 16; i++) {
        uint8_t id[CPSD_ID_OCTETS];
        harness_id(id, i);
        cpsd_store_put(h->store, &box, id, stir_view_str("x"), 60000, &claim, harness_done, &o[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        harness_wait(h, &o[i]);
        won += o[i].result.code == STIR_OK;
        calls += o[i].result.code == STIR_E_REPLAYED;
    }
    UNIT_CHECK(won == 1 && calls == 15, "%d won, %d were refused", won, calls);
    CU_ASSERT_EQUAL(harness_list(h, DEST, 0, ALL).result.count, (size_t)won);
}

static const struct cpsd_store_config *small_boxes(void)
{
    static struct cpsd_store_config config;
    config = harness_defaults;
    config.box_limit = 4;
    return &config;
}

/* memory: claims take memory, and are refused when there is none. */
static void claims_are_bounded(void)
{
    struct cpsd_store_config config = harness_defaults;
    struct cpsd_store_stats stats;
    struct harness h;
    config.memory_limit_bytes = 100000;
    if (!harness_open(&h, &config)) {
        return;
    }
    unsigned n = 0;
    enum stir_code code = STIR_OK;
    for (; code == STIR_OK && n < 10000; n++) {
        struct cpsd_claim claim = claim_of(n, 60000);
        code = act(&h, 'o', DEST, 0, &claim).result.code;
    }
    UNIT_CODE(code, STIR_E_UNAVAILABLE, "no room");
    UNIT_CHECK(n > 300, "room for %u", n);
    cpsd_backend_stats(h.backend, &stats);
    UNIT_CHECK(stats.held_octets <= config.memory_limit_bytes + config.memory_limit_bytes / 16, "%llu octets",
               (unsigned long long)stats.held_octets);
    CU_ASSERT_EQUAL(stats.held, 0);
    harness_close(&h);
}

ON_BOTH(each_claims, &harness_defaults)
ON_BOTH(refused_does_nothing, &harness_defaults)
ON_BOTH(taken_for, &harness_defaults)
ON_BOTH(apart, small_boxes())
ON_BOTH(records, &harness_defaults)
ON_BOTH(record_life, &harness_defaults)
ON_BOTH(record_sizes, &harness_defaults)
ON_BOTH(race, &harness_defaults)

/* S7: with the memory used up, lists, gets and deletes with a claim still work. */
static void reads_and_deletes(struct harness *h)
{
    const struct {
        char kind;
        enum stir_code code;
    } rows[] = {{'l', STIR_OK}, {'g', STIR_OK}, {'L', STIR_E_NOT_FOUND}, {'o', STIR_OK}, {'r', STIR_OK}};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_claim claim = claim_of(10000 + i, 60000), unused = claim_of(20000, 60000);
        UNIT_CODE(act(h, rows[i].kind, DEST, 0, &claim).result.code, rows[i].code, "S7: in a full store");
        UNIT_CODE(act(h, rows[i].kind, DEST, 0, &claim).result.code, STIR_E_REPLAYED, "S7: once");
        if (rows[i].kind != 'r') {
            UNIT_CODE(act(h, 'p', OTHER, 20000, &unused).result.code, STIR_E_UNAVAILABLE, "it is full");
        }
    }
}

/* A record that does not fit leaves the previous one in place. */
static void record_stays(struct harness *h)
{
    char text[4001] = "";
    memset(text, 'x', sizeof(text) - 1);
    UNIT_CODE(keep(h, "1234", text, 60000, 9).result.code, STIR_E_UNAVAILABLE, "no room for a longer one");
    CU_ASSERT_TRUE(keep(h, "1234", "record", 60000, 1).result.existed);
    UNIT_CODE(keep(h, "1234", "rec", 60000, 9).result.code, STIR_OK, "a shorter one takes its place");
}

static void memory_full(void)
{
    struct cpsd_store_config config = harness_defaults;
    struct harness h;
    config.memory_limit_bytes = 100000;
    if (!harness_open(&h, &config)) {
        return;
    }
    UNIT_CODE(keep(&h, "1234", "record", 60000, 1).result.code, STIR_OK, "while there is room");
    enum stir_code code = STIR_OK;
    for (unsigned n = 0; code == STIR_OK && n < 10000; n++) {
        code = act(&h, 'p', DEST, n, NULL).result.code;
    }
    UNIT_CODE(code == STIR_E_BOX_FULL ? STIR_E_UNAVAILABLE : code, STIR_E_UNAVAILABLE, "no room");
    record_stays(&h);
    reads_and_deletes(&h);
    harness_close(&h);
}

/* With Redis' memory used up, operations that free memory still work. */
static void full_redis(struct harness *h)
{
    struct cpsd_claim claims[] = {claim_of(1, 60000), claim_of(2, 60000), claim_of(3, 60000)};
    UNIT_CODE(act(h, 'p', DEST, 1, NULL).result.code, STIR_OK, "put");
    UNIT_CODE(act(h, 'p', DEST, 0, NULL).result.code, STIR_OK, "put");
    UNIT_CODE(act(h, 'k', DEST, 1, NULL).result.code, STIR_OK, "keep");
    CU_ASSERT_FATAL(redis_says(&server, "CONFIG SET maxmemory 1", "+OK"));
    struct cpsd_claim look = claim_of(4, 60000);
    UNIT_CODE(act(h, 'L', DEST, 0, &look).result.code, STIR_OK, "S7: look");
    UNIT_CODE(act(h, 'l', DEST, 0, &look).result.code, STIR_E_REPLAYED, "S7: once");
    struct cpsd_claim get = claim_of(5, 60000), list = claim_of(6, 60000), once = claim_of(7, 60000);
    UNIT_CODE(act(h, 'g', DEST, 0, &get).result.code, STIR_OK, "S7: get");
    UNIT_CODE(act(h, 'l', DEST, 0, &list).result.code, STIR_OK, "S7: list");
    UNIT_CODE(act(h, 'o', DEST, 0, &once).result.code, STIR_OK, "S7: once");
    UNIT_CODE(act(h, 'p', DEST, 2, &claims[0]).result.code, STIR_E_UNAVAILABLE, "put into a full server");
    UNIT_CODE(act(h, 'r', DEST, 1, &claims[1]).result.code, STIR_OK, "remove");
    UNIT_CODE(act(h, 'd', DEST, 1, &claims[2]).result.code, STIR_OK, "drop");
    UNIT_CODE(act(h, 'r', DEST, 1, &claims[1]).result.code, STIR_E_REPLAYED, "the claim was taken");
    CU_ASSERT_FATAL(redis_says(&server, "CONFIG SET maxmemory 0", "+OK"));
    UNIT_CODE(act(h, 'p', DEST, 2, &claims[0]).result.code, STIR_OK, "and this one was not");
}

static void redis_full(void)
{
    both_with_redis(full_redis, &harness_defaults);
}

/* The text in braces selects the slot of a key: all keys of a box are in one slot, and each claim has its own. */
static void one_slot(struct harness *h)
{
    char text[1024];
    struct cpsd_claim claim = claim_of(0, 60000);
    UNIT_CODE(act(h, 'p', DEST, 1, &claim).result.code, STIR_OK, "put");
    UNIT_CODE(act(h, 'k', DEST, 1, NULL).result.code, STIR_OK, "keep");
    redis_ask(&server, "KEYS *", text, sizeof(text), 80);
    UNIT_CHECK(strstr(text, "\ncps:{" DEST "}\r") != NULL, "%s", text);
    UNIT_CHECK(strstr(text, "\ncpsk:{" DEST "}\r") != NULL, "%s", text);
    UNIT_CHECK(strstr(text, "\ncpsj:{AFu2EWzHIn3YM47pRJ_6VQ}\r") != NULL, "%s", text);
    UNIT_CHECK(strncmp(text, "*3", 2) == 0, "%s", text);
}

static void redis_one_slot(void)
{
    both_with_redis(one_slot, &harness_defaults);
}

#define BOTH(name)                                                                                                     \
    {"memory " #name, memory_##name},                                                                                  \
    {                                                                                                                  \
        "redis " #name, redis_##name                                                                                   \
    }

UNIT_MAIN("store_claim", BOTH(each_claims), BOTH(refused_does_nothing), BOTH(taken_for), BOTH(apart), BOTH(records),
          BOTH(record_life), BOTH(record_sizes), BOTH(race), {"memory bounded", claims_are_bounded},
          {"S7: a full store in memory reads and deletes", memory_full},
          {"S7: a full Redis reads and deletes", redis_full}, {"redis one slot", redis_one_slot})
