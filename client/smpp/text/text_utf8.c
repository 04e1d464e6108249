/* SPDX-License-Identifier: MIT */
#include "client/smpp/text/text_utf8.h"

void smpp_utf8_put(struct stir_buf *out, uint32_t c)
{
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    char text[4];
    for (size_t i = n - 1; i > 0; i--, c >>= 6) {
        text[i] = (char)(0x80 | (c & 0x3f));
    }
    text[0] = (char)(first[n] | c);
    stir_buf_put(out, text, n);
}

/* How many continuation octets a first octet announces; -1 for one that announces no character. */
static int utf8_continuation(uint8_t first)
{
    return first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first <= 0xf4 ? 3 : -1;
}

bool smpp_utf8_valid(const char *text, size_t n)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < n; i++) {
        uint8_t first = (uint8_t)text[i];
        int more = utf8_continuation(first);
        if (more < 0 || (size_t)more >= n - i) {
            return false;
        }
        uint32_t c = more ? first & (0x3fU >> more) : first;
        for (int k = 0; k < more; k++) {
            uint8_t next = (uint8_t)text[++i];
            if ((next & 0xc0) != 0x80) {
                return false;
            }
            c = c << 6 | (next & 0x3f);
        }
        if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
            return false;
        }
    }
    return true;
}
