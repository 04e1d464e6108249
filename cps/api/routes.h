/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/route.h"

/* Finds the route of a request, reads the destination, establishes the caller (cps/auth/authenticate.h), asks the
 * policy, and calls the handler. Answers 404, 405 (with Allow), 401 and 403 itself. Every request is answered exactly
 * once, at once or later. */
void cpsd_dispatch(struct cpsd_request *request);

/* The table of routes, for documentation and tests. */
extern const struct cpsd_route cpsd_routes[];
extern const size_t cpsd_route_count;
