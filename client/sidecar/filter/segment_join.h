#pragma once

#include "client/sidecar/filter/message.h"
#include "client/sidecar/filter/part.h"
#include "client/smpp/join.h"

enum sc_join_result {
    SC_JOIN_KEPT,      /* others are still to come */
    SC_JOIN_COMPLETE,  /* `message` is whole, `parts` are those of it that are, or were, held */
    SC_JOIN_SEEN,      /* it was there already */
    SC_JOIN_RESUMED,   /* it is the last one of a message that was whole before its connection ended */
    SC_JOIN_REFUSED,   /* over a bound */
    SC_JOIN_CONTESTED, /* two messages are open under its reference */
};

/* Why a segment is not joined, as the reason of a verdict. */
extern const char sc_join_contested[];

struct sc_joined {
    enum sc_join_result result;
    bool first;                  /* kept: it is the first of its message */
    struct smpp_joined *message; /* the caller's to free */
    struct sc_part *parts;
};

/* Adds a segment: `part` is what is held of it (taken over unless it was refused), NULL if it is forwarded at once. A
 * part that is kept or seen may have been forwarded when this returns, as [join] hold says: `held` is not to be touched
 * then. Segments that are given up for it are decided. */
struct sc_joined sc_join_add(struct sc_filter_core *core, const struct sc_held *held, const struct sc_message *message,
                             struct sc_part *part);

bool sc_join_init(struct sc_filter_core *core);
void sc_join_free(struct sc_filter_core *core);
void sc_join_expire(struct sc_filter_core *core);
uint64_t sc_join_due(const struct sc_filter_core *core);

/* Decides all that waits for segments. */
void sc_join_give_up_all(struct sc_filter_core *core);
