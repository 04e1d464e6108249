#include "common/b64.h"

#include <stdbool.h>
#include <string.h>

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A character's value with VALID set; 0 for a character outside the alphabet. */
#define VALID 0x40u
#define V(n) (VALID | (n))
#define VALUES_OF_BOTH                                                                                                 \
    ['A'] = V(0), ['B'] = V(1), ['C'] = V(2), ['D'] = V(3), ['E'] = V(4), ['F'] = V(5), ['G'] = V(6), ['H'] = V(7),    \
    ['I'] = V(8), ['J'] = V(9), ['K'] = V(10), ['L'] = V(11), ['M'] = V(12), ['N'] = V(13), ['O'] = V(14),             \
    ['P'] = V(15), ['Q'] = V(16), ['R'] = V(17), ['S'] = V(18), ['T'] = V(19), ['U'] = V(20), ['V'] = V(21),           \
    ['W'] = V(22), ['X'] = V(23), ['Y'] = V(24), ['Z'] = V(25), ['a'] = V(26), ['b'] = V(27), ['c'] = V(28),           \
    ['d'] = V(29), ['e'] = V(30), ['f'] = V(31), ['g'] = V(32), ['h'] = V(33), ['i'] = V(34), ['j'] = V(35),           \
    ['k'] = V(36), ['l'] = V(37), ['m'] = V(38), ['n'] = V(39), ['o'] = V(40), ['p'] = V(41), ['q'] = V(42),           \
    ['r'] = V(43), ['s'] = V(44), ['t'] = V(45), ['u'] = V(46), ['v'] = V(47), ['w'] = V(48), ['x'] = V(49),           \
    ['y'] = V(50), ['z'] = V(51), ['0'] = V(52), ['1'] = V(53), ['2'] = V(54), ['3'] = V(55), ['4'] = V(56),           \
    ['5'] = V(57), ['6'] = V(58), ['7'] = V(59), ['8'] = V(60), ['9'] = V(61)

static const uint8_t values_std[256] = {VALUES_OF_BOTH, ['+'] = V(62), ['/'] = V(63)};
static const uint8_t values_url[256] = {VALUES_OF_BOTH, ['-'] = V(62), ['_'] = V(63)};

static size_t encode(char *out, const uint8_t *in, size_t n, const char *alphabet, bool pad)
{
    char *to = out;
    for (; n >= 3; n -= 3, in += 3) {
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
    return encode(out, data, n, alphabet_url, false);
}

size_t stir_b64_encode(char *out, const void *data, size_t n)
{
    return encode(out, data, n, alphabet_std, true);
}

/* The last 2 or 3 characters, of a group that is not full; the bits beyond the octets must be zero. Returns VALID or
 * 0. */
static uint32_t decode_tail(uint8_t *out, const uint8_t *in, size_t rest, const uint8_t values[256])
{
    uint32_t a = values[in[0]];
    uint32_t b = values[in[1]];
    uint32_t c = rest == 3 ? values[in[2]] : VALID;
    uint32_t v = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6;
    out[0] = (uint8_t)(v >> 16);
    if (rest == 3) {
        out[1] = (uint8_t)(v >> 8);
    }
    bool stray = (rest == 3 ? v & 0xff : v & 0xffff) != 0;
    return stray ? 0 : a & b & c & VALID;
}

/* Characters without padding. */
static enum stir_code decode(uint8_t *out, size_t cap, size_t *len, const uint8_t *in, size_t n,
                             const uint8_t values[256])
{
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
    uint32_t valid = VALID;
    for (; groups > 0; groups--, in += 4, out += 3) {
        uint32_t a = values[in[0]];
        uint32_t b = values[in[1]];
        uint32_t c = values[in[2]];
        uint32_t d = values[in[3]];
        uint32_t v = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
        valid &= a & b & c & d;
        out[0] = (uint8_t)(v >> 16);
        out[1] = (uint8_t)(v >> 8);
        out[2] = (uint8_t)v;
    }
    if (rest > 0) {
        valid &= decode_tail(out, in, rest, values);
    }
    if (!valid) {
        return STIR_E_BASE64;
    }
    *len = octets;
    return STIR_OK;
}

enum stir_code stir_b64url_decode(uint8_t *out, size_t cap, size_t *len, const char *text, size_t n)
{
    return decode(out, cap, len, (const uint8_t *)text, n, values_url);
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
    return decode(out, cap, len, (const uint8_t *)text, n, values_std);
}

enum stir_code stir_b64url_decode_exact(uint8_t *out, size_t len, const char *text, size_t n)
{
    /* room for one group more, so that a stray character at the end is called what it is */
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
