/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/segments.h"

#include "client/sidecar/filter/filter_core.h"
#include "client/smpp/join.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * How long segments are held for the rest of their message with [join] hold = window. A sender whose window is
 * smaller than the number of segments sends nothing more until it has an answer, so held segments are forwarded when
 * nothing has arrived on their connection for SC_HOLD_QUIET_MS. If senders share a bind, messages of the others keep
 * arriving while one waits for its answer, so no segment is held for more than SC_HOLD_MAX_MS.
 */
struct sc_hold {               /* the segments of one direction of a connection */
    struct stir_map_node node; /* first member: a node is its hold */
    uint64_t connection;
    enum sc_leg from;
    uint64_t heard_ms;              /* when the last message arrived */
    struct sc_part *first, *last;   /* in order of arrival */
    struct sc_hold *before, *after; /* ordered by heard_ms */
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
    assert(!core->quietest == !core->latest);
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
    assert(held && !part->released);
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

/*
 * Segments of one message are joined even if they arrive on different binds of a system_id. So one peer of the
 * joiner is a system_id in one direction.
 */
struct sc_join_peer {
    struct stir_map_node node; /* first member: a node is its peer */
    struct smpp_join_peer peer;
    enum sc_leg from;
    char system_id[SC_SYSTEM_ID_MAX + 1];
};

#define PEER_OF(joined) ((struct sc_join_peer *)(void *)((char *)(joined)-offsetof(struct sc_join_peer, peer)))

bool sc_join_init(struct sc_filter_core *core)
{
    if (!stir_map_init(&core->join_peers)) {
        return false;
    }
    if (smpp_join_new(&core->join, &core->policy->join) != STIR_OK) {
        stir_map_free(&core->join_peers);
        return false;
    }
    return true;
}

void sc_join_free(struct sc_filter_core *core)
{
    smpp_join_free(core->join);
    for (size_t i = 0; i < core->join_peers.size; i++) {
        while (core->join_peers.buckets[i]) {
            struct stir_map_node *node = core->join_peers.buckets[i];
            stir_map_remove(&core->join_peers, node);
            free(node);
        }
    }
    stir_map_free(&core->join_peers);
}

/* ---- peers ---- */

static struct sc_join_peer *join_peer_get(struct sc_filter_core *core, const struct sc_held *held)
{
    const char *system_id = held->bind->system_id;
    uint8_t from = (uint8_t)held->from;
    uint64_t hash = stir_map_hash(&core->join_peers, &from, 1, system_id, strlen(system_id));
    struct stir_map_node *node = stir_map_first(&core->join_peers, hash);
    for (; node; node = stir_map_next(node)) {
        struct sc_join_peer *peer = (struct sc_join_peer *)node;
        if (peer->from == held->from && strcmp(peer->system_id, system_id) == 0) {
            return peer;
        }
    }
    struct sc_join_peer *peer = calloc(1, sizeof(*peer));
    if (peer) {
        peer->from = held->from;
        memcpy(peer->system_id, system_id, strlen(system_id) + 1);
        stir_map_put(&core->join_peers, &peer->node, hash);
    }
    return peer;
}

static void join_peer_drop_idle(struct sc_filter_core *core, struct sc_join_peer *peer)
{
    if (peer && peer->peer.held.messages == 0) {
        stir_map_remove(&core->join_peers, &peer->node);
        free(peer);
    }
}

static void join_drop_idle_peers(struct sc_filter_core *core)
{
    for (size_t i = 0; i < core->join_peers.size; i++) {
        struct stir_map_node *next = NULL;
        for (struct stir_map_node *node = core->join_peers.buckets[i]; node; node = next) {
            next = node->next;
            join_peer_drop_idle(core, (struct sc_join_peer *)node);
        }
    }
}

/* ---- segments ---- */

const char sc_join_contested[] = "another message with the same addresses, reference and number of segments is open";

/* Returns the parts of a message in order, copies of a segment after it. They wait for no other segment any more. */
static struct sc_part *joined_take_parts(struct sc_filter_core *core, struct smpp_joined *message)
{
    struct sc_part *parts = NULL, **end = &parts;
    for (unsigned number = 1; number <= smpp_joined_total(message); number++) {
        void *token = NULL;
        if (smpp_joined_segment(message, number, NULL, &token) && token) {
            *end = token;
            end = sc_parts_end(end);
        }
    }
    for (struct sc_part *part = parts; part; part = part->next) {
        sc_hold_remove(core, part);
        if (part->held) {
            part->held->incomplete = false;
        }
    }
    return parts;
}

static bool joined_has_released(const struct smpp_joined *kept)
{
    for (unsigned number = 1; kept && number <= smpp_joined_total(kept); number++) {
        void *token = NULL;
        if (smpp_joined_segment(kept, number, NULL, &token) && sc_parts_released(token)) {
            return true;
        }
    }
    return false;
}

/* Lets a part of an incomplete message wait, or forwards it. Once one part was forwarded, the message cannot be
 * held as a whole, so of the others only the last one is held. */
static void join_wait_for_rest(struct sc_filter_core *core, struct sc_part *part, const struct smpp_joined *kept)
{
    enum sc_hold_mode hold = core->policy->hold;
    part->held->incomplete = true;
    if (hold == SC_HOLD_NEVER || (hold == SC_HOLD_WINDOW && (joined_has_released(kept) || !sc_hold_add(core, part)))) {
        sc_hold_release(core, part);
    }
}

static bool joined_is_first(const struct smpp_joined *kept)
{
    unsigned there = 0;
    for (unsigned number = 1; kept && number <= smpp_joined_total(kept); number++) {
        there += smpp_joined_segment(kept, number, NULL, NULL);
    }
    return there == 1;
}

/* Gives up an incomplete message: its parts are decided, and it is freed. */
static void join_give_up(struct sc_filter_core *core, struct smpp_joined *message, enum sc_unsigned why,
                         const char *reason)
{
    struct sc_part *parts = joined_take_parts(core, message);
    const struct sc_join_peer *peer = PEER_OF(smpp_joined_peer(message));
    bool verify = parts ? parts->verify : core->policy->ways[peer->from].action != SC_SIGN;
    const struct sc_decider *decider = core->deciders[verify];
    if (parts) {
        decider->give_up(core, parts, why, reason);
    } else if (decider->incomplete) {
        decider->incomplete(core, peer->from, peer->system_id, smpp_joined_count(message), why);
    }
    smpp_joined_free(message);
}

/* Returns the destination, or a digest of several destinations. */
static struct stir_view join_key_dest(const struct sc_message *message, uint8_t digest[SHA256_DIGEST_LENGTH])
{
    uint8_t octets[SHA256_DIGEST_LENGTH + STIR_IDENTITY_MAX] = {0};
    if (message->dest_count == 1) {
        return stir_view(message->dests[0].text, message->dests[0].len);
    }
    for (size_t i = 0; i < message->dest_count; i++) {
        memcpy(octets + SHA256_DIGEST_LENGTH, message->dests[i].text, message->dests[i].len);
        (void)SHA256(octets, SHA256_DIGEST_LENGTH + message->dests[i].len, digest);
        memcpy(octets, digest, SHA256_DIGEST_LENGTH);
    }
    return stir_view((const char *)digest, SHA256_DIGEST_LENGTH);
}

/* Adds a segment that arrived again: it is held after the first copy, or alone if that was forwarded. */
static void join_add_copy(struct sc_filter_core *core, const struct smpp_join_outcome *outcome, struct sc_part *part)
{
    struct sc_part *first = *outcome->held;
    join_wait_for_rest(core, part, outcome->kept);
    if (part->released) { /* any number of copies may arrive, so forwarded ones are not kept */
        sc_parts_free(part);
    } else {
        *sc_parts_end(&first) = part;
        *outcome->held = first;
    }
}

struct sc_joined sc_join_add(struct sc_filter_core *core, const struct sc_held *held, const struct sc_message *message,
                             struct sc_part *part)
{
    struct sc_joined out = {.result = SC_JOIN_REFUSED};
    struct sc_join_peer *peer = join_peer_get(core, held);
    if (!peer) {
        return out;
    }
    /* segments belong together if system_id, addresses, reference and number of segments are the same */
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct smpp_join_key key = {
        .peer = &peer->peer,
        .orig = stir_view(message->orig.text, message->orig.len),
        .dest = join_key_dest(message, digest),
        .place = message->segment.place,
    };
    /* a segment of an unknown message may be the last one of a message that lost its connection */
    if (part && !smpp_join_knows(core->join, &key) && sc_item_resume(core, part)) {
        join_peer_drop_idle(core, peer);
        out.result = SC_JOIN_RESUMED;
        return out;
    }
    struct smpp_join_outcome outcome = smpp_join_add(core->join, &key, &message->segment.part, part, sc_now(core));
    switch (outcome.result) {
    case SMPP_JOIN_COMPLETE:
        core->counters.joined++;
        out = (struct sc_joined){.result = SC_JOIN_COMPLETE,
                                 .message = outcome.message,
                                 .parts = joined_take_parts(core, outcome.message)};
        break;
    case SMPP_JOIN_DUPLICATE:
        core->counters.duplicates++;
        if (part) {
            join_add_copy(core, &outcome, part);
        }
        out.result = SC_JOIN_SEEN;
        break;
    case SMPP_JOIN_CONTESTED:
        /* nobody can tell which segment belongs to which message, so neither is joined */
        if (outcome.message) {
            core->counters.join_contested += 2;
            join_give_up(core, outcome.message, SC_UNSIGNED_CONTESTED, sc_join_contested);
        }
        out.result = SC_JOIN_CONTESTED;
        break;
    case SMPP_JOIN_OVER:
        core->counters.join_overflows++;
        /* the oldest message makes room for this one, or this one is refused */
        if (outcome.message) {
            join_give_up(core, outcome.message, SC_UNSIGNED_OVERFLOW, "too many segments are waiting");
        }
        break;
    case SMPP_JOIN_HELD:
        out.result = SC_JOIN_KEPT;
        out.first = joined_is_first(outcome.kept);
        if (part) {
            join_wait_for_rest(core, part, outcome.kept);
        }
        break;
    }
    join_peer_drop_idle(core, peer);
    return out;
}

/* ---- time ---- */

void sc_join_expire(struct sc_filter_core *core)
{
    struct smpp_joined *message;
    bool any = false;
    while ((message = smpp_join_expire(core->join, sc_now(core)))) {
        any = true;
        core->counters.join_expired++;
        join_give_up(core, message, SC_UNSIGNED_INCOMPLETE, "the other segments did not arrive in time");
    }
    if (any) {
        join_drop_idle_peers(core);
    }
}

uint64_t sc_join_due(const struct sc_filter_core *core)
{
    uint64_t ms = smpp_join_next_ms(core->join, sc_now(core));
    return ms == UINT64_MAX ? UINT64_MAX : sc_now(core) + ms;
}

void sc_join_give_up_all(struct sc_filter_core *core)
{
    struct smpp_joined *message;
    while ((message = smpp_join_take(core->join, NULL))) {
        core->counters.join_expired++;
        join_give_up(core, message, SC_UNSIGNED_INCOMPLETE, "cps-smpp stopped before the other segments arrived");
    }
    join_drop_idle_peers(core);
}
