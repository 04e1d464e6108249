#include "client/gateway/filter_internal.h"

#include "client/smpp/join.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

/*
 * Segments of one message are joined whichever of a system_id's binds they come on, so what is counted as one peer of
 * the joiner is a system_id in one direction.
 */
struct gw_join_peer {
    struct cps_map_node node; /* first: a node is its peer */
    struct smpp_join_peer peer;
    enum gw_leg from;
    char system_id[GW_SYSTEM_ID_MAX + 1];
};

bool gw_join_init(struct gw_filter_core *core)
{
    if (!cps_map_init(&core->join_peers)) {
        return false;
    }
    if (smpp_join_new(&core->join, &core->policy->join) != STIR_OK) {
        cps_map_free(&core->join_peers);
        return false;
    }
    return true;
}

void gw_join_free(struct gw_filter_core *core)
{
    smpp_join_free(core->join);
    for (size_t i = 0; i < core->join_peers.size; i++) {
        while (core->join_peers.buckets[i]) {
            struct cps_map_node *node = core->join_peers.buckets[i];
            cps_map_remove(&core->join_peers, node);
            free(node);
        }
    }
    cps_map_free(&core->join_peers);
}

/* ---- peers ---- */

static struct gw_join_peer *peer_of(struct gw_filter_core *core, const struct gw_held *held)
{
    const char *system_id = held->bind->system_id;
    uint8_t from = (uint8_t)held->from;
    uint64_t hash = cps_map_hash(&core->join_peers, &from, 1, system_id, strlen(system_id));
    struct cps_map_node *node = cps_map_first(&core->join_peers, hash);
    for (; node; node = cps_map_next(node)) {
        struct gw_join_peer *peer = (struct gw_join_peer *)node;
        if (peer->from == held->from && strcmp(peer->system_id, system_id) == 0) {
            return peer;
        }
    }
    struct gw_join_peer *peer = calloc(1, sizeof(*peer));
    if (peer) {
        peer->from = held->from;
        memcpy(peer->system_id, system_id, strlen(system_id) + 1);
        cps_map_put(&core->join_peers, &peer->node, hash);
    }
    return peer;
}

static void drop_idle(struct gw_filter_core *core, struct gw_join_peer *peer)
{
    if (peer && peer->peer.held.messages == 0) {
        cps_map_remove(&core->join_peers, &peer->node);
        free(peer);
    }
}

static void drop_all_idle(struct gw_filter_core *core)
{
    for (size_t i = 0; i < core->join_peers.size; i++) {
        struct cps_map_node *next = NULL;
        for (struct cps_map_node *node = core->join_peers.buckets[i]; node; node = next) {
            next = node->next;
            drop_idle(core, (struct gw_join_peer *)node);
        }
    }
}

/* ---- segments ---- */

/* Those that are held, in order: a copy of a segment behind it. */
static struct gw_part *take_parts(struct smpp_joined *message)
{
    struct gw_part *parts = NULL, **end = &parts;
    for (unsigned number = 1; number <= smpp_joined_total(message); number++) {
        void *token = NULL;
        if (smpp_joined_segment(message, number, NULL, &token) && token) {
            *end = token;
            end = gw_parts_end(end);
        }
    }
    return parts;
}

/* Those of one message, which is not joined: they are decided, the message is freed. */
static void give_up(struct gw_filter_core *core, struct smpp_joined *message, enum gw_unsigned why, const char *reason)
{
    struct gw_part *parts = take_parts(message);
    smpp_joined_free(message);
    if (parts && parts->verify) {
        gw_verify_give_up(core, parts, reason);
    } else if (parts) {
        gw_sign_give_up(core, parts, why);
    }
}

/* One destination, or what stands for several: a digest of them. */
static struct stir_view key_dest(const struct gw_message *message, uint8_t digest[SHA256_DIGEST_LENGTH])
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

/* The same segment came again: what is held of it stands beside the first, or in its place. */
static void add_copy(void **held, struct gw_part *part)
{
    struct gw_part *first = *held;
    if (part) {
        *gw_parts_end(&first) = part;
        *held = first;
    }
}

struct gw_joined gw_join_add(struct gw_filter_core *core, const struct gw_held *held, const struct gw_message *message,
                             struct gw_part *part)
{
    struct gw_joined out = {.result = GW_JOIN_REFUSED};
    struct gw_join_peer *peer = peer_of(core, held);
    if (!peer) {
        return out;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct smpp_join_key key = {
        .peer = &peer->peer,
        .orig = stir_view(message->orig.text, message->orig.len),
        .dest = key_dest(message, digest),
        .place = message->segment.place,
        .data_coding = held->pdu.data_coding,
    };
    struct smpp_join_outcome outcome = smpp_join_add(core->join, &key, &message->segment.part, part, gw_now(core));
    switch (outcome.result) {
    case SMPP_JOIN_COMPLETE:
        core->counters.joined++;
        out = (struct gw_joined){GW_JOIN_COMPLETE, outcome.message, take_parts(outcome.message)};
        break;
    case SMPP_JOIN_DUPLICATE:
        core->counters.duplicates++;
        add_copy(outcome.held, part);
        out.result = GW_JOIN_SEEN;
        break;
    case SMPP_JOIN_RESET:
        core->counters.join_given_up++;
        give_up(core, outcome.message, GW_UNSIGNED_INCOMPLETE, "another message has taken its place");
        out.result = GW_JOIN_KEPT;
        break;
    case SMPP_JOIN_OVER:
        core->counters.join_overflows++;
        if (outcome.message) {
            give_up(core, outcome.message, GW_UNSIGNED_OVERFLOW, "more segments wait than may be kept");
        }
        break;
    case SMPP_JOIN_HELD:
        out.result = GW_JOIN_KEPT;
        break;
    }
    drop_idle(core, peer);
    return out;
}

/* ---- time ---- */

void gw_join_expire(struct gw_filter_core *core)
{
    struct smpp_joined *message;
    bool any = false;
    while ((message = smpp_join_expire(core->join, gw_now(core)))) {
        any = true;
        core->counters.join_expired++;
        give_up(core, message, GW_UNSIGNED_INCOMPLETE, "the other segments did not come in time");
    }
    if (any) {
        drop_all_idle(core);
    }
}

uint64_t gw_join_due(const struct gw_filter_core *core)
{
    uint64_t ms = smpp_join_next_ms(core->join, gw_now(core));
    return ms == UINT64_MAX ? UINT64_MAX : gw_now(core) + ms;
}

void gw_join_give_up_all(struct gw_filter_core *core)
{
    struct smpp_joined *message;
    while ((message = smpp_join_take(core->join, NULL))) {
        core->counters.join_expired++;
        give_up(core, message, GW_UNSIGNED_INCOMPLETE, "stopped before the other segments came");
    }
    drop_all_idle(core);
}
