#pragma once

#include "client/sidecar/policy/config.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/log.h"

#include <uv.h>

/* The gateway: listeners, connections, signals, on one loop. */
struct gw_gateway;

/*
 * Makes the filter that decides about messages where [submit] or [deliver] does more than pass. *out is filled on
 * success only; its close() is called once at the end, after which the loop runs until its handles are closed. config
 * is valid until reload() has brought another one.
 */
typedef enum stir_code gw_filter_maker(struct gw_filter *out, const struct gw_config *config, uv_loop_t *loop,
                                       const struct stir_log *log, struct stir_error *err);

/* What runs: config is taken over; path and overrides are read again on SIGHUP; make may be NULL if every action is
 * `pass`. Returns after SIGTERM or SIGINT, or if it cannot start. */
enum stir_code gw_gateway_run(struct gw_config *config, const char *path, const struct stir_conf_overrides *overrides,
                              gw_filter_maker *make, struct stir_error *err) STIR_MUST_CHECK;

/* Checks what can be checked without running: addresses, networks, certificates. config is taken over. */
void gw_gateway_check(struct gw_config *config, struct stir_faults *faults);
