/* SPDX-License-Identifier: MIT */
#include "client/smpp/segment.h"

#include "client/smpp/text/gsm7_decode.h"

/* The septets behind a header begin at the next septet boundary (TS 23.040 section 9.2.3.24). */
static enum stir_code segment_unpack(struct smpp_part *part, size_t header_len, struct stir_buf *unpacked,
                                     struct stir_error *err)
{
    unsigned fill = (unsigned)((7 - header_len * 8 % 7) % 7);
    unpacked->len = 0;
    uint8_t *septets = (uint8_t *)stir_buf_extend(unpacked, smpp_gsm_unpacked_max(part->octets.len));
    if (!septets) {
        return stir_fail(err, stir_buf_state(unpacked), "unpacking septets");
    }
    unpacked->len = smpp_gsm_unpack(septets, (const uint8_t *)part->octets.ptr, part->octets.len, fill, &part->filled);
    part->octets = stir_view(unpacked->ptr, unpacked->len);
    return STIR_OK;
}

/* The user data header decides, and only its reference may differ: where the TLVs count otherwise, one reader shows
 * another order than the next. */
static void add_sar(struct smpp_segment *segment, const struct smpp_sar *sar)
{
    struct smpp_place place;
    bool has_header = segment->place.kind != SMPP_REF_NONE;
    if (!sar->present) {
        segment->ambiguous = sar->differs && !has_header;
    } else if (!smpp_place_set(&place, SMPP_REF_SAR, sar->ref, sar->total, sar->segment)) {
        segment->impossible = true;
    } else if (!has_header) {
        segment->place = place;
    } else if (place.kind != SMPP_REF_NONE) {
        segment->ambiguous = segment->place.total != place.total || segment->place.number != place.number;
    }
}

enum stir_code smpp_segment_read(struct smpp_segment *out, uint8_t esm_class, uint8_t data_coding,
                                 struct stir_view octets, const struct smpp_sar *sar,
                                 const struct smpp_text_settings *settings, struct stir_buf *unpacked,
                                 struct stir_error *err)
{
    /* Without the UDHI bit, there is no header (SMPP 3.4 section 5.2.12). */
    struct smpp_udh udh = {.place = {.kind = SMPP_REF_NONE, .total = 1, .number = 1}};
    enum stir_code code = esm_class & SMPP_ESM_UDHI ? smpp_udh_read(&udh, octets, err) : STIR_OK;
    if (code != STIR_OK) {
        return code;
    }
    struct smpp_segment segment = {
        .part = {.alphabet = smpp_alphabet_of(data_coding, settings),
                 .octets = stir_view(udh.len ? octets.ptr + udh.len : octets.ptr, octets.len - udh.len),
                 .locking = udh.locking,
                 .single = udh.single},
        .place = udh.place,
        .impossible = udh.impossible,
    };
    /* The SAR TLVs may give a place too, and must agree with the header. */
    add_sar(&segment, sar);
    /* Packed septets start at a septet boundary after the header. */
    if (settings->packed && segment.part.alphabet == SMPP_GSM7) {
        code = segment_unpack(&segment.part, udh.len, unpacked, err);
    }
    if (code == STIR_OK) {
        *out = segment;
    }
    return code;
}
