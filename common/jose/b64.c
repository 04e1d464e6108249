/* SPDX-License-Identifier: MIT */
#include "common/jose/b64.h"

#include "common/jose/b64_vector.h"

#include <stdbool.h>
#include <string.h>

static const char alphabets[][64] = {
    [STIR_B64_STD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [STIR_B64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/*
 * What a character is worth at each of the four places of a group, ready to be put together with |, and a flag of that
 * place, so that a group is valid if all four flags are there; 0 for a character outside the alphabet.
 */
#define FLAGS 0xf000000u
#define V(place, n) ((uint32_t)(n) << (18 - 6 * (place)) | 0x1000000u << (place))
#define VALUES(p, n62, n63)                                                                                            \
    {                                                                                                                  \
        ['A'] = V(p, 0), ['B'] = V(p, 1), ['C'] = V(p, 2), ['D'] = V(p, 3), ['E'] = V(p, 4), ['F'] = V(p, 5),          \
        ['G'] = V(p, 6), ['H'] = V(p, 7), ['I'] = V(p, 8), ['J'] = V(p, 9), ['K'] = V(p, 10), ['L'] = V(p, 11),        \
        ['M'] = V(p, 12), ['N'] = V(p, 13), ['O'] = V(p, 14), ['P'] = V(p, 15), ['Q'] = V(p, 16), ['R'] = V(p, 17),    \
        ['S'] = V(p, 18), ['T'] = V(p, 19), ['U'] = V(p, 20), ['V'] = V(p, 21), ['W'] = V(p, 22), ['X'] = V(p, 23),    \
        ['Y'] = V(p, 24), ['Z'] = V(p, 25), ['a'] = V(p, 26), ['b'] = V(p, 27), ['c'] = V(p, 28), ['d'] = V(p, 29),    \
        ['e'] = V(p, 30), ['f'] = V(p, 31), ['g'] = V(p, 32), ['h'] = V(p, 33), ['i'] = V(p, 34), ['j'] = V(p, 35),    \
        ['k'] = V(p, 36), ['l'] = V(p, 37), ['m'] = V(p, 38), ['n'] = V(p, 39), ['o'] = V(p, 40), ['p'] = V(p, 41),    \
        ['q'] = V(p, 42), ['r'] = V(p, 43), ['s'] = V(p, 44), ['t'] = V(p, 45), ['u'] = V(p, 46), ['v'] = V(p, 47),    \
        ['w'] = V(p, 48), ['x'] = V(p, 49), ['y'] = V(p, 50), ['z'] = V(p, 51), ['0'] = V(p, 52), ['1'] = V(p, 53),    \
        ['2'] = V(p, 54), ['3'] = V(p, 55), ['4'] = V(p, 56), ['5'] = V(p, 57), ['6'] = V(p, 58), ['7'] = V(p, 59),    \
        ['8'] = V(p, 60), ['9'] = V(p, 61), [n62] = V(p, 62), [n63] = V(p, 63)                                         \
    }
static const uint32_t all_values[][4][256] = {
    [STIR_B64_STD] = {VALUES(0, '+', '/'), VALUES(1, '+', '/'), VALUES(2, '+', '/'), VALUES(3, '+', '/')},
    [STIR_B64_URL] = {VALUES(0, '-', '_'), VALUES(1, '-', '_'), VALUES(2, '-', '_'), VALUES(3, '-', '_')},
};

static size_t b64_encode(char *out, const uint8_t *in, size_t n, enum stir_b64_alphabet which, bool pad)
{
    const char *alphabet = alphabets[which];
    if (n == 0) {
        return 0; /* in may be NULL, and NULL + 0 is undefined */
    }
    size_t bulk = stir_b64_vector_encode(out, in, n, which);
    char *to = out + bulk / 3 * 4;
    for (in += bulk, n -= bulk; n >= 3; n -= 3, in += 3) {
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = alphabet[v >> 6 & 63];
        *to++ = alphabet[v & 63];
    }
    if (n > 0) {
        uint32_t v = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        if (n == 2) {
            *to++ = alphabet[v >> 6 & 63];
        } else if (pad) {
            *to++ = '=';
        }
        if (pad) {
            *to++ = '=';
        }
    }
    return (size_t)(to - out);
}

size_t stir_b64url_encode(char *out, const void *data, size_t n)
{
    return b64_encode(out, data, n, STIR_B64_URL, false);
}

size_t stir_b64_encode(char *out, const void *data, size_t n)
{
    return b64_encode(out, data, n, STIR_B64_STD, true);
}

/* The last 2 or 3 characters, of a group that is not full; the bits beyond the octets must be zero. Returns FLAGS or
 * less. */
static uint32_t b64_decode_tail(uint8_t *out, const uint8_t *in, size_t rest, const uint32_t values[4][256])
{
    uint32_t v = values[0][in[0]] | values[1][in[1]] | values[3]['A'];
    v |= rest == 3 ? values[2][in[2]] : values[2]['A'];
    out[0] = (uint8_t)(v >> 16);
    if (rest == 3) {
        out[1] = (uint8_t)(v >> 8);
    }
    bool stray = (rest == 3 ? v & 0xff : v & 0xffff) != 0;
    return stray ? 0 : v;
}

/* Characters without padding. */
static enum stir_code b64_decode(uint8_t *out, size_t cap, size_t *len, const uint8_t *in, size_t n,
                                 enum stir_b64_alphabet alphabet)
{
    const uint32_t(*values)[256] = all_values[alphabet];
    size_t groups = n / 4;
    size_t rest = n % 4;
    size_t octets = groups * 3 + (rest ? rest - 1 : 0);
    *len = 0;
    if (rest == 1) {
        return STIR_E_BASE64;
    }
    if (octets > cap) {
        return STIR_E_TOO_BIG;
    }
    if (n == 0) {
        return STIR_OK; /* in and out may be NULL, and NULL + 0 is undefined */
    }
    bool bulk_valid = true;
    size_t bulk = stir_b64_vector_decode(out, in, n, alphabet, &bulk_valid);
    uint32_t valid = bulk_valid ? FLAGS : 0;
    for (groups -= bulk / 4, in += bulk, out += bulk / 4 * 3; groups > 0; groups--, in += 4, out += 3) {
        uint32_t v = values[0][in[0]] | values[1][in[1]] | values[2][in[2]] | values[3][in[3]];
        valid &= v;
        out[0] = (uint8_t)(v >> 16);
        out[1] = (uint8_t)(v >> 8);
        out[2] = (uint8_t)v;
    }
    if (rest > 0) {
        valid &= b64_decode_tail(out, in, rest, values);
    }
    if (valid != FLAGS) {
        return STIR_E_BASE64;
    }
    *len = octets;
    return STIR_OK;
}

enum stir_code stir_b64url_decode(uint8_t *out, size_t cap, size_t *len, const char *text, size_t n)
{
    return b64_decode(out, cap, len, (const uint8_t *)text, n, STIR_B64_URL);
}

enum stir_code stir_b64_decode(uint8_t *out, size_t cap, size_t *len, const char *text, size_t n)
{
    *len = 0;
    if (n % 4 != 0) {
        return STIR_E_BASE64;
    }
    for (unsigned pad = 0; pad < 2 && n > 0 && text[n - 1] == '='; pad++) {
        n--;
    }
    return b64_decode(out, cap, len, (const uint8_t *)text, n, STIR_B64_STD);
}

enum stir_code stir_b64url_decode_exact(uint8_t *out, size_t len, const char *text, size_t n)
{
    /* room for one more group, so that a stray character at the end is reported as such */
    uint8_t octets[STIR_B64_EXACT_MAX + 3];
    size_t got;
    if (len > STIR_B64_EXACT_MAX) {
        return STIR_E_INVAL;
    }
    enum stir_code code = stir_b64url_decode(octets, len + 3, &got, text, n);
    if (code == STIR_OK && got == len) {
        memcpy(out, octets, len);
        return STIR_OK;
    }
    return code == STIR_E_BASE64 ? code : STIR_E_INVAL;
}
