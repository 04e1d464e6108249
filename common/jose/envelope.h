/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/view.h"
#include "common/jose/jwe.h"

/*
 * What is inside an envelope: the full-form PASSporT, or {"passport":"...","x5c":["..."]} when the signer's certificate
 * chain travels along; either padded with spaces to the next allowed length. There are five lengths, so that an
 * envelope's length says little about its content, and a dummy (cps/api/dummy.h) can have the same. Thread-safe.
 */
#define STIR_ENVELOPE_LENGTHS "512, 1,024, 2,048, 4,096 or 8,192" /* of the plaintext, in octets; for messages */
#define STIR_ENVELOPE_LENGTH_MAX 8192
#define STIR_X5C_MAX 8 /* certificates in a chain */

/* Returns the smallest allowed length of at least n octets; 0 if n is greater than STIR_ENVELOPE_LENGTH_MAX. */
size_t stir_envelope_padded(size_t n);

/* Checks what stir_jwe_check found: whether the envelope looks like all others. STIR_OK, or STIR_E_JWE with a text that
 * says what to change: the header's text, or the plaintext's length. Parses nothing. */
enum stir_code stir_envelope_check_form(const struct stir_jwe_info *info, struct stir_error *err) STIR_MUST_CHECK;

/* Encrypts a PASSporT to one key; x5c_der is the chain, leaf first, or NULL. Appends the envelope to out. */
enum stir_code stir_envelope_seal(struct stir_buf *out, const char *passport, size_t n, const struct stir_view *x5c_der,
                                  size_t x5c_count, EVP_PKEY *recipient, struct stir_error *err) STIR_MUST_CHECK;

/* What came out of an envelope. Owned by the caller; freed with stir_opened_clear. */
struct stir_opened {
    struct stir_buf plaintext;          /* all of it, cleansed when cleared */
    struct stir_view passport;          /* into plaintext, or into x5c's JSON: valid until stir_opened_clear */
    struct stir_view x5c[STIR_X5C_MAX]; /* DER certificates, leaf first */
    size_t x5c_count;                   /* 0: none travelled along, or what did is not an array of certificates */
    void *owned;                        /* private */
};

/* Opens an envelope. STIR_E_DECRYPT (not for this key, or a dummy), STIR_E_PLAINTEXT (neither form), and what
 * stir_jwe_decrypt returns. The PASSporT itself is not parsed. On failure there is nothing to clear. */
enum stir_code stir_envelope_open(struct stir_opened *out, const char *jwe, size_t n, EVP_PKEY *key,
                                  struct stir_error *err) STIR_MUST_CHECK;
void stir_opened_clear(struct stir_opened *opened);
