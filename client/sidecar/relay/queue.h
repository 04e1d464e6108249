#pragma once

#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"

#include <stddef.h>

/*
 * The messages of one direction of a connection that are held, in the order in which they came. A message may leave
 * when none before it has a source and destination in common with it; segments whose message is incomplete delay
 * nobody. No decisions here, no I/O.
 */
struct sc_relay;
struct sc_entry;

/* A message's place among those with the same source and destination. */
struct sc_node {
    struct sc_node *previous, *next; /* in the bucket, in order */
    struct sc_entry *entry;
    uint64_t key;
};

struct sc_entry {
    struct sc_held held; /* what the filter sees of it */
    struct sc_relay *relay;
    struct sc_entry *previous, *next; /* in the queue, in order */
    struct sc_entry *next_ready;
    uint64_t place; /* grows along the queue */
    bool decided;
    bool listed;  /* among those that may be able to leave now */
    char *edited; /* what goes on instead of pdu.octets; NULL: that */
    size_t edited_len;
    size_t node_count;
    struct sc_node nodes[]; /* one a destination; behind them the octets */
};

struct sc_queue {
    struct sc_entry *first, *last;
    uint64_t next_place;
    size_t count;
    size_t octets; /* of the PDUs as they came */
    size_t node_count;
    struct sc_node **buckets; /* each its last node */
    size_t bucket_count;      /* 0 or a power of two */
};

/* An entry with a copy of the PDU, read: held.pdu or held.fault. STIR_E_NOMEM. */
enum stir_code sc_entry_new(struct sc_entry **out, enum sc_leg from, const char *pdu, size_t n) STIR_MUST_CHECK;
void sc_entry_free(struct sc_entry *entry);

/* Appends an entry, or takes it out; it stays its owner's. STIR_E_NOMEM: it was not appended. */
enum stir_code sc_queue_put(struct sc_queue *queue, struct sc_entry *entry) STIR_MUST_CHECK;

/* Takes an entry out and puts the entries that may be able to leave now at the front of *ready (by next_ready). */
void sc_queue_take(struct sc_queue *queue, struct sc_entry *entry, struct sc_entry **ready);

/* Nothing before it has to leave first. */
bool sc_queue_may_leave(const struct sc_entry *entry);

/* Lets entries of this queue exchange their places, so that they stand in this order. */
void sc_queue_reorder(struct sc_queue *queue, struct sc_entry *const *entries, size_t count);

void sc_queue_clear(struct sc_queue *queue); /* which is empty */
