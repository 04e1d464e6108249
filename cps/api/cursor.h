#pragma once

#include "common/base/view.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A place in a list: the arrival of the last entry that was shown, as text that a client hands back (?after=). Pure
 * functions, thread-safe.
 */
#define CPSD_CURSOR_TEXT 11 /* base64url characters of the 8 octets of an arrival */

void cpsd_cursor_text(char out[CPSD_CURSOR_TEXT + 1], int64_t arrival_us);

/* False for a text that no list gave. */
bool cpsd_cursor_parse(struct stir_view text, int64_t *arrival_us);
