/* SPDX-License-Identifier: MIT */
#include "cps/api/store_problem.h"

#include "cps/auth/authenticate.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <assert.h>

#define RETRY_MAX_S 3600

/* Returns the seconds for Retry-After, rounded up: at least one, at most an hour. */
static unsigned store_problem_retry_s(int64_t retry_after_ms)
{
    int64_t seconds = (retry_after_ms + 999) / 1000;
    return seconds < 1 ? 1 : seconds > RETRY_MAX_S ? RETRY_MAX_S : (unsigned)seconds;
}

void cpsd_store_problem(struct cpsd_request *request, const struct cpsd_store_result *result)
{
    assert(result->code != STIR_OK);
    /* the claim of a token's jti is made with the first operation: a used token is found out here */
    if (result->code == STIR_E_REPLAYED) {
        cpsd_auth_replayed(request);
        return;
    }
    const char *detail = NULL;
    if (result->code == STIR_E_BOX_FULL) {
        detail = cpsd_rate_limit_full_detail(result->full);
    } else if (result->code == STIR_E_UNAVAILABLE) {
        detail = "the store did not answer in time or cannot be reached";
    }
    int status = cpsd_status_of(result->code);
    unsigned retry_s = status == 429 || status == 503 ? store_problem_retry_s(result->retry_after_ms) : 0;
    cpsd_problem(request, status, stir_strerror(result->code), detail, retry_s, NULL);
}
