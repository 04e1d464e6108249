/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "common/net/listen_address.h"

/* "host:port", "192.0.2.1:2775", "[2001:db8::1]:2775". */
struct sc_endpoint {
    char host[256]; /* without brackets */
    char port[6];
};

/* Reads an endpoint. Port 0 is allowed. `key` names the setting in the error. STIR_E_CONFIG. */
enum stir_code sc_endpoint_read(struct sc_endpoint *out, const char *key, const char *text,
                                struct stir_error *err) STIR_MUST_CHECK;

/* Finds the TCP addresses to listen on for `text` (common/net/listen_address.h). `key` names the setting in the error.
 * STIR_E_CONFIG. */
enum stir_code sc_listen_find(struct stir_listen_addresses *out, const char *key, const char *text,
                              struct stir_error *err) STIR_MUST_CHECK;
