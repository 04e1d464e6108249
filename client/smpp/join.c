/* SPDX-License-Identifier: MIT */
#include "client/smpp/join.h"

#include "client/smpp/join_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct smpp_join {
    struct smpp_join_limits limits;
    struct smpp_join_bounds held;
    struct stir_map messages;
    struct smpp_joined *oldest;
    struct smpp_joined *newest;
};

enum stir_code smpp_join_new(struct smpp_join **out, const struct smpp_join_limits *limits)
{
    struct smpp_join *join = calloc(1, sizeof(*join));
    if (!join || !stir_map_init(&join->messages)) {
        free(join);
        return STIR_E_NOMEM;
    }
    join->limits = *limits;
    *out = join;
    return STIR_OK;
}

void smpp_join_set_limits(struct smpp_join *join, const struct smpp_join_limits *limits)
{
    join->limits = *limits;
}

struct smpp_join_bounds smpp_join_held(const struct smpp_join *join)
{
    return join->held;
}

/* A key as octets, so that no two keys have the same, and their hash. */
struct lookup {
    uint8_t octets[SMPP_JOIN_KEY_MAX];
    size_t n;
    uint64_t hash;
};

static void lookup_append(struct lookup *to, const void *data, size_t n)
{
    assert(n <= sizeof(to->octets) - to->n);
    if (n > 0) {
        memcpy(to->octets + to->n, data, n);
        to->n += n;
    }
}

static void lookup_write_key(struct lookup *to, const struct smpp_join *join, const struct smpp_join_key *key)
{
    const uint8_t fixed[] = {(uint8_t)key->place.kind, (uint8_t)(key->place.ref >> 8), (uint8_t)key->place.ref,
                             key->place.total, (uint8_t)key->orig.len};
    uintptr_t peer = (uintptr_t)key->peer;
    to->n = 0;
    lookup_append(to, &peer, sizeof(peer));
    lookup_append(to, fixed, sizeof(fixed));
    lookup_append(to, key->orig.ptr, key->orig.len);
    lookup_append(to, key->dest.ptr, key->dest.len);
    to->hash = stir_map_hash(&join->messages, to->octets, to->n, NULL, 0);
}

static bool join_within_budget(const struct smpp_join_bounds *held, const struct smpp_join_bounds *more,
                               const struct smpp_join_bounds *limit)
{
    return held->messages + more->messages <= limit->messages && held->segments + more->segments <= limit->segments &&
           held->octets <= limit->octets && more->octets <= limit->octets - held->octets;
}

static bool join_is_allowed(const struct smpp_join *join, const struct smpp_join_peer *peer,
                            struct smpp_join_bounds more)
{
    return join_within_budget(&join->held, &more, &join->limits.all) &&
           join_within_budget(&peer->held, &more, &join->limits.peer);
}

static void bounds_add(struct smpp_join_bounds *held, const struct smpp_join_bounds *more)
{
    held->messages += more->messages;
    held->segments += more->segments;
    held->octets += more->octets;
}

static void count_in(struct smpp_join *join, struct smpp_join_peer *peer, struct smpp_join_bounds more)
{
    bounds_add(&join->held, &more);
    bounds_add(&peer->held, &more);
}

static void link_message(struct smpp_join *join, struct smpp_joined *message, uint64_t hash)
{
    assert(!message->older || !message->older->newer || message->older->newer == message->newer);
    stir_map_put(&join->messages, &message->node, hash);
    *(message->older ? &message->older->newer : &join->oldest) = message;
    *(message->newer ? &message->newer->older : &join->newest) = message;
}

static void unlink_message(struct smpp_join *join, struct smpp_joined *message)
{
    stir_map_remove(&join->messages, &message->node);
    *(message->older ? &message->older->newer : &join->oldest) = message->newer;
    *(message->newer ? &message->newer->older : &join->newest) = message->older;
}

/* Out of the joiner, into the caller's hands. */
static struct smpp_joined *take_out(struct smpp_join *join, struct smpp_joined *message)
{
    struct smpp_join_bounds less = {1, message->here, message->size};
    struct smpp_join_bounds *held[] = {&join->held, &message->peer->held};
    unlink_message(join, message);
    for (size_t i = 0; i < 2; i++) {
        assert(held[i]->messages >= 1 && held[i]->segments >= less.segments && held[i]->octets >= less.octets);
        held[i]->messages -= less.messages;
        held[i]->segments -= less.segments;
        held[i]->octets -= less.octets;
    }
    message->older = NULL;
    message->newer = NULL;
    return message;
}

static struct smpp_joined *join_find(struct smpp_join *join, const struct lookup *key)
{
    struct stir_map_node *node = stir_map_first(&join->messages, key->hash);
    while (node && !smpp_joined_has_key((struct smpp_joined *)node, key->octets, key->n)) {
        node = stir_map_next(node);
    }
    return (struct smpp_joined *)node;
}

/* Makes room in a message's block for a segment, which may move it; NULL: over a bound or out of memory. */
static struct smpp_joined *make_room(struct smpp_join *join, struct smpp_joined *message, size_t part_len)
{
    size_t need = message->used + part_len;
    size_t ample = message->size + message->size / 2;
    size_t sizes[] = {ample > need ? ample : need, need};
    for (size_t i = 0; i < 2; i++) {
        struct smpp_join_bounds more = {.octets = sizes[i] - message->size};
        if (!join_is_allowed(join, message->peer, more)) {
            continue;
        }
        uint64_t hash = message->node.hash;
        unlink_message(join, message);
        struct smpp_joined *moved = realloc(message, sizes[i]);
        if (moved) {
            count_in(join, moved->peer, more);
            moved->size = sizes[i];
        }
        link_message(join, moved ? moved : message, hash);
        return moved;
    }
    return NULL;
}

static struct smpp_join_outcome join_outcome(enum smpp_join_result result, struct smpp_joined *message)
{
    return (struct smpp_join_outcome){.result = result, .message = message};
}

static bool same_part(const struct smpp_joined *message, unsigned number, const struct smpp_part *part)
{
    struct smpp_part here;
    return smpp_joined_segment(message, number, &here, NULL) && here.alphabet == part->alphabet &&
           here.filled == part->filled && here.locking == part->locking && here.single == part->single &&
           here.octets.len == part->octets.len &&
           (part->octets.len == 0 || memcmp(here.octets.ptr, part->octets.ptr, part->octets.len) == 0);
}

/* NULL: over a bound or out of memory. */
static struct smpp_joined *first_segment(struct smpp_join *join, const struct smpp_join_key *key,
                                         const struct lookup *lookup, const struct smpp_part *part, uint64_t now_ms)
{
    size_t size = smpp_joined_size(key->place.total, lookup->n, part->octets.len);
    struct smpp_join_bounds more = {.messages = 1, .octets = size};
    struct smpp_joined *message = NULL;
    if (join_is_allowed(join, key->peer, more)) {
        message = smpp_joined_new(size, key, lookup->octets, lookup->n);
    }
    if (message) {
        message->since_ms = now_ms;
        message->older = join->newest;
        link_message(join, message, lookup->hash);
        count_in(join, key->peer, more);
    }
    return message;
}

/* The message's time begins again: it goes to the end of the order. */
static void wait_anew(struct smpp_join *join, struct smpp_joined *message, uint64_t now_ms)
{
    uint64_t hash = message->node.hash;
    message->since_ms = now_ms;
    if (message != join->newest) {
        unlink_message(join, message);
        message->older = join->newest;
        message->newer = NULL;
        link_message(join, message, hash);
    }
}

static struct smpp_join_outcome add_segment(struct smpp_join *join, struct smpp_joined *message, unsigned number,
                                            const struct smpp_part *part, void *token, uint64_t now_ms)
{
    struct smpp_join_bounds more = {.segments = 1};
    struct smpp_joined *roomy = NULL;
    if (join_is_allowed(join, message->peer, more)) {
        roomy = smpp_joined_fits(message, part->octets.len) ? message : make_room(join, message, part->octets.len);
    }
    if (!roomy) {
        return join_outcome(SMPP_JOIN_OVER, take_out(join, message));
    }
    smpp_joined_put(roomy, number, part, token);
    count_in(join, roomy->peer, more);
    wait_anew(join, roomy, now_ms);
    return smpp_joined_is_complete(roomy) ? join_outcome(SMPP_JOIN_COMPLETE, take_out(join, roomy))
                                          : (struct smpp_join_outcome){.result = SMPP_JOIN_HELD, .kept = roomy};
}

static struct smpp_join_outcome add_first(struct smpp_join *join, const struct smpp_join_key *key,
                                          const struct lookup *lookup, const struct smpp_part *part, void *token,
                                          uint64_t now_ms)
{
    struct smpp_joined *message = first_segment(join, key, lookup, part, now_ms);
    if (!message) {
        return join_outcome(SMPP_JOIN_OVER, NULL);
    }
    struct smpp_join_outcome done = add_segment(join, message, key->place.number, part, token, now_ms);
    if (done.result == SMPP_JOIN_OVER) {
        smpp_joined_free(done.message);
        done.message = NULL;
    }
    return done;
}

/* Gives up the message that is open under this key. What stands in its place from now on keeps others from being
 * joined. */
static struct smpp_join_outcome join_contest(struct smpp_join *join, const struct smpp_join_key *key,
                                             const struct lookup *lookup, struct smpp_joined *open, uint64_t now_ms)
{
    const struct smpp_part none = {0};
    struct smpp_joined *given_up = take_out(join, open);
    struct smpp_joined *mark = first_segment(join, key, lookup, &none, now_ms);
    if (mark) {
        mark->contested = true;
    }
    return join_outcome(SMPP_JOIN_CONTESTED, given_up);
}

/* A part that a slot can describe, a key that can be written. */
static bool join_is_joinable(const struct smpp_join_key *key, const struct smpp_part *part)
{
    return key->place.number >= 1 && key->place.number <= key->place.total && key->orig.len <= SMPP_JOIN_ADDRESS_MAX &&
           key->dest.len <= SMPP_JOIN_ADDRESS_MAX && part->octets.len <= UINT32_MAX / 1024;
}

struct smpp_join_outcome smpp_join_add(struct smpp_join *join, const struct smpp_join_key *key,
                                       const struct smpp_part *part, void *token, uint64_t now_ms)
{
    struct lookup lookup;
    unsigned number = key->place.number;
    if (!join_is_joinable(key, part)) {
        return join_outcome(SMPP_JOIN_OVER, NULL);
    }
    lookup_write_key(&lookup, join, key);
    struct smpp_joined *message = join_find(join, &lookup);
    /* The first segment that arrived of its message. */
    if (!message) {
        return add_first(join, key, &lookup, part, token, now_ms);
    }
    /* Two messages share this reference, so nothing under it is joined until the timeout. */
    if (message->contested) {
        return join_outcome(SMPP_JOIN_CONTESTED, NULL);
    }
    struct smpp_join_slot *slot = &message->slots[number - 1];
    if (!slot->here) {
        return add_segment(join, message, number, part, token, now_ms);
    }
    /* The same segment again is a retransmission; another text in its place is another message. */
    if (same_part(message, number, part)) {
        return (struct smpp_join_outcome){.result = SMPP_JOIN_DUPLICATE, .held = &slot->token, .kept = message};
    }
    return join_contest(join, key, &lookup, message, now_ms);
}

bool smpp_join_knows(struct smpp_join *join, const struct smpp_join_key *key)
{
    struct lookup lookup;
    if (key->orig.len > SMPP_JOIN_ADDRESS_MAX || key->dest.len > SMPP_JOIN_ADDRESS_MAX) {
        return false;
    }
    lookup_write_key(&lookup, join, key);
    return join_find(join, &lookup) != NULL;
}

static bool is_due(const struct smpp_join *join, const struct smpp_joined *message, uint64_t now_ms)
{
    return now_ms >= message->since_ms && now_ms - message->since_ms >= join->limits.timeout_ms;
}

struct smpp_joined *smpp_join_expire(struct smpp_join *join, uint64_t now_ms)
{
    while (join->oldest && is_due(join, join->oldest, now_ms)) {
        struct smpp_joined *message = take_out(join, join->oldest);
        if (!message->contested) {
            return message;
        }
        smpp_joined_free(message);
    }
    return NULL;
}

uint64_t smpp_join_next_ms(const struct smpp_join *join, uint64_t now_ms)
{
    if (!join->oldest) {
        return UINT64_MAX;
    }
    if (is_due(join, join->oldest, now_ms)) {
        return 0;
    }
    return now_ms < join->oldest->since_ms ? join->limits.timeout_ms
                                           : join->oldest->since_ms + join->limits.timeout_ms - now_ms;
}

struct smpp_joined *smpp_join_take(struct smpp_join *join, const struct smpp_join_peer *peer)
{
    for (struct smpp_joined *message = join->oldest, *newer; message; message = newer) {
        newer = message->newer;
        if (peer && message->peer != peer) {
            continue;
        }
        bool contested = message->contested;
        (void)take_out(join, message);
        if (!contested) {
            return message;
        }
        smpp_joined_free(message);
    }
    return NULL;
}

void smpp_join_free(struct smpp_join *join)
{
    if (!join) {
        return;
    }
    for (struct smpp_joined *message; (message = smpp_join_take(join, NULL));) {
        smpp_joined_free(message);
    }
    stir_map_free(&join->messages);
    free(join);
}
