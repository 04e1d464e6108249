/* SPDX-License-Identifier: MIT */
#include "common/cert/pki.h"

#include "common/cert/x509.h"
#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

static void test_certificates(void)
{
    struct stir_tnauth list = {0};
    EVP_PKEY *root_key = NULL;
    UNIT_OK(stir_tnauth_from_text(&list, "spc:1234", NULL));
    struct stir_claims claims = {.must_include = (char *[]){"msgi"}, .must_include_count = 1};
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true, .path_len = 2}, &root_key);
    struct stir_cert_spec spec = {.common_name = "leaf",
                                  .issuer = root,
                                  .issuer_key = root_key,
                                  .tnauth = &list,
                                  .claims = &claims,
                                  .dns_names = "DNS:cps.example.com,IP:127.0.0.1",
                                  .tls_client = true};
    EVP_PKEY *key = NULL;
    X509 *leaf = certs_make(spec, &key);
    int64_t begin = 0;
    int64_t end = 0;
    struct stir_view der;

    CU_ASSERT_EQUAL(X509_get_version(leaf), X509_VERSION_3);
    CU_ASSERT_EQUAL(X509_verify(leaf, root_key), 1);
    CU_ASSERT_EQUAL(X509_get_signature_nid(leaf), NID_ecdsa_with_SHA256);
    CU_ASSERT_EQUAL(EVP_PKEY_eq(X509_get0_pubkey(leaf), key), 1);
    CU_ASSERT_EQUAL(X509_check_issued(root, leaf), X509_V_OK);
    CU_ASSERT_EQUAL(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf), X509_get0_subject_key_id(root)), 0);
    CU_ASSERT_EQUAL(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(root), X509_get0_subject_key_id(root)), 0);
    CU_ASSERT_EQUAL(X509_self_signed(root, 1), 1);
    CU_ASSERT_EQUAL(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
    CU_ASSERT_EQUAL(X509_get_key_usage(root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    CU_ASSERT_EQUAL(X509_get_extended_key_usage(leaf), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    CU_ASSERT_EQUAL(X509_check_ca(leaf), 0);
    CU_ASSERT_EQUAL(X509_check_ca(root), 1);
    CU_ASSERT_EQUAL(X509_get_pathlen(root), 1);
    CU_ASSERT_EQUAL(X509_check_host(leaf, "cps.example.com", 0, 0, NULL), 1);
    CU_ASSERT_EQUAL(X509_check_ip_asc(leaf, "127.0.0.1", 0), 1);
    UNIT_STR(stir_x509_subject(leaf).text, "/CN=leaf", "subject");
    UNIT_OK(stir_x509_time(&begin, X509_get0_notBefore(leaf), NULL));
    UNIT_OK(stir_x509_time(&end, X509_get0_notAfter(leaf), NULL));
    CU_ASSERT_EQUAL(begin, CERTS_NOW - CERTS_YEAR);
    CU_ASSERT_EQUAL(end, CERTS_NOW + CERTS_YEAR);
    UNIT_OK(stir_x509_ext(&der, leaf, STIR_OID_TNAUTH, NULL));
    CU_ASSERT_TRUE(der.len == 10 && memcmp(der.ptr,
                                           "\x30\x08\xa0\x06\x16\x04"
                                           "1234",
                                           10) == 0);
    UNIT_OK(stir_x509_ext(&der, leaf, STIR_OID_CLAIMS, NULL));
    UNIT_CODE(stir_x509_ext(&der, leaf, STIR_OID_CLAIMS_ENHANCED, NULL), STIR_E_NOT_FOUND, "the other kind");
    X509 *again = certs_make(spec, NULL);
    CU_ASSERT_NOT_EQUAL(ASN1_INTEGER_cmp(X509_get0_serialNumber(leaf), X509_get0_serialNumber(again)), 0);
    stir_tnauth_clear(&list);
    certs_end();
}

static void test_make_refused(void)
{
    struct stir_buf out = {0};
    X509 *cert = NULL;
    EVP_PKEY *key = NULL;
    X509 *root = certs_make((struct stir_cert_spec){.common_name = "root", .ca = true}, &key);
    UNIT_CODE(stir_crl_make(&out, NULL, key, NULL, 0, false, 0, 1, NULL), STIR_E_INVAL, "no issuer");
    UNIT_CODE(stir_crl_make(&out, root, NULL, NULL, 0, false, 0, 1, NULL), STIR_E_INVAL, "no key");
    UNIT_CODE(stir_crl_make(&out, root, key, NULL, 0, false, 1, 0, NULL), STIR_E_INVAL, "ends first");
    CU_ASSERT_EQUAL(out.len, 0);
    const struct {
        const char *label;
        struct stir_cert_spec spec;
        enum stir_code code;
    } rows[] = {
        {"no name", {.subject_key = key, .not_after = 1}, STIR_E_INVAL},
        {"an empty name", {.common_name = "", .subject_key = key, .not_after = 1}, STIR_E_INVAL},
        {"no key", {.common_name = "a", .not_after = 1}, STIR_E_INVAL},
        {"an issuer without its key",
         {.common_name = "a", .subject_key = key, .issuer = root, .not_after = 1},
         STIR_E_INVAL},
        {"ends first", {.common_name = "a", .subject_key = key, .not_before = 1}, STIR_E_INVAL},
        {"a path length without a CA", {.common_name = "a", .subject_key = key, .path_len = 1}, STIR_E_INVAL},
        {"an empty TNAuthList",
         {.common_name = "a", .subject_key = key, .tnauth = &(struct stir_tnauth){0}},
         STIR_E_INVAL},
        {"empty constraints",
         {.common_name = "a", .subject_key = key, .claims = &(struct stir_claims){0}},
         STIR_E_INVAL},
        {"names that are none", {.common_name = "a", .subject_key = key, .dns_names = "cps"}, STIR_E_INVAL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_error err = {0};
        UNIT_CODE(stir_cert_make(&cert, &rows[i].spec, &err), rows[i].code, rows[i].label);
        UNIT_CHECK(cert == NULL && err.text[0], "%s", rows[i].label);
    }
    stir_buf_free(&out);
    certs_end();
}

UNIT_MAIN("pki", {"what a certificate holds", test_certificates}, {"what is not made", test_make_refused})
