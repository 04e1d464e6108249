#pragma once

#include "common/base/buf.h"
#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The little DER (X.690) that STIR's own certificate extensions need: a bounded cursor whose first failure sticks, and
 * the writer for the same. Strict: low tag numbers, definite and minimal lengths. Thread-safe.
 */
enum {
    STIR_DER_INTEGER = 0x02,
    STIR_DER_UTF8 = 0x0c,
    STIR_DER_IA5 = 0x16,
    STIR_DER_SEQUENCE = 0x30,
    STIR_DER_EXPLICIT = 0xa0, /* | number: a constructed context-specific tag */
};

struct stir_der {
    const uint8_t *ptr;
    size_t left;
    bool failed; /* then left is 0 */
};

struct stir_der stir_der(const void *data, size_t n);

/* Makes the failure stick: for what the caller finds wrong. */
void stir_der_fail(struct stir_der *in);

/* True as long as something is left and nothing failed. */
bool stir_der_more(const struct stir_der *in);

/* The tag that comes next, -1 at the end. */
int stir_der_peek(const struct stir_der *in);

/* Reads one element with this tag and gives a cursor over its content; the cursor is failed and empty if it is not
 * there. */
struct stir_der stir_der_enter(struct stir_der *in, uint8_t tag);

/* Ends what stir_der_enter began: outer fails if inner failed or was not read to its end. */
void stir_der_leave(struct stir_der *outer, const struct stir_der *inner);

/* Reads one string element with this tag: its content, empty on failure. IA5String must be 7-bit, UTF8String valid
 * UTF-8; neither may hold NUL, as they become C strings. */
struct stir_view stir_der_string(struct stir_der *in, uint8_t tag);

/* Reads a non-negative INTEGER of up to 63 bits; 0 on failure. */
uint64_t stir_der_uint(struct stir_der *in);

/* True if all was read and nothing failed. */
bool stir_der_done(const struct stir_der *in);

/* Appends one element. */
void stir_der_put(struct stir_buf *out, uint8_t tag, const void *content, size_t n);
void stir_der_put_uint(struct stir_buf *out, uint64_t value);

/* Makes what was appended since the buffer's length was `start` the content of one element. */
void stir_der_wrap(struct stir_buf *out, size_t start, uint8_t tag);
