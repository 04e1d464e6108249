#pragma once

#include "common/base/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash table of nodes that its owner embeds. Keys are hashed with a secret, so that no peer can choose them to
 * collide (URLs and identifiers come from outside). Not thread-safe: the owner has a lock.
 */
struct stir_map_node {
    struct stir_map_node *next, **link;
    uint64_t hash;
};

struct stir_map {
    struct stir_map_node **buckets;
    size_t size; /* a power of two */
    size_t count;
    struct stir_siphash_key secret;
};

bool stir_map_init(struct stir_map *map); /* false: out of memory */
void stir_map_free(struct stir_map *map); /* the nodes are the owner's */

/* The hash of a key of one or two parts. */
uint64_t stir_map_hash(const struct stir_map *map, const void *a, size_t a_len, const void *b, size_t b_len);

/* The first node with this hash, and the next one after it; NULL: no more. The owner compares keys. */
struct stir_map_node *stir_map_first(const struct stir_map *map, uint64_t hash);
struct stir_map_node *stir_map_next(const struct stir_map_node *node);

/* Puts a node in front of those of equal hash. Never fails: without memory to grow, chains get longer. */
void stir_map_put(struct stir_map *map, struct stir_map_node *node, uint64_t hash);

/* Takes a node out; a zeroed one, or one that was taken out, is fine. */
void stir_map_remove(struct stir_map *map, struct stir_map_node *node);
