#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"): a keyed hash for tables whose keys come from
 * outside, so that nobody who does not know the process's key can make them collide. Not for tokens or signatures.
 */
struct stir_siphash_key {
    uint64_t k0, k1;
};

/* A key from the system's random source. Returns 0, or -1 if there is none. */
int stir_siphash_key_new(struct stir_siphash_key *out);

uint64_t stir_siphash(const struct stir_siphash_key *key, const void *data, size_t len);
