#pragma once

#include "client/sidecar/policy/config.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/log.h"

#include <uv.h>

/*
 * The filter that signs and verifies: it publishes a PASSporT for each message in a direction whose action is `sign`,
 * and looks for that of each message in a direction whose action is `verify`, joining segments, by the configuration.
 * All of its functions are called on the loop's thread and never block; signing and encrypting happen on libuv's
 * threads, the network and what comes from it on libcps's.
 */

/*
 * Reads tenants and keys and opens libcps as the configuration says, which is not needed afterwards (a
 * sc_filter_maker). loop and log outlive the filter; it frees itself when it was closed. STIR_E_CONFIG and STIR_E_IO
 * name the key or the file; STIR_E_NOMEM, STIR_E_CRYPTO. *out is untouched on failure.
 */
enum stir_code sc_filter_make(struct sc_filter *out, const struct sc_config *config, uv_loop_t *loop,
                              const struct stir_log *log, struct stir_error *err) STIR_MUST_CHECK;

/* Records every reason why a filter could not be made with this configuration or would not work as it is to: no file
 * is made, and nothing is connected unless `online` is set: then the hosts of tenants' certificates and the CPS are
 * asked. */
void sc_filter_check(const struct sc_config *config, bool online, struct stir_faults *faults);
