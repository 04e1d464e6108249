/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/box/arrival.h"
#include "common/base/map.h"

/*
 * Messages that arrived and whose PASSporT was not found, or not yet. A PASSporT from the same sender to the same
 * destination that belongs to no known message may be theirs, so it does not prove that the text of another message was
 * changed. They are remembered for as long as a PASSporT may be fresh, by keyed digests, without numbers and texts. Not
 * thread-safe: the boxes' lock guards it.
 *
 * Limited to the last CPS_UNEXPLAINED_EACH messages between two parties, and to `max` in all. If one has to be
 * forgotten early, nothing counts as evidence of a changed text until it would have been forgotten anyway.
 */
#define CPS_UNEXPLAINED_EACH 32

struct cps_unexplained_message;

struct cps_unexplained {
    struct stir_map by_pair;
    struct cps_unexplained_message *oldest, *newest;
    size_t count, max;
    int64_t life_s;
    int64_t unsure_until; /* by the handle's clock */
};

bool cps_unexplained_init(struct cps_unexplained *all, const struct cps_options *options); /* false: out of memory */
void cps_unexplained_free(struct cps_unexplained *all);

/* Adds a message for which no PASSporT with its text was found. now: by the handle's clock. */
void cps_unexplained_add(struct cps_unexplained *all, const struct cps_arrival *arrival, int64_t now);

/* Add a message whose text is not known, or not yet, and take back one of these. */
void cps_unexplained_announce(struct cps_unexplained *all, const struct stir_identity *orig,
                              const struct stir_identity *dest, int64_t now);
void cps_unexplained_take_back(struct cps_unexplained *all, const struct stir_identity *orig,
                               const struct stir_identity *dest);

/* Returns true if a PASSporT has the text of one of these messages, which is then explained: it no longer counts, but
 * is kept, because its sender may have signed it again. */
bool cps_unexplained_account(struct cps_unexplained *all, const struct stir_passport *passport,
                             const struct stir_identity *dest);

/* Returns the number of other messages to which a PASSporT issued at iat may belong: those between the same parties
 * that arrived after that. */
size_t cps_unexplained_count(struct cps_unexplained *all, const struct cps_arrival *arrival, int64_t iat, int64_t now);
