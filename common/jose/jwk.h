/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/jose/key.h"

#include <jansson.h>
#include <stdbool.h>

/* The purpose of a key. */
enum stir_key_use {
    STIR_KEY_SIGN,    /* ES256, or to check such signatures */
    STIR_KEY_ENCRYPT, /* ECDH-ES: to make envelopes, or to open them */
};

/* Returns true unless the JWK says by its "use", "key_ops" or "alg" that it is for another purpose than `use` (RFC
 * 7517 sections 4.2 to 4.4). */
bool stir_jwk_is_for(const json_t *jwk, enum stir_key_use use);

/*
 * Reads a JWK (RFC 7517, RFC 8037): EC/P-256 and OKP/X25519, public or private. Checks kty, crv, the lengths of x, y
 * and d, that the point is on the curve and not at infinity, and that d belongs to the public part. "use", "key_ops",
 * "alg" and "kid" are allowed and ignored; stir_jwk_is_for reads them. *out is freed with EVP_PKEY_free. STIR_E_KEY.
 */
enum stir_code stir_jwk_parse(EVP_PKEY **out, const json_t *jwk, bool want_private,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Makes a JWK object from a key; with_private adds "d". *out is a new reference. STIR_E_KEY, STIR_E_NOMEM. */
enum stir_code stir_jwk_make(json_t **out, const EVP_PKEY *key, bool with_private,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Writes the JWK thumbprint with SHA-256 (RFC 7638): 43 characters of base64url and a NUL. STIR_E_KEY,
 * STIR_E_CRYPTO. */
enum stir_code stir_jwk_thumbprint(char out[44], const EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;
