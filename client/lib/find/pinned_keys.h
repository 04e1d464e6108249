/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/find/dest_record.h"

/*
 * Keys by destination, from a file that the operator writes: a JSON object whose names are numbers in canonical form,
 * prefixes followed by '*', or '*' for all numbers, and whose values are arrays of 1 to 8 public JWKs, or JWK Sets. The
 * number itself is looked up first, then its longest prefix. Immutable.
 */
struct cps_pinned;

/* Reads the file. CPS_E_CONFIG, CPS_E_KEY, CPS_E_JSON and CPS_E_IO name it and the fault; CPS_E_NOMEM. */
enum cps_code cps_pinned_load(struct cps_pinned **out, const char *path, struct cps_error *err) STIR_MUST_CHECK;
void cps_pinned_free(struct cps_pinned *pinned); /* NULL is fine */

/* Returns a new reference to the keys that are pinned for a destination, or NULL. pinned may be NULL. */
struct cps_target *cps_pinned_find(const struct cps_pinned *pinned, const struct stir_identity *dest);
