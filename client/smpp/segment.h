#pragma once

#include "client/smpp/text/text.h"
#include "client/smpp/tlv.h"
#include "client/smpp/udh.h"

/*
 * The part of a message in one PDU: its text, and its place among the segments. All views point into the PDU's octets,
 * or into `unpacked`.
 */
struct smpp_segment {
    struct smpp_part part;
    struct smpp_place place; /* from the user data header, else from the SAR TLVs */
    bool impossible;         /* the PDU gives an impossible place (segment 4 of 3), which is ignored as handsets do */
    bool ambiguous; /* the header and the TLVs, or the TLVs among themselves, give different places, so receivers show
                     * different texts: do not sign it, and do not call it verified */
};

/*
 * Reads esm_class, data_coding, the octets of short_message or message_payload, and the SAR TLVs. If the peer packs
 * septets, overwrites `unpacked` with them, and the part is a view into it. STIR_E_PROTOCOL: the user data header is
 * longer than the message; STIR_E_NOMEM, STIR_E_TOO_BIG: from `unpacked`.
 */
enum stir_code smpp_segment_read(struct smpp_segment *out, uint8_t esm_class, uint8_t data_coding,
                                 struct stir_view octets, const struct smpp_sar *sar,
                                 const struct smpp_text_settings *settings, struct stir_buf *unpacked,
                                 struct stir_error *err) STIR_MUST_CHECK;
