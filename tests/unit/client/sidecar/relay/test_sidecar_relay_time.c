/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/unit/relay_rig.h"

/* Time limits, requests of our own, and how a relay is drained. */

static void tick(struct rig *rig, uint64_t ms)
{
    rig->now += ms;
    sc_relay_tick(rig->relay, rig->now);
}

/* ---- silence ---- */

static void test_enquire(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    tick(&rig, 59999);
    RIG_TOLD(&rig, "", "not yet");
    tick(&rig, 1);
    RIG_TOLD(&rig, "E:enquire_link#7fffffff P:enquire_link#7fffffff", "both are silent");
    rig_send(&rig, SC_ESME, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, 0x7fffffff, "");
    RIG_TOLD(&rig, "", "the answer goes no further");
    tick(&rig, 19999);
    RIG_TOLD(&rig, "", "the peer has time");
    tick(&rig, 1);
    RIG_TOLD(&rig, "released close E close P", "and no more");
    UNIT_STR(rig.said, "closed: the peer does not answer enquire_link", "why");
    UNIT_CHECK(rig.counters.timeouts == 1 && rig.counters.enquiries == 2, "counted");
    rig_free(&rig);
}

/* Whatever a leg says shows that it lives; its late answer is still ours. */
static void test_signs_of_life(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    tick(&rig, 60000);
    rig_clear(&rig);
    rig_send(&rig, SC_ESME, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, 0x7fffffff, "");
    rig_in(&rig, SC_PEER, "\0", 1);
    tick(&rig, 20000);
    RIG_STATE(&rig, SC_BOUND, "one octet is enough");
    rig_in(&rig, SC_PEER, "\0\0\x10\x80\0\0\x15\0\0\0\0\x7f\xff\xff\xff", 15);
    RIG_TOLD(&rig, "", "the answer after all");
    tick(&rig, 60000);
    RIG_TOLD(&rig, "E:enquire_link#7ffffffe P:enquire_link#7ffffffe", "the next one has its own number");
    rig_send(&rig, SC_PEER, SMPP_GENERIC_NACK, SMPP_RINVCMDID, 0x7ffffffe, "");
    RIG_TOLD(&rig, "", "a peer that does not know it has answered too");
    rig_send(&rig, SC_PEER, SMPP_GENERIC_NACK, SMPP_RINVCMDID, 0x7ffffffe, "");
    RIG_TOLD(&rig, "E:generic_nack#7ffffffe!3", "once");
    rig_free(&rig);
}

/* Numbers that are in use are not taken; and one that is used while ours is under way is told apart by its command. */
static void test_own_sequence(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, 0x7fffffff, "");
    rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, 0x7ffffffe, "");
    rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, 0x7ffffffd, "");
    rig_send(&rig, SC_PEER, SMPP_QUERY_SM | SMPP_RESP, 0, 0x7ffffffe, "");
    rig_clear(&rig);
    tick(&rig, 60000);
    RIG_TOLD(&rig, "E:enquire_link#7fffffff P:enquire_link#7ffffffe", "the first that is free, on each leg");
    rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, 0x7ffffffe, "");
    rig_send(&rig, SC_PEER, SMPP_QUERY_SM | SMPP_RESP, 0, 0x7ffffffe, "");
    RIG_TOLD(&rig, "P:query_sm#7ffffffe E:query_sm_resp#7ffffffe", "theirs");
    rig_send(&rig, SC_ESME, SMPP_ENQUIRE_LINK, 0, 0x7ffffffe, "");
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, 0x7ffffffe, "");
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, 0x7ffffffe, "");
    RIG_TOLD(&rig, "P:enquire_link#7ffffffe E:enquire_link_resp#7ffffffe", "one answer each");
    rig_free(&rig);
}

/* An ESME that uses all of them, and goes round, does not stop us; numbers outside are nobody's. */
static void test_own_sequence_round(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    for (uint32_t i = 0x7fff0000; i <= 0x7fffffff; i++) {
        rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, i, "");
    }
    rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, 0xffffffff, "");
    rig_send(&rig, SC_PEER, SMPP_QUERY_SM | SMPP_RESP, 0, 0x7fff0003, "");
    rig_clear(&rig);
    tick(&rig, 60000);
    RIG_TOLD(&rig, "E:enquire_link#7fffffff P:enquire_link#7fff0003", "the one that is left");
    rig_free(&rig);
}

/* What is not read because of us is not held against a leg. */
static void test_not_read(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig_in(&rig, SC_ESME, "\0\0", 2);
    sc_relay_full(rig.relay, SC_PEER, true, rig.now);
    rig_clear(&rig);
    tick(&rig, 30000);
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK, 0, 1, "");
    tick(&rig, 30000);
    RIG_TOLD(&rig, "E:enquire_link#1", "the ESME cannot speak");
    rig.options.enquire_ms = 0;
    tick(&rig, 200000);
    sc_relay_full(rig.relay, SC_PEER, false, rig.now);
    RIG_TOLD(&rig, "read E", "now it can");
    tick(&rig, 119999);
    RIG_STATE(&rig, SC_BOUND, "and its time starts again");
    tick(&rig, 1);
    RIG_STATE(&rig, SC_CLOSED, "but ends");
    rig_free(&rig);
}

/* A leg that was asked, and then not read because of us, is not dead for that. */
static void test_asked_and_not_read(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    tick(&rig, 60000);
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, 0x7fffffff, "");
    sc_relay_full(rig.relay, SC_PEER, true, rig.now);
    tick(&rig, 30000);
    sc_relay_full(rig.relay, SC_PEER, false, rig.now);
    tick(&rig, 1);
    RIG_STATE(&rig, SC_BOUND, "its time starts again");
    rig_free(&rig);
}

/* What comes between two ticks counts from when it came. */
static void test_heard_between(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig.now += 59999;
    rig_send(&rig, SC_ESME, SMPP_ENQUIRE_LINK, 0, 5, "");
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, 5, "");
    rig_clear(&rig);
    tick(&rig, 59999);
    RIG_TOLD(&rig, "", "not silent for so long");
    rig_free(&rig);
}

/* ---- PDUs that do not end ---- */

static void test_half(void)
{
    for (int by_octet = 0; by_octet < 2; by_octet++) {
        struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, 2, "1", "2");
        struct rig rig;
        rig_init(&rig, NULL);
        rig_bring(&rig, SC_BOUND);
        rig.options.enquire_ms = 0;
        rig.by_octet = by_octet;
        rig_in(&rig, SC_ESME, pdu.octets, pdu.len);
        tick(&rig, 500000);
        RIG_STATE(&rig, SC_BOUND, "whole ones have no time limit");
        rig_in(&rig, SC_ESME, pdu.octets, 20);
        for (unsigned i = 0; i < 5; i++) { /* the rest of one, and the beginning of the next */
            tick(&rig, 100000);
            rig_in(&rig, SC_ESME, pdu.octets + 20, pdu.len - 20);
            rig_in(&rig, SC_ESME, pdu.octets, 20);
        }
        RIG_STATE(&rig, SC_BOUND, "each has its time");
        tick(&rig, 119999);
        RIG_STATE(&rig, SC_BOUND, "not yet");
        tick(&rig, 1);
        RIG_STATE(&rig, SC_CLOSED, "half a PDU");
        rig_free(&rig);
    }
}

/* ---- one octet a second ---- */

static void test_slow(void)
{
    struct rig rig;
    struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, 2, "1", "2");
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK, 0, 1, "");
    rig_clear(&rig);
    for (size_t i = 0; i < pdu.len; i++) {
        rig_in(&rig, SC_ESME, pdu.octets + i, 1);
        tick(&rig, 1000);
    }
    rig_went(&rig, SC_PEER, pdu.octets, pdu.len, "it arrives");
    rig.options.enquire_ms = 0;
    for (size_t i = 0; i < pdu.len - 1; i++) {
        rig_in(&rig, SC_ESME, pdu.octets + i, 1);
        tick(&rig, 4000);
    }
    RIG_TOLD(&rig, "released close E close P", "too slow");
    rig_free(&rig);
}

static void test_slow_bind(void)
{
    struct rig rig;
    struct rig_pdu pdu = rig_pdu(SMPP_BIND_TRANSCEIVER, 0, 1, RIG_BIND);
    rig_init(&rig, NULL);
    for (size_t i = 0; i < 10; i++) {
        RIG_STATE(&rig, SC_OPEN, "ten seconds to bind");
        rig_in(&rig, SC_ESME, pdu.octets + i, 1);
        tick(&rig, 1000);
    }
    RIG_TOLD(&rig, "close E", "and no more");
    UNIT_STR(rig.said, "closed: the ESME does not bind", "why");
    rig_free(&rig);
}

static void test_idle(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig.options.idle_ms = 100000;
    rig_bring(&rig, SC_BOUND);
    for (unsigned i = 0; i < 4; i++) {
        rig_send(&rig, SC_ESME, SMPP_ENQUIRE_LINK, 0, 10 + i, "");
        rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK | SMPP_RESP, 0, 10 + i, "");
        rig_clear(&rig);
        tick(&rig, 24999);
    }
    RIG_STATE(&rig, SC_BOUND, "not yet");
    tick(&rig, 4);
    RIG_TOLD(&rig, "released E:unbind#7fffffff P:unbind#7fffffff", "enquire_link is no traffic");
    tick(&rig, 4999);
    RIG_TOLD(&rig, "", "there is time to answer");
    tick(&rig, 1);
    RIG_TOLD(&rig, "close E close P", "nobody does");
    rig_free(&rig);
}

/* ---- SIGTERM ---- */

static void test_drain(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig.options.offers[SC_ESME] = true;
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_ESME, 3, "1", "3");
    sc_held_pass(rig_held(&rig, 3));
    rig_clear(&rig);
    sc_relay_drain(rig.relay, 10000, rig.now);
    RIG_STATE(&rig, SC_DRAINING, "one message is held, one is outstanding");
    rig_say(&rig, SC_ESME, 4, "1", "4");
    rig_say(&rig, SC_PEER, 5, "1", "4");
    rig_send(&rig, SC_ESME, SMPP_ENQUIRE_LINK, 0, 6, "");
    RIG_TOLD(&rig, "E:enquire_link_resp#6", "nothing new begins");
    UNIT_CHECK(rig.counters.dropped == 2, "two are left to their senders");
    sc_held_pass(rig_held(&rig, 2));
    sc_relay_resume(rig.relay, rig.now);
    RIG_TOLD(&rig, "P:submit_sm#2 resume", "the held message is forwarded");
    rig_send(&rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 3, RIG_RESP);
    RIG_TOLD(&rig, "E:submit_sm_resp#3", "and is answered");
    rig_send(&rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 2, RIG_RESP);
    RIG_TOLD(&rig, "E:submit_sm_resp#2 released E:unbind#7fffffff P:unbind#7fffffff", "then unbind");
    rig_send(&rig, SC_PEER, SMPP_UNBIND | SMPP_RESP, 0, 0x7fffffff, "");
    RIG_TOLD(&rig, "close P", "the peer's answer");
    rig_send(&rig, SC_ESME, SMPP_UNBIND | SMPP_RESP, 0, 0x7fffffff, "");
    RIG_TOLD(&rig, "close E", "the ESME's answer");
    RIG_STATE(&rig, SC_CLOSED, "done");
    rig_free(&rig);
}

static void test_drain_late(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig.options.offers[SC_ESME] = true;
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_send(&rig, SC_ESME, SMPP_UNBIND, 0, 3, "");
    rig_clear(&rig);
    sc_relay_drain(rig.relay, 8000, rig.now);
    tick(&rig, 3999);
    RIG_TOLD(&rig, "", "half of the time");
    tick(&rig, 1);
    RIG_TOLD(&rig, "abandoned#2 resume released E:unbind#7fffffff P:unbind#7fffffff E:unbind_resp#3 close E",
             "the ESME's own unbind after the message is processed");
    tick(&rig, 3999);
    RIG_TOLD(&rig, "", "the peer has the other half");
    tick(&rig, 1);
    RIG_TOLD(&rig, "close P", "over");
    rig_free(&rig);
}

/* What the next PDU waits for is no reason any more: it is left to its sender, and what is behind it heard. */
static void test_drain_stalled(void)
{
    for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
        enum sc_leg from = (enum sc_leg)leg;
        uint32_t answer = from == SC_ESME ? SMPP_DELIVER_SM | SMPP_RESP : SMPP_SUBMIT_SM | SMPP_RESP;
        struct rig rig;
        rig_init(&rig, NULL);
        rig_bring(&rig, SC_BOUND);
        rig.options.offers[from] = true;
        rig.options.held_max = 1;
        rig_say(&rig, from, 2, "1", "2");
        rig_say(&rig, from, 3, "1", "2");
        rig_send(&rig, from, answer, 0, 9, RIG_RESP);
        rig_clear(&rig);
        rig.now += 5000;
        sc_relay_drain(rig.relay, 8000, rig.now);
        RIG_TOLD(&rig, from == SC_ESME ? "P:deliver_sm_resp#9 read E" : "E:submit_sm_resp#9 read P", "heard");
        tick(&rig, 3999);
        RIG_STATE(&rig, SC_DRAINING, "one is still held");
        sc_held_answer(rig_held(&rig, 2), 8);
        rig_clear(&rig);
        sc_relay_resume(rig.relay, rig.now);
        RIG_TOLD(&rig, "released E:unbind#7fffffff P:unbind#7fffffff", "none");
        rig_free(&rig);
    }
}

/* A receipt is outstanding like any request; requests of an earlier bind are not. */
static void test_drain_outstanding(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig.options.offers[SC_PEER] = true;
    rig_send(&rig, SC_PEER, SMPP_DELIVER_SM, 0, 3, MAKE_ADDRESSES "04 00 00 00 00 00 00 00 00 02 'ok'");
    rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, 4, "");
    rig_send(&rig, SC_ESME, SMPP_UNBIND, 0, 5, "");
    rig_send(&rig, SC_PEER, SMPP_UNBIND | SMPP_RESP, 0, 5, "");
    rig_send(&rig, SC_ESME, SMPP_BIND_TRANSCEIVER, 0, 6, RIG_BIND);
    rig_send(&rig, SC_PEER, SMPP_BIND_TRANSCEIVER | SMPP_RESP, 0, 6, RIG_RESP);
    rig_send(&rig, SC_PEER, SMPP_DELIVER_SM, 0, 7, MAKE_ADDRESSES "04 00 00 00 00 00 00 00 00 02 'ok'");
    sc_relay_drain(rig.relay, 8000, rig.now);
    RIG_STATE(&rig, SC_DRAINING, "a receipt is outstanding");
    rig_send(&rig, SC_ESME, SMPP_DELIVER_SM | SMPP_RESP, 0, 7, RIG_RESP);
    RIG_STATE(&rig, SC_UNBINDING, "and nothing else");
    rig_free(&rig);
}

/* Stopped while the unbind of one side is outstanding. */
static void test_drain_unbinding(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig_send(&rig, SC_ESME, SMPP_QUERY_SM, 0, 2, "");
    rig_send(&rig, SC_ESME, SMPP_UNBIND, 0, 3, "");
    rig_clear(&rig);
    sc_relay_drain(rig.relay, 8000, rig.now);
    RIG_STATE(&rig, SC_DRAINING, "waits");
    rig_send(&rig, SC_PEER, SMPP_UNBIND | SMPP_RESP, 0, 3, "");
    RIG_TOLD(&rig, "released E:unbind_resp#3", "theirs");
    rig_send(&rig, SC_ESME, SMPP_BIND_TRANSCEIVER, 0, 4, RIG_BIND);
    RIG_TOLD(&rig, "E:bind_transceiver_resp#4!d close E close P", "no new bind");
    rig_free(&rig);
}

UNIT_MAIN("sc_relay_time", {"a silent leg is asked", test_enquire}, {"signs of life", test_signs_of_life},
          {"numbers of our own requests", test_own_sequence}, {"all numbers in use", test_own_sequence_round},
          {"a leg that is not read", test_not_read}, {"or not when it was asked", test_asked_and_not_read},
          {"heard between ticks", test_heard_between}, {"half a PDU", test_half}, {"an octet a second", test_slow},
          {"a bind by the octet", test_slow_bind}, {"nothing to do", test_idle}, {"drained", test_drain},
          {"drained at last", test_drain_late}, {"drained while stalled", test_drain_stalled},
          {"drained with an outstanding receipt", test_drain_outstanding},
          {"drained while unbinding", test_drain_unbinding})
