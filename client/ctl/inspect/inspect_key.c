/* SPDX-License-Identifier: MIT */
/* Shows keys, and finds out what JSON, PEM and DER contain. */
#include "client/ctl/inspect/inspect.h"
#include "common/cert/pem.h"
#include "common/jose/json.h"
#include "common/jose/jwk.h"
#include "common/jose/key.h"

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

enum stir_code ctl_inspect_key(json_t **out, const EVP_PKEY *key, bool is_private, struct stir_error *err)
{
    enum stir_curve curve;
    char thumbprint[44];
    json_t *jwk = NULL;
    enum stir_code code = stir_key_curve(&curve, key, err);
    if (code == STIR_OK) {
        code = stir_jwk_thumbprint(thumbprint, key, err);
    }
    if (code == STIR_OK) {
        code = stir_jwk_make(&jwk, key, false, err);
    }
    if (code != STIR_OK) {
        return code;
    }
    json_t *json = json_pack("{s:s, s:s, s:s, s:o}", "kind", is_private ? "private key" : "public key", "curve",
                             curve == STIR_CURVE_P256 ? "P-256" : "X25519", "thumbprint", thumbprint, "jwk", jwk);
    if (!json) {
        return stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    *out = json;
    return STIR_OK;
}

static enum stir_code inspect_jwk(json_t **out, const json_t *jwk, struct stir_error *err)
{
    EVP_PKEY *key = NULL;
    bool is_private = json_object_get(jwk, "d") != NULL;
    enum stir_code code = stir_jwk_parse(&key, jwk, is_private, err);
    if (code == STIR_OK) {
        code = ctl_inspect_key(out, key, is_private, err);
    }
    EVP_PKEY_free(key);
    const json_t *d = json_object_get(jwk, "d");
    if (json_is_string(d)) {
        OPENSSL_cleanse((void *)json_string_value(d), json_string_length(d));
    }
    return code;
}

static enum stir_code inspect_jwks(json_t **out, const json_t *keys, struct stir_error *err)
{
    json_t *items = json_array();
    enum stir_code code = STIR_OK;
    for (size_t i = 0; code == STIR_OK && i < json_array_size(keys); i++) {
        json_t *item = NULL;
        code = inspect_jwk(&item, json_array_get(keys, i), err);
        if (code != STIR_OK) {
            (void)stir_fail_prefix(err, code, "key %zu", i + 1);
        } else {
            (void)json_array_append_new(items, item);
        }
    }
    if (code == STIR_OK) {
        *out = json_pack("{s:s, s:O}", "kind", "JWK Set", "keys", items);
        code = *out ? STIR_OK : stir_fail(err, STIR_E_NOMEM, "out of memory");
    }
    json_decref(items);
    return code;
}

/* Shows the JSON form of an envelope's plaintext: the PASSporT with its certificates. */
static enum stir_code inspect_plaintext(json_t **out, const json_t *object, struct stir_error *err)
{
    const char *passport = NULL;
    enum stir_code code = stir_json_string(&passport, object, "passport", err);
    if (code == STIR_OK) {
        code = ctl_inspect_token(out, stir_view_str(passport), err);
    }
    if (code == STIR_OK) {
        (void)json_object_set_new(*out, "certificates",
                                  json_integer((json_int_t)json_array_size(json_object_get(object, "x5c"))));
    }
    return code;
}

enum stir_code ctl_inspect_json(json_t **out, struct stir_view text, struct stir_error *err)
{
    json_t *object = NULL;
    enum stir_code code = stir_json_parse_object(&object, text.ptr, text.len, "the file", err);
    if (code != STIR_OK) {
        return code;
    }
    if (json_object_get(object, "kty")) {
        code = inspect_jwk(out, object, err);
    } else if (json_is_array(json_object_get(object, "keys"))) {
        code = inspect_jwks(out, json_object_get(object, "keys"), err);
    } else if (json_object_get(object, "passport")) {
        code = inspect_plaintext(out, object, err);
    } else {
        code = stir_fail(err, STIR_E_JSON, "is JSON, but neither a JWK nor a JWK Set");
    }
    json_decref(object);
    return code;
}

/* Decodes a public or private key from DER, in any usual form. The caller frees it; NULL if it cannot be decoded. */
static EVP_PKEY *key_decode(struct stir_view der, int selection)
{
    EVP_PKEY *key = NULL;
    const unsigned char *at = (const unsigned char *)der.ptr;
    size_t len = der.len;
    ERR_clear_error();
    OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, selection, NULL, NULL);
    if (ctx && OSSL_DECODER_from_data(ctx, &at, &len) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_DECODER_CTX_free(ctx);
    ERR_clear_error();
    if (key && len > 0) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static enum stir_code inspect_key_der(json_t **out, struct stir_view der, bool is_private, struct stir_error *err)
{
    EVP_PKEY *key = key_decode(der, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
    if (!key) {
        return stir_fail(err, STIR_E_KEY, "the %s key is damaged", is_private ? "private" : "public");
    }
    enum stir_code code = ctl_inspect_key(out, key, is_private, err);
    EVP_PKEY_free(key);
    return code;
}

enum stir_code ctl_inspect_der(json_t **out, struct stir_view der, struct stir_error *err)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    ERR_clear_error();
    X509 *cert = d2i_X509(NULL, &at, (long)der.len);
    X509_free(cert);
    if (cert) {
        return ctl_inspect_cert(out, der, err);
    }
    at = (const unsigned char *)der.ptr;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);
    X509_CRL_free(crl);
    ERR_clear_error();
    if (crl) {
        return ctl_inspect_crl(out, der, err);
    }
    for (int is_private = 1; is_private >= 0; is_private--) {
        if (inspect_key_der(out, der, is_private, err) == STIR_OK) {
            return STIR_OK;
        }
    }
    return stir_fail(err, STIR_E_INVAL, "is DER, but neither a certificate, a revocation list nor a key");
}

static enum stir_code inspect_private_der(json_t **out, struct stir_view der, struct stir_error *err)
{
    return inspect_key_der(out, der, true, err);
}

static enum stir_code inspect_public_der(json_t **out, struct stir_view der, struct stir_error *err)
{
    return inspect_key_der(out, der, false, err);
}

/* The labels of PEM blocks, and the name for several of the same kind. */
static const struct pem_kind {
    const char *label;
    const char *several;
    const char *items;
    enum stir_code (*inspect)(json_t **out, struct stir_view der, struct stir_error *err);
} pem_kinds[] = {
    {"CERTIFICATE", "certificate chain", "certificates", ctl_inspect_cert},
    {"CERTIFICATE REQUEST", "certificate requests", "items", ctl_inspect_request},
    {"NEW CERTIFICATE REQUEST", "certificate requests", "items", ctl_inspect_request},
    {"X509 CRL", "revocation lists", "lists", ctl_inspect_crl},
    {"PRIVATE KEY", "private keys", "keys", inspect_private_der},
    {"EC PRIVATE KEY", "private keys", "keys", inspect_private_der},
    {"PUBLIC KEY", "public keys", "keys", inspect_public_der},
};

/* Adds an item for a block that cannot be read. */
static void pem_add_damaged(json_t *items, const struct stir_error *err)
{
    json_t *item = json_pack("{s:s}", "kind", "a damaged block");
    if (item) {
        ctl_inspect_fault(item, "%s", err->text);
        (void)json_array_append_new(items, item);
    }
}

static enum stir_code pem_inspect_blocks(json_t *items, struct stir_view text, const struct pem_kind *kind,
                                         struct stir_error *err)
{
    struct stir_pem pem = stir_pem(text.ptr, text.len, kind->label);
    struct stir_buf der = {0};
    struct stir_error first = {0};
    size_t good = 0;
    enum stir_code code = STIR_OK;
    /* Continue after a damaged block: the blocks after it may be readable. */
    while (code != STIR_E_NOMEM && code != STIR_E_NOT_FOUND) {
        json_t *item = NULL;
        struct stir_error fault = {0};
        code = stir_pem_next(&pem, &der, &fault);
        if (code == STIR_OK) {
            code = kind->inspect(&item, stir_view(der.ptr, der.len), &fault);
        }
        if (code == STIR_OK) {
            good++;
            (void)json_array_append_new(items, item);
        } else if (code != STIR_E_NOT_FOUND) {
            first = first.code == STIR_OK ? fault : first;
            pem_add_damaged(items, &fault);
        }
    }
    stir_buf_cleanse(&der);
    /* Show what was read if at least one block was good; otherwise the first fault is the error. */
    if (good > 0 && code == STIR_E_NOT_FOUND) {
        return STIR_OK;
    }
    if (first.code == STIR_OK) {
        return stir_fail(err, STIR_E_INVAL, "contains no %s block", kind->label);
    }
    return stir_fail(err, first.code, "%s", first.text);
}

/* Returns the kind of the first block, NULL for an unknown label. */
static const struct pem_kind *pem_find_kind(struct stir_view text)
{
    static const char begin[] = "-----BEGIN ";
    const char *label = (const char *)memmem(text.ptr, text.len, begin, strlen(begin)) + strlen(begin);
    size_t left = text.len - (size_t)(label - text.ptr);
    for (size_t i = 0; i < sizeof(pem_kinds) / sizeof(pem_kinds[0]); i++) {
        size_t len = strlen(pem_kinds[i].label);
        if (left >= len + 5 && strncmp(label, pem_kinds[i].label, len) == 0 && strncmp(label + len, "-----", 5) == 0) {
            return &pem_kinds[i];
        }
    }
    return NULL;
}

enum stir_code ctl_inspect_pem(json_t **out, struct stir_view text, struct stir_error *err)
{
    const struct pem_kind *kind = pem_find_kind(text);
    if (!kind) {
        return stir_fail(err, STIR_E_INVAL, "is PEM, but not a certificate, a revocation list or an unencrypted key");
    }
    json_t *items = json_array();
    enum stir_code code = pem_inspect_blocks(items, text, kind, err);
    if (code == STIR_OK) {
        json_t *json = json_array_size(items) == 1 ? json_incref(json_array_get(items, 0))
                                                   : json_pack("{s:s, s:O}", "kind", kind->several, kind->items, items);
        if (json) {
            *out = json;
        } else {
            code = stir_fail(err, STIR_E_NOMEM, "out of memory");
        }
    }
    json_decref(items);
    return code;
}
