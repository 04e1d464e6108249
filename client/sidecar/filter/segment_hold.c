#include "client/sidecar/filter/segment_hold.h"

#include "client/sidecar/filter/filter_core.h"

#include <stdlib.h>

/*
 * How long segments are held for the rest of their message with [join] hold = window. A sender with a window of 1, or
 * with one that is smaller than its message has segments, sends no more before it has an answer: so what is held is
 * forwarded when nothing has come on its connection for SC_HOLD_QUIET_MS. Where senders share a bind, the messages of
 * the others keep coming while one waits for its answer: so no segment is held for more than SC_HOLD_MAX_MS.
 */
struct sc_hold {               /* the segments of one direction of a connection */
    struct stir_map_node node; /* first: a node is its hold */
    uint64_t connection;
    enum sc_leg from;
    uint64_t heard_ms;              /* when the last message came */
    struct sc_part *first, *last;   /* in the order in which they came */
    struct sc_hold *before, *after; /* by heard_ms */
};

bool sc_hold_init(struct sc_filter_core *core)
{
    return stir_map_init(&core->holds);
}

void sc_hold_free(struct sc_filter_core *core)
{
    while (core->quietest) {
        struct sc_hold *hold = core->quietest;
        core->quietest = hold->after;
        free(hold);
    }
    core->latest = NULL;
    stir_map_free(&core->holds);
}

/* ---- connections ---- */

static void hold_order_append(struct sc_filter_core *core, struct sc_hold *hold)
{
    hold->after = NULL;
    hold->before = core->latest;
    *(core->latest ? &core->latest->after : &core->quietest) = hold;
    core->latest = hold;
}

static void hold_order_remove(struct sc_filter_core *core, struct sc_hold *hold)
{
    *(hold->before ? &hold->before->after : &core->quietest) = hold->after;
    *(hold->after ? &hold->after->before : &core->latest) = hold->before;
}

static uint64_t hold_hash(const struct sc_filter_core *core, uint64_t connection, enum sc_leg from)
{
    const uint64_t key[] = {connection, (uint64_t)from};
    return stir_map_hash(&core->holds, key, sizeof(key), NULL, 0);
}

static struct sc_hold *hold_find(const struct sc_filter_core *core, uint64_t connection, enum sc_leg from)
{
    struct stir_map_node *node = stir_map_first(&core->holds, hold_hash(core, connection, from));
    for (; node; node = stir_map_next(node)) {
        struct sc_hold *hold = (struct sc_hold *)node;
        if (hold->connection == connection && hold->from == from) {
            return hold;
        }
    }
    return NULL;
}

static struct sc_hold *hold_new(struct sc_filter_core *core, uint64_t connection, enum sc_leg from)
{
    struct sc_hold *hold = calloc(1, sizeof(*hold));
    if (hold) {
        hold->connection = connection;
        hold->from = from;
        hold->heard_ms = sc_now(core);
        hold_order_append(core, hold);
        stir_map_put(&core->holds, &hold->node, hold_hash(core, connection, from));
    }
    return hold;
}

/* ---- segments ---- */

bool sc_hold_add(struct sc_filter_core *core, struct sc_part *part)
{
    uint64_t connection = part->held->bind->connection;
    struct sc_hold *hold = hold_find(core, connection, part->held->from);
    if (!hold && !(hold = hold_new(core, connection, part->held->from))) {
        return false;
    }
    part->hold = hold;
    part->since_ms = sc_now(core);
    part->hold_after = NULL;
    part->hold_before = hold->last;
    *(hold->last ? &hold->last->hold_after : &hold->first) = part;
    hold->last = part;
    return true;
}

void sc_hold_remove(struct sc_filter_core *core, struct sc_part *part)
{
    struct sc_hold *hold = part->hold;
    if (!hold) {
        return;
    }
    part->hold = NULL;
    *(part->hold_before ? &part->hold_before->hold_after : &hold->first) = part->hold_after;
    *(part->hold_after ? &part->hold_after->hold_before : &hold->last) = part->hold_before;
    if (!hold->first) {
        stir_map_remove(&core->holds, &hold->node);
        hold_order_remove(core, hold);
        free(hold);
    }
}

void sc_hold_release(struct sc_filter_core *core, struct sc_part *part)
{
    struct sc_held *held = part->held;
    sc_hold_remove(core, part);
    part->released = true;
    core->counters.released++;
    core->deciders[part->verify]->release(core, part, held);
    part->held = NULL;
}

/* ---- time ---- */

void sc_hold_heard(struct sc_filter_core *core, const struct sc_held *held)
{
    struct sc_hold *hold = core->quietest ? hold_find(core, held->bind->connection, held->from) : NULL;
    if (!hold) {
        return;
    }
    hold->heard_ms = sc_now(core);
    hold_order_remove(core, hold);
    hold_order_append(core, hold);
    for (struct sc_part *part = hold->first, *next; part && sc_now(core) - part->since_ms >= SC_HOLD_MAX_MS;
         part = next) {
        next = part->hold_after;
        sc_hold_release(core, part);
    }
}

void sc_hold_expire(struct sc_filter_core *core)
{
    while (core->quietest && sc_now(core) - core->quietest->heard_ms >= SC_HOLD_QUIET_MS) {
        sc_hold_release(core, core->quietest->first);
    }
}

uint64_t sc_hold_due(const struct sc_filter_core *core)
{
    return core->quietest ? core->quietest->heard_ms + SC_HOLD_QUIET_MS : UINT64_MAX;
}
