#include "cps/peer.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define REMEMBER_GOOD_S 60
#define REMEMBER_BAD_S 5

void cpsd_peer_clear(struct cpsd_peer *peer)
{
    stir_chain_unref(peer->chain);
    *peer = (struct cpsd_peer){0};
}

void cpsd_peer_refuse(struct cpsd_peer *peer, const char *reason)
{
    cpsd_peer_clear(peer);
    (void)stir_fail(&peer->refused, STIR_E_CERT, "%s", reason);
}

/* Cuts the first certificate off; false if there is none. */
static bool next_certificate(const unsigned char **p, const unsigned char *end, struct stir_view *cert)
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

static enum stir_code read_chain(struct stir_chain **out, const unsigned char *der, size_t n, struct stir_error *err)
{
    struct stir_view certs[STIR_CHAIN_MAX];
    const unsigned char *p = der, *end = der + n;
    size_t count = 0;
    while (p < end) {
        if (count == STIR_CHAIN_MAX) {
            return stir_fail(err, STIR_E_CERT, "more than %d certificates", STIR_CHAIN_MAX);
        }
        if (!next_certificate(&p, end, &certs[count++])) {
            return stir_fail(err, STIR_E_CERT, "not a certificate");
        }
    }
    return stir_chain_from_der(out, certs, count, err);
}

/* An extendedKeyUsage, where there is one, has to allow for clients. */
static bool is_for_clients(X509 *cert)
{
    return X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT || X509_get_extended_key_usage(cert) & XKU_ANYEKU;
}

void cpsd_peer_read(struct cpsd_peer *peer, const void *der, size_t n)
{
    struct stir_error err = {0};
    cpsd_peer_clear(peer);
    enum stir_code code = read_chain(&peer->chain, der, n, &err);
    if (code == STIR_OK && !is_for_clients(peer->chain->certs[0])) {
        code = stir_fail(&err, STIR_E_CERT, "its extendedKeyUsage is not for TLS clients");
    }
    if (code != STIR_OK) {
        cpsd_peer_clear(peer);
        peer->refused = err;
        (void)stir_fail_prefix(&peer->refused, STIR_E_CERT, "the client certificate");
    }
}

enum stir_code cpsd_peer_judge(struct cpsd_peer *peer, const struct cpsd_trusted *trusted, int64_t now,
                               struct cpsd_caller *caller, struct stir_error *err)
{
    uint64_t generation = trusted ? trusted->generation : 0;
    bool known = peer->generation == generation && generation && now < peer->judged_until;
    if (peer->chain && !known) {
        struct stir_error reason = {0};
        enum stir_code code = cpsd_trusted_verify(trusted, peer->chain, now, &reason);
        if (code == STIR_OK) {
            reason = (struct stir_error){0}; /* what was only looked for may have left a text */
        } else {
            (void)stir_fail_prefix(&reason, code, "the client certificate");
        }
        peer->refused = reason;
        peer->generation = generation;
        peer->judged_until = now + (code == STIR_OK ? REMEMBER_GOOD_S : REMEMBER_BAD_S);
    }
    if (peer->refused.code != STIR_OK || !peer->chain) {
        if (err) {
            *err = peer->refused;
        }
        return peer->refused.code != STIR_OK ? peer->refused.code : STIR_E_CERT;
    }
    cpsd_caller_set(caller, CPSD_TLS, peer->chain, NULL);
    return STIR_OK;
}
