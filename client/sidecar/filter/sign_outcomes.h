/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/filter/filter_metrics.h"
#include "common/base/map.h"

/*
 * Counts the outcomes of messages of a signing direction by tenant, and warns about messages without a PASSporT: at
 * most once per minute for each system_id and reason, with the number of messages. Memory is bounded, whatever
 * system_ids there are. No clock and no I/O: the caller gives the time, in ms of any monotonic clock, and writes the
 * warnings.
 */
enum {
    SC_OUTCOME_TENANTS = 256,  /* further tenants are counted together as "other" */
    SC_OUTCOME_WARNINGS = 512, /* pairs of system_id and reason; further pairs share one warning */
    SC_WARNING_EVERY_MS = 60000,
};

struct sc_outcome_tenant {
    struct stir_map_node node;
    char name[SC_SYSTEM_ID_MAX + 1]; /* the tenant's system_id; "none": the bind has no tenant */
    uint64_t counts[SC_OUTCOME_COUNT];
};

struct sc_outcome_warning {
    struct stir_map_node node;
    char system_id[SC_SYSTEM_ID_MAX + 1];
    unsigned why;
    enum sc_outcome outcome;
    uint64_t told_ms; /* when the last warning was written */
    uint64_t untold;  /* messages since then */
    char detail[128]; /* of the last message */
};

struct sc_outcomes {
    struct sc_outcome_tenant tenants[2 + SC_OUTCOME_TENANTS]; /* "none" and "other" first */
    size_t tenant_count;
    struct sc_outcome_warning warnings[1 + SC_OUTCOME_WARNINGS]; /* the shared one first */
    size_t warning_count;
    struct stir_map by_tenant, by_warning;
    uint64_t due_ms; /* when the next warning is due, UINT64_MAX: none waits */
    void (*say)(void *arg, const char *text);
    void *arg;
};

/* Returns NULL if out of memory. `say` is called with one line of text for each warning. */
struct sc_outcomes *sc_outcomes_new(void (*say)(void *arg, const char *text), void *arg);
void sc_outcomes_free(struct sc_outcomes *outcomes); /* may be NULL */

/* Counts a message that was signed or spooled. has_tenant: its system_id belongs to a tenant. */
void sc_outcomes_count(struct sc_outcomes *outcomes, const char *system_id, bool has_tenant, enum sc_outcome outcome);

/* Counts a message that was forwarded unsigned or refused, and warns about it now or later. detail: more about the
 * reason, or NULL. */
void sc_outcomes_warn(struct sc_outcomes *outcomes, const char *system_id, bool has_tenant, enum sc_outcome outcome,
                      unsigned why, const char *detail, uint64_t now_ms);

/* Writes the warnings that are due. */
void sc_outcomes_expire(struct sc_outcomes *outcomes, uint64_t now_ms);

/* Writes all warnings that wait. */
void sc_outcomes_end(struct sc_outcomes *outcomes);
