#include "client/lib/map.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 64

bool cps_map_init(struct cps_map *map)
{
    *map = (struct cps_map){.size = FIRST_SIZE, .buckets = calloc(FIRST_SIZE, sizeof(struct cps_map_node *))};
    if (!map->buckets || RAND_bytes(map->secret, sizeof(map->secret)) != 1) {
        cps_map_free(map);
        return false;
    }
    return true;
}

void cps_map_free(struct cps_map *map)
{
    free(map->buckets);
    *map = (struct cps_map){0};
}

uint64_t cps_map_hash(const struct cps_map *map, const void *a, size_t a_len, const void *b, size_t b_len)
{
    /* Two rounds where there are two parts: no length of `a` can shift octets into `b`. */
    uint8_t block[16 + SHA256_DIGEST_LENGTH + 512];
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t hash;
    memcpy(block, map->secret, sizeof(map->secret));
    size_t used = sizeof(map->secret);
    if (b_len) {
        (void)SHA256(b, b_len, block + used);
        used += SHA256_DIGEST_LENGTH;
    }
    if (a_len <= sizeof(block) - used) {
        memcpy(block + used, a, a_len);
        used += a_len;
    } else {
        (void)SHA256(a, a_len, block + used);
        used += SHA256_DIGEST_LENGTH;
    }
    (void)SHA256(block, used, digest);
    memcpy(&hash, digest, sizeof(hash));
    return hash;
}

static struct cps_map_node *matching(struct cps_map_node *node, uint64_t hash)
{
    while (node && node->hash != hash) {
        node = node->next;
    }
    return node;
}

struct cps_map_node *cps_map_first(const struct cps_map *map, uint64_t hash)
{
    return matching(map->buckets[hash & (map->size - 1)], hash);
}

struct cps_map_node *cps_map_next(const struct cps_map_node *node)
{
    return matching(node->next, node->hash);
}

static void link_node(struct cps_map *map, struct cps_map_node *node)
{
    struct cps_map_node **head = &map->buckets[node->hash & (map->size - 1)];
    node->next = *head;
    node->link = head;
    if (node->next) {
        node->next->link = &node->next;
    }
    *head = node;
}

static void grow(struct cps_map *map)
{
    struct cps_map_node **wider = calloc(map->size * 2, sizeof(struct cps_map_node *));
    if (!wider) {
        return;
    }
    struct cps_map_node **old = map->buckets;
    size_t old_size = map->size;
    map->buckets = wider;
    map->size *= 2;
    for (size_t i = 0; i < old_size; i++) {
        for (struct cps_map_node *node = old[i], *next; node; node = next) {
            next = node->next;
            link_node(map, node);
        }
    }
    free(old);
}

void cps_map_put(struct cps_map *map, struct cps_map_node *node, uint64_t hash)
{
    if (map->count >= map->size) {
        grow(map);
    }
    node->hash = hash;
    link_node(map, node);
    map->count++;
}

void cps_map_remove(struct cps_map *map, struct cps_map_node *node)
{
    if (!node->link) {
        return;
    }
    *node->link = node->next;
    if (node->next) {
        node->next->link = node->link;
    }
    node->link = NULL;
    node->next = NULL;
    map->count--;
}
