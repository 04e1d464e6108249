/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/policy/config.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/log.h"

#include <uv.h>

/* The program: listeners, connections and signals on one loop. */
struct sc_sidecar;

/*
 * Makes the filter, which decides about messages if the action of [submit] or [deliver] is not `pass`. *out is set on
 * success only. Its close() is called once at the end; then the loop runs until its handles are closed. config is valid
 * until reload() brings a new one.
 */
typedef enum stir_code sc_filter_maker(struct sc_filter *out, const struct sc_config *config, uv_loop_t *loop,
                                       const struct stir_log *log, struct stir_error *err);

/* Runs the sidecar until SIGTERM or SIGINT, or until it cannot start. Takes over config. path and overrides are read
 * again on SIGHUP. make may be NULL if every action is `pass`. */
enum stir_code sc_sidecar_run(struct sc_config *config, const char *path, const struct stir_conf_overrides *overrides,
                              sc_filter_maker *make, struct stir_error *err) STIR_MUST_CHECK;

/* Checks addresses, networks and certificates without running. Takes over config. */
void sc_sidecar_check(struct sc_config *config, struct stir_faults *faults);
