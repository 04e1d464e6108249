/* SPDX-License-Identifier: MIT */
#include "common/base/siphash.h"

#include <string.h>
#include <sys/random.h>

int stir_siphash_key_new(struct stir_siphash_key *out)
{
    struct stir_siphash_key key;
    if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key)) {
        return -1;
    }
    *out = key;
    return 0;
}

static uint64_t siphash_rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void siphash_rounds(uint64_t v[4], unsigned count)
{
    while (count--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = siphash_rotate(v[1], 13) ^ v[0];
        v[3] = siphash_rotate(v[3], 16) ^ v[2];
        v[0] = siphash_rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = siphash_rotate(v[1], 17) ^ v[2];
        v[3] = siphash_rotate(v[3], 21) ^ v[0];
        v[2] = siphash_rotate(v[2], 32);
    }
}

static uint64_t siphash_load(const unsigned char *p, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
        word |= (uint64_t)p[i] << (8 * i);
    }
    return word;
}

static void siphash_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    siphash_rounds(v, 2);
    v[0] ^= word;
}

uint64_t stir_siphash(const struct stir_siphash_key *key, const void *data, size_t len)
{
    uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575U, key->k1 ^ 0x646f72616e646f6dU, key->k0 ^ 0x6c7967656e657261U,
                     key->k1 ^ 0x7465646279746573U};
    const unsigned char *p = data;
    size_t left = len;
    for (; left >= 8; p += 8, left -= 8) {
        siphash_absorb(v, siphash_load(p, 8));
    }
    siphash_absorb(v, siphash_load(p, left) | (uint64_t)len << 56);
    v[2] ^= 0xff;
    siphash_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
