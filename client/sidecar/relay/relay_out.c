/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_write.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What every part of the relay uses: its state, its log lines, and the octets that it sends, its own requests among
 * them. Calls nothing else of the relay. */

const char *sc_leg_name(enum sc_leg leg)
{
    return leg == SC_ESME ? "the ESME" : "the peer";
}

void sc_relay_state_set(struct sc_relay *relay, enum sc_state state)
{
    assert(relay->state != SC_CLOSED);
    relay->state = state;
    relay->since_ms = relay->now_ms;
}

void sc_relay_say(struct sc_relay *relay, enum stir_log_level level, const char *fmt, ...)
{
    char text[SC_LOG_TEXT];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    relay->ops->log(relay->arg, level, text);
}

/* ---- octets ---- */

void sc_relay_flush(struct sc_relay *relay)
{
    if (relay->run.len && relay->side[relay->run.to].open) {
        relay->ops->write(relay->arg, relay->run.to, relay->run.ptr, relay->run.len);
    }
    relay->run.len = 0;
}

void sc_relay_send(struct sc_relay *relay, enum sc_leg to, const void *data, size_t n)
{
    if (relay->run.to == to) {
        sc_relay_flush(relay);
    }
    if (relay->side[to].open) {
        relay->ops->write(relay->arg, to, data, n);
    }
}

void sc_relay_forward(struct sc_relay *relay, enum sc_leg to, const char *pdu, size_t n)
{
    struct sc_run *run = &relay->run;
    if (run->len && run->to == to && run->ptr + run->len == pdu) {
        run->len += n;
        return;
    }
    sc_relay_flush(relay);
    *run = (struct sc_run){.to = to, .ptr = pdu, .len = n};
}

void sc_relay_answer(struct sc_relay *relay, enum sc_leg to, const struct smpp_header *request, uint32_t status)
{
    char answer[SMPP_HEADER_LEN];
    if (smpp_answer(answer, request, status)) {
        sc_relay_send(relay, to, answer, sizeof(answer));
        relay->options->counters->nacked += status != SMPP_ROK;
    }
}

/* ---- the relay's own requests ---- */

/*
 * The sequence numbers of the relay's own requests must not be those of requests that the other side has outstanding.
 * Peers count upwards from 1 as a rule (SMPP 3.4, 5.1.4), the relay counts downwards from the top. So it is enough to
 * watch the topmost numbers.
 */
enum {
    OWN_TOP = 0x7fffffff,
    OWN_BOTTOM = OWN_TOP - (SC_WINDOW - 1),
    OWN_WORD_BITS = 64,
};

static bool own_range_has(uint32_t sequence)
{
    return sequence >= OWN_BOTTOM && sequence <= OWN_TOP;
}

static uint32_t own_below(uint32_t sequence)
{
    assert(own_range_has(sequence));
    return sequence > OWN_BOTTOM ? sequence - 1 : OWN_TOP;
}

void sc_relay_note_request(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header)
{
    struct sc_side *side = &relay->side[from];
    side->outstanding += smpp_command_has_response(header->command);
    if (own_range_has(header->sequence)) {
        if (!side->watched) {
            side->watched = calloc(SC_WINDOW / OWN_WORD_BITS, sizeof(*side->watched));
        }
        if (side->watched) {
            uint32_t at = header->sequence - OWN_BOTTOM;
            side->watched[at / OWN_WORD_BITS] |= UINT64_C(1) << at % OWN_WORD_BITS;
        }
    }
}

void sc_relay_note_response(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header)
{
    struct sc_side *side = &relay->side[sc_other(from)];
    if (side->outstanding) { /* a response without a request is the peers' own business */
        side->outstanding--;
    }
    if (side->watched && own_range_has(header->sequence)) {
        uint32_t at = header->sequence - OWN_BOTTOM;
        side->watched[at / OWN_WORD_BITS] &= ~(UINT64_C(1) << at % OWN_WORD_BITS);
    }
}

/* Returns true if a request with this sequence number, from the other side or the relay itself, is outstanding. */
static bool own_sequence_is_taken(const struct sc_relay *relay, enum sc_leg to, uint32_t sequence)
{
    const struct sc_side *side = &relay->side[to];
    const uint64_t *watched = relay->side[sc_other(to)].watched;
    uint32_t at = sequence - OWN_BOTTOM;
    if (watched && watched[at / OWN_WORD_BITS] >> at % OWN_WORD_BITS & 1) {
        return true;
    }
    for (int i = 0; i < SC_OWN_MAX; i++) {
        if (side->own[i].sequence == sequence) {
            return true;
        }
    }
    return false;
}

static uint32_t own_sequence_choose(const struct sc_relay *relay, enum sc_leg to)
{
    uint32_t sequence = relay->side[to].next_own;
    for (int i = 0; i < SC_WINDOW && own_sequence_is_taken(relay, to, sequence); i++) {
        sequence = own_below(sequence);
    }
    return sequence;
}

void sc_relay_ask(struct sc_relay *relay, enum sc_leg to, uint32_t command)
{
    struct sc_side *side = &relay->side[to];
    char octets[SMPP_HEADER_LEN];
    uint32_t sequence = own_sequence_choose(relay, to);
    struct smpp_header header = {.length = SMPP_HEADER_LEN, .command = command, .sequence = sequence};
    side->next_own = own_below(sequence);
    side->own[side->own_at++ % SC_OWN_MAX] = (struct sc_own){.sequence = sequence, .command = command};
    smpp_header_write(octets, &header);
    sc_relay_send(relay, to, octets, sizeof(octets));
}

uint32_t sc_relay_own_answer(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header)
{
    struct sc_side *side = &relay->side[from];
    for (int i = 0; i < SC_OWN_MAX; i++) {
        struct sc_own *own = &side->own[i];
        if (own->sequence && own->sequence == header->sequence &&
            (header->command == (own->command | SMPP_RESP) || header->command == SMPP_GENERIC_NACK)) {
            own->sequence = 0;
            return own->command;
        }
    }
    return 0;
}
