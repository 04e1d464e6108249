/* SPDX-License-Identifier: MIT */
#include "client/smpp/text/gsm7_decode.h"

#include "client/smpp/text/gsm7_tables.h"
#include "client/smpp/text/text_utf8.h"

#define ESCAPE 0x1b
#define CARRIAGE_RETURN 0x0d

/* 0x09 is the capital letter in the specification; some phones and message centres use the small one. */
enum { CEDILLA = 0x09, CAPITAL = 0x00c7, SMALL = 0x00e7 };

static uint16_t gsm_locking_character(const struct smpp_gsm *gsm, const uint16_t *table, uint8_t septet)
{
    uint16_t c = table[septet];
    if (gsm->other_cedilla && septet == CEDILLA && (c == CAPITAL || c == SMALL)) {
        return c == CAPITAL ? SMALL : CAPITAL;
    }
    return c;
}

bool smpp_gsm_put(struct smpp_gsm *gsm, struct stir_buf *out, const uint8_t *septets, size_t n, uint8_t locking,
                  uint8_t single)
{
    const uint16_t *main_table = smpp_gsm_locking(locking);
    const uint16_t *extension = smpp_gsm_single(single);
    for (size_t i = 0; i < n; i++) {
        uint8_t septet = septets[i];
        if (septet >= SMPP_GSM_SIZE) {
            return false;
        }
        if (septet == ESCAPE && !gsm->escaped) {
            gsm->escaped = true;
            continue;
        }
        uint16_t c = gsm->escaped ? extension[septet] : 0;
        smpp_utf8_put(out, c ? c : gsm_locking_character(gsm, main_table, septet));
        gsm->escaped = false;
    }
    return true;
}

void smpp_gsm_end(struct smpp_gsm *gsm, struct stir_buf *out)
{
    if (gsm->escaped) {
        smpp_utf8_put(out, ' ');
        gsm->escaped = false;
    }
}

size_t smpp_gsm_unpack(uint8_t *out, const uint8_t *packed, size_t n, unsigned fill, bool *filled)
{
    size_t septets = 0;
    unsigned bits = 0; /* bits in `held` that are not in `out` yet */
    unsigned held = 0;
    for (size_t i = 0; i < n; i++) {
        held |= (unsigned)packed[i] << bits;
        bits += 8;
        if (i == 0) {
            held >>= fill;
            bits -= fill;
        }
        for (; bits >= 7; bits -= 7, held >>= 7) {
            out[septets++] = held & 0x7f;
        }
    }
    *filled = septets > 0 && bits == 0 && (out[septets - 1] == 0 || out[septets - 1] == CARRIAGE_RETURN);
    return septets;
}
