/* SPDX-License-Identifier: MIT */
#include "common/cert/pki.h"

#include "common/cert/pem.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

/* Marks the list as indirect (RFC 5280 section 5.2.5), critical. */
static bool pki_crl_mark_indirect(X509_CRL *crl)
{
    ISSUING_DIST_POINT *point = ISSUING_DIST_POINT_new();
    if (point) {
        point->indirectCRL = 0xff;
    }
    bool done = point && X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point, 1, 0);
    ISSUING_DIST_POINT_free(point);
    return done;
}

/* Names the issuer of the revoked certificate (RFC 5280 section 5.3.3), critical. */
static bool pki_crl_add_entry_issuer(X509_REVOKED *entry, const X509_NAME *issuer)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    X509_NAME *copy = X509_NAME_dup(issuer);
    bool done = false;
    if (names && name && copy) {
        GENERAL_NAME_set0_value(name, GEN_DIRNAME, copy);
        copy = NULL;
        if (sk_GENERAL_NAME_push(names, name) > 0) {
            name = NULL;
            done = X509_REVOKED_add1_ext_i2d(entry, NID_certificate_issuer, names, 1, 0) == 1;
        }
    }
    X509_NAME_free(copy);
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    return done;
}

static bool pki_crl_add_entry(X509_CRL *crl, const X509 *cert, const ASN1_TIME *when, bool indirect)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_dup(X509_get0_serialNumber(cert));
    ASN1_TIME *date = ASN1_STRING_dup(when);
    bool done = entry && serial && date && X509_REVOKED_set_serialNumber(entry, serial) &&
                X509_REVOKED_set_revocationDate(entry, date) &&
                (!indirect || pki_crl_add_entry_issuer(entry, X509_get_issuer_name(cert))) &&
                X509_CRL_add0_revoked(crl, entry);
    if (!done) {
        X509_REVOKED_free(entry);
    }
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(date);
    return done;
}

static bool pki_crl_add_authority(X509_CRL *crl, X509 *issuer)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
    if (!id) {
        return true;
    }
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    bool done = authority && (authority->keyid = ASN1_OCTET_STRING_dup(id)) &&
                X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority, 0, 0);
    AUTHORITY_KEYID_free(authority);
    return done;
}

/* Adds a number that grows with the time of issue (RFC 5280 section 5.2.3). */
static bool pki_crl_add_number(X509_CRL *crl, int64_t this_update)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool done = number && ASN1_INTEGER_set_int64(number, this_update > 0 ? this_update : 1) &&
                X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0);
    ASN1_INTEGER_free(number);
    return done;
}

static bool pki_crl_set_head(X509_CRL *crl, X509 *issuer, const ASN1_TIME *from, const ASN1_TIME *until)
{
    return X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
           X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) && X509_CRL_set1_lastUpdate(crl, from) &&
           X509_CRL_set1_nextUpdate(crl, until);
}

static enum stir_code pki_crl_put_pem(struct stir_buf *out, X509_CRL *crl, struct stir_error *err)
{
    unsigned char *der = NULL;
    int len = i2d_X509_CRL(crl, &der);
    if (len <= 0) {
        return stir_fail_openssl(err, STIR_E_CRYPTO, "cannot encode the revocation list");
    }
    stir_pem_put(out, "X509 CRL", der, (size_t)len);
    OPENSSL_free(der);
    enum stir_code code = stir_buf_state(out);
    return code == STIR_OK ? STIR_OK : stir_fail(err, code, "cannot write the revocation list in PEM");
}

enum stir_code stir_crl_make(struct stir_buf *out, X509 *issuer, EVP_PKEY *issuer_key, X509 *const *revoked,
                             size_t count, bool indirect, int64_t this_update, int64_t next_update,
                             struct stir_error *err)
{
    if (!issuer || !issuer_key || next_update < this_update) {
        return stir_fail(err, STIR_E_INVAL,
                         "a revocation list needs an issuer, the issuer's key, and a nextUpdate after its thisUpdate");
    }
    ERR_clear_error();
    enum stir_code code = STIR_E_CRYPTO;
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)this_update);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)next_update);
    /* The head of the list, and the extensions that RFC 5280 section 5.2 demands. */
    bool good = crl && from && until && pki_crl_set_head(crl, issuer, from, until) &&
                pki_crl_add_authority(crl, issuer) && pki_crl_add_number(crl, this_update) &&
                (!indirect || pki_crl_mark_indirect(crl));
    /* One entry per revoked certificate, sorted by number below. */
    for (size_t i = 0; good && i < count; i++) {
        good = pki_crl_add_entry(crl, revoked[i], from, indirect);
    }
    if (!good || !X509_CRL_sort(crl) || !X509_CRL_sign(crl, issuer_key, EVP_sha256())) {
        code = stir_fail_openssl(err, STIR_E_CRYPTO, "cannot make the revocation list");
        goto out;
    }
    code = pki_crl_put_pem(out, crl, err);
out:
    ASN1_TIME_free(until);
    ASN1_TIME_free(from);
    X509_CRL_free(crl);
    ERR_clear_error();
    return code;
}
