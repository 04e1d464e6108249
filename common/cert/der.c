/* SPDX-License-Identifier: MIT */
#include "common/cert/der.h"

#include <openssl/asn1.h>

#define HEADER_MAX (1 + 1 + sizeof(size_t))

struct stir_der stir_der(const void *data, size_t n)
{
    return (struct stir_der){.ptr = data, .left = n};
}

void stir_der_fail(struct stir_der *in)
{
    in->failed = true;
    in->left = 0;
}

bool stir_der_more(const struct stir_der *in)
{
    return !in->failed && in->left > 0;
}

bool stir_der_done(const struct stir_der *in)
{
    return !in->failed && in->left == 0;
}

int stir_der_peek(const struct stir_der *in)
{
    return stir_der_more(in) ? in->ptr[0] : -1;
}

static uint8_t der_octet(struct stir_der *in)
{
    if (in->left == 0) {
        stir_der_fail(in);
        return 0;
    }
    in->left--;
    return *in->ptr++;
}

static size_t der_length(struct stir_der *in)
{
    uint8_t first = der_octet(in);
    if (first < 0x80) {
        return first;
    }
    unsigned octets = first & 0x7f;
    if (octets < 1 || octets > 4) {
        stir_der_fail(in);
        return 0;
    }
    uint32_t length = 0;
    for (unsigned i = 0; i < octets; i++) {
        length = length << 8 | der_octet(in);
    }
    bool minimal = length >= 0x80 && (octets == 1 || length >> (8 * (octets - 1)) != 0);
    if (!minimal) {
        stir_der_fail(in);
    }
    return length;
}

struct stir_der stir_der_enter(struct stir_der *in, uint8_t tag)
{
    size_t length = 0;
    if (der_octet(in) == tag) {
        length = der_length(in);
    } else {
        stir_der_fail(in);
    }
    if (length > in->left) {
        stir_der_fail(in);
    }
    struct stir_der inner = {.ptr = in->ptr, .left = in->failed ? 0 : length, .failed = in->failed};
    if (!in->failed) {
        in->ptr += length;
        in->left -= length;
    }
    return inner;
}

void stir_der_leave(struct stir_der *outer, const struct stir_der *inner)
{
    if (!stir_der_done(inner)) {
        stir_der_fail(outer);
    }
}

static bool der_is_ia5(const uint8_t *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == 0 || text[i] > 0x7f) {
            return false;
        }
    }
    return true;
}

static bool der_is_utf8(const uint8_t *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned long point = 0;
        int left = n - i < 4 ? (int)(n - i) : 4;
        int used = UTF8_getc(text + i, left, &point);
        if (used <= 0 || point == 0 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
            return false;
        }
        i += (size_t)used;
    }
    return true;
}

struct stir_view stir_der_string(struct stir_der *in, uint8_t tag)
{
    struct stir_der text = stir_der_enter(in, tag);
    if (text.failed || !(tag == STIR_DER_UTF8 ? der_is_utf8(text.ptr, text.left) : der_is_ia5(text.ptr, text.left))) {
        stir_der_fail(in);
        return stir_view("", 0);
    }
    return stir_view((const char *)text.ptr, text.left);
}

uint64_t stir_der_uint(struct stir_der *in)
{
    struct stir_der number = stir_der_enter(in, STIR_DER_INTEGER);
    const uint8_t *octets = number.ptr;
    bool minimal = number.left == 1 || (number.left > 1 && (octets[0] != 0 || octets[1] >= 0x80));
    if (number.failed || !minimal || number.left > 8 || octets[0] >= 0x80) {
        stir_der_fail(in);
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < number.left; i++) {
        value = value << 8 | octets[i];
    }
    return value;
}

/* Writes tag and length, right-aligned, into HEADER_MAX octets; returns where they begin. */
static size_t der_write_header(uint8_t header[HEADER_MAX], uint8_t tag, size_t n)
{
    size_t at = HEADER_MAX;
    size_t octets = 0;
    if (n < 0x80) {
        header[--at] = (uint8_t)n;
    } else {
        for (size_t rest = n; rest; rest >>= 8) {
            header[--at] = (uint8_t)rest;
            octets++;
        }
        header[--at] = (uint8_t)(0x80 | octets);
    }
    header[--at] = tag;
    return at;
}

void stir_der_put(struct stir_buf *out, uint8_t tag, const void *content, size_t n)
{
    uint8_t header[HEADER_MAX];
    size_t at = der_write_header(header, tag, n);
    stir_buf_put(out, header + at, HEADER_MAX - at);
    stir_buf_put(out, content, n);
}

void stir_der_put_uint(struct stir_buf *out, uint64_t value)
{
    uint8_t octets[9];
    size_t at = sizeof(octets);
    do {
        octets[--at] = (uint8_t)value;
        value >>= 8;
    } while (value);
    if (octets[at] >= 0x80) {
        octets[--at] = 0;
    }
    stir_der_put(out, STIR_DER_INTEGER, octets + at, sizeof(octets) - at);
}

void stir_der_wrap(struct stir_buf *out, size_t start, uint8_t tag)
{
    if (out->failed) {
        return;
    }
    uint8_t header[HEADER_MAX];
    size_t content = out->len - start;
    size_t at = der_write_header(header, tag, content);
    size_t size = HEADER_MAX - at;
    if (!stir_buf_extend(out, size)) {
        return;
    }
    memmove(out->ptr + start + size, out->ptr + start, content);
    memcpy(out->ptr + start, header + at, size);
}
