/* SPDX-License-Identifier: MIT */
#include "common/net/public_address.h"

#include <string.h>

/* IANA IPv4 Special-Purpose Address Registry, multicast and what is reserved above it. */
static const struct {
    uint32_t prefix;
    unsigned bits;
} special4[] = {
    {0x00000000, 8},  /* 0.0.0.0/8: this network */
    {0x0a000000, 8},  /* 10.0.0.0/8 */
    {0x64400000, 10}, /* 100.64.0.0/10: shared */
    {0x7f000000, 8},  /* 127.0.0.0/8: loopback */
    {0xa9fe0000, 16}, /* 169.254.0.0/16: link-local, and where clouds keep their metadata */
    {0xac100000, 12}, /* 172.16.0.0/12 */
    {0xc0000000, 24}, /* 192.0.0.0/24: protocol assignments */
    {0xc0000200, 24}, /* 192.0.2.0/24: documentation */
    {0xc0586300, 24}, /* 192.88.99.0/24: 6to4 relays, once */
    {0xc0a80000, 16}, /* 192.168.0.0/16 */
    {0xc6120000, 15}, /* 198.18.0.0/15: benchmarks */
    {0xc6336400, 24}, /* 198.51.100.0/24: documentation */
    {0xcb007100, 24}, /* 203.0.113.0/24: documentation */
    {0xe0000000, 3},  /* 224.0.0.0/3: multicast, reserved, broadcast */
};

/* What is special inside 2000::/3; outside of it everything is. */
static const struct {
    uint8_t prefix[16];
    unsigned bits;
} special6[] = {
    {{0x20, 0x01, 0x00}, 23},             /* 2001::/23: protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},       /* 2001:db8::/32: documentation */
    {{0x20, 0x02}, 16},                   /* 2002::/16: 6to4, an IPv4 address in disguise */
    {{0x26, 0x20, 0, 0x4f, 0x80, 0}, 48}, /* 2620:4f:8000::/48: AS112 */
    {{0x3f, 0xff, 0x00}, 20},             /* 3fff::/20: documentation */
};

static uint32_t address_u32(const uint8_t *octets)
{
    return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 | octets[3];
}

static bool address_is_public4(uint32_t address)
{
    for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++) {
        if ((address ^ special4[i].prefix) >> (32 - special4[i].bits) == 0) {
            return false;
        }
    }
    return true;
}

static bool address_in_prefix(const uint8_t address[16], const uint8_t prefix[16], unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(address, prefix, whole) != 0) {
        return false;
    }
    return bits % 8 == 0 || (address[whole] ^ prefix[whole]) >> (8 - bits % 8) == 0;
}

static bool address_is_public6(const uint8_t address[16])
{
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[16] = {0x00, 0x64, 0xff, 0x9b};
    if (address_in_prefix(address, mapped, 96) || address_in_prefix(address, nat64, 96)) {
        return address_is_public4(address_u32(address + 12));
    }
    if (address[0] >> 5 != 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof(special6) / sizeof(special6[0]); i++) {
        if (address_in_prefix(address, special6[i].prefix, special6[i].bits)) {
            return false;
        }
    }
    return true;
}

bool stir_address_is_public(const uint8_t *octets, size_t n)
{
    return n == 16 ? address_is_public6(octets) : n == 4 && address_is_public4(address_u32(octets));
}
