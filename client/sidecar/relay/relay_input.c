#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_frame.h"
#include "client/smpp/pdu_write.h"

#include <stdlib.h>
#include <string.h>

/* From octets to PDUs. */

/* Nothing from this leg can be dealt with now. */
static bool is_blocked(const struct sc_relay *relay, enum sc_leg leg)
{
    return relay->state == SC_CLOSED || relay->state == SC_CONNECTING || !relay->side[leg].open ||
           relay->side[sc_other(leg)].full;
}

static size_t pdu_limit(const struct sc_relay *relay, enum sc_leg leg)
{
    size_t max = relay->options->max_pdu;
    bool bound = leg == SC_PEER || (relay->state != SC_OPEN && relay->state != SC_UNBOUND);
    return bound || relay->options->max_unbound_pdu > max ? max : relay->options->max_unbound_pdu;
}

static void count(struct sc_relay *relay, enum sc_leg leg, size_t n)
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

static void pass_on(struct sc_relay *relay, enum sc_leg to, const char *pdu, size_t n)
{
    struct sc_run *run = &relay->run;
    if (run->len && run->to == to && run->ptr + run->len == pdu) {
        run->len += n;
        return;
    }
    sc_relay_flush(relay);
    *run = (struct sc_run){.to = to, .ptr = pdu, .len = n};
}

/* There is no telling where the next PDU begins. */
static void refuse_stream(struct sc_relay *relay, enum sc_leg leg, enum smpp_fault fault, const char *data, size_t n)
{
    struct smpp_header nack = {.length = SMPP_HEADER_LEN, .command = SMPP_GENERIC_NACK};
    char octets[SMPP_HEADER_LEN];
    relay->options->counters->malformed++;
    sc_relay_say(relay, STIR_LOG_WARNING, "closed: what came from %s cannot be read: %s",
                 leg == SC_ESME ? "the ESME" : "the peer", smpp_fault_text(fault));
    if (fault != SMPP_F_HTTP && fault != SMPP_F_TLS) {
        nack.status = smpp_status_of(fault, SMPP_FIELD_NONE);
        nack.sequence = n >= SMPP_HEADER_LEN ? smpp_header_read(data).sequence : 0;
        smpp_header_write(octets, &nack);
        sc_relay_send(relay, leg, octets, sizeof(octets));
    }
    sc_relay_shut(relay);
}

/* Deals with whole PDUs at the front of data; returns how many octets that were. */
static size_t deal(struct sc_relay *relay, enum sc_leg leg, const char *data, size_t n)
{
    struct sc_side *side = &relay->side[leg];
    size_t at = 0;
    side->stalled = side->waiting = side->parked = false;
    while (!is_blocked(relay, leg)) {
        size_t len = 0;
        enum smpp_fault fault = smpp_frame(&len, data + at, n - at, pdu_limit(relay, leg));
        if (fault == SMPP_MORE) {
            break;
        }
        if (fault != SMPP_OK) {
            refuse_stream(relay, leg, fault, data + at, n - at);
            break;
        }
        enum sc_taken taken = sc_relay_take(relay, leg, data + at, len);
        if (taken == SC_WAIT) {
            break;
        }
        count(relay, leg, len);
        if (taken == SC_ON) {
            pass_on(relay, sc_other(leg), data + at, len);
        }
        at += len;
    }
    sc_relay_flush(relay);
    return at;
}

/* ---- what is kept ---- */

static bool keep(struct sc_input *in, const char *data, size_t n)
{
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

static void drop_kept(struct sc_input *in, size_t n)
{
    in->start += n;
    in->len -= n;
    if (in->len == 0) { /* most of the time nothing is kept, and then nothing is to be held for it */
        free(in->ptr);
        *in = (struct sc_input){0};
    }
}

/* Since when the PDU is coming in that is not complete. */
static void note_partial(struct sc_relay *relay, enum sc_leg leg, bool progress)
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
    size_t used = in->len ? deal(relay, leg, in->ptr + in->start, in->len) : 0;
    if (in->len) {
        drop_kept(in, used);
    } else {
        relay->side[leg].stalled = relay->side[leg].waiting = relay->side[leg].parked = false;
    }
    note_partial(relay, leg, used > 0);
}

void sc_relay_input(struct sc_relay *relay, enum sc_leg leg, const void *data, size_t n, uint64_t now_ms)
{
    struct sc_side *side = &relay->side[leg];
    relay->now_ms = now_ms;
    if (relay->state == SC_CLOSED || !side->open) {
        return;
    }
    side->heard_ms = now_ms;
    side->asked_ms = 0;
    bool had = side->in.len > 0;
    size_t used = had ? 0 : deal(relay, leg, data, n);
    if (relay->state != SC_CLOSED && used < n && !keep(&side->in, (const char *)data + used, n - used)) {
        sc_relay_say(relay, STIR_LOG_ERROR, "closed: out of memory");
        sc_relay_shut(relay);
    }
    if (had) {
        sc_relay_work(relay, leg);
    } else {
        note_partial(relay, leg, used > 0);
    }
    if (relay->side[SC_ESME].waiting && relay->state != SC_BINDING) {
        sc_relay_work(relay, SC_ESME);
    }
    sc_relay_check_drained(relay);
    sc_relay_update(relay);
}
