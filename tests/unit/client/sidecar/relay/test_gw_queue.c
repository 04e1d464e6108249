#include "client/sidecar/relay/queue.h"
#include "tests/unit/smpp_make.h"

/* The queue by itself: what is not seen through a relay. */

static struct gw_entry *entry_of(const char *dest)
{
    char body[128];
    uint8_t octets[MAKE_MAX];
    struct gw_entry *entry = NULL;
    (void)snprintf(body, sizeof(body), "00 0101 '1' 00 0101 '%s' 00" MAKE_FLAGS "02 'hi'", dest);
    size_t n = make_pdu(octets, SMPP_SUBMIT_SM, 0, body);
    UNIT_OK(gw_entry_new(&entry, GW_ESME, (const char *)octets, n));
    if (!entry) {
        abort();
    }
    return entry;
}

/* However many pass through, its memory is that of those which are in it. */
static void test_steady(void)
{
    struct gw_queue queue = {0};
    for (unsigned i = 0; i < 5000; i++) {
        struct gw_entry *ready = NULL, *entry = entry_of("2");
        UNIT_OK(gw_queue_put(&queue, entry));
        gw_queue_take(&queue, entry, &ready);
        UNIT_CHECK(!ready && queue.count == 0 && queue.octets == 0 && queue.node_count == 0, "empty");
        gw_entry_free(entry);
    }
    UNIT_CHECK(queue.bucket_count == 64, "%zu buckets for one message", queue.bucket_count);
    gw_queue_clear(&queue);
}

/* It grows with them, and their order stays. */
static void test_grows(void)
{
    enum { COUNT = 3000, PAIRS = 7 };
    static struct gw_entry *entries[COUNT];
    struct gw_queue queue = {0};
    size_t octets = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        char dest[8];
        (void)snprintf(dest, sizeof(dest), "%u", i % PAIRS);
        entries[i] = entry_of(dest);
        octets += entries[i]->held.pdu.octets.len;
        UNIT_OK(gw_queue_put(&queue, entries[i]));
        UNIT_CHECK(gw_queue_may_leave(entries[i]) == (i < PAIRS), "%u", i);
    }
    UNIT_CHECK(queue.bucket_count == 4096 && queue.count == COUNT && queue.octets == octets, "%zu buckets",
               queue.bucket_count);
    for (unsigned i = 0; i < COUNT; i++) {
        struct gw_entry *ready = NULL;
        UNIT_CHECK(gw_queue_may_leave(entries[i]), "%u", i);
        gw_queue_take(&queue, entries[i], &ready);
        UNIT_CHECK(ready == (i + PAIRS < COUNT ? entries[i + PAIRS] : NULL), "%u: who is next", i);
        UNIT_CHECK(!ready || !ready->next_ready, "%u: one is", i);
        gw_entry_free(entries[i]);
    }
    UNIT_CHECK(!queue.first && !queue.last && queue.octets == 0, "empty");
    gw_queue_clear(&queue);
}

/* What cannot be read is held too, in an order of its own. */
static void test_unreadable(void)
{
    struct gw_queue queue = {0};
    struct gw_entry *entries[2] = {0}, *ready = NULL;
    uint8_t octets[MAKE_MAX];
    size_t n = make_pdu(octets, SMPP_SUBMIT_SM, 0, "00");
    for (size_t i = 0; i < 2; i++) {
        UNIT_OK(gw_entry_new(&entries[i], GW_PEER, (const char *)octets, n));
        UNIT_NEED(entries[i]);
        UNIT_CHECK(entries[i]->held.fault == SMPP_F_CUT && entries[i]->held.from == GW_PEER &&
                       entries[i]->held.pdu.octets.len == n && entries[i]->held.pdu.octets.ptr != (char *)octets,
                   "a copy, and what is wrong");
        UNIT_OK(gw_queue_put(&queue, entries[i]));
    }
    struct gw_entry *good = entry_of("2");
    UNIT_OK(gw_queue_put(&queue, good));
    UNIT_CHECK(gw_queue_may_leave(good) && !gw_queue_may_leave(entries[1]), "order");
    gw_queue_take(&queue, entries[0], &ready);
    UNIT_CHECK(ready == entries[1] && gw_queue_may_leave(entries[1]), "next");
    gw_queue_take(&queue, good, &ready);
    gw_queue_take(&queue, entries[1], &ready);
    gw_entry_free(entries[0]);
    gw_entry_free(entries[1]);
    gw_entry_free(good);
    gw_entry_free(NULL);
    gw_queue_clear(&queue);
}

/* Segments of incomplete messages delay nobody, and what leaves before them is found past them. */
static void test_incomplete(void)
{
    struct gw_queue queue = {0};
    struct gw_entry *entries[4], *ready = NULL;
    for (size_t i = 0; i < 4; i++) {
        entries[i] = entry_of("2");
        UNIT_OK(gw_queue_put(&queue, entries[i]));
        entries[i]->held.incomplete = i == 1;
    }
    UNIT_CHECK(!gw_queue_may_leave(entries[2]), "the first one is complete");
    gw_queue_take(&queue, entries[0], &ready);
    UNIT_CHECK(entries[1]->listed && entries[2]->listed && !entries[3]->listed, "the next one that can leave");
    UNIT_CHECK(gw_queue_may_leave(entries[2]) && !gw_queue_may_leave(entries[3]), "past the incomplete one");
    entries[1]->held.incomplete = false;
    UNIT_CHECK(!gw_queue_may_leave(entries[2]), "complete, it has its place in the order");
    for (size_t i = 1; i < 4; i++) {
        gw_queue_take(&queue, entries[i], &ready);
    }
    for (size_t i = 0; i < 4; i++) {
        gw_entry_free(entries[i]);
    }
    gw_queue_clear(&queue);
}

UNIT_MAIN("gw_queue", {"incomplete messages", test_incomplete}, {"memory stays", test_steady},
          {"order stays", test_grows}, {"what cannot be read", test_unreadable})
