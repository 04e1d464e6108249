/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/find/route.h"

/* Finds the route that the number table names for a telephone number; *out becomes a new reference, or stays as it is
 * if the table has no row or no URL for the number. dest may be NULL. CPS_E_CONFIG: the table's URL cannot be used;
 * CPS_E_NOMEM. */
enum cps_code cps_route_by_table(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                 struct cps_error *err) STIR_MUST_CHECK;

/* Returns the route of options.cps_url in *out, a new reference. CPS_E_CONFIG: none is configured. */
enum cps_code cps_route_by_default(struct cps_route **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Finds where a destination's key records are looked up: at the CPS of the number table, else at cps_url. The records
 * themselves have no say. *out is a new reference. CPS_E_CONFIG, CPS_E_NOMEM. */
enum cps_code cps_route_to_directory(struct cps_route **out, struct cps *cps, const struct stir_identity *dest,
                                     struct cps_error *err) STIR_MUST_CHECK;
