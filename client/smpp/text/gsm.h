#pragma once

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Septets of the GSM 7-bit alphabets (3GPP TS 23.038) as UTF-8. A text's segments follow each other with one state
 * between them, so that an escape at the end of one applies to the first septet of the next.
 */
struct smpp_gsm {
    bool escaped;       /* the last septet was an escape */
    bool other_cedilla; /* 0x09 of the locking table is the other c-cedilla than the table's */
};

/*
 * Appends n septets, one an octet, in the tables of these national languages (gsm_national.h). An escaped septet that
 * the single shift table has not is the locking table's character; two escapes are one space (both TS 23.038
 * section 6.2.1.1). False, with some of it appended, for an octet over 0x7f: no septet.
 */
bool smpp_gsm_put(struct smpp_gsm *gsm, struct stir_buf *out, const uint8_t *septets, size_t n, uint8_t locking,
                  uint8_t single);

/* The text's end: an escape with nothing behind it is a space. */
void smpp_gsm_end(struct smpp_gsm *gsm, struct stir_buf *out);

/* How many septets n packed octets make at most. */
static inline size_t smpp_gsm_unpacked_max(size_t n)
{
    return n + n / 7 + 1;
}

/*
 * Unpacks n octets of packed septets (TS 23.038 section 6.1.2.1) to one septet an octet, after `fill` bits (0 to 6)
 * that align them after a user data header, and returns the number of septets. SMPP counts octets and not septets, so
 * where a last septet fits the spare bits exactly, it may be what senders fill them with: seven zeros, or the CR of TS
 * 23.038 section 6.1.2.3.1. *filled tells that the last septet is one of these. out holds smpp_gsm_unpacked_max(n).
 */
size_t smpp_gsm_unpack(uint8_t *out, const uint8_t *packed, size_t n, unsigned fill, bool *filled);
