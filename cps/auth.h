#pragma once

#include "cps/routes.h"

/*
 * Finds out who asks. Calls next(request) with request->caller set, at once or later on the same loop, or answers 401
 * or 403 itself. A request without an Authorization field goes on at once, with the caller that its connection has.
 */
void cpsd_authenticate(struct cpsd_request *request, const struct cpsd_route *route,
                       void (*next)(struct cpsd_request *request));
