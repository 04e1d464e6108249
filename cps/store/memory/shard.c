/* SPDX-License-Identifier: MIT */
#include "cps/store/memory/shard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16
#define MALLOC_OVERHEAD 16 /* per allocation, with glibc */

struct cpsd_blob *cpsd_blob_new(struct stir_view data, struct stir_view publisher)
{
    struct cpsd_blob *blob = malloc(sizeof(*blob) + data.len + publisher.len);
    if (blob) {
        atomic_init(&blob->refs, 1);
        blob->len = data.len;
        blob->publisher_len = (uint8_t)publisher.len;
        if (data.len) {
            memcpy(blob->data, data.ptr, data.len);
        }
        if (publisher.len) {
            memcpy(blob->data + data.len, publisher.ptr, publisher.len);
        }
    }
    return blob;
}

struct stir_view cpsd_blob_publisher(const struct cpsd_blob *blob)
{
    return stir_view(blob->data + blob->len, blob->publisher_len);
}

struct cpsd_blob *cpsd_blob_ref(struct cpsd_blob *blob)
{
    atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
    return blob;
}

void cpsd_blob_unref(struct cpsd_blob *blob)
{
    if (blob && atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel) == 1) {
        free(blob);
    }
}

/* Hash tables. Without memory to grow, chains get longer. */

static void shard_table_grow(struct cpsd_table *table)
{
    size_t buckets = table->buckets ? table->buckets * 2 : FIRST_BUCKETS;
    struct cpsd_node **bucket = calloc(buckets, sizeof(struct cpsd_node *));
    if (!bucket) {
        return;
    }
    for (size_t i = 0; i < table->buckets; i++) {
        for (struct cpsd_node *node = table->bucket[i], *next; node; node = next) {
            next = node->next;
            node->next = bucket[node->hash & (buckets - 1)];
            bucket[node->hash & (buckets - 1)] = node;
        }
    }
    free(table->bucket);
    table->bucket = bucket;
    table->buckets = buckets;
}

static bool shard_table_add(struct cpsd_table *table, struct cpsd_node *node)
{
    if (table->count >= table->buckets) {
        shard_table_grow(table);
    }
    if (!table->buckets) {
        return false;
    }
    struct cpsd_node **head = &table->bucket[node->hash & (table->buckets - 1)];
    node->next = *head;
    *head = node;
    table->count++;
    return true;
}

static void shard_table_remove(struct cpsd_table *table, struct cpsd_node *node)
{
    struct cpsd_node **link = &table->bucket[node->hash & (table->buckets - 1)];
    while (*link != node) {
        link = &(*link)->next;
    }
    *link = node->next;
    table->count--;
}

static struct cpsd_node *shard_table_first(const struct cpsd_table *table, uint64_t hash)
{
    return table->buckets ? table->bucket[hash & (table->buckets - 1)] : NULL;
}

/* The heap: no item expires before its parent. */

static void shard_heap_set(struct cpsd_shard *shard, size_t at, struct cpsd_item *item)
{
    shard->heap[at] = item;
    item->heap_at = at;
}

static void shard_heap_up(struct cpsd_shard *shard, size_t at, struct cpsd_item *item)
{
    while (at && shard->heap[(at - 1) / 2]->expires_us > item->expires_us) {
        shard_heap_set(shard, at, shard->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    shard_heap_set(shard, at, item);
}

static void shard_heap_down(struct cpsd_shard *shard, size_t at, struct cpsd_item *item)
{
    for (size_t child; (child = 2 * at + 1) < shard->heap_len; at = child) {
        if (child + 1 < shard->heap_len && shard->heap[child + 1]->expires_us < shard->heap[child]->expires_us) {
            child++;
        }
        if (shard->heap[child]->expires_us >= item->expires_us) {
            break;
        }
        shard_heap_set(shard, at, shard->heap[child]);
    }
    shard_heap_set(shard, at, item);
}

static bool shard_heap_add(struct cpsd_shard *shard, struct cpsd_item *item)
{
    if (shard->heap_len == shard->heap_cap) {
        size_t cap = shard->heap_cap ? shard->heap_cap * 2 : FIRST_BUCKETS;
        struct cpsd_item **heap = realloc(shard->heap, cap * sizeof(struct cpsd_item *));
        if (!heap) {
            return false;
        }
        shard->heap = heap;
        shard->heap_cap = cap;
    }
    shard_heap_up(shard, shard->heap_len++, item);
    return true;
}

static void shard_heap_remove(struct cpsd_shard *shard, const struct cpsd_item *item)
{
    assert(shard->heap_len > 0 && shard->heap[item->heap_at] == item);
    struct cpsd_item *moved = shard->heap[--shard->heap_len];
    if (moved == item) {
        return;
    }
    if (moved->expires_us < item->expires_us) {
        shard_heap_up(shard, item->heap_at, moved);
    } else {
        shard_heap_down(shard, item->heap_at, moved);
    }
}

/* Boxes and items. */

static size_t shard_box_cost(unsigned len)
{
    return sizeof(struct cpsd_box) + len + sizeof(void *) + MALLOC_OVERHEAD;
}

static size_t shard_blob_cost(const struct cpsd_blob *blob)
{
    return sizeof(*blob) + blob->len + blob->publisher_len + MALLOC_OVERHEAD;
}

static size_t shard_owner_cost(void)
{
    return sizeof(struct cpsd_owner) + sizeof(void *) + MALLOC_OVERHEAD;
}

static size_t shard_item_cost(void)
{
    return sizeof(struct cpsd_item) + 2 * sizeof(void *) + MALLOC_OVERHEAD;
}

size_t cpsd_shard_cost(const struct stir_identity *box, const struct cpsd_blob *blob)
{
    return shard_box_cost(box->len) + shard_item_cost() + shard_blob_cost(blob);
}

static void shard_add_octets(struct cpsd_shard *shard, size_t octets)
{
    atomic_fetch_add_explicit(shard->octets, octets, memory_order_relaxed);
}

static void shard_subtract_octets(struct cpsd_shard *shard, size_t octets)
{
    atomic_fetch_sub_explicit(shard->octets, octets, memory_order_relaxed);
}

/* The ids of one box differ from each other, and clients do not know the hash of the box. */
static uint64_t shard_item_hash(const struct cpsd_shard *shard, const struct cpsd_box *box,
                                const uint8_t id[CPSD_ID_OCTETS])
{
    return stir_siphash(shard->key, id, CPSD_ID_OCTETS) ^ box->node.hash;
}

struct cpsd_box *cpsd_shard_box(struct cpsd_shard *shard, const struct stir_identity *id, uint64_t hash)
{
    for (struct cpsd_node *node = shard_table_first(&shard->boxes, hash); node; node = node->next) {
        struct cpsd_box *box = (struct cpsd_box *)node;
        if (node->hash == hash && box->kind == id->kind && box->len == id->len &&
            memcmp(box->text, id->text, id->len) == 0) {
            return box;
        }
    }
    return NULL;
}

struct cpsd_item *cpsd_shard_item(struct cpsd_shard *shard, const struct cpsd_box *box,
                                  const uint8_t id[CPSD_ID_OCTETS])
{
    uint64_t hash = shard_item_hash(shard, box, id);
    for (struct cpsd_node *node = shard_table_first(&shard->items, hash); node; node = node->next) {
        struct cpsd_item *item = (struct cpsd_item *)node;
        if (node->hash == hash && item->box == box && memcmp(item->id, id, CPSD_ID_OCTETS) == 0) {
            return item;
        }
    }
    return NULL;
}

static void shard_owner_id(uint8_t id[CPSD_PUBLISHER_ID], struct stir_view publisher)
{
    memset(id, 0, CPSD_PUBLISHER_ID);
    if (publisher.len >= CPSD_PUBLISHER_ID) {
        memcpy(id, publisher.ptr, CPSD_PUBLISHER_ID);
    }
}

static uint64_t shard_owner_hash(const struct cpsd_shard *shard, const struct cpsd_box *box,
                                 const uint8_t id[CPSD_PUBLISHER_ID])
{
    return stir_siphash(shard->key, id, CPSD_PUBLISHER_ID) ^ box->node.hash;
}

static struct cpsd_owner *shard_find_owner(const struct cpsd_shard *shard, struct cpsd_box *box,
                                           const uint8_t id[CPSD_PUBLISHER_ID])
{
    if (memcmp(box->owner.id, id, CPSD_PUBLISHER_ID) == 0 && (box->owner.living || box->owner.taken)) {
        return &box->owner;
    }
    if (!shard->owners.count) {
        return NULL;
    }
    uint64_t hash = shard_owner_hash(shard, box, id);
    for (struct cpsd_node *node = shard_table_first(&shard->owners, hash); node; node = node->next) {
        struct cpsd_owner *owner = (struct cpsd_owner *)node;
        if (node->hash == hash && owner->box == box && memcmp(owner->id, id, CPSD_PUBLISHER_ID) == 0) {
            return owner;
        }
    }
    return NULL;
}

const struct cpsd_owner *cpsd_shard_owner(const struct cpsd_shard *shard, const struct cpsd_box *box,
                                          struct stir_view publisher)
{
    uint8_t id[CPSD_PUBLISHER_ID];
    shard_owner_id(id, publisher);
    return shard_find_owner(shard, (struct cpsd_box *)(uintptr_t)box, id);
}

/* Returns NULL without memory. An owner that remains empty is freed with shard_drop_owner_if_empty. */
static struct cpsd_owner *shard_find_or_make_owner(struct cpsd_shard *shard, struct cpsd_box *box,
                                                   struct stir_view publisher)
{
    uint8_t id[CPSD_PUBLISHER_ID];
    shard_owner_id(id, publisher);
    struct cpsd_owner *owner = shard_find_owner(shard, box, id);
    if (owner) {
        return owner;
    }
    bool free_place = !box->owner.living && !box->owner.taken;
    owner = free_place ? &box->owner : calloc(1, sizeof(*owner));
    if (!owner) {
        return NULL;
    }
    owner->box = box;
    memcpy(owner->id, id, CPSD_PUBLISHER_ID);
    owner->node.hash = shard_owner_hash(shard, box, id);
    if (!free_place && !shard_table_add(&shard->owners, &owner->node)) {
        free(owner);
        return NULL;
    }
    shard_add_octets(shard, free_place ? 0 : shard_owner_cost());
    return owner;
}

static void shard_drop_owner_if_empty(struct cpsd_shard *shard, struct cpsd_box *box, struct cpsd_owner *owner)
{
    if (!owner->living && !owner->taken && owner != &box->owner) {
        shard_table_remove(&shard->owners, &owner->node);
        shard_subtract_octets(shard, shard_owner_cost());
        free(owner);
    }
}

void cpsd_shard_disown(struct cpsd_shard *shard, struct cpsd_item *item)
{
    struct cpsd_owner *owner = item->owner;
    item->owner = NULL;
    if (owner) {
        *(item->taken ? &owner->taken : &owner->living) -= 1;
        shard_drop_owner_if_empty(shard, item->box, owner);
    }
}

static void shard_drop_box_if_empty(struct cpsd_shard *shard, struct cpsd_box *box)
{
    if (!box->living && !box->gone) {
        shard_table_remove(&shard->boxes, &box->node);
        shard_subtract_octets(shard, shard_box_cost(box->len));
        free(box);
    }
}

static struct cpsd_box *shard_find_or_make_box(struct cpsd_shard *shard, const struct stir_identity *id, uint64_t hash)
{
    struct cpsd_box *box = cpsd_shard_box(shard, id, hash);
    if (box) {
        return box;
    }
    box = calloc(1, sizeof(*box) + id->len);
    if (!box) {
        return NULL;
    }
    box->node.hash = hash;
    box->kind = id->kind;
    box->len = id->len;
    box->next_expiry_us = INT64_MAX;
    memcpy(box->text, id->text, id->len);
    if (!shard_table_add(&shard->boxes, &box->node)) {
        free(box);
        return NULL;
    }
    shard_add_octets(shard, shard_box_cost(id->len));
    return box;
}

/* Appends a living item to the shown ones. */
static void shard_append_living(struct cpsd_shard *shard, struct cpsd_item *item)
{
    struct cpsd_box *box = item->box;
    item->prev = box->last;
    *(box->last ? &box->last->next : &box->first) = item;
    box->last = item;
    box->living++;
    item->owner->living++;
    shard->living++;
    if (item->expires_us < box->next_expiry_us) {
        box->next_expiry_us = item->expires_us;
    }
}

/* Removes an item from the shown ones and releases its value. */
static void shard_unlist(struct cpsd_shard *shard, struct cpsd_item *item)
{
    struct cpsd_box *box = item->box;
    *(item->prev ? &item->prev->next : &box->first) = item->next;
    *(item->next ? &item->next->prev : &box->last) = item->prev;
    item->prev = NULL;
    item->next = NULL;
    shard_subtract_octets(shard, shard_blob_cost(item->blob));
    cpsd_blob_unref(item->blob);
    item->blob = NULL;
}

enum stir_code cpsd_shard_add(struct cpsd_shard *shard, const struct stir_identity *id_of_box, uint64_t hash,
                              const uint8_t id[CPSD_ID_OCTETS], struct cpsd_blob *blob, int64_t expires_us)
{
    struct cpsd_box *box = shard_find_or_make_box(shard, id_of_box, hash);
    if (!box) {
        return STIR_E_NOMEM;
    }
    /* an empty box or owner that was made here is freed at `fail` */
    struct cpsd_owner *owner = shard_find_or_make_owner(shard, box, cpsd_blob_publisher(blob));
    struct cpsd_item *item = owner ? calloc(1, sizeof(*item)) : NULL;
    if (!item) {
        goto fail;
    }
    item->owner = owner;
    item->node.hash = shard_item_hash(shard, box, id);
    item->box = box;
    item->arrival_us = shard->last_us + 1;
    item->expires_us = expires_us;
    item->shown_until_us = expires_us;
    memcpy(item->id, id, CPSD_ID_OCTETS);
    if (!shard_heap_add(shard, item)) {
        goto fail;
    }
    if (!shard_table_add(&shard->items, &item->node)) {
        shard_heap_remove(shard, item);
        goto fail;
    }
    /* nothing can fail from here on */
    item->blob = blob;
    shard->last_us++;
    shard_append_living(shard, item);
    shard_add_octets(shard, shard_item_cost() + shard_blob_cost(blob));
    return STIR_OK;
fail:
    free(item);
    if (owner) {
        shard_drop_owner_if_empty(shard, box, owner);
    }
    shard_drop_box_if_empty(shard, box);
    return STIR_E_NOMEM;
}

void cpsd_shard_consume(struct cpsd_shard *shard, struct cpsd_item *item, bool show, int64_t known_until_us)
{
    item->taken = true;
    item->box->living--;
    item->box->gone++;
    item->owner->living--;
    item->owner->taken++;
    shard->living--;
    shard->gone++;
    if (!show) {
        shard_unlist(shard, item);
    }
    if (known_until_us > item->expires_us) {
        item->expires_us = known_until_us;
        shard_heap_down(shard, item->heap_at, item);
    }
}

void cpsd_shard_hide(struct cpsd_shard *shard, struct cpsd_item *item)
{
    shard_unlist(shard, item);
}

void cpsd_shard_drop(struct cpsd_shard *shard, struct cpsd_item *item)
{
    struct cpsd_box *box = item->box;
    if (item->blob) {
        shard_unlist(shard, item);
    }
    cpsd_shard_disown(shard, item);
    if (item->taken) {
        box->gone--;
        shard->gone--;
    } else {
        box->living--;
        shard->living--;
    }
    shard_heap_remove(shard, item);
    shard_table_remove(&shard->items, &item->node);
    shard_subtract_octets(shard, shard_item_cost());
    free(item);
    shard_drop_box_if_empty(shard, box);
}

size_t cpsd_shard_expire(struct cpsd_shard *shard, int64_t now_us, size_t most)
{
    size_t count = 0;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a dropped item has left the heap, also when it was the last one */
    while (count < most && shard->heap_len && shard->heap[0]->expires_us <= now_us) {
        shard->expired += !shard->heap[0]->taken;
        cpsd_shard_drop(shard, shard->heap[0]);
        count++;
    }
    return count;
}

void cpsd_shard_make_room(struct cpsd_shard *shard, struct cpsd_box *box, int64_t now_us)
{
    if (now_us < box->next_expiry_us) {
        return;
    }
    box->next_expiry_us = INT64_MAX;
    for (struct cpsd_item *item = box->first, *next; item; item = next) {
        next = item->next;
        if (item->taken) {
            continue; /* it does not count for the limit */
        }
        if (item->expires_us > now_us) {
            box->next_expiry_us = item->expires_us < box->next_expiry_us ? item->expires_us : box->next_expiry_us;
            continue;
        }
        shard->expired++;
        bool last = box->living + box->gone == 1;
        cpsd_shard_drop(shard, item);
        if (last) {
            return;
        }
    }
}

void cpsd_shard_clear(struct cpsd_shard *shard)
{
    (void)cpsd_shard_expire(shard, INT64_MAX, SIZE_MAX);
    free(shard->boxes.bucket);
    free(shard->items.bucket);
    free(shard->owners.bucket);
    free(shard->heap);
    *shard = (struct cpsd_shard){0};
}
