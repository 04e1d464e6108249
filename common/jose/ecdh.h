/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/jose/point.h"

/*
 * Elliptic-curve Diffie-Hellman as JOSE uses it (RFC 7518 section 4.6, RFC 8037 section 3.2). Thread-safe.
 */
#define STIR_SHARED_SECRET 32 /* octets of Z on either curve */

/* Agrees on Z with the holder of `peer`, a point on the key's own curve. STIR_E_KEY (not a private key, or another
 * curve), STIR_E_CRYPTO (no secret: the point is off the curve, or Z is zero). */
enum stir_code stir_ecdh_agree(uint8_t z[STIR_SHARED_SECRET], EVP_PKEY *key, const struct stir_point *peer,
                               struct stir_error *err) STIR_MUST_CHECK;

/* Makes an ephemeral key on the recipient's curve and agrees on Z; *epk is its public half, the private half is gone.
 * STIR_E_KEY, STIR_E_CRYPTO. */
enum stir_code stir_ecdh_ephemeral(uint8_t z[STIR_SHARED_SECRET], struct stir_point *epk, EVP_PKEY *recipient,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* Concat KDF of RFC 7518 section 4.6.2 with SHA-256, one round; alg is the enc name, apu and apv may be empty. Public
 * for the vector of appendix C. key_bits is 128 or 256; z_len and the texts are short (STIR_E_INVAL beyond 256 octets
 * in all). */
enum stir_code stir_concat_kdf(uint8_t *key, unsigned key_bits, const uint8_t *z, size_t z_len, const char *alg,
                               const char *apu, const char *apv, struct stir_error *err) STIR_MUST_CHECK;
