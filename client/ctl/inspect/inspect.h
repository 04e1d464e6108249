/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/view.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>

/*
 * What `cpsctl inspect` shows of one thing, as a JSON object with "kind" first; a person sees it rendered. Nothing is
 * verified and no private key material is shown. What is faulty is shown as far as it can be read, with a member
 * "faults" that names each fault. All return STIR_OK then; if nothing of it can be read they return what the readers in
 * common/ return, with the reason in err and *out untouched; the object is new.
 */

/* Adds a fault to an object. */
void ctl_inspect_fault(json_t *object, const char *fmt, ...) STIR_PRINTF(2, 3);

/* Returns the number of faults of what is shown, and of the things within it; *first is set to the first one. */
size_t ctl_inspect_faults(const json_t *shown, const char **first);

/* Decodes base64url and parses the JSON in it into a member of object; what is wrong becomes a fault. Returns the
 * member, borrowed; NULL if nothing could be read. */
json_t *ctl_inspect_part(json_t *object, const char *name, struct stir_view text);

/* Checks that a part is base64url of this number of octets; SIZE_MAX: of any number. */
void ctl_inspect_octets(json_t *object, const char *name, struct stir_view text, size_t wanted);

/* Splits at dots. Returns the number of parts, of which at most max are stored. */
size_t ctl_inspect_split(struct stir_view *parts, size_t max, struct stir_view token);

/* Names the faults of a PASSporT whose header and claims are shown. */
void ctl_inspect_passport_faults(json_t *shown, struct stir_view token);

/* A certificate request (PKCS #10), DER. */
enum stir_code ctl_inspect_request(json_t **out, struct stir_view der, struct stir_error *err) STIR_MUST_CHECK;

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
