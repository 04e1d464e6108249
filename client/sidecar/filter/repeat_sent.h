#pragma once

#include "client/sidecar/filter/repeat_note.h"
#include "client/sidecar/relay/held_message.h"

#include <stddef.h>

struct sc_sent;

/* Why "replayed" proves nothing about a message, this time. */
enum sc_again {
    SC_AGAIN_NOT,     /* it does */
    SC_AGAIN_STOPPED, /* the process before this one ended while it was judging the message */
    SC_AGAIN_LATE,    /* it was forwarded without a verdict while its PASSporT was still looked for */
    SC_AGAIN_UNREAD,  /* its connection ended before the answer to it can have been read for certain */
};

struct sc_sent_list {
    struct sc_sent *first, *last;
    size_t count;
};

/* A record of a message that is about to be forwarded with a PASSporT; NULL: none can be kept. */
struct sc_sent *sc_sent_new(const struct sc_held *held, const struct sc_passed *passed);

/* What makes a PDU the same when it is sent again. False: out of memory. */
bool sc_sent_print(uint8_t print[SC_PRINT], const struct sc_held *held, bool verify);

/* It was forwarded; or it was not. Both take NULL. */
void sc_sent_add(struct sc_filter_core *core, struct sc_sent *sent);
void sc_sent_free(struct sc_filter_core *core, struct sc_sent *sent);

/* Takes in a record of the process before this one. again: not SC_AGAIN_NOT if it is to be judged again. False: out of
 * memory. */
bool sc_sent_restore(struct sc_filter_core *core, const struct sc_passed *passed, const uint8_t print[SC_PRINT],
                     enum sc_again again);

/* Tells that of a PDU. *losses is how often the message was sent again before; forgets the PDU if `forget`. */
enum sc_again sc_sent_judged_again(struct sc_filter_core *core, const uint8_t print[SC_PRINT], bool forget,
                                   unsigned *losses);

void sc_sent_answered(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence,
                      uint32_t status);

/* A bind has ended: what was not answered may be sent again, and if the connection was closed, too, so may what was
 * answered just before. from has read all answers. */
void sc_sent_ended(struct sc_filter_core *core, const struct sc_bind *bind, bool closed);
void sc_sent_caught_up(struct sc_filter_core *core, const struct sc_bind *bind, enum sc_leg from);

/*
 * Tells whether a message was forwarded with a PASSporT before, and refused or not answered: its sender sends it again,
 * and it passes with the PASSporT that it has used. True once for each time; *out is what was remembered, with this
 * time counted. False also if it was sent again too often after a loss ([repeat] max), or, where messages are signed,
 * if its PASSporT is older than a quarter of its life: then it is to be judged or signed anew. A segment (`whole` is
 * false) is not signed by itself, so its PASSporT's age does not matter.
 */
bool sc_sent_is_repeat(struct sc_filter_core *core, const struct sc_held *held, bool verify, bool whole,
                       struct sc_passed *out);

/* Counts, and logs, that a message was sent again after a loss more often than [repeat] max allows; what: is done. */
void sc_sent_over(struct sc_filter_core *core, const char *what);

bool sc_sent_init(struct sc_filter_core *core);
void sc_sent_free_all(struct sc_filter_core *core);
void sc_sent_expire(struct sc_filter_core *core);
uint64_t sc_sent_due(const struct sc_filter_core *core);
