/* SPDX-License-Identifier: MIT */
#include "common/cert/crl.h"

#include "common/cert/x509.h"

#include <openssl/err.h>
#include <string.h>

#define CRL_OCTETS (1 << 24) /* of one list */

void stir_crl_clear(struct stir_crl *crl)
{
    X509_CRL_free(crl->crl);
    AUTHORITY_KEYID_free(crl->authority);
    ISSUING_DIST_POINT_free(crl->point);
    EVP_PKEY_free(crl->signer);
    *crl = (struct stir_crl){0};
}

/* ---- reading ---- */

static bool crl_critical_is_known(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *ext = X509_CRL_get_ext(crl, i);
        if (X509_EXTENSION_get_critical(ext) &&
            OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_issuing_distribution_point) {
            return false;
        }
    }
    return true;
}

static bool crl_entry_is_good(const X509_REVOKED *entry, bool indirect)
{
    for (int i = 0; i < X509_REVOKED_get_ext_count(entry); i++) {
        X509_EXTENSION *ext = X509_REVOKED_get_ext(entry, i);
        if (X509_EXTENSION_get_critical(ext) && OBJ_obj2nid(X509_EXTENSION_get_object(ext)) != NID_certificate_issuer) {
            return false;
        }
    }
    int found = -1;
    GENERAL_NAMES *issuer = X509_REVOKED_get_ext_d2i(entry, NID_certificate_issuer, &found, NULL);
    bool good = issuer ? indirect : found == -1;
    GENERAL_NAMES_free(issuer);
    return good;
}

static enum stir_code crl_check_entries(const struct stir_crl *crl, struct stir_error *err)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl->crl);
    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        if (!crl_entry_is_good(sk_X509_REVOKED_value(entries, i), crl->indirect)) {
            return stir_fail_openssl(err, STIR_E_CRL,
                                     "entry %d has an unknown critical extension, or a "
                                     "certificateIssuer that only an indirect list may have (RFC 5280 section 5.3.3)",
                                     i + 1);
        }
    }
    return STIR_OK;
}

/* Reads the extensions that say what the list covers. */
static enum stir_code crl_read_scope(struct stir_crl *crl, struct stir_error *err)
{
    int found_point = -1;
    int found_authority = -1;
    crl->point = X509_CRL_get_ext_d2i(crl->crl, NID_issuing_distribution_point, &found_point, NULL);
    crl->authority = X509_CRL_get_ext_d2i(crl->crl, NID_authority_key_identifier, &found_authority, NULL);
    if ((!crl->point && found_point != -1) || (!crl->authority && found_authority != -1)) {
        return stir_fail_openssl(err, STIR_E_CRL, "an extension is malformed or occurs twice");
    }
    if (!crl_critical_is_known(crl->crl)) {
        return stir_fail(
            err, STIR_E_CRL,
            "the list has an unknown critical extension, such as that of a delta list (RFC 5280 section 5.2)");
    }
    if (crl->point && (crl->point->onlysomereasons || crl->point->onlyattr > 0 ||
                       (crl->point->onlyuser > 0 && crl->point->onlyCA > 0))) {
        return stir_fail(
            err, STIR_E_CRL,
            "a list for some reasons only, or for attribute certificates, is not supported (RFC 5280 section 5.2.5)");
    }
    crl->indirect = crl->point && crl->point->indirectCRL > 0;
    return STIR_OK;
}

/* OpenSSL sorts the entries when it first searches them: make it do so before threads share the list. */
static void crl_sort_entries(X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);
    X509_REVOKED *entry = NULL;
    if (sk_X509_REVOKED_num(entries) > 0) {
        const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, 0));
        (void)X509_CRL_get0_by_serial(crl, &entry, serial);
    }
}

static enum stir_code crl_read_body(struct stir_crl *crl, const void *der, size_t n, struct stir_error *err)
{
    const unsigned char *at = der;
    if (n > CRL_OCTETS) {
        return stir_fail(err, STIR_E_TOO_BIG, "the revocation list has more than %d octets", CRL_OCTETS);
    }
    crl->crl = d2i_X509_CRL(NULL, &at, (long)n);
    if (!crl->crl || at != (const unsigned char *)der + n) {
        return stir_fail_openssl(err, STIR_E_CRL, "not a revocation list in DER, or followed by other octets");
    }
    /* RFC 5280 section 5.2: a list with an unknown critical extension must not be used. */
    enum stir_code code = crl_read_scope(crl, err);
    if (code == STIR_OK) {
        code = crl_check_entries(crl, err);
    }
    if (code != STIR_OK) {
        return code;
    }
    /* RFC 8226 section 4, for lists as for certificates. */
    if (!stir_x509_signature_allowed(X509_CRL_get_signature_nid(crl->crl))) {
        return stir_fail(err, STIR_E_CRL, "signed with %s, which is neither ECDSA nor RSA PKCS #1 v1.5 with SHA-2",
                         OBJ_nid2sn(X509_CRL_get_signature_nid(crl->crl)));
    }
    /* RFC 5280 section 5.1.2.5: without nextUpdate nobody could tell that the list is stale. */
    if (stir_x509_time(&crl->current_until, X509_CRL_get0_nextUpdate(crl->crl), NULL) != STIR_OK) {
        return stir_fail(err, STIR_E_CRL, "the list has no nextUpdate (RFC 5280 section 5.1.2.5)");
    }
    crl_sort_entries(crl->crl);
    return STIR_OK;
}

enum stir_code stir_crl_parse(struct stir_crl *out, const void *der, size_t n, struct stir_error *err)
{
    ERR_clear_error();
    struct stir_crl crl = {0};
    enum stir_code code = crl_read_body(&crl, der, n, err);
    if (code == STIR_OK) {
        *out = crl;
    } else {
        stir_crl_clear(&crl);
    }
    ERR_clear_error();
    return code;
}

/* ---- the issuer ---- */

bool stir_crl_names(const struct stir_crl *crl, X509 *issuer)
{
    return X509_NAME_cmp(X509_CRL_get_issuer(crl->crl), X509_get_subject_name(issuer)) == 0 &&
           (!crl->authority || X509_check_akid(issuer, crl->authority) == X509_V_OK);
}

enum stir_code stir_crl_verify(const struct stir_crl *crl, X509 *issuer, struct stir_error *err)
{
    struct stir_x509_name name = stir_x509_subject(issuer);
    ERR_clear_error();
    if (!(X509_get_key_usage(issuer) & KU_CRL_SIGN)) {
        return stir_fail(err, STIR_E_CRL, "%s: keyUsage does not allow cRLSign (RFC 5280 section 6.3.3)", name.text);
    }
    if (stir_x509_check_issuer_key(issuer, err) != STIR_OK) {
        return stir_fail_prefix(err, STIR_E_CRL, "%s", name.text);
    }
    if (X509_CRL_verify(crl->crl, X509_get0_pubkey(issuer)) != 1) {
        return stir_fail_openssl(err, STIR_E_CRL, "the revocation list of %s: the signature does not verify",
                                 name.text);
    }
    ERR_clear_error();
    return STIR_OK;
}

/* ---- the entries ---- */

static bool crl_names_intersect(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(a); i++) {
        for (int j = 0; j < sk_GENERAL_NAME_num(b); j++) {
            if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(a, i), sk_GENERAL_NAME_value(b, j)) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Returns true if the certificate's distribution point is that of the list (RFC 5280 section 6.3.3 b 2 i). */
static bool crl_names_point(const DIST_POINT *theirs, const struct stir_crl *crl)
{
    const DIST_POINT_NAME *own = crl->point ? crl->point->distpoint : NULL;
    if (!own || !theirs->distpoint) {
        return true;
    }
    return own->type == 0 && theirs->distpoint->type == 0 &&
           crl_names_intersect(own->name.fullname, theirs->distpoint->name.fullname);
}

static bool crl_names_cert_issuer(const DIST_POINT *theirs, const struct stir_crl *crl)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(theirs->CRLissuer); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(theirs->CRLissuer, i);
        if (name->type == GEN_DIRNAME && X509_NAME_cmp(name->d.directoryName, X509_CRL_get_issuer(crl->crl)) == 0) {
            return true;
        }
    }
    return !theirs->CRLissuer && !crl->indirect;
}

/* Returns true if the list covers this certificate. For a certificate without a distribution point, the operator who
 * configured the list decides. */
static bool crl_covers_cert(const struct stir_crl *crl, X509 *cert)
{
    bool ca = (X509_get_extension_flags(cert) & EXFLAG_CA) != 0;
    if (crl->point && (ca ? crl->point->onlyuser > 0 : crl->point->onlyCA > 0)) {
        return false;
    }
    STACK_OF(DIST_POINT) *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    bool meant = points == NULL;
    for (int i = 0; !meant && i < sk_DIST_POINT_num(points); i++) {
        const DIST_POINT *point = sk_DIST_POINT_value(points, i);
        meant = crl_names_cert_issuer(point, crl) && crl_names_point(point, crl);
    }
    CRL_DIST_POINTS_free(points);
    return meant;
}

/* Returns true if the certificate was issued by the issuer of this direct list. */
static enum stir_code crl_is_issued_by(bool *by, const struct stir_crl *crl, X509 *issuer, struct stir_error *err)
{
    *by = stir_crl_names(crl, issuer);
    if (*by && crl->signer) {
        *by = EVP_PKEY_eq(crl->signer, X509_get0_pubkey(issuer)) == 1;
        return STIR_OK;
    }
    return *by ? stir_crl_verify(crl, issuer, err) : STIR_OK;
}

enum stir_code stir_crl_check(bool *covers, const struct stir_crl *crl, X509 *cert, X509 *issuer, int64_t at,
                              struct stir_error *err)
{
    bool by = true;
    enum stir_code code = crl->indirect ? STIR_OK : crl_is_issued_by(&by, crl, issuer, err);
    if (code != STIR_OK) {
        return code;
    }
    X509_REVOKED *entry = NULL;
    if (by && X509_CRL_get0_by_cert(crl->crl, &entry, cert) != 0) {
        return stir_fail(err, STIR_E_CERT_REVOKED, "%s is revoked by %s", stir_x509_subject(cert).text,
                         stir_x509_name_text(X509_CRL_get_issuer(crl->crl)).text);
    }
    *covers = by && crl->current_until >= at && crl_covers_cert(crl, cert);
    ERR_clear_error();
    return STIR_OK;
}
