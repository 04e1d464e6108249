/* SPDX-License-Identifier: MIT */
#include "cps/auth/client_cert.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define REMEMBER_GOOD_S 60 /* a good verdict */
#define REMEMBER_BAD_S 5   /* a bad one */

void cpsd_client_cert_clear(struct cpsd_client_cert *shown)
{
    stir_chain_unref(shown->chain);
    *shown = (struct cpsd_client_cert){0};
}

void cpsd_client_cert_refuse(struct cpsd_client_cert *shown, const char *reason)
{
    cpsd_client_cert_clear(shown);
    (void)stir_fail(&shown->refused, STIR_E_CERT, "%s", reason);
}

/* Cuts the first certificate off [*p, end). Returns false if there is none. */
static bool client_cert_next(const unsigned char **p, const unsigned char *end, struct stir_view *cert)
{
    const unsigned char *at = *p;
    long len = 0;
    int tag = 0, class = 0;
    int how = ASN1_get_object(&at, &len, &tag, &class, end - *p);
    if ((how & 0x80) || how & 1 || tag != V_ASN1_SEQUENCE || class != V_ASN1_UNIVERSAL) {
        ERR_clear_error();
        return false;
    }
    *cert = stir_view((const char *)*p, (size_t)(at - *p) + (size_t)len);
    *p = at + len;
    return true;
}

static enum stir_code client_cert_read_chain(struct stir_chain **out, const unsigned char *der, size_t n,
                                             struct stir_error *err)
{
    struct stir_view certs[STIR_CHAIN_MAX];
    const unsigned char *p = der, *end = der + n;
    size_t count = 0;
    while (p < end) {
        if (count == STIR_CHAIN_MAX) {
            return stir_fail(err, STIR_E_CERT, "more than %d certificates", STIR_CHAIN_MAX);
        }
        if (!client_cert_next(&p, end, &certs[count++])) {
            return stir_fail(err, STIR_E_CERT, "not a certificate");
        }
    }
    enum stir_code code = stir_chain_from_der(out, certs, count, err);
    if (code == STIR_OK) {
        (*out)->from = STIR_CHAIN_FILE;
    }
    return code;
}

/* Returns true if the certificate may be used by TLS clients: RFC 5280 4.2.1.12, an extendedKeyUsage must say so. */
static bool client_cert_is_for_clients(X509 *cert)
{
    return X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT || X509_get_extended_key_usage(cert) & XKU_ANYEKU;
}

void cpsd_client_cert_read(struct cpsd_client_cert *shown, const void *der, size_t n)
{
    struct stir_error err = {0};
    cpsd_client_cert_clear(shown);
    enum stir_code code = client_cert_read_chain(&shown->chain, der, n, &err);
    if (code == STIR_OK && !client_cert_is_for_clients(shown->chain->certs[0])) {
        code =
            stir_fail(&err, STIR_E_CERT, "its extendedKeyUsage does not allow TLS clients (RFC 5280 section 4.2.1.12)");
    }
    if (code != STIR_OK) {
        cpsd_client_cert_clear(shown);
        shown->refused = err;
        (void)stir_fail_prefix(&shown->refused, STIR_E_CERT, "the client certificate");
    }
}

/* Returns true if there is a verdict by this trust that is not too old. */
static bool client_cert_is_judged(const struct cpsd_client_cert *shown, const struct cpsd_trusted *trusted, int64_t now)
{
    return trusted && shown->generation && shown->generation == trusted->generation && now < shown->judged_until;
}

bool cpsd_client_cert_is_good(const struct cpsd_client_cert *shown, const struct cpsd_trusted *trusted, int64_t now)
{
    return shown->chain && shown->refused.code == STIR_OK && client_cert_is_judged(shown, trusted, now);
}

enum stir_code cpsd_client_cert_judge(struct cpsd_client_cert *shown, const struct cpsd_trusted *trusted, int64_t now,
                                      struct cpsd_caller *caller, struct stir_error *err)
{
    /* judged again once the trust has changed, and after a while */
    if (shown->chain && !client_cert_is_judged(shown, trusted, now)) {
        struct stir_error reason = {0};
        enum stir_code code = cpsd_trusted_verify(trusted, shown->chain, now, &reason);
        if (code == STIR_OK) {
            reason = (struct stir_error){0}; /* steps that may fail have perhaps left a text */
        } else {
            (void)stir_fail_prefix(&reason, code, "the client certificate");
        }
        shown->refused = reason;
        shown->generation = trusted ? trusted->generation : 0;
        shown->judged_until = now + (code == STIR_OK ? REMEMBER_GOOD_S : REMEMBER_BAD_S);
    }
    if (shown->refused.code != STIR_OK || !shown->chain) {
        if (err) {
            *err = shown->refused;
        }
        return shown->refused.code != STIR_OK ? shown->refused.code : STIR_E_CERT;
    }
    cpsd_caller_set(caller, CPSD_TLS, shown->chain, NULL);
    return STIR_OK;
}
