/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <uv.h>

/* GET /metrics (Prometheus text), /health and /ready over HTTP/1.1, for local use: one request per connection. */
struct sc_sidecar;
struct sc_admin;

/* Listens on an address ("127.0.0.1:8082"). STIR_E_CONFIG, STIR_E_IO, STIR_E_NOMEM. */
enum stir_code sc_admin_open(struct sc_admin **out, struct sc_sidecar *sidecar, const char *address,
                             struct stir_error *err) STIR_MUST_CHECK;

/* Closes it; the loop frees its memory when its handles are closed. admin may be NULL. */
void sc_admin_close(struct sc_admin *admin);

/* Writes the address on which a socket listens, as text with port. */
#define SC_PLACE_MAX 80
void sc_place_text(char out[SC_PLACE_MAX], const uv_tcp_t *tcp);
