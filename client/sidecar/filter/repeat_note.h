#pragma once

#include "client/sidecar/filter/repeat_file.h"

#include <stdbool.h>

struct sc_filter_core;

enum { SC_PRINT = 32 }; /* octets of the digest by which a message or a PDU is known again */

/* What is remembered of a message that is forwarded with a PASSporT. */
struct sc_passed {
    bool verify;
    bool whole;                     /* a whole message, not a segment */
    unsigned losses;                /* how often it was sent again with this PASSporT after its connection was lost */
    bool refused;                   /* the peer refused it; if false, its connection was lost */
    uint64_t signed_ms;             /* sign: when the PASSporT was made, by the loop's clock */
    uint32_t life_s;                /* sign: for how long verifiers accept it */
    char signer[CPS_AUTHORITY_MAX]; /* verify: who signed */
    char ppt[CPS_PPT_MAX];          /* verify: its type */
    char attest[2];                 /* verify: the attestation level of a "shaken" one, or "" */
    struct sc_repeat_slot *slot;    /* verify: its note in the file, freed by the owner; or NULL */
};

/* Notes that the PASSporT of a PDU is going to be looked for. Returns the slot of the note, which the caller owns (see
 * sc_repeat_release); NULL if there is no file or no room. */
struct sc_repeat_slot *sc_repeat_note_judged(struct sc_filter_core *core, const uint8_t print[SC_PRINT]);

/* Notes that a verified message has passed and waits for its answer, or may be sent again. judged: it is to be judged
 * again then. Does nothing for a signed message. */
void sc_repeat_note(struct sc_filter_core *core, struct sc_passed *passed, const uint8_t print[SC_PRINT], bool judged);

/* Notes that a message was answered now. Its sender may not have read the answer yet. */
void sc_repeat_note_answered(const struct sc_passed *passed);

/* Notes that the process works at this time. */
void sc_repeat_note_use(const struct sc_filter_core *core);

/* Removes a note, unless the process is ending: then the next process uses it. slot may be NULL. */
void sc_repeat_release(const struct sc_filter_core *core, struct sc_repeat_slot *slot);
