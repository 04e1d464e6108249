#pragma once

#include "cps/auth/auth_rules.h"
#include "cps/http/route.h"

/*
 * Finds out who asks. Calls next(request) with request->caller set, at once or later on the same loop, or answers 401
 * (the credential is no good), 403 (it is good for something else) or 503 itself. A request without an Authorization
 * field goes on at once, with the caller that its connection has, unless that is known by a client certificate whose
 * TNAuthList is elsewhere (RFC 8226 section 10.1): it is fetched first.
 *
 * A bearer token (ATIS-1000096, ATIS-1000105; common/passport/token.h) is checked in this order, cheap first:
 * structure, times, aud, action, orig, dest and SPC against the path, the digest of the body, the rules for x5u, the
 * certificate chain to the STI roots, TNAuthList, signature. Then request->caller is CPSD_TOKEN, request->token the
 * token, and request->claim its jti, which the handler passes to its first operation on the store.
 *
 * Where the certificate has to be fetched, what the request's views point to is copied, and the loop goes on meanwhile.
 */
void cpsd_authenticate(struct cpsd_request *request, const struct cpsd_route *route,
                       void (*next)(struct cpsd_request *request));

/* Frees what the request holds for its token: with the answer. */
void cpsd_auth_release(struct cpsd_request *request);

/* Answers a request whose store says STIR_E_REPLAYED: 401, with a record in the log. */
void cpsd_auth_replayed(struct cpsd_request *request);
