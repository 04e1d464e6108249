#pragma once

#include "common/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash table of nodes that its owner embeds. Keys are hashed with a secret, so that no peer can choose them to
 * collide (URLs and identifiers come from outside). Not thread-safe: the owner has a lock.
 */
struct cps_map_node {
    struct cps_map_node *next, **link;
    uint64_t hash;
};

struct cps_map {
    struct cps_map_node **buckets;
    size_t size; /* a power of two */
    size_t count;
    struct stir_siphash_key secret;
};

bool cps_map_init(struct cps_map *map); /* false: out of memory */
void cps_map_free(struct cps_map *map); /* the nodes are the owner's */

/* The hash of a key of one or two parts. */
uint64_t cps_map_hash(const struct cps_map *map, const void *a, size_t a_len, const void *b, size_t b_len);

/* The first node with this hash, and the next one after it; NULL: no more. The owner compares keys. */
struct cps_map_node *cps_map_first(const struct cps_map *map, uint64_t hash);
struct cps_map_node *cps_map_next(const struct cps_map_node *node);

/* Puts a node in front of those of equal hash. Never fails: without memory to grow, chains get longer. */
void cps_map_put(struct cps_map *map, struct cps_map_node *node, uint64_t hash);

/* Takes a node out; a zeroed one, or one that was taken out, is fine. */
void cps_map_remove(struct cps_map *map, struct cps_map_node *node);
