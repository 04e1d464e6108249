/* SPDX-License-Identifier: MIT */
#include "common/cert/chain_path.h"

#include "common/cert/x509.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define YEAR_9999 INT64_C(253402300799) /* the last second of the year 9999: certificates know no later time */

/* ---- OpenSSL's part ---- */

/* OpenSSL does not know STIR's extensions. The RFCs make them non-critical, but a CA may mark them critical. */
static bool path_criticals_known(const X509 *cert)
{
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, i);
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(ext);
        bool known = X509_supported_extension(ext) || stir_oid_is(oid, STIR_OID_TNAUTH) ||
                     stir_oid_is(oid, STIR_OID_CLAIMS) || stir_oid_is(oid, STIR_OID_CLAIMS_ENHANCED);
        if (X509_EXTENSION_get_critical(ext) && !known) {
            return false;
        }
    }
    return true;
}

static int path_on_verify(int good, X509_STORE_CTX *ctx)
{
    if (!good && X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION &&
        path_criticals_known(X509_STORE_CTX_get_current_cert(ctx))) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return good;
}

static enum stir_code path_code_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return STIR_E_CERT_TIME;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
    case X509_V_ERR_INVALID_EXTENSION:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        return STIR_E_CERT;
    case X509_V_ERR_OUT_OF_MEM:
        return STIR_E_NOMEM;
    case X509_V_OK:
        return STIR_E_CRYPTO;
    default:
        return STIR_E_CERT_UNTRUSTED;
    }
}

static enum stir_code path_verify_fail(X509_STORE_CTX *ctx, struct stir_error *err)
{
    int error = X509_STORE_CTX_get_error(ctx);
    X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
    ERR_clear_error();
    return stir_fail(err, path_code_of(error), "%s: %s", cert ? stir_x509_subject(cert).text : "a certificate",
                     X509_verify_cert_error_string(error));
}

/* ---- algorithms ---- */

/* The root's own signature is trusted with the file; all others are checked (RFC 8226 section 4). */
static enum stir_code path_check_algorithms(STACK_OF(X509) * path, struct stir_error *err)
{
    for (int i = 0; i + 1 < sk_X509_num(path); i++) {
        X509 *cert = sk_X509_value(path, i);
        X509 *issuer = sk_X509_value(path, i + 1);
        if (!stir_x509_signature_allowed(X509_get_signature_nid(cert))) {
            return stir_fail(err, STIR_E_CERT_UNTRUSTED,
                             "%s: signed with %s, which is neither ECDSA nor RSA PKCS #1 v1.5 with SHA-2",
                             stir_x509_subject(cert).text, OBJ_nid2sn(X509_get_signature_nid(cert)));
        }
        if (stir_x509_check_issuer_key(issuer, err) != STIR_OK) {
            return stir_fail_prefix(err, STIR_E_CERT_UNTRUSTED, "%s", stir_x509_subject(issuer).text);
        }
    }
    return STIR_OK;
}

enum stir_code stir_path_build(STACK_OF(X509) * *out, X509_STORE *store, X509 *leaf, STACK_OF(X509) * helpers,
                               const int64_t *at, struct stir_error *err)
{
    enum stir_code code = STIR_OK;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (!ctx || X509_STORE_CTX_init(ctx, store, leaf, helpers) != 1) {
        code = stir_fail_openssl(err, STIR_E_NOMEM, "a certificate chain");
        goto out;
    }
    /* Validity is judged at the time of signing, which only the caller knows. */
    if (at) {
        X509_STORE_CTX_set_time(ctx, 0, (time_t)(*at < 0 ? 0 : *at > YEAR_9999 ? YEAR_9999 : *at));
    } else {
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
    }
    X509_STORE_CTX_set_verify_cb(ctx, path_on_verify);
    /* Signatures, validity, basicConstraints, key usage, path length, critical extensions (RFC 5280 section 6.1). */
    if (X509_verify_cert(ctx) != 1) {
        code = path_verify_fail(ctx, err);
        goto out;
    }
    /* OpenSSL accepts more algorithms than RFC 8226 section 4. */
    code = path_check_algorithms(X509_STORE_CTX_get0_chain(ctx), err);
    if (code == STIR_OK && !(*out = X509_STORE_CTX_get1_chain(ctx))) {
        code = stir_fail(err, STIR_E_NOMEM, "a certificate chain");
    }
out:
    X509_STORE_CTX_free(ctx);
    return code;
}

/* ---- STIR's part ---- */

enum stir_code stir_path_check_leaf(STACK_OF(X509) * path, struct stir_error *err)
{
    X509 *leaf = sk_X509_value(path, 0);
    if (X509_get_extension_flags(leaf) & EXFLAG_CA) {
        return stir_fail(err, STIR_E_CERT,
                         "%s: it is a CA certificate, and the signer must be an end-entity certificate",
                         stir_x509_subject(leaf).text);
    }
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE)) {
        return stir_fail(err, STIR_E_CERT, "%s: keyUsage does not allow digitalSignature",
                         stir_x509_subject(leaf).text);
    }
    return STIR_OK;
}

/* Returns the place of a certificate in the chain; -1: it is from the trust file. OpenSSL may have taken an equal
 * copy. */
static int path_place_in_chain(const struct stir_chain *chain, const X509 *cert)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (X509_cmp(chain->certs[i], cert) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int stir_path_missing_list(STACK_OF(X509) * path, const struct stir_chain *chain)
{
    for (int i = 0; stir_chain_lacks_lists(chain) && i < sk_X509_num(path); i++) {
        int place = path_place_in_chain(chain, sk_X509_value(path, i));
        if (place >= 0 && chain->list_urls[place]) {
            return place;
        }
    }
    return -1;
}

/* Reads the TNAuthList of an authority: its own, or the one that was fetched for it (RFC 8226 section 10.1).
 * STIR_E_NOT_FOUND: it has none, and so narrows nothing. */
static enum stir_code path_authority_list(struct stir_tnauth *out, X509 *authority, const struct stir_chain *chain,
                                          struct stir_error *err)
{
    enum stir_code code = stir_tnauth_of(out, authority, err);
    if (code != STIR_E_NOT_FOUND) {
        return code == STIR_OK ? code : stir_fail_prefix(err, code, "%s", stir_x509_subject(authority).text);
    }
    int place = path_place_in_chain(chain, authority);
    if (place > 0 && (chain->lists[place].count || chain->lists[place].skipped)) {
        return stir_tnauth_copy(out, &chain->lists[place], err);
    }
    char *url = stir_x509_tn_list_url(authority);
    if (url) {
        code = stir_fail(err, STIR_E_CERT_SCOPE, "%s: its TNAuthList is elsewhere (%s) and was not fetched%s",
                         stir_x509_subject(authority).text, url,
                         place < 0 ? ": that of a certificate in the trust file never is" : "");
    }
    free(url);
    return code;
}

static enum stir_code path_check_covers(const struct stir_tnauth *list, X509 *parent, const struct stir_tnauth *below,
                                        X509 *child, const struct stir_numtable *numbers, struct stir_error *err)
{
    if (stir_tnauth_covers(list, below, numbers)) {
        return STIR_OK;
    }
    return stir_fail(err, STIR_E_CERT_SCOPE, "the TNAuthList of %s does not cover that of %s%s",
                     stir_x509_subject(parent).text, stir_x509_subject(child).text,
                     numbers && stir_tnauth_any_spc(list)
                         ? " (the number table decides which numbers belong to a provider)"
                         : "");
}

static enum stir_code path_check_link(X509 *parent, X509 *child, struct stir_error *err)
{
    if (X509_get0_authority_key_id(child) && X509_get0_subject_key_id(parent)) {
        return STIR_OK; /* OpenSSL's builder has compared them */
    }
    return stir_fail(err, STIR_E_CERT,
                     "%s: the delegate certificate does not name its parent's key identifier (RFC 9060 section 4)",
                     stir_x509_subject(child).text);
}

enum stir_code stir_path_check_scope(STACK_OF(X509) * path, const struct stir_chain *chain,
                                     const struct stir_numtable *numbers, struct stir_error *err)
{
    struct stir_tnauth held = {0};
    const struct stir_tnauth *below = &chain->tnauth;
    int child = 0;
    enum stir_code code = STIR_OK;
    /* From the leaf up, each TNAuthList must cover the next one below it (RFC 8226 section 9, RFC 9060 section 4). */
    for (int i = 1; code == STIR_OK && i < sk_X509_num(path); i++) {
        X509 *parent = sk_X509_value(path, i);
        struct stir_tnauth list = {0};
        code = path_authority_list(&list, parent, chain, err);
        /* A CA certificate without a list does not narrow anything: the next one up is compared with the same list. */
        if (code != STIR_OK) {
            code = code == STIR_E_NOT_FOUND ? STIR_OK : code;
            continue;
        }
        code = path_check_covers(&list, parent, below, sk_X509_value(path, child), numbers, err);
        /* A delegate certificate names its parent by key identifier (RFC 9060 section 4). */
        if (code == STIR_OK && child == i - 1) {
            code = path_check_link(parent, sk_X509_value(path, child), err);
        }
        stir_tnauth_clear(&held);
        held = list;
        below = &held;
        child = i;
    }
    stir_tnauth_clear(&held);
    return code;
}
