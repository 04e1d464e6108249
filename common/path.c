#include "common/path.h"

#include "common/x509.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define YEAR_9999 INT64_C(253402300799) /* its last second: certificates know no later time */

/* ---- OpenSSL's part ---- */

/* OpenSSL knows nothing of STIR's extensions; the RFCs make them non-critical, a CA may still mark them. */
static bool criticals_known(const X509 *cert)
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

static int on_verify(int good, X509_STORE_CTX *ctx)
{
    if (!good && X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION &&
        criticals_known(X509_STORE_CTX_get_current_cert(ctx))) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return good;
}

static enum stir_code code_of(int error)
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

static enum stir_code verify_fail(X509_STORE_CTX *ctx, struct stir_error *err)
{
    int error = X509_STORE_CTX_get_error(ctx);
    X509 *cert = X509_STORE_CTX_get_current_cert(ctx);
    ERR_clear_error();
    return stir_fail(err, code_of(error), "%s: %s", cert ? stir_x509_subject(cert).text : "a certificate",
                     X509_verify_cert_error_string(error));
}

/* ---- algorithms ---- */

/* A root is trusted as it is; what it and those below it sign is ECDSA. */
static enum stir_code algorithms_check(STACK_OF(X509) * path, struct stir_error *err)
{
    for (int i = 0; i + 1 < sk_X509_num(path); i++) {
        X509 *cert = sk_X509_value(path, i);
        X509 *issuer = sk_X509_value(path, i + 1);
        if (!stir_x509_is_ecdsa(X509_get_signature_nid(cert))) {
            return stir_fail(err, STIR_E_CERT_UNTRUSTED, "%s: signed otherwise than with ECDSA and SHA-2",
                             stir_x509_subject(cert).text);
        }
        if (!stir_x509_key_issues(X509_get0_pubkey(issuer))) {
            return stir_fail(err, STIR_E_CERT_UNTRUSTED, "%s: the key is not on P-256 or P-384",
                             stir_x509_subject(issuer).text);
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
    if (at) {
        X509_STORE_CTX_set_time(ctx, 0, (time_t)(*at < 0 ? 0 : *at > YEAR_9999 ? YEAR_9999 : *at));
    } else {
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
    }
    X509_STORE_CTX_set_verify_cb(ctx, on_verify);
    if (X509_verify_cert(ctx) != 1) {
        code = verify_fail(ctx, err);
        goto out;
    }
    code = algorithms_check(X509_STORE_CTX_get0_chain(ctx), err);
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
        return stir_fail(err, STIR_E_CERT, "%s: a CA certificate, which does not sign PASSporTs",
                         stir_x509_subject(leaf).text);
    }
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE)) {
        return stir_fail(err, STIR_E_CERT, "%s: the key may not be used for signatures", stir_x509_subject(leaf).text);
    }
    return STIR_OK;
}

/* True if the certificate has its TNAuthList elsewhere (RFC 8226 section 10.1). */
static bool is_by_reference(const X509 *cert)
{
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_ACCESS_DESCRIPTION_num(access); i++) {
        found = stir_oid_is(sk_ACCESS_DESCRIPTION_value(access, i)->method, STIR_OID_TN_LIST);
    }
    AUTHORITY_INFO_ACCESS_free(access);
    ERR_clear_error();
    return found;
}

static enum stir_code covers_check(const struct stir_tnauth *list, X509 *parent, const struct stir_tnauth *below,
                                   X509 *child, struct stir_error *err)
{
    if (stir_tnauth_covers(list, below)) {
        return STIR_OK;
    }
    return stir_fail(err, STIR_E_CERT_SCOPE, "the TNAuthList of %s does not cover that of %s",
                     stir_x509_subject(parent).text, stir_x509_subject(child).text);
}

static enum stir_code link_check(X509 *parent, X509 *child, struct stir_error *err)
{
    if (X509_get0_authority_key_id(child) && X509_get0_subject_key_id(parent)) {
        return STIR_OK; /* OpenSSL's builder has compared them */
    }
    return stir_fail(err, STIR_E_CERT, "%s: a delegate certificate without its parent's key identifier",
                     stir_x509_subject(child).text);
}

enum stir_code stir_path_check_scope(STACK_OF(X509) * path, const struct stir_tnauth *tnauth, struct stir_error *err)
{
    struct stir_tnauth held = {0};
    const struct stir_tnauth *below = tnauth;
    int child = 0;
    enum stir_code code = STIR_OK;
    for (int i = 1; code == STIR_OK && i < sk_X509_num(path); i++) {
        X509 *parent = sk_X509_value(path, i);
        struct stir_tnauth list = {0};
        code = stir_tnauth_of(&list, parent, err);
        if (code == STIR_E_NOT_FOUND) {
            code = is_by_reference(parent) ? stir_fail(err, STIR_E_CERT_SCOPE, "%s: a TNAuthList by reference",
                                                       stir_x509_subject(parent).text)
                                           : STIR_OK;
            continue;
        }
        if (code != STIR_OK) {
            (void)stir_fail_prefix(err, code, "%s", stir_x509_subject(parent).text);
            break;
        }
        code = covers_check(&list, parent, below, sk_X509_value(path, child), err);
        if (code == STIR_OK && child == i - 1) {
            code = link_check(parent, sk_X509_value(path, child), err);
        }
        stir_tnauth_clear(&held);
        held = list;
        below = &held;
        child = i;
    }
    stir_tnauth_clear(&held);
    return code;
}
