/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/auth/auth_rules.h"
#include "cps/http/route.h"

/*
 * Finds out who sent a request. Calls next(request) with request->caller set, at once or later on the same loop, or
 * answers itself: 401 (the credential is not valid), 403 (it is valid for something else) or 503 (it cannot be judged
 * now). A request without an Authorization field is passed to next at once, with the caller that its connection has.
 * The exception is a client certificate whose TNAuthList is at a URL (RFC 8226 section 10.1): it is fetched first.
 *
 * A bearer token (ATIS-1000096, ATIS-1000105; common/passport/token.h) is checked in this order, cheap checks first:
 * structure, times, aud, action, orig, dest and SPC against the path, the digest of the body, the rules for x5u, the
 * certificate chain to the STI roots, TNAuthList, signature. Then request->caller is CPSD_TOKEN, request->token the
 * token, and request->claim its id, which the handler passes to its first operation on the store.
 *
 * If a certificate has to be fetched, what the request's views point to is copied, and the loop goes on meanwhile.
 */
void cpsd_authenticate(struct cpsd_request *request, const struct cpsd_route *route,
                       void (*next)(struct cpsd_request *request));

/* Frees what the request holds for its token. Called with the answer. */
void cpsd_auth_release(struct cpsd_request *request);

/* Answers 401 to a request whose token was used before (the store says STIR_E_REPLAYED), and logs it. */
void cpsd_auth_replayed(struct cpsd_request *request);
