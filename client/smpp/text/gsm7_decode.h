/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Decodes text in the GSM 7-bit alphabets (3GPP TS 23.038) to UTF-8: the default alphabet and the national language
 * tables of gsm7_tables.h. Pass one state for all segments of a text, because an escape at the end of one segment
 * applies to the first septet of the next.
 */
struct smpp_gsm {
    bool escaped;       /* the last septet was an escape */
    bool other_cedilla; /* decode 0x09 as the c-cedilla of the other case than the table has */
};

/*
 * Appends n septets, one per octet, as UTF-8. `locking` and `single` are national language identifiers (gsm7_tables.h).
 * An escaped septet that the single shift table does not have is the character of the locking table; two escapes are
 * one space (both TS 23.038 section 6.2.1.1). Returns false at an octet above 0x7f, which is not a septet; the septets
 * before it have been appended then.
 */
bool smpp_gsm_put(struct smpp_gsm *gsm, struct stir_buf *out, const uint8_t *septets, size_t n, uint8_t locking,
                  uint8_t single);

/* Ends the text: appends a space if the last septet was an escape. */
void smpp_gsm_end(struct smpp_gsm *gsm, struct stir_buf *out);

/* Returns the largest number of septets that n packed octets can hold. */
static inline size_t smpp_gsm_unpacked_max(size_t n)
{
    return n + n / 7 + 1;
}

/*
 * Unpacks n octets of packed septets (TS 23.038 section 6.1.2.1) to one septet per octet and returns the number of
 * septets. `fill` is the number of bits (0 to 6) that align the septets after a user data header. `out` must have room
 * for smpp_gsm_unpacked_max(n) octets.
 *
 * SMPP gives the length in octets. If a last septet fits the spare bits exactly, it may be padding: seven zero bits, or
 * the CR of TS 23.038 section 6.1.2.3.1. *filled tells whether the last septet can be padding.
 */
size_t smpp_gsm_unpack(uint8_t *out, const uint8_t *packed, size_t n, unsigned fill, bool *filled);
