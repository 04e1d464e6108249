/* SPDX-License-Identifier: MIT */
/* Shows certificates, certificate requests and revocation lists. */
#include "client/ctl/date.h"
#include "client/ctl/inspect/inspect.h"
#include "common/cert/chain.h"
#include "common/cert/x509.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void cert_add_text(json_t *object, const char *name, const char *text)
{
    (void)json_object_set_new(object, name, json_string(text));
}

static void cert_add_hex(json_t *object, const char *name, const unsigned char *octets, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * EVP_MAX_MD_SIZE + 1];
    if (n > EVP_MAX_MD_SIZE) {
        n = EVP_MAX_MD_SIZE;
    }
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = digits[octets[i] >> 4];
        text[2 * i + 1] = digits[octets[i] & 0xf];
    }
    text[2 * n] = '\0';
    cert_add_text(object, name, text);
}

static enum stir_code cert_add_time(json_t *object, const char *name, const ASN1_TIME *moment, int64_t *seconds,
                                    struct stir_error *err)
{
    char date[CTL_DATE_MAX];
    enum stir_code code = stir_x509_time(seconds, moment, err);
    if (code == STIR_OK) {
        cert_add_text(object, name, ctl_date_text(date, *seconds));
    }
    return code;
}

static void cert_add_validity(json_t *json, const X509 *cert)
{
    int64_t begin = 0;
    int64_t end = 0;
    int64_t now = (int64_t)time(NULL);
    struct stir_error err = {0};
    if (cert_add_time(json, "valid_from", X509_get0_notBefore(cert), &begin, &err) != STIR_OK) {
        ctl_inspect_fault(json, "notBefore: %s", err.text);
    }
    if (cert_add_time(json, "valid_until", X509_get0_notAfter(cert), &end, &err) != STIR_OK) {
        ctl_inspect_fault(json, "notAfter: %s", err.text);
    }
    if (begin && end) {
        cert_add_text(json, "now", now < begin ? "not yet valid" : now > end ? "expired" : "valid");
    }
}

/* Appends the last number of a range, which has the same number of digits as the first. */
static void tnauth_put_last(struct stir_buf *out, const struct stir_tnauth_entry *entry)
{
    char digits[STIR_TN_MAX + 1];
    uint64_t carry = entry->count - 1;
    (void)snprintf(digits, sizeof(digits), "%s", entry->value);
    for (size_t i = strlen(digits); i-- > 0 && digits[i] >= '0' && digits[i] <= '9';) {
        carry += (uint64_t)(digits[i] - '0');
        digits[i] = (char)('0' + carry % 10);
        carry /= 10;
    }
    stir_buf_puts(out, digits);
}

static void tnauth_put_entry(struct stir_buf *out, const struct stir_tnauth_entry *entry)
{
    switch (entry->kind) {
    case STIR_TNAUTH_SPC:
        stir_buf_printf(out, "service provider code %s", entry->value);
        break;
    case STIR_TNAUTH_ONE:
        stir_buf_printf(out, "number %s", entry->value);
        break;
    case STIR_TNAUTH_RANGE:
        stir_buf_printf(out, "%" PRIu64 " numbers from %s to ", entry->count, entry->value);
        tnauth_put_last(out, entry);
        break;
    }
}

/* Adds the TNAuthList of a certificate or a request, from its DER. */
static void cert_add_tnauth_list(json_t *json, struct stir_view der)
{
    struct stir_tnauth list = {0};
    struct stir_error err = {0};
    struct stir_buf compact = {0};
    if (stir_tnauth_parse(&list, (const uint8_t *)der.ptr, der.len, &err) != STIR_OK) {
        ctl_inspect_fault(json, "%s", err.text);
        return;
    }
    /* Show the compact form, which cpsctl and cps-smpp accept, and the entries in words. */
    stir_tnauth_to_text(&compact, &list);
    cert_add_text(json, "TNAuthList", compact.ptr ? compact.ptr : "");
    json_t *words = json_array();
    for (size_t i = 0; i < list.count; i++) {
        struct stir_buf text = {0};
        tnauth_put_entry(&text, &list.entries[i]);
        (void)json_array_append_new(words, json_string(text.ptr ? text.ptr : ""));
        stir_buf_free(&text);
    }
    (void)json_object_set_new(json, "speaks_for", words);
    /* Verifiers ignore such codes, so the certificate covers less than it seems. */
    if (list.skipped) {
        ctl_inspect_fault(json, "the TNAuthList has %zu service provider codes that are not supported and were skipped",
                          list.skipped);
    }
    stir_buf_free(&compact);
    stir_tnauth_clear(&list);
}

static void cert_add_tnauth(json_t *json, const X509 *cert)
{
    struct stir_view der;
    struct stir_error err = {0};
    enum stir_code code = stir_x509_ext(&der, cert, STIR_OID_TNAUTH, &err);
    if (code == STIR_OK) {
        cert_add_tnauth_list(json, der);
    } else if (code != STIR_E_NOT_FOUND) {
        ctl_inspect_fault(json, "the TNAuthList: %s", err.text);
    }
    char *url = stir_x509_tn_list_url(cert);
    if (url) {
        json_t *text = json_string(url);
        (void)json_object_set_new(json, "TNAuthList_at", text ? text : json_string("not UTF-8"));
    }
    free(url);
}

static json_t *cert_text_array(char **items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(array, json_string(items[i]));
    }
    return array;
}

static json_t *cert_constraints_json(const struct stir_claims *claims)
{
    json_t *json = json_object();
    if (claims->must_include_count) {
        (void)json_object_set_new(json, "must_include",
                                  cert_text_array(claims->must_include, claims->must_include_count));
    }
    if (claims->must_exclude_count) {
        (void)json_object_set_new(json, "must_exclude",
                                  cert_text_array(claims->must_exclude, claims->must_exclude_count));
    }
    if (claims->permitted_count) {
        json_t *permitted = json_object();
        for (size_t i = 0; i < claims->permitted_count; i++) {
            const struct stir_claims_permitted *row = &claims->permitted[i];
            (void)json_object_set_new(permitted, row->claim, cert_text_array(row->values, row->value_count));
        }
        (void)json_object_set_new(json, "permitted_values", permitted);
    }
    return json;
}

static void cert_add_constraints(json_t *json, const X509 *cert, bool enhanced)
{
    const char *name = enhanced ? "EnhancedJWTClaimConstraints" : "JWTClaimConstraints";
    struct stir_view der;
    struct stir_claims claims = {0};
    struct stir_error err = {0};
    enum stir_code code = stir_x509_ext(&der, cert, enhanced ? STIR_OID_CLAIMS_ENHANCED : STIR_OID_CLAIMS, &err);
    if (code == STIR_E_NOT_FOUND) {
        return;
    }
    if (code == STIR_OK) {
        code = stir_claims_parse(&claims, (const unsigned char *)der.ptr, der.len, enhanced, &err);
    }
    if (code != STIR_OK) {
        ctl_inspect_fault(json, "the %s: %s", name, err.text);
        return;
    }
    (void)json_object_set_new(json, name, cert_constraints_json(&claims));
    stir_claims_clear(&claims);
}

/* Adds the faults for which a verifier rejects the certificate in any chain. */
static void cert_check(json_t *json, X509 *cert, struct stir_view der)
{
    struct stir_error err = {0};
    X509 *again = NULL;
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    struct stir_view list;
    /* A certificate with a TNAuthList signs PASSporTs; its key must be on P-256. */
    bool is_stir = stir_x509_ext(&list, cert, STIR_OID_TNAUTH, NULL) != STIR_E_NOT_FOUND;
    /* The strict parser rejects BER, octets after the certificate, and unknown critical extensions. */
    if (stir_x509_parse(&again, der.ptr, der.len, &err) != STIR_OK) {
        ctl_inspect_fault(json, "%s", err.text);
    }
    X509_free(again);
    if (X509_check_ca(cert) == 1 && stir_x509_check_issuer_key(cert, &err) != STIR_OK) {
        ctl_inspect_fault(json, "%s (RFC 8226 section 4)", err.text);
    }
    if (X509_check_ca(cert) != 1 && is_stir && (!key || !stir_x509_key_is(key, "P-256"))) {
        ctl_inspect_fault(json, "the key is not on P-256, so it cannot sign PASSporTs (RFC 8225 section 8)");
    }
    if (!stir_x509_point_form_good(cert)) {
        ctl_inspect_fault(json, "the key is neither a compressed nor an uncompressed point (RFC 5480 section 2.2)");
    }
    if (!stir_x509_signature_allowed(X509_get_signature_nid(cert))) {
        ctl_inspect_fault(json, "signed with %s, which is neither ECDSA nor RSA PKCS #1 v1.5 with SHA-2",
                          OBJ_nid2sn(X509_get_signature_nid(cert)));
    }
    ERR_clear_error();
}

static const char *cert_key_type(const EVP_PKEY *key)
{
    if (!key) {
        return "not readable";
    }
    if (stir_x509_key_is(key, "P-256")) {
        return "P-256";
    }
    if (stir_x509_key_is(key, "P-384")) {
        return "P-384";
    }
    const char *name = EVP_PKEY_get0_type_name(key);
    return name ? name : "unknown";
}

static void cert_add_serial(json_t *json, const ASN1_INTEGER *serial)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    cert_add_text(json, "serial", hex ? hex : "not readable");
    OPENSSL_free(hex);
    BN_free(number);
}

static void cert_add_alt_names(json_t *json, const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    json_t *array = json_array();
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text = NULL;
        long len =
            bio && GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i)) == 1 ? BIO_get_mem_data(bio, &text) : 0;
        if (len > 0) {
            (void)json_array_append_new(array, json_stringn(text, (size_t)len));
        }
        BIO_free(bio);
    }
    if (json_array_size(array) > 0) {
        (void)json_object_set(json, "names", array);
    }
    json_decref(array);
    GENERAL_NAMES_free(names);
}

static void cert_add_digest(json_t *json, const X509 *cert)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (X509_digest(cert, EVP_sha256(), digest, &len) == 1) {
        cert_add_hex(json, "sha256", digest, len);
    }
}

/* Decodes the certificate at the beginning of der; cert_check reports octets after it. NULL if damaged. */
static X509 *cert_decode(struct stir_view der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    ERR_clear_error();
    return d2i_X509(NULL, &at, (long)der.len);
}

enum stir_code ctl_inspect_cert(json_t **out, struct stir_view der, struct stir_error *err)
{
    X509 *cert = cert_decode(der);
    if (!cert) {
        return stir_fail_openssl(err, STIR_E_CERT, "the certificate is damaged");
    }
    json_t *json = json_pack("{s:s}", "kind", "certificate");
    cert_add_text(json, "subject", stir_x509_subject(cert).text);
    cert_add_text(json, "issuer", stir_x509_name_text(X509_get_issuer_name(cert)).text);
    cert_add_serial(json, X509_get0_serialNumber(cert));
    cert_add_text(json, "key", cert_key_type(X509_get0_pubkey(cert)));
    (void)json_object_set_new(json, "CA", json_boolean(X509_check_ca(cert) == 1));
    cert_add_alt_names(json, cert);
    cert_add_text(json, "signature", OBJ_nid2sn(X509_get_signature_nid(cert)));
    /* RFC 8226: what the certificate may sign for, and what its PASSporTs must contain. */
    cert_add_validity(json, cert);
    cert_add_tnauth(json, cert);
    cert_add_constraints(json, cert, false);
    cert_add_constraints(json, cert, true);
    cert_add_digest(json, cert);
    /* Report the faults after all fields, so that they are at the end of the output. */
    cert_check(json, cert, der);
    *out = json;
    X509_free(cert);
    ERR_clear_error();
    return STIR_OK;
}

/* Adds the extensions that a request asks for. */
static void request_add_extensions(json_t *json, X509_REQ *request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(extensions, i);
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
        if (stir_oid_is(X509_EXTENSION_get_object(extension), STIR_OID_TNAUTH)) {
            cert_add_tnauth_list(json, stir_view((const char *)ASN1_STRING_get0_data(value),
                                                 (size_t)ASN1_STRING_length(value)));
        }
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

enum stir_code ctl_inspect_request(json_t **out, struct stir_view der, struct stir_error *err)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    ERR_clear_error();
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.len);
    if (!request) {
        return stir_fail_openssl(err, STIR_E_CERT, "the certificate request is damaged");
    }
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    json_t *json = json_pack("{s:s}", "kind", "certificate request");
    cert_add_text(json, "subject", stir_x509_name_text(X509_REQ_get_subject_name(request)).text);
    cert_add_text(json, "key", cert_key_type(key));
    cert_add_text(json, "signature", OBJ_nid2sn(X509_REQ_get_signature_nid(request)));
    /* A CA copies the requested TNAuthList into the certificate. */
    request_add_extensions(json, request);
    if (at != (const unsigned char *)der.ptr + der.len) {
        ctl_inspect_fault(json, "%td unexpected octets after the request",
                          (const unsigned char *)der.ptr + der.len - at);
    }
    if (!key || !stir_x509_key_is(key, "P-256")) {
        ctl_inspect_fault(json, "the key is not on P-256, so it cannot sign PASSporTs (RFC 8225 section 8)");
    }
    /* The signature proves the possession of the private key. */
    if (!key || X509_REQ_verify(request, key) != 1) {
        ctl_inspect_fault(json, "the signature of the request does not verify (RFC 2986 section 3)");
    }
    if (!json_object_get(json, "TNAuthList")) {
        ctl_inspect_fault(json, "the request does not ask for a TNAuthList (RFC 8226 section 9)");
    }
    X509_REQ_free(request);
    ERR_clear_error();
    *out = json;
    return STIR_OK;
}

enum stir_code ctl_inspect_crl(json_t **out, struct stir_view der, struct stir_error *err)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    int64_t seconds = 0;
    ERR_clear_error();
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);
    if (!crl || at != (const unsigned char *)der.ptr + der.len) {
        X509_CRL_free(crl);
        return stir_fail_openssl(err, STIR_E_CRL, "the revocation list is damaged");
    }
    json_t *json = json_pack("{s:s}", "kind", "revocation list");
    cert_add_text(json, "issuer", stir_x509_name_text(X509_CRL_get_issuer(crl)).text);
    /* An indirect list covers certificates of other issuers (RFC 5280 section 5.2.5). */
    ISSUING_DIST_POINT *point = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
    (void)json_object_set_new(json, "indirect", json_boolean(point && point->indirectCRL > 0));
    ISSUING_DIST_POINT_free(point);
    enum stir_code code = cert_add_time(json, "this_update", X509_CRL_get0_lastUpdate(crl), &seconds, err);
    if (code == STIR_OK && X509_CRL_get0_nextUpdate(crl)) {
        code = cert_add_time(json, "next_update", X509_CRL_get0_nextUpdate(crl), &seconds, err);
    }
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    (void)json_object_set_new(json, "revoked", json_integer(revoked ? sk_X509_REVOKED_num(revoked) : 0));
    /* Without valid times, the list is not shown at all. */
    if (code == STIR_OK) {
        *out = json_incref(json);
    }
    json_decref(json);
    X509_CRL_free(crl);
    ERR_clear_error();
    return code;
}
