#include "common/trust.h"

#include "common/crl.h"
#include "common/path.h"
#include "common/pem.h"
#include "common/x509.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

struct stir_trust {
    X509_STORE *store;
    struct stir_crl *crls;
    size_t crl_count;
    enum stir_crl_policy policy;
    int refs;
};

struct stir_trust *stir_trust_ref(struct stir_trust *trust)
{
    (void)__atomic_add_fetch(&trust->refs, 1, __ATOMIC_RELAXED);
    return trust;
}

void stir_trust_unref(struct stir_trust *trust)
{
    if (!trust || __atomic_sub_fetch(&trust->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    for (size_t i = 0; i < trust->crl_count; i++) {
        stir_crl_clear(&trust->crls[i]);
    }
    free(trust->crls);
    X509_STORE_free(trust->store);
    free(trust);
}

void stir_trust_set_crl_policy(struct stir_trust *trust, enum stir_crl_policy policy)
{
    trust->policy = policy;
}

/* ---- roots ---- */

/* Reads all certificates of a PEM text. The caller frees the stack. */
static enum stir_code certs_read(STACK_OF(X509) * *out, const void *pem_text, size_t n, struct stir_error *err)
{
    struct stir_pem pem = stir_pem(pem_text, n, "CERTIFICATE");
    struct stir_buf der = {0};
    STACK_OF(X509) *certs = sk_X509_new_null();
    enum stir_code code = certs ? STIR_OK : STIR_E_NOMEM;
    while (code == STIR_OK && (code = stir_pem_next(&pem, &der, err)) == STIR_OK) {
        X509 *cert = NULL;
        code = stir_x509_parse(&cert, der.ptr, der.len, err);
        if (code == STIR_OK && sk_X509_push(certs, cert) <= 0) {
            X509_free(cert);
            code = STIR_E_NOMEM;
        }
    }
    stir_buf_free(&der);
    if (code == STIR_E_NOT_FOUND && sk_X509_num(certs) > 0) {
        *out = certs;
        return STIR_OK;
    }
    if (code == STIR_E_NOT_FOUND) {
        (void)stir_fail(err, STIR_E_CERT, "there is none");
    }
    code = code == STIR_E_NOMEM ? code : STIR_E_CERT;
    int number = sk_X509_num(certs) + 1;
    sk_X509_pop_free(certs, X509_free);
    return stir_fail_prefix(err, code, "certificate %d", number);
}

/* A certificate by its own issuer anchors chains; one that is not helps to build them. */
static enum stir_code root_add(struct stir_trust *trust, X509 *cert, bool *anchor, struct stir_error *err)
{
    struct stir_x509_name subject = stir_x509_subject(cert);
    if (!stir_x509_key_issues(X509_get0_pubkey(cert))) {
        return stir_fail_openssl(err, STIR_E_CERT, "%s: the key is not on P-256 or P-384", subject.text);
    }
    if (X509_get_extension_flags(cert) & EXFLAG_SS) {
        if (X509_self_signed(cert, 1) != 1) {
            return stir_fail_openssl(err, STIR_E_CERT, "%s: its own signature does not verify", subject.text);
        }
        *anchor = true;
    }
    if (X509_STORE_add_cert(trust->store, cert) != 1) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "%s: adding it to the roots", subject.text);
    }
    return STIR_OK;
}

static enum stir_code roots_add(struct stir_trust *trust, const void *pem, size_t n, struct stir_error *err)
{
    STACK_OF(X509) *certs = NULL;
    enum stir_code code = certs_read(&certs, pem, n, err);
    bool anchor = false;
    for (int i = 0; code == STIR_OK && i < sk_X509_num(certs); i++) {
        code = root_add(trust, sk_X509_value(certs, i), &anchor, err);
    }
    sk_X509_pop_free(certs, X509_free);
    if (code == STIR_OK && !anchor) {
        code = stir_fail(err, STIR_E_CERT, "no self-signed certificate among the roots: nothing would be trusted");
    }
    return code;
}

enum stir_code stir_trust_new(struct stir_trust **out, const void *roots_pem, size_t n, struct stir_error *err)
{
    ERR_clear_error();
    struct stir_trust *trust = calloc(1, sizeof(*trust));
    X509_STORE *store = X509_STORE_new();
    if (!trust || !store) {
        free(trust);
        X509_STORE_free(store);
        return stir_fail_openssl(err, STIR_E_NOMEM, "the trusted roots");
    }
    *trust = (struct stir_trust){.store = store, .refs = 1};
    (void)X509_STORE_set_depth(store, STIR_CHAIN_MAX);
    enum stir_code code = roots_add(trust, roots_pem, n, err);
    if (code == STIR_OK) {
        *out = trust;
    } else {
        stir_trust_unref(trust);
    }
    ERR_clear_error();
    return code;
}

/* ---- revocation lists ---- */

/* The certificate that signed the list: by name and, of several with that name, by signature. NULL if none has the
 * name; code tells if none of those verifies. */
static X509 *issuer_find(const struct stir_crl *crl, STACK_OF(X509) * certs, enum stir_code *code,
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

/* An indirect list's issuer is not in the chains that it speaks of: it has to lead to a root by itself. */
static enum stir_code issuer_trusted(struct stir_crl *crl, const struct stir_trust *trust, X509 *issuer,
                                     STACK_OF(X509) * helpers, struct stir_error *err)
{
    STACK_OF(X509) *path = NULL;
    enum stir_code code = stir_path_build(&path, trust->store, issuer, helpers, NULL, err);
    for (int i = 0; code == STIR_OK && i < sk_X509_num(path); i++) {
        int64_t end = 0;
        code = stir_x509_time(&end, X509_get0_notAfter(sk_X509_value(path, i)), err);
        crl->current_until = end < crl->current_until ? end : crl->current_until;
    }
    sk_X509_pop_free(path, X509_free);
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, STIR_E_CERT_UNTRUSTED, "the revocation list's issuer");
}

static enum stir_code issuer_settle(struct stir_crl *crl, const struct stir_trust *trust, STACK_OF(X509) * helpers,
                                    struct stir_error *err)
{
    STACK_OF(X509) *roots = X509_STORE_get1_all_certs(trust->store);
    enum stir_code code = STIR_OK;
    X509 *issuer = issuer_find(crl, helpers, &code, err);
    issuer = issuer ? issuer : issuer_find(crl, roots, &code, err);
    if (issuer) {
        code = crl->indirect ? issuer_trusted(crl, trust, issuer, helpers, err) : STIR_OK;
        crl->signer = X509_get_pubkey(issuer);
    } else if (code == STIR_OK && crl->indirect) {
        code = stir_fail(err, STIR_E_CERT_UNTRUSTED, "no certificate is given for the revocation list's issuer %s",
                         stir_x509_name_text(X509_CRL_get_issuer(crl->crl)).text);
    }
    sk_X509_pop_free(roots, X509_free);
    return code;
}

static enum stir_code crl_add(struct stir_trust *trust, const void *der, size_t n, STACK_OF(X509) * helpers,
                              struct stir_error *err)
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
    code = issuer_settle(crl, trust, helpers, err);
    if (code == STIR_OK) {
        trust->crl_count++;
    } else {
        stir_crl_clear(crl);
    }
    return code;
}

static enum stir_code crls_add(struct stir_trust *trust, const void *crls, size_t n, STACK_OF(X509) * helpers,
                               struct stir_error *err)
{
    if (n > 0 && *(const uint8_t *)crls == V_ASN1_SEQUENCE + V_ASN1_CONSTRUCTED) {
        return crl_add(trust, crls, n, helpers, err);
    }
    struct stir_pem pem = stir_pem(crls, n, "X509 CRL");
    struct stir_buf der = {0};
    size_t before = trust->crl_count;
    enum stir_code code = STIR_OK;
    while (code == STIR_OK && (code = stir_pem_next(&pem, &der, err)) == STIR_OK) {
        code = crl_add(trust, der.ptr, der.len, helpers, err);
    }
    stir_buf_free(&der);
    if (code == STIR_E_NOT_FOUND && trust->crl_count > before) {
        return STIR_OK;
    }
    while (trust->crl_count > before) {
        stir_crl_clear(&trust->crls[--trust->crl_count]);
    }
    if (code == STIR_E_NOT_FOUND) {
        return stir_fail(err, STIR_E_CRL, "no revocation list in it");
    }
    return code == STIR_E_BASE64 ? stir_fail_prefix(err, STIR_E_CRL, "revocation list") : code;
}

enum stir_code stir_trust_add_crl(struct stir_trust *trust, const void *crl, size_t n, const void *issuer_pem,
                                  size_t issuer_n, struct stir_error *err)
{
    ERR_clear_error();
    STACK_OF(X509) *helpers = NULL;
    enum stir_code code = STIR_OK;
    if (issuer_n > 0) {
        code = certs_read(&helpers, issuer_pem, issuer_n, err);
        if (code != STIR_OK) {
            (void)stir_fail_prefix(err, code, "the revocation list's issuer");
        }
    }
    if (code == STIR_OK) {
        code = crls_add(trust, crl, n, helpers, err);
    }
    sk_X509_pop_free(helpers, X509_free);
    ERR_clear_error();
    return code;
}

static enum stir_code revocation_check(const struct stir_trust *trust, STACK_OF(X509) * path, int64_t at,
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
            return stir_fail(err, STIR_E_CRL, "%s: no current revocation list covers its issuer",
                             stir_x509_subject(cert).text);
        }
    }
    return STIR_OK;
}

/* ---- verification ---- */

static enum stir_code helpers_of(STACK_OF(X509) * *out, const struct stir_chain *chain, struct stir_error *err)
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

enum stir_code stir_trust_verify(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                 struct stir_error *err)
{
    STACK_OF(X509) *helpers = NULL;
    STACK_OF(X509) *path = NULL;
    ERR_clear_error();
    enum stir_code code = helpers_of(&helpers, chain, err);
    if (code == STIR_OK) {
        code = stir_path_build(&path, trust->store, chain->certs[0], helpers, &at, err);
    }
    if (code == STIR_OK) {
        code = stir_path_check_leaf(path, err);
    }
    if (code == STIR_OK) {
        code = stir_path_check_scope(path, &chain->tnauth, err);
    }
    if (code == STIR_OK) {
        code = revocation_check(trust, path, at, err);
    }
    sk_X509_pop_free(path, X509_free);
    sk_X509_free(helpers);
    ERR_clear_error();
    return code;
}
