/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/queue.h"
#include "tests/unit/smpp_make.h"

/* The queue by itself: what is not seen through a relay. */

static struct sc_entry *entry_of(const char *dest)
{
    char body[128];
    uint8_t octets[MAKE_MAX];
    struct sc_entry *entry = NULL;
    (void)snprintf(body, sizeof(body), "00 0101 '1' 00 0101 '%s' 00" MAKE_FLAGS "02 'hi'", dest);
    size_t n = make_pdu(octets, SMPP_SUBMIT_SM, 0, body);
    UNIT_OK(sc_entry_new(&entry, SC_ESME, (const char *)octets, n));
    if (!entry) {
        abort();
    }
    return entry;
}

/* However many pass through, its memory is that of those which are in it. */
static void test_steady(void)
{
    struct sc_queue queue = {0};
    for (unsigned i = 0; i < 5000; i++) {
        struct sc_entry *ready = NULL, *entry = entry_of("2");
        UNIT_OK(sc_queue_put(&queue, entry));
        sc_queue_take(&queue, entry, &ready);
        UNIT_CHECK(!ready && queue.count == 0 && queue.octets == 0 && queue.node_count == 0, "empty");
        sc_entry_free(entry);
    }
    UNIT_CHECK(queue.bucket_count == 64, "%zu buckets for one message", queue.bucket_count);
    sc_queue_clear(&queue);
}

/* It grows with them, and their order stays. */
static void test_grows(void)
{
    enum { COUNT = 3000, PAIRS = 7 };
    static struct sc_entry *entries[COUNT];
    struct sc_queue queue = {0};
    size_t octets = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        char dest[8];
        (void)snprintf(dest, sizeof(dest), "%u", i % PAIRS);
        entries[i] = entry_of(dest);
        octets += entries[i]->held.pdu.octets.len;
        UNIT_OK(sc_queue_put(&queue, entries[i]));
        UNIT_CHECK(sc_queue_may_leave(entries[i]) == (i < PAIRS), "%u", i);
    }
    UNIT_CHECK(queue.bucket_count == 4096 && queue.count == COUNT && queue.octets == octets, "%zu buckets",
               queue.bucket_count);
    for (unsigned i = 0; i < COUNT; i++) {
        struct sc_entry *ready = NULL;
        UNIT_CHECK(sc_queue_may_leave(entries[i]), "%u", i);
        sc_queue_take(&queue, entries[i], &ready);
        UNIT_CHECK(ready == (i + PAIRS < COUNT ? entries[i + PAIRS] : NULL), "%u: who is next", i);
        UNIT_CHECK(!ready || !ready->next_ready, "%u: one is", i);
        sc_entry_free(entries[i]);
    }
    UNIT_CHECK(!queue.first && !queue.last && queue.octets == 0, "empty");
    sc_queue_clear(&queue);
}

/* What cannot be read is held too, in an order of its own. */
static void test_unreadable(void)
{
    struct sc_queue queue = {0};
    struct sc_entry *entries[2] = {0}, *ready = NULL;
    uint8_t octets[MAKE_MAX];
    size_t n = make_pdu(octets, SMPP_SUBMIT_SM, 0, "00");
    for (size_t i = 0; i < 2; i++) {
        UNIT_OK(sc_entry_new(&entries[i], SC_PEER, (const char *)octets, n));
        UNIT_NEED(entries[i]);
        UNIT_CHECK(entries[i]->held.fault == SMPP_F_CUT && entries[i]->held.from == SC_PEER &&
                       entries[i]->held.pdu.octets.len == n && entries[i]->held.pdu.octets.ptr != (char *)octets,
                   "a copy, and what is wrong");
        UNIT_OK(sc_queue_put(&queue, entries[i]));
    }
    struct sc_entry *good = entry_of("2");
    UNIT_OK(sc_queue_put(&queue, good));
    UNIT_CHECK(sc_queue_may_leave(good) && !sc_queue_may_leave(entries[1]), "order");
    sc_queue_take(&queue, entries[0], &ready);
    UNIT_CHECK(ready == entries[1] && sc_queue_may_leave(entries[1]), "next");
    sc_queue_take(&queue, good, &ready);
    sc_queue_take(&queue, entries[1], &ready);
    sc_entry_free(entries[0]);
    sc_entry_free(entries[1]);
    sc_entry_free(good);
    sc_entry_free(NULL);
    sc_queue_clear(&queue);
}

/* Segments of incomplete messages delay nobody, and what leaves before them is found past them. */
static void test_incomplete(void)
{
    struct sc_queue queue = {0};
    struct sc_entry *entries[4], *ready = NULL;
    for (size_t i = 0; i < 4; i++) {
        entries[i] = entry_of("2");
        UNIT_OK(sc_queue_put(&queue, entries[i]));
        entries[i]->held.incomplete = i == 1;
    }
    UNIT_CHECK(!sc_queue_may_leave(entries[2]), "the first one is complete");
    sc_queue_take(&queue, entries[0], &ready);
    UNIT_CHECK(entries[1]->listed && entries[2]->listed && !entries[3]->listed, "the next one that can leave");
    UNIT_CHECK(sc_queue_may_leave(entries[2]) && !sc_queue_may_leave(entries[3]), "past the incomplete one");
    entries[1]->held.incomplete = false;
    UNIT_CHECK(!sc_queue_may_leave(entries[2]), "complete, it has its place in the order");
    for (size_t i = 1; i < 4; i++) {
        sc_queue_take(&queue, entries[i], &ready);
    }
    for (size_t i = 0; i < 4; i++) {
        sc_entry_free(entries[i]);
    }
    sc_queue_clear(&queue);
}

UNIT_MAIN("sc_queue", {"incomplete messages", test_incomplete}, {"memory stays", test_steady},
          {"order stays", test_grows}, {"what cannot be read", test_unreadable})
