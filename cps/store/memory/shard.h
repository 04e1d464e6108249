#pragma once

#include "common/base/siphash.h"
#include "cps/store/store.h"

#include <stdatomic.h>

/*
 * One shard of the memory store: boxes with their envelopes in order of arrival, all envelopes by id, and all that will
 * expire in a heap. No locks, no clock, no loop: the caller has the shard's lock and says what time it is.
 */

/* What was stored. Counted, so that a completion reads it while it leaves the box. */
struct cpsd_blob {
    atomic_uint refs;
    uint8_t publisher_len;
    size_t len;
    char data[]; /* the envelope, then its publisher */
};

struct cpsd_blob *cpsd_blob_new(struct stir_view data, struct stir_view publisher);
struct stir_view cpsd_blob_publisher(const struct cpsd_blob *blob);
struct cpsd_blob *cpsd_blob_ref(struct cpsd_blob *blob);
void cpsd_blob_unref(struct cpsd_blob *blob); /* NULL is fine */

/* In a table of chains; first member of what is in one. */
struct cpsd_node {
    struct cpsd_node *next;
    uint64_t hash;
};

struct cpsd_table {
    struct cpsd_node **bucket;
    size_t buckets; /* a power of two, or 0 */
    size_t count;
};

/* A publisher's envelopes in one box. */
struct cpsd_owner {
    struct cpsd_node node;
    struct cpsd_box *box;
    size_t living, taken;          /* taken: and known to be */
    uint8_t id[CPSD_PUBLISHER_ID]; /* zeros: those without a credential */
};

struct cpsd_box {
    struct cpsd_node node;
    struct cpsd_item *first, *last; /* those that are shown, in order of arrival: the living, and some that are gone */
    size_t living, gone;            /* gone: consumed, and known to be */
    int64_t next_expiry_us;         /* no living one expires before; exact after a search for room */
    struct cpsd_owner owner;        /* one of those who published; the others are in the shard's table */
    enum stir_identity_kind kind;
    unsigned len;
    char text[];
};

struct cpsd_item {
    struct cpsd_node node;
    struct cpsd_box *box;
    struct cpsd_item *prev, *next; /* among those that are shown */
    size_t heap_at;
    int64_t arrival_us;
    int64_t expires_us;       /* until when it is known */
    int64_t shown_until_us;   /* and shown: not later */
    struct cpsd_blob *blob;   /* NULL: it is not shown any more */
    struct cpsd_owner *owner; /* NULL: nobody published it */
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
    int64_t last_us;  /* the latest time that was told or given to an arrival */
    uint64_t expired; /* living ones that were */
};

void cpsd_shard_clear(struct cpsd_shard *shard);

/* What an envelope takes in memory, bookkeeping included. */
size_t cpsd_shard_cost(const struct stir_identity *box, const struct cpsd_blob *blob);

/* NULL if there is none. hash is the box's. */
struct cpsd_box *cpsd_shard_box(struct cpsd_shard *shard, const struct stir_identity *box, uint64_t hash);
struct cpsd_item *cpsd_shard_item(struct cpsd_shard *shard, const struct cpsd_box *box,
                                  const uint8_t id[CPSD_ID_OCTETS]);

/* What that publisher has in the box; NULL: nothing. */
const struct cpsd_owner *cpsd_shard_owner(const struct cpsd_shard *shard, const struct cpsd_box *box,
                                          struct stir_view publisher);

/* Makes an item nobody's: it does not count for its publisher any more. */
void cpsd_shard_disown(struct cpsd_shard *shard, struct cpsd_item *item);

/* Shows an item that was taken no more. */
void cpsd_shard_hide(struct cpsd_shard *shard, struct cpsd_item *item);

/* Adds an envelope as the last to arrive. The blob's reference passes to the shard. STIR_E_NOMEM adds nothing. */
enum stir_code cpsd_shard_add(struct cpsd_shard *shard, const struct stir_identity *box, uint64_t hash,
                              const uint8_t id[CPSD_ID_OCTETS], struct cpsd_blob *blob,
                              int64_t expires_us) STIR_MUST_CHECK;

/* Takes a living item: it is known until known_until_us, if that is later than its end, and shown till its end if
 * `show` is set; otherwise only what is needed to know it again is left of it. */
void cpsd_shard_consume(struct cpsd_shard *shard, struct cpsd_item *item, bool show, int64_t known_until_us);

/* Drops an item, whatever it is, and its box if that was all. */
void cpsd_shard_drop(struct cpsd_shard *shard, struct cpsd_item *item);

/* Drops up to `most` of what has expired in any box. Returns how many. */
size_t cpsd_shard_expire(struct cpsd_shard *shard, int64_t now_us, size_t most);

/* Drops what has expired in a box, without looking while nothing can have. The box may be gone afterwards. */
void cpsd_shard_make_room(struct cpsd_shard *shard, struct cpsd_box *box, int64_t now_us);
