/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads schedule_delivery_time or validity_period (SMPP 3.4 section 7.1.1): YYMMDDhhmmsstnn with '+' or '-' is an
 * absolute time, with 'R' a time from now. now_s: seconds since 1970. Puts the seconds from now until then into *out,
 * negative if that was before. Returns false, *out untouched, for anything else; an empty text is no time either.
 */
bool smpp_time_read(int64_t *out, struct stir_view text, int64_t now_s);
