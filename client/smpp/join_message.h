/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/join.h"
#include "common/base/map.h"

/*
 * One message's block, inside the joiner: the slots of its segments, its key, and behind them the octets of the
 * segments in the order they came.
 */
#define SMPP_JOIN_KEY_MAX (16 + 2 * SMPP_JOIN_ADDRESS_MAX)

struct smpp_join_slot {
    void *token;
    uint32_t offset;
    uint32_t len;
    uint8_t alphabet; /* enum smpp_alphabet */
    uint8_t locking;
    uint8_t single;
    bool filled;
    bool here;
};

struct smpp_joined {
    struct stir_map_node node; /* first: a node is its message */
    struct smpp_joined *older;
    struct smpp_joined *newer;
    struct smpp_join_peer *peer;
    uint64_t since_ms;
    size_t size;    /* of the block */
    size_t used;    /* of it, counted from its start */
    unsigned here;  /* segments that came */
    bool contested; /* no message: two were open under its key, and what comes under it now is not joined */
    uint8_t total;
    uint16_t key_len;
    struct smpp_join_slot slots[]; /* total of them, then the key */
};

/* How large a block has to be for this key and segment, with some room for those that follow. */
size_t smpp_joined_size(uint8_t total, size_t key_len, size_t part_len);

/* NULL: out of memory. */
struct smpp_joined *smpp_joined_new(size_t size, const struct smpp_join_key *key, const void *key_octets,
                                    size_t key_len);

bool smpp_joined_has_key(const struct smpp_joined *message, const void *key, size_t key_len);

static inline bool smpp_joined_fits(const struct smpp_joined *message, size_t part_len)
{
    return part_len <= message->size - message->used;
}

/* A segment that fits and is not there yet. */
void smpp_joined_put(struct smpp_joined *message, unsigned number, const struct smpp_part *part, void *token);
