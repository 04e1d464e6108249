#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_write.h"

#include <stdlib.h>

/*
 * Requests of our own. Their sequence numbers must not be those of requests that the other side has under way. Those
 * count upwards from 1 as a rule, ours downwards from the top: so it is enough to watch the topmost numbers.
 */
enum {
    TOP = 0x7fffffff,
    BOTTOM = TOP - (SC_WINDOW - 1),
    WORD = 64,
};

static bool is_watched(uint32_t sequence)
{
    return sequence >= BOTTOM && sequence <= TOP;
}

void sc_relay_note_request(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header)
{
    struct sc_side *side = &relay->side[from];
    side->under_way += smpp_command_has_response(header->command);
    if (is_watched(header->sequence)) {
        if (!side->watched) {
            side->watched = calloc(SC_WINDOW / WORD, sizeof(*side->watched));
        }
        if (side->watched) {
            uint32_t at = header->sequence - BOTTOM;
            side->watched[at / WORD] |= UINT64_C(1) << at % WORD;
        }
    }
}

void sc_relay_note_response(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header)
{
    struct sc_side *side = &relay->side[sc_other(from)];
    if (side->under_way) { /* one that was never asked for is the peers' own business */
        side->under_way--;
    }
    if (side->watched && is_watched(header->sequence)) {
        uint32_t at = header->sequence - BOTTOM;
        side->watched[at / WORD] &= ~(UINT64_C(1) << at % WORD);
    }
}

static bool is_taken(const struct sc_relay *relay, enum sc_leg to, uint32_t sequence)
{
    const struct sc_side *side = &relay->side[to];
    const uint64_t *watched = relay->side[sc_other(to)].watched;
    uint32_t at = sequence - BOTTOM;
    if (watched && watched[at / WORD] >> at % WORD & 1) {
        return true;
    }
    for (int i = 0; i < SC_OWN_MAX; i++) {
        if (side->own[i].sequence == sequence) {
            return true;
        }
    }
    return false;
}

static uint32_t choose_sequence(const struct sc_relay *relay, enum sc_leg to)
{
    uint32_t sequence = relay->side[to].next_own;
    for (int i = 0; i < SC_WINDOW && is_taken(relay, to, sequence); i++) {
        sequence = sequence > BOTTOM ? sequence - 1 : TOP;
    }
    return sequence;
}

void sc_relay_ask(struct sc_relay *relay, enum sc_leg to, uint32_t command)
{
    struct sc_side *side = &relay->side[to];
    char octets[SMPP_HEADER_LEN];
    struct smpp_header header = {.length = SMPP_HEADER_LEN, .command = command, .sequence = choose_sequence(relay, to)};
    side->next_own = header.sequence > BOTTOM ? header.sequence - 1 : TOP;
    side->own[side->own_at++ % SC_OWN_MAX] = (struct sc_own){.sequence = header.sequence, .command = command};
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
