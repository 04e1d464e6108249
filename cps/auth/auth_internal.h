/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/passport/token.h"
#include "cps/auth/authenticate.h"
#include "cps/auth/rate_limit.h"

/* The state of a request whose credential is being checked. Private to cps/auth. */
struct cpsd_auth {
    struct cpsd_cert_wait wait; /* first: cast from the notice */
    struct cpsd_request *request;
    void (*next)(struct cpsd_request *request);
    void (*resolve)(struct cpsd_request *request); /* called once a certificate has come */
    struct stir_token token;
    bool parsed;
    unsigned waits; /* fetches waited for so far */
    struct cpsd_chain_limit limit;
    char *copy; /* what the request's views point to, once it has waited */
};

/* auth_views.c: copies what the views of the request and the token point to, into auth->copy, so that they outlive the
 * octets that the request came in. Returns false without memory. */
bool cpsd_auth_own_views(struct cpsd_auth *auth);

/* auth_refuse.c: answers 401, 403 or 503, counts the refusal and logs it. */
void cpsd_auth_refuse(struct cpsd_request *request, const struct stir_error *err);

/* ---- bearer_token.c ---- */

/* Returns the time in seconds since the epoch, by the coarse clock. */
int64_t cpsd_auth_now_s(void);

/* Returns the token after "Bearer" in an Authorization field (RFC 6750 section 2.1); len 0 for another scheme. */
struct stir_view cpsd_bearer_token(struct stir_view field);

/* Checks the token's times, aud, action, orig, dest and spc against the request and the configuration. What
 * stir_token_check returns; STIR_E_UNAUTHORIZED. */
enum stir_code cpsd_token_check_claims(const struct cpsd_request *request, const struct stir_token *token,
                                       const struct cpsd_route *route, struct stir_error *err);

/* Checks the token's digest of the body, for requests that have one. What stir_token_check_body returns. */
enum stir_code cpsd_token_check_body(const struct cpsd_request *request, const struct stir_token *token,
                                     const struct cpsd_route *route, struct stir_error *err);

/* Checks that the certificate covers what the token claims, verifies the signature, and writes the token's id to
 * request->claim. STIR_E_CERT_SCOPE, STIR_E_SIGNATURE and others. */
enum stir_code cpsd_token_verify(struct cpsd_request *request, struct stir_chain *chain, struct stir_error *err);

/* Returns the SPC of the certificate that the token speaks for; NULL: the certificate's first. */
const char *cpsd_token_acts_as(const struct stir_token *token, const struct stir_chain *chain);
