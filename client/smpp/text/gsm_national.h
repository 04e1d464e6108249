#pragma once

#include <stdint.h>

/*
 * The 7-bit tables of 3GPP TS 23.038: the default alphabet (section 6.2.1) with its extension (6.2.1.1), and the
 * national language tables (annex A), by national language identifier (section 6.2.1.2.4): 1 Turkish, 2 Spanish,
 * 3 Portuguese, 4 Bengali, 5 Gujarati, 6 Hindi, 7 Kannada, 8 Malayalam, 9 Oriya, 10 Punjabi, 11 Tamil, 12 Telugu,
 * 13 Urdu. An identifier without a table (0, Spanish locking, those reserved) has the default one, as a receiver that
 * does not know it shows it.
 *
 * Entries are code points of the basic plane. In a locking table each has one: cells that the specification leaves
 * empty are spaces. In a single shift table 0 is an empty cell: the locking table's character is meant. Two cells
 * are what phones send and show, not what is printed: Kannada locking 0x24 is U+0CA1 (U+0CAA, printed twice, leaves
 * no way to write it), and Telugu single shift 0x65 is the euro sign, as it is in all other languages.
 */
#define SMPP_GSM_SIZE 128

const uint16_t *smpp_gsm_locking(uint8_t language);
const uint16_t *smpp_gsm_single(uint8_t language);
