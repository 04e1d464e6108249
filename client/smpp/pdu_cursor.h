#pragma once

#include "client/smpp/pdu_fault.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded cursor over received octets. The first fault sticks, with its field and offset; all reads after it return
 * zero or an empty view.
 */
struct smpp_in {
    const char *ptr;
    size_t len;
    size_t pos;
    struct smpp_flaw flaw;
};

struct smpp_in smpp_in(const void *data, size_t n);

/* Records a fault at the current position, unless there is one already. */
void smpp_in_fail(struct smpp_in *in, enum smpp_fault fault, enum smpp_field field);

static inline bool smpp_in_good(const struct smpp_in *in)
{
    return in->flaw.fault == SMPP_OK;
}

uint8_t smpp_in_u8(struct smpp_in *in, enum smpp_field field);
uint32_t smpp_in_u32(struct smpp_in *in, enum smpp_field field);

/* Reads a C-octet string and returns it without its NUL, which is required. */
struct stir_view smpp_in_str(struct smpp_in *in, enum smpp_field field);

/* Reads n octets; fails with `fault` if fewer are left. */
struct stir_view smpp_in_octets(struct smpp_in *in, size_t n, enum smpp_field field, enum smpp_fault fault);

/* Reads all remaining octets. */
struct stir_view smpp_in_rest(struct smpp_in *in);

/* Returns the octets between position `start` and the current one; empty after a fault. */
struct stir_view smpp_in_since(const struct smpp_in *in, size_t start);

/* The writing counterpart, over the caller's buffer. The first value that does not fit sets `failed`, and nothing is
 * written after it. */
struct smpp_out {
    char *ptr;
    size_t cap;
    size_t len;
    bool failed;
};

struct smpp_out smpp_out(void *ptr, size_t cap);
void smpp_out_u8(struct smpp_out *out, uint8_t value);
void smpp_out_u16(struct smpp_out *out, uint16_t value);
void smpp_out_u32(struct smpp_out *out, uint32_t value);
void smpp_out_octets(struct smpp_out *out, struct stir_view octets);

/* Overwrites 4 octets at offset `at`, which were written before. */
void smpp_out_patch(struct smpp_out *out, size_t at, uint32_t value);
