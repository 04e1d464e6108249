/* SPDX-License-Identifier: MIT */
#include "common/cert/chain_path.h"
#include "common/cert/trust_internal.h"
#include "common/cert/x509.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

static enum stir_code verify_helpers(STACK_OF(X509) * *out, const struct stir_chain *chain, struct stir_error *err)
{
    STACK_OF(X509) *helpers = sk_X509_new_null();
    for (size_t i = 1; helpers && i < chain->count; i++) {
        if (sk_X509_push(helpers, chain->certs[i]) <= 0) {
            sk_X509_free(helpers);
            helpers = NULL;
        }
    }
    *out = helpers;
    return helpers ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "a certificate chain");
}

/* Compares name and key identifier. Whether the certificate may issue others is not checked here. */
static bool verify_names_issuer(X509 *issuer, X509 *cert)
{
    AUTHORITY_KEYID *authority = X509_get_ext_d2i(cert, NID_authority_key_identifier, NULL, NULL);
    bool named = X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(cert)) == 0 &&
                 (!authority || X509_check_akid(issuer, authority) == X509_V_OK);
    AUTHORITY_KEYID_free(authority);
    return named;
}

/* Returns the certificate of the chain, or of the trust file, that issued `cert`, or NULL. */
static X509 *verify_issuer_of(const struct stir_chain *chain, STACK_OF(X509) * roots, X509 *cert)
{
    for (size_t i = 1; i < chain->count; i++) {
        if (chain->certs[i] != cert && verify_names_issuer(chain->certs[i], cert)) {
            return chain->certs[i];
        }
    }
    for (int i = 0; i < sk_X509_num(roots); i++) {
        if (verify_names_issuer(sk_X509_value(roots, i), cert)) {
            return sk_X509_value(roots, i);
        }
    }
    return NULL;
}

/* Names the missing certificate of a chain that leads to no root, if one is missing. */
static enum stir_code verify_explain_untrusted(const struct stir_trust *trust, const struct stir_chain *chain,
                                               enum stir_code code, struct stir_error *err)
{
    static const char *const verbs[] = {
        [STIR_CHAIN_FILE] = "the chain has", [STIR_CHAIN_X5U] = "x5u served", [STIR_CHAIN_X5C] = "x5c has"};
    STACK_OF(X509) *roots = X509_STORE_get1_all_certs(trust->store);
    X509 *cert = chain->certs[0], *issuer = cert;
    for (size_t i = 0; issuer && i <= chain->count && !(X509_get_extension_flags(cert) & EXFLAG_SI); i++) {
        issuer = verify_issuer_of(chain, roots, cert);
        cert = issuer ? issuer : cert;
    }
    sk_X509_pop_free(roots, X509_free);
    if (issuer) {
        return code;
    }
    struct stir_x509_name missing = stir_x509_name_text(X509_get_issuer_name(cert));
    const char *name = missing.text + (missing.text[0] == '/');
    if (chain->count == 1) {
        return stir_fail(err, code, "%s: %s only the leaf, without %s, which is not among the roots either",
                         stir_x509_subject(cert).text, verbs[chain->from], name);
    }
    return stir_fail(err, code, "%s: %s %zu certificates, without its issuer %s, which is not among the roots either",
                     stir_x509_subject(cert).text, verbs[chain->from], chain->count, name);
}

/* Lists the certificates of the path without the last one, the root. */
static void verify_find_used(struct stir_chain_used *used, const struct stir_chain *chain, STACK_OF(X509) * path)
{
    assert(sk_X509_num(path) >= 1 && chain->count >= 1);
    used->index[0] = 0; /* the leaf */
    used->count = 1;
    used->lacks = stir_path_missing_list(path, chain);
    for (int i = 1; i + 1 < sk_X509_num(path); i++) {
        for (size_t j = 1; j < chain->count && used->count < STIR_CHAIN_MAX; j++) {
            if (X509_cmp(sk_X509_value(path, i), chain->certs[j]) == 0) {
                used->index[used->count++] = (uint8_t)j;
                break;
            }
        }
    }
}

/* `used` as for stir_trust_verify_path; NULL: no TNAuthList will be fetched. */
static enum stir_code verify_chain(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                   struct stir_chain_used *used, struct stir_error *err)
{
    STACK_OF(X509) *helpers = NULL;
    STACK_OF(X509) *path = NULL;
    ERR_clear_error();
    enum stir_code code = verify_helpers(&helpers, chain, err);
    if (code == STIR_OK) {
        /* RFC 5280 section 6: a path from the leaf to a trusted root, valid at the time of signing. */
        code = stir_path_build(&path, trust->store, chain->certs[0], helpers, &at, err);
        code = code == STIR_E_CERT_UNTRUSTED ? verify_explain_untrusted(trust, chain, code, err) : code;
    }
    if (code == STIR_OK) {
        /* RFC 9060 section 4: the signer is an end-entity certificate. */
        code = stir_path_check_leaf(path, err);
    }
    if (code == STIR_OK && used) {
        verify_find_used(used, chain, path);
    }
    if (code == STIR_OK && (!used || used->lacks < 0)) {
        /* RFC 8226 section 9: each TNAuthList covers the next one below. Without a list that must be fetched first,
         * wait. */
        code = stir_path_check_scope(path, chain, trust->numbers, err);
    }
    if (code == STIR_OK) {
        /* RFC 5280 section 6.3: no certificate of the path is revoked. */
        code = stir_trust_check_revocation(trust, path, at, err);
    }
    sk_X509_pop_free(path, X509_free);
    sk_X509_free(helpers);
    ERR_clear_error();
    return code;
}

enum stir_code stir_trust_verify(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                 struct stir_error *err)
{
    return verify_chain(trust, chain, at, NULL, err);
}

enum stir_code stir_trust_verify_path(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                      struct stir_chain_used *used, struct stir_error *err)
{
    *used = (struct stir_chain_used){.lacks = -1};
    return verify_chain(trust, chain, at, used, err);
}

enum stir_code stir_trust_verify_signer(const struct stir_trust *trust, X509 *signer, STACK_OF(X509) * others,
                                        int64_t at, struct stir_error *err)
{
    STACK_OF(X509) *path = NULL;
    ERR_clear_error();
    enum stir_code code = stir_path_build(&path, trust->store, signer, others, &at, err);
    if (code == STIR_OK) {
        code = stir_path_check_leaf(path, err);
    }
    sk_X509_pop_free(path, X509_free);
    ERR_clear_error();
    return code;
}
