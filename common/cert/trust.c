#include "common/cert/trust.h"

#include "common/cert/cert_path.h"
#include "common/cert/crl.h"
#include "common/cert/pem.h"
#include "common/cert/x509.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct stir_trust {
    X509_STORE *store;
    X509_STORE *signer_store; /* anchors of indirect lists' issuers alone; NULL: none */
    STACK_OF(X509) * signers; /* certificates of indirect lists' issuers and of those above them; NULL: none */
    struct stir_crl *crls;
    size_t crl_count;
    enum stir_crl_policy policy;
    struct stir_numtable *numbers; /* NULL: there is no number table */
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
    sk_X509_pop_free(trust->signers, X509_free);
    X509_STORE_free(trust->signer_store);
    stir_numtable_unref(trust->numbers);
    X509_STORE_free(trust->store);
    free(trust);
}

void stir_trust_set_crl_policy(struct stir_trust *trust, enum stir_crl_policy policy)
{
    trust->policy = policy;
}

void stir_trust_set_numbers(struct stir_trust *trust, struct stir_numtable *numbers)
{
    stir_numtable_unref(trust->numbers);
    trust->numbers = numbers ? stir_numtable_ref(numbers) : NULL;
}

/* ---- roots ---- */

/* Certificates of one PEM text on their way into a store. */
struct intake {
    X509_STORE *store;
    STACK_OF(X509) * all; /* NULL, or where all usable ones go too */
    const struct stir_trust_warn *warn;
    size_t number;           /* of the certificate in the text, from 1 on */
    size_t anchors;          /* added */
    struct stir_error first; /* why the first one was left out */
};

static void intake_skip(struct intake *in, const struct stir_error *why)
{
    char text[sizeof(why->text) + 64];
    (void)snprintf(text, sizeof(text), "certificate %zu is skipped: %s", in->number, why->text);
    if (in->warn && in->warn->say) {
        in->warn->say(in->warn->arg, text);
    }
    if (in->first.code == STIR_OK) {
        in->first = *why;
        (void)stir_fail_prefix(&in->first, STIR_E_CERT, "certificate %zu", in->number);
    }
}

/* Checks one certificate: its key signs, and a self-signed one verifies with it. */
static enum stir_code root_check(X509 *cert, bool *anchor, struct stir_error *err)
{
    struct stir_x509_name subject = stir_x509_subject(cert);
    enum stir_code code = stir_x509_check_issuer_key(cert, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "%s", subject.text);
    }
    *anchor = (X509_get_extension_flags(cert) & EXFLAG_SS) != 0;
    if (*anchor && X509_self_signed(cert, 1) != 1) {
        return stir_fail_openssl(err, STIR_E_CERT, "%s: its own signature does not verify", subject.text);
    }
    return STIR_OK;
}

/* Takes over the certificate. */
static enum stir_code root_add(struct intake *in, X509 *cert, struct stir_error *err)
{
    bool anchor = false;
    enum stir_code code = root_check(cert, &anchor, err);
    if (code == STIR_OK && in->store && (anchor || !in->all) && X509_STORE_add_cert(in->store, cert) != 1) {
        code = stir_fail_openssl(err, STIR_E_NOMEM, "the trusted roots");
    }
    if (code == STIR_OK) {
        in->anchors += anchor;
    }
    if (code != STIR_OK || !in->all) {
        X509_free(cert);
    } else if (sk_X509_push(in->all, cert) <= 0) {
        X509_free(cert);
        code = stir_fail(err, STIR_E_NOMEM, "the trusted roots");
    }
    return code;
}

/* Reads a text into what `in` names, skipping what is not usable. */
static enum stir_code intake_read(struct intake *in, const void *text, size_t n, struct stir_error *err)
{
    struct stir_pem pem = stir_pem(text, n, "CERTIFICATE");
    struct stir_buf der = {0};
    enum stir_code code = STIR_OK;
    while (code != STIR_E_NOMEM) {
        struct stir_error why = {0};
        X509 *cert = NULL;
        code = stir_pem_next(&pem, &der, &why);
        if (code == STIR_E_NOT_FOUND) {
            break;
        }
        in->number++;
        code = code == STIR_OK ? stir_x509_parse(&cert, der.ptr, der.len, &why) : code;
        code = code == STIR_OK ? root_add(in, cert, &why) : code;
        if (code == STIR_E_NOMEM && err) {
            *err = why;
        } else if (code != STIR_OK) {
            intake_skip(in, &why);
        }
    }
    stir_buf_free(&der);
    ERR_clear_error();
    return code == STIR_E_NOMEM ? code : STIR_OK;
}

/* What is missing if no anchor was found. */
static enum stir_code intake_fail(const struct intake *in, struct stir_error *err)
{
    if (in->first.code != STIR_OK) {
        return stir_fail(err, STIR_E_CERT, "no usable root: %s", in->first.text);
    }
    return in->number
               ? stir_fail(err, STIR_E_CERT, "no self-signed certificate among the roots: nothing would be trusted")
               : stir_fail(err, STIR_E_CERT, "no CERTIFICATE block in PEM");
}

enum stir_code stir_trust_add_roots(struct stir_trust *trust, const void *pem, size_t n,
                                    const struct stir_trust_warn *warn, struct stir_error *err)
{
    struct intake in = {.store = trust->store, .warn = warn};
    ERR_clear_error();
    enum stir_code code = intake_read(&in, pem, n, err);
    return code == STIR_OK && in.anchors == 0 ? intake_fail(&in, err) : code;
}

enum stir_code stir_trust_new_empty(struct stir_trust **out, struct stir_error *err)
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
    *out = trust;
    return STIR_OK;
}

enum stir_code stir_trust_new(struct stir_trust **out, const void *roots_pem, size_t n, struct stir_error *err)
{
    struct stir_trust *trust = NULL;
    enum stir_code code = stir_trust_new_empty(&trust, err);
    if (code == STIR_OK) {
        code = stir_trust_add_roots(trust, roots_pem, n, NULL, err);
    }
    if (code == STIR_OK) {
        *out = trust;
    } else {
        stir_trust_unref(trust);
    }
    ERR_clear_error();
    return code;
}

/* ---- issuers of indirect lists ---- */

/* Reads the certificates of lists' issuers: each has to be one, as the operator named them for this alone. */
static enum stir_code certs_read(STACK_OF(X509) * certs, struct stir_view text, struct stir_error *err)
{
    struct stir_pem pem = stir_pem(text.ptr, text.len, "CERTIFICATE");
    struct stir_buf der = {0};
    enum stir_code code = STIR_OK;
    int before = sk_X509_num(certs);
    while ((code = stir_pem_next(&pem, &der, err)) == STIR_OK) {
        X509 *cert = NULL;
        code = stir_x509_parse(&cert, der.ptr, der.len, err);
        if (code == STIR_OK && sk_X509_push(certs, cert) <= 0) {
            X509_free(cert);
            code = stir_fail(err, STIR_E_NOMEM, "out of memory");
        }
        if (code != STIR_OK) {
            break;
        }
    }
    stir_buf_free(&der);
    int count = sk_X509_num(certs) - before;
    if (code == STIR_E_NOT_FOUND) {
        return count > 0 ? STIR_OK : stir_fail(err, STIR_E_CERT, "no CERTIFICATE block in PEM");
    }
    return stir_fail_prefix(err, code == STIR_E_NOMEM ? code : STIR_E_CERT, "certificate %d", count + 1);
}

enum stir_code stir_trust_set_crl_signers(struct stir_trust *trust, struct stir_view certs, struct stir_view roots,
                                          const struct stir_trust_warn *warn, struct stir_error *err)
{
    ERR_clear_error();
    STACK_OF(X509) *signers = sk_X509_new_null();
    X509_STORE *store = X509_STORE_new();
    struct intake in = {.store = store, .all = signers, .warn = warn};
    enum stir_code code = signers && store ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "the revocation lists' issuers");
    if (code == STIR_OK && certs.len > 0) {
        code = certs_read(signers, certs, err);
    }
    if (code == STIR_OK && roots.len > 0) {
        (void)X509_STORE_set_depth(store, STIR_CHAIN_MAX);
        code = intake_read(&in, roots.ptr, roots.len, err);
        code = code == STIR_OK && in.anchors == 0 ? intake_fail(&in, err) : code;
    }
    ERR_clear_error();
    if (code != STIR_OK) {
        sk_X509_pop_free(signers, X509_free);
        X509_STORE_free(store);
        return stir_fail_prefix(err, code, "the revocation lists' issuers");
    }
    sk_X509_pop_free(trust->signers, X509_free);
    X509_STORE_free(trust->signer_store);
    trust->signers = signers;
    trust->signer_store = store;
    return STIR_OK;
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

/* Builds a path from the issuer to a root of its own, or else to one of the trust's. */
static enum stir_code issuer_path(STACK_OF(X509) * *path, const struct stir_trust *trust, X509 *issuer,
                                  struct stir_error *err)
{
    if (trust->signer_store &&
        stir_path_build(path, trust->signer_store, issuer, trust->signers, NULL, err) == STIR_OK) {
        return STIR_OK;
    }
    return stir_path_build(path, trust->store, issuer, trust->signers, NULL, err);
}

/* An indirect list's issuer is not in the chains that it speaks of: it has to lead to a root by itself. */
static enum stir_code issuer_trusted(struct stir_crl *crl, const struct stir_trust *trust, X509 *issuer,
                                     struct stir_error *err)
{
    STACK_OF(X509) *path = NULL;
    enum stir_code code = issuer_path(&path, trust, issuer, err);
    for (int i = 0; code == STIR_OK && i < sk_X509_num(path); i++) {
        int64_t end = 0;
        code = stir_x509_time(&end, X509_get0_notAfter(sk_X509_value(path, i)), err);
        crl->current_until = end < crl->current_until ? end : crl->current_until;
    }
    sk_X509_pop_free(path, X509_free);
    return code == STIR_OK ? STIR_OK
                           : stir_fail_prefix(err, STIR_E_CERT_UNTRUSTED,
                                              "the revocation list's issuer leads to no root (crl_signer_roots names "
                                              "its root if that is no STI root)");
}

static enum stir_code issuer_settle(struct stir_crl *crl, const struct stir_trust *trust, struct stir_error *err)
{
    STACK_OF(X509) *roots = X509_STORE_get1_all_certs(trust->store);
    enum stir_code code = STIR_OK;
    X509 *issuer = issuer_find(crl, trust->signers, &code, err);
    issuer = issuer ? issuer : issuer_find(crl, roots, &code, err);
    if (issuer) {
        code = crl->indirect ? issuer_trusted(crl, trust, issuer, err) : STIR_OK;
        crl->signer = X509_get_pubkey(issuer);
    } else if (code == STIR_OK && crl->indirect) {
        code = stir_fail(err, STIR_E_CERT_UNTRUSTED,
                         "no certificate is given for the revocation list's issuer %s: crl_issuer_file names it",
                         stir_x509_name_text(X509_CRL_get_issuer(crl->crl)).text);
    }
    sk_X509_pop_free(roots, X509_free);
    return code;
}

static enum stir_code crl_add(struct stir_trust *trust, const void *der, size_t n, struct stir_error *err)
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
    code = issuer_settle(crl, trust, err);
    if (code == STIR_OK) {
        trust->crl_count++;
    } else {
        stir_crl_clear(crl);
    }
    return code;
}

static bool is_der(const void *crls, size_t n)
{
    return n > 0 && *(const uint8_t *)crls == V_ASN1_SEQUENCE + V_ASN1_CONSTRUCTED;
}

/* The earlier of `until` (0: not known yet) and the list's nextUpdate. */
static int64_t crl_until(int64_t until, const void *der, size_t n)
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
    int64_t until = is_der(crls, n) ? crl_until(0, crls, n) : 0;
    while (!is_der(crls, n) && stir_pem_next(&pem, &der, NULL) == STIR_OK) {
        until = crl_until(until, der.ptr, der.len);
    }
    stir_buf_free(&der);
    ERR_clear_error();
    return until;
}

enum stir_code stir_trust_add_crl(struct stir_trust *trust, const void *crls, size_t n, struct stir_error *err)
{
    ERR_clear_error();
    if (is_der(crls, n)) {
        enum stir_code added = crl_add(trust, crls, n, err);
        ERR_clear_error();
        return added;
    }
    struct stir_pem pem = stir_pem(crls, n, "X509 CRL");
    struct stir_buf der = {0};
    size_t before = trust->crl_count;
    enum stir_code code = STIR_OK;
    while (code == STIR_OK && (code = stir_pem_next(&pem, &der, err)) == STIR_OK) {
        code = crl_add(trust, der.ptr, der.len, err);
    }
    stir_buf_free(&der);
    ERR_clear_error();
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

/* By name and key identifier; whether it may issue is another question. */
static bool names_issuer(X509 *issuer, X509 *cert)
{
    AUTHORITY_KEYID *authority = X509_get_ext_d2i(cert, NID_authority_key_identifier, NULL, NULL);
    bool named = X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(cert)) == 0 &&
                 (!authority || X509_check_akid(issuer, authority) == X509_V_OK);
    AUTHORITY_KEYID_free(authority);
    return named;
}

/* The certificate of the chain, or of the trust file, that issued `cert`, or NULL. */
static X509 *issuer_of(const struct stir_chain *chain, STACK_OF(X509) * roots, X509 *cert)
{
    for (size_t i = 1; i < chain->count; i++) {
        if (chain->certs[i] != cert && names_issuer(chain->certs[i], cert)) {
            return chain->certs[i];
        }
    }
    for (int i = 0; i < sk_X509_num(roots); i++) {
        if (names_issuer(sk_X509_value(roots, i), cert)) {
            return sk_X509_value(roots, i);
        }
    }
    return NULL;
}

/* Says which certificate is missing in a chain that leads to no root, if one is. */
static enum stir_code untrusted_explain(const struct stir_trust *trust, const struct stir_chain *chain,
                                        enum stir_code code, struct stir_error *err)
{
    static const char *const verbs[] = {
        [STIR_CHAIN_FILE] = "the chain has", [STIR_CHAIN_X5U] = "x5u served", [STIR_CHAIN_X5C] = "x5c has"};
    STACK_OF(X509) *roots = X509_STORE_get1_all_certs(trust->store);
    X509 *cert = chain->certs[0], *issuer = cert;
    for (size_t i = 0; issuer && i <= chain->count && !(X509_get_extension_flags(cert) & EXFLAG_SI); i++) {
        issuer = issuer_of(chain, roots, cert);
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

/* Without the path's last certificate, which is the root. */
static void used_find(struct stir_chain_used *used, const struct stir_chain *chain, STACK_OF(X509) * path)
{
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

/* used: as stir_trust_verify_path, or NULL: nothing will be fetched. */
static enum stir_code chain_verify(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                   struct stir_chain_used *used, struct stir_error *err)
{
    STACK_OF(X509) *helpers = NULL;
    STACK_OF(X509) *path = NULL;
    ERR_clear_error();
    enum stir_code code = helpers_of(&helpers, chain, err);
    if (code == STIR_OK) {
        code = stir_path_build(&path, trust->store, chain->certs[0], helpers, &at, err);
        code = code == STIR_E_CERT_UNTRUSTED ? untrusted_explain(trust, chain, code, err) : code;
    }
    if (code == STIR_OK) {
        code = stir_path_check_leaf(path, err);
    }
    if (code == STIR_OK && used) {
        used_find(used, chain, path);
    }
    if (code == STIR_OK && (!used || used->lacks < 0)) {
        code = stir_path_check_scope(path, chain, trust->numbers, err);
    }
    if (code == STIR_OK) {
        code = revocation_check(trust, path, at, err);
    }
    sk_X509_pop_free(path, X509_free);
    sk_X509_free(helpers);
    ERR_clear_error();
    return code;
}

enum stir_code stir_trust_verify(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                 struct stir_error *err)
{
    return chain_verify(trust, chain, at, NULL, err);
}

enum stir_code stir_trust_verify_path(const struct stir_trust *trust, const struct stir_chain *chain, int64_t at,
                                      struct stir_chain_used *used, struct stir_error *err)
{
    *used = (struct stir_chain_used){.lacks = -1};
    return chain_verify(trust, chain, at, used, err);
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
