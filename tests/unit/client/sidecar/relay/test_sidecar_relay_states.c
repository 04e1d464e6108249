/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/unit/relay_rig.h"

/* What a relay does in each state with each thing that can happen. */

#define PDU_EVENT(function, leg, command, status, sequence, body)                                                      \
    static void function(struct rig *rig)                                                                              \
    {                                                                                                                  \
        rig_send(rig, leg, command, status, sequence, body);                                                           \
    }

PDU_EVENT(e_bind, SC_ESME, SMPP_BIND_TRANSMITTER, 0, 5, RIG_BIND)
PDU_EVENT(e_submit, SC_ESME, SMPP_SUBMIT_SM, 0, 5, MAKE_SM "02 'hi'")
PDU_EVENT(e_enquire, SC_ESME, SMPP_ENQUIRE_LINK, 0, 5, "")
PDU_EVENT(e_unbind, SC_ESME, SMPP_UNBIND, 0, 5, "")
PDU_EVENT(e_query, SC_ESME, SMPP_QUERY_SM, 0, 5, "")
PDU_EVENT(e_unknown, SC_ESME, 0x0f0f, 0, 5, "abcd")
PDU_EVENT(e_alert, SC_ESME, SMPP_ALERT_NOTIFICATION, 0, 5, "")
PDU_EVENT(e_resp, SC_ESME, SMPP_DELIVER_SM | SMPP_RESP, 0, 5, RIG_RESP)
PDU_EVENT(e_nack, SC_ESME, SMPP_GENERIC_NACK, SMPP_RINVCMDID, 5, "")
PDU_EVENT(p_deliver, SC_PEER, SMPP_DELIVER_SM, 0, 5, MAKE_SM "02 'hi'")
PDU_EVENT(p_enquire, SC_PEER, SMPP_ENQUIRE_LINK, 0, 5, "")
PDU_EVENT(p_unbind, SC_PEER, SMPP_UNBIND, 0, 5, "")
PDU_EVENT(p_resp, SC_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 5, RIG_RESP)
PDU_EVENT(p_bound, SC_PEER, SMPP_BIND_TRANSCEIVER | SMPP_RESP, 0, 1, RIG_RESP)
PDU_EVENT(p_refused, SC_PEER, SMPP_BIND_TRANSCEIVER | SMPP_RESP, SMPP_RBINDFAIL, 1, "")
PDU_EVENT(p_nack, SC_PEER, SMPP_GENERIC_NACK, SMPP_RINVCMDID, 1, "")
PDU_EVENT(p_unbound, SC_PEER, SMPP_UNBIND | SMPP_RESP, 0, 0, "")
PDU_EVENT(p_outbind, SC_PEER, SMPP_OUTBIND, 0, 5, "'me' 00 'secret' 00")

static void e_lost(struct rig *rig)
{
    sc_relay_lost(rig->relay, SC_ESME, NULL, rig->now);
}

static void p_lost(struct rig *rig)
{
    sc_relay_lost(rig->relay, SC_PEER, "connection reset", rig->now);
}

static void connected(struct rig *rig)
{
    sc_relay_connected(rig->relay, rig->now);
}

static void later(struct rig *rig)
{
    sc_relay_tick(rig->relay, rig->now + 15000);
}

static void drain(struct rig *rig)
{
    sc_relay_drain(rig->relay, 10000, rig->now);
}

static void aborted(struct rig *rig)
{
    sc_relay_abort(rig->relay, rig->now);
}

/* What is told, then the state that follows. */
struct outcome {
    const char *told;
    enum sc_state state;
};

#define IN_STATES_COUNT SC_STATE_COUNT

static const struct {
    const char *name;
    void (*happens)(struct rig *rig);
    struct outcome in[SC_STATE_COUNT];
} table[] = {
    {"bind",
     e_bind,
     {[SC_OPEN] = {"connect stop E", SC_CONNECTING},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:bind_transmitter_resp#5!5", SC_BINDING},
      [SC_BOUND] = {"E:bind_transmitter_resp#5!5", SC_BOUND},
      [SC_UNBOUND] = {"P:bind_transmitter#5", SC_BINDING},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"submit_sm",
     e_submit,
     {[SC_OPEN] = {"E:submit_sm_resp#5!4", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"stop E", SC_BINDING},
      [SC_BOUND] = {"P:submit_sm#5", SC_BOUND},
      [SC_UNBOUND] = {"E:submit_sm_resp#5!4", SC_UNBOUND},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"enquire_link",
     e_enquire,
     {[SC_OPEN] = {"E:enquire_link_resp#5", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"P:enquire_link#5", SC_BINDING},
      [SC_BOUND] = {"P:enquire_link#5", SC_BOUND},
      [SC_UNBOUND] = {"P:enquire_link#5", SC_UNBOUND},
      [SC_DRAINING] = {"E:enquire_link_resp#5", SC_DRAINING},
      [SC_UNBINDING] = {"E:enquire_link_resp#5", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"unbind",
     e_unbind,
     {[SC_OPEN] = {"E:unbind_resp#5!4", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"stop E", SC_BINDING},
      [SC_BOUND] = {"P:unbind#5", SC_BOUND},
      [SC_UNBOUND] = {"P:unbind#5", SC_UNBOUND},
      [SC_DRAINING] = {"P:unbind#5", SC_DRAINING},
      [SC_UNBINDING] = {"E:unbind_resp#5 close E", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"query_sm",
     e_query,
     {[SC_OPEN] = {"E:query_sm_resp#5!4", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"stop E", SC_BINDING},
      [SC_BOUND] = {"P:query_sm#5", SC_BOUND},
      [SC_UNBOUND] = {"E:query_sm_resp#5!4", SC_UNBOUND},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"an unknown command",
     e_unknown,
     {[SC_OPEN] = {"E:generic_nack#5!3", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"stop E", SC_BINDING},
      [SC_BOUND] = {"P:?#5", SC_BOUND},
      [SC_UNBOUND] = {"E:generic_nack#5!3", SC_UNBOUND},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"alert_notification",
     e_alert,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"stop E", SC_BINDING},
      [SC_BOUND] = {"P:alert_notification#5", SC_BOUND},
      [SC_UNBOUND] = {"", SC_UNBOUND},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"a response never asked for",
     e_resp,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"P:deliver_sm_resp#5", SC_BINDING},
      [SC_BOUND] = {"P:deliver_sm_resp#5", SC_BOUND},
      [SC_UNBOUND] = {"P:deliver_sm_resp#5", SC_UNBOUND},
      [SC_DRAINING] = {"P:deliver_sm_resp#5", SC_DRAINING},
      [SC_UNBINDING] = {"P:deliver_sm_resp#5", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"generic_nack",
     e_nack,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"P:generic_nack#5!3", SC_BINDING},
      [SC_BOUND] = {"P:generic_nack#5!3", SC_BOUND},
      [SC_UNBOUND] = {"P:generic_nack#5!3", SC_UNBOUND},
      [SC_DRAINING] = {"P:generic_nack#5!3", SC_DRAINING},
      [SC_UNBINDING] = {"P:generic_nack#5!3", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"deliver_sm",
     p_deliver,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:deliver_sm#5", SC_BINDING},
      [SC_BOUND] = {"E:deliver_sm#5", SC_BOUND},
      [SC_UNBOUND] = {"E:deliver_sm#5", SC_UNBOUND},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"the peer's enquire_link",
     p_enquire,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:enquire_link#5", SC_BINDING},
      [SC_BOUND] = {"E:enquire_link#5", SC_BOUND},
      [SC_UNBOUND] = {"E:enquire_link#5", SC_UNBOUND},
      [SC_DRAINING] = {"P:enquire_link_resp#5", SC_DRAINING},
      [SC_UNBINDING] = {"P:enquire_link_resp#5", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"the peer's unbind",
     p_unbind,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:unbind#5", SC_BINDING},
      [SC_BOUND] = {"E:unbind#5", SC_BOUND},
      [SC_UNBOUND] = {"E:unbind#5", SC_UNBOUND},
      [SC_DRAINING] = {"E:unbind#5", SC_DRAINING},
      [SC_UNBINDING] = {"P:unbind_resp#5 close P", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"the peer's response",
     p_resp,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:submit_sm_resp#5", SC_BINDING},
      [SC_BOUND] = {"E:submit_sm_resp#5", SC_BOUND},
      [SC_UNBOUND] = {"E:submit_sm_resp#5", SC_UNBOUND},
      [SC_DRAINING] = {"E:submit_sm_resp#5 released E:unbind#7fffffff P:unbind#7fffffff", SC_UNBINDING},
      [SC_UNBINDING] = {"E:submit_sm_resp#5", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"bind accepted",
     p_bound,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:bind_transceiver_resp#1", SC_BOUND},
      [SC_BOUND] = {"E:bind_transceiver_resp#1", SC_BOUND},
      [SC_UNBOUND] = {"E:bind_transceiver_resp#1", SC_UNBOUND},
      [SC_DRAINING] = {"E:bind_transceiver_resp#1 released E:unbind#7fffffff P:unbind#7fffffff", SC_UNBINDING},
      [SC_UNBINDING] = {"E:bind_transceiver_resp#1", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"bind refused",
     p_refused,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"released E:bind_transceiver_resp#1!d", SC_UNBOUND},
      [SC_BOUND] = {"E:bind_transceiver_resp#1!d", SC_BOUND},
      [SC_UNBOUND] = {"E:bind_transceiver_resp#1!d", SC_UNBOUND},
      [SC_DRAINING] = {"E:bind_transceiver_resp#1!d released E:unbind#7fffffff P:unbind#7fffffff", SC_UNBINDING},
      [SC_UNBINDING] = {"E:bind_transceiver_resp#1!d", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"bind unknown",
     p_nack,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"released E:generic_nack#1!3", SC_UNBOUND},
      [SC_BOUND] = {"E:generic_nack#1!3", SC_BOUND},
      [SC_UNBOUND] = {"E:generic_nack#1!3", SC_UNBOUND},
      [SC_DRAINING] = {"E:generic_nack#1!3 released E:unbind#7fffffff P:unbind#7fffffff", SC_UNBINDING},
      [SC_UNBINDING] = {"E:generic_nack#1!3", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"an unbind_resp never asked for",
     p_unbound,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:unbind_resp#0", SC_BINDING},
      [SC_BOUND] = {"E:unbind_resp#0", SC_BOUND},
      [SC_UNBOUND] = {"E:unbind_resp#0", SC_UNBOUND},
      [SC_DRAINING] = {"E:unbind_resp#0 released E:unbind#7fffffff P:unbind#7fffffff", SC_UNBINDING},
      [SC_UNBINDING] = {"E:unbind_resp#0", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"outbind",
     p_outbind,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:outbind#5", SC_BINDING},
      [SC_BOUND] = {"E:outbind#5", SC_BOUND},
      [SC_UNBOUND] = {"E:outbind#5", SC_UNBOUND},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"the ESME's end",
     e_lost,
     {[SC_OPEN] = {"", SC_CLOSED},
      [SC_CONNECTING] = {"released close P", SC_CLOSED},
      [SC_BINDING] = {"released close P", SC_CLOSED},
      [SC_BOUND] = {"released close P", SC_CLOSED},
      [SC_UNBOUND] = {"close P", SC_CLOSED},
      [SC_DRAINING] = {"released close P", SC_CLOSED},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"the peer's end",
     p_lost,
     {[SC_OPEN] = {"close E", SC_CLOSED},
      [SC_CONNECTING] = {"E:bind_transceiver_resp#1!d released close E", SC_CLOSED},
      [SC_BINDING] = {"E:bind_transceiver_resp#1!d released close E", SC_CLOSED},
      [SC_BOUND] = {"released close E", SC_CLOSED},
      [SC_UNBOUND] = {"close E", SC_CLOSED},
      [SC_DRAINING] = {"released close E", SC_CLOSED},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"the peer is connected",
     connected,
     {[SC_OPEN] = {"", SC_OPEN},
      [SC_CONNECTING] = {"P:bind_transceiver#1 read E", SC_BINDING},
      [SC_BINDING] = {"", SC_BINDING},
      [SC_BOUND] = {"", SC_BOUND},
      [SC_UNBOUND] = {"", SC_UNBOUND},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"15 seconds",
     later,
     {[SC_OPEN] = {"close E", SC_CLOSED},
      [SC_CONNECTING] = {"", SC_CONNECTING},
      [SC_BINDING] = {"E:bind_transceiver_resp#1!d released close E close P", SC_CLOSED},
      [SC_BOUND] = {"", SC_BOUND},
      [SC_UNBOUND] = {"close E close P", SC_CLOSED},
      [SC_DRAINING] = {"released E:unbind#7fffffff P:unbind#7fffffff", SC_UNBINDING},
      [SC_UNBINDING] = {"close E close P", SC_CLOSED},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"SIGTERM",
     drain,
     {[SC_OPEN] = {"close E", SC_CLOSED},
      [SC_CONNECTING] = {"E:bind_transceiver_resp#1!d released close E close P", SC_CLOSED},
      [SC_BINDING] = {"E:bind_transceiver_resp#1!d released close E close P", SC_CLOSED},
      [SC_BOUND] = {"released E:unbind#7fffffff P:unbind#7fffffff", SC_UNBINDING},
      [SC_UNBOUND] = {"close E close P", SC_CLOSED},
      [SC_DRAINING] = {"", SC_DRAINING},
      [SC_UNBINDING] = {"", SC_UNBINDING},
      [SC_CLOSED] = {"", SC_CLOSED}}},
    {"abort",
     aborted,
     {[SC_OPEN] = {"close E", SC_CLOSED},
      [SC_CONNECTING] = {"released close E close P", SC_CLOSED},
      [SC_BINDING] = {"released close E close P", SC_CLOSED},
      [SC_BOUND] = {"released close E close P", SC_CLOSED},
      [SC_UNBOUND] = {"close E close P", SC_CLOSED},
      [SC_DRAINING] = {"released close E close P", SC_CLOSED},
      [SC_UNBINDING] = {"close E close P", SC_CLOSED},
      [SC_CLOSED] = {"", SC_CLOSED}}},
};

static void test_table(void)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (int state = 0; state < SC_STATE_COUNT; state++) {
            char label[128];
            struct rig rig;
            (void)snprintf(label, sizeof(label), "%s while %s", table[i].name, sc_state_name((enum sc_state)state));
            rig_init(&rig, NULL);
            rig_bring(&rig, (enum sc_state)state);
            table[i].happens(&rig);
            RIG_TOLD(&rig, table[i].in[state].told, label);
            RIG_STATE(&rig, table[i].in[state].state, label);
            rig_free(&rig);
        }
    }
}

UNIT_MAIN("sc_relay_states", {"state by event", test_table})
