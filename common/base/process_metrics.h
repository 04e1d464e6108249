/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <stdatomic.h>
#include <stdint.h>

/* Metrics that every daemon gives Prometheus about itself. Times are seconds since the epoch. Thread-safe once
 * begun. */
struct stir_reloads {
    int64_t started;
    atomic_llong last;      /* when the configuration was last read, successfully or not */
    atomic_llong last_good; /* when it was last read successfully */
    atomic_bool failed;     /* the last attempt changed nothing */
};

/* Call this once the program runs with its first configuration. */
void stir_reloads_begin(struct stir_reloads *reloads);

/* Records that the configuration was read again, or that reading it failed. */
void stir_reloads_note(struct stir_reloads *reloads, bool good);

/* A certificate that the daemon shows to clients or signs with. */
struct stir_certificate_end {
    const char *use; /* a string literal */
    int64_t end;     /* when it ends, seconds since the epoch; 0: no certificate */
};

/* Appends PREFIX_certificate_expires_timestamp_seconds for those that there are. */
void stir_certificate_metrics(struct stir_buf *out, const char *prefix, const struct stir_certificate_end *ends,
                              size_t count);

/* Appends PREFIX_build_info, PREFIX_reload_* and the process_* metrics of Prometheus client libraries. A figure that
 * the system does not give is 0. */
void stir_process_metrics(struct stir_buf *out, const char *prefix, const struct stir_reloads *reloads);
