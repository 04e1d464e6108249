/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * A place in a list: the arrival time of the last entry that was shown, as text that the client sends back (?after=).
 * Thread-safe.
 */
#define CPSD_CURSOR_TEXT 11 /* base64url characters of the 8 octets of an arrival time */

/* Writes the text of an arrival time (microseconds since the epoch), with a NUL. */
void cpsd_cursor_text(char out[CPSD_CURSOR_TEXT + 1], int64_t arrival_us);

/* Reads the text of an arrival time. Returns false if the text is not a cursor of this server. */
bool cpsd_cursor_parse(struct stir_view text, int64_t *arrival_us);

/* Writes to after_us where the list is to continue: `event` (Last-Event-ID) if it is not empty, else ?after=, else 0,
 * the start. Returns false if the text is not a cursor; the request has then been answered with 400. */
bool cpsd_cursor_after(struct cpsd_request *request, struct stir_view event, int64_t *after_us);
