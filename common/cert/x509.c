/* SPDX-License-Identifier: MIT */
#include "common/cert/x509.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define CERT_OCTETS (1 << 20) /* of one certificate: far more than any has, and far less than a long holds */

#define RSA_BITS_MIN 2048 /* RFC 8226 section 4 */
#define RSA_BITS_MAX 8192
#define RSA_EXPONENT_BITS 33

#define ID_PE "\x2b\x06\x01\x05\x05\x07\x01"

const struct stir_view STIR_OID_TNAUTH = {.ptr = ID_PE "\x1a", .len = sizeof(ID_PE)};
const struct stir_view STIR_OID_TN_LIST = {.ptr = "\x2b\x06\x01\x05\x05\x07\x30\x0e", .len = sizeof(ID_PE)};
const struct stir_view STIR_OID_CLAIMS = {.ptr = ID_PE "\x1b", .len = sizeof(ID_PE)};
const struct stir_view STIR_OID_CLAIMS_ENHANCED = {.ptr = ID_PE "\x21", .len = sizeof(ID_PE)};

/* Encoding the certificate again must give the same octets: no BER, and nothing after it. */
static bool x509_is_der_of(X509 *cert, const uint8_t *der, size_t n)
{
    unsigned char *again = NULL;
    int len = i2d_X509(cert, &again);
    bool same = len > 0 && (size_t)len == n && memcmp(again, der, n) == 0;
    OPENSSL_free(again);
    return same;
}

enum stir_code stir_x509_parse(X509 **out, const void *der, size_t n, struct stir_error *err)
{
    ERR_clear_error();
    const unsigned char *at = der;
    X509 *cert = n <= CERT_OCTETS ? d2i_X509(NULL, &at, (long)n) : NULL;
    enum stir_code code = STIR_OK;
    if (!cert) {
        return stir_fail_openssl(err, STIR_E_CERT, "not a certificate");
    }
    if (!x509_is_der_of(cert, der, n)) {
        code = stir_fail_openssl(err, STIR_E_CERT, "not a certificate in DER, or followed by other octets");
    } else if (X509_check_purpose(cert, -1, 0) != 1) {
        code = stir_fail_openssl(err, STIR_E_CERT, "%s: an extension is malformed or occurs twice",
                                 stir_x509_subject(cert).text);
    }
    if (code != STIR_OK) {
        X509_free(cert);
        return code;
    }
    *out = cert;
    ERR_clear_error();
    return STIR_OK;
}

bool stir_oid_is(const ASN1_OBJECT *object, struct stir_view oid)
{
    return OBJ_length(object) == oid.len && memcmp(OBJ_get0_data(object), oid.ptr, oid.len) == 0;
}

enum stir_code stir_x509_ext(struct stir_view *out, const X509 *cert, struct stir_view oid, struct stir_error *err)
{
    const ASN1_OCTET_STRING *found = NULL;
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, i);
        if (!stir_oid_is(X509_EXTENSION_get_object(ext), oid)) {
            continue;
        }
        if (found) {
            return stir_fail(err, STIR_E_CERT, "a certificate extension occurs twice");
        }
        found = X509_EXTENSION_get_data(ext);
    }
    if (!found) {
        return stir_fail(err, STIR_E_NOT_FOUND, "the certificate has no such extension");
    }
    *out = stir_view((const char *)ASN1_STRING_get0_data(found), (size_t)ASN1_STRING_length(found));
    return STIR_OK;
}

char *stir_x509_tn_list_url(const X509 *cert)
{
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    char *url = NULL;
    for (int i = 0; !url && i < sk_ACCESS_DESCRIPTION_num(access); i++) {
        const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(access, i);
        if (stir_oid_is(one->method, STIR_OID_TN_LIST) && one->location->type == GEN_URI) {
            const ASN1_IA5STRING *text = one->location->d.uniformResourceIdentifier;
            const char *octets = (const char *)ASN1_STRING_get0_data(text);
            size_t n = (size_t)ASN1_STRING_length(text);
            url = n > 0 && !memchr(octets, '\0', n) ? strndup(octets, n) : NULL;
        }
    }
    AUTHORITY_INFO_ACCESS_free(access);
    ERR_clear_error();
    return url;
}

struct stir_x509_name stir_x509_name_text(const X509_NAME *name)
{
    struct stir_x509_name out = {.text = ""};
    (void)X509_NAME_oneline(name, out.text, sizeof(out.text));
    return out;
}

struct stir_x509_name stir_x509_subject(const X509 *cert)
{
    return stir_x509_name_text(X509_get_subject_name(cert));
}

enum stir_code stir_x509_time(int64_t *out, const ASN1_TIME *time, struct stir_error *err)
{
    struct tm tm;
    if (!time || !ASN1_TIME_to_tm(time, &tm)) {
        return stir_fail_openssl(err, STIR_E_CERT, "not a valid time");
    }
    *out = timegm(&tm);
    return STIR_OK;
}

bool stir_x509_key_is(const EVP_PKEY *key, const char *curve)
{
    char name[32];
    int was_explicit = 0;
    if (!key || !EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, name, sizeof(name), NULL)) {
        return false;
    }
    if (!EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &was_explicit) || was_explicit) {
        return false;
    }
    const char *nist = OBJ_txt2nid(name) == NID_undef ? name : EC_curve_nid2nist(OBJ_txt2nid(name));
    return nist && strcmp(nist, curve) == 0;
}

bool stir_x509_point_form_good(const X509 *cert)
{
    const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(cert);
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    if (!key || !EVP_PKEY_is_a(key, "EC")) {
        return true;
    }
    return point && ASN1_STRING_length(point) > 0 && ASN1_STRING_get0_data(point)[0] >= 0x02 &&
           ASN1_STRING_get0_data(point)[0] <= 0x04;
}

/* Checks the size of modulus and exponent: the verifier pays for the size that the signer chose. */
static enum stir_code x509_check_rsa(const EVP_PKEY *key, struct stir_error *err)
{
    int bits = EVP_PKEY_get_bits(key);
    BIGNUM *exponent = NULL;
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
        return stir_fail(err, STIR_E_CERT, "the key is RSA of %d bits; %d to %d are accepted", bits, RSA_BITS_MIN,
                         RSA_BITS_MAX);
    }
    bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 && BN_is_odd(exponent) &&
                !BN_is_one(exponent) && BN_num_bits(exponent) <= RSA_EXPONENT_BITS;
    BN_free(exponent);
    return good ? STIR_OK
                : stir_fail_openssl(err, STIR_E_CERT,
                                    "the key's RSA exponent is not an odd number from 3 to "
                                    "2^32");
}

enum stir_code stir_x509_check_issuer_key(const X509 *cert, struct stir_error *err)
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    if (!key) {
        return stir_fail_openssl(err, STIR_E_CERT, "the key cannot be read");
    }
    if (EVP_PKEY_is_a(key, "RSA")) {
        return x509_check_rsa(key, err);
    }
    bool named = stir_x509_key_is(key, "P-256") || stir_x509_key_is(key, "P-384") || stir_x509_key_is(key, "P-521");
    if (!named) {
        const char *type = EVP_PKEY_get0_type_name(key);
        return stir_fail_openssl(err, STIR_E_CERT, "the %s key is neither RSA nor on P-256, P-384 or P-521",
                                 type ? type : "unknown");
    }
    return stir_x509_point_form_good(cert)
               ? STIR_OK
               : stir_fail(err, STIR_E_CERT,
                           "the key's point is neither compressed nor uncompressed (RFC 5480 section 2.2)");
}

bool stir_x509_signature_allowed(int nid)
{
    switch (nid) {
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
        return true;
    default:
        return false;
    }
}
