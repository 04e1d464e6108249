/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "client/smpp/tlv.h"
#include "common/base/error.h"

/* Changes to a PDU that leave all its other octets as they came. */

/* Overwrites sequence_number in place, in a PDU of at least SMPP_HEADER_LEN octets. */
void smpp_set_sequence(void *octets, uint32_t sequence);

struct smpp_edit {
    const uint32_t *sequence;     /* the new sequence_number; NULL keeps it */
    const struct stir_view *body; /* the new text, UDH included, where the old one was; NULL keeps it */
    const uint16_t *drop;         /* tags of which every TLV is left out: a verdict that came from elsewhere */
    size_t drop_count;
    const struct smpp_tlv *append; /* added behind all others, in this order */
    size_t append_count;
    bool drop_tail; /* leaves out the tail, which otherwise stays at the end: after what is appended */
};

/* A cap that is enough for the edited PDU. */
size_t smpp_edit_bound(const struct smpp_pdu *pdu, const struct smpp_edit *edit);

/*
 * Writes an edited copy of a PDU that smpp_pdu_read gave into `out`, which does not overlap it. *len is set only on
 * success. A new text goes into the short_message, or into the message_payload if the old one was there (into both if
 * both held it).
 * STIR_E_INVAL: TLVs for an opaque command or for a response without its body, a text for a command that has none or
 * for an ambiguous PDU, a TLV value over 65,535 octets.
 * STIR_E_TOO_BIG: over cap, or a text that does not fit where it belongs. Thread-safe.
 */
enum stir_code smpp_pdu_edit(void *out, size_t cap, size_t *len, const struct smpp_pdu *pdu,
                             const struct smpp_edit *edit) STIR_MUST_CHECK;
