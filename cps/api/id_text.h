/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * The id of an envelope as text: the base64url form (RFC 4648 section 5, without padding) of its CPSD_ID_OCTETS octets,
 * as it stands in paths and answers. Thread-safe.
 */
#define CPSD_ID_TEXT 22 /* characters of an id */

/* Writes the text of an id to out, which holds CPSD_ID_TEXT characters. Adds no NUL. */
void cpsd_id_text(char *out, const uint8_t id[CPSD_ID_OCTETS]);

/* Reads the id from the second variable segment of the request's path ({id} of /cps/{dest}/ppts/{id}). Returns false
 * if the segment is not the text of an id; the request has then been answered with 404, because no envelope has such a
 * name. */
bool cpsd_id_from_path(struct cpsd_request *request, uint8_t id[CPSD_ID_OCTETS]);
