/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/held_message.h"

#include <stddef.h>

struct sc_filter_core;
struct sc_hold;
struct sc_item;
struct sc_note;
struct sc_repeat_slot;

/* A held PDU as the filter sees it: a whole message, or a segment of one. Owned by an item or by the joiner. */
struct sc_part {
    struct sc_held *held; /* NULL: its connection has ended */
    struct sc_item *item; /* NULL while the other segments are awaited */
    struct sc_part *next; /* in a list: the segments in order, a copy of a segment after it */
    bool verify;
    bool released;        /* it was forwarded before its message was complete; `held` is NULL since then */
    struct sc_note *note; /* verify, released: its data for the record of verified messages; may be NULL */
    struct sc_hold *hold; /* of its connection, while [join] hold = window limits its time; otherwise NULL */
    struct sc_part *hold_before, *hold_after;
    uint64_t since_ms;           /* when it was added to `hold` */
    struct sc_repeat_slot *slot; /* verify: the note that its PASSporT is being looked for; or NULL */
};

/* Makes a list of one part for a held PDU, and stores it in held->own. Returns NULL if out of memory. */
struct sc_part *sc_part_new(struct sc_held *held, bool verify);

/* Frees a list. The PDUs must be decided by now, or their connections gone. */
void sc_parts_free(struct sc_part *parts);

/* Returns true if any part was forwarded before its message was complete. */
bool sc_parts_released(const struct sc_part *parts);

/* Returns the place of the NULL at the end of a list, to append to it. */
struct sc_part **sc_parts_end(struct sc_part **parts);

/* Returns the first PDU that is still held, or NULL. */
struct sc_held *sc_parts_held(const struct sc_part *parts);

/* Returns the number of PDUs that are still held. */
size_t sc_parts_count(const struct sc_part *parts);

/* Makes the relay forward the held PDUs in the order of the list. */
void sc_parts_reorder(const struct sc_part *parts);
