/* SPDX-License-Identifier: MIT */
#include "cps/store/redis/topology/slot.h"

#include <stdint.h>
#include <string.h>

/* CRC-16/XMODEM: polynomial 0x1021, initial value 0, most significant bit first. Four bits are processed at a time. */
static uint16_t slot_crc16(const char *data, size_t len)
{
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                       0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint16_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t octet = (uint8_t)data[i];
        crc = (uint16_t)(crc << 4) ^ table[crc >> 12 ^ octet >> 4];
        crc = (uint16_t)(crc << 4) ^ table[crc >> 12 ^ (octet & 15)];
    }
    return crc;
}

unsigned cpsd_redis_slot(const char *key, size_t len)
{
    const char *open = memchr(key, '{', len);
    if (open) {
        size_t rest = len - (size_t)(open + 1 - key);
        const char *close = memchr(open + 1, '}', rest);
        if (close && close > open + 1) {
            key = open + 1;
            len = (size_t)(close - key);
        }
    }
    return slot_crc16(key, len) % CPSD_REDIS_SLOTS;
}
