#pragma once

#include "common/buf.h"
#include "common/error.h"
#include "common/view.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

/*
 * What `cpsctl inspect` shows of one thing, as a JSON object with "kind" first; a person sees it rendered. Nothing is
 * verified and no private key material is shown. All return what the readers in common/ return, with the reason in err
 * and *out untouched; the object is new.
 */

/* A token: a PASSporT, a key record or another JWS, or an envelope. */
enum stir_code ctl_inspect_token(json_t **out, struct stir_view token, struct stir_error *err) STIR_MUST_CHECK;

/* JSON text: a JWK, a JWK Set, what an envelope holds. */
enum stir_code ctl_inspect_json(json_t **out, struct stir_view text, struct stir_error *err) STIR_MUST_CHECK;

/* PEM text: certificates, revocation lists, keys. */
enum stir_code ctl_inspect_pem(json_t **out, struct stir_view text, struct stir_error *err) STIR_MUST_CHECK;

/* DER: a certificate, a revocation list, a key. */
enum stir_code ctl_inspect_der(json_t **out, struct stir_view der, struct stir_error *err) STIR_MUST_CHECK;

/* Certificates and lists of which the DER is known to be that. */
enum stir_code ctl_inspect_cert(json_t **out, struct stir_view der, struct stir_error *err) STIR_MUST_CHECK;
enum stir_code ctl_inspect_crl(json_t **out, struct stir_view der, struct stir_error *err) STIR_MUST_CHECK;

/* A key: its public half as a JWK, its thumbprint. */
enum stir_code ctl_inspect_key(json_t **out, const EVP_PKEY *key, bool is_private,
                               struct stir_error *err) STIR_MUST_CHECK;
