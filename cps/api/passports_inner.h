#pragma once

#include "cps/api/passports_body.h"
#include "cps/http/request.h"

/*
 * The original publish token in a republish (ATIS-1000096): what shows that the PASSporTs are those that their
 * publisher sent to some CPS, and that no peer made them up. It was meant for that CPS, once, and a moment ago: so its
 * aud may be anybody's, it is not used up here, and it counts for as long as what it published may be kept.
 */

/* Called once: STIR_OK, and ttl_ms (1 or more) says how long the PASSporTs are kept here; or err says why not. */
typedef void cpsd_passports_inner_done(void *arg, enum stir_code code, int64_t ttl_ms, const struct stir_error *err);

/*
 * Verifies body->token for the request's path and the body's passports: form, digest, freshness, certificate chain,
 * TNAuthList, signature. `done` is called at once or later on the same loop; the body has to live until then.
 * The request was authenticated by token, so that its service has what tokens are checked with.
 */
void cpsd_passports_inner(struct cpsd_request *request, const struct cpsd_passports_body *body,
                          cpsd_passports_inner_done *done, void *arg);

/* What decides whether an original token still counts, in seconds. */
struct cpsd_passports_inner_life {
    int64_t now, iat, exp; /* since the epoch; exp is -1 where the token has none */
    int64_t max_age;       /* within which of iat a CPS takes a publish */
    int64_t skew;          /* by which clocks may differ */
    int64_t retention;     /* how long PASSporTs are kept here */
};

/* Milliseconds for which what was published is kept here: the retention, at most what is left of it if it was published
 * at the last moment at which that was possible; 0 if that is over. */
int64_t cpsd_passports_inner_ttl_ms(const struct cpsd_passports_inner_life *life);
