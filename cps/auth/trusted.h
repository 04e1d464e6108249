#pragma once

#include "common/cert/trust_load.h"
#include "common/number/numtable.h"
#include "cps/base/config.h"

#include <stdatomic.h>
#include <stdint.h>

#define CPSD_CRL_FILES_MAX 64
#define CPSD_CRL_URLS_MAX 16
#define CPSD_CRLS_MAX (CPSD_CRL_FILES_MAX + CPSD_CRL_URLS_MAX)
#define CPSD_ROOT_LISTS_MAX 16 /* of list_files and list_urls together */

/*
 * What credentials are judged by: the STI roots with their revocation lists, and the number table. Built and checked as
 * a whole in the main thread, then immutable; every worker holds a reference to the current one (service->trusted) and
 * gets the next one by its command, so a request sees one of them from its first to its last check.
 */
struct cpsd_trusted {
    struct stir_trust *trust;      /* NULL: no roots are configured, so no credential is accepted */
    struct stir_numtable *numbers; /* NULL: no table is configured, so an SPC holds no number */
    bool lists_missing;            /* a configured list of roots is not in force: who leads to no root may be good */
    uint64_t generation;           /* of this process, from 1 up: verdicts on chains are remembered under it */
    _Atomic unsigned refs;
};

/*
 * Builds what [trust] and [numbers] table name. files: what stir_trust_files_read read for this configuration.
 * root_lists, crls: lists that were read already. read_crl_files: also read those of [trust] crl_files. With numbers
 * (may be NULL) that table is shared instead of read. warn is told of roots that are skipped. STIR_E_IO, STIR_E_CONFIG,
 * STIR_E_CERT, STIR_E_CERT_UNTRUSTED, STIR_E_CRL, STIR_E_TOO_BIG, STIR_E_NOMEM; err names the file. *out holds one
 * reference. Main thread only.
 */
struct cpsd_trusted_spec {
    const struct cpsd_config *config;
    const struct stir_trust_files *files;
    const struct stir_trust_text *root_lists; /* PEM, in addition to [trust] roots */
    size_t root_list_count;
    const struct stir_trust_text *crls;
    size_t crl_count;
    bool read_crl_files;
    struct stir_numtable *numbers;
    const struct stir_trust_warn *warn;
};
enum stir_code cpsd_trusted_load(struct cpsd_trusted **out, const struct cpsd_trusted_spec *spec,
                                 struct stir_error *err) STIR_MUST_CHECK;

/* Reads the files of certificates that [trust] names, for cpsd_trusted_load. */
enum stir_code cpsd_trusted_files(struct stir_trust_files *out, const struct cpsd_config *config,
                                  struct stir_error *err) STIR_MUST_CHECK;

struct cpsd_trusted *cpsd_trusted_ref(struct cpsd_trusted *trusted); /* any thread; NULL is fine */
void cpsd_trusted_unref(struct cpsd_trusted *trusted);               /* any thread; NULL is fine */

/* The chain leads to the roots now, is not revoked, and may speak for what it says. STIR_E_CERT_UNTRUSTED without
 * roots, or STIR_E_UNAVAILABLE instead while a list of roots is missing; STIR_E_CERT without a TNAuthList, by value or
 * by reference, as every caller here acts for numbers or as a provider; else as stir_trust_verify. Thread-safe. trusted
 * may be NULL. */
enum stir_code cpsd_trusted_verify(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* As cpsd_trusted_verify, for who fetches TNAuthLists: *used as stir_trust_verify_path fills it; NULL:
 * nothing will be fetched. */
enum stir_code cpsd_trusted_verify_path(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                        struct stir_chain_used *used, struct stir_error *err) STIR_MUST_CHECK;
