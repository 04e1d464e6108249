/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/message.h"
#include "client/sidecar/filter/part.h"
#include "client/smpp/join.h"

#include <stdint.h>

enum sc_join_result {
    SC_JOIN_KEPT,      /* other segments are still missing */
    SC_JOIN_COMPLETE,  /* `message` is whole; `parts` are its parts that are or were held */
    SC_JOIN_SEEN,      /* it had arrived before */
    SC_JOIN_RESUMED,   /* it is the last segment of a lost item, which has taken it over */
    SC_JOIN_REFUSED,   /* over a limit of [join] */
    SC_JOIN_CONTESTED, /* two incomplete messages have the same reference */
};

/* The reason of the verdict of a segment with SC_JOIN_CONTESTED. */
extern const char sc_join_contested[];

struct sc_joined {
    enum sc_join_result result;
    bool first;                  /* kept: it is the first segment of its message */
    struct smpp_joined *message; /* complete: the caller frees it */
    struct sc_part *parts;
};

/* Adds a segment to its message. `part` is the held segment, NULL if it is forwarded at once; it is taken over unless
 * the result is SC_JOIN_REFUSED or SC_JOIN_CONTESTED. A part that is kept or seen may be forwarded when this returns,
 * as [join] hold says, so `held` must not be used then. Messages that are given up to make room are decided. */
struct sc_joined sc_join_add(struct sc_filter_core *core, const struct sc_held *held, const struct sc_message *message,
                             struct sc_part *part);

bool sc_join_init(struct sc_filter_core *core);
void sc_join_free(struct sc_filter_core *core);

/* Gives up messages whose missing segments did not arrive in time. */
void sc_join_expire(struct sc_filter_core *core);

/* Returns when that is due next, in the loop's time in ms; UINT64_MAX: never. */
uint64_t sc_join_due(const struct sc_filter_core *core);

/* Gives up all incomplete messages. */
void sc_join_give_up_all(struct sc_filter_core *core);

/* Limits the time that a held part waits for the rest of its message, as [join] hold = window says. Returns false if
 * out of memory. */
bool sc_hold_add(struct sc_filter_core *core, struct sc_part *part);

/* Ends that limit; does nothing for a part without one. */
void sc_hold_remove(struct sc_filter_core *core, struct sc_part *part);

/* Forwards a held part before its message is complete. Its text is still used to verify or sign the message. */
void sc_hold_release(struct sc_filter_core *core, struct sc_part *part);

/* Notes traffic on a connection. Called for each message before it is looked at. */
void sc_hold_heard(struct sc_filter_core *core, const struct sc_held *held);

bool sc_hold_init(struct sc_filter_core *core);
void sc_hold_free(struct sc_filter_core *core);

/* Forwards segments whose connection was quiet for SC_HOLD_QUIET_MS. */
void sc_hold_expire(struct sc_filter_core *core);

/* Returns when that is due next, in the loop's time in ms; UINT64_MAX: never. */
uint64_t sc_hold_due(const struct sc_filter_core *core);
