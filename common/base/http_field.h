/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Returns the number of seconds for which an answer may be kept, from one value of Cache-Control and the answer's
 * Age (RFC 9111 section 4.2): 0 for no-store, no-cache and malformed values, -1 if it does not say. Thread-safe. */
int64_t stir_max_age(const char *cache_control, size_t n, int64_t age);

/* Writes the media type of a Content-Type, without parameters and in lower case; "" if it does not fit. */
void stir_content_type(char *out, size_t cap, const char *value);

/* Returns a header's number of seconds: digits only, cut to 100,000,000; -1 for anything else. */
int64_t stir_header_seconds(const char *text, size_t n);
