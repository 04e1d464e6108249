#pragma once

#include "client/lib/verify/verify.h"
#include "common/base/map.h"
#include "common/number/identity.h"

/*
 * The PASSporTs that were opened, of all boxes together: bounded, in order of arrival, found by envelope, by orig, and
 * by orig and msgi. Not thread-safe: the boxes' lock is over it. An entry that somebody holds a reference to stays
 * usable after it was dropped here; it is immutable but for its proof, which has a lock of its own.
 */

/* How an envelope came to be known. */
struct cps_listed {
    int64_t by_ms; /* it had reached the CPS by then (monotonic) */
    bool exact;    /* the CPS said so; otherwise it is when its answer came */
    uint64_t read; /* the number of the plain read that brought it; 0: a waiting read did */
    int64_t by_s;  /* by_ms by the handle's clock */
    bool taken;    /* a holder had taken it out */
};

struct cps_entry {
    struct stir_passport *passport;
    struct cps_chain *x5c; /* NULL: none travelled along */
    char id[CPS_ID_LEN + 1];
    pthread_mutex_t lock; /* of the proof and the signer */
    struct cps_proof proof;
    bool vouches;       /* it was verified, and its signer is known: */
    uint8_t signer[32]; /* a digest of who that is, see match.h */
    struct cps_listed listed;
    atomic_bool gone;        /* the CPS gave it to one holder: used */
    atomic_bool forgotten;   /* the CPS does not know any more whether it was used */
    _Atomic int64_t used_at; /* when it passed, or was found to have passed, by the handle's clock; 0: it did not */
    _Atomic uint64_t use;    /* which message used it, see match.h; 0: none, or not known */
    /* guarded by the boxes' lock: */
    bool accounted;             /* a message with its text arrived: it is evidence about no other */
    char blamed[STIR_MSGI_MAX]; /* the message that it was evidence against: its digest; "": none */
    /* private to entry.c */
    atomic_int refs;
    struct stir_map_node by_id, by_orig, by_digest;
    struct cps_entry *older, *newer;
    struct cps_entry *next_shelved, **shelf_link;
    struct cps_shelf *shelf;
    uint64_t number; /* in order of arrival */
    int64_t until;   /* of no use after it, by the handle's clock */
    size_t octets;
};

/* What belongs to one box: its owner embeds it. */
struct cps_shelf {
    struct cps_entry *first;
};

/* Takes over passport and x5c on success. x5c_error: NULL, or what is wrong with the chain that travelled along: the
 * credentials are then judged already. NULL: out of memory. */
struct cps_entry *cps_entry_new(const char *id, const struct cps_listed *listed, struct stir_passport *passport,
                                struct cps_chain *x5c, const struct cps_error *x5c_error);
struct cps_entry *cps_entry_ref(struct cps_entry *entry);
void cps_entry_unref(struct cps_entry *entry);

struct cps_entries {
    const struct cps_options *options;
    struct stir_map by_id, by_orig, by_digest;
    struct cps_entry *oldest, *newest;
    size_t count, octets;
    uint64_t last_number;
};

bool cps_entries_init(struct cps_entries *entries, const struct cps_options *options); /* false: out of memory */
void cps_entries_free(struct cps_entries *entries);

/* Takes over the entry. now: by the handle's clock. */
void cps_entries_add(struct cps_entries *entries, struct cps_shelf *shelf, struct cps_entry *entry, int64_t now);
bool cps_entries_has(const struct cps_entries *entries, const struct cps_shelf *shelf, const char *id);

/* The entry of an envelope, or NULL; no reference. */
struct cps_entry *cps_entries_find(const struct cps_entries *entries, const struct cps_shelf *shelf, const char *id);

/* Drops what is of no use any more, then the oldest beyond `slack` times the limits. Calls lost() for the box of each
 * entry that was still of use: that box has to be read again. */
void cps_entries_trim(struct cps_entries *entries, unsigned slack, int64_t now, void (*lost)(struct cps_shelf *shelf));

/* Drops all of a box. */
void cps_entries_forget(struct cps_entries *entries, struct cps_shelf *shelf);

/* References to entries. */
struct cps_candidates {
    struct cps_entry **items;
    size_t count, cap;
};

void cps_candidates_clear(struct cps_candidates *candidates);

/* Adds the entries of a box from this orig that came after number `seen`: those with one of the digests as msgi (NULL
 * in the list: without any), or all if count is 0. False: out of memory. */
bool cps_entries_collect(const struct cps_entries *entries, const struct cps_shelf *shelf, struct cps_candidates *out,
                         const struct stir_identity *orig, const char *const *digests, size_t count, uint64_t seen);
