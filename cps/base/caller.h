/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/cert/chain.h"
#include "common/number/numtable.h"

#include <netinet/in.h>
#include <stdbool.h>

/*
 * The caller of a request: one value for all ways to authenticate. The policy (cps/base/policy.h) looks at nothing
 * else.
 */
enum cpsd_caller_kind {
    CPSD_ANYBODY, /* without a credential */
    CPSD_LOCAL,   /* came in through the admin listener */
    CPSD_TOKEN,   /* a bearer token, verified */
    CPSD_TLS,     /* a client certificate, verified: from the TLS handshake, or forwarded by a proxy */
};

struct cpsd_caller {
    enum cpsd_caller_kind kind;
    struct in6_addr address;    /* IPv4 mapped; all zero on a unix socket unless a proxy gives it */
    struct stir_chain *chain;   /* verified; its tnauth is the authority; one reference; NULL for the first two kinds */
    char spc[STIR_SPC_MAX + 1]; /* the provider that it acts for, in upper case; "" if its certificate names none */
};

/* Drops the reference. The caller is CPSD_ANYBODY afterwards, with the same address. */
void cpsd_caller_clear(struct cpsd_caller *caller);

/* Copies a caller, with a reference of its own. `to` must hold no reference. */
void cpsd_caller_copy(struct cpsd_caller *to, const struct cpsd_caller *from);

/* Makes the caller an authenticated one, with a reference of its own to the chain, which must be verified. spc NULL:
 * the first code in the chain's TNAuthList, or "". An earlier chain is dropped; the address stays. */
void cpsd_caller_set(struct cpsd_caller *caller, enum cpsd_caller_kind kind, struct stir_chain *chain, const char *spc);

/* Returns true if the caller was authenticated, by token or by certificate. */
static inline bool cpsd_caller_authenticated(const struct cpsd_caller *caller)
{
    return caller->kind == CPSD_TOKEN || caller->kind == CPSD_TLS;
}

/*
 * Returns true if the caller holds a destination:
 * - a TN, if it is among the numbers and ranges of the caller's TNAuthList, or if the number table gives it to one of
 *   the SPCs there. Without a table (NULL) an SPC holds no number;
 * - "spc:CODE", the provider itself, if the TNAuthList has that SPC;
 * - another URI, if the caller's certificate has it, or its host, as subjectAltName (RFC 8224 section 5).
 */
bool cpsd_caller_holds(const struct cpsd_caller *caller, const struct stir_identity *dest,
                       const struct stir_numtable *table);
