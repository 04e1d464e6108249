/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/jose/ecdh.h"
#include "common/jose/key.h"

/*
 * Envelopes: JWE compact (RFC 7516) with ECDH-ES direct agreement (RFC 7518 section 4.6, RFC 8037) and AES-GCM. The
 * protected header is exactly {"alg":"ECDH-ES","cty":"passport","enc":"A256GCM","epk":{...}}, so that all envelopes
 * look alike; A128GCM is accepted when opening. Thread-safe; keys may be shared between threads.
 */
#define STIR_JWE_MAX 16384
#define STIR_GCM_IV 12
#define STIR_GCM_TAG 16

/* What an envelope shows without a key. */
struct stir_jwe_info {
    enum stir_curve curve;
    bool a128gcm;
    bool own_header;       /* the header is, octet for octet, what stir_jwe_encrypt writes for this epk */
    size_t ciphertext_len; /* octets */
};

/*
 * The check that needs no key (what the server does): five parts, empty encrypted key, known alg, enc and cty, an epk
 * that is a point of its curve (P-256: on the curve, not infinity; X25519: 32 octets, not one of the low-order points),
 * no kid, zip, crit, apu, apv or anything else in the header; 12 octets of IV, 16 of tag; sizes. STIR_E_JWE,
 * STIR_E_BASE64, STIR_E_JSON, STIR_E_ALG, STIR_E_TOO_BIG. info may be NULL.
 */
enum stir_code stir_jwe_check(struct stir_jwe_info *info, const char *jwe, size_t n,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Encrypts octets to a public key (its curve decides that of epk). The plaintext is taken as it is: padding is the
 * envelope's (common/jose/envelope.h). Appends the compact form to out. STIR_E_KEY, STIR_E_CRYPTO, STIR_E_TOO_BIG. */
enum stir_code stir_jwe_encrypt(struct stir_buf *out, const void *plaintext, size_t n, EVP_PKEY *recipient,
                                struct stir_error *err) STIR_MUST_CHECK;

/* Decrypts with a private key; appends the plaintext to out (free it with stir_buf_cleanse). An epk of another curve
 * than the key's, a zero shared secret or a wrong tag are STIR_E_DECRYPT; everything that stir_jwe_check refuses is
 * refused here too, before the key is used. */
enum stir_code stir_jwe_decrypt(struct stir_buf *out, const char *jwe, size_t n, EVP_PKEY *key,
                                struct stir_error *err) STIR_MUST_CHECK;

/* Puts an envelope together from its octets: epk is 32 octets (X25519) or 64 (P-256: x || y). For dummies, which must
 * have the very form of real ones, and for tests. enc is A256GCM. */
void stir_jwe_assemble(struct stir_buf *out, enum stir_curve curve, const uint8_t *epk, const uint8_t iv[STIR_GCM_IV],
                       const uint8_t *ciphertext, size_t n, const uint8_t tag[STIR_GCM_TAG]);
