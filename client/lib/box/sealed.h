#pragma once

#include "client/cps.h"
#include "client/lib/box/opened.h"
#include "common/base/map.h"

/*
 * Envelopes that were listed and not opened yet. Opening one costs an agreement of keys, and most are dummies or were
 * meant for messages that have passed: they are opened only while something is looked for, newest first, since that is
 * where the PASSporT of a message that has just arrived is. Not thread-safe: the boxes' lock is over it.
 */
struct cps_sealed {
    struct stir_map_node by_id; /* first: a node is its envelope */
    struct cps_sealed *newer, *older;
    struct cps_pile *pile;
    struct cps_envelope envelope;
    struct cps_listed listed;
    int64_t until; /* of no use after it, by the handle's clock */
};

/* Those of one box: its owner embeds it. */
struct cps_pile {
    struct cps_sealed *newest, *oldest;
    size_t count;
};

/* Of all boxes together. */
struct cps_sealeds {
    struct stir_map by_id; /* those in piles, and those that somebody is opening */
    size_t octets;         /* in piles */
};

bool cps_sealeds_init(struct cps_sealeds *all); /* false: out of memory */
void cps_sealeds_free(struct cps_sealeds *all); /* the piles are empty */

/* Puts an envelope on a pile, whose text it takes over. False: out of memory, nothing taken. */
bool cps_sealed_add(struct cps_sealeds *all, struct cps_pile *pile, struct cps_envelope *envelope,
                    const struct cps_listed *listed, int64_t until);
bool cps_sealed_has(const struct cps_sealeds *all, const struct cps_pile *pile, const char *id);

/* Takes the newest, or the oldest, off its pile to be opened; NULL: there is none. It is given back with one of the
 * next two. */
struct cps_sealed *cps_sealed_take(struct cps_sealeds *all, struct cps_pile *pile, bool newest);
void cps_sealed_free(struct cps_sealeds *all, struct cps_sealed *sealed);
void cps_sealed_put_back(struct cps_sealeds *all, struct cps_sealed *sealed);

/* Drops what is of no use any more; all of a pile. */
void cps_sealed_trim(struct cps_sealeds *all, struct cps_pile *pile, int64_t now);
void cps_sealed_forget(struct cps_sealeds *all, struct cps_pile *pile);
