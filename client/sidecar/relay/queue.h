#pragma once

#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"

#include <stddef.h>

/*
 * The messages of one direction of a connection that are held, in the order in which they came. A message may leave
 * when none before it has a source and destination in common with it; segments whose message is incomplete delay
 * nobody. No decisions here, no I/O.
 */
struct gw_relay;
struct gw_entry;

/* A message's place among those with the same source and destination. */
struct gw_node {
    struct gw_node *previous, *next; /* in the bucket, in order */
    struct gw_entry *entry;
    uint64_t key;
};

struct gw_entry {
    struct gw_held held; /* what the filter sees of it */
    struct gw_relay *relay;
    struct gw_entry *previous, *next; /* in the queue, in order */
    struct gw_entry *next_ready;
    uint64_t place; /* grows along the queue */
    bool decided;
    bool listed;  /* among those that may be able to leave now */
    char *edited; /* what goes on instead of pdu.octets; NULL: that */
    size_t edited_len;
    size_t node_count;
    struct gw_node nodes[]; /* one a destination; behind them the octets */
};

struct gw_queue {
    struct gw_entry *first, *last;
    uint64_t next_place;
    size_t count;
    size_t octets; /* of the PDUs as they came */
    size_t node_count;
    struct gw_node **buckets; /* each its last node */
    size_t bucket_count;      /* 0 or a power of two */
};

/* An entry with a copy of the PDU, read: held.pdu or held.fault. STIR_E_NOMEM. */
enum stir_code gw_entry_new(struct gw_entry **out, enum gw_leg from, const char *pdu, size_t n) STIR_MUST_CHECK;
void gw_entry_free(struct gw_entry *entry);

/* Appends an entry, or takes it out; it stays its owner's. STIR_E_NOMEM: it was not appended. */
enum stir_code gw_queue_put(struct gw_queue *queue, struct gw_entry *entry) STIR_MUST_CHECK;

/* Takes an entry out and puts the entries that may be able to leave now at the front of *ready (by next_ready). */
void gw_queue_take(struct gw_queue *queue, struct gw_entry *entry, struct gw_entry **ready);

/* Nothing before it has to leave first. */
bool gw_queue_may_leave(const struct gw_entry *entry);

/* Lets entries of this queue exchange their places, so that they stand in this order. */
void gw_queue_reorder(struct gw_queue *queue, struct gw_entry *const *entries, size_t count);

void gw_queue_clear(struct gw_queue *queue); /* which is empty */
