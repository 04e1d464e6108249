/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/unit/relay_rig.h"

/* How much may be held, of one connection and of all together, and what waits when there is no room. */

static void init(struct rig *rig)
{
    rig_init(rig, NULL);
    rig_bring(rig, SC_BOUND);
    rig->options.offers[SC_ESME] = rig->options.offers[SC_PEER] = true;
}

static void test_bound_count(void)
{
    struct rig rig;
    init(&rig);
    rig.options.held_max = 2;
    for (unsigned i = 2; i <= 5; i++) {
        char dest[8];
        (void)snprintf(dest, sizeof(dest), "%u", i);
        rig_say(&rig, SC_ESME, i, "1", dest);
    }
    rig_send(&rig, SC_ESME, SMPP_ENQUIRE_LINK, 0, 6, "");
    RIG_TOLD(&rig, "stop E", "two are held, the rest is not read");
    UNIT_CHECK(sc_relay_held(rig.relay) == 2 && rig.counters.stalls == 1, "held");
    rig_say(&rig, SC_PEER, 7, "1", "2");
    UNIT_CHECK(sc_relay_held(rig.relay) == 3, "the other direction has room of its own");
    sc_held_pass(rig_held(&rig, 2));
    RIG_TOLD(&rig, "P:submit_sm#2 resume", "there is room again");
    sc_relay_resume(rig.relay, rig.now);
    RIG_TOLD(&rig, "", "for one");
    sc_held_pass(rig_held(&rig, 3));
    sc_held_pass(rig_held(&rig, 4));
    RIG_TOLD(&rig, "P:submit_sm#3 resume P:submit_sm#4", "asked for once");
    sc_relay_resume(rig.relay, rig.now);
    RIG_TOLD(&rig, "P:enquire_link#6 read E", "all is read");
    sc_held_pass(rig_held(&rig, 5));
    rig_free(&rig);
}

/* The same for what comes from the peer. */
static void test_bound_peer(void)
{
    struct rig rig;
    init(&rig);
    rig.options.held_max = 1;
    rig_say(&rig, SC_PEER, 2, "1", "2");
    rig_say(&rig, SC_PEER, 3, "1", "2");
    RIG_TOLD(&rig, "stop P", "one");
    sc_held_pass(rig_held(&rig, 2));
    sc_relay_resume(rig.relay, rig.now);
    RIG_TOLD(&rig, "E:deliver_sm#2 resume read P", "and the next");
    rig_free(&rig);
}

static void test_bound_octets(void)
{
    struct rig rig;
    struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, 2, "1", "2");
    init(&rig);
    rig.options.held_octets_max = 2 * pdu.len;
    rig_say(&rig, SC_ESME, 2, "1", "2");
    rig_say(&rig, SC_ESME, 3, "1", "2");
    RIG_TOLD(&rig, "", "just fits");
    rig_say(&rig, SC_ESME, 4, "1", "2");
    RIG_TOLD(&rig, "stop E", "does not");
    sc_held_answer(rig_held(&rig, 2), 0x45);
    sc_relay_resume(rig.relay, rig.now);
    RIG_TOLD(&rig, "E:submit_sm_resp#2!45 resume read E", "does again");
    rig.options.held_octets_max = 1;
    sc_held_answer(rig_held(&rig, 3), 0x45);
    sc_held_answer(rig_held(&rig, 4), 0x45);
    rig_clear(&rig);
    rig_say(&rig, SC_ESME, 5, "1", "2");
    UNIT_CHECK(sc_relay_held(rig.relay) == 1, "one may always be held");
    rig_free(&rig);
}

/* What waits in octets is dealt with in order, whatever comes meanwhile and however little room there is. */
static void test_backlog(void)
{
    enum { COUNT = 400 };
    struct stir_buf all = {0}, got = {0};
    struct rig rig;
    init(&rig);
    rig.options.held_max = 3;
    for (unsigned i = 0; i < COUNT; i++) {
        struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, i, "1", "2");
        stir_buf_put(&all, pdu.octets, pdu.len);
    }
    size_t at = 0, next = 0;
    for (unsigned step = 0; next < COUNT && step < 10 * COUNT; step++) {
        size_t n = step % 5 * 37 < all.len - at ? step % 5 * 37 : all.len - at;
        if (n) {
            rig_in(&rig, SC_ESME, all.ptr + at, n);
            at += n;
        }
        if (step % 3 == 0 && next < rig.held_count) {
            sc_held_pass(rig.held[next]);
            rig.held[next++] = NULL;
        }
        sc_relay_resume(rig.relay, rig.now);
        stir_buf_put(&got, rig.out[SC_PEER].ptr, rig.out[SC_PEER].len);
        rig_clear(&rig);
    }
    UNIT_CHECK(got.len == all.len && memcmp(got.ptr, all.ptr, all.len) == 0, "%zu of %zu octets, or not the same",
               got.len, all.len);
    stir_buf_free(&all);
    stir_buf_free(&got);
    rig_free(&rig);
}

/* Several share a bound: who waits longest comes first, and nobody is shut out. */
static void test_pool(void)
{
    struct rig first, second, third;
    init(&first);
    first.pool.held_max = 3;
    rig_init(&second, &first);
    rig_bring(&second, SC_BOUND);
    rig_init(&third, &first);
    rig_bring(&third, SC_BOUND);
    second.options.offers[SC_ESME] = third.options.offers[SC_ESME] = true;
    for (unsigned i = 2; i <= 5; i++) {
        rig_say(&first, SC_ESME, i, "1", "2");
    }
    RIG_TOLD(&first, "stop E", "the pool is full");
    rig_say(&second, SC_ESME, 2, "1", "2");
    rig_say(&third, SC_ESME, 2, "1", "2");
    UNIT_CHECK(first.pool.held == 5, "one of each all the same");
    rig_say(&second, SC_ESME, 3, "1", "2");
    rig_say(&third, SC_ESME, 3, "1", "2");
    RIG_TOLD(&second, "stop E", "but no more");
    RIG_TOLD(&third, "stop E", "but no more");
    for (unsigned i = 2; i <= 4; i++) {
        sc_held_pass(rig_held(&first, i));
    }
    RIG_TOLD(&first, "P:submit_sm#2 resume P:submit_sm#3 P:submit_sm#4", "room in the pool");
    sc_relay_resume(first.relay, first.now);
    RIG_TOLD(&first, "read E", "its own");
    RIG_TOLD(&second, "", "not yet: the pool is full again");
    sc_held_pass(rig_held(&first, 5));
    RIG_TOLD(&second, "resume", "in line");
    sc_relay_resume(second.relay, second.now);
    RIG_TOLD(&second, "read E", "in line");
    sc_held_pass(rig_held(&second, 2));
    sc_held_pass(rig_held(&second, 3));
    RIG_TOLD(&third, "resume", "in line");
    rig_free(&third); /* goes before it can */
    rig_free(&second);
    UNIT_CHECK(first.pool.held == 0 && first.pool.octets == 0 && !first.pool.first_waiting && !first.pool.last_waiting,
               "nothing is left");
    rig_free(&first);
}

/* One that is told that there is room, and goes before it takes it, leaves it to the next. */
static void test_pool_next(void)
{
    struct rig first, second, third;
    init(&first);
    first.pool.held_max = 3;
    rig_init(&second, &first);
    rig_bring(&second, SC_BOUND);
    rig_init(&third, &first);
    rig_bring(&third, SC_BOUND);
    second.options.offers[SC_ESME] = third.options.offers[SC_ESME] = true;
    for (unsigned i = 2; i <= 3; i++) {
        rig_say(&second, SC_ESME, i, "1", "2");
        rig_say(&third, SC_ESME, i, "1", "2");
    }
    rig_say(&second, SC_ESME, 4, "1", "2");
    RIG_TOLD(&second, "stop E", "the pool is full");
    RIG_TOLD(&third, "stop E", "the pool is full");
    sc_held_answer(rig_held(&third, 2), 8);
    RIG_TOLD(&third, "E:submit_sm_resp#2!8 resume", "its own room");
    sc_relay_resume(third.relay, third.now);
    rig_clear(&third);
    rig_say(&third, SC_ESME, 5, "1", "2");
    first.pool.held_max = 4;
    sc_held_answer(rig_held(&third, 3), 8);
    rig_free(&second);
    RIG_TOLD(&third, "stop E E:submit_sm_resp#3!8 resume", "told");
    sc_relay_resume(third.relay, third.now);
    RIG_TOLD(&third, "read E", "takes it");
    rig_free(&third);
    UNIT_CHECK(first.pool.held == 0 && !first.pool.first_waiting && !first.pool.last_waiting, "nothing is left");
    rig_free(&first);
}

/* In line: one may go from the middle; and one release may be room for several. */
static void test_pool_line(void)
{
    struct rig first, others[3];
    struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, 2, "1", "2");
    init(&first);
    first.pool.octets_max = 4000 + 10 * pdu.len;
    struct rig_pdu big = rig_pdu(SMPP_DATA_SM, 0, 2, MAKE_ADDRESSES "00 00 00");
    struct smpp_header header = {.length = 4000, .command = SMPP_DATA_SM, .sequence = 2};
    char octets[4000] = {0};
    memcpy(octets, big.octets, big.len);
    smpp_header_write(octets, &header);
    rig_in(&first, SC_ESME, octets, sizeof(octets));
    for (unsigned i = 3; i <= 9; i++) {
        rig_say(&first, SC_ESME, i, "1", "2");
    }
    for (size_t i = 0; i < 3; i++) {
        rig_init(&others[i], &first);
        rig_bring(&others[i], SC_BOUND);
        others[i].options.offers[SC_ESME] = true;
        rig_say(&others[i], SC_ESME, 2, "1", "2");
    }
    UNIT_CHECK(first.pool.octets == first.pool.octets_max, "the pool is full");
    for (size_t i = 0; i < 3; i++) {
        rig_say(&others[i], SC_ESME, 3, "1", "2");
        RIG_TOLD(&others[i], "stop E", "the pool is full");
    }
    rig_free(&others[1]); /* gives its own room to the first in line */
    RIG_TOLD(&others[0], "resume", "there is some");
    sc_relay_resume(others[0].relay, first.now);
    RIG_TOLD(&others[0], "read E", "and it is taken");
    RIG_TOLD(&others[2], "resume", "the next may try too");
    sc_relay_resume(others[2].relay, first.now);
    RIG_TOLD(&others[2], "", "in vain");
    rig_say(&others[0], SC_ESME, 4, "1", "2");
    RIG_TOLD(&others[0], "stop E", "the pool is full again");
    sc_held_answer(rig_held(&first, 2), 8);
    RIG_TOLD(&others[2], "resume", "who has waited longer");
    RIG_TOLD(&others[0], "", "one at a time");
    sc_relay_resume(others[2].relay, first.now);
    RIG_TOLD(&others[0], "resume", "and the next, as there is still room");
    sc_relay_resume(others[0].relay, first.now);
    rig_free(&others[0]);
    rig_free(&others[2]);
    rig_free(&first);
    UNIT_CHECK(first.pool.held == 0 && !first.pool.first_waiting && !first.pool.last_waiting, "nothing is left");
}

UNIT_MAIN("sc_relay_room", {"a bound of messages", test_bound_count}, {"from the peer", test_bound_peer},
          {"a bound of octets", test_bound_octets}, {"what waits in octets", test_backlog},
          {"a bound that several share", test_pool}, {"or give up", test_pool_next}, {"a line of them", test_pool_line})
