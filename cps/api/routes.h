#pragma once

#include "cps/http/route.h"

/* Finds the route, reads the destination, finds out who asks (cps/auth/authenticate.h), asks the policy, calls the
 * handler; answers 404, 405 (with Allow), 401 and 403 itself. Every request is answered exactly once, at once or later.
 */
void cpsd_dispatch(struct cpsd_request *request);

/* The table, for documentation and tests. */
extern const struct cpsd_route cpsd_routes[];
extern const size_t cpsd_route_count;

/*
 * Judges the caller of a request that waits or streams again: its certificate, which may have been revoked or have
 * ended, and the policy. Costs nothing unless the trust is a new one or CPSD_JUDGE_AGAIN_MS have passed since it was
 * judged last. False: nothing more may be given to the caller.
 */
#define CPSD_JUDGE_AGAIN_MS 15000
bool cpsd_request_still_allowed(struct cpsd_request *request);
