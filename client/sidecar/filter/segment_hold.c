#include "client/sidecar/filter/filter_internal.h"

#include <stdlib.h>

/*
 * How long segments are held for the rest of their message with [join] hold = window. A sender with a window of 1, or
 * with one that is smaller than its message has segments, sends no more before it has an answer: so what is held is
 * forwarded when nothing has come on its connection for GW_HOLD_QUIET_MS. Where senders share a bind, the messages of
 * the others keep coming while one waits for its answer: so no segment is held for more than GW_HOLD_MAX_MS.
 */
struct gw_hold {               /* the segments of one direction of a connection */
    struct stir_map_node node; /* first: a node is its hold */
    uint64_t connection;
    enum gw_leg from;
    uint64_t heard_ms;              /* when the last message came */
    struct gw_part *first, *last;   /* in the order in which they came */
    struct gw_hold *before, *after; /* by heard_ms */
};

bool gw_hold_init(struct gw_filter_core *core)
{
    return stir_map_init(&core->holds);
}

void gw_hold_free(struct gw_filter_core *core)
{
    while (core->quietest) {
        struct gw_hold *hold = core->quietest;
        core->quietest = hold->after;
        free(hold);
    }
    core->latest = NULL;
    stir_map_free(&core->holds);
}

/* ---- connections ---- */

static void order_append(struct gw_filter_core *core, struct gw_hold *hold)
{
    hold->after = NULL;
    hold->before = core->latest;
    *(core->latest ? &core->latest->after : &core->quietest) = hold;
    core->latest = hold;
}

static void order_remove(struct gw_filter_core *core, struct gw_hold *hold)
{
    *(hold->before ? &hold->before->after : &core->quietest) = hold->after;
    *(hold->after ? &hold->after->before : &core->latest) = hold->before;
}

static uint64_t hold_hash(const struct gw_filter_core *core, uint64_t connection, enum gw_leg from)
{
    const uint64_t key[] = {connection, (uint64_t)from};
    return stir_map_hash(&core->holds, key, sizeof(key), NULL, 0);
}

static struct gw_hold *hold_find(const struct gw_filter_core *core, uint64_t connection, enum gw_leg from)
{
    struct stir_map_node *node = stir_map_first(&core->holds, hold_hash(core, connection, from));
    for (; node; node = stir_map_next(node)) {
        struct gw_hold *hold = (struct gw_hold *)node;
        if (hold->connection == connection && hold->from == from) {
            return hold;
        }
    }
    return NULL;
}

static struct gw_hold *hold_new(struct gw_filter_core *core, uint64_t connection, enum gw_leg from)
{
    struct gw_hold *hold = calloc(1, sizeof(*hold));
    if (hold) {
        hold->connection = connection;
        hold->from = from;
        hold->heard_ms = gw_now(core);
        order_append(core, hold);
        stir_map_put(&core->holds, &hold->node, hold_hash(core, connection, from));
    }
    return hold;
}

/* ---- segments ---- */

bool gw_hold_add(struct gw_filter_core *core, struct gw_part *part)
{
    uint64_t connection = part->held->bind->connection;
    struct gw_hold *hold = hold_find(core, connection, part->held->from);
    if (!hold && !(hold = hold_new(core, connection, part->held->from))) {
        return false;
    }
    part->hold = hold;
    part->since_ms = gw_now(core);
    part->hold_after = NULL;
    part->hold_before = hold->last;
    *(hold->last ? &hold->last->hold_after : &hold->first) = part;
    hold->last = part;
    return true;
}

void gw_hold_remove(struct gw_filter_core *core, struct gw_part *part)
{
    struct gw_hold *hold = part->hold;
    if (!hold) {
        return;
    }
    part->hold = NULL;
    *(part->hold_before ? &part->hold_before->hold_after : &hold->first) = part->hold_after;
    *(part->hold_after ? &part->hold_after->hold_before : &hold->last) = part->hold_before;
    if (!hold->first) {
        stir_map_remove(&core->holds, &hold->node);
        order_remove(core, hold);
        free(hold);
    }
}

void gw_hold_release(struct gw_filter_core *core, struct gw_part *part)
{
    struct gw_held *held = part->held;
    gw_hold_remove(core, part);
    part->released = true;
    core->counters.released++;
    (part->verify ? gw_verify_release : gw_sign_release)(core, part, held);
    part->held = NULL;
}

/* ---- time ---- */

void gw_hold_heard(struct gw_filter_core *core, const struct gw_held *held)
{
    struct gw_hold *hold = core->quietest ? hold_find(core, held->bind->connection, held->from) : NULL;
    if (!hold) {
        return;
    }
    hold->heard_ms = gw_now(core);
    order_remove(core, hold);
    order_append(core, hold);
    for (struct gw_part *part = hold->first, *next; part && gw_now(core) - part->since_ms >= GW_HOLD_MAX_MS;
         part = next) {
        next = part->hold_after;
        gw_hold_release(core, part);
    }
}

void gw_hold_expire(struct gw_filter_core *core)
{
    while (core->quietest && gw_now(core) - core->quietest->heard_ms >= GW_HOLD_QUIET_MS) {
        gw_hold_release(core, core->quietest->first);
    }
}

uint64_t gw_hold_due(const struct gw_filter_core *core)
{
    return core->quietest ? core->quietest->heard_ms + GW_HOLD_QUIET_MS : UINT64_MAX;
}
