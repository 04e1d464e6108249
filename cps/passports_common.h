#pragma once

#include "cps/request.h"

/* Shared by cps/passports*.c. */

/* The path has an {spc}. */
static inline bool cpsd_passports_has_spc(const struct cpsd_request *request)
{
    return request->spc[0] != '\0';
}

/* Answers for a store that failed: 401 (the token was used before), 429, 503. */
void cpsd_passports_store_problem(struct cpsd_request *request, enum stir_code code, int64_t retry_after_ms);
