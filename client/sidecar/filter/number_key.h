#pragma once

#include "common/base/error.h"

#include <stdint.h>

/*
 * The key of the hashes that stand for telephone numbers in logs: equal numbers can be told from each other, and nobody
 * without the key finds a number. A key from a file stays the same over restarts, and can be shared by several hosts.
 */
struct sc_number_key {
    uint8_t octets[32];
};

enum { SC_NUMBER_HASH = 17 }; /* 16 hexadecimal digits and a NUL */

/* Reads the key from a file of 16 to 4,096 octets; if it does not exist, makes it, with mode 0600. path "": a new key,
 * for this process alone. STIR_E_IO and STIR_E_CONFIG name the file; STIR_E_CRYPTO: no random octets; STIR_E_NOMEM. */
enum stir_code sc_number_key_open(struct sc_number_key *key, const char *path, struct stir_error *err) STIR_MUST_CHECK;

/* Writes the hash of a number. */
void sc_number_hash(const struct sc_number_key *key, const char *number, char out[SC_NUMBER_HASH]);
