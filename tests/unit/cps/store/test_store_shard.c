/* SPDX-License-Identifier: MIT */
#include "cps/store/memory/shard.h"
#include "cps/store/store.h"
#include "tests/unit/store_harness.h"

/* The tables of the memory store stay consistent, whatever is added and dropped in whatever order. */

static struct stir_siphash_key key = {1, 2};
static atomic_size_t octets;

static void check_heap(const struct cpsd_shard *shard)
{
    for (size_t i = 0; i < shard->heap_len; i++) {
        bool ordered = i == 0 || shard->heap[(i - 1) / 2]->expires_us <= shard->heap[i]->expires_us;
        if (!UNIT_CHECK(shard->heap[i]->heap_at == i && ordered, "place %zu of %zu", i, shard->heap_len)) {
            return;
        }
    }
}

static struct stir_identity box_of(unsigned i)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", i % 7 + 1);
    return harness_box(text);
}

static struct cpsd_item *find(struct cpsd_shard *shard, unsigned i)
{
    uint8_t id[CPSD_ID_OCTETS];
    struct stir_identity name = box_of(i);
    struct cpsd_box *box = cpsd_shard_box(shard, &name, i % 7);
    harness_id(id, i);
    return box ? cpsd_shard_item(shard, box, id) : NULL;
}

static void add(struct cpsd_shard *shard, unsigned i, int64_t expires_us)
{
    uint8_t id[CPSD_ID_OCTETS];
    struct stir_identity name = box_of(i);
    harness_id(id, i);
    UNIT_OK(cpsd_shard_add(shard, &name, i % 7, id, cpsd_blob_new(stir_view_str("envelope"), stir_view(NULL, 0)),
                           expires_us));
}

static void any_order(void)
{
    enum { COUNT = 500, STEPS = 5000 };
    static bool there[COUNT], consumed[COUNT];
    struct cpsd_shard shard = {.key = &key, .octets = &octets};
    uint64_t random = 7;
    size_t living = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        unsigned i = (unsigned)(random >> 33) % COUNT, what = (unsigned)(random >> 50) % 3;
        struct cpsd_item *item = find(&shard, i);
        UNIT_CHECK((item != NULL) == there[i], "item %u", i);
        if (!item) {
            add(&shard, i, (int64_t)(random >> 40) % 1000 + 1);
            there[i] = true;
            consumed[i] = false;
            living++;
        } else if (what == 0 && !consumed[i]) {
            cpsd_shard_consume(&shard, item, false, 0);
            consumed[i] = true;
            living--;
        } else if (what == 1) {
            cpsd_shard_drop(&shard, item);
            there[i] = false;
            living -= !consumed[i];
        }
        check_heap(&shard);
        CU_ASSERT_EQUAL(shard.living, living);
    }
    size_t left = shard.heap_len, last = 0;
    for (int64_t now = 0; now <= 1000; now += 50) {
        size_t count = cpsd_shard_expire(&shard, now, SIZE_MAX);
        left -= count;
        last = now == 1000 ? left : last;
        UNIT_CHECK(!shard.heap_len || shard.heap[0]->expires_us > now, "something expired is there");
    }
    CU_ASSERT_EQUAL(last, 0);
    CU_ASSERT_EQUAL(shard.boxes.count, 0);
    CU_ASSERT_EQUAL(shard.items.count, 0);
    CU_ASSERT_EQUAL(atomic_load(&octets), 0);
    cpsd_shard_clear(&shard);
}

/* Expiry drops at most the given number, the oldest first. */
static void bounded(void)
{
    struct cpsd_shard shard = {.key = &key, .octets = &octets};
    for (unsigned i = 0; i < 100; i++) {
        add(&shard, i, 1000 - i);
    }
    CU_ASSERT_EQUAL(cpsd_shard_expire(&shard, 900, 1000), 0);
    CU_ASSERT_EQUAL(cpsd_shard_expire(&shard, 1000, 7), 7);
    CU_ASSERT_PTR_NULL(find(&shard, 93));
    CU_ASSERT_PTR_NOT_NULL(find(&shard, 92));
    CU_ASSERT_EQUAL(shard.expired, 7);
    CU_ASSERT(atomic_load(&octets) > 0);
    cpsd_shard_clear(&shard);
    CU_ASSERT_EQUAL(atomic_load(&octets), 0);
}

/* Boxes with the same hash, and ids with the same hash, are distinguished. */
static void collisions(void)
{
    struct cpsd_shard shard = {.key = &key, .octets = &octets};
    uint8_t id[CPSD_ID_OCTETS] = {0};
    for (unsigned i = 1; i <= 50; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", i);
        struct stir_identity name = harness_box(text);
        UNIT_OK(cpsd_shard_add(&shard, &name, 0, id, cpsd_blob_new(stir_view_str(text), stir_view(NULL, 0)), 10));
    }
    for (unsigned i = 1; i <= 50; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", i);
        struct stir_identity name = harness_box(text);
        struct cpsd_item *item = cpsd_shard_item(&shard, cpsd_shard_box(&shard, &name, 0), id);
        CU_ASSERT_FATAL(item && item->blob);
        CU_ASSERT(stir_view_is(stir_view(item->blob->data, item->blob->len), text));
    }
    struct stir_identity uri = harness_box("1");
    uri.kind = STIR_IDENTITY_URI;
    CU_ASSERT_PTR_NULL(cpsd_shard_box(&shard, &uri, 0));
    cpsd_shard_clear(&shard);
}

UNIT_MAIN("store_shard", {"in any order", any_order}, {"bounded work", bounded}, {"one hash for all", collisions})
