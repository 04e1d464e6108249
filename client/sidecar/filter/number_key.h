#pragma once

#include "common/base/error.h"

#include <stdint.h>

/*
 * The key of the hashes that stand for telephone numbers in logs: equal numbers can be told from each other, and nobody
 * without the key finds a number. A key from a file stays the same over restarts, and can be shared by several hosts.
 */
struct gw_number_key {
    uint8_t octets[32];
};

enum { GW_NUMBER_HASH = 17 }; /* 16 hexadecimal digits and a NUL */

/* Reads the key from a file of 16 to 4,096 octets; if it does not exist, makes it, with mode 0600. path "": a new key,
 * for this process alone. STIR_E_IO and STIR_E_CONFIG name the file; STIR_E_CRYPTO: no random octets; STIR_E_NOMEM. */
enum stir_code gw_number_key_open(struct gw_number_key *key, const char *path, struct stir_error *err) STIR_MUST_CHECK;

/* Writes the hash of a number. */
void gw_number_hash(const struct gw_number_key *key, const char *number, char out[GW_NUMBER_HASH]);
