/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/text/text.h"
#include "client/smpp/tlv.h"
#include "client/smpp/udh.h"

/*
 * What one PDU carries of a message: its text, and its place among the message's segments. All views go into the
 * PDU's octets, or into `unpacked`.
 */
struct smpp_segment {
    struct smpp_part part;
    struct smpp_place place; /* of the user data header; of the SAR TLVs where that has none */
    bool impossible;         /* a place was given that cannot be (segment 4 of 3): not heeded, as handsets do */
    bool ambiguous; /* header and TLVs count the segments in two ways, or the TLVs alone do: readers show different
                     * texts. Not to be signed, not to be called verified */
};

/*
 * Reads esm_class, data_coding, the octets of short_message or message_payload, and the SAR TLVs. Where the peer packs,
 * `unpacked` takes the septets: emptied first, the part is a view into it. STIR_E_PROTOCOL for a user data header that
 * is longer than the message; STIR_E_NOMEM, STIR_E_TOO_BIG of unpacked.
 */
enum stir_code smpp_segment_read(struct smpp_segment *out, uint8_t esm_class, uint8_t data_coding,
                                 struct stir_view octets, const struct smpp_sar *sar,
                                 const struct smpp_text_settings *settings, struct stir_buf *unpacked,
                                 struct stir_error *err) STIR_MUST_CHECK;
