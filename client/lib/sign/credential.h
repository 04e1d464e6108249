#pragma once

#include "client/lib/context/errors.h"
#include "common/passport/token.h"

struct cps_credential;

/*
 * Who we are to the CPS: an STI certificate and its key, with which each request gets a bearer token of its own
 * (ATIS-1000096, ATIS-1000105). Immutable once made, thread-safe.
 */

/* What the options auth_* say; *out is NULL where they say nothing. CPS_E_CONFIG, CPS_E_KEY, CPS_E_CERT, CPS_E_X5U,
 * CPS_E_IO name the option or the file; CPS_E_CERT_SCOPE: the certificate does not name auth_spc. */
enum cps_code cps_credential_open(struct cps_credential **out, const struct cps_options *options,
                                  struct cps_error *err) STIR_MUST_CHECK;
void cps_credential_free(struct cps_credential *credential);

/* Returns the certificate and key of the credential, which stay its own. */
const struct cps_signer *cps_credential_signer(const struct cps_credential *credential);

/* What a token is for. */
struct cps_token_for {
    enum stir_token_action action;
    const struct stir_identity *dest; /* NULL: none */
    struct stir_view body;            /* an envelope, or a key record; len 0: none */
    const char *host;                 /* of the CPS */
};

/*
 * The value of an Authorization field for one request, to be freed; *out is NULL without a credential (NULL). A request
 * that is repeated needs a new one: a token is good for one request. CPS_E_CERT_TIME (the certificate is not valid
 * now), CPS_E_CRYPTO, CPS_E_NOMEM. Thread-safe.
 */
enum cps_code cps_credential_make(char **out, const struct cps_credential *credential, const struct cps_token_for *what,
                                  struct cps_error *err) STIR_MUST_CHECK;
