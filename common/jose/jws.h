/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/base/view.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdint.h>

/*
 * Signed tokens in JWS compact form (RFC 7515 section 3.1) with ES256 and nothing else (RFC 7518 section 3.4): the only
 * shape that PASSporTs, key records and bearer tokens have.
 */
#define STIR_JWS_MAX 16384 /* octets of the compact form that are read and written */
#define STIR_ES256_SIG 64  /* r || s */

struct stir_jws {
    struct stir_view signing_input; /* "header.payload" in the caller's text, which must outlive this */
    json_t *header;                 /* an object; alg is ES256, there is no crit, no b64 */
    json_t *payload;                /* an object */
    uint8_t sig[STIR_ES256_SIG];
};

/*
 * Reads a token: three parts, strict base64url, header and payload JSON objects, alg exactly "ES256" (checked before
 * any key is touched), no "crit", no "zip", no "jwk" that a careless verifier could take for the key; 64 octets of
 * signature. Nothing is verified. STIR_E_TOO_BIG, STIR_E_JWS, STIR_E_BASE64, STIR_E_JSON, STIR_E_ALG, STIR_E_CRIT.
 * On success the caller frees the members with stir_jws_clear; on failure there is nothing to free.
 */
enum stir_code stir_jws_parse(struct stir_jws *out, const char *token, size_t n,
                              struct stir_error *err) STIR_MUST_CHECK;
void stir_jws_clear(struct stir_jws *jws);

/* As stir_jws_parse and stir_jws_sign, for kinds of tokens that have a limit of their own. */
enum stir_code stir_jws_parse_max(struct stir_jws *out, const char *token, size_t n, size_t max,
                                  struct stir_error *err) STIR_MUST_CHECK;
enum stir_code stir_jws_sign_max(char **out, size_t *out_len, struct stir_view header, struct stir_view payload,
                                 EVP_PKEY *key, size_t max, struct stir_error *err) STIR_MUST_CHECK;

/* Verifies the signature with a P-256 key. STIR_E_KEY for any other key, STIR_E_SIGNATURE. Thread-safe. */
enum stir_code stir_jws_verify(const struct stir_jws *jws, EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;

/* Makes the compact form of header and payload, JSON texts that are taken as they are. *out is NUL-terminated and freed
 * with free(). STIR_E_KEY unless key is a P-256 private key; STIR_E_TOO_BIG beyond STIR_JWS_MAX. Thread-safe. */
enum stir_code stir_jws_sign(char **out, size_t *out_len, struct stir_view header, struct stir_view payload,
                             EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;

/* The primitive: sign and verify octets, signature as r || s (RFC 7518 section 3.4). r and s must be in 1..n-1. */
enum stir_code stir_es256_sign(uint8_t sig[STIR_ES256_SIG], EVP_PKEY *key, const void *data, size_t n,
                               struct stir_error *err) STIR_MUST_CHECK;
enum stir_code stir_es256_verify(const uint8_t sig[STIR_ES256_SIG], EVP_PKEY *key, const void *data, size_t n,
                                 struct stir_error *err) STIR_MUST_CHECK;

/*
 * A public key made ready for many verifications: a tenth less work each than stir_es256_verify, which prepares anew.
 * Immutable, so threads may share it. STIR_E_KEY unless the key is on P-256, STIR_E_CRYPTO. Freed with
 * EVP_PKEY_CTX_free.
 */
enum stir_code stir_es256_ready(EVP_PKEY_CTX **out, EVP_PKEY *key, struct stir_error *err) STIR_MUST_CHECK;
enum stir_code stir_es256_verify_ready(const uint8_t sig[STIR_ES256_SIG], const EVP_PKEY_CTX *ready, const void *data,
                                       size_t n, struct stir_error *err) STIR_MUST_CHECK;

/* Brings s to the lower half of the group order: (r, s) and (r, n - s) are both valid signatures of the same octets,
 * and a replay memory must see them as one. */
void stir_es256_normalize(uint8_t sig[STIR_ES256_SIG]);
