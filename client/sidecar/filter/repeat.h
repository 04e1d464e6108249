/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/part.h"
#include "client/sidecar/filter/repeat_file.h"
#include "client/sidecar/policy/config.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sc_filter_core;
struct sc_sent;

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

/* Why the verdict "replayed" proves nothing about a message. */
enum sc_again {
    SC_AGAIN_NOT,     /* it proves a replay */
    SC_AGAIN_STOPPED, /* the previous process ended while it was judging the message */
    SC_AGAIN_LATE,    /* the message was forwarded without a verdict while its PASSporT was still being looked for */
    SC_AGAIN_UNREAD,  /* its connection ended so soon after the answer that the answer may not have been read */
};

struct sc_sent_list {
    struct sc_sent *first, *last;
    size_t count;
};

/* Makes a record of a message that is about to be forwarded with a PASSporT. Returns NULL if that is not possible. */
struct sc_sent *sc_sent_new(const struct sc_held *held, const struct sc_passed *passed);

/* Computes the digest by which a PDU is known again. Returns false if out of memory. */
bool sc_sent_print(uint8_t print[SC_PRINT], const struct sc_held *held, bool verify);

/* Takes over a record after its message was forwarded, or frees it if it was not. sent may be NULL. */
void sc_sent_add(struct sc_filter_core *core, struct sc_sent *sent);
void sc_sent_free(struct sc_filter_core *core, struct sc_sent *sent);

/* Makes a record of a message that may be sent again, for example from the file of the previous process. Unless `again`
 * is SC_AGAIN_NOT the message is to be judged again. Returns false if out of memory. */
bool sc_sent_restore(struct sc_filter_core *core, const struct sc_passed *passed, const uint8_t print[SC_PRINT],
                     enum sc_again again);

/* Returns why "replayed" proves nothing about this PDU. *losses is how often its message was sent again before. Removes
 * the record if `forget` is set. */
enum sc_again sc_sent_judged_again(struct sc_filter_core *core, const uint8_t print[SC_PRINT], bool forget,
                                   unsigned *losses);

/* Takes the answer to a message: it may be sent again only if it was refused, or if the answer was not read. */
void sc_sent_answered(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                      uint32_t status);

/* Notes that a bind has ended: messages without an answer may be sent again. If the connection was closed, too, so may
 * messages that were answered just before. sc_sent_caught_up notes that `from` has read all answers. */
void sc_sent_ended(struct sc_filter_core *core, const struct sc_bind *bind, bool closed);
void sc_sent_caught_up(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from);

/*
 * Returns true if this message was forwarded with a PASSporT before and was refused or not answered. Its sender sends
 * it again, and it passes with the PASSporT that it has used. *out is what was remembered, with this time counted. Each
 * record counts once. Returns false also if the message was sent again too often after a loss ([repeat] max), or, where
 * messages are signed, if its PASSporT is older than a quarter of its life: then it is judged or signed again. A
 * segment
 * (`whole` is false) is not signed by itself, so the age of its PASSporT does not matter.
 */
bool sc_sent_is_repeat(struct sc_filter_core *core, const struct sc_held *held, bool verify, bool whole,
                       struct sc_passed *out);

/* Counts and logs that a message was sent again after a loss more often than [repeat] max allows. `what` says what is
 * done with it. */
void sc_sent_over(struct sc_filter_core *core, const char *what);

bool sc_sent_init(struct sc_filter_core *core);
void sc_sent_free_all(struct sc_filter_core *core);
void sc_sent_expire(struct sc_filter_core *core);
uint64_t sc_sent_due(const struct sc_filter_core *core);

/* Opens [repeat] file and restores the records of the previous process. STIR_E_IO, STIR_E_CONFIG. */
enum stir_code sc_repeat_open(struct sc_filter_core *core, const struct sc_config *config,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Notes that the PASSporT of these parts, which belong to an item, is going to be looked for. */
void sc_repeat_intend(struct sc_filter_core *core, struct sc_part *parts);

/* Returns why "replayed" proves nothing about the message of these parts: it may have used up its PASSporT itself when
 * it arrived before, without its sender knowing. *losses is how often it was sent again, this time included. Removes
 * the records of the parts. */
enum sc_again sc_repeat_judged_again(struct sc_filter_core *core, const struct sc_part *parts, unsigned *losses);
