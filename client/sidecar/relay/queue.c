/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/queue.h"

#include "client/smpp/pdu_list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS_MIN = 64 };

/* ---- entries ---- */

static uint64_t queue_key_mix(uint64_t hash, struct stir_view octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        hash = (hash ^ (uint8_t)octets.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ 0x100) * UINT64_C(0x100000001b3); /* an end mark, so that "1", "23" differs from "12", "3" */
}

/* Returns the key of a source and destination: of the digits alone, because messages of a number keep their order
 * whatever its TON and NPI are. If two pairs have the same key, their messages wait for each other without need. */
static uint64_t queue_key_of_pair(struct stir_view source, struct stir_view dest)
{
    uint64_t hash = queue_key_mix(queue_key_mix(UINT64_C(0xcbf29ce484222325), source), dest);
    return hash ^ hash >> 29;
}

static void entry_set_keys(struct sc_entry *entry)
{
    const struct smpp_pdu *pdu = &entry->held.pdu;
    struct stir_view rest = pdu->dests;
    struct smpp_dest dest;
    for (size_t i = 0; i < entry->node_count; i++) {
        struct sc_node *node = &entry->nodes[i];
        node->entry = entry;
        if (entry->held.fault != SMPP_OK) {
            node->key = 0;
        } else if (pdu->dest_count == 0) {
            node->key = queue_key_of_pair(pdu->source.addr, pdu->dest.addr);
        } else if (smpp_dest_next(&rest, &dest)) {
            node->key = queue_key_of_pair(pdu->source.addr, dest.address.addr);
        }
    }
}

enum stir_code sc_entry_new(struct sc_entry **out, enum sc_leg from, const char *pdu, size_t n)
{
    struct smpp_pdu read = {0};
    struct smpp_flaw flaw = {0};
    enum smpp_fault fault = smpp_pdu_read_leniently(&read, pdu, n, &flaw);
    size_t nodes = fault == SMPP_OK && read.dest_count ? read.dest_count : 1;
    size_t head = sizeof(struct sc_entry) + nodes * sizeof(struct sc_node);
    struct sc_entry *entry = malloc(head + n);
    if (!entry) {
        return STIR_E_NOMEM;
    }
    char *copy = (char *)entry + head;
    memset(entry, 0, head);
    memcpy(copy, pdu, n);
    entry->held = (struct sc_held){.from = from, .fault = fault, .flaw = flaw};
    entry->node_count = nodes;
    (void)!smpp_pdu_read_leniently(&entry->held.pdu, copy, n, NULL);
    entry_set_keys(entry);
    *out = entry;
    return STIR_OK;
}

void sc_entry_free(struct sc_entry *entry)
{
    if (entry) {
        free(entry->edited);
        free(entry);
    }
}

/* ---- buckets ---- */

static void queue_bucket_append(struct sc_node **buckets, size_t count, struct sc_node *node)
{
    assert(count && (count & (count - 1)) == 0); /* a power of two */
    struct sc_node **last = &buckets[node->key & (count - 1)];
    node->next = NULL;
    node->previous = *last;
    if (*last) {
        (*last)->next = node;
    }
    *last = node;
}

static void queue_bucket_remove(struct sc_queue *queue, struct sc_node *node)
{
    if (node->previous) {
        node->previous->next = node->next;
    }
    if (node->next) {
        node->next->previous = node->previous;
    } else {
        queue->buckets[node->key & (queue->bucket_count - 1)] = node->previous;
    }
}

static void queue_fill_buckets(const struct sc_queue *queue, struct sc_node **buckets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buckets[i] = NULL;
    }
    for (struct sc_entry *entry = queue->first; entry; entry = entry->next) {
        for (size_t i = 0; i < entry->node_count; i++) {
            queue_bucket_append(buckets, count, &entry->nodes[i]);
        }
    }
}

static enum stir_code queue_make_buckets(struct sc_queue *queue, size_t nodes)
{
    size_t count = queue->bucket_count ? queue->bucket_count : BUCKETS_MIN;
    while (count < nodes) {
        count *= 2;
    }
    if (count == queue->bucket_count) {
        return STIR_OK;
    }
    struct sc_node **buckets = malloc(count * sizeof(struct sc_node *));
    if (!buckets) {
        return STIR_E_NOMEM;
    }
    queue_fill_buckets(queue, buckets, count);
    free(queue->buckets);
    queue->buckets = buckets;
    queue->bucket_count = count;
    return STIR_OK;
}

/* ---- the queue ---- */

enum stir_code sc_queue_put(struct sc_queue *queue, struct sc_entry *entry)
{
    enum stir_code code = queue_make_buckets(queue, queue->node_count + entry->node_count);
    if (code != STIR_OK) {
        return code;
    }
    entry->place = queue->next_place++;
    entry->next = NULL;
    entry->previous = queue->last;
    if (queue->last) {
        queue->last->next = entry;
    } else {
        queue->first = entry;
    }
    queue->last = entry;
    queue->count++;
    queue->octets += entry->held.pdu.octets.len;
    queue->node_count += entry->node_count;
    for (size_t i = 0; i < entry->node_count; i++) {
        queue_bucket_append(queue->buckets, queue->bucket_count, &entry->nodes[i]);
    }
    return STIR_OK;
}

/* Lists the next entry with the same key. Entries of incomplete messages delay no others, so the entry after them
 * is listed, too. */
static void queue_list_successors(const struct sc_node *node, struct sc_entry **ready)
{
    bool passable = true;
    for (struct sc_node *next = node->next; next && passable; next = next->next) {
        if (next->key != node->key || next->entry == node->entry) {
            continue;
        }
        passable = next->entry->held.incomplete;
        if (!next->entry->listed) {
            next->entry->listed = true;
            next->entry->next_ready = *ready;
            *ready = next->entry;
        }
    }
}

void sc_queue_take(struct sc_queue *queue, struct sc_entry *entry, struct sc_entry **ready)
{
    for (size_t i = 0; i < entry->node_count; i++) {
        queue_list_successors(&entry->nodes[i], ready);
        queue_bucket_remove(queue, &entry->nodes[i]);
    }
    assert(queue->count > 0 && queue->node_count >= entry->node_count);
    *(entry->previous ? &entry->previous->next : &queue->first) = entry->next;
    *(entry->next ? &entry->next->previous : &queue->last) = entry->previous;
    queue->count--;
    queue->octets -= entry->held.pdu.octets.len;
    queue->node_count -= entry->node_count;
}

bool sc_queue_may_leave(const struct sc_entry *entry)
{
    for (size_t i = 0; i < entry->node_count; i++) {
        for (const struct sc_node *p = entry->nodes[i].previous; p; p = p->previous) {
            if (p->key == entry->nodes[i].key && p->entry != entry && !p->entry->held.incomplete) {
                return false;
            }
        }
    }
    return true;
}

/* ---- exchanging places ---- */

static void queue_put_between(struct sc_queue *queue, struct sc_entry *entry, struct sc_entry *previous,
                              struct sc_entry *next)
{
    entry->previous = previous;
    entry->next = next;
    *(previous ? &previous->next : &queue->first) = entry;
    *(next ? &next->previous : &queue->last) = entry;
}

static void queue_swap_places(struct sc_queue *queue, struct sc_entry *a, struct sc_entry *b)
{
    struct sc_entry *before_a = a->previous, *after_a = a->next;
    struct sc_entry *before_b = b->previous, *after_b = b->next;
    uint64_t place = a->place;
    a->place = b->place;
    b->place = place;
    if (after_a == b) {
        queue_put_between(queue, b, before_a, a);
        queue_put_between(queue, a, b, after_b);
    } else if (after_b == a) {
        queue_put_between(queue, a, before_b, b);
        queue_put_between(queue, b, a, after_a);
    } else {
        queue_put_between(queue, a, before_b, after_b);
        queue_put_between(queue, b, before_a, after_a);
    }
}

void sc_queue_reorder(struct sc_queue *queue, struct sc_entry *const *entries, size_t count)
{
    bool swapped = false;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            if (entries[k]->place < entries[i]->place) {
                queue_swap_places(queue, entries[i], entries[k]);
                swapped = true;
            }
        }
    }
    if (swapped) {
        queue_fill_buckets(queue, queue->buckets, queue->bucket_count);
    }
}

void sc_queue_clear(struct sc_queue *queue)
{
    assert(!queue->first && queue->count == 0 && queue->node_count == 0);
    free(queue->buckets);
    *queue = (struct sc_queue){0};
}
