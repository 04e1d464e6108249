/* SPDX-License-Identifier: MIT */
#include "common/cert/trust_internal.h"

#include "common/cert/pem.h"
#include "common/cert/x509.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct stir_trust *stir_trust_ref(struct stir_trust *trust)
{
    assert(trust->refs > 0);
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

/* The state of reading the certificates of one PEM text into a store. */
struct intake {
    X509_STORE *store;
    STACK_OF(X509) * all; /* NULL, or where all usable ones go too */
    const struct stir_trust_warn *warn;
    size_t number;           /* of the certificate in the text, from 1 on */
    size_t anchors;          /* added */
    struct stir_error first; /* why the first one was left out */
};

static void roots_skip(struct intake *in, const struct stir_error *why)
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

/* Checks one certificate: its key may sign, and a self-signed one verifies with its own key. */
static enum stir_code roots_check_cert(X509 *cert, bool *anchor, struct stir_error *err)
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
static enum stir_code roots_add_cert(struct intake *in, X509 *cert, struct stir_error *err)
{
    bool anchor = false;
    enum stir_code code = roots_check_cert(cert, &anchor, err);
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

/* Reads the certificates of a text and skips unusable ones. */
static enum stir_code roots_read(struct intake *in, const void *text, size_t n, struct stir_error *err)
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
        code = code == STIR_OK ? roots_add_cert(in, cert, &why) : code;
        /* Anything but a lack of memory concerns this certificate only: it is skipped and reported. */
        if (code == STIR_E_NOMEM && err) {
            *err = why;
        } else if (code != STIR_OK) {
            roots_skip(in, &why);
        }
    }
    stir_buf_free(&der);
    ERR_clear_error();
    return code == STIR_E_NOMEM ? code : STIR_OK;
}

/* Says why no anchor was found. */
static enum stir_code roots_fail(const struct intake *in, struct stir_error *err)
{
    if (in->first.code != STIR_OK) {
        return stir_fail(err, STIR_E_CERT, "no usable root: %s", in->first.text);
    }
    return in->number ? stir_fail(err, STIR_E_CERT,
                                  "the roots contain no self-signed certificate, so nothing would be trusted")
                      : stir_fail(err, STIR_E_CERT, "no CERTIFICATE block in PEM");
}

enum stir_code stir_trust_add_roots(struct stir_trust *trust, const void *pem, size_t n,
                                    const struct stir_trust_warn *warn, struct stir_error *err)
{
    struct intake in = {.store = trust->store, .warn = warn};
    ERR_clear_error();
    enum stir_code code = roots_read(&in, pem, n, err);
    return code == STIR_OK && in.anchors == 0 ? roots_fail(&in, err) : code;
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

/* Reads the certificates of lists' issuers. Each must be usable, as the operator named them for this purpose alone. */
static enum stir_code crl_signers_read(STACK_OF(X509) * certs, struct stir_view text, struct stir_error *err)
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
        code = crl_signers_read(signers, certs, err);
    }
    /* Anchors of these issuers alone: they never anchor a PASSporT's chain. */
    if (code == STIR_OK && roots.len > 0) {
        (void)X509_STORE_set_depth(store, STIR_CHAIN_MAX);
        code = roots_read(&in, roots.ptr, roots.len, err);
        code = code == STIR_OK && in.anchors == 0 ? roots_fail(&in, err) : code;
    }
    ERR_clear_error();
    if (code != STIR_OK) {
        sk_X509_pop_free(signers, X509_free);
        X509_STORE_free(store);
        return stir_fail_prefix(err, code, "the revocation lists' issuers");
    }
    /* Only now, when all is read, does it replace what was said before. */
    sk_X509_pop_free(trust->signers, X509_free);
    X509_STORE_free(trust->signer_store);
    trust->signers = signers;
    trust->signer_store = store;
    return STIR_OK;
}
