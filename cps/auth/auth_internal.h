#pragma once

#include "common/passport/token.h"
#include "cps/auth/auth.h"
#include "cps/auth/rate_limit.h"

/* Shared by cps/auth*.c and by nobody else. */
struct cpsd_auth {
    struct cpsd_cert_wait wait; /* first: a notice is its wait is its auth */
    struct cpsd_request *request;
    void (*next)(struct cpsd_request *request);
    void (*resolve)(struct cpsd_request *request); /* once a certificate is there */
    struct stir_token token;
    bool parsed;
    unsigned waits; /* for certificates, so far */
    struct cpsd_chain_limit limit;
    char *copy; /* what the request's views point to, once it had to wait */
};

/* Copies what the request's views, and the token's, point to. False: out of memory. */
bool cpsd_auth_own_views(struct cpsd_auth *auth);

/* auth_refuse.c: answers, counts, and writes the record. */
void cpsd_auth_refuse(struct cpsd_request *request, const struct stir_error *err);
