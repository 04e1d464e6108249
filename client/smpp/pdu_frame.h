/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu_fault.h"

/*
 * Where the next PDU in a stream ends. `max` limits command_length, in octets (SMPP_PDU_MAX, less before a bind).
 * SMPP_OK: data begins with a whole PDU of *len octets, n being at least that.
 * SMPP_MORE: the PDU has *len octets in all, SMPP_HEADER_LEN where that is not known yet, and n is less.
 * Otherwise the stream cannot be read on (there is no telling where the next PDU begins) and *len is untouched:
 * SMPP_F_SHORT, SMPP_F_LONG, and instead of these SMPP_F_HTTP or SMPP_F_TLS where that is what was sent. The four
 * octets of command_length are enough to tell. Thread-safe.
 */
enum smpp_fault smpp_frame(size_t *len, const void *data, size_t n, size_t max) STIR_MUST_CHECK;
