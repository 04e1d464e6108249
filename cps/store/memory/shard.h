/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/siphash.h"
#include "cps/store/store.h"

#include <stdatomic.h>

/*
 * One shard of the memory store: boxes with their envelopes in order of arrival, a hash table of all envelopes by id,
 * and a heap by expiry. It has no lock, clock or loop: the caller holds the shard's lock and passes the time.
 */

/* A stored value. It is reference-counted, so that a completion can read it after it has left the box. */
struct cpsd_blob {
    atomic_uint refs;
    uint8_t publisher_len;
    size_t len;
    char data[]; /* the envelope, then its publisher */
};

struct cpsd_blob *cpsd_blob_new(struct stir_view data, struct stir_view publisher);
struct stir_view cpsd_blob_publisher(const struct cpsd_blob *blob);
struct cpsd_blob *cpsd_blob_ref(struct cpsd_blob *blob);
void cpsd_blob_unref(struct cpsd_blob *blob); /* NULL is allowed */

/* The first member of what is in a hash table. */
struct cpsd_node {
    struct cpsd_node *next;
    uint64_t hash;
};

struct cpsd_table {
    struct cpsd_node **bucket;
    size_t buckets; /* a power of two, or 0 */
    size_t count;
};

/* Counts the envelopes of one publisher in one box. */
struct cpsd_owner {
    struct cpsd_node node;
    struct cpsd_box *box;
    size_t living, taken;          /* taken: remembered as taken */
    uint8_t id[CPSD_PUBLISHER_ID]; /* zeros for publishers without a credential */
};

struct cpsd_box {
    struct cpsd_node node;
    struct cpsd_item *first, *last; /* shown items in order of arrival: the living, and some taken ones */
    size_t living, gone;            /* gone: remembered as taken */
    int64_t next_expiry_us;         /* no living item expires before this; exact after cpsd_shard_make_room */
    struct cpsd_owner owner;        /* one of the publishers; the others are in the shard's table */
    enum stir_identity_kind kind;
    unsigned len;
    char text[];
};

struct cpsd_item {
    struct cpsd_node node;
    struct cpsd_box *box;
    struct cpsd_item *prev, *next; /* in the list of shown items */
    size_t heap_at;
    int64_t arrival_us;
    int64_t expires_us;       /* until when it is there or remembered */
    int64_t shown_until_us;   /* until when it is shown; not later than expires_us */
    struct cpsd_blob *blob;   /* NULL: it is no longer shown */
    struct cpsd_owner *owner; /* NULL: it counts for no publisher */
    bool taken;
    uint8_t id[CPSD_ID_OCTETS];
};

struct cpsd_shard {
    const struct stir_siphash_key *key;
    atomic_size_t *octets; /* held by all shards together */
    struct cpsd_table boxes, items, owners;
    struct cpsd_item **heap; /* the first expires first */
    size_t heap_len, heap_cap;
    size_t living, gone;
    int64_t last_us;  /* the latest time that was reported or given to an arrival */
    uint64_t expired; /* the number of living items that have expired */
};

void cpsd_shard_clear(struct cpsd_shard *shard);

/* Returns the octets of memory that an envelope takes, including bookkeeping. */
size_t cpsd_shard_cost(const struct stir_identity *box, const struct cpsd_blob *blob);

/* Find a box by its hash, and an item of a box. NULL if there is none. */
struct cpsd_box *cpsd_shard_box(struct cpsd_shard *shard, const struct stir_identity *box, uint64_t hash);
struct cpsd_item *cpsd_shard_item(struct cpsd_shard *shard, const struct cpsd_box *box,
                                  const uint8_t id[CPSD_ID_OCTETS]);

/* Returns the counts of a publisher in the box; NULL if it has nothing there. */
const struct cpsd_owner *cpsd_shard_owner(const struct cpsd_shard *shard, const struct cpsd_box *box,
                                          struct stir_view publisher);

/* Makes an item not count for its publisher any more. */
void cpsd_shard_disown(struct cpsd_shard *shard, struct cpsd_item *item);

/* Stops showing a taken item. */
void cpsd_shard_hide(struct cpsd_shard *shard, struct cpsd_item *item);

/* Adds an envelope as the latest arrival. With STIR_OK the shard owns the reference to the blob. Errors: STIR_E_NOMEM,
 * and nothing is added. */
enum stir_code cpsd_shard_add(struct cpsd_shard *shard, const struct stir_identity *box, uint64_t hash,
                              const uint8_t id[CPSD_ID_OCTETS], struct cpsd_blob *blob,
                              int64_t expires_us) STIR_MUST_CHECK;

/* Marks a living item as taken. It is remembered until it expires, or until known_until_us if that is later. With
 * `show` it is shown until it expires; otherwise its value is released. */
void cpsd_shard_consume(struct cpsd_shard *shard, struct cpsd_item *item, bool show, int64_t known_until_us);

/* Drops an item, living or taken, and its box if that is empty then. */
void cpsd_shard_drop(struct cpsd_shard *shard, struct cpsd_item *item);

/* Drops up to `most` expired items of all boxes. Returns their number. */
size_t cpsd_shard_expire(struct cpsd_shard *shard, int64_t now_us, size_t most);

/* Drops the expired living items of a box; returns at once if none can have expired. The box may be freed. */
void cpsd_shard_make_room(struct cpsd_shard *shard, struct cpsd_box *box, int64_t now_us);
