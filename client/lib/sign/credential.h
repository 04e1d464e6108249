/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"
#include "common/passport/token.h"

struct cps_credential;

/*
 * The credential for the CPS: an STI certificate and its key, with which each request gets its own bearer token
 * (ATIS-1000096, ATIS-1000105). Immutable once made; thread-safe.
 */

/* Opens the credential of the options auth_*; *out stays NULL without auth_cert_file. CPS_E_CONFIG, CPS_E_KEY,
 * CPS_E_CERT, CPS_E_X5U and CPS_E_IO name the option or the file; CPS_E_CERT_SCOPE: the certificate does not name
 * auth_spc. */
enum cps_code cps_credential_open(struct cps_credential **out, const struct cps_options *options,
                                  struct cps_error *err) STIR_MUST_CHECK;

/* Frees the credential. NULL is fine. */
void cps_credential_free(struct cps_credential *credential);

/* Returns the certificate and key of the credential, borrowed. */
const struct cps_signer *cps_credential_signer(const struct cps_credential *credential);

/* The request that a token is for. */
struct cps_token_for {
    enum stir_token_action action;
    const struct stir_identity *dest; /* NULL: none */
    struct stir_view body;            /* an envelope or a key record; len 0: none */
    const char *host;                 /* of the CPS; the audience unless auth_audience is set */
};

/*
 * Makes the value of an Authorization field for one request; the caller frees *out, which is NULL if credential is
 * NULL. A token is valid for one request, so a repeated request needs a new one. CPS_E_CERT_TIME (the certificate is
 * not valid now), CPS_E_CRYPTO, CPS_E_NOMEM.
 */
enum cps_code cps_credential_make(char **out, const struct cps_credential *credential, const struct cps_token_for *what,
                                  struct cps_error *err) STIR_MUST_CHECK;
