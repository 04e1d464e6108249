/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/message.h"
#include "common/passport/passport.h"

/*
 * Records in the replay memory which PASSporTs were used, each at which destination. A PASSporT that names several
 * destinations is valid once at each: RFC 8224 section 12.1 is about replays within the freshness interval, not about
 * other recipients. With CPS_REPLAY_NONE nothing is recorded. Thread-safe.
 */

/* Uses up a PASSporT at a destination. CPS_E_REPLAYED: it was used there before; otherwise what the replay memory
 * returns. */
enum cps_code cps_used_claim(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest,
                             struct cps_error *err) STIR_MUST_CHECK;

/* Gives a use back: the PASSporT was not used after all. */
void cps_used_undo(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest);

/* Sets *used to whether the PASSporT was used at the destination. Returns what the replay memory does. */
enum cps_code cps_used_look(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest,
                            bool *used, struct cps_error *err) STIR_MUST_CHECK;

/* Uses up a PASSporT at all destinations of a message, or at none. As cps_used_claim. */
enum cps_code cps_used_claim_all(struct cps *cps, const struct stir_passport *passport,
                                 const struct cps_checked *message, struct cps_error *err) STIR_MUST_CHECK;

/* Returns the last second, by the handle's clock, in which a use is certainly remembered. */
int64_t cps_used_until(const struct cps *cps, const struct stir_passport *passport);
