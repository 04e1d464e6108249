/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "common/base/error.h"

/*
 * Making PDUs. Functions write into the caller's buffer `out` of `cap` octets and set *len only on success; `out` is
 * not to overlap what is read. Thread-safe.
 */

/* Writes 16 octets. */
void smpp_header_write(void *out, const struct smpp_header *header);

/*
 * Writes a PDU from its fields: command_id, status and sequence from the header, then the members that the command
 * has, then `tlvs` as they are (see tlv.h); command_length is computed. What smpp_pdu_read gave comes out octet for
 * octet. `octets`, `body` and the flags but no_body are not looked at. STIR_E_INVAL: a string with a NUL in it, a
 * short_message over 255 octets; STIR_E_TOO_BIG: over cap.
 */
enum stir_code smpp_pdu_write(void *out, size_t cap, size_t *len, const struct smpp_pdu *pdu) STIR_MUST_CHECK;

/*
 * Writes the answer without a body to a request: its response or, for what has none, generic_nack, with this status.
 * Returns SMPP_HEADER_LEN; 0 with nothing written if `request` is itself a response, which is never answered. For a
 * request whose response has a body (submit_sm) the status must be an error.
 */
size_t smpp_answer(void *out, const struct smpp_header *request, uint32_t status);
