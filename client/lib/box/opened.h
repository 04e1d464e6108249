/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/verify/verify.h"
#include "common/base/map.h"
#include "common/number/identity.h"

/*
 * The PASSporTs that were opened, of all boxes together, limited in number: in order of arrival, and found by envelope,
 * by orig, and by orig and msgi. Not thread-safe: the boxes' lock guards it. An entry with a reference stays usable
 * after it was dropped here. It is immutable except for its proof, which has a lock of its own.
 */

/* What is known about an envelope from the listing that it was in. */
struct cps_listed {
    int64_t by_ms; /* it was at the CPS by then (monotonic) */
    bool exact;    /* the CPS gave its age; otherwise by_ms is when the answer arrived */
    uint64_t read; /* the number of the plain read that brought it; 0: a waiting read did */
    int64_t by_s;  /* by_ms by the handle's clock, in seconds */
    bool taken;    /* a holder has taken it out of the box */
};

struct cps_entry {
    struct stir_passport *passport;
    struct cps_chain *x5c; /* NULL: none travelled along */
    char id[CPS_ID_LEN + 1];
    pthread_mutex_t lock; /* of the proof and the signer */
    struct cps_proof proof;
    bool vouches;       /* it was verified, and its signer noted: */
    uint8_t signer[32]; /* a digest that stands for the signer, see match.h */
    struct cps_listed listed;
    atomic_bool gone;        /* a holder has taken it out of the box: used */
    atomic_bool forgotten;   /* the CPS no longer knows whether it was used */
    _Atomic int64_t used_at; /* when it was used, or found to be used, by the handle's clock; 0: it was not */
    _Atomic uint64_t use;    /* number of the match that used it, see match.h; 0: none, or not known */
    /* guarded by the boxes' lock: */
    bool accounted;             /* a message with its text has arrived, so it is not evidence about another */
    char blamed[STIR_MSGI_MAX]; /* the name of the message that it is evidence against; "": none */
    /* private to opened.c */
    atomic_int refs;
    struct stir_map_node by_id, by_orig, by_digest;
    struct cps_entry *older, *newer;
    struct cps_entry *next_shelved, **shelf_link;
    struct cps_shelf *shelf;
    uint64_t number; /* in order of arrival */
    int64_t until;   /* of no use after this, by the handle's clock */
    size_t octets;
};

/* The entries of one box, which embeds it. */
struct cps_shelf {
    struct cps_entry *first;
};

/* Makes an entry; takes over passport and x5c on success. x5c_error: NULL, or why the chain from the envelope cannot be
 * used, which is then the result of its credentials. Returns NULL if out of memory. */
struct cps_entry *cps_entry_new(const char *id, const struct cps_listed *listed, struct stir_passport *passport,
                                struct cps_chain *x5c, const struct cps_error *x5c_error);

/* Takes a reference, and gives one back; NULL is fine for the latter. */
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

/* Adds an entry, whose reference it takes over. now: by the handle's clock. */
void cps_entries_add(struct cps_entries *entries, struct cps_shelf *shelf, struct cps_entry *entry, int64_t now);
bool cps_entries_has(const struct cps_entries *entries, const struct cps_shelf *shelf, const char *id);

/* Returns the entry of an envelope, borrowed, or NULL. */
struct cps_entry *cps_entries_find(const struct cps_entries *entries, const struct cps_shelf *shelf, const char *id);

/* Drops entries that are of no more use, then the oldest beyond `slack` times the limits. Calls lost() for the box of
 * each entry that was still of use: that box has to be read again. */
void cps_entries_trim(struct cps_entries *entries, unsigned slack, int64_t now, void (*lost)(struct cps_shelf *shelf));

/* Drops all entries of a box. */
void cps_entries_forget(struct cps_entries *entries, struct cps_shelf *shelf);

/* References to entries. */
struct cps_candidates {
    struct cps_entry **items;
    size_t count, cap;
};

void cps_candidates_clear(struct cps_candidates *candidates);

/* Adds to `out` the entries of a box from this orig with a number above `seen`: those with one of the digests as msgi
 * (a NULL in the list: those without msgi), or all if count is 0. Returns false if out of memory. */
bool cps_entries_collect(const struct cps_entries *entries, const struct cps_shelf *shelf, struct cps_candidates *out,
                         const struct stir_identity *orig, const char *const *digests, size_t count, uint64_t seen);
