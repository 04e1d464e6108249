#pragma once

#include "client/sidecar/relay/held_message.h"

#include <stddef.h>

struct sc_filter_core;
struct sc_hold;
struct sc_item;
struct sc_note;
struct sc_repeat_slot;

/* A message that is held: a whole one, or a segment. */
struct sc_part {
    struct sc_held *held; /* NULL: its connection has ended */
    struct sc_item *item; /* NULL while other segments are waited for */
    struct sc_part *next; /* of a list: in their order, copies of a segment behind it */
    bool verify;
    bool released;        /* it was forwarded before its message was complete; `held` is NULL since then */
    struct sc_note *note; /* verify, released: what the record of judged messages needs of it; may be NULL */
    struct sc_hold *hold; /* of its connection, while it may be forwarded for lack of traffic; NULL: not */
    struct sc_part *hold_before, *hold_after;
    uint64_t since_ms;           /* when it was put there */
    struct sc_repeat_slot *slot; /* verify: that its PASSporT is being looked for; NULL: not noted */
};

/* A held message as a list of one; NULL: out of memory. */
struct sc_part *sc_part_new(struct sc_held *held, bool verify);
void sc_parts_free(struct sc_part *parts);

/* Whether any of them was forwarded before its message was complete. */
bool sc_parts_released(const struct sc_part *parts);
struct sc_part **sc_parts_end(struct sc_part **parts);

/* The first that is still held, NULL: none. */
struct sc_held *sc_parts_held(const struct sc_part *parts);

/* So many of them are. */
size_t sc_parts_count(const struct sc_part *parts);

/* They are to go on in the list's order. */
void sc_parts_reorder(const struct sc_part *parts);
