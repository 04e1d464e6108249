/* SPDX-License-Identifier: MIT */
#include "client/smpp/text/latin1.h"

/* 0x80 to 0x9f of Windows-1252. */
static const uint16_t windows[] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

enum { WINDOWS_FIRST = 0x80, WINDOWS_COUNT = sizeof(windows) / sizeof(windows[0]) };

uint32_t smpp_latin1_character(uint8_t octet)
{
    bool differs = octet >= WINDOWS_FIRST && octet < WINDOWS_FIRST + WINDOWS_COUNT;
    return differs ? windows[octet - WINDOWS_FIRST] : octet;
}

bool smpp_latin1_octet(uint8_t *out, uint32_t c)
{
    if (c < WINDOWS_FIRST || (c >= WINDOWS_FIRST + WINDOWS_COUNT && c <= 0xff)) {
        *out = (uint8_t)c;
        return true;
    }
    for (unsigned i = 0; i < WINDOWS_COUNT; i++) {
        if (windows[i] == c) {
            *out = (uint8_t)(WINDOWS_FIRST + i);
            return true;
        }
    }
    return false;
}
