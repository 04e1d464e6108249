/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/api/dummy.h"
#include "cps/auth/auth_rules.h"
#include "cps/auth/crls.h"
#include "cps/auth/root_lists.h"
#include "cps/net/peers.h"
#include "cps/server/tls.h"
#include "cps/store/store.h"

#include <stdatomic.h>

/*
 * A configuration and everything that was made from it. A reload replaces it whole. The main thread makes it, each
 * worker holds a reference, and the last one to let go frees it. Immutable once the workers have it.
 */
struct cpsd_setup {
    struct cpsd_config config;
    struct cpsd_credential *credential;  /* NULL without a TLS listener */
    struct stir_trust_files trust_files; /* as they were read with this configuration */
    struct cpsd_trusted *trusted;
    struct cpsd_trusted *trusted_first; /* used until the main thread sends another; NULL: trusted */
    struct cpsd_auth_rules *auth;
    struct cpsd_peers *peers; /* NULL if none are configured */
    uint8_t dummy_secret[CPSD_DUMMY_SECRET];
    _Atomic unsigned refs;
};

/*
 * Makes a setup from a configuration, which it takes over and clears, also when it fails. Reads the files that the
 * configuration names. `root_lists` and `crls` (NULL at start) give the lists that were fetched already. Roots that
 * cannot be used are logged to `log`. STIR_E_CONFIG, STIR_E_IO, STIR_E_CERT, STIR_E_KEY and what cpsd_trusted_load
 * returns; err names the key of the configuration. *out holds one reference; dummy_secret is left zeroed.
 */
enum stir_code cpsd_setup_new(struct cpsd_setup **out, struct cpsd_config *config,
                              const struct cpsd_root_lists *root_lists, const struct cpsd_crls *crls,
                              const struct stir_log *log, struct stir_error *err) STIR_MUST_CHECK;
struct cpsd_setup *cpsd_setup_ref(struct cpsd_setup *setup); /* any thread */
void cpsd_setup_unref(struct cpsd_setup *setup);             /* any thread; NULL is fine */

/* Sets a log's level, format and rate limit as the configuration says. */
void cpsd_log_setup(struct stir_log *log, const struct cpsd_config *config);

/* Logs each key of the configuration that has no effect any more or has another name now. */
void cpsd_warn_of_outdated(struct stir_log *log, const struct cpsd_config *config);

/* Returns what the store needs to know of the configuration, which must outlive it. log may be NULL. */
struct cpsd_store_config cpsd_store_config(const struct cpsd_config *config, struct stir_log *log);

/* Tells of a root certificate that is skipped; for struct stir_trust_warn, with a struct stir_log as `arg`. */
void cpsd_warn_of_root(void *arg, const char *text);
