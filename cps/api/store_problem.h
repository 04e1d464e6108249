/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * Answers a request whose store operation failed, with the status of result->code (cpsd_status_of): 401 if its token
 * was used before, 404, 429 or 503, and Retry-After with 429 and 503. The request must not be touched afterwards.
 */
void cpsd_store_problem(struct cpsd_request *request, const struct cpsd_store_result *result);
