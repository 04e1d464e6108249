/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdint.h>

/*
 * base64 (RFC 4648 section 4, padded) and base64url (section 5, without padding, as RFC 7515 section 2 uses it).
 * Decoding is strict: no white space, no foreign alphabet, padding exactly where the form demands it, no bits set that
 * the octets do not need. Thread-safe.
 */

/* Characters that n octets take, without a NUL. */
static inline size_t stir_b64url_len(size_t n)
{
    return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

static inline size_t stir_b64_len(size_t n)
{
    return (n + 2) / 3 * 4;
}

/* Upper bound of the octets that n characters decode to. */
static inline size_t stir_b64_decoded_max(size_t n)
{
    return n / 4 * 3 + 3;
}

/* Writes exactly stir_b64url_len(n) (stir_b64_len(n)) characters, no NUL; returns how many. */
size_t stir_b64url_encode(char *out, const void *data, size_t n);
size_t stir_b64_encode(char *out, const void *data, size_t n);

/* Decodes n characters into out, which holds cap octets; *len is what was written (0 on failure).
 * STIR_E_BASE64, STIR_E_TOO_BIG (cap does not suffice). */
enum stir_code stir_b64url_decode(uint8_t *out, size_t cap, size_t *len, const char *text, size_t n) STIR_MUST_CHECK;
enum stir_code stir_b64_decode(uint8_t *out, size_t cap, size_t *len, const char *text, size_t n) STIR_MUST_CHECK;

/* Decodes base64url that has to give exactly len octets, 64 at most: STIR_E_INVAL if it is well-formed but of another
 * length, STIR_E_BASE64. out is untouched on failure. */
#define STIR_B64_EXACT_MAX 64
enum stir_code stir_b64url_decode_exact(uint8_t *out, size_t len, const char *text, size_t n) STIR_MUST_CHECK;
