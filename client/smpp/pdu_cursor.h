/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu_fault.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded cursor over octets that came in; its first fault sticks, with the field and the place, and whatever is
 * read after it is zero or empty.
 */
struct smpp_in {
    const char *ptr;
    size_t len;
    size_t pos;
    struct smpp_flaw flaw;
};

struct smpp_in smpp_in(const void *data, size_t n);

/* Makes a fault stick, at the place where the cursor stands. */
void smpp_in_fail(struct smpp_in *in, enum smpp_fault fault, enum smpp_field field);

static inline bool smpp_in_good(const struct smpp_in *in)
{
    return in->flaw.fault == SMPP_OK;
}

uint8_t smpp_in_u8(struct smpp_in *in, enum smpp_field field);
uint32_t smpp_in_u32(struct smpp_in *in, enum smpp_field field);

/* A C-octet string without the NUL that it must have. */
struct stir_view smpp_in_str(struct smpp_in *in, enum smpp_field field);

/* n octets; `fault` if there are not as many. */
struct stir_view smpp_in_octets(struct smpp_in *in, size_t n, enum smpp_field field, enum smpp_fault fault);

/* All octets that are left; nothing is left then. */
struct stir_view smpp_in_rest(struct smpp_in *in);

/* What was read since the cursor stood at `start`; empty after a fault. */
struct stir_view smpp_in_since(const struct smpp_in *in, size_t start);

/* Its counterpart, over a caller's buffer: what does not fit makes `failed` stick and writes nothing more. */
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

/* Overwrites 4 octets that were put before. */
void smpp_out_patch(struct smpp_out *out, size_t at, uint32_t value);
