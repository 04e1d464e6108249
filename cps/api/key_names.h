/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * What names a key record: the subject in the path, the name that the store keeps it under, and its entity tag.
 * Thread-safe.
 */
#define CPSD_KEYS_TYPE "application/jwt"
#define CPSD_KEYS_ETAG 32 /* octets of an entity tag with its quotes and NUL, at most */

/* Reads {subject} of /keys/{subject} into the request's dest: a number, or "spc:CODE". For PUT, a short text of digits
 * is a code if the record in the body is about that code. Returns false after answering 400. */
bool cpsd_keys_path(struct cpsd_request *request);

/* Writes the name of the record that covers a number by a range, under that number. */
void cpsd_keys_name_block(struct stir_identity *out, const struct stir_identity *tn);

/* Writes the entity tag of an answer's text, with quotes and NUL. It is a strong one (RFC 9110 section 8.8.3): a hash
 * of the text. */
void cpsd_keys_etag(char out[CPSD_KEYS_ETAG], struct stir_view text);
