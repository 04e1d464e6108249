#pragma once

#include "common/cert/cert.h"
#include "common/number/numtable.h"

#include <netinet/in.h>
#include <stdbool.h>

/*
 * Who asks: one value, whatever way of authenticating produced it. The policy (cps/base/policy.h) looks at nothing
 * else.
 */
enum cpsd_caller_kind {
    CPSD_ANYBODY, /* showed no credential */
    CPSD_LOCAL,   /* came in through the admin listener */
    CPSD_TOKEN,   /* a bearer token, verified */
    CPSD_TLS,     /* a client certificate, verified: in the TLS handshake, or passed on by the edge */
};

struct cpsd_caller {
    enum cpsd_caller_kind kind;
    struct in6_addr address;    /* IPv4 mapped; all zero on a unix socket without an edge's word */
    struct stir_chain *chain;   /* verified; its tnauth is the authority; one reference; NULL for the first two kinds */
    char spc[STIR_SPC_MAX + 1]; /* acts as this provider, upper case; "" if its certificate names none */
};

/* Drops the reference; the caller is CPSD_ANYBODY afterwards, from the same address. */
void cpsd_caller_clear(struct cpsd_caller *caller);

/* Copies, with a reference of its own. `to` held nothing. */
void cpsd_caller_copy(struct cpsd_caller *to, const struct cpsd_caller *from);

/* Makes it one that was authenticated: takes a reference of its own to the chain, which is verified. spc NULL: the
 * first that the chain's TNAuthList names, if it names one. What it was before is dropped, but for its address. */
void cpsd_caller_set(struct cpsd_caller *caller, enum cpsd_caller_kind kind, struct stir_chain *chain, const char *spc);

/* By token or by certificate. */
static inline bool cpsd_caller_authenticated(const struct cpsd_caller *caller)
{
    return caller->kind == CPSD_TOKEN || caller->kind == CPSD_TLS;
}

/*
 * The caller may speak for a destination:
 * - a TN, if it is among the numbers and ranges of the caller's TNAuthList, or if the number table gives it to one of
 *   the SPCs there. Without a table (NULL) an SPC holds no number;
 * - "spc:CODE", the provider itself, if the TNAuthList has that SPC;
 * - another URI, if the caller's certificate has it, or its host, as subjectAltName (RFC 8224 section 5).
 */
bool cpsd_caller_holds(const struct cpsd_caller *caller, const struct stir_identity *dest,
                       const struct stir_numtable *table);
