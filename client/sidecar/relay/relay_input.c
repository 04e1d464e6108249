/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_frame.h"
#include "client/smpp/pdu_write.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* From octets to PDUs, and what is done with each PDU: by the state, the leg that it came from, and its command. */

static bool command_is_bind(uint32_t command)
{
    return command == SMPP_BIND_RECEIVER || command == SMPP_BIND_TRANSMITTER || command == SMPP_BIND_TRANSCEIVER;
}

static bool command_is_bind_answer(uint32_t command)
{
    return command == SMPP_GENERIC_NACK || (smpp_command_is_response(command) && command_is_bind(command & ~SMPP_RESP));
}

static bool command_is_message(uint32_t command)
{
    return command == SMPP_SUBMIT_SM || command == SMPP_DELIVER_SM || command == SMPP_DATA_SM ||
           command == SMPP_SUBMIT_MULTI;
}

/* ---- binding ---- */

/* Reads who binds. Returns SMPP_ROK, or the command_status to answer the bind with. */
static uint32_t bind_read(struct sc_bind *bind, const char *octets, size_t n)
{
    struct smpp_pdu pdu;
    struct smpp_flaw flaw;
    if (smpp_pdu_read_leniently(&pdu, octets, n, &flaw) != SMPP_OK) {
        uint32_t status = smpp_status_of(flaw.fault, flaw.field);
        /* an ESME gives its peer up for good on one of these, so only the peer may send them */
        bool final = status == SMPP_RINVPASWD || status == SMPP_RINVSYSID || status == SMPP_RINVSYSTYP;
        return final ? SMPP_RBINDFAIL : status;
    }
    if (pdu.system_id.len > SC_SYSTEM_ID_MAX) {
        return SMPP_RBINDFAIL;
    }
    assert(pdu.system_id.len < sizeof(bind->system_id));
    memset(bind->system_id, 0, sizeof(bind->system_id));
    if (pdu.system_id.len) {
        memcpy(bind->system_id, pdu.system_id.ptr, pdu.system_id.len);
    }
    bind->command = pdu.header.command;
    bind->interface_version = pdu.interface_version;
    return SMPP_ROK;
}

/* The peer's leg is open since an earlier bind. */
static enum sc_taken bind_again(struct sc_relay *relay)
{
    sc_relay_state_set(relay, SC_BINDING);
    return SC_TAKE_FORWARD;
}

/* Keeps the bind until the peer's leg is open. */
static enum sc_taken bind_first(struct sc_relay *relay, const char *octets, size_t n)
{
    relay->bind_pdu = malloc(n);
    if (!relay->bind_pdu) {
        sc_relay_fail_bind(relay, "out of memory");
        return SC_TAKE_DONE;
    }
    memcpy(relay->bind_pdu, octets, n);
    relay->bind_len = n;
    sc_relay_state_set(relay, SC_CONNECTING);
    relay->side[SC_PEER].opening = true;
    relay->ops->connect(relay->arg);
    return SC_TAKE_DONE;
}

static enum sc_taken bind_take(struct sc_relay *relay, const struct smpp_header *header, const char *octets, size_t n)
{
    uint32_t status = bind_read(&relay->bind, octets, n);
    if (status != SMPP_ROK) {
        relay->options->counters->binds_failed++;
        sc_relay_answer(relay, SC_ESME, header, status);
        return SC_TAKE_DONE;
    }
    relay->bind_sequence = header->sequence;
    if (relay->drain_ms) {
        sc_relay_fail_bind(relay, "the sidecar is stopping");
        return SC_TAKE_DONE;
    }
    if (!relay->ops->admit(relay->arg, &relay->bind)) {
        sc_relay_fail_bind(relay, "over [listen] max_binds_per_system_id");
        return SC_TAKE_DONE;
    }
    relay->admitted = true;
    return relay->side[SC_PEER].open ? bind_again(relay) : bind_first(relay, octets, n);
}

static void bind_take_answer(struct sc_relay *relay, uint32_t status)
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

static enum sc_taken take_while_unbound(struct sc_relay *relay, const struct smpp_header *header)
{
    bool peer = relay->side[SC_PEER].open;
    if (peer && (header->command == SMPP_ENQUIRE_LINK || header->command == SMPP_UNBIND)) {
        return SC_TAKE_FORWARD;
    }
    if (header->command == SMPP_ENQUIRE_LINK) {
        sc_relay_answer(relay, SC_ESME, header, SMPP_ROK);
    } else if (smpp_command_has_response(header->command)) {
        sc_relay_answer(relay, SC_ESME, header, SMPP_RINVBNDSTS);
    } else if (!smpp_command_name(header->command)) {
        sc_relay_answer(relay, SC_ESME, header, SMPP_RINVCMDID);
    }
    return SC_TAKE_DONE;
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
        return SC_TAKE_WAIT;
    }
    side->parked_ms = 0;
    side->unbind_sequence = header->sequence;
    side->unbind_ms = relay->now_ms;
    return SC_TAKE_FORWARD;
}

/* Tells the filter that this leg has read everything that was sent to it before. */
static void filter_tell_caught_up(struct sc_relay *relay, enum sc_leg leg)
{
    const struct sc_filter *filter = relay->options->filter;
    if (filter && filter->caught_up) {
        filter->caught_up(filter->arg, &relay->bind, leg);
    }
}

static void unbind_take_answer(struct sc_relay *relay, enum sc_leg by, bool granted)
{
    relay->side[sc_other(by)].unbind_ms = 0;
    if (granted && (relay->state == SC_BOUND || relay->state == SC_DRAINING)) {
        sc_relay_say(relay, STIR_LOG_NOTICE, "%s has unbound", sc_leg_name(sc_other(by)));
        sc_relay_state_set(relay, SC_UNBOUND);
        filter_tell_caught_up(relay, SC_ESME);
        filter_tell_caught_up(relay, SC_PEER);
        sc_relay_bind_end(relay);
    }
}

/* ---- requests and responses ---- */

/* Returns the message_id at the start of the response to a message, without its NUL; empty if there is none or it is
 * too long. */
static struct stir_view message_id_read(const struct smpp_header *header, const char *octets, size_t n)
{
    uint32_t request = header->command & ~SMPP_RESP;
    bool has_one = smpp_command_is_response(header->command) && command_is_message(request) && n > SMPP_HEADER_LEN;
    size_t most = has_one ? n - SMPP_HEADER_LEN : 0;
    size_t len = has_one ? strnlen(octets + SMPP_HEADER_LEN, most) : 0;
    return stir_view(has_one ? octets + SMPP_HEADER_LEN : "", len < most && len <= SC_MESSAGE_ID_MAX ? len : 0);
}

/* Tells the filter about the response to a request. The filter finds the message by its sequence number. */
static void filter_tell_answered(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header,
                                 const char *octets, size_t n)
{
    const struct sc_filter *filter = relay->options->filter;
    bool nack = header->command == SMPP_GENERIC_NACK && header->status == SMPP_ROK;
    if (relay->options->offers[from] && filter && filter->answered) {
        filter->answered(filter->arg, &relay->bind, from, header->sequence, nack ? SMPP_RSYSERR : header->status,
                         message_id_read(header, octets, n));
    }
}

/* Takes a PDU that is not a message, in a direction whose messages are offered to the filter. It may carry a text, or
 * a TLV with a planted verdict. */
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
        return SC_TAKE_FORWARD;
    }
    return sc_relay_exempt(relay, &held, kind);
}

static enum sc_taken take_response(struct sc_relay *relay, enum sc_leg leg, const struct smpp_header *header,
                                   const char *octets, size_t n)
{
    const struct sc_side *other = &relay->side[sc_other(leg)];
    /* responses to the relay's own requests go no further */
    uint32_t own = sc_relay_own_answer(relay, leg, header);
    if (own) {
        if (own == SMPP_UNBIND) {
            filter_tell_caught_up(relay, leg);
            sc_relay_leg_done(relay, leg);
        }
        return SC_TAKE_DONE;
    }
    /* the response to the bind decides whether messages may pass; a generic_nack with status 0 is an error, too */
    if (leg == SC_PEER && relay->state == SC_BINDING && header->sequence == relay->bind_sequence &&
        command_is_bind_answer(header->command)) {
        bind_take_answer(relay,
                         header->command == SMPP_GENERIC_NACK && !header->status ? SMPP_RBINDFAIL : header->status);
        return SC_TAKE_FORWARD;
    }
    /* the response to the other leg's unbind ends the bind */
    if (other->unbind_ms && header->sequence == other->unbind_sequence &&
        (header->command == (SMPP_UNBIND | SMPP_RESP) || header->command == SMPP_GENERIC_NACK)) {
        unbind_take_answer(relay, leg, header->command != SMPP_GENERIC_NACK && header->status == SMPP_ROK);
        return SC_TAKE_FORWARD;
    }
    sc_relay_note_response(relay, leg, header);
    filter_tell_answered(relay, sc_other(leg), header, octets, n);
    return relay->options->offers[leg] && n > SMPP_HEADER_LEN ? take_other(relay, leg, octets, n) : SC_TAKE_FORWARD;
}

static enum sc_taken take_request(struct sc_relay *relay, enum sc_leg leg, const struct smpp_header *header,
                                  const char *octets, size_t n)
{
    bool looked_at = relay->options->offers[leg] || relay->side[leg].queue.count;
    if (command_is_message(header->command) && looked_at) {
        if (relay->state == SC_UNBOUND) { /* no ESME is bound that could receive it */
            relay->options->counters->dropped++;
            return SC_TAKE_DONE;
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
    return SC_TAKE_FORWARD;
}

/* After SIGTERM: outstanding requests may still be answered, new ones are dropped. */
static enum sc_taken take_while_ending(struct sc_relay *relay, enum sc_leg leg, const struct smpp_header *header)
{
    if (header->command == SMPP_UNBIND) {
        if (relay->state == SC_DRAINING) {
            return take_unbind(relay, leg, header);
        }
        sc_relay_answer(relay, leg, header, SMPP_ROK);
        sc_relay_leg_done(relay, leg);
        return SC_TAKE_DONE;
    }
    if (header->command == SMPP_ENQUIRE_LINK) {
        sc_relay_answer(relay, leg, header, SMPP_ROK);
        return SC_TAKE_DONE;
    }
    relay->options->counters->dropped++;
    return SC_TAKE_DONE;
}

static enum sc_taken take_from_esme(struct sc_relay *relay, const struct smpp_header *header, const char *octets,
                                    size_t n)
{
    bool unbound = relay->state == SC_OPEN || relay->state == SC_UNBOUND;
    /* a second bind on a bound session is ESME_RALYBND (SMPP 3.4, 5.1.3) */
    if (command_is_bind(header->command)) {
        if (unbound) {
            return bind_take(relay, header, octets, n);
        }
        sc_relay_answer(relay, SC_ESME, header, SMPP_RALYBND);
        return SC_TAKE_DONE;
    }
    if (unbound) {
        return take_while_unbound(relay, header);
    }
    /* until the peer accepts the bind, messages of the ESME wait */
    if (relay->state == SC_BINDING && header->command != SMPP_ENQUIRE_LINK) {
        relay->side[SC_ESME].waiting = true;
        return SC_TAKE_WAIT;
    }
    return take_request(relay, SC_ESME, header, octets, n);
}

/* Takes one whole PDU from a leg. */
static enum sc_taken input_take_pdu(struct sc_relay *relay, enum sc_leg leg, const char *pdu, size_t n)
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
        return take_while_ending(relay, leg, &header);
    }
    if (leg == SC_ESME) {
        return take_from_esme(relay, &header, pdu, n);
    }
    return take_request(relay, leg, &header, pdu, n);
}

/* ---- from octets to PDUs ---- */

/* Returns true if nothing from this leg can be taken now. */
static bool input_is_blocked(const struct sc_relay *relay, enum sc_leg leg)
{
    return relay->state == SC_CLOSED || relay->state == SC_CONNECTING || !relay->side[leg].open ||
           relay->side[sc_other(leg)].full;
}

static size_t input_pdu_limit(const struct sc_relay *relay, enum sc_leg leg)
{
    size_t max = relay->options->max_pdu;
    bool bound = leg == SC_PEER || (relay->state != SC_OPEN && relay->state != SC_UNBOUND);
    return bound || relay->options->max_unbound_pdu > max ? max : relay->options->max_unbound_pdu;
}

static void input_count(struct sc_relay *relay, enum sc_leg leg, size_t n)
{
    struct sc_counters *counters = relay->options->counters;
    if (leg == SC_ESME) {
        counters->pdus_from_esme++;
        counters->bytes_from_esme += n;
    } else {
        counters->pdus_from_peer++;
        counters->bytes_from_peer += n;
    }
}

/* Closes a connection whose stream has lost its framing: the start of the next PDU is unknown. A generic_nack says why,
 * unless the octets are HTTP or TLS, whose clients would not understand it. */
static void input_refuse_stream(struct sc_relay *relay, enum sc_leg leg, enum smpp_fault fault, const char *data,
                                size_t n)
{
    struct smpp_header nack = {.length = SMPP_HEADER_LEN, .command = SMPP_GENERIC_NACK};
    char octets[SMPP_HEADER_LEN];
    relay->options->counters->malformed++;
    sc_relay_say(relay, STIR_LOG_WARNING, "closed: cannot read input from %s: %s", sc_leg_name(leg),
                 smpp_fault_text(fault));
    if (fault != SMPP_F_HTTP && fault != SMPP_F_TLS) {
        nack.status = smpp_status_of(fault, SMPP_FIELD_NONE);
        nack.sequence = n >= SMPP_HEADER_LEN ? smpp_header_read(data).sequence : 0;
        smpp_header_write(octets, &nack);
        sc_relay_send(relay, leg, octets, sizeof(octets));
    }
    sc_relay_shut(relay);
}

/* Takes whole PDUs from the front of data. Returns the number of octets taken. */
static size_t input_take_pdus(struct sc_relay *relay, enum sc_leg leg, const char *data, size_t n)
{
    struct sc_side *side = &relay->side[leg];
    size_t at = 0;
    side->stalled = side->waiting = side->parked = false;
    while (!input_is_blocked(relay, leg)) {
        assert(at <= n);
        size_t len = 0;
        enum smpp_fault fault = smpp_frame(&len, data + at, n - at, input_pdu_limit(relay, leg));
        if (fault == SMPP_MORE) {
            break;
        }
        if (fault != SMPP_OK) {
            input_refuse_stream(relay, leg, fault, data + at, n - at);
            break;
        }
        /* a PDU that has to wait stays in front of the rest of the stream */
        enum sc_taken taken = input_take_pdu(relay, leg, data + at, len);
        if (taken == SC_TAKE_WAIT) {
            break;
        }
        input_count(relay, leg, len);
        if (taken == SC_TAKE_FORWARD) {
            sc_relay_forward(relay, sc_other(leg), data + at, len);
        }
        at += len;
    }
    sc_relay_flush(relay);
    return at;
}

/* ---- kept octets ---- */

/* Appends octets to the kept ones. Returns false if out of memory. */
static bool input_keep(struct sc_input *in, const char *data, size_t n)
{
    assert(in->start + in->len <= in->cap);
    /* first the space before the kept octets is used, then the buffer grows */
    if (in->cap - in->start - in->len < n && in->start) {
        memmove(in->ptr, in->ptr + in->start, in->len);
        in->start = 0;
    }
    if (in->cap - in->len < n) {
        size_t cap = in->cap ? in->cap : 1024;
        while (cap - in->len < n) {
            cap *= 2;
        }
        char *grown = realloc(in->ptr, cap);
        if (!grown) {
            return false;
        }
        in->ptr = grown;
        in->cap = cap;
    }
    memcpy(in->ptr + in->start + in->len, data, n);
    in->len += n;
    return true;
}

static void input_drop_kept(struct sc_input *in, size_t n)
{
    assert(n <= in->len);
    in->start += n;
    in->len -= n;
    if (in->len == 0) { /* most of the time nothing is kept: an idle connection needs no buffer */
        free(in->ptr);
        *in = (struct sc_input){0};
    }
}

/* Notes when the incomplete PDU began to arrive. */
static void input_note_partial(struct sc_relay *relay, enum sc_leg leg, bool progress)
{
    struct sc_side *side = &relay->side[leg];
    if (side->in.len == 0) {
        side->partial_ms = 0;
    } else if (progress || side->partial_ms == 0) {
        side->partial_ms = relay->now_ms;
    }
}

void sc_relay_work(struct sc_relay *relay, enum sc_leg leg)
{
    struct sc_input *in = &relay->side[leg].in;
    size_t used = in->len ? input_take_pdus(relay, leg, in->ptr + in->start, in->len) : 0;
    if (in->len) {
        input_drop_kept(in, used);
    } else {
        relay->side[leg].stalled = relay->side[leg].waiting = relay->side[leg].parked = false;
    }
    input_note_partial(relay, leg, used > 0);
}

bool sc_relay_feed(struct sc_relay *relay, enum sc_leg leg, const char *data, size_t n)
{
    struct sc_side *side = &relay->side[leg];
    bool had = side->in.len > 0;
    /* without kept octets the PDUs are taken from the owner's buffer, and only the rest is copied */
    size_t used = had ? 0 : input_take_pdus(relay, leg, data, n);
    if (relay->state != SC_CLOSED && used < n && !input_keep(&side->in, data + used, n - used)) {
        return false;
    }
    if (had) {
        sc_relay_work(relay, leg);
    } else {
        input_note_partial(relay, leg, used > 0);
    }
    return true;
}
