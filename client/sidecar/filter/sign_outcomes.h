#pragma once

#include "client/sidecar/filter/filter_metrics.h"
#include "common/base/map.h"

/*
 * What became of the messages of a signing direction, by tenant, and warnings of those that went on without a PASSporT:
 * at most one per minute for each system_id and reason, with the number of messages. Memory is bounded, whatever
 * system_ids there are. No clock and no I/O of its own: the caller brings the time, in ms of any clock that does not go
 * back, and says the warnings.
 */
enum {
    SC_OUTCOME_TENANTS = 256,  /* more tenants than this are counted together, as "other" */
    SC_OUTCOME_WARNINGS = 512, /* pairs of system_id and reason; more than this are told together */
    SC_WARNING_EVERY_MS = 60000,
};

struct sc_outcome_tenant {
    struct stir_map_node node;
    char name[SC_SYSTEM_ID_MAX + 1]; /* the system_id that the tenant is known by; "none": the bind has no tenant */
    uint64_t counts[SC_OUTCOME_COUNT];
};

struct sc_outcome_warning {
    struct stir_map_node node;
    char system_id[SC_SYSTEM_ID_MAX + 1];
    unsigned why;
    enum sc_outcome outcome;
    uint64_t told_ms; /* when the last warning was said */
    uint64_t untold;  /* messages since then */
    char detail[128]; /* of the last message */
};

struct sc_outcomes {
    struct sc_outcome_tenant tenants[2 + SC_OUTCOME_TENANTS]; /* "none" and "other" first */
    size_t tenant_count;
    struct sc_outcome_warning warnings[1 + SC_OUTCOME_WARNINGS]; /* that of all others first */
    size_t warning_count;
    struct stir_map by_tenant, by_warning;
    uint64_t due_ms; /* when a warning may be said next, UINT64_MAX: none waits */
    void (*say)(void *arg, const char *text);
    void *arg;
};

/* Returns NULL without memory. `say` is called with one line of text for each warning. */
struct sc_outcomes *sc_outcomes_new(void (*say)(void *arg, const char *text), void *arg);
void sc_outcomes_free(struct sc_outcomes *outcomes); /* NULL is fine */

/* Counts a message that was signed or spooled. has_tenant: its system_id is that of a tenant. */
void sc_outcomes_count(struct sc_outcomes *outcomes, const char *system_id, bool has_tenant, enum sc_outcome outcome);

/* Counts a message that went on unsigned or was refused, and warns of it now or later. detail: more than the reason
 * says, or NULL. */
void sc_outcomes_warn(struct sc_outcomes *outcomes, const char *system_id, bool has_tenant, enum sc_outcome outcome,
                      unsigned why, const char *detail, uint64_t now_ms);

/* Says the warnings whose time has come. */
void sc_outcomes_expire(struct sc_outcomes *outcomes, uint64_t now_ms);

/* Says what was not said yet. */
void sc_outcomes_end(struct sc_outcomes *outcomes);
