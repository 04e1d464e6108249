/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bulk of base64, sixteen characters at a time, where the processor can (SSSE3: x86-64 since 2006); elsewhere these
 * do nothing, and the tables in b64.c do it all. Both say how much of the input they have dealt with; the rest is the
 * caller's. Thread-safe.
 */
enum stir_b64_alphabet {
    STIR_B64_STD,
    STIR_B64_URL,
};

/* Octets of the n that were encoded, in whole groups; 4 characters for each 3 of them are in out. */
size_t stir_b64_vector_encode(char *out, const uint8_t *in, size_t n, enum stir_b64_alphabet alphabet);

/* Characters of the n that were looked at, in whole groups; 3 octets for each 4 of them are in out, which has room for
 * the octets of all n. *valid becomes false if one of them is outside the alphabet, and is left alone if none is. */
size_t stir_b64_vector_decode(uint8_t *out, const uint8_t *in, size_t n, enum stir_b64_alphabet alphabet, bool *valid);
