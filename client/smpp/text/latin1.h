/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Latin-1 as senders of short messages use it: ISO 8859-1, with the characters of Windows-1252 at 0x80 to 0x9f, where
 * ISO 8859-1 has control characters that nobody sends. The five octets that Windows-1252 leaves undefined (0x81, 0x8d,
 * 0x8f, 0x90, 0x9d) are the control characters, as in the Encoding Standard of the WHATWG. Thread-safe.
 */

/* Returns the code point of an octet. */
uint32_t smpp_latin1_character(uint8_t octet);

/* Finds the octet of a code point; returns false and leaves out untouched if the alphabet lacks it. */
bool smpp_latin1_octet(uint8_t *out, uint32_t c);
