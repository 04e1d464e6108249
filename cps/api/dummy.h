/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/base/config.h"
#include "cps/store/store.h"

/*
 * Dummies (RFC 8816 section 6.2): made-up envelopes that cannot be distinguished from real ones without the secret.
 * They have the same header, an epk that is a valid public key, and sizes and lifetimes as real ones have, and never
 * appear again after they expire. Nothing is stored: the dummies of a box are a function of the secret, the destination
 * and the time slot, the same at every server that has the secret.
 *
 * steady: slots of half a lifetime; in each slot one to four dummies arrive at pseudo-random moments, so that at least
 * one is alive at every moment, and the arrival of a real envelope changes nothing else. empty: one dummy per lifetime,
 * shown only in a list without real envelopes.
 */
#define CPSD_DUMMIES_A_SLOT 4
#define CPSD_DUMMIES_MAX (3 * CPSD_DUMMIES_A_SLOT) /* alive at one moment */
#define CPSD_DUMMY_SECRET 32

struct cpsd_dummies;

/* Derives the secret from the configured file, or makes a random one without it. STIR_E_CONFIG, STIR_E_IO,
 * STIR_E_CRYPTO. */
enum stir_code cpsd_dummy_secret(uint8_t secret[CPSD_DUMMY_SECRET], const struct cpsd_config *config,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* Makes a worker's dummies with their cache; not thread-safe. STIR_E_CONFIG for a size that is not an allowed length
 * (common/jose/envelope.h), STIR_E_NOMEM. */
enum stir_code cpsd_dummies_new(struct cpsd_dummies **out, const uint8_t secret[CPSD_DUMMY_SECRET],
                                const struct cpsd_config *config, struct stir_error *err) STIR_MUST_CHECK;
void cpsd_dummies_free(struct cpsd_dummies *dummies);

/* Returns true in steady mode: dummies are listed beside real envelopes. */
bool cpsd_dummies_steady(const struct cpsd_dummies *dummies);

/* Writes the dummies of a box that are alive at now_us (microseconds since the epoch) in order of arrival. Their
 * envelopes are valid until the next call. Returns their number, at least one; 0 only if memory or OpenSSL failed. */
size_t cpsd_dummies_alive(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t now_us,
                          struct cpsd_entry out[CPSD_DUMMIES_MAX]);

/* Returns when the next dummy of a box arrives after now_us; INT64_MAX if none is due. */
int64_t cpsd_dummies_next(struct cpsd_dummies *dummies, const struct stir_identity *box, int64_t now_us);
