/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <stdint.h>

/*
 * The key of the hashes that stand for telephone numbers in the records. Equal numbers have equal hashes, and without
 * the key nobody can find the number. A key in a file survives restarts and can be shared by several hosts.
 */
struct sc_number_key {
    uint8_t octets[32];
};

enum { SC_NUMBER_HASH = 17 }; /* 16 hexadecimal digits and a NUL */

/* Reads the key from a file of 16 to 4,096 octets, which is created with mode 0600 if it does not exist. With path "" a
 * new key is made for this process only. STIR_E_IO and STIR_E_CONFIG name the file; STIR_E_CRYPTO: no random octets;
 * STIR_E_NOMEM. */
enum stir_code sc_number_key_open(struct sc_number_key *key, const char *path, struct stir_error *err) STIR_MUST_CHECK;

/* Writes the hash of a number to out. */
void sc_number_hash(const struct sc_number_key *key, const char *number, char out[SC_NUMBER_HASH]);
