#pragma once

#include "client/smpp/pdu.h"
#include "common/base/error.h"

/*
 * Writes PDUs. The functions write into the caller's buffer `out` of `cap` octets and set *len on success only; `out`
 * must not overlap the input. Thread-safe.
 */

/* Writes the 16 octets of a header. */
void smpp_header_write(void *out, const struct smpp_header *header);

/*
 * Writes a PDU from its fields: command_id, status and sequence from the header, then the members that the command
 * has, then `tlvs` as they are (see tlv.h); command_length is computed. A PDU from smpp_pdu_read is
 * reproduced octet for octet. `octets`, `body` and all flags but no_body are ignored. STIR_E_INVAL: a string with a NUL
 * in it, a short_message over 255 octets; STIR_E_TOO_BIG: over cap.
 */
enum stir_code smpp_pdu_write(void *out, size_t cap, size_t *len, const struct smpp_pdu *pdu) STIR_MUST_CHECK;

/*
 * Writes a response without a body to a request, or generic_nack if the command has no response, with this status.
 * Returns SMPP_HEADER_LEN; 0 with nothing written if `request` is itself a response, which is never answered. For a
 * request whose response has a body (submit_sm) the status must be an error.
 */
size_t smpp_answer(void *out, const struct smpp_header *request, uint32_t status);
