/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

#include <jansson.h>

/*
 * The original publish token in a republish (ATIS-1000096). It proves that the PASSporTs are those that their publisher
 * sent to another CPS, and that the peer did not make them up. It was made for that CPS, for one use, some time ago: so
 * its aud is not checked, its jti is not used up here, and it is valid for as long as the PASSporTs may be kept.
 */

/* Called once. STIR_OK: ttl_ms, at least 1, is the time in milliseconds to keep the PASSporTs here. Otherwise err says
 * why the token is not accepted. */
typedef void cpsd_original_token_done(void *arg, enum stir_code code, int64_t ttl_ms, const struct stir_error *err);

/*
 * Verifies an original token for the request's path and the array of PASSporTs: form, digest, age, certificate chain,
 * TNAuthList, signature. token.ptr is NULL where the body has none: STIR_E_INVAL. `done` is called at once or later on
 * the same loop; array and token have to stay valid until then. The request was authenticated by token, so that its
 * service has everything that tokens are checked with.
 */
void cpsd_original_token_check(struct cpsd_request *request, const json_t *array, struct stir_view token,
                               cpsd_original_token_done *done, void *arg);

/* What decides whether an original token is still valid, in seconds. */
struct cpsd_original_token_life {
    int64_t now, iat, exp; /* since the epoch; exp is -1 if the token has none */
    int64_t max_age;       /* a CPS accepts a publish within this time after iat */
    int64_t skew;          /* the largest difference between clocks */
    int64_t retention;     /* how long PASSporTs are kept here */
};

/* Returns the time to keep the PASSporTs here, in milliseconds: the retention, or what is left of it if they were
 * published at the last moment that the token allows; 0 if that has passed or iat is in the future. */
int64_t cpsd_original_token_ttl_ms(const struct cpsd_original_token_life *life);
