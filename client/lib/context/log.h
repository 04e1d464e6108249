/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"

struct cps;

/* Formats one line and gives it to options.log; does nothing if that is NULL. Control characters are replaced, and a
 * line of more than 511 octets is cut. Thread-safe as far as options.log is. */
void cps_log(const struct cps *cps, enum cps_log_level level, const char *fmt, ...) STIR_PRINTF(3, 4);
