/* SPDX-License-Identifier: MIT */
#include "client/lib/context/message.h"
#include "client/lib/sign/signer.h"
#include "common/cert/chain.h"
#include "common/cert/claim_constraints.h"
#include "common/passport/passport.h"

#include <stdlib.h>
#include <string.h>

/* Refuses to make a signature that no verifier would accept (RFC 8816 section 8.1 steps 1 and 2). */
static enum cps_code sign_check_authority(const struct cps *cps, const struct cps_signer *signer,
                                          const struct cps_checked *message, int64_t iat, struct cps_error *err)
{
    const struct stir_authority authority = cps_authority(cps);
    struct stir_error cause = {0};
    if (signer->scope && !cps_scope_has(signer->scope, &message->orig)) {
        return cps_fail(err, CPS_E_OUTSIDE, "the sender is not one of the tenant's numbers and names; not signed");
    }
    enum stir_code code = stir_chain_covers(signer->chain, &message->orig, &authority, NULL, &cause);
    if (code != STIR_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    if (iat < signer->not_before || iat >= signer->chain->not_after) {
        return cps_fail(err, CPS_E_CERT_TIME, "the signer's certificate %s at iat",
                        iat < signer->not_before ? "is not yet valid" : "has expired");
    }
    return CPS_OK;
}

/* Refuses a PASSporT that the certificate's claim constraints forbid (RFC 8226 section 8). */
static enum cps_code sign_check_constraints(const struct cps_signer *signer, const char *token, size_t len,
                                            struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_jws jws;
    if (!signer->constrained) {
        return CPS_OK;
    }
    enum stir_code code = stir_jws_parse(&jws, token, len, &cause);
    if (code != STIR_OK) {
        return cps_fail_stir(err, code, &cause);
    }
    code = stir_claims_check_cert(signer->chain->certs[0], jws.payload, &cause);
    stir_jws_clear(&jws);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

static enum cps_code sign_passport(struct cps *cps, const struct cps_signer *signer, const struct cps_checked *message,
                                   char **token, size_t *len, struct cps_error *err)
{
    struct stir_error cause = {0};
    char msgi[STIR_MSGI_MAX];
    struct stir_passport_spec spec = {
        .x5u = signer->x5u,
        .orig = &message->orig,
        .dest = message->dest,
        .dest_count = message->dest_count,
        .iat = message->iat ? message->iat : cps_now(cps),
        .msgi = message->body ? msgi : NULL,
    };
    enum cps_code checked = sign_check_authority(cps, signer, message, spec.iat, err);
    if (checked != CPS_OK) {
        return checked;
    }
    /* RFC 9475 section 3.1: msgi is the digest of the message's body. */
    enum stir_code code = STIR_OK;
    if (message->body) {
        code = stir_msgi_make(msgi, STIR_MSGI_SHA256, message->body, message->body_len, &cause);
    }
    if (code == STIR_OK) {
        code = stir_passport_sign(token, len, &spec, signer->key, &cause);
    }
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

enum cps_code cps_sign(struct cps *cps, const struct cps_signer *signer, const struct cps_message *message,
                       char **passport, size_t *len, struct cps_error *err)
{
    struct cps_checked checked;
    char *token = NULL;
    size_t token_len = 0;
    if (!cps || !signer || !passport) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum cps_code code = cps_message_check(&checked, cps, message, false, err);
    if (code != CPS_OK) {
        return code;
    }
    code = sign_passport(cps, signer, &checked, &token, &token_len, err);
    if (code == CPS_OK) {
        code = sign_check_constraints(signer, token, token_len, err);
    }
    /* The caller gets the token only when every check has passed. */
    if (code == CPS_OK) {
        *passport = token;
        if (len) {
            *len = token_len;
        }
        token = NULL;
    }
    free(token);
    cps_checked_clear(&checked);
    return code;
}

void cps_text_free(char *text)
{
    free(text);
}
