/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends a code point, which is no surrogate and at most U+10FFFF. */
void smpp_utf8_put(struct stir_buf *out, uint32_t c);

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF, nothing cut. */
bool smpp_utf8_valid(const char *text, size_t n);
