/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/policy/config.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/log.h"

#include <uv.h>

/*
 * The filter that signs and verifies. In a direction whose action is `sign` it publishes a PASSporT for each message;
 * in a direction whose action is `verify` it looks for the PASSporT of each message. It joins segments as the
 * configuration says. All of its functions are called on the loop's thread and never block: signing and encrypting
 * happen on threads of libuv, network requests on threads of libcps.
 */

/*
 * Makes the filter (a sc_filter_maker): loads tenants and keys and opens libcps as the configuration says. config is
 * not needed afterwards; loop and log outlive the filter, which frees itself after close(). STIR_E_CONFIG and STIR_E_IO
 * name the key or the file; STIR_E_NOMEM, STIR_E_CRYPTO. *out is unchanged on failure.
 */
enum stir_code sc_filter_make(struct sc_filter *out, const struct sc_config *config, uv_loop_t *loop,
                              const struct stir_log *log, struct stir_error *err) STIR_MUST_CHECK;

/* Adds a fault for every reason why a filter could not be made with this configuration or would not work. Creates no
 * file. Connects only if `online` is set: then the hosts of the tenants' certificates and the CPS are asked. */
void sc_filter_check(const struct sc_config *config, bool online, struct stir_faults *faults);
