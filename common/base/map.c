/* SPDX-License-Identifier: MIT */
#include "common/base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64

bool stir_map_init(struct stir_map *map)
{
    *map = (struct stir_map){.size = FIRST_SIZE, .buckets = calloc(FIRST_SIZE, sizeof(struct stir_map_node *))};
    if (!map->buckets || stir_siphash_key_new(&map->secret) != 0) {
        stir_map_free(map);
        return false;
    }
    return true;
}

void stir_map_free(struct stir_map *map)
{
    free(map->buckets);
    *map = (struct stir_map){0};
}

uint64_t stir_map_hash(const struct stir_map *map, const void *a, size_t a_len, const void *b, size_t b_len)
{
    uint64_t parts[2] = {stir_siphash(&map->secret, a, a_len)};
    if (!b_len) {
        return parts[0];
    }
    /* each part is hashed by itself, so that moving octets from `a` to `b` changes the hash */
    parts[1] = stir_siphash(&map->secret, b, b_len);
    return stir_siphash(&map->secret, parts, sizeof(parts));
}

static struct stir_map_node *map_match(struct stir_map_node *node, uint64_t hash)
{
    while (node && node->hash != hash) {
        node = node->next;
    }
    return node;
}

struct stir_map_node *stir_map_first(const struct stir_map *map, uint64_t hash)
{
    return map_match(map->buckets[hash & (map->size - 1)], hash);
}

struct stir_map_node *stir_map_next(const struct stir_map_node *node)
{
    return map_match(node->next, node->hash);
}

static void map_link(struct stir_map *map, struct stir_map_node *node)
{
    struct stir_map_node **head = &map->buckets[node->hash & (map->size - 1)];
    node->next = *head;
    node->link = head;
    if (node->next) {
        node->next->link = &node->next;
    }
    *head = node;
}

static void map_grow(struct stir_map *map)
{
    struct stir_map_node **wider = calloc(map->size * 2, sizeof(struct stir_map_node *));
    if (!wider) {
        return;
    }
    struct stir_map_node **old = map->buckets;
    size_t old_size = map->size;
    map->buckets = wider;
    map->size *= 2;
    for (size_t i = 0; i < old_size; i++) {
        for (struct stir_map_node *node = old[i], *next; node; node = next) {
            next = node->next;
            map_link(map, node);
        }
    }
    free(old);
}

void stir_map_put(struct stir_map *map, struct stir_map_node *node, uint64_t hash)
{
    if (map->count >= map->size) {
        map_grow(map);
    }
    assert(map->size && (map->size & (map->size - 1)) == 0);
    node->hash = hash;
    map_link(map, node);
    map->count++;
}

void stir_map_remove(struct stir_map *map, struct stir_map_node *node)
{
    if (!node->link) {
        return;
    }
    assert(map->count > 0 && *node->link == node);
    *node->link = node->next;
    if (node->next) {
        node->next->link = node->link;
    }
    node->link = NULL;
    node->next = NULL;
    map->count--;
}
