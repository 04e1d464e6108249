#pragma once

#include "common/base/buf.h"

#include <stdatomic.h>
#include <stdint.h>

/* What every daemon tells Prometheus about itself. Times are seconds since the epoch. Thread-safe once begun. */
struct stir_reloads {
    int64_t started;
    atomic_llong last;      /* when the configuration was last read, or tried to be */
    atomic_llong last_good; /* when that last succeeded */
    atomic_bool failed;     /* the last attempt changed nothing */
};

/* To be called once the program runs with the configuration of its start. */
void stir_reloads_begin(struct stir_reloads *reloads);

/* Records that the configuration was read again, or could not be. */
void stir_reloads_note(struct stir_reloads *reloads, bool good);

/* A certificate that the daemon itself shows or signs with. */
struct stir_certificate_end {
    const char *use; /* a string literal */
    int64_t end;     /* when it ends, seconds since the epoch; 0: no certificate */
};

/* Appends PREFIX_certificate_expires_timestamp_seconds for those that there are. */
void stir_certificate_metrics(struct stir_buf *out, const char *prefix, const struct stir_certificate_end *ends,
                              size_t count);

/* Appends PREFIX_build_info, PREFIX_reload_* and the process_* metrics that Prometheus client libraries have. What the
 * system does not tell is left at 0. */
void stir_process_metrics(struct stir_buf *out, const char *prefix, const struct stir_reloads *reloads);
