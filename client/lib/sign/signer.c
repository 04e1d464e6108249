/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/signer.h"
#include "common/base/file.h"

#include "common/base/url.h"
#include "common/cert/claim_constraints.h"
#include "common/cert/x509.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"
#include "common/jose/key_load.h"

#include <stdlib.h>
#include <string.h>

struct cps_signer *cps_signer_ref(const struct cps_signer *signer)
{
    struct cps_signer *mine = (struct cps_signer *)(uintptr_t)signer;
    atomic_fetch_add(&mine->refs, 1);
    return mine;
}

void cps_signer_free(struct cps_signer *signer)
{
    if (!signer || atomic_fetch_sub(&signer->refs, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < STIR_CHAIN_MAX; i++) {
        OPENSSL_free(signer->der[i]);
    }
    EVP_PKEY_free(signer->key);
    stir_chain_unref(signer->chain);
    cps_scope_free(signer->scope);
    free(signer->x5u);
    free(signer);
}

/* Returns true if the certificate has claim constraints. Also if they cannot be read: then each signature is checked
 * against them, and fails with the reason. */
static bool signer_has_constraints(const X509 *cert)
{
    struct stir_claims constraints;
    enum stir_code code = stir_claims_of(&constraints, NULL, cert, NULL);
    if (code == STIR_OK) {
        stir_claims_clear(&constraints);
    }
    return code != STIR_E_NOT_FOUND;
}

/* Computes once what every signature needs of the certificates. */
static bool signer_digest_chain(struct cps_signer *signer)
{
    signer->constrained = signer_has_constraints(signer->chain->certs[0]);
    for (size_t i = 0; i < signer->chain->count; i++) {
        X509 *cert = signer->chain->certs[i];
        int64_t begin = INT64_MAX;
        int len = i2d_X509(cert, &signer->der[i]);
        if (len <= 0 || stir_x509_time(&begin, X509_get0_notBefore(cert), NULL) != STIR_OK) {
            return false;
        }
        signer->der_views[i] = stir_view((const char *)signer->der[i], (size_t)len);
        signer->not_before = begin > signer->not_before ? begin : signer->not_before;
    }
    return true;
}

static enum cps_code signer_read_chain(struct cps_signer *signer, const char *path, struct cps_error *err)
{
    struct stir_buf pem = {.limit = STIR_CHAIN_FILE_OCTETS};
    struct stir_error cause = {0};
    enum stir_code code = stir_read_file(&pem, path, pem.limit, &cause);
    bool read = code == STIR_OK;
    if (read) {
        code = stir_chain_parse(&signer->chain, pem.ptr, pem.len, &cause);
    }
    if (code == STIR_OK) {
        code = stir_chain_check_own(signer->chain, &cause);
    }
    stir_buf_cleanse(&pem); /* the file may hold the private key too */
    if (code == STIR_OK) {
        return CPS_OK;
    }
    enum cps_code failed = cps_fail_stir(err, code, &cause);
    return read ? cps_fail_prefix(err, failed, "%s", path) : failed;
}

static enum cps_code signer_load(struct cps_signer *signer, const struct cps_signer_options *options,
                                 struct cps_error *err)
{
    struct stir_error cause = {0};
    struct stir_url url;
    enum stir_code checked = STIR_OK;
    if (options->x5u) {
        checked = stir_url_parse(&url, options->x5u, strlen(options->x5u), STIR_E_X5U, &cause);
    }
    if (checked != STIR_OK) {
        return cps_fail_prefix(err, cps_fail_stir(err, checked, &cause), "x5u");
    }
    /* The key is decoded once: parsing it for each signature would cost more than signing. */
    enum stir_code loaded = stir_key_load(&signer->key, options->key, true, STIR_KEY_SIGN, &cause);
    if (loaded != STIR_OK) {
        return cps_fail_stir(err, loaded, &cause);
    }
    enum cps_code code = signer_read_chain(signer, options->chain_file, err);
    if (code != CPS_OK) {
        return code;
    }
    if (!stir_key_same_public(signer->key, signer->chain->key)) {
        return cps_fail(err, CPS_E_KEY, "the key %s is not that of the certificate in %s", options->key,
                        options->chain_file);
    }
    signer->x5u = options->x5u ? strdup(options->x5u) : NULL;
    signer->with_chain = options->with_chain;
    return (signer->x5u || !options->x5u) && signer_digest_chain(signer) ? CPS_OK
                                                                         : cps_fail(err, CPS_E_NOMEM, "out of memory");
}

enum cps_code cps_signer_open(struct cps_signer **out, const struct cps_signer_options *options, struct cps_error *err)
{
    if (!out || !options || options->size != sizeof(*options) || !options->key || !options->chain_file ||
        !options->x5u) {
        return cps_fail(err, CPS_E_INVAL, "a signer needs size, key, chain_file and x5u");
    }
    return cps_signer_make(out, options, err);
}

enum cps_code cps_signer_make(struct cps_signer **out, const struct cps_signer_options *options, struct cps_error *err)
{
    struct cps_signer *signer = calloc(1, sizeof(*signer));
    if (!signer) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    atomic_init(&signer->refs, 1);
    enum cps_code code = signer_load(signer, options, err);
    if (code != CPS_OK) {
        cps_signer_free(signer);
        return code;
    }
    *out = signer;
    return CPS_OK;
}
