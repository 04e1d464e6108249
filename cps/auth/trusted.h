/* SPDX-License-Identifier: MIT */
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
 * What credentials are verified with: the STI roots with their revocation lists, and the number table. The main thread
 * builds and checks it as a whole; then it is immutable. Each worker holds a reference to the current one
 * (service->trusted) and gets the next one by a command, so a request sees the same one from its first check to its
 * last.
 */
struct cpsd_trusted {
    struct stir_trust *trust;      /* NULL: no roots are configured, so no credential is accepted */
    struct stir_numtable *numbers; /* NULL: no table is configured, so an SPC holds no number */
    bool lists_missing;  /* a configured list of roots is not in force: a chain that leads to no root may be good */
    uint64_t generation; /* unique in this process, from 1 up: verdicts on chains are remembered with it */
    _Atomic unsigned refs;
};

/*
 * Builds what [trust] and [numbers] table name. files: as stir_trust_files_read read them for this configuration.
 * root_lists, crls: lists that were read already. read_crl_files: read those of [trust] crl_files as well. numbers: the
 * table to share; NULL: it is read. warn is called for roots that are skipped. STIR_E_IO, STIR_E_CONFIG,
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

/* Reads the certificate files that [trust] names, for cpsd_trusted_load. */
enum stir_code cpsd_trusted_files(struct stir_trust_files *out, const struct cpsd_config *config,
                                  struct stir_error *err) STIR_MUST_CHECK;

struct cpsd_trusted *cpsd_trusted_ref(struct cpsd_trusted *trusted); /* any thread; NULL is fine */
void cpsd_trusted_unref(struct cpsd_trusted *trusted);               /* any thread; NULL is fine */

/* Verifies that the chain leads to the roots at `at` (seconds since the epoch), is not revoked, and is within its
 * scope. STIR_E_CERT_UNTRUSTED without roots, or STIR_E_UNAVAILABLE instead while a list of roots is missing;
 * STIR_E_CERT without a TNAuthList, by value or by reference, as every caller here acts for numbers or as a provider;
 * else as stir_trust_verify. Thread-safe. trusted may be NULL. */
enum stir_code cpsd_trusted_verify(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                   struct stir_error *err) STIR_MUST_CHECK;

/* As cpsd_trusted_verify, for callers that fetch TNAuthLists: *used is filled in as by stir_trust_verify_path. NULL: no
 * TNAuthList will be fetched. */
enum stir_code cpsd_trusted_verify_path(const struct cpsd_trusted *trusted, const struct stir_chain *chain, int64_t at,
                                        struct stir_chain_used *used, struct stir_error *err) STIR_MUST_CHECK;
