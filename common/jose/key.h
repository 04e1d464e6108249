#pragma once

#include "common/base/error.h"

#include <jansson.h>
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

/* What a key is wanted for. */
enum stir_key_use {
    STIR_KEY_SIGN,    /* ES256, or to check such signatures */
    STIR_KEY_ENCRYPT, /* ECDH-ES: to make envelopes, or to open them */
};

/* Opens a key by URI through OSSL_STORE: a file (PEM, DER, or a JWK / JWK Set file, which is tried first when the file
 * starts with '{') or any scheme that a loaded provider knows; pkcs11: also through OpenSSL's engine (key_engine.h).
 * want_private refuses a public key. The curve must be P-256 or X25519. STIR_E_KEY, STIR_E_IO; err names the file. */
enum stir_code stir_key_load(EVP_PKEY **out, const char *uri, bool want_private, enum stir_key_use use,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Opens all keys of a file that are for `use`: of a JWK Set each of them (RFC 7517 section 5: one that is not usable is
 * left out, and so is one that is there twice), of another file or URI the one that stir_key_load opens. Writes up to
 * cap keys, each freed with EVP_PKEY_free, and *count, which is at least 1. STIR_E_KEY also for more than cap keys;
 * STIR_E_IO. On failure nothing is left to free. */
enum stir_code stir_keys_load(EVP_PKEY **out, size_t cap, size_t *count, const char *uri, bool want_private,
                              enum stir_key_use use, struct stir_error *err) STIR_MUST_CHECK;

/* True unless a JWK says of itself that it is for something else than `use`: by its "use", its "key_ops" or its "alg"
 * (RFC 7517 sections 4.2 to 4.4). */
bool stir_jwk_is_for(const json_t *jwk, enum stir_key_use use);

/* STIR_E_KEY if it is neither P-256 nor X25519. */
enum stir_code stir_key_curve(enum stir_curve *out, const EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;

/* True if the private half is there and can be read; false as well for one that a token keeps to itself. */
bool stir_key_has_private(const EVP_PKEY *key);

/* True if both hold the same public key. NULL is never the same. */
bool stir_key_same_public(const EVP_PKEY *a, const EVP_PKEY *b);

/*
 * A JWK (RFC 7517, RFC 8037): EC/P-256 and OKP/X25519, public or private. Checked: kty, crv, lengths of x, y, d, the
 * point on the curve and not at infinity, d fits the public part; "use", "key_ops", "alg" and "kid" may stand beside
 * and are ignored here: stir_jwk_is_for reads them. STIR_E_KEY.
 */
enum stir_code stir_jwk_parse(EVP_PKEY **out, const json_t *jwk, bool want_private,
                              struct stir_error *err) STIR_MUST_CHECK;

/* The key as a new JWK object; with_private adds "d". */
enum stir_code stir_jwk_make(json_t **out, const EVP_PKEY *key, bool with_private,
                             struct stir_error *err) STIR_MUST_CHECK;

/* JWK thumbprint, SHA-256 (RFC 7638), 43 characters of base64url and a NUL. */
enum stir_code stir_jwk_thumbprint(char out[44], const EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;

/* PEM text, PKCS#8 or SubjectPublicKeyInfo, NUL-terminated; freed with free(), after OPENSSL_cleanse for a private one.
 */
enum stir_code stir_key_to_pem(char **out, const EVP_PKEY *key, bool with_private,
                               struct stir_error *err) STIR_MUST_CHECK;
