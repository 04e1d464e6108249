/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * The 7-bit tables of 3GPP TS 23.038: the default alphabet (section 6.2.1) with its extension (section 6.2.1.1), and
 * the national language tables (annex A). They are chosen by national language identifier (section 6.2.1.2.4): 1
 * Turkish, 2 Spanish, 3 Portuguese, 4 Bengali, 5 Gujarati, 6 Hindi, 7 Kannada, 8 Malayalam, 9 Oriya, 10 Punjabi, 11
 * Tamil, 12 Telugu, 13 Urdu. An identifier without a table (0, reserved ones, Spanish for locking) selects the default
 * table, which is also what a phone shows that does not know the identifier.
 *
 * Entries are code points of the basic multilingual plane. In a locking table, a cell that the specification leaves
 * empty is a space. In a single shift table, 0 is an empty cell: the character of the locking table is used. Two cells
 * differ from the printed tables and follow what phones send and show: Kannada locking 0x24 is U+0CA1 (the
 * specification prints U+0CAA twice, so U+0CA1 could not be written), and Telugu single shift 0x65 is the euro sign, as
 * in all other languages.
 */
#define SMPP_GSM_SIZE 128

/* Return the table for a national language identifier, SMPP_GSM_SIZE entries; never NULL. Thread-safe. */
const uint16_t *smpp_gsm_locking(uint8_t language);
const uint16_t *smpp_gsm_single(uint8_t language);
