#pragma once

#include "client/lib/find/dest_record.h"

/*
 * Keys by destination from a file that the operator wrote: a JSON object whose names are numbers in canonical form,
 * what numbers begin with and '*', or '*' for all, and whose values are arrays of 1 to 8 public JWKs. The number itself
 * comes first, then the longest beginning. Immutable.
 */
struct cps_pinned;

/* CPS_E_CONFIG, CPS_E_KEY, CPS_E_JSON, CPS_E_IO name the file and what is wrong. */
enum cps_code cps_pinned_load(struct cps_pinned **out, const char *path, struct cps_error *err) STIR_MUST_CHECK;
void cps_pinned_free(struct cps_pinned *pinned); /* NULL is fine */

/* A new reference, or NULL. pinned may be NULL. */
struct cps_target *cps_pinned_find(const struct cps_pinned *pinned, const struct stir_identity *dest);
