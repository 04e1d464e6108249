/* SPDX-License-Identifier: MIT */
#include "client/smpp/pdu_cursor.h"

#include <string.h>

struct smpp_in smpp_in(const void *data, size_t n)
{
    return (struct smpp_in){.ptr = data, .len = n};
}

void smpp_in_fail(struct smpp_in *in, enum smpp_fault fault, enum smpp_field field)
{
    if (smpp_in_good(in)) {
        in->flaw = (struct smpp_flaw){.fault = fault, .field = field, .offset = in->pos};
    }
}

struct stir_view smpp_in_octets(struct smpp_in *in, size_t n, enum smpp_field field, enum smpp_fault fault)
{
    if (n > in->len - in->pos) {
        smpp_in_fail(in, fault, field);
    }
    if (!smpp_in_good(in)) {
        return stir_view("", 0);
    }
    struct stir_view octets = stir_view(in->ptr + in->pos, n);
    in->pos += n;
    return octets;
}

static uint32_t read_uint(struct smpp_in *in, size_t n, enum smpp_field field)
{
    struct stir_view octets = smpp_in_octets(in, n, field, SMPP_F_CUT);
    uint32_t value = 0;
    for (size_t i = 0; i < octets.len; i++) {
        value = value << 8 | (uint8_t)octets.ptr[i];
    }
    return value;
}

uint8_t smpp_in_u8(struct smpp_in *in, enum smpp_field field)
{
    return (uint8_t)read_uint(in, 1, field);
}

uint32_t smpp_in_u32(struct smpp_in *in, enum smpp_field field)
{
    return read_uint(in, 4, field);
}

struct stir_view smpp_in_str(struct smpp_in *in, enum smpp_field field)
{
    if (!smpp_in_good(in)) {
        return stir_view("", 0);
    }
    size_t left = in->len - in->pos;
    const char *start = in->ptr + in->pos;
    const char *end = left ? memchr(start, '\0', left) : NULL;
    if (!end) {
        smpp_in_fail(in, left ? SMPP_F_NO_NUL : SMPP_F_CUT, field);
    }
    struct stir_view octets = smpp_in_octets(in, end ? (size_t)(end - start) + 1 : 0, field, SMPP_F_CUT);
    return stir_view(octets.ptr, octets.len ? octets.len - 1 : 0);
}

struct stir_view smpp_in_rest(struct smpp_in *in)
{
    return smpp_in_octets(in, in->len - in->pos, SMPP_FIELD_NONE, SMPP_F_CUT);
}

struct stir_view smpp_in_since(const struct smpp_in *in, size_t start)
{
    return smpp_in_good(in) ? stir_view(in->ptr + start, in->pos - start) : stir_view("", 0);
}

struct smpp_out smpp_out(void *ptr, size_t cap)
{
    return (struct smpp_out){.ptr = ptr, .cap = cap};
}

void smpp_out_octets(struct smpp_out *out, struct stir_view octets)
{
    if (octets.len > out->cap - out->len) {
        out->failed = true;
    }
    if (!out->failed && octets.len) {
        memcpy(out->ptr + out->len, octets.ptr, octets.len);
        out->len += octets.len;
    }
}

static void put_uint(struct smpp_out *out, uint32_t value, size_t n)
{
    char octets[4];
    for (size_t i = 0; i < n; i++) {
        octets[i] = (char)(value >> 8 * (n - 1 - i));
    }
    smpp_out_octets(out, stir_view(octets, n));
}

void smpp_out_u8(struct smpp_out *out, uint8_t value)
{
    put_uint(out, value, 1);
}

void smpp_out_u16(struct smpp_out *out, uint16_t value)
{
    put_uint(out, value, 2);
}

void smpp_out_u32(struct smpp_out *out, uint32_t value)
{
    put_uint(out, value, 4);
}

void smpp_out_patch(struct smpp_out *out, size_t at, uint32_t value)
{
    if (!out->failed && at + 4 <= out->len) {
        struct smpp_out part = smpp_out(out->ptr + at, 4);
        smpp_out_u32(&part, value);
    }
}
