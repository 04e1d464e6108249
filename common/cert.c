#include "common/cert.h"

#include "common/jws.h"
#include "common/pem.h"
#include "common/x509.h"

#include <openssl/err.h>
#include <stdlib.h>

struct stir_chain *stir_chain_ref(struct stir_chain *chain)
{
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
    }
    stir_tnauth_clear(&chain->tnauth);
    EVP_PKEY_CTX_free(chain->verifier);
    EVP_PKEY_free(chain->key);
    free(chain);
}

static enum stir_code chain_add(struct stir_chain *chain, const void *der, size_t n, struct stir_error *err)
{
    if (chain->count == STIR_CHAIN_MAX) {
        return stir_fail(err, STIR_E_TOO_BIG, "more than %d certificates", STIR_CHAIN_MAX);
    }
    X509 *cert = NULL;
    enum stir_code code = stir_x509_parse(&cert, der, n, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "certificate %zu", chain->count + 1);
    }
    chain->certs[chain->count++] = cert;
    int64_t end = 0;
    code = stir_x509_time(&end, X509_get0_notAfter(cert), err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code, "%s: notAfter", stir_x509_subject(cert).text);
    }
    if (chain->count == 1 || end < chain->not_after) {
        chain->not_after = end;
    }
    return STIR_OK;
}

static bool point_good(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good = ctx && EVP_PKEY_public_check_quick(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return good;
}

/* What makes the leaf a STIR certificate: a key for ES256 and a TNAuthList. */
static enum stir_code leaf_take(struct stir_chain *chain, struct stir_error *err)
{
    const X509 *leaf = chain->certs[0];
    struct stir_x509_name subject = stir_x509_subject(leaf);
    chain->key = X509_get_pubkey(chain->certs[0]);
    if (!stir_x509_key_is(chain->key, "P-256") || !point_good(chain->key)) {
        return stir_fail_openssl(err, STIR_E_CERT, "%s: the key is not on P-256", subject.text);
    }
    enum stir_code code = stir_es256_ready(&chain->verifier, chain->key, err);
    if (code != STIR_OK) {
        return stir_fail_prefix(err, code == STIR_E_KEY ? STIR_E_CERT : code, "%s", subject.text);
    }
    code = stir_tnauth_of(&chain->tnauth, leaf, err);
    if (code == STIR_E_NOT_FOUND) {
        return stir_fail(err, STIR_E_CERT, "%s: no TNAuthList", subject.text);
    }
    return code == STIR_OK ? STIR_OK : stir_fail_prefix(err, code, "%s", subject.text);
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

static enum stir_code pem_add(struct stir_chain *chain, const void *data, size_t n, struct stir_error *err)
{
    struct stir_pem pem = stir_pem(data, n, "CERTIFICATE");
    struct stir_buf der = {0};
    enum stir_code code = STIR_OK;
    while (code == STIR_OK) {
        code = stir_pem_next(&pem, &der, err);
        if (code == STIR_OK) {
            code = chain_add(chain, der.ptr, der.len, err);
        } else if (code == STIR_E_BASE64) {
            code = stir_fail_prefix(err, STIR_E_CERT, "certificate %zu", chain->count + 1);
        }
    }
    stir_buf_free(&der);
    if (code == STIR_E_NOT_FOUND) {
        code = chain->count > 0 ? STIR_OK : stir_fail(err, STIR_E_CERT, "no certificate in it");
    }
    return code;
}

/* DER begins with a long-form SEQUENCE, which no text does. */
static bool is_der(const uint8_t *data, size_t n)
{
    return n >= 2 && data[0] == 0x30 && data[1] >= 0x80;
}

static enum stir_code chain_finish(struct stir_chain **out, struct stir_chain *chain, enum stir_code code,
                                   struct stir_error *err)
{
    if (code == STIR_OK) {
        code = leaf_take(chain, err);
    }
    if (code == STIR_OK) {
        *out = chain;
    } else {
        stir_chain_unref(chain);
    }
    ERR_clear_error();
    return code;
}

enum stir_code stir_chain_parse(struct stir_chain **out, const void *data, size_t n, struct stir_error *err)
{
    if (n > STIR_CHAIN_OCTETS) {
        return stir_fail(err, STIR_E_TOO_BIG, "a certificate chain of more than %d octets", STIR_CHAIN_OCTETS);
    }
    struct stir_chain *chain = NULL;
    enum stir_code code = chain_new(&chain, err);
    if (code != STIR_OK) {
        return code;
    }
    code = is_der(data, n) ? chain_add(chain, data, n, err) : pem_add(chain, data, n, err);
    return chain_finish(out, chain, code, err);
}

enum stir_code stir_chain_from_der(struct stir_chain **out, const struct stir_view *certs, size_t count,
                                   struct stir_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total = certs[i].len > STIR_CHAIN_OCTETS - total ? STIR_CHAIN_OCTETS + 1 : total + certs[i].len;
        if (total > STIR_CHAIN_OCTETS) {
            return stir_fail(err, STIR_E_TOO_BIG, "a certificate chain of more than %d octets", STIR_CHAIN_OCTETS);
        }
    }
    struct stir_chain *chain = NULL;
    enum stir_code code = count > 0 ? chain_new(&chain, err) : stir_fail(err, STIR_E_CERT, "no certificate in it");
    if (code != STIR_OK) {
        return code;
    }
    for (size_t i = 0; code == STIR_OK && i < count; i++) {
        code = chain_add(chain, certs[i].ptr, certs[i].len, err);
    }
    return chain_finish(out, chain, code, err);
}
