/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "client/lib/box/opened.h"
#include "common/base/map.h"

/*
 * Envelopes that were listed and not opened yet. Opening one costs a key agreement, and most are dummies or belong to
 * messages that have passed. So they are opened only while a PASSporT is looked for, newest first, since that of a
 * message that has just arrived is among the newest. Not thread-safe: the boxes' lock guards it.
 */
struct cps_sealed {
    struct stir_map_node by_id; /* first: a node is its envelope */
    struct cps_sealed *newer, *older;
    struct cps_pile *pile;
    struct cps_envelope envelope;
    struct cps_listed listed;
    int64_t until; /* of no use after it, by the handle's clock */
};

/* The envelopes of one box, which embeds it. */
struct cps_pile {
    struct cps_sealed *newest, *oldest;
    size_t count;
};

/* The envelopes of all boxes together. */
struct cps_sealeds {
    struct stir_map by_id; /* those in piles, and those that are being opened */
    size_t octets;         /* in piles */
};

bool cps_sealeds_init(struct cps_sealeds *all); /* false: out of memory */
void cps_sealeds_free(struct cps_sealeds *all); /* the piles are empty */

/* Puts an envelope on a pile and takes over its text. until: when it is of no more use, by the handle's clock. Returns
 * false if out of memory; then nothing was taken over. */
bool cps_sealed_add(struct cps_sealeds *all, struct cps_pile *pile, struct cps_envelope *envelope,
                    const struct cps_listed *listed, int64_t until);
bool cps_sealed_has(const struct cps_sealeds *all, const struct cps_pile *pile, const char *id);

/* Takes the newest or the oldest envelope off a pile, to be opened; NULL: there is none. The caller gives it back with
 * one of the next two functions. */
struct cps_sealed *cps_sealed_take(struct cps_sealeds *all, struct cps_pile *pile, bool newest);
void cps_sealed_free(struct cps_sealeds *all, struct cps_sealed *sealed);
void cps_sealed_put_back(struct cps_sealeds *all, struct cps_sealed *sealed);

/* Drop the envelopes of a pile that are of no more use, or all of them. */
void cps_sealed_trim(struct cps_sealeds *all, struct cps_pile *pile, int64_t now);
void cps_sealed_forget(struct cps_sealeds *all, struct cps_pile *pile);
