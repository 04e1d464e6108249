#include "client/sidecar/relay/relay.h"
#include "tests/unit/relay_rig.h"

/* What a relay does in each state with each thing that can happen. */

#define PDU_EVENT(function, leg, command, status, sequence, body)                                                      \
    static void function(struct rig *rig)                                                                              \
    {                                                                                                                  \
        rig_send(rig, leg, command, status, sequence, body);                                                           \
    }

PDU_EVENT(e_bind, GW_ESME, SMPP_BIND_TRANSMITTER, 0, 5, RIG_BIND)
PDU_EVENT(e_submit, GW_ESME, SMPP_SUBMIT_SM, 0, 5, MAKE_SM "02 'hi'")
PDU_EVENT(e_enquire, GW_ESME, SMPP_ENQUIRE_LINK, 0, 5, "")
PDU_EVENT(e_unbind, GW_ESME, SMPP_UNBIND, 0, 5, "")
PDU_EVENT(e_query, GW_ESME, SMPP_QUERY_SM, 0, 5, "")
PDU_EVENT(e_unknown, GW_ESME, 0x0f0f, 0, 5, "abcd")
PDU_EVENT(e_alert, GW_ESME, SMPP_ALERT_NOTIFICATION, 0, 5, "")
PDU_EVENT(e_resp, GW_ESME, SMPP_DELIVER_SM | SMPP_RESP, 0, 5, RIG_RESP)
PDU_EVENT(e_nack, GW_ESME, SMPP_GENERIC_NACK, SMPP_RINVCMDID, 5, "")
PDU_EVENT(p_deliver, GW_PEER, SMPP_DELIVER_SM, 0, 5, MAKE_SM "02 'hi'")
PDU_EVENT(p_enquire, GW_PEER, SMPP_ENQUIRE_LINK, 0, 5, "")
PDU_EVENT(p_unbind, GW_PEER, SMPP_UNBIND, 0, 5, "")
PDU_EVENT(p_resp, GW_PEER, SMPP_SUBMIT_SM | SMPP_RESP, 0, 5, RIG_RESP)
PDU_EVENT(p_bound, GW_PEER, SMPP_BIND_TRANSCEIVER | SMPP_RESP, 0, 1, RIG_RESP)
PDU_EVENT(p_refused, GW_PEER, SMPP_BIND_TRANSCEIVER | SMPP_RESP, SMPP_RBINDFAIL, 1, "")
PDU_EVENT(p_nack, GW_PEER, SMPP_GENERIC_NACK, SMPP_RINVCMDID, 1, "")
PDU_EVENT(p_unbound, GW_PEER, SMPP_UNBIND | SMPP_RESP, 0, 0, "")
PDU_EVENT(p_outbind, GW_PEER, SMPP_OUTBIND, 0, 5, "'me' 00 'secret' 00")

static void e_lost(struct rig *rig)
{
    gw_relay_lost(rig->relay, GW_ESME, NULL, rig->now);
}

static void p_lost(struct rig *rig)
{
    gw_relay_lost(rig->relay, GW_PEER, "connection reset", rig->now);
}

static void connected(struct rig *rig)
{
    gw_relay_connected(rig->relay, rig->now);
}

static void later(struct rig *rig)
{
    gw_relay_tick(rig->relay, rig->now + 15000);
}

static void drain(struct rig *rig)
{
    gw_relay_drain(rig->relay, 10000, rig->now);
}

static void aborted(struct rig *rig)
{
    gw_relay_abort(rig->relay, rig->now);
}

/* What is told, then the state that follows. */
struct outcome {
    const char *told;
    enum gw_state state;
};

#define IN_STATES_COUNT GW_STATE_COUNT

static const struct {
    const char *name;
    void (*happens)(struct rig *rig);
    struct outcome in[GW_STATE_COUNT];
} table[] = {
    {"bind",
     e_bind,
     {[GW_OPEN] = {"connect stop E", GW_CONNECTING},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:bind_transmitter_resp#5!5", GW_BINDING},
      [GW_BOUND] = {"E:bind_transmitter_resp#5!5", GW_BOUND},
      [GW_UNBOUND] = {"P:bind_transmitter#5", GW_BINDING},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"submit_sm",
     e_submit,
     {[GW_OPEN] = {"E:submit_sm_resp#5!4", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"stop E", GW_BINDING},
      [GW_BOUND] = {"P:submit_sm#5", GW_BOUND},
      [GW_UNBOUND] = {"E:submit_sm_resp#5!4", GW_UNBOUND},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"enquire_link",
     e_enquire,
     {[GW_OPEN] = {"E:enquire_link_resp#5", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"P:enquire_link#5", GW_BINDING},
      [GW_BOUND] = {"P:enquire_link#5", GW_BOUND},
      [GW_UNBOUND] = {"P:enquire_link#5", GW_UNBOUND},
      [GW_DRAINING] = {"E:enquire_link_resp#5", GW_DRAINING},
      [GW_UNBINDING] = {"E:enquire_link_resp#5", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"unbind",
     e_unbind,
     {[GW_OPEN] = {"E:unbind_resp#5!4", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"stop E", GW_BINDING},
      [GW_BOUND] = {"P:unbind#5", GW_BOUND},
      [GW_UNBOUND] = {"P:unbind#5", GW_UNBOUND},
      [GW_DRAINING] = {"P:unbind#5", GW_DRAINING},
      [GW_UNBINDING] = {"E:unbind_resp#5 close E", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"query_sm",
     e_query,
     {[GW_OPEN] = {"E:query_sm_resp#5!4", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"stop E", GW_BINDING},
      [GW_BOUND] = {"P:query_sm#5", GW_BOUND},
      [GW_UNBOUND] = {"E:query_sm_resp#5!4", GW_UNBOUND},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"an unknown command",
     e_unknown,
     {[GW_OPEN] = {"E:generic_nack#5!3", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"stop E", GW_BINDING},
      [GW_BOUND] = {"P:?#5", GW_BOUND},
      [GW_UNBOUND] = {"E:generic_nack#5!3", GW_UNBOUND},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"alert_notification",
     e_alert,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"stop E", GW_BINDING},
      [GW_BOUND] = {"P:alert_notification#5", GW_BOUND},
      [GW_UNBOUND] = {"", GW_UNBOUND},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"a response never asked for",
     e_resp,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"P:deliver_sm_resp#5", GW_BINDING},
      [GW_BOUND] = {"P:deliver_sm_resp#5", GW_BOUND},
      [GW_UNBOUND] = {"P:deliver_sm_resp#5", GW_UNBOUND},
      [GW_DRAINING] = {"P:deliver_sm_resp#5", GW_DRAINING},
      [GW_UNBINDING] = {"P:deliver_sm_resp#5", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"generic_nack",
     e_nack,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"P:generic_nack#5!3", GW_BINDING},
      [GW_BOUND] = {"P:generic_nack#5!3", GW_BOUND},
      [GW_UNBOUND] = {"P:generic_nack#5!3", GW_UNBOUND},
      [GW_DRAINING] = {"P:generic_nack#5!3", GW_DRAINING},
      [GW_UNBINDING] = {"P:generic_nack#5!3", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"deliver_sm",
     p_deliver,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:deliver_sm#5", GW_BINDING},
      [GW_BOUND] = {"E:deliver_sm#5", GW_BOUND},
      [GW_UNBOUND] = {"E:deliver_sm#5", GW_UNBOUND},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"the peer's enquire_link",
     p_enquire,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:enquire_link#5", GW_BINDING},
      [GW_BOUND] = {"E:enquire_link#5", GW_BOUND},
      [GW_UNBOUND] = {"E:enquire_link#5", GW_UNBOUND},
      [GW_DRAINING] = {"P:enquire_link_resp#5", GW_DRAINING},
      [GW_UNBINDING] = {"P:enquire_link_resp#5", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"the peer's unbind",
     p_unbind,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:unbind#5", GW_BINDING},
      [GW_BOUND] = {"E:unbind#5", GW_BOUND},
      [GW_UNBOUND] = {"E:unbind#5", GW_UNBOUND},
      [GW_DRAINING] = {"E:unbind#5", GW_DRAINING},
      [GW_UNBINDING] = {"P:unbind_resp#5 close P", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"the peer's response",
     p_resp,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:submit_sm_resp#5", GW_BINDING},
      [GW_BOUND] = {"E:submit_sm_resp#5", GW_BOUND},
      [GW_UNBOUND] = {"E:submit_sm_resp#5", GW_UNBOUND},
      [GW_DRAINING] = {"E:submit_sm_resp#5 released E:unbind#7fffffff P:unbind#7fffffff", GW_UNBINDING},
      [GW_UNBINDING] = {"E:submit_sm_resp#5", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"bind accepted",
     p_bound,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:bind_transceiver_resp#1", GW_BOUND},
      [GW_BOUND] = {"E:bind_transceiver_resp#1", GW_BOUND},
      [GW_UNBOUND] = {"E:bind_transceiver_resp#1", GW_UNBOUND},
      [GW_DRAINING] = {"E:bind_transceiver_resp#1 released E:unbind#7fffffff P:unbind#7fffffff", GW_UNBINDING},
      [GW_UNBINDING] = {"E:bind_transceiver_resp#1", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"bind refused",
     p_refused,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"released E:bind_transceiver_resp#1!d", GW_UNBOUND},
      [GW_BOUND] = {"E:bind_transceiver_resp#1!d", GW_BOUND},
      [GW_UNBOUND] = {"E:bind_transceiver_resp#1!d", GW_UNBOUND},
      [GW_DRAINING] = {"E:bind_transceiver_resp#1!d released E:unbind#7fffffff P:unbind#7fffffff", GW_UNBINDING},
      [GW_UNBINDING] = {"E:bind_transceiver_resp#1!d", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"bind unknown",
     p_nack,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"released E:generic_nack#1!3", GW_UNBOUND},
      [GW_BOUND] = {"E:generic_nack#1!3", GW_BOUND},
      [GW_UNBOUND] = {"E:generic_nack#1!3", GW_UNBOUND},
      [GW_DRAINING] = {"E:generic_nack#1!3 released E:unbind#7fffffff P:unbind#7fffffff", GW_UNBINDING},
      [GW_UNBINDING] = {"E:generic_nack#1!3", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"an unbind_resp never asked for",
     p_unbound,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:unbind_resp#0", GW_BINDING},
      [GW_BOUND] = {"E:unbind_resp#0", GW_BOUND},
      [GW_UNBOUND] = {"E:unbind_resp#0", GW_UNBOUND},
      [GW_DRAINING] = {"E:unbind_resp#0 released E:unbind#7fffffff P:unbind#7fffffff", GW_UNBINDING},
      [GW_UNBINDING] = {"E:unbind_resp#0", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"outbind",
     p_outbind,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:outbind#5", GW_BINDING},
      [GW_BOUND] = {"E:outbind#5", GW_BOUND},
      [GW_UNBOUND] = {"E:outbind#5", GW_UNBOUND},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"the ESME's end",
     e_lost,
     {[GW_OPEN] = {"", GW_CLOSED},
      [GW_CONNECTING] = {"released close P", GW_CLOSED},
      [GW_BINDING] = {"released close P", GW_CLOSED},
      [GW_BOUND] = {"released close P", GW_CLOSED},
      [GW_UNBOUND] = {"close P", GW_CLOSED},
      [GW_DRAINING] = {"released close P", GW_CLOSED},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"the peer's end",
     p_lost,
     {[GW_OPEN] = {"close E", GW_CLOSED},
      [GW_CONNECTING] = {"E:bind_transceiver_resp#1!d released close E", GW_CLOSED},
      [GW_BINDING] = {"E:bind_transceiver_resp#1!d released close E", GW_CLOSED},
      [GW_BOUND] = {"released close E", GW_CLOSED},
      [GW_UNBOUND] = {"close E", GW_CLOSED},
      [GW_DRAINING] = {"released close E", GW_CLOSED},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"the peer is connected",
     connected,
     {[GW_OPEN] = {"", GW_OPEN},
      [GW_CONNECTING] = {"P:bind_transceiver#1 read E", GW_BINDING},
      [GW_BINDING] = {"", GW_BINDING},
      [GW_BOUND] = {"", GW_BOUND},
      [GW_UNBOUND] = {"", GW_UNBOUND},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"15 seconds",
     later,
     {[GW_OPEN] = {"close E", GW_CLOSED},
      [GW_CONNECTING] = {"", GW_CONNECTING},
      [GW_BINDING] = {"E:bind_transceiver_resp#1!d released close E close P", GW_CLOSED},
      [GW_BOUND] = {"", GW_BOUND},
      [GW_UNBOUND] = {"close E close P", GW_CLOSED},
      [GW_DRAINING] = {"released E:unbind#7fffffff P:unbind#7fffffff", GW_UNBINDING},
      [GW_UNBINDING] = {"close E close P", GW_CLOSED},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"SIGTERM",
     drain,
     {[GW_OPEN] = {"close E", GW_CLOSED},
      [GW_CONNECTING] = {"E:bind_transceiver_resp#1!d released close E close P", GW_CLOSED},
      [GW_BINDING] = {"E:bind_transceiver_resp#1!d released close E close P", GW_CLOSED},
      [GW_BOUND] = {"released E:unbind#7fffffff P:unbind#7fffffff", GW_UNBINDING},
      [GW_UNBOUND] = {"close E close P", GW_CLOSED},
      [GW_DRAINING] = {"", GW_DRAINING},
      [GW_UNBINDING] = {"", GW_UNBINDING},
      [GW_CLOSED] = {"", GW_CLOSED}}},
    {"abort",
     aborted,
     {[GW_OPEN] = {"close E", GW_CLOSED},
      [GW_CONNECTING] = {"released close E close P", GW_CLOSED},
      [GW_BINDING] = {"released close E close P", GW_CLOSED},
      [GW_BOUND] = {"released close E close P", GW_CLOSED},
      [GW_UNBOUND] = {"close E close P", GW_CLOSED},
      [GW_DRAINING] = {"released close E close P", GW_CLOSED},
      [GW_UNBINDING] = {"close E close P", GW_CLOSED},
      [GW_CLOSED] = {"", GW_CLOSED}}},
};

static void test_table(void)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (int state = 0; state < GW_STATE_COUNT; state++) {
            char label[128];
            struct rig rig;
            (void)snprintf(label, sizeof(label), "%s while %s", table[i].name, gw_state_name((enum gw_state)state));
            rig_init(&rig, NULL);
            rig_bring(&rig, (enum gw_state)state);
            table[i].happens(&rig);
            RIG_TOLD(&rig, table[i].in[state].told, label);
            RIG_STATE(&rig, table[i].in[state].state, label);
            rig_free(&rig);
        }
    }
}

UNIT_MAIN("gw_relay_states", {"state by event", test_table})
