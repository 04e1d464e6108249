#pragma once

#include "client/lib/box/arrival.h"
#include "common/base/map.h"

/*
 * Messages that arrived and whose PASSporT was not found (yet): any PASSporT from the same sender to the same
 * destination that no message accounts for may be theirs, so it does not prove that the text of another message was
 * changed. They are remembered for as long as a PASSporT may be fresh, by digests under a secret: no numbers, no
 * texts. Not thread-safe: the boxes' lock is over it.
 *
 * Bounded: the last CPS_UNEXPLAINED_EACH messages of two parties, `max` in all. If one had to be forgotten early, there
 * is no evidence of changed texts until it would have been forgotten anyway.
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

/* Adds a message that was received, and for which no PASSporT with its text was found. now: the handle's clock. */
void cps_unexplained_add(struct cps_unexplained *all, const struct cps_arrival *arrival, int64_t now);

/* Adds a message of which the text is not known, or not yet; takes one of these back. */
void cps_unexplained_announce(struct cps_unexplained *all, const struct stir_identity *orig,
                              const struct stir_identity *dest, int64_t now);
void cps_unexplained_take_back(struct cps_unexplained *all, const struct stir_identity *orig,
                               const struct stir_identity *dest);

/* True if a PASSporT has the text of one of these messages, which is then explained: it stays in memory, because its
 * sender may have signed it again, and counts no more. */
bool cps_unexplained_account(struct cps_unexplained *all, const struct stir_passport *passport,
                             const struct stir_identity *dest);

/* Returns how many messages beside this one may have a PASSporT that was issued at iat: those between the same parties
 * that arrived after that. */
size_t cps_unexplained_count(struct cps_unexplained *all, const struct cps_arrival *arrival, int64_t iat, int64_t now);
