/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/chain.h"

#include <jansson.h>

/*
 * Certificate chains that travel in a token's header (RFC 7515 section 4.1.6): an array of DER certificates in standard
 * base64, leaf first. Thread-safe.
 */

/* Reads a chain. STIR_E_CERT for anything else than 1 to STIR_CHAIN_MAX strings of strict base64 that
 * stir_chain_from_der takes, STIR_E_TOO_BIG beyond STIR_CHAIN_OCTETS. *out holds one reference, untouched on failure.
 */
enum stir_code stir_x5c_parse(struct stir_chain **out, const json_t *x5c, struct stir_error *err) STIR_MUST_CHECK;

/* Writes the digest by which a cache knows a chain: SHA-256 over the strings, each followed by a NUL. STIR_E_CERT if
 * it is not an array of strings, STIR_E_CRYPTO. */
enum stir_code stir_x5c_digest(uint8_t out[32], const json_t *x5c, struct stir_error *err) STIR_MUST_CHECK;

/* Writes the SHA-256 of each string, in order. STIR_E_CERT for anything else than an array of 1 to STIR_CHAIN_MAX
 * strings, STIR_E_CRYPTO. */
enum stir_code stir_x5c_digests(uint8_t out[STIR_CHAIN_MAX][32], size_t *count, const json_t *x5c,
                                struct stir_error *err) STIR_MUST_CHECK;

/* Appends the JSON array of DER certificates. */
void stir_x5c_put(struct stir_buf *out, const struct stir_view *der, size_t count);
