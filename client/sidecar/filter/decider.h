/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/filter_metrics.h"
#include "client/sidecar/relay/held_message.h"

struct sc_filter_core;
struct sc_item;
struct sc_part;

/*
 * The two ways of deciding a message, sign.c and verify.c, as the files below them see them: these hold items, parts
 * and segments, and report what happens to them.
 */
struct sc_decider {
    /* All operations of an item have ended. */
    void (*settled)(struct sc_item *item);

    /* The deadline of an item has passed. */
    void (*expired)(struct sc_item *item);

    /* A segment is forwarded before its message is complete: verify does not judge it, sign does not sign it alone. */
    void (*release)(struct sc_filter_core *core, struct sc_part *part, struct sc_held *held);

    /* These segments will not be a complete message, for `why` (sign) or `reason` (verify). Frees the list. */
    void (*give_up)(struct sc_filter_core *core, struct sc_part *parts, enum sc_unsigned why, const char *reason);

    /* As give_up, where all segments were forwarded at once and no part is left. NULL: nothing is to be done. */
    void (*incomplete)(struct sc_filter_core *core, enum sc_leg from, const char *system_id, unsigned segments,
                       enum sc_unsigned why);
};
