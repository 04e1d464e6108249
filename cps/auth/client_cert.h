#pragma once

#include "cps/auth/trusted.h"
#include "cps/base/caller.h"

/*
 * The certificate that a client showed, in its TLS handshake with this server or with the edge in front of it: whose
 * key it holds is known by then, what that is worth is judged here. A judgement is remembered for a while, under the
 * trust that it was made with. Used on one loop.
 */
struct cpsd_client_cert {
    struct stir_chain *chain;  /* NULL: none, or not one that could be read */
    struct stir_error refused; /* code STIR_OK: it is good */
    uint64_t generation;       /* of the trust that it was judged by; 0: not yet */
    int64_t judged_until;      /* seconds since the epoch */
};

/* Reads certificates, DER, one behind the other, leaf first. What cannot be used as a client's STI certificate is
 * remembered as the reason for refusing it. Clears what was there. */
void cpsd_client_cert_read(struct cpsd_client_cert *shown, const void *der, size_t n);

/* As cpsd_client_cert_read for what came as something else than certificates: it is refused with this reason. */
void cpsd_client_cert_refuse(struct cpsd_client_cert *shown, const char *reason);

/* A certificate, or what should be one, was read. */
static inline bool cpsd_client_cert_is_there(const struct cpsd_client_cert *shown)
{
    return shown->chain || shown->refused.code != STIR_OK;
}

void cpsd_client_cert_clear(struct cpsd_client_cert *shown);

/* True if the certificate was judged good with this trust and the verdict still holds: cpsd_client_cert_judge costs
 * nothing then. trusted may be NULL. */
bool cpsd_client_cert_is_good(const struct cpsd_client_cert *shown, const struct cpsd_trusted *trusted, int64_t now);

/* Makes the caller CPSD_TLS if the certificate is good now (seconds since the epoch). If its TNAuthList is elsewhere,
 * the caller speaks for nobody until cpsd_authenticate has fetched it. Else STIR_E_CERT, STIR_E_CERT_UNTRUSTED,
 * STIR_E_CERT_TIME, STIR_E_CERT_REVOKED, STIR_E_CERT_SCOPE, STIR_E_CRL, and the caller stays as it is. trusted may be
 * NULL: nothing is good then. */
enum stir_code cpsd_client_cert_judge(struct cpsd_client_cert *shown, const struct cpsd_trusted *trusted, int64_t now,
                                      struct cpsd_caller *caller, struct stir_error *err) STIR_MUST_CHECK;
