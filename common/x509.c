#include "common/x509.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#define ID_PE "\x2b\x06\x01\x05\x05\x07\x01"

const struct stir_view STIR_OID_TNAUTH = {.ptr = ID_PE "\x1a", .len = sizeof(ID_PE)};
const struct stir_view STIR_OID_CLAIMS = {.ptr = ID_PE "\x1b", .len = sizeof(ID_PE)};
const struct stir_view STIR_OID_CLAIMS_ENHANCED = {.ptr = ID_PE "\x21", .len = sizeof(ID_PE)};

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
        return stir_fail_openssl(err, STIR_E_CERT, "a time that is none");
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
