#pragma once

#include "cps/http/request.h"

/* Shared by cps/passports*.c. */

/* The path has an {spc}. */
static inline bool cpsd_passports_has_spc(const struct cpsd_request *request)
{
    return request->spc[0] != '\0';
}

/* Answers for a store that failed: 401 (the token was used before), 429, 503. */
void cpsd_passports_store_problem(struct cpsd_request *request, const struct cpsd_store_result *result);
