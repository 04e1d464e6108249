/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/unit/kannel.h"
#include "tests/unit/relay_rig.h"

/* What goes through a relay, and how binds begin and end. */

/* ---- a whole session, as Kannel and an SMSC had it ---- */

struct session {
    struct rig rig;
    struct stir_buf sent[SC_LEG_COUNT]; /* by each leg */
    struct stir_buf got[SC_LEG_COUNT];
};

static void play(const struct kannel_pdu *pdu, void *arg)
{
    struct session *session = arg;
    struct rig *rig = &session->rig;
    const char *direction = json_string_value(json_object_get(pdu->line, "direction"));
    enum sc_leg leg = direction && strcmp(direction, "smsc->esme") == 0 ? SC_PEER : SC_ESME;
    rig_in(rig, leg, pdu->octets, pdu->len);
    stir_buf_put(&session->sent[leg], pdu->octets, pdu->len);
    if (sc_relay_state(rig->relay) == SC_CONNECTING) {
        sc_relay_connected(rig->relay, rig->now);
    }
    for (int to = 0; to < SC_LEG_COUNT; to++) {
        stir_buf_put(&session->got[to], rig->out[to].ptr, rig->out[to].len);
    }
    rig_clear(rig);
}

/* Each side gets what the other one sent, octet for octet. */
static void play_session(bool by_octet, bool offers)
{
    struct session session = {.rig = {0}};
    rig_init(&session.rig, NULL);
    session.rig.by_octet = by_octet;
    session.rig.pass_all = true;
    session.rig.options.offers[SC_ESME] = session.rig.options.offers[SC_PEER] = offers;
    kannel_each(play, &session);
    for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
        const struct stir_buf *sent = &session.sent[leg];
        const struct stir_buf *got = &session.got[sc_other((enum sc_leg)leg)];
        UNIT_CHECK(sent->len > 1000 && sent->len == got->len && memcmp(sent->ptr, got->ptr, sent->len) == 0,
                   "not what %s sent (octets singly: %d, offered: %d)", rig_leg((enum sc_leg)leg), by_octet, offers);
    }
    UNIT_CHECK(session.rig.counters.passed == session.rig.counters.offered, "passed");
    UNIT_CHECK((session.rig.counters.offered > 50) == offers, "%u offered", (unsigned)session.rig.counters.offered);
    UNIT_CHECK(session.rig.counters.binds == 2, "binds");
    UNIT_CHECK(session.rig.counters.bytes_from_esme == session.sent[SC_ESME].len &&
                   session.rig.counters.bytes_from_peer == session.sent[SC_PEER].len &&
                   session.rig.counters.pdus_from_esme + session.rig.counters.pdus_from_peer == 168 &&
                   session.rig.counters.pdus_from_peer > 60 && session.rig.counters.pdus_from_esme > 60,
               "input is counted");
    UNIT_CHECK(session.rig.pool.held == 0 && session.rig.pool.octets == 0, "nothing is held");
    RIG_STATE(&session.rig, SC_UNBOUND, "after the last unbind");
    for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
        stir_buf_free(&session.sent[leg]);
        stir_buf_free(&session.got[leg]);
    }
    rig_free(&session.rig);
}

static void test_session(void)
{
    play_session(false, false);
    play_session(true, false);
    play_session(false, true);
    play_session(true, true);
}

/* ---- many PDUs in one piece ---- */

static void test_run(void)
{
    struct stir_buf all = {0};
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    for (unsigned i = 0; i < 500; i++) {
        char dest[16];
        (void)snprintf(dest, sizeof(dest), "4930%06u", i);
        struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, i, "4940", dest);
        stir_buf_put(&all, pdu.octets, pdu.len);
    }
    for (size_t cut = 1; cut <= all.len; cut += 997) { /* in two pieces, wherever they end */
        rig_in(&rig, SC_ESME, all.ptr, cut);
        rig_in(&rig, SC_ESME, all.ptr + cut, all.len - cut);
        rig_went(&rig, SC_PEER, all.ptr, all.len, "two pieces");
    }
    rig.writes = 0;
    rig_in(&rig, SC_ESME, all.ptr, all.len);
    UNIT_CHECK(rig.writes == 1, "one piece in, %u out", rig.writes);
    UNIT_CHECK(rig.counters.pdus_from_esme % 500 == 1, "counted: the bind and the runs");
    stir_buf_free(&all);
    rig_free(&rig);
}

/* The bind and what an ESME could not wait to send, in one piece: all in order, and nothing before it is bound. */
static void test_eager(void)
{
    struct stir_buf all = {0};
    struct rig rig;
    rig_init(&rig, NULL);
    rig.options.offers[SC_ESME] = true;
    struct rig_pdu bind = rig_pdu(SMPP_BIND_TRANSMITTER, 0, 1, RIG_BIND);
    struct rig_pdu submit = rig_message(SMPP_SUBMIT_SM, 2, "4940", "4930");
    struct rig_pdu enquire = rig_pdu(SMPP_ENQUIRE_LINK, 0, 3, "");
    stir_buf_put(&all, bind.octets, bind.len);
    stir_buf_put(&all, submit.octets, submit.len);
    stir_buf_put(&all, enquire.octets, enquire.len);
    rig_in(&rig, SC_ESME, all.ptr, all.len);
    RIG_TOLD(&rig, "connect stop E", "eager");
    sc_relay_connected(rig.relay, rig.now);
    UNIT_CHECK(rig.held_count == 0, "nothing is offered of one whose password nobody has checked");
    RIG_TOLD(&rig, "P:bind_transmitter#1", "the bind");
    rig_send(&rig, SC_PEER, SMPP_BIND_TRANSMITTER | SMPP_RESP, 0, 1, RIG_RESP);
    UNIT_CHECK(rig.held_count == 1, "now it is offered");
    RIG_TOLD(&rig, "E:bind_transmitter_resp#1 P:enquire_link#3 read E", "in order");
    UNIT_CHECK(strcmp(rig.held[0]->bind->system_id, "me") == 0 && rig.held[0]->bind->interface_version == 0x34 &&
                   strcmp(rig.held[0]->bind->address, "192.0.2.1") == 0 && rig.held[0]->bind->connection == 7,
               "who it is from");
    sc_held_pass(rig_held(&rig, 2));
    rig_went(&rig, SC_PEER, submit.octets, submit.len, "the message");
    stir_buf_free(&all);
    rig_free(&rig);
}

static void test_eager_refused(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig.options.offers[SC_ESME] = true;
    rig_bring(&rig, SC_BINDING);
    rig_say(&rig, SC_ESME, 2, "4940", "4930");
    rig_send(&rig, SC_PEER, SMPP_BIND_TRANSCEIVER | SMPP_RESP, SMPP_RINVPASWD, 1, "");
    RIG_TOLD(&rig, "stop E released E:bind_transceiver_resp#1!e E:submit_sm_resp#2!4 read E", "refused");
    UNIT_CHECK(rig.held_count == 0 && rig.counters.binds_refused == 1, "nothing was offered");
    rig_free(&rig);
}

/* osmo-msc answers a bind_receiver with bind_transmitter_resp: the sequence number tells. */
static void test_bind_answer(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_send(&rig, SC_ESME, SMPP_BIND_RECEIVER, 0, 9, RIG_BIND);
    sc_relay_connected(rig.relay, rig.now);
    rig_clear(&rig);
    rig_send(&rig, SC_PEER, SMPP_BIND_TRANSMITTER | SMPP_RESP, 0, 8, RIG_RESP);
    RIG_STATE(&rig, SC_BINDING, "another sequence number");
    rig_send(&rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 9, RIG_RESP);
    RIG_STATE(&rig, SC_BINDING, "no answer to a bind");
    rig_send(&rig, SC_PEER, SMPP_BIND_TRANSMITTER | SMPP_RESP, 0, 9, RIG_RESP);
    RIG_STATE(&rig, SC_BOUND, "the sequence number of the bind");
    rig_free(&rig);
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BINDING);
    rig_send(&rig, SC_PEER, SMPP_GENERIC_NACK, 0, 1, "");
    RIG_STATE(&rig, SC_UNBOUND, "a generic_nack never means yes");
    rig_free(&rig);
}

static void test_bind_limit(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig.admits = false;
    rig_send(&rig, SC_ESME, SMPP_BIND_TRANSCEIVER, 0, 3, RIG_BIND);
    RIG_TOLD(&rig, "E:bind_transceiver_resp#3!d close E", "over the limit");
    UNIT_CHECK(rig.counters.binds_failed == 1, "counted");
    rig_free(&rig);
}

/* After an unbind another may bind on the same connections; what is noted is who. */
static void test_bind_another(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig_send(&rig, SC_ESME, SMPP_UNBIND, 0, 2, "");
    rig_send(&rig, SC_PEER, SMPP_UNBIND | SMPP_RESP, 0, 2, "");
    RIG_TOLD(&rig, "P:unbind#2 released E:unbind_resp#2", "unbound");
    rig_send(&rig, SC_ESME, SMPP_BIND_RECEIVER, 0, 3, "'u' 00 'secret' 00 00 50 00 00 00");
    rig_send(&rig, SC_PEER, SMPP_BIND_RECEIVER | SMPP_RESP, 0, 3, RIG_RESP);
    RIG_TOLD(&rig, "P:bind_receiver#3 E:bind_receiver_resp#3", "bound again");
    UNIT_STR(sc_relay_bind(rig.relay)->system_id, "u", "who");
    UNIT_CHECK(sc_relay_bind(rig.relay)->interface_version == 0x50, "version");
    rig_free(&rig);
}

/* An unbind that is refused leaves the bind as it was. */
static void test_unbind_refused(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    rig_send(&rig, SC_ESME, SMPP_UNBIND, 0, 2, "");
    rig_send(&rig, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 2, RIG_RESP);
    RIG_STATE(&rig, SC_BOUND, "the answer to something else");
    rig_send(&rig, SC_PEER, SMPP_UNBIND | SMPP_RESP, SMPP_RSYSERR, 2, "");
    RIG_STATE(&rig, SC_BOUND, "refused");
    sc_relay_tick(rig.relay, rig.now + 20000);
    RIG_STATE(&rig, SC_BOUND, "and answered");
    rig_free(&rig);
}

/* Both are gone before they have answered. */
static void test_lost_while_unbinding(void)
{
    for (int first = 0; first < SC_LEG_COUNT; first++) {
        struct rig rig;
        rig_init(&rig, NULL);
        rig_bring(&rig, SC_UNBINDING);
        sc_relay_lost(rig.relay, (enum sc_leg)first, "connection reset", rig.now);
        RIG_STATE(&rig, SC_UNBINDING, "one");
        sc_relay_lost(rig.relay, sc_other((enum sc_leg)first), NULL, rig.now);
        RIG_STATE(&rig, SC_CLOSED, "both");
        RIG_TOLD(&rig, "", "nothing is left to close");
        rig_free(&rig);
    }
}

/* ---- slow readers ---- */

static void test_full(void)
{
    struct rig rig;
    rig_init(&rig, NULL);
    rig_bring(&rig, SC_BOUND);
    sc_relay_full(rig.relay, SC_PEER, true, rig.now);
    RIG_TOLD(&rig, "stop E", "a peer that reads slowly");
    rig_say(&rig, SC_ESME, 2, "4940", "4930");
    rig_send(&rig, SC_PEER, SMPP_ENQUIRE_LINK, 0, 3, "");
    RIG_TOLD(&rig, "E:enquire_link#3", "only responses are forwarded");
    sc_relay_full(rig.relay, SC_PEER, true, rig.now);
    sc_relay_full(rig.relay, SC_PEER, false, rig.now);
    RIG_TOLD(&rig, "P:submit_sm#2 read E", "it has read");
    rig_free(&rig);
}

UNIT_MAIN("sc_relay", {"a session of Kannel's, octet for octet", test_session}, {"many PDUs in one piece", test_run},
          {"what comes with the bind waits for its answer", test_eager},
          {"and is not offered if that is refused", test_eager_refused},
          {"a bind's answer is known by its sequence number", test_bind_answer},
          {"over the limit of binds", test_bind_limit}, {"one bind after another", test_bind_another},
          {"an unbind that is refused", test_unbind_refused}, {"lost while unbinding", test_lost_while_unbinding},
          {"a slow reader stops the other side", test_full})
