/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * The path of a box, /cps/{dest}/ppts (RFC 8816 section 9): reading the destination from it and writing it.
 * Thread-safe.
 */

/* Reads the first variable segment of the request's path ({dest}) into request->dest. Returns false if it does not
 * name a destination; the request has then been answered with 400. */
bool cpsd_box_dest(struct cpsd_request *request);

/* Appends "/cps/{dest}/ppts" with dest in canonical form, percent-encoded. */
void cpsd_box_path(struct stir_buf *out, const struct stir_identity *dest);
