#pragma once

#include "cps/base/config.h"

/*
 * The process: listeners, workers, signals. Everything below it is told what to do through cps/http/request.h.
 */

/*
 * Runs until SIGTERM or SIGINT: opens the listeners, starts the workers, reads configuration and certificates again on
 * SIGHUP. `config` is taken over and cleared. `path` (may be NULL) and `overrides` are read again then. Writes to the
 * log what an operator has to know. STIR_E_CONFIG, STIR_E_IO, STIR_E_KEY, STIR_E_CERT, STIR_E_NOMEM if it could not
 * start.
 */
enum stir_code cpsd_server_run(struct cpsd_config *config, const char *path,
                               const struct stir_conf_overrides *overrides, struct stir_error *err) STIR_MUST_CHECK;

/* Checks what a configuration names, and records every fault: certificate and key fit, addresses and the store's URL
 * are understood, roots, lists and tables can be used, files can be written, keys are not open to everybody. */
void cpsd_server_check(const struct cpsd_config *config, struct stir_faults *faults);
