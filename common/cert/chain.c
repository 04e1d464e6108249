/* SPDX-License-Identifier: MIT */
#include "common/cert/chain.h"

#include "common/cert/pem.h"
#include "common/cert/x509.h"
#include "common/jose/jws.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct stir_chain *stir_chain_ref(struct stir_chain *chain)
{
    assert(chain->refs > 0);
    (void)__atomic_add_fetch(&chain->refs, 1, __ATOMIC_RELAXED);
    return chain;
}

void stir_chain_unref(struct stir_chain *chain)
{
    if (!chain || __atomic_sub_fetch(&chain->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    for (size_t i = 0; i < chain->count; i++) {
        X509_free(chain->certs[i]);
        free(chain->list_urls[i]);
        stir_tnauth_clear(&chain->lists[i]);
    }
    stir_tnauth_clear(&chain->tnauth);
    EVP_PKEY_CTX_free(chain->verifier);
    EVP_PKEY_free(chain->key);
    free(chain);
}

/* The answer of a certificate host, or the file that replaces it, has no certificate. That the signer's certificate
 * could not be acquired differs from a certificate that cannot be used (RFC 8224 section 6.2.2: 436, not 437). */
static enum stir_code chain_code_without_certificate(const struct stir_chain *chain)
{
    return chain->from == STIR_CHAIN_X5U && chain->count == 0 ? STIR_E_X5U_FETCH : STIR_E_CERT;
}

static bool chain_is_x509(const void *der, size_t n)
{
    const unsigned char *at = der;
    X509 *cert = n <= STIR_CHAIN_FILE_OCTETS ? d2i_X509(NULL, &at, (long)n) : NULL;
    X509_free(cert);
    return cert != NULL;
}

static enum stir_code chain_add_cert(struct stir_chain *chain, const void *der, size_t n, struct stir_error *err)
{
    if (chain->count == STIR_CHAIN_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "the chain has more than %d certificates", STIR_CHAIN_MAX);
    }
    X509 *cert = NULL;
    enum stir_code code = stir_x509_parse(&cert, der, n, err);
    if (code != STIR_OK) {
        code = code == STIR_E_CERT && !chain_is_x509(der, n) ? chain_code_without_certificate(chain) : code;
        return stir_fail_prefix(err, code, "certificate %zu", chain->count + 1);
    }
    /* A certificate may name a place for its TNAuthList instead of having it (RFC 8226 section 10.1). */
    struct stir_view list;
    if (stir_x509_ext(&list, cert, STIR_OID_TNAUTH, NULL) == STIR_E_NOT_FOUND) {
        chain->list_urls[chain->count] = stir_x509_tn_list_url(cert);
    }
    assert(chain->count < STIR_CHAIN_MAX);
    chain->certs[chain->count++] = cert;
    int64_t end = 0;
    code = stir_x509_time(&end, X509_get0_notAfter(cert), err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "%s: notAfter", stir_x509_subject(cert).text);
    }
    /* The chain can be used only as long as each of its certificates is valid. */
    if (chain->count == 1 || end < chain->not_after) {
        chain->not_after = end;
    }
    return STIR_OK;
}

static bool chain_point_is_good(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good = ctx && EVP_PKEY_public_check_quick(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

/* Returns true if a CA certificate is first and a certificate that could sign PASSporTs comes after it. */
static bool chain_is_reversed(const struct stir_chain *chain)
{
    bool any = false;
    for (size_t i = 1; i < chain->count; i++) {
        any |= !(X509_get_extension_flags(chain->certs[i]) & EXFLAG_CA);
    }
    return any && (X509_get_extension_flags(chain->certs[0]) & EXFLAG_CA);
}

/* Checks what makes the leaf a STIR certificate: a key for ES256, and a TNAuthList that can be read, or a
 * subjectAltName (a certificate without a TNAuthList may sign for SIP URIs: RFC 8224 section 8.4). */
static enum stir_code chain_take_leaf(struct stir_chain *chain, struct stir_error *err)
{
    X509 *leaf = chain->certs[0];
    struct stir_x509_name subject = stir_x509_subject(leaf);
    if (chain_is_reversed(chain)) {
        return stir_fail(err, STIR_E_CERT,
                         "%s: the first certificate is a CA certificate; put the signer's certificate "
                         "first",
                         subject.text);
    }
    chain->key = X509_get_pubkey(chain->certs[0]);
    if (!stir_x509_key_is(chain->key, "P-256") || !stir_x509_point_form_good(leaf) ||
        !chain_point_is_good(chain->key)) {
        return stir_fail_openssl(err, STIR_E_CERT, "%s: the key is not on P-256", subject.text);
    }
    enum stir_code code = stir_es256_ready(&chain->verifier, chain->key, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code == STIR_E_KEY ? STIR_E_CERT : code, "%s", subject.text);
    }
    code = stir_tnauth_of(&chain->tnauth, leaf, err);
    return code == STIR_OK || code == STIR_E_NOT_FOUND ? STIR_OK : stir_fail_prefix(err, code, "%s", subject.text);
}

static enum stir_code chain_new(struct stir_chain **out, struct stir_error *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out) {
        return stir_fail(err, STIR_E_NOMEM, "a certificate chain");
    }
    (*out)->refs = 1;
    return STIR_OK;
}

static enum stir_code chain_add_pem(struct stir_chain *chain, bool local, const void *data, size_t n,
                                    struct stir_error *err)
{
    struct stir_pem pem = stir_pem(data, n, "CERTIFICATE");
    pem.refuse_private = !local;
    struct stir_buf der = {0};
    enum stir_code code = STIR_OK;
    while (code == STIR_OK) {
        code = stir_pem_next(&pem, &der, err);
        if (code == STIR_OK) {
            code = chain_add_cert(chain, der.ptr, der.len, err);
        } else if (code == STIR_E_BASE64) {
            code = stir_fail_prefix(err, chain_code_without_certificate(chain), "certificate %zu", chain->count + 1);
        } else if (code == STIR_E_KEY) {
            code = stir_fail_prefix(err, STIR_E_CERT,
                                    "the answer contains a private key, which is now public: revoke its "
                                    "certificate and make a new key");
        }
    }
    stir_buf_free(&der);
    /* The text has ended: that is fine after at least one certificate. */
    if (code == STIR_E_NOT_FOUND) {
        code =
            chain->count > 0 ? STIR_OK : stir_fail(err, chain_code_without_certificate(chain), "no certificate in it");
    }
    return code;
}

/* DER begins with a SEQUENCE of long form, which no text does. */
static bool chain_is_der(const uint8_t *data, size_t n)
{
    return n >= 2 && data[0] == 0x30 && data[1] >= 0x80;
}

static enum stir_code chain_finish(struct stir_chain **out, struct stir_chain *chain, enum stir_code code,
                                   struct stir_error *err)
{
    if (code == STIR_OK) {
        code = chain_take_leaf(chain, err);
    }
    if (code == STIR_OK) {
        *out = chain;
    } else {
        stir_chain_unref(chain);
    }
    ERR_clear_error();
    return code;
}

static enum stir_code chain_parse(struct stir_chain **out, enum stir_chain_from from, bool local, const void *data,
                                  size_t n, struct stir_error *err)
{
    int limit = local ? STIR_CHAIN_FILE_OCTETS : STIR_CHAIN_OCTETS;
    if (n > (size_t)limit) {
        return stir_fail(err, STIR_E_TOO_BIG, "the certificate chain has more than %d octets", limit);
    }
    struct stir_chain *chain = NULL;
    enum stir_code code = chain_new(&chain, err);
    if (code != STIR_OK) {
        return code;
    }
    chain->from = from;
    code = chain_is_der(data, n) ? chain_add_cert(chain, data, n, err) : chain_add_pem(chain, local, data, n, err);
    return chain_finish(out, chain, code, err);
}

enum stir_code stir_chain_parse(struct stir_chain **out, const void *data, size_t n, struct stir_error *err)
{
    return chain_parse(out, STIR_CHAIN_FILE, true, data, n, err);
}

enum stir_code stir_chain_parse_answer(struct stir_chain **out, bool local, const void *data, size_t n,
                                       struct stir_error *err)
{
    return chain_parse(out, STIR_CHAIN_X5U, local, data, n, err);
}

enum stir_code stir_chain_check_own(const struct stir_chain *chain, struct stir_error *err)
{
    const X509 *leaf = chain->certs[0];
    if (chain->tnauth.count > 0 || X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1) >= 0) {
        return STIR_OK;
    }
    return stir_fail(
        err, STIR_E_CERT,
        "%s: the certificate has neither a TNAuthList nor a subjectAltName, so it cannot sign for any identity",
        stir_x509_subject(leaf).text);
}

enum stir_code stir_chain_from_der(struct stir_chain **out, const struct stir_view *certs, size_t count,
                                   struct stir_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total = certs[i].len > STIR_CHAIN_OCTETS - total ? STIR_CHAIN_OCTETS + 1 : total + certs[i].len;
        if (total > STIR_CHAIN_OCTETS) {
            return stir_fail(err, STIR_E_TOO_BIG, "the certificate chain has more than %d octets", STIR_CHAIN_OCTETS);
        }
    }
    struct stir_chain *chain = NULL;
    enum stir_code code = count > 0 ? chain_new(&chain, err) : stir_fail(err, STIR_E_CERT, "no certificate in it");
    if (code != STIR_OK) {
        return code;
    }
    chain->from = STIR_CHAIN_X5C;
    for (size_t i = 0; code == STIR_OK && i < count; i++) {
        code = chain_add_cert(chain, certs[i].ptr, certs[i].len, err);
    }
    return chain_finish(out, chain, code, err);
}

/* Copies the certificates, and the lists that were added to them. */
static enum stir_code chain_copy(struct stir_chain *to, const struct stir_chain *from, struct stir_error *err)
{
    enum stir_code code = stir_tnauth_copy(&to->tnauth, &from->tnauth, err);
    to->from = from->from;
    to->not_after = from->not_after;
    for (; code == STIR_OK && to->count < from->count; to->count++) {
        size_t i = to->count;
        (void)X509_up_ref(from->certs[i]);
        to->certs[i] = from->certs[i];
        to->list_urls[i] = from->list_urls[i] ? strdup(from->list_urls[i]) : NULL;
        code = stir_tnauth_copy(&to->lists[i], &from->lists[i], err);
        if (from->list_urls[i] && !to->list_urls[i]) {
            code = stir_fail(err, STIR_E_NOMEM, "a certificate chain");
        }
    }
    (void)EVP_PKEY_up_ref(from->key);
    to->key = from->key;
    return code == STIR_OK ? stir_es256_ready(&to->verifier, to->key, err) : code;
}

enum stir_code stir_chain_with_list(struct stir_chain **out, const struct stir_chain *chain, size_t i, const void *der,
                                    size_t n, struct stir_error *err)
{
    struct stir_chain *fresh = NULL;
    enum stir_code code = chain_new(&fresh, err);
    if (code != STIR_OK) {
        return code;
    }
    code = chain_copy(fresh, chain, err);
    if (code == STIR_OK) {
        free(fresh->list_urls[i]);
        fresh->list_urls[i] = NULL;
        code = stir_tnauth_parse(i == 0 ? &fresh->tnauth : &fresh->lists[i], der, n, err);
    }
    if (code != STIR_OK) {
        stir_chain_unref(fresh);
        return code;
    }
    *out = fresh;
    return STIR_OK;
}

bool stir_chain_lacks_lists(const struct stir_chain *chain)
{
    bool any = false;
    for (size_t i = 0; i < chain->count; i++) {
        any |= chain->list_urls[i] != NULL;
    }
    return any;
}

bool stir_chain_list_key(uint8_t key[STIR_CHAIN_LIST_KEY], const struct stir_chain *chain, size_t i)
{
    uint8_t text[1 + STIR_CHAIN_MAX * SHA256_DIGEST_LENGTH] = {(uint8_t)i};
    size_t n = 1;
    for (size_t j = 0; j < chain->count; j++, n += SHA256_DIGEST_LENGTH) {
        if (X509_digest(chain->certs[j], EVP_sha256(), text + n, NULL) != 1) {
            return false;
        }
    }
    return SHA256(text, n, key) != NULL;
}
