#pragma once

#include "client/sidecar/filter/repeat_file.h"

#include <stdbool.h>

struct sc_filter_core;

enum { SC_PRINT = 32 }; /* octets of the digest that makes a message or a PDU the same when it is sent again */

/* What is remembered of a message that is forwarded with a PASSporT. */
struct sc_passed {
    bool verify;
    bool whole;         /* it is a message, not a segment of one */
    unsigned losses;    /* how often it was sent again with this PASSporT after its connection was lost */
    bool refused;       /* of one that is sent again: the peer had refused it; otherwise its connection was lost */
    uint64_t signed_ms; /* sign: when the PASSporT was made, by the loop's clock */
    uint32_t life_s;    /* sign: how long it is accepted */
    char signer[CPS_AUTHORITY_MAX]; /* verify: whose it was */
    char ppt[CPS_PPT_MAX];          /* verify: its type */
    char attest[2];                 /* verify: the attestation level of a "shaken" one, or "" */
    struct sc_repeat_slot *slot;    /* verify: its record in the file, the owner's to free; or NULL */
};

/* Notes that the PASSporT of a PDU is going to be looked for. Returns the slot of the note, which the caller owns (see
 * sc_repeat_release); NULL if there is no file or no room. */
struct sc_repeat_slot *sc_repeat_note_judged(struct sc_filter_core *core, const uint8_t print[SC_PRINT]);

/* Notes that a message has passed and waits for its answer, or may be sent again (`judged`: it is to be judged again
 * then). Does nothing if it was signed. */
void sc_repeat_note(struct sc_filter_core *core, struct sc_passed *passed, const uint8_t print[SC_PRINT], bool judged);

/* Notes that it was answered now; the answer may not have been read yet. */
void sc_repeat_note_answered(const struct sc_passed *passed);

/* Notes that messages arrive at this time. */
void sc_repeat_note_use(const struct sc_filter_core *core);

/* Removes a note, unless the process is ending: then it is for the next one. slot may be NULL. */
void sc_repeat_release(const struct sc_filter_core *core, struct sc_repeat_slot *slot);
