#pragma once

#include "cps/base/config.h"
#include "cps/store/store.h"

/*
 * Dummies (RFC 8816 section 6.2): made-up envelopes that nobody without the secret can tell from real ones. Same
 * header, an epk that is a true public key, sizes and lives as real ones have, never seen again after it. Nothing is
 * stored: a box's dummies are a function of the secret, the destination and the time slot, the same at every server
 * that has the secret.
 *
 * steady: slots of half a life; in each slot one to four dummies arrive at pseudo-random moments, so that at every
 * moment at least one is alive, and an arrival of a real envelope changes nothing else.
 * empty: one dummy a life, shown only where nothing else is.
 */
#define CPSD_DUMMIES_A_SLOT 4
#define CPSD_DUMMIES_MAX (3 * CPSD_DUMMIES_A_SLOT) /* alive at one moment */
#define CPSD_DUMMY_SECRET 32

struct cpsd_dummies;

/* The secret: the first octets of the configured file, or random ones. STIR_E_CONFIG, STIR_E_IO. */
enum stir_code cpsd_dummy_secret(uint8_t secret[CPSD_DUMMY_SECRET], const struct cpsd_config *config,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* A worker's maker with its cache; not thread-safe. STIR_E_CONFIG for a size that is not an allowed length
 * (common/jose/envelope.h), STIR_E_NOMEM. */
enum stir_code cpsd_dummies_new(struct cpsd_dummies **out, const uint8_t secret[CPSD_DUMMY_SECRET],
                                const struct cpsd_config *config, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_dummies_free(struct cpsd_dummies *dummies);

/* True in the steady mode: dummies are listed beside real envelopes. */
bool cpsd_dummies_steady(const struct cpsd_dummies *dummies);

/* The dummies of a box that are alive at now_us, in order of arrival, at least one. Their envelopes are valid until the
 * next call. Returns how many; 0 only if memory or the library failed. */
size_t cpsd_dummies_alive(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t now_us,
                          struct cpsd_entry out[CPSD_DUMMIES_MAX]);

/* When the next dummy of a box arrives after now_us; INT64_MAX if none is to be expected. */
int64_t cpsd_dummies_next(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t now_us);
