/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/base/config.h"

/*
 * The process: listeners, workers, signals. What a request does is in cps/api, behind cps/http/request.h.
 */

/*
 * Runs until SIGTERM or SIGINT: opens the listeners, starts the workers, and reloads configuration and certificates on
 * SIGHUP. Takes `config` over and clears it. `path` (may be NULL) and `overrides` are read again on a reload. Returns
 * STIR_E_CONFIG, STIR_E_IO, STIR_E_KEY, STIR_E_CERT or STIR_E_NOMEM if it cannot start; err says why.
 */
enum stir_code cpsd_server_run(struct cpsd_config *config, const char *path,
                               const struct stir_conf_overrides *overrides, struct stir_error *err) STIR_MUST_CHECK;

/* Checks everything that a configuration names and records each fault: whether certificate and key fit, addresses and
 * the store's URL are valid, roots, lists and tables can be used, files can be written, and keys are private. */
void cpsd_server_check(const struct cpsd_config *config, struct stir_faults *faults);
