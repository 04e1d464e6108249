/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash table of nodes that its owner embeds. Keys are hashed with a secret, so that no peer can choose keys that
 * collide (URLs and identifiers come from outside). Not thread-safe: the owner has a lock.
 *
 * The project uses this table and the lists of common/base/list.h everywhere. uthash was considered and not taken: its
 * hash functions have no secret, it ends the process when it runs out of memory unless every use overrides that, and
 * its macros expand to about a hundred lines in each caller. libbsd's tree.h orders keys, which nothing here needs, at
 * the cost of comparisons along a path, and would be one more dependency.
 */
struct stir_map_node {
    struct stir_map_node *next, **link; /* link: what points at this node; NULL: in no table */
    uint64_t hash;
};

struct stir_map {
    struct stir_map_node **buckets;
    size_t size; /* of buckets, a power of two */
    size_t count;
    struct stir_siphash_key secret;
};

/* Makes an empty table. Returns false if there is no memory or no random secret. */
bool stir_map_init(struct stir_map *map);

/* Frees the table. The nodes are the owner's and are not touched. */
void stir_map_free(struct stir_map *map);

/* Returns the hash of a key of one or two parts (b_len 0: one). */
uint64_t stir_map_hash(const struct stir_map *map, const void *a, size_t a_len, const void *b, size_t b_len);

/* Returns the first node with this hash, and the next one after a node; NULL: no more. Different keys can have the same
 * hash, so the owner compares the keys. */
struct stir_map_node *stir_map_first(const struct stir_map *map, uint64_t hash);
struct stir_map_node *stir_map_next(const struct stir_map_node *node);

/* Adds a node, in front of those of equal hash. Never fails: without memory to grow, chains get longer. */
void stir_map_put(struct stir_map *map, struct stir_map_node *node, uint64_t hash);

/* Removes a node; one that is zeroed or was removed before is left as it is. */
void stir_map_remove(struct stir_map *map, struct stir_map_node *node);
