/* SPDX-License-Identifier: MIT */
#include "common/cert/pki.h"

#include "common/cert/pem.h"
#include "common/cert/x509.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIAL_OCTETS 8

/* Makes a certificate or list number of random octets, positive and not zero. */
static bool pki_set_serial(ASN1_INTEGER *out)
{
    unsigned char octets[SERIAL_OCTETS];
    if (RAND_bytes(octets, sizeof(octets)) != 1) {
        return false;
    }
    octets[0] = (unsigned char)((octets[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(octets, sizeof(octets), NULL);
    bool done = number && BN_to_ASN1_INTEGER(number, out);
    BN_free(number);
    return done;
}

static bool pki_set_names(X509 *cert, const struct stir_cert_spec *spec)
{
    X509_NAME *name = X509_get_subject_name(cert);
    const X509 *issuer = spec->issuer ? spec->issuer : cert;
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)spec->common_name, -1, -1, 0) &&
           X509_set_issuer_name(cert, X509_get_subject_name(issuer));
}

/* Sets the fields outside the extensions. */
static bool pki_set_body(X509 *cert, const struct stir_cert_spec *spec)
{
    return X509_set_version(cert, X509_VERSION_3) && pki_set_serial(X509_get_serialNumber(cert)) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)spec->not_before) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)spec->not_after) &&
           X509_set_pubkey(cert, spec->subject_key) && pki_set_names(cert, spec);
}

static bool pki_add_ext_text(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, NULL, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    bool done = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return done;
}

static bool pki_add_ext_der(X509 *cert, struct stir_view oid, const struct stir_buf *der)
{
    unsigned char object_der[2 + 16];
    const unsigned char *at = object_der;
    if (oid.len > 16) {
        return false;
    }
    object_der[0] = V_ASN1_OBJECT;
    object_der[1] = (unsigned char)oid.len;
    memcpy(object_der + 2, oid.ptr, oid.len);
    ASN1_OBJECT *object = d2i_ASN1_OBJECT(NULL, &at, (long)oid.len + 2);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    bool done = false;
    if (object && value && ASN1_OCTET_STRING_set(value, (const unsigned char *)der->ptr, (int)der->len)) {
        X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
        done = ext && X509_add_ext(cert, ext, -1);
        X509_EXTENSION_free(ext);
    }
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return done;
}

static bool pki_set_key_id(X509 *cert, ASN1_OCTET_STRING **out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    *out = ASN1_OCTET_STRING_new();
    return *out && X509_pubkey_digest(cert, EVP_sha1(), digest, &len) && ASN1_OCTET_STRING_set(*out, digest, (int)len);
}

/* Adds the key identifiers of subject and issuer, which pair certificates (RFC 9060 section 7). */
static bool pki_add_key_ids(X509 *cert, X509 *issuer)
{
    ASN1_OCTET_STRING *own = NULL;
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    bool done =
        authority && pki_set_key_id(cert, &own) && X509_add1_ext_i2d(cert, NID_subject_key_identifier, own, 0, 0);
    if (done) {
        const ASN1_OCTET_STRING *theirs = issuer ? X509_get0_subject_key_id(issuer) : own;
        authority->keyid = theirs ? ASN1_OCTET_STRING_dup(theirs) : NULL;
        done = !theirs || (authority->keyid && X509_add1_ext_i2d(cert, NID_authority_key_identifier, authority, 0, 0));
    }
    AUTHORITY_KEYID_free(authority);
    ASN1_OCTET_STRING_free(own);
    return done;
}

static bool pki_add_usage(X509 *cert, const struct stir_cert_spec *spec)
{
    char constraints[64] = "critical,CA:FALSE";
    if (spec->ca && spec->path_len >= 0) {
        (void)snprintf(constraints, sizeof(constraints), "critical,CA:TRUE,pathlen:%d", spec->path_len);
    } else if (spec->ca) {
        (void)snprintf(constraints, sizeof(constraints), "critical,CA:TRUE");
    }
    const char *usage = spec->ca           ? "critical,keyCertSign,cRLSign"
                        : spec->crl_issuer ? "critical,cRLSign"
                                           : "critical,digitalSignature";
    return pki_add_ext_text(cert, NID_basic_constraints, constraints) && pki_add_ext_text(cert, NID_key_usage, usage);
}

static bool pki_add_tls_names(X509 *cert, const struct stir_cert_spec *spec)
{
    if (spec->dns_names && !pki_add_ext_text(cert, NID_subject_alt_name, spec->dns_names)) {
        return false;
    }
    if (!spec->dns_names && !spec->tls_client) {
        return true;
    }
    const char *server = spec->tls_client ? "serverAuth,clientAuth" : "serverAuth";
    return pki_add_ext_text(cert, NID_ext_key_usage, spec->dns_names ? server : "clientAuth");
}

static bool pki_put_uri(GENERAL_NAMES *names, const char *uri)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (!name || !text || !ASN1_STRING_set(text, uri, -1) || !sk_GENERAL_NAME_push(names, name)) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(name);
        return false;
    }
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    return true;
}

/* Adds the URIs that the certificate covers (RFC 8224 section 8.4). */
static bool pki_add_uris(X509 *cert, const char *const *uris)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool done = names != NULL;
    for (; done && *uris; uris++) {
        done = pki_put_uri(names, *uris);
    }
    done = done && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
    GENERAL_NAMES_free(names);
    return done;
}

/* Adds STIR's own extensions: non-critical, as RFC 8226 sections 8 and 9 demand. */
static enum stir_code pki_add_stir_exts(X509 *cert, const struct stir_cert_spec *spec, struct stir_error *err)
{
    struct stir_buf der = {0};
    enum stir_code code = STIR_OK;
    if (spec->tnauth) {
        code = stir_tnauth_encode(&der, spec->tnauth, err);
        if (code == STIR_OK && !pki_add_ext_der(cert, STIR_OID_TNAUTH, &der)) {
            code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot add the TNAuthList");
        }
    }
    der.len = 0;
    if (code == STIR_OK && spec->claims) {
        code = stir_claims_encode(&der, spec->claims, spec->claims_enhanced, err);
        if (code == STIR_OK &&
            !pki_add_ext_der(cert, spec->claims_enhanced ? STIR_OID_CLAIMS_ENHANCED : STIR_OID_CLAIMS, &der)) {
            code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot add the claim constraints");
        }
    }
    stir_buf_free(&der);
    return code;
}

static enum stir_code pki_check_spec(const struct stir_cert_spec *spec, struct stir_error *err)
{
    if (!spec->common_name || !spec->common_name[0] || !spec->subject_key) {
        return stir_fail(err, STIR_E_INVAL, "a certificate must have a common name and a key");
    }
    if (spec->issuer && !spec->issuer_key) {
        return stir_fail(err, STIR_E_INVAL, "the issuer's key is missing");
    }
    if (spec->not_after < spec->not_before) {
        return stir_fail(err, STIR_E_INVAL, "the certificate's validity ends before it begins");
    }
    if (!spec->ca && spec->path_len > 0) {
        return stir_fail(err, STIR_E_INVAL, "only a CA certificate has a path length");
    }
    return STIR_OK;
}

/* Encodes and decodes the certificate again, because OpenSSL caches extensions while they are added. */
static X509 *pki_reread(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    const unsigned char *at = der;
    X509 *fresh = len > 0 ? d2i_X509(NULL, &at, len) : NULL;
    OPENSSL_free(der);
    return fresh;
}

enum stir_code stir_cert_make(X509 **out, const struct stir_cert_spec *spec, struct stir_error *err)
{
    enum stir_code code = pki_check_spec(spec, err);
    if (code != STIR_OK) {
        return code;
    }
    ERR_clear_error();
    /* Names, validity and key, then the extensions of RFC 5280 section 4.2, then STIR's own. */
    X509 *fresh = NULL;
    X509 *cert = X509_new();
    if (!cert || !pki_set_body(cert, spec) || !pki_add_usage(cert, spec) || !pki_add_key_ids(cert, spec->issuer)) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot make the certificate %s", spec->common_name);
        goto out;
    }
    if (!pki_add_tls_names(cert, spec)) {
        code =
            stir_fail_openssl(err, STIR_E_INVAL, "cannot use the names \"%s\"", spec->dns_names ? spec->dns_names : "");
        goto out;
    }
    code = spec->uris && !pki_add_uris(cert, spec->uris)
               ? stir_fail_openssl(err, STIR_E_CRYPTO, "cannot add the URIs to the certificate %s", spec->common_name)
               : pki_add_stir_exts(cert, spec, err);
    if (code != STIR_OK) {
        goto out;
    }
    /* The signature covers everything above, so it comes last. */
    EVP_PKEY *key = spec->issuer ? spec->issuer_key : spec->subject_key;
    if (!X509_sign(cert, key, EVP_sha256()) || !(fresh = pki_reread(cert))) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot sign the certificate %s", spec->common_name);
        goto out;
    }
    *out = fresh;
out:
    X509_free(cert);
    ERR_clear_error();
    return code;
}

enum stir_code stir_cert_to_pem(struct stir_buf *out, X509 *cert, struct stir_error *err)
{
    unsigned char *der = NULL;
    ERR_clear_error();
    int len = i2d_X509(cert, &der);
    if (len <= 0) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot encode the certificate");
    }
    stir_pem_put(out, "CERTIFICATE", der, (size_t)len);
    OPENSSL_free(der);
    enum stir_code code = stir_buf_state(out);
    return code == STIR_OK ? STIR_OK : stir_fail(err, code, "cannot write the certificate in PEM");
}
