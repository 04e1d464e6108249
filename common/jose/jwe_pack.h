/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/view.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A shorter form of an envelope, for storing many: base64url is decoded, and the header, which is one text but for the
 * epk, is left out. The packed form has three fifths to three quarters of the length; unpacking gives the same text,
 * octet for octet.
 *
 *     1 X25519, 2 P-256 | epk, 32 or 64 octets | IV, 12 | tag, 16 | ciphertext
 *
 * Thread-safe; allocates nothing.
 */

/* Packs; out has room for n octets. Returns the length, or 0 for what is not an envelope with the very header that
 * stir_jwe_encrypt writes (another spelling of it, A128GCM): that is to be kept as it is. Looks at no more than it has
 * to: whether the epk is a point is for stir_jwe_check. */
size_t stir_jwe_pack(uint8_t *out, const char *jwe, size_t n);

/* Characters of the text that was packed; 0 if these octets are nothing that stir_jwe_pack wrote. */
size_t stir_jwe_unpacked_len(struct stir_view packed);

/* Writes stir_jwe_unpacked_len() characters, which is not 0, and no NUL. */
void stir_jwe_unpack(char *out, struct stir_view packed);
