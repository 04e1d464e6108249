#pragma once

#include "client/lib/context/message.h"
#include "common/passport/passport.h"

/*
 * Which PASSporTs were used, each at which destination: a PASSporT that names several is good once at each of them
 * (RFC 8224 section 12.1 has replays within the freshness interval in mind, not other recipients). With the option
 * CPS_REPLAY_NONE nothing is remembered. Thread-safe.
 */

/* Uses a PASSporT up at a destination. CPS_E_REPLAYED if it was used there before; what the replay memory returns. */
enum cps_code cps_used_claim(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest,
                             struct cps_error *err) STIR_MUST_CHECK;

/* Gives it back: it was not used after all. */
void cps_used_undo(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest);

/* Tells whether it was used. What the replay memory returns. */
enum cps_code cps_used_look(struct cps *cps, const struct stir_passport *passport, const struct stir_identity *dest,
                            bool *used, struct cps_error *err) STIR_MUST_CHECK;

/* Uses it up at all destinations of a message, or at none. As cps_used_claim. */
enum cps_code cps_used_claim_all(struct cps *cps, const struct stir_passport *passport,
                                 const struct cps_checked *message, struct cps_error *err) STIR_MUST_CHECK;

/* Returns the last second, by the handle's clock, in which a use is certain to be remembered. */
int64_t cps_used_until(const struct cps *cps, const struct stir_passport *passport);
