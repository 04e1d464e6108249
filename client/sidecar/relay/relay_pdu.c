#include "client/sidecar/relay/relay_internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

/* What is done with a PDU: by the state, the leg that it came from, and its command. */

static bool is_bind(uint32_t command)
{
    return command == SMPP_BIND_RECEIVER || command == SMPP_BIND_TRANSMITTER || command == SMPP_BIND_TRANSCEIVER;
}

static bool is_bind_answer(uint32_t command)
{
    return command == SMPP_GENERIC_NACK || (smpp_command_is_response(command) && is_bind(command & ~SMPP_RESP));
}

static bool is_message(uint32_t command)
{
    return command == SMPP_SUBMIT_SM || command == SMPP_DELIVER_SM || command == SMPP_DATA_SM ||
           command == SMPP_SUBMIT_MULTI;
}

/* ---- binding ---- */

/* Who binds; or why that cannot be, as a command_status. */
static uint32_t read_bind(struct sc_bind *bind, const char *octets, size_t n)
{
    struct smpp_pdu pdu;
    struct smpp_flaw flaw;
    if (smpp_pdu_read_leniently(&pdu, octets, n, &flaw) != SMPP_OK) {
        uint32_t status = smpp_status_of(flaw.fault, flaw.field);
        /* these would end it for good: the word of the peer alone */
        bool final = status == SMPP_RINVPASWD || status == SMPP_RINVSYSID || status == SMPP_RINVSYSTYP;
        return final ? SMPP_RBINDFAIL : status;
    }
    if (pdu.system_id.len > SC_SYSTEM_ID_MAX) {
        return SMPP_RBINDFAIL;
    }
    memset(bind->system_id, 0, sizeof(bind->system_id));
    if (pdu.system_id.len) {
        memcpy(bind->system_id, pdu.system_id.ptr, pdu.system_id.len);
    }
    bind->command = pdu.header.command;
    bind->interface_version = pdu.interface_version;
    return SMPP_ROK;
}

static enum sc_taken bind_again(struct sc_relay *relay)
{
    sc_relay_state_set(relay, SC_BINDING);
    return SC_ON;
}

static enum sc_taken bind_first(struct sc_relay *relay, const char *octets, size_t n)
{
    relay->bind_pdu = malloc(n);
    if (!relay->bind_pdu) {
        sc_relay_fail_bind(relay, "out of memory");
        return SC_TAKEN;
    }
    memcpy(relay->bind_pdu, octets, n);
    relay->bind_len = n;
    sc_relay_state_set(relay, SC_CONNECTING);
    relay->side[SC_PEER].opening = true;
    relay->ops->connect(relay->arg);
    return SC_TAKEN;
}

static enum sc_taken take_bind(struct sc_relay *relay, const struct smpp_header *header, const char *octets, size_t n)
{
    uint32_t status = read_bind(&relay->bind, octets, n);
    if (status != SMPP_ROK) {
        relay->options->counters->binds_failed++;
        sc_relay_answer(relay, SC_ESME, header, status);
        return SC_TAKEN;
    }
    relay->bind_sequence = header->sequence;
    if (relay->drain_ms) {
        sc_relay_fail_bind(relay, "the sidecar is stopping");
        return SC_TAKEN;
    }
    if (!relay->ops->admit(relay->arg, &relay->bind)) {
        sc_relay_fail_bind(relay, "over [listen] max_binds_per_system_id");
        return SC_TAKEN;
    }
    relay->admitted = true;
    return relay->side[SC_PEER].open ? bind_again(relay) : bind_first(relay, octets, n);
}

static void bind_answered(struct sc_relay *relay, uint32_t status)
{
    struct sc_counters *counters = relay->options->counters;
    if (status == SMPP_ROK) {
        sc_relay_state_set(relay, SC_BOUND);
        relay->traffic_ms = relay->now_ms;
        counters->binds++;
        sc_relay_say(relay, STIR_LOG_NOTICE, "bound");
    } else {
        sc_relay_state_set(relay, SC_UNBOUND);
        sc_relay_bind_end(relay);
        counters->binds_refused++;
        sc_relay_say(relay, STIR_LOG_NOTICE, "the peer has refused the bind: command_status 0x%08x", (unsigned)status);
    }
}

/* ---- an ESME that is not bound ---- */

static enum sc_taken take_unbound(struct sc_relay *relay, const struct smpp_header *header)
{
    bool peer = relay->side[SC_PEER].open;
    if (peer && (header->command == SMPP_ENQUIRE_LINK || header->command == SMPP_UNBIND)) {
        return SC_ON;
    }
    if (header->command == SMPP_ENQUIRE_LINK) {
        sc_relay_answer(relay, SC_ESME, header, SMPP_ROK);
    } else if (smpp_command_has_response(header->command)) {
        sc_relay_answer(relay, SC_ESME, header, SMPP_RINVBNDSTS);
    } else if (!smpp_command_name(header->command)) {
        sc_relay_answer(relay, SC_ESME, header, SMPP_RINVCMDID);
    }
    return SC_TAKEN;
}

/* ---- unbinding ---- */

static enum sc_taken take_unbind(struct sc_relay *relay, enum sc_leg leg, const struct smpp_header *header)
{
    struct sc_side *side = &relay->side[leg];
    if (side->queue.count) {
        side->parked = true;
        if (!side->parked_ms) {
            side->parked_ms = relay->now_ms;
        }
        return SC_WAIT;
    }
    side->parked_ms = 0;
    side->unbind_sequence = header->sequence;
    side->unbind_ms = relay->now_ms;
    return SC_ON;
}

/* It has read what was sent to it before. */
static void tell_caught_up(struct sc_relay *relay, enum sc_leg leg)
{
    const struct sc_filter *filter = relay->options->filter;
    if (filter && filter->caught_up) {
        filter->caught_up(filter->arg, &relay->bind, leg);
    }
}

static void unbind_answered(struct sc_relay *relay, enum sc_leg by, bool granted)
{
    relay->side[sc_other(by)].unbind_ms = 0;
    if (granted && (relay->state == SC_BOUND || relay->state == SC_DRAINING)) {
        sc_relay_say(relay, STIR_LOG_NOTICE, "%s has unbound", by == SC_PEER ? "the ESME" : "the peer");
        sc_relay_state_set(relay, SC_UNBOUND);
        tell_caught_up(relay, SC_ESME);
        tell_caught_up(relay, SC_PEER);
        sc_relay_bind_end(relay);
    }
}

/* ---- what goes through ---- */

/* The message_id that an answer to a message begins with: a text that ends with a NUL. Empty if it has none, or one
 * that is too long. */
static struct stir_view read_message_id(const struct smpp_header *header, const char *octets, size_t n)
{
    uint32_t request = header->command & ~SMPP_RESP;
    bool has_one = smpp_command_is_response(header->command) && is_message(request) && n > SMPP_HEADER_LEN;
    size_t most = has_one ? n - SMPP_HEADER_LEN : 0;
    size_t len = has_one ? strnlen(octets + SMPP_HEADER_LEN, most) : 0;
    return stir_view(has_one ? octets + SMPP_HEADER_LEN : "", len < most && len <= SC_MESSAGE_ID_MAX ? len : 0);
}

/* The filter knows what it let pass by its sequence number. */
static void tell_filter(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header, const char *octets,
                        size_t n)
{
    const struct sc_filter *filter = relay->options->filter;
    bool nack = header->command == SMPP_GENERIC_NACK && header->status == SMPP_ROK;
    if (relay->options->offers[from] && filter && filter->answered) {
        filter->answered(filter->arg, &relay->bind, from, header->sequence, nack ? SMPP_RSYSERR : header->status,
                         read_message_id(header, octets, n));
    }
}

/* A PDU that is no message, in a direction whose messages are looked at: it may carry a text, or a verdict. */
static enum sc_taken take_other(struct sc_relay *relay, enum sc_leg leg, const char *octets, size_t n)
{
    struct sc_held held = {.from = leg, .bind = &relay->bind, .arrived_ms = relay->now_ms};
    held.fault = smpp_pdu_read_leniently(&held.pdu, octets, n, &held.flaw);
    uint32_t command = held.pdu.header.command;
    enum sc_exempt kind = command == SMPP_REPLACE_SM     ? SC_EXEMPT_REPLACE
                          : command == SMPP_BROADCAST_SM ? SC_EXEMPT_BROADCAST
                          : !smpp_command_name(command)  ? SC_EXEMPT_UNKNOWN
                                                         : SC_EXEMPT_OTHER;
    if (kind == SC_EXEMPT_OTHER && held.pdu.tlvs.len == 0 && held.pdu.tail.len == 0) {
        if (!smpp_command_is_response(command)) {
            sc_relay_note_request(relay, leg, &held.pdu.header);
        }
        return SC_ON;
    }
    return sc_relay_exempt(relay, &held, kind);
}

static enum sc_taken take_response(struct sc_relay *relay, enum sc_leg leg, const struct smpp_header *header,
                                   const char *octets, size_t n)
{
    const struct sc_side *other = &relay->side[sc_other(leg)];
    uint32_t own = sc_relay_own_answer(relay, leg, header);
    if (own) {
        if (own == SMPP_UNBIND) {
            tell_caught_up(relay, leg);
            sc_relay_leg_done(relay, leg);
        }
        return SC_TAKEN;
    }
    if (leg == SC_PEER && relay->state == SC_BINDING && header->sequence == relay->bind_sequence &&
        is_bind_answer(header->command)) {
        bind_answered(relay, header->command == SMPP_GENERIC_NACK && !header->status ? SMPP_RBINDFAIL : header->status);
        return SC_ON;
    }
    if (other->unbind_ms && header->sequence == other->unbind_sequence &&
        (header->command == (SMPP_UNBIND | SMPP_RESP) || header->command == SMPP_GENERIC_NACK)) {
        unbind_answered(relay, leg, header->command != SMPP_GENERIC_NACK && header->status == SMPP_ROK);
        return SC_ON;
    }
    sc_relay_note_response(relay, leg, header);
    tell_filter(relay, sc_other(leg), header, octets, n);
    return relay->options->offers[leg] && n > SMPP_HEADER_LEN ? take_other(relay, leg, octets, n) : SC_ON;
}

static enum sc_taken take_request(struct sc_relay *relay, enum sc_leg leg, const struct smpp_header *header,
                                  const char *octets, size_t n)
{
    bool looked_at = relay->options->offers[leg] || relay->side[leg].queue.count;
    if (is_message(header->command) && looked_at) {
        if (relay->state == SC_UNBOUND) { /* for nobody */
            relay->options->counters->dropped++;
            return SC_TAKEN;
        }
        return sc_relay_hold(relay, leg, octets, n);
    }
    if (header->command == SMPP_UNBIND) {
        return take_unbind(relay, leg, header);
    }
    if (relay->options->offers[leg] && n > SMPP_HEADER_LEN) {
        return take_other(relay, leg, octets, n);
    }
    sc_relay_note_request(relay, leg, header);
    return SC_ON;
}

/* After SIGTERM: what is under way may end, nothing new begins. */
static enum sc_taken take_late(struct sc_relay *relay, enum sc_leg leg, const struct smpp_header *header)
{
    if (header->command == SMPP_UNBIND) {
        if (relay->state == SC_DRAINING) {
            return take_unbind(relay, leg, header);
        }
        sc_relay_answer(relay, leg, header, SMPP_ROK);
        sc_relay_leg_done(relay, leg);
        return SC_TAKEN;
    }
    if (header->command == SMPP_ENQUIRE_LINK) {
        sc_relay_answer(relay, leg, header, SMPP_ROK);
        return SC_TAKEN;
    }
    relay->options->counters->dropped++;
    return SC_TAKEN;
}

static enum sc_taken take_from_esme(struct sc_relay *relay, const struct smpp_header *header, const char *octets,
                                    size_t n)
{
    bool unbound = relay->state == SC_OPEN || relay->state == SC_UNBOUND;
    if (is_bind(header->command)) {
        if (unbound) {
            return take_bind(relay, header, octets, n);
        }
        sc_relay_answer(relay, SC_ESME, header, SMPP_RALYBND);
        return SC_TAKEN;
    }
    if (unbound) {
        return take_unbound(relay, header);
    }
    if (relay->state == SC_BINDING && header->command != SMPP_ENQUIRE_LINK) {
        relay->side[SC_ESME].waiting = true;
        return SC_WAIT;
    }
    return take_request(relay, SC_ESME, header, octets, n);
}

enum sc_taken sc_relay_take(struct sc_relay *relay, enum sc_leg leg, const char *pdu, size_t n)
{
    struct smpp_header header = smpp_header_read(pdu);
    bool response = smpp_command_is_response(header.command);
    bool ending = relay->state == SC_DRAINING || relay->state == SC_UNBINDING;
    if ((header.command & ~SMPP_RESP) != SMPP_ENQUIRE_LINK) {
        relay->traffic_ms = relay->now_ms;
    }
    if (response) {
        return take_response(relay, leg, &header, pdu, n);
    }
    if (ending) {
        return take_late(relay, leg, &header);
    }
    if (leg == SC_ESME) {
        return take_from_esme(relay, &header, pdu, n);
    }
    return take_request(relay, leg, &header, pdu, n);
}
