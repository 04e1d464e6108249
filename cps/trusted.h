#pragma once

#include "common/numtable.h"
#include "common/trust.h"
#include "cps/config.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * What credentials are judged by: the STI roots with their revocation lists, and the number table. Built and checked as
 * a whole in the main thread, then immutable; every worker holds a reference to the current one (service->trusted) and
 * gets the next one by its command, so a request sees one of them from its first to its last check.
 */
struct cpsd_trusted {
    struct stir_trust *trust;      /* NULL: no roots are configured, so no credential is accepted */
    struct stir_numtable *numbers; /* NULL: no table is configured, so an SPC holds no number */
    uint64_t generation;           /* of this process, from 1 up: verdicts on chains are remembered under it */
    _Atomic unsigned refs;
};

/* A revocation list as it was fetched. */
struct cpsd_crl_text {
    const char *url; /* for error texts */
    struct stir_view octets;
};

/*
 * Reads what [trust] and [numbers] table name, with `fetched` lists (may be NULL) in addition to crl_files; with
 * numbers (may be NULL) that table is shared instead of read. STIR_E_IO, STIR_E_CONFIG, STIR_E_CERT,
 * STIR_E_CERT_UNTRUSTED, STIR_E_CRL, STIR_E_TOO_BIG, STIR_E_NOMEM; err names the file. *out holds one reference. Main
 * thread only.
 */
enum stir_code cpsd_trusted_load(struct cpsd_trusted **out, const struct cpsd_config *config,
                                 const struct cpsd_crl_text *fetched, size_t fetched_count,
                                 struct stir_numtable *numbers, struct stir_error *err) STIR_MUST_CHECK;

struct cpsd_trusted *cpsd_trusted_ref(struct cpsd_trusted *trusted); /* any thread; NULL is fine */
void cpsd_trusted_unref(struct cpsd_trusted *trusted);               /* any thread; NULL is fine */

/* The chain leads to the roots now, is not revoked, and may speak for what it says. STIR_E_CERT_UNTRUSTED without
 * roots; else as stir_trust_verify. Thread-safe. trusted may be NULL. */
enum stir_code cpsd_trusted_verify(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                   struct stir_error *err) STIR_MUST_CHECK;
