/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/jose/key.h"

#include <jansson.h>

/*
 * A public key as its octets: the x and y of a JWK or an epk. Thread-safe.
 */
#define STIR_COORDINATE 32

struct stir_point {
    enum stir_curve curve;
    uint8_t octets[2 * STIR_COORDINATE]; /* X25519: the first 32; P-256: x || y */
};

static inline size_t stir_point_len(enum stir_curve curve)
{
    return curve == STIR_CURVE_P256 ? 2 * STIR_COORDINATE : STIR_COORDINATE;
}

/* Reads kty, crv, x and y of a JWK and ignores other members. Does not check that the octets are a point.
 * STIR_E_JSON (a member is missing or not a string), STIR_E_KEY (kty, crv, a length), STIR_E_BASE64. */
enum stir_code stir_point_from_jwk(struct stir_point *out, const json_t *jwk, struct stir_error *err) STIR_MUST_CHECK;

/* Decodes a member that holds exactly 32 octets (x, y, d). Same codes. */
enum stir_code stir_jwk_octets(uint8_t out[STIR_COORDINATE], const json_t *jwk, const char *name,
                               struct stir_error *err) STIR_MUST_CHECK;

/* P-256: coordinates below p and on the curve (so never infinity). X25519: not one of the points of low order, whose
 * shared secret with any key is zero. STIR_E_KEY. */
enum stir_code stir_point_check(const struct stir_point *point, struct stir_error *err) STIR_MUST_CHECK;

/* Writes the public half of a key. STIR_E_KEY for other curves. */
enum stir_code stir_point_of(struct stir_point *out, const EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;

/* Makes a public key from its octets. `like` is NULL or a key of the same curve, whose parameters are then copied,
 * which is much faster for P-256. STIR_E_KEY if it is not a point. *out is freed with EVP_PKEY_free. */
enum stir_code stir_point_key(EVP_PKEY **out, const struct stir_point *point, const EVP_PKEY *like,
                              struct stir_error *err) STIR_MUST_CHECK;
