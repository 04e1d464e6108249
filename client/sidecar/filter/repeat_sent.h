#pragma once

#include "client/sidecar/filter/repeat_note.h"
#include "client/sidecar/relay/held_message.h"

#include <stddef.h>

struct sc_sent;

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
