/* SPDX-License-Identifier: MIT */
#include "cps/store/store.h"
#include "cps/store/token_bucket.h"
#include "tests/unit/store_both.h"

/*
 * Token buckets: the arithmetic alone, and with puts in each backend.
 */
#define DEST "12155551212"
#define OTHER "12155551213"

static struct cpsd_spend spend_of(const char *name, uint32_t per_s, uint32_t burst, uint32_t cost)
{
    struct cpsd_spend spend = {.count = 1};
    spend.bucket[0] = (struct cpsd_bucket){.per_s = per_s, .burst = burst, .cost = cost};
    (void)snprintf(spend.bucket[0].name, sizeof(spend.bucket[0].name), "%s", name);
    return spend;
}

static struct cpsd_spend both_of(struct cpsd_spend a, struct cpsd_spend b)
{
    a.bucket[a.count++] = b.bucket[0];
    return a;
}

/* ---- arithmetic ---- */

static void burst_and_rate(void)
{
    struct cpsd_buckets *buckets = cpsd_buckets_new(100);
    struct cpsd_spend spend = spend_of("a", 10, 5, 1);
    int64_t now = 1000000000;
    for (int i = 0; i < 5; i++) {
        struct cpsd_spent spent = cpsd_buckets_spend(buckets, &spend, "", now);
        UNIT_CHECK(!spent.refused && spent.left == 4 - i, "%d: %lld left", i, (long long)spent.left);
    }
    struct cpsd_spent spent = cpsd_buckets_spend(buckets, &spend, "", now);
    UNIT_CHECK(spent.refused && spent.which == 1 && spent.wait_us == 100000, "%lld us", (long long)spent.wait_us);
    UNIT_CHECK(cpsd_buckets_spend(buckets, &spend, "", now + 99999).refused, "a microsecond too early");
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &spend, "", now + 100000).refused, "when it said");
    UNIT_CHECK(cpsd_buckets_spend(buckets, &spend, "", now + 100000).refused, "one token came, not two");
    /* a clock that is set back neither extends the wait nor adds tokens */
    spent = cpsd_buckets_spend(buckets, &spend, "", now + 100000 - 50000);
    UNIT_CHECK(spent.refused && spent.wait_us == 150000, "%lld us", (long long)spent.wait_us);
    spent = cpsd_buckets_spend(buckets, &spend, "", now + 3600000000);
    UNIT_CHECK(!spent.refused && spent.left == 4, "full again, and not fuller");
    cpsd_buckets_free(buckets);
}

static void given_back(void)
{
    struct cpsd_buckets *buckets = cpsd_buckets_new(100);
    struct cpsd_spend spend = both_of(spend_of("a", 10, 5, 2), spend_of("b", 1, 3, 1));
    int64_t now = 1000000000;
    for (int i = 0; i < 100; i++) {
        UNIT_CHECK(!cpsd_buckets_spend(buckets, &spend, "", now).refused, "%d", i);
        cpsd_buckets_give_back(buckets, &spend, "", now);
    }
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &spend, "", now).refused, "the first of two");
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &spend, "", now).refused, "the second of two");
    UNIT_CHECK(cpsd_buckets_spend(buckets, &spend, "", now).refused, "what is not given back is gone");
    /* a bucket does not exceed its burst, however long it waits */
    now += 3600000000;
    cpsd_buckets_give_back(buckets, &spend, "", now);
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &spend, "", now).refused, "the first of two, later");
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &spend, "", now).refused, "the second of two, later");
    UNIT_CHECK(cpsd_buckets_spend(buckets, &spend, "", now).refused, "full, and not fuller");
    cpsd_buckets_free(buckets);
}

static void all_or_none(void)
{
    struct cpsd_buckets *buckets = cpsd_buckets_new(100);
    struct cpsd_spend few = spend_of("few", 1, 1, 1), many = spend_of("many", 1, 100, 1);
    struct cpsd_spend both = both_of(many, few);
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &both, "", 1).refused, "the first");
    struct cpsd_spent spent = cpsd_buckets_spend(buckets, &both, "", 1);
    UNIT_CHECK(spent.refused && spent.which == 2, "the second bucket lacks");
    spent = cpsd_buckets_spend(buckets, &many, "", 1);
    UNIT_CHECK(!spent.refused && spent.left == 98, "what was refused took nothing: %lld", (long long)spent.left);
    /* a bucket without a name belongs to the scope */
    struct cpsd_spend own = spend_of("", 1, 1, 1);
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &own, DEST, 1).refused, "its own");
    UNIT_CHECK(cpsd_buckets_spend(buckets, &own, DEST, 1).refused, "its own, again");
    UNIT_CHECK(!cpsd_buckets_spend(buckets, &own, OTHER, 1).refused, "another's");
    cpsd_buckets_free(buckets);
}

static void bounded(void)
{
    struct cpsd_buckets *buckets = cpsd_buckets_new(1000);
    struct cpsd_spend spend = spend_of("", 1000, 1, 1);
    char scope[32];
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(scope, sizeof(scope), "%d", i);
        UNIT_CHECK(!cpsd_buckets_spend(buckets, &spend, scope, i).refused, "%d", i);
    }
    /* the last bucket is remembered: old ones were dropped for it */
    UNIT_CHECK(cpsd_buckets_spend(buckets, &spend, scope, 99999).refused, "the last is remembered");
    cpsd_buckets_free(buckets);
    cpsd_buckets_free(NULL);
}

/* ---- with a put ---- */

/* Each put takes 100 tokens, so that the token which is added per second makes no difference while a test runs. */
enum { EACH = 100 };

static struct outcome put(struct harness *h, const char *to, unsigned n, const struct cpsd_spend *spend,
                          const struct cpsd_claim *claim)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    uint8_t id[CPSD_ID_OCTETS];
    harness_id(id, n);
    const struct cpsd_put what = {
        .id = id, .envelope = stir_view_str("x"), .ttl_ms = 60000, .spend = spend, .claim = claim};
    cpsd_store_publish(h->store, &box, &what, harness_done, &o);
    harness_wait(h, &o);
    return o;
}

static size_t count(struct harness *h, const char *to)
{
    struct outcome o = {0};
    struct stir_identity box = harness_box(to);
    cpsd_store_list(h->store, &box, 0, 1000, (size_t)1 << 20, NULL, harness_done, &o);
    harness_wait(h, &o);
    return o.result.count;
}

static void limited(struct harness *h)
{
    struct cpsd_spend spend = both_of(spend_of("spc:1234", 1, 3 * EACH, EACH), spend_of("", 1, 2 * EACH, EACH));
    struct cpsd_claim claim = {.ttl_ms = 60000};
    harness_id(claim.id, 77);
    for (unsigned i = 0; i < 2; i++) {
        struct outcome o = put(h, DEST, i, &spend, NULL);
        UNIT_CODE(o.result.code, STIR_OK, "within the limit");
        UNIT_CHECK(o.result.tokens_left / EACH == 1 - (int64_t)i, "%lld left", (long long)o.result.tokens_left);
    }
    struct outcome o = put(h, DEST, 2, &spend, &claim);
    UNIT_CODE(o.result.code, STIR_E_BOX_FULL, "beyond it");
    UNIT_CHECK(o.result.limited == 2, "by the destination's bucket, not %u", o.result.limited);
    UNIT_CHECK(o.result.retry_after_ms > 500 * EACH && o.result.retry_after_ms <= 1000 * EACH + 1, "%lld ms",
               (long long)o.result.retry_after_ms);
    UNIT_CHECK(count(h, DEST) == 2, "nothing was stored");
    /* nothing was claimed, and nothing taken from the other bucket */
    o = put(h, OTHER, 2, &spend, NULL);
    UNIT_CODE(o.result.code, STIR_OK, "the provider has one left");
    UNIT_CHECK(o.result.tokens_left / EACH == 0, "and now none");
    o = put(h, OTHER, 3, &spend, NULL);
    UNIT_CHECK(o.result.code == STIR_E_BOX_FULL && o.result.limited == 1, "now the provider's bucket lacks");
    struct cpsd_spend none = {.count = 0};
    UNIT_CODE(put(h, DEST, 4, &none, &claim).result.code, STIR_OK, "the claim was not taken");
    UNIT_CODE(put(h, DEST, 5, &none, &claim).result.code, STIR_E_REPLAYED, "now it is");
    /* a put that is refused as a replay takes no tokens */
    struct cpsd_spend fresh = spend_of("spc:9", 1, 2 * EACH, EACH);
    UNIT_CODE(put(h, DEST, 6, &fresh, &claim).result.code, STIR_E_REPLAYED, "a replay");
    UNIT_CHECK(put(h, DEST, 7, &fresh, NULL).result.tokens_left / EACH == 1, "took nothing");
}

static void claim_and_limit(struct harness *h)
{
    struct cpsd_spend spend = both_of(both_of(spend_of("a", 1, 9 * EACH, 4 * EACH), spend_of("b", 1, 9 * EACH, EACH)),
                                      spend_of("", 1, 9 * EACH, EACH));
    struct cpsd_claim claim = {.ttl_ms = 60000};
    harness_id(claim.id, 78);
    struct outcome o = put(h, DEST, 1, &spend, &claim);
    UNIT_CODE(o.result.code, STIR_OK, "three buckets and a claim");
    UNIT_CHECK(o.result.tokens_left / EACH == 5, "four of nine: %lld left", (long long)o.result.tokens_left);
    UNIT_CODE(put(h, DEST, 2, &spend, &claim).result.code, STIR_E_REPLAYED, "the claim");
    o = put(h, DEST, 1, &spend, NULL);
    UNIT_CHECK(o.result.code == STIR_OK && o.result.existed && o.result.tokens_left / EACH == 1,
               "the same envelope costs, too");
    o = put(h, DEST, 3, &spend, NULL);
    UNIT_CHECK(o.result.limited == 1 && o.result.retry_after_ms > 2000 * EACH &&
                   o.result.retry_after_ms <= 3000 * EACH + 1,
               "%lld ms", (long long)o.result.retry_after_ms);
}

/* Tokens come back with time. */
static void tokens_come(struct harness *h)
{
    struct cpsd_spend spend = spend_of("t", 20, 1, 1);
    UNIT_CODE(put(h, DEST, 1, &spend, NULL).result.code, STIR_OK, "the first");
    struct outcome o = put(h, DEST, 2, &spend, NULL);
    for (int i = 0; i < 20 && o.result.code == STIR_E_BOX_FULL; i++) {
        (void)harness_run(h, (uint64_t)o.result.retry_after_ms, NULL);
        o = put(h, DEST, 2, &spend, NULL);
    }
    UNIT_CODE(o.result.code, STIR_OK, "after the time it was told");
}

static void owe(struct harness *h, const struct cpsd_spend *spend)
{
    struct outcome o = {0};
    cpsd_store_owe(h->store, &spend->bucket[0], harness_done, &o);
    harness_wait(h, &o);
    UNIT_CODE(o.result.code, STIR_OK, "owe");
}

/* Nothing is admitted until a debt is paid; the debt is limited. */
static void debts(struct harness *h)
{
    struct cpsd_spend debt = spend_of("spc:1234", 1, 50 * EACH, 30 * EACH);
    struct cpsd_spend spend = spend_of("spc:1234", 1, 50 * EACH, EACH);
    owe(h, &debt);
    UNIT_CHECK(put(h, DEST, 1, &spend, NULL).result.tokens_left / EACH == 19, "fifty less thirty less one");
    owe(h, &debt);
    struct outcome o = put(h, DEST, 2, &spend, NULL);
    UNIT_CHECK(o.result.limited == 1 && o.result.retry_after_ms > 11000 * EACH &&
                   o.result.retry_after_ms <= 12000 * EACH + 1,
               "%lld ms", (long long)o.result.retry_after_ms);
    for (int i = 0; i < 2000; i++) {
        owe(h, &debt);
    }
    o = put(h, DEST, 2, &spend, NULL);
    UNIT_CHECK(o.result.retry_after_ms > 3500000 && o.result.retry_after_ms <= 3600000 + 1000 * EACH + 1, "%lld ms",
               (long long)o.result.retry_after_ms);
}

/* A destination with the name of a provider's bucket has a bucket of its own. */
static void apart(struct harness *h)
{
    struct cpsd_spend dest = spend_of("dest:spc:1234", 1, EACH, EACH), own = spend_of("", 1, EACH, EACH);
    struct cpsd_spend spc = spend_of("spc:1234", 1, 2 * EACH, EACH);
    UNIT_CODE(put(h, "spc:1234", 1, &dest, NULL).result.code, STIR_OK, "S10: the destination");
    UNIT_CODE(put(h, "spc:5678", 2, &own, NULL).result.code, STIR_OK, "S10: a box's own");
    UNIT_CHECK(put(h, DEST, 3, &spc, NULL).result.tokens_left / EACH == 1, "S10: the provider's is full");
    struct cpsd_spend other = spend_of("spc:5678", 1, 2 * EACH, EACH);
    UNIT_CHECK(put(h, DEST, 4, &other, NULL).result.tokens_left / EACH == 1, "S10: the other provider's, too");
    UNIT_CODE(put(h, "/passports/spc:1234/1", 5, &dest, NULL).result.code, STIR_E_BOX_FULL, "S10: in another box");
}

ON_BOTH(apart, &harness_defaults)
ON_BOTH(debts, &harness_defaults)
ON_BOTH(limited, &harness_defaults)
ON_BOTH(claim_and_limit, &harness_defaults)
ON_BOTH(tokens_come, &harness_defaults)

UNIT_MAIN("store_limits", {"burst and rate", burst_and_rate}, {"given back", given_back}, {"all or none", all_or_none},
          {"bounded", bounded}, {"S10: names in memory", memory_apart}, {"S10: names in Redis", redis_apart},
          {"memory limited", memory_limited}, {"redis limited", redis_limited},
          {"memory claim and limit", memory_claim_and_limit}, {"redis claim and limit", redis_claim_and_limit},
          {"memory tokens come", memory_tokens_come}, {"redis tokens come", redis_tokens_come},
          {"memory debts", memory_debts}, {"redis debts", redis_debts})
