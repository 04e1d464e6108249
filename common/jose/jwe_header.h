/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/view.h"
#include "common/jose/point.h"

/*
 * The protected header of an envelope. Ours is one text but for the epk, so it is written from a template and, read
 * back, recognised by it; any other spelling of the same members takes the strict JSON way to the same result.
 */
#define STIR_JWE_HEADER_MAX 1024 /* octets of a header's JSON that are read */
#define STIR_JWE_HEADER_B64 256  /* characters that a header of ours takes at most */

struct stir_jwe_header {
    struct stir_point epk; /* checked: a point of its curve */
    bool a128gcm;
    bool own; /* the very text that stir_jwe_header_write writes */
};

/* Writes the header in base64url, no NUL; returns its length. */
size_t stir_jwe_header_write(char out[STIR_JWE_HEADER_B64], const struct stir_point *epk);

/* Characters of a header of ours with an epk of that curve. */
size_t stir_jwe_header_len(enum stir_curve curve);

/* True if the text is what stir_jwe_header_write writes for *epk, which is not checked. */
bool stir_jwe_header_is_ours(struct stir_point *epk, struct stir_view text);

/* Reads a header from its base64url: alg, cty, enc and epk, and nothing else in it or in the epk. STIR_E_BASE64,
 * STIR_E_JSON, STIR_E_ALG, STIR_E_JWE, STIR_E_TOO_BIG. */
enum stir_code stir_jwe_header_read(struct stir_jwe_header *out, struct stir_view text,
                                    struct stir_error *err) STIR_MUST_CHECK;
