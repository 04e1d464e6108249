/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Keys are OpenSSL EVP_PKEYs, decoded once and used many times. Signing keys are P-256; encryption keys X25519 or
 * P-256. An EVP_PKEY may be used by several threads at once; creating and freeing it is the owner's business.
 */
enum stir_curve {
    STIR_CURVE_P256,
    STIR_CURVE_X25519,
};

/* Generates a key pair; *out is freed with EVP_PKEY_free. STIR_E_CRYPTO. */
enum stir_code stir_key_generate(EVP_PKEY **out, enum stir_curve curve, struct stir_error *err) STIR_MUST_CHECK;

/* Tells the curve of a key. STIR_E_KEY if it is neither P-256 nor X25519. */
enum stir_code stir_key_curve(enum stir_curve *out, const EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;

/* Returns true if the private half is present and can be read; false for a key that a token does not give out. */
bool stir_key_has_private(const EVP_PKEY *key);

/* Returns true if both have the same public key. NULL is never the same. */
bool stir_key_same_public(const EVP_PKEY *a, const EVP_PKEY *b);

/* Writes a key as PEM text, PKCS#8 or SubjectPublicKeyInfo, NUL-terminated. *out is freed with free(), a private one
 * after OPENSSL_cleanse. STIR_E_KEY, STIR_E_CRYPTO, STIR_E_NOMEM. */
enum stir_code stir_key_to_pem(char **out, const EVP_PKEY *key, bool with_private,
                               struct stir_error *err) STIR_MUST_CHECK;
