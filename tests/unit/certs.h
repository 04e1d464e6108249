/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/chain.h"
#include "common/cert/pki.h"
#include "tests/unit/unit.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

/*
 * Throwaway certificates for tests. All keys and certificates that are made here belong to one list, which certs_end()
 * frees; each test that makes any ends with it.
 */
#define CERTS_NOW INT64_C(1700000000)
#define CERTS_YEAR INT64_C(31536000)

struct certs_owned {
    X509 *certs[256];
    EVP_PKEY *keys[256];
    size_t cert_count;
    size_t key_count;
};

static struct certs_owned certs_owned;

static inline EVP_PKEY *certs_own_key(EVP_PKEY *key)
{
    if (!key || certs_owned.key_count == 256) {
        CU_FAIL_FATAL("no key");
    }
    return certs_owned.keys[certs_owned.key_count++] = key;
}

static inline X509 *certs_own(X509 *cert)
{
    if (!cert || certs_owned.cert_count == 256) {
        CU_FAIL_FATAL("no certificate");
    }
    return certs_owned.certs[certs_owned.cert_count++] = cert;
}

static inline void certs_end(void)
{
    for (size_t i = 0; i < certs_owned.cert_count; i++) {
        X509_free(certs_owned.certs[i]);
    }
    for (size_t i = 0; i < certs_owned.key_count; i++) {
        EVP_PKEY_free(certs_owned.keys[i]);
    }
    certs_owned.cert_count = 0;
    certs_owned.key_count = 0;
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

static inline EVP_PKEY *certs_key(void)
{
    return certs_own_key(EVP_EC_gen("P-256"));
}

/* Makes a certificate; what the spec leaves open is: a new key, valid around CERTS_NOW, no path length for 0. The key
 * is written to *key, which may be NULL. */
static inline X509 *certs_make(struct stir_cert_spec spec, EVP_PKEY **key)
{
    X509 *cert = NULL;
    struct stir_error err = {0};
    spec.subject_key = spec.subject_key ? spec.subject_key : certs_key();
    spec.not_before = spec.not_before ? spec.not_before : CERTS_NOW - CERTS_YEAR;
    spec.not_after = spec.not_after ? spec.not_after : CERTS_NOW + CERTS_YEAR;
    spec.path_len = spec.path_len > 0 ? spec.path_len - 1 : -1; /* so that 0, the default, means none */
    if (stir_cert_make(&cert, &spec, &err) != STIR_OK) {
        unit_check(false, __LINE__, __FILE__, "%s: %s", spec.common_name, err.text);
    }
    if (key) {
        *key = spec.subject_key;
    }
    return certs_own(cert);
}

/* A TNAuthList from text, for the length of one certs_make. */
static inline X509 *certs_make_for(const char *tnauth, struct stir_cert_spec spec, EVP_PKEY **key)
{
    struct stir_tnauth list = {0};
    UNIT_CODE(stir_tnauth_from_text(&list, tnauth, NULL), STIR_OK, tnauth);
    spec.tnauth = &list;
    X509 *cert = certs_make(spec, key);
    stir_tnauth_clear(&list);
    return cert;
}

/* Adds an extension with this value to a certificate and signs it again. */
static inline X509 *certs_with_ext(X509 *cert, EVP_PKEY *issuer_key, const char *oid, const uint8_t *der, size_t n,
                                   bool critical)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    CU_ASSERT_EQUAL_FATAL(ASN1_OCTET_STRING_set(value, der, (int)n), 1);
    X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, object, critical, value);
    X509 *copy = certs_own(X509_dup(cert));
    CU_ASSERT_EQUAL_FATAL(X509_add_ext(copy, ext, -1), 1);
    CU_ASSERT_TRUE_FATAL(X509_sign(copy, issuer_key, EVP_sha256()) > 0);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    ERR_clear_error();
    return certs_own(X509_dup(copy)); /* once more, without what OpenSSL remembers of the original's extensions */
}

/* Adds an authorityInfoAccess that says where the TNAuthList is (RFC 8226 section 10.1). */
static inline X509 *certs_with_list_at(X509 *cert, EVP_PKEY *issuer_key, const char *url)
{
    uint8_t der[256] = {0x30, 0, 0x30, 0, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x0e, 0x86};
    size_t n = strlen(url);
    CU_ASSERT_TRUE_FATAL(n < 100);
    der[15] = (uint8_t)n;
    memcpy(der + 16, url, n);
    der[3] = (uint8_t)(12 + n);
    der[1] = (uint8_t)(14 + n);
    return certs_with_ext(cert, issuer_key, "1.3.6.1.5.5.7.1.1", der, 16 + n, false);
}

/* Removes an extension and signs again. */
static inline X509 *certs_without_ext(X509 *cert, EVP_PKEY *issuer_key, int nid)
{
    X509 *copy = certs_own(X509_dup(cert));
    X509_EXTENSION_free(X509_delete_ext(copy, X509_get_ext_by_NID(copy, nid, -1)));
    CU_ASSERT_TRUE_FATAL(X509_sign(copy, issuer_key, EVP_sha256()) > 0);
    return certs_own(X509_dup(copy));
}

static inline void certs_pem(struct stir_buf *out, X509 *cert)
{
    UNIT_OK(stir_cert_to_pem(out, cert, NULL));
}

/* A chain of certificates, up to the first NULL. */
static inline struct stir_chain *certs_chain(X509 *const *certs)
{
    struct stir_buf pem = {0};
    struct stir_chain *chain = NULL;
    struct stir_error err = {0};
    for (size_t i = 0; certs[i]; i++) {
        certs_pem(&pem, certs[i]);
    }
    enum stir_code code = stir_chain_parse(&chain, pem.ptr, pem.len, &err);
    UNIT_CODE(code, STIR_OK, err.text);
    stir_buf_free(&pem);
    if (!chain) {
        CU_FAIL_FATAL("no chain");
    }
    return chain;
}
#define CERTS_CHAIN(...) certs_chain((X509 *const[]){__VA_ARGS__, NULL})

/* RFC 9118 section 5, figure 1. */
#define CERTS_RFC9118                                                                                                  \
    "-----BEGIN CERTIFICATE-----\n"                                                                                    \
    "MIICpzCCAk2gAwIBAgIUH7Zd3rQ5AsvOlzLnzUHhrVhDSlswCgYIKoZIzj0EAwIw\n"                                               \
    "KTELMAkGA1UEBhMCVVMxGjAYBgNVBAMMEUJPR1VTIFNIQUtFTiBST09UMB4XDTIx\n"                                               \
    "MDcxNTIxNTIxNVoXDTIyMDcxNTIxNTIxNVowbDELMAkGA1UEBhMCVVMxCzAJBgNV\n"                                               \
    "BAgMAlZBMRAwDgYDVQQHDAdIZXJuZG9uMR4wHAYDVQQKDBVCb2d1cyBFeGFtcGxl\n"                                               \
    "IFRlbGVjb20xDTALBgNVBAsMBFZvSVAxDzANBgNVBAMMBlNIQUtFTjBZMBMGByqG\n"                                               \
    "SM49AgEGCCqGSM49AwEHA0IABNR6C6nBWRA/fXTglV03aXkXy8hx9oBttVLhsTZ1\n"                                               \
    "IYVRBao4OZhVf/Xv1a3xLsZ6KfdhuylSeAKuCoSbVGojYDGjggEOMIIBCjAMBgNV\n"                                               \
    "HRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDAdBgNVHQ4EFgQUDlG3dxHyzKL/FZfS\n"                                               \
    "PI7rpuueRbswHwYDVR0jBBgwFoAUlToKtrQeFrwwyXpMj1qu3TQEeoEwQgYJYIZI\n"                                               \
    "AYb4QgENBDUWM1RoaXMgY2VydGlmaWNhdGUgY2Fubm90IGJlIHRydXN0ZWQgZm9y\n"                                               \
    "IGFueSBwdXJwb3NlLjAWBggrBgEFBQcBGgQKMAigBhYEMTIzNDBOBggrBgEFBQcB\n"                                               \
    "IQRCMECgDjAMFgpjb25maWRlbmNloSAwHjAcFgpjb25maWRlbmNlMA4MBGhpZ2gM\n"                                               \
    "Bm1lZGl1baIMMAoWCHByaW9yaXR5MAoGCCqGSM49BAMCA0gAMEUCIQCbNR4QK1um\n"                                               \
    "+0vq2CE1B1/W3avYeREsPi/7RKHffL+5eQIgarHot+X9Rl7SOyNBq5X5JyEMx0SQ\n"                                               \
    "hRLkCY3Zoz2OCNQ=\n"                                                                                               \
    "-----END CERTIFICATE-----\n"
