/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/unit/relay_rig.h"

/* Messages that the filter decides about: their order, their decisions, their end. */

static void init(struct rig *rig)
{
    rig_init(rig, NULL);
    rig_bring(rig, SC_BOUND);
    rig->options.offers[SC_ESME] = rig->options.offers[SC_PEER] = true;
}

/* ---- order ---- */

static void test_order(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "23");
    rig_say(&rig, SC_ESME, 3, "1", "23");
    rig_say(&rig, SC_ESME, 4, "12", "3");
    rig_say(&rig, SC_ESME, 5, "1", "23");
    sc_held_pass(rig_held(&rig, 5));
    sc_held_pass(rig_held(&rig, 3));
    RIG_TOLD(&rig, "", "after an undecided one of the same pair");
    sc_held_pass(rig_held(&rig, 4));
    RIG_TOLD(&rig, "P:submit_sm#4", "another pair does not wait");
    sc_held_pass(rig_held(&rig, 2));
    RIG_TOLD(&rig, "P:submit_sm#2 P:submit_sm#3 P:submit_sm#5", "in the order in which they came");
    UNIT_CHECK(sc_relay_held(rig.relay) == 0 && rig.pool.held == 0 && rig.pool.octets == 0, "nothing is left");
    rig_free(&rig);
}

static void test_directions(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_PEER, 3, "1", "2");
    sc_held_pass(rig_held(&rig, 3));
    RIG_TOLD(&rig, "E:deliver_sm#3", "each direction has an order of its own");
    rig_free(&rig);
}

/* What is no message, a receipt among them, never waits. */
static void test_others_pass(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_PEER, 2, "1", "2");
    rig_send(&rig, SC_PEER, SMPP_DELIVER_SM, 0, 3, MAKE_ADDRESSES "04 00 00 00 00 00 00 00 00 02 'ok'");
    rig_send(&rig, SC_PEER, SMPP_DATA_SM, 0, 4, MAKE_ADDRESSES "20 00 00");
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK, 0, 5, "");
    rig_send(&rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 6, RIG_RESP);
    rig_send(&rig, SC_PEER, SMPP_ALERT_NOTIFICATION, 0, 7, "");
    RIG_TOLD(&rig, "E:deliver_sm#3 E:data_sm#4 E:enquire_link#5 E:submit_sm_resp#6 E:alert_notification#7",
             "receipts and the rest");
    UNIT_CHECK(rig.counters.offered == 1, "a receipt is not offered");
    /* a submit_sm is no receipt, whatever its esm_class says */
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_SM, 0, 8, MAKE_ADDRESSES "04 00 00 00 00 00 00 00 00 02 'ok'");
    rig_send(&rig, SC_ESME, SMPP_DATA_SM, 0, 9, MAKE_ADDRESSES "00 00 00");
    UNIT_CHECK(rig.counters.offered == 3, "submit_sm and data_sm are");
    RIG_TOLD(&rig, "", "and wait");
    rig_free(&rig);
}

/* submit_multi waits for, and holds back, each of its destinations. */
static void test_multi(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "22");
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_MULTI, 0, 3,
             "00 0101 '1' 00 03 01 0101 '21' 00 01 0101 '22' 00 02 'list' 00 " MAKE_FLAGS "02 'hi'");
    rig_say(&rig, SC_ESME, 4, "1", "21");
    rig_say(&rig, SC_ESME, 5, "1", "list");
    rig_say(&rig, SC_ESME, 6, "1", "23");
    for (unsigned i = 3; i <= 6; i++) {
        sc_held_pass(rig_held(&rig, i));
    }
    RIG_TOLD(&rig, "P:submit_sm#6", "only who is not concerned");
    sc_held_pass(rig_held(&rig, 2));
    UNIT_CHECK(rig.told.ptr && strncmp(rig.told.ptr, "P:submit_sm#2 P:submit_multi#3 ", 31) == 0, "%s", rig.told.ptr);
    UNIT_CHECK(rig.told.ptr && strstr(rig.told.ptr, "#4") && strstr(rig.told.ptr, "#5"), "all of them");
    rig_clear(&rig);
    /* the same destination twice does not block itself */
    rig_send(&rig, SC_ESME, SMPP_SUBMIT_MULTI, 0, 7,
             "00 0101 '1' 00 02 01 0101 '21' 00 01 0101 '21' 00 " MAKE_FLAGS "02 'hi'");
    rig_say(&rig, SC_ESME, 8, "1", "21");
    sc_held_pass(rig_held(&rig, 8));
    sc_held_pass(rig_held(&rig, 7));
    RIG_TOLD(&rig, "P:submit_multi#7 P:submit_sm#8", "twice the same");
    rig_free(&rig);
}

/* Those that had their turn before they were decided. */
static void test_turn_before_decision(void)
{
    for (int order = 0; order < 2; order++) {
        struct rig rig;
        init(&rig);
        rig_send(&rig, SC_ESME, SMPP_SUBMIT_MULTI, 0, 3,
                 "00 0101 '1' 00 03 01 0101 '21' 00 01 0101 '22' 00 01 0101 '23' 00" MAKE_FLAGS "02 'hi'");
        rig_say(&rig, SC_ESME, 4, "1", "21");
        rig_say(&rig, SC_ESME, 5, "1", "22");
        rig_say(&rig, SC_ESME, 6, "1", "23");
        sc_held_pass(rig_held(&rig, 3));
        for (unsigned i = 0; i < 3; i++) {
            sc_held_pass(rig_held(&rig, order ? 4 + i : 6 - i));
        }
        RIG_TOLD(&rig,
                 order ? "P:submit_multi#3 P:submit_sm#4 P:submit_sm#5 P:submit_sm#6"
                       : "P:submit_multi#3 P:submit_sm#6 P:submit_sm#5 P:submit_sm#4",
                 "as they are decided");
        UNIT_CHECK(rig.pool.held == 0, "nothing is left");
        rig_free(&rig);
    }
}

/* Against a plain list: many pairs, decided in any order. */
static void test_any_order(void)
{
    enum { COUNT = 1500, PAIRS = 40 };
    static unsigned pair[COUNT];
    uint32_t random = 12345;
    struct rig rig;
    init(&rig);
    rig.options.held_max = COUNT;
    for (unsigned i = 0; i < COUNT; i++) {
        char dest[8];
        random = random * 1664525 + 1013904223;
        pair[i] = (random >> 16) % PAIRS;
        (void)snprintf(dest, sizeof(dest), "%u", pair[i]);
        rig_say(&rig, SC_ESME, i, "1", dest);
    }
    for (unsigned left = COUNT; left > 0; left--) {
        random = random * 1664525 + 1013904223;
        unsigned at = (random >> 8) % left;
        struct sc_held *held = rig.held[at];
        rig.held[at] = rig.held[left - 1];
        sc_held_pass(held);
    }
    unsigned last[PAIRS], count = 0, wrong = 0;
    for (unsigned i = 0; i < PAIRS; i++) {
        last[i] = 0;
    }
    const struct stir_buf *out = &rig.out[SC_PEER];
    for (size_t at = 0; at < out->len; at += smpp_header_read(out->ptr + at).length) {
        unsigned sequence = smpp_header_read(out->ptr + at).sequence;
        wrong += sequence < last[pair[sequence]];
        last[pair[sequence]] = sequence;
        count++;
    }
    UNIT_CHECK(count == COUNT && wrong == 0, "%u of %d, %u in the wrong order", count, COUNT, wrong);
    rig.held_count = 0;
    rig_free(&rig);
}

static void test_reorder(void)
{
    struct rig rig, other;
    init(&rig);
    init(&other);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_ESME, 3, "1", "2");
    rig_say(&rig, SC_ESME, 4, "1", "9");
    rig_say(&rig, SC_ESME, 5, "1", "2");
    rig_say(&rig, SC_ESME, 6, "1", "2");
    rig_say(&other, SC_ESME, 7, "1", "2");
    struct sc_held *two = rig_held(&rig, 2), *three = rig_held(&rig, 3), *five = rig_held(&rig, 5);
    struct sc_held *seven = rig_held(&other, 7);
    struct sc_held *order[] = {five, seven, two, three};
    sc_held_reorder(order, 4);
    sc_held_pass(two);
    sc_held_pass(three);
    sc_held_pass(rig_held(&rig, 6));
    RIG_TOLD(&rig, "", "the first one is undecided");
    sc_held_pass(five);
    sc_held_pass(rig_held(&rig, 4));
    RIG_TOLD(&rig, "P:submit_sm#5 P:submit_sm#2 P:submit_sm#3 P:submit_sm#6 P:submit_sm#4", "in the new order");
    sc_held_pass(seven);
    RIG_TOLD(&other, "P:submit_sm#7", "another connection's has no place here");
    rig_free(&other);
    rig_free(&rig);
}

/* Every order of four, adjacent ones and others, in the midst of more. */
static void test_reorder_all(void)
{
    for (unsigned code = 0; code < 256; code++) {
        unsigned at[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        struct sc_held *order[4];
        struct rig rig;
        char expected[160];
        if ((1U << at[0] | 1U << at[1] | 1U << at[2] | 1U << at[3]) != 15) {
            continue;
        }
        init(&rig);
        for (unsigned i = 1; i <= 6; i++) {
            rig_say(&rig, SC_ESME, i, "1", "2");
        }
        struct sc_held *items[] = {rig_held(&rig, 2), rig_held(&rig, 3), rig_held(&rig, 4), rig_held(&rig, 5)};
        for (size_t i = 0; i < 4; i++) {
            order[i] = items[at[i]];
        }
        sc_held_reorder(order, 4);
        sc_held_pass(rig_held(&rig, 6));
        for (size_t i = 0; i < 4; i++) {
            sc_held_pass(items[i]);
        }
        sc_held_pass(rig_held(&rig, 1));
        (void)snprintf(expected, sizeof(expected),
                       "P:submit_sm#1 P:submit_sm#%u P:submit_sm#%u P:submit_sm#%u P:submit_sm#%u P:submit_sm#6",
                       at[0] + 2, at[1] + 2, at[2] + 2, at[3] + 2);
        RIG_TOLD(&rig, expected, "in that order");
        rig_free(&rig);
    }
}

/* ---- decisions ---- */

static void test_edit(void)
{
    struct rig rig;
    init(&rig);
    uint16_t drop[] = {0x1501};
    struct smpp_tlv tag = {0x1501, stir_view_str("passed")};
    struct smpp_edit edit = {.drop = drop, .drop_count = 1, .append = &tag, .append_count = 1};
    rig_send(&rig, SC_PEER, SMPP_DELIVER_SM, 0, 2, MAKE_SM "02 'hi' 1501 0002 'xx' 1403 0001 07");
    UNIT_OK(sc_held_edit(rig_held(&rig, 2), &edit));
    struct rig_pdu expected = rig_pdu(SMPP_DELIVER_SM, 0, 2, MAKE_SM "02 'hi' 1403 0001 07 1501 0006 'passed'");
    rig_went(&rig, SC_ESME, expected.octets, expected.len, "edited");
    rig_send(&rig, SC_PEER, SMPP_DELIVER_SM, 0, 3, MAKE_SM "02 'hi'");
    struct sc_held *held = rig_held(&rig, 3);
    struct smpp_tlv big = {0x1501, stir_view(rig.said, 0)};
    char *octets = calloc(1, 65530);
    UNIT_NEED(octets);
    big.value = stir_view(octets, 65530);
    edit.append = &big;
    UNIT_CODE(sc_held_edit(held, &edit), STIR_E_TOO_BIG, "longer than a PDU may be");
    RIG_TOLD(&rig, "", "still undecided");
    sc_held_pass(held);
    RIG_TOLD(&rig, "E:deliver_sm#3", "and passed");
    UNIT_CHECK(rig.counters.edited == 1 && rig.counters.passed == 1, "counted");
    free(octets);
    rig_free(&rig);
}

static void test_answer(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_ESME, 3, "1", "2");
    rig_say(&rig, SC_PEER, 4, "1", "2");
    rig_send(&rig, SC_PEER, SMPP_DATA_SM, 0, 5, MAKE_ADDRESSES "00 00 00");
    sc_held_pass(rig_held(&rig, 3));
    sc_held_answer(rig_held(&rig, 2), SMPP_RSUBMITFAIL);
    RIG_TOLD(&rig, "E:submit_sm_resp#2!45 P:submit_sm#3", "the message after it is forwarded");
    sc_held_answer(rig_held(&rig, 4), 0);
    sc_held_answer(rig_held(&rig, 5), 0x445);
    RIG_TOLD(&rig, "P:deliver_sm_resp#4!8 P:data_sm_resp#5!445", "never without an error");
    UNIT_CHECK(rig.counters.answered == 3, "counted");
    rig_free(&rig);
}

/* Decided within offer(). */
static void test_at_once(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig.pass_all = true;
    rig_say(&rig, SC_ESME, 3, "1", "2");
    rig_say(&rig, SC_ESME, 4, "1", "3");
    RIG_TOLD(&rig, "P:submit_sm#4", "unless it has to wait for its turn");
    sc_held_pass(rig_held(&rig, 2));
    RIG_TOLD(&rig, "P:submit_sm#2 P:submit_sm#3", "the rest");
    rig_free(&rig);
}

/* `pass` since a reload: nothing is offered any more, nothing overtakes. */
static void test_reload(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig.options.offers[SC_ESME] = false;
    rig_say(&rig, SC_ESME, 3, "1", "2");
    rig_say(&rig, SC_ESME, 4, "1", "3");
    RIG_TOLD(&rig, "P:submit_sm#4", "after the held messages");
    sc_held_pass(rig_held(&rig, 2));
    rig_say(&rig, SC_ESME, 5, "1", "2");
    RIG_TOLD(&rig, "P:submit_sm#2 P:submit_sm#3 P:submit_sm#5", "and then at once");
    UNIT_CHECK(rig.counters.offered == 1, "offered");
    rig_free(&rig);
}

/* ---- ends ---- */

static void test_abandoned(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_ESME, 3, "1", "2");
    rig_say(&rig, SC_PEER, 4, "1", "2");
    sc_held_pass(rig_held(&rig, 3));
    sc_relay_lost(rig.relay, SC_PEER, "connection reset", rig.now);
    RIG_TOLD(&rig, "abandoned#2 abandoned#4 released close E", "no message is answered or forwarded");
    UNIT_CHECK(rig.pool.held == 0 && rig.counters.abandoned == 2 && rig.counters.dropped == 1, "counted");
    rig_free(&rig);
}

static void test_freed(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    sc_relay_free(rig.relay);
    rig.relay = NULL;
    RIG_TOLD(&rig, "abandoned#2", "freed");
    UNIT_CHECK(rig.pool.held == 0 && rig.pool.octets == 0, "nothing is left");
    rig_free(&rig);
}

static struct rig *neighbour;

/* A filter that gives up a whole message when one of its segments is gone. */
static void decide_others(void *arg, struct sc_held *held)
{
    struct rig *rig = arg;
    (void)held;
    for (size_t i = 0; i < rig->held_count; i++) {
        if (rig->held[i] && rig->held[i] != held) {
            sc_held_pass(rig->held[i]);
        }
    }
    rig->held_count = 0;
    sc_held_pass(rig_held(neighbour, 9));
}

static void test_decided_while_abandoned(void)
{
    struct rig rig, other;
    init(&rig);
    init(&other);
    neighbour = &other;
    rig.filter.abandoned = decide_others;
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_ESME, 3, "1", "3");
    rig_say(&rig, SC_PEER, 4, "1", "3");
    rig_say(&other, SC_ESME, 9, "1", "2");
    sc_relay_lost(rig.relay, SC_ESME, NULL, rig.now);
    RIG_TOLD(&rig, "released close P", "no message of this connection is forwarded");
    RIG_TOLD(&other, "P:submit_sm#9", "of another it does");
    UNIT_CHECK(rig.pool.held == 0 && other.pool.held == 0, "nothing is left");
    rig_free(&other);
    rig_free(&rig);
}

/* Of the peer that is lost nothing is passed on either, whoever decides then. */
static void pass_all_held(void *arg, struct sc_held *held)
{
    struct rig *rig = arg;
    for (size_t i = 0; i < rig->held_count; i++) {
        if (rig->held[i] != held) {
            sc_held_pass(rig->held[i]);
        }
    }
    rig->held_count = 0;
}

static void test_decided_when_lost(void)
{
    for (int first = 0; first < SC_LEG_COUNT; first++) {
        for (int lost = 0; lost < SC_LEG_COUNT; lost++) {
            struct rig rig;
            init(&rig);
            rig.filter.abandoned = pass_all_held;
            rig_say(&rig, (enum sc_leg)first, 2, "1", "2");
            rig_say(&rig, sc_other((enum sc_leg)first), 3, "1", "2");
            rig_clear(&rig);
            sc_relay_lost(rig.relay, (enum sc_leg)lost, NULL, rig.now);
            RIG_TOLD(&rig, lost == SC_ESME ? "released close P" : "released close E", "no message is forwarded");
            rig_free(&rig);
        }
    }
}

static void test_unbind_waits(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_PEER, 3, "1", "2");
    rig_send(&rig, SC_ESME, SMPP_UNBIND, 0, 4, "");
    RIG_TOLD(&rig, "stop E", "a message is before it");
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK, 0, 5, "");
    RIG_TOLD(&rig, "E:enquire_link#5", "the other direction continues");
    sc_held_pass(rig_held(&rig, 2));
    RIG_TOLD(&rig, "P:submit_sm#2 resume", "it is gone");
    sc_relay_resume(rig.relay, rig.now);
    RIG_TOLD(&rig, "P:unbind#4 read E", "now");
    rig_send(&rig, SC_PEER, SMPP_UNBIND | SMPP_RESP, 0, 4, "");
    RIG_TOLD(&rig, "abandoned#3 released E:unbind_resp#4", "the bind is over, and with it what was for it");
    rig_say(&rig, SC_PEER, 6, "1", "2");
    RIG_TOLD(&rig, "", "nobody is there for a message");
    rig_free(&rig);
}

static void test_unbind_waits_no_longer(void)
{
    struct rig rig;
    init(&rig);
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_send(&rig, SC_ESME, SMPP_UNBIND, 0, 4, "");
    rig_clear(&rig);
    sc_relay_tick(rig.relay, rig.now + 4999);
    RIG_TOLD(&rig, "", "not yet");
    sc_relay_tick(rig.relay, rig.now + 5000);
    RIG_TOLD(&rig, "abandoned#2 resume P:unbind#4 read E", "long enough");
    sc_relay_tick(rig.relay, rig.now + 10000);
    RIG_TOLD(&rig, "released close E close P", "and nobody answers it");
    rig_free(&rig);
}

UNIT_MAIN("sc_relay_held", {"the order of a pair is kept", test_order}, {"in each direction", test_directions},
          {"what is no message does not wait", test_others_pass}, {"submit_multi", test_multi},
          {"decided when their turn is past", test_turn_before_decision}, {"decided in any order", test_any_order},
          {"places are exchanged", test_reorder}, {"in every way", test_reorder_all}, {"an edit", test_edit},
          {"an answer", test_answer}, {"decided at once", test_at_once}, {"an action that changes", test_reload},
          {"a connection ends", test_abandoned}, {"a relay is freed", test_freed},
          {"decisions while others are abandoned", test_decided_while_abandoned},
          {"decisions when a leg is lost", test_decided_when_lost},
          {"unbind waits for what is before it", test_unbind_waits}, {"but not for ever", test_unbind_waits_no_longer})
