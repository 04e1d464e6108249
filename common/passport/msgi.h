/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The message integrity claim (RFC 9475 section 3.2): "sha256-", "sha384-" or "sha512-" and the standard base64 of the
 * digest of the whole MIME body, octet for octet. Thread-safe.
 */
#define STIR_MSGI_MAX 96 /* longest text, "sha512-" + 88, with its NUL */

enum stir_msgi_alg {
    STIR_MSGI_SHA256,
    STIR_MSGI_SHA384,
    STIR_MSGI_SHA512,
};

/* Computes the claim's text, NUL-terminated. STIR_E_CRYPTO. */
enum stir_code stir_msgi_make(char out[STIR_MSGI_MAX], enum stir_msgi_alg alg, const void *body, size_t n,
                              struct stir_error *err) STIR_MUST_CHECK;

/*
 * Compares a claim with a body: decoded octets, constant time. STIR_OK only on a match; STIR_E_MSGI_MISMATCH for
 * another digest, also for a digest whose length does not fit its algorithm (as in the RFC's own example); STIR_E_MSGI
 * when the text is not a digest at all or names an algorithm that is not supported.
 */
enum stir_code stir_msgi_check(const char *msgi, size_t n, const void *body, size_t body_n,
                               struct stir_error *err) STIR_MUST_CHECK;

/* True if the text names a supported algorithm and carries as many octets as it makes: what may be signed. */
bool stir_msgi_well_formed(const char *msgi, size_t n);
