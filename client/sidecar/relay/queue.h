/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"

#include <stddef.h>

/*
 * The held messages of one direction of a connection, in order of arrival. A message may leave when no earlier message
 * has the same source and destination; segments of incomplete messages delay no others. No decisions, no I/O.
 */
struct sc_relay;
struct sc_entry;

/* A message's place among those with the same source and destination. */
struct sc_node {
    struct sc_node *previous, *next; /* in the bucket, in order of arrival */
    struct sc_entry *entry;
    uint64_t key;
};

struct sc_entry {
    struct sc_held held; /* as the filter sees it */
    struct sc_relay *relay;
    struct sc_entry *previous, *next; /* in the queue, in order of arrival */
    struct sc_entry *next_ready;
    uint64_t place; /* grows along the queue */
    bool decided;
    bool listed;  /* in a list of entries that may be able to leave */
    char *edited; /* forwarded instead of pdu.octets; NULL: unedited */
    size_t edited_len;
    size_t node_count;
    struct sc_node nodes[]; /* one per destination; the octets follow them */
};

struct sc_queue {
    struct sc_entry *first, *last;
    uint64_t next_place;
    size_t count;
    size_t octets; /* of the PDUs as they arrived */
    size_t node_count;
    struct sc_node **buckets; /* each its last node */
    size_t bucket_count;      /* 0 or a power of two */
};

/* Makes an entry with a copy of a PDU and reads it: sets held.pdu or held.fault. STIR_E_NOMEM. */
enum stir_code sc_entry_new(struct sc_entry **out, enum sc_leg from, const char *pdu, size_t n) STIR_MUST_CHECK;
void sc_entry_free(struct sc_entry *entry);

/* Appends an entry, which the caller still owns. STIR_E_NOMEM: it was not appended. */
enum stir_code sc_queue_put(struct sc_queue *queue, struct sc_entry *entry) STIR_MUST_CHECK;

/* Removes an entry, and adds the entries that may be able to leave now to the front of *ready (linked by next_ready).
 */
void sc_queue_take(struct sc_queue *queue, struct sc_entry *entry, struct sc_entry **ready);

/* Returns true if no earlier entry has to leave first. */
bool sc_queue_may_leave(const struct sc_entry *entry);

/* Puts entries of this queue into the order of `entries`, within the places that they have. */
void sc_queue_reorder(struct sc_queue *queue, struct sc_entry *const *entries, size_t count);

/* Frees the memory of an empty queue. */
void sc_queue_clear(struct sc_queue *queue);
