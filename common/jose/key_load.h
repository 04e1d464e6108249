/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/jose/jwk.h"

#include <stdbool.h>
#include <stddef.h>

/* Loads a key by URI through OSSL_STORE: a file (PEM, DER, or a JWK or JWK Set, which is tried first when the file
 * starts with '{') or any scheme of a loaded provider; pkcs11: also through OpenSSL's engine (key_engine.h).
 * want_private refuses a public key. The curve must be P-256 or X25519. *out is freed with EVP_PKEY_free.
 * STIR_E_KEY, STIR_E_IO; err names the file. */
enum stir_code stir_key_load(EVP_PKEY **out, const char *uri, bool want_private, enum stir_key_use use,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Loads all keys of a file that are for `use`: of a JWK Set each usable one, each once (RFC 7517 section 5), of
 * another file or URI the one that stir_key_load loads. Writes up to cap keys, each freed with EVP_PKEY_free, and
 * *count, which is at least 1. STIR_E_KEY also for more than cap keys; STIR_E_IO. On failure nothing is left to
 * free. */
enum stir_code stir_keys_load(EVP_PKEY **out, size_t cap, size_t *count, const char *uri, bool want_private,
                              enum stir_key_use use, struct stir_error *err) STIR_MUST_CHECK;
