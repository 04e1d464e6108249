/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The state of the lists that trust depends on, revocation lists and lists of roots. The main thread writes it, the
 * workers read it for /metrics and /ready. Thread-safe.
 */
struct cpsd_trust_status;

#define CPSD_TRUST_STATUS_NAME 256

struct cpsd_trust_status_entry {
    const char *kind; /* "crl" or "roots"; a string literal */
    char name[CPSD_TRUST_STATUS_NAME];
    bool in_force;     /* a good one is in use */
    int64_t good_at;   /* when a good one was last read or fetched, seconds since the epoch; 0: never */
    int64_t exp;       /* of the list in force; 0: not known */
    uint64_t failures; /* attempts to read or fetch it that failed */
};

struct cpsd_trust_status *cpsd_trust_status_new(void);         /* NULL: out of memory */
void cpsd_trust_status_free(struct cpsd_trust_status *status); /* NULL is fine */

/* Replaces the entries by copies of these. If memory runs out, the previous ones stay. */
void cpsd_trust_status_put(struct cpsd_trust_status *status, const struct cpsd_trust_status_entry *entries,
                           size_t count);

/* Appends the metrics. status may be NULL. */
void cpsd_trust_status_render(struct stir_buf *out, struct cpsd_trust_status *status);

/* Appends a sentence for each list that was never loaded, or has expired at `now`; nothing if all lists are current.
 * status may be NULL. */
void cpsd_trust_status_advise(struct stir_buf *out, struct cpsd_trust_status *status, int64_t now);
