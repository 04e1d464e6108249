#pragma once

#include "client/smpp/pdu.h"
#include "client/smpp/tlv.h"
#include "common/base/error.h"

/* Edits a PDU and leaves all other octets as they were received. */

/* Overwrites sequence_number in place, in a PDU of at least SMPP_HEADER_LEN octets. */
void smpp_set_sequence(void *octets, uint32_t sequence);

struct smpp_edit {
    const uint32_t *sequence;     /* the new sequence_number; NULL keeps it */
    const struct stir_view *body; /* the new text with its UDH, in place of the old one; NULL keeps it */
    const uint16_t *drop;         /* tags of TLVs to remove, such as a verdict that somebody else added */
    size_t drop_count;
    const struct smpp_tlv *append; /* TLVs to add after all others, in this order */
    size_t append_count;
    bool drop_tail; /* remove the tail; otherwise it stays at the end, after the added TLVs */
};

/* Returns a size in octets that is enough for the edited PDU. */
size_t smpp_edit_bound(const struct smpp_pdu *pdu, const struct smpp_edit *edit);

/*
 * Writes an edited copy of a PDU, as read by smpp_pdu_read, into `out`, which must not overlap it. Sets *len on success
 * only. A new text replaces the old one: in short_message, in message_payload, or in both.
 * STIR_E_INVAL: TLVs for an opaque command or for a response without its body, a text for a command without text or
 * for an ambiguous PDU, a TLV value over 65,535 octets.
 * STIR_E_TOO_BIG: the result exceeds cap, or the text does not fit its field. Thread-safe.
 */
enum stir_code smpp_pdu_edit(void *out, size_t cap, size_t *len, const struct smpp_pdu *pdu,
                             const struct smpp_edit *edit) STIR_MUST_CHECK;
