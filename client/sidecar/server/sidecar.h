#pragma once

#include "client/sidecar/policy/config.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/log.h"

#include <uv.h>

/* The sidecar: listeners, connections, signals, on one loop. */
struct sc_sidecar;

/*
 * Makes the filter that decides about messages where [submit] or [deliver] does more than pass. *out is filled on
 * success only; its close() is called once at the end, after which the loop runs until its handles are closed. config
 * is valid until reload() has brought another one.
 */
typedef enum stir_code sc_filter_maker(struct sc_filter *out, const struct sc_config *config, uv_loop_t *loop,
                                       const struct stir_log *log, struct stir_error *err);

/* What runs: config is taken over; path and overrides are read again on SIGHUP; make may be NULL if every action is
 * `pass`. Returns after SIGTERM or SIGINT, or if it cannot start. */
enum stir_code sc_sidecar_run(struct sc_config *config, const char *path, const struct stir_conf_overrides *overrides,
                              sc_filter_maker *make, struct stir_error *err) STIR_MUST_CHECK;

/* Checks what can be checked without running: addresses, networks, certificates. config is taken over. */
void sc_sidecar_check(struct sc_config *config, struct stir_faults *faults);
