/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/auth/trusted.h"
#include "cps/base/caller.h"

/*
 * The certificate that a client showed in its TLS handshake with this server or with a proxy in front of it. The
 * handshake has proved that the client holds the key; here the certificate is verified. A verdict is remembered for a
 * while, together with the trust by which it was made. Used on one loop.
 */
struct cpsd_client_cert {
    struct stir_chain *chain;  /* NULL: none was shown, or it could not be read */
    struct stir_error refused; /* why it is refused; code STIR_OK: it is not */
    uint64_t generation;       /* of the trust by which it was judged; 0: not judged */
    int64_t judged_until;      /* seconds since the epoch */
};

/* Reads certificates in DER, one after the other, leaf first, in place of what was there. If they cannot be used as a
 * client's STI certificate, the reason is kept in `refused`. */
void cpsd_client_cert_read(struct cpsd_client_cert *shown, const void *der, size_t n);

/* As cpsd_client_cert_read, for input that is no certificate: it is refused for this reason. */
void cpsd_client_cert_refuse(struct cpsd_client_cert *shown, const char *reason);

/* Returns true if a certificate was read, or something that should be one. */
static inline bool cpsd_client_cert_is_there(const struct cpsd_client_cert *shown)
{
    return shown->chain || shown->refused.code != STIR_OK;
}

void cpsd_client_cert_clear(struct cpsd_client_cert *shown);

/* Returns true if the certificate was judged good by this trust and the verdict is still valid: cpsd_client_cert_judge
 * then costs nothing. trusted may be NULL. */
bool cpsd_client_cert_is_good(const struct cpsd_client_cert *shown, const struct cpsd_trusted *trusted, int64_t now);

/* Makes the caller CPSD_TLS if the certificate is good now (seconds since the epoch). If its TNAuthList is at a URL,
 * the caller speaks for nobody until cpsd_authenticate has fetched it. Else STIR_E_CERT, STIR_E_CERT_UNTRUSTED,
 * STIR_E_CERT_TIME, STIR_E_CERT_REVOKED, STIR_E_CERT_SCOPE, STIR_E_CRL, and the caller stays as it is. trusted may be
 * NULL: then no certificate is good. */
enum stir_code cpsd_client_cert_judge(struct cpsd_client_cert *shown, const struct cpsd_trusted *trusted, int64_t now,
                                      struct cpsd_caller *caller, struct stir_error *err) STIR_MUST_CHECK;
