/* SPDX-License-Identifier: MIT */
#include "common/cert/chain_path.h"
#include "common/cert/pem.h"
#include "common/cert/trust_internal.h"
#include "common/cert/x509.h"

#include <openssl/err.h>
#include <stdlib.h>

/* Finds the certificate that signed the list: by name and, of several with that name, by signature. NULL: none has
 * the name, or (see code) none of them verifies. */
static X509 *crl_issuer_find(const struct stir_crl *crl, STACK_OF(X509) * certs, enum stir_code *code,
                             struct stir_error *err)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);
        if (stir_crl_names(crl, cert)) {
            *code = stir_crl_verify(crl, cert, err);
            if (*code == STIR_OK) {
                return cert;
            }
        }
    }
    return NULL;
}

/* Builds a path from the issuer to a root of its own, or else to one of the trust's. */
static enum stir_code crl_issuer_path(STACK_OF(X509) * *path, const struct stir_trust *trust, X509 *issuer,
                                      struct stir_error *err)
{
    if (trust->signer_store &&
        stir_path_build(path, trust->signer_store, issuer, trust->signers, NULL, err) == STIR_OK) {
        return STIR_OK;
    }
    return stir_path_build(path, trust->store, issuer, trust->signers, NULL, err);
}

/* The issuer of an indirect list is not in the chains that the list covers: it has to lead to a root by itself. */
static enum stir_code crl_issuer_check_trusted(struct stir_crl *crl, const struct stir_trust *trust, X509 *issuer,
                                               struct stir_error *err)
{
    STACK_OF(X509) *path = NULL;
    enum stir_code code = crl_issuer_path(&path, trust, issuer, err);
    for (int i = 0; code == STIR_OK && i < sk_X509_num(path); i++) {
        int64_t end = 0;
        code = stir_x509_time(&end, X509_get0_notAfter(sk_X509_value(path, i)), err);
        crl->current_until = end < crl->current_until ? end : crl->current_until;
    }
    sk_X509_pop_free(path, X509_free);
    return code == STIR_OK
               ? STIR_OK
               : stir_fail_prefix(err, STIR_E_CERT_UNTRUSTED,
                                  "the revocation list's issuer leads to no trusted root (set crl_signer_roots to "
                                  "its root if that is not an STI root)");
}

static enum stir_code crl_issuer_settle(struct stir_crl *crl, const struct stir_trust *trust, struct stir_error *err)
{
    STACK_OF(X509) *roots = X509_STORE_get1_all_certs(trust->store);
    enum stir_code code = STIR_OK;
    X509 *issuer = crl_issuer_find(crl, trust->signers, &code, err);
    issuer = issuer ? issuer : crl_issuer_find(crl, roots, &code, err);
    if (issuer) {
        code = crl->indirect ? crl_issuer_check_trusted(crl, trust, issuer, err) : STIR_OK;
        crl->signer = X509_get_pubkey(issuer);
    } else if (code == STIR_OK && crl->indirect) {
        code = stir_fail(err, STIR_E_CERT_UNTRUSTED,
                         "the certificate of the revocation list's issuer %s is missing: add it to the file that "
                         "crl_issuer_file names",
                         stir_x509_name_text(X509_CRL_get_issuer(crl->crl)).text);
    }
    sk_X509_pop_free(roots, X509_free);
    return code;
}

static enum stir_code trust_crl_add(struct stir_trust *trust, const void *der, size_t n, struct stir_error *err)
{
    struct stir_crl *more = realloc(trust->crls, (trust->crl_count + 1) * sizeof(*more));
    if (!more) {
        return stir_fail(err, STIR_E_NOMEM, "a revocation list");
    }
    trust->crls = more;
    struct stir_crl *crl = &more[trust->crl_count];
    enum stir_code code = stir_crl_parse(crl, der, n, err);
    if (code != STIR_OK) {
        return code;
    }
    code = crl_issuer_settle(crl, trust, err);
    if (code == STIR_OK) {
        trust->crl_count++;
    } else {
        stir_crl_clear(crl);
    }
    return code;
}

static bool trust_crl_is_der(const void *crls, size_t n)
{
    return n > 0 && *(const uint8_t *)crls == V_ASN1_SEQUENCE + V_ASN1_CONSTRUCTED;
}

/* Returns the earlier of `until` (0: not known yet) and the list's nextUpdate. */
static int64_t trust_crl_until(int64_t until, const void *der, size_t n)
{
    struct stir_crl crl = {0};
    if (stir_crl_parse(&crl, der, n, NULL) == STIR_OK && (until == 0 || crl.current_until < until)) {
        until = crl.current_until;
    }
    stir_crl_clear(&crl);
    return until;
}

int64_t stir_crls_until(const void *crls, size_t n)
{
    struct stir_pem pem = stir_pem(crls, n, "X509 CRL");
    struct stir_buf der = {0};
    int64_t until = trust_crl_is_der(crls, n) ? trust_crl_until(0, crls, n) : 0;
    while (!trust_crl_is_der(crls, n) && stir_pem_next(&pem, &der, NULL) == STIR_OK) {
        until = trust_crl_until(until, der.ptr, der.len);
    }
    stir_buf_free(&der);
    ERR_clear_error();
    return until;
}

enum stir_code stir_trust_add_crl(struct stir_trust *trust, const void *crls, size_t n, struct stir_error *err)
{
    ERR_clear_error();
    if (trust_crl_is_der(crls, n)) {
        enum stir_code added = trust_crl_add(trust, crls, n, err);
        ERR_clear_error();
        return added;
    }
    struct stir_pem pem = stir_pem(crls, n, "X509 CRL");
    struct stir_buf der = {0};
    size_t before = trust->crl_count;
    enum stir_code code = STIR_OK;
    while (code == STIR_OK && (code = stir_pem_next(&pem, &der, err)) == STIR_OK) {
        code = trust_crl_add(trust, der.ptr, der.len, err);
    }
    stir_buf_free(&der);
    ERR_clear_error();
    /* The text has ended after at least one list. */
    if (code == STIR_E_NOT_FOUND && trust->crl_count > before) {
        return STIR_OK;
    }
    /* All or nothing: the lists that were added before the fault are removed again. */
    while (trust->crl_count > before) {
        stir_crl_clear(&trust->crls[--trust->crl_count]);
    }
    if (code == STIR_E_NOT_FOUND) {
        return stir_fail(err, STIR_E_CRL, "it contains no revocation list");
    }
    return code == STIR_E_BASE64 ? stir_fail_prefix(err, STIR_E_CRL, "revocation list") : code;
}

enum stir_code stir_trust_check_revocation(const struct stir_trust *trust, STACK_OF(X509) * path, int64_t at,
                                           struct stir_error *err)
{
    for (int i = 0; i + 1 < sk_X509_num(path); i++) {
        X509 *cert = sk_X509_value(path, i);
        bool covered = trust->policy == STIR_CRL_IF_PRESENT;
        for (size_t j = 0; j < trust->crl_count; j++) {
            bool covers = false;
            enum stir_code code = stir_crl_check(&covers, &trust->crls[j], cert, sk_X509_value(path, i + 1), at, err);
            if (code != STIR_OK) {
                return code;
            }
            covered = covered || covers;
        }
        if (!covered) {
            return stir_fail(err, STIR_E_CRL,
                             "%s: no current revocation list covers its issuer, and crl_policy requires one",
                             stir_x509_subject(cert).text);
        }
    }
    return STIR_OK;
}
