/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/sign_outcomes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NONE, OTHER, FIRST }; /* the first places of the tenants */

static void outcomes_set_text(char *out, size_t size, const char *text)
{
    size_t n = strnlen(text, size - 1);
    memcpy(out, text, n);
    out[n] = '\0';
}

struct sc_outcomes *sc_outcomes_new(void (*say)(void *arg, const char *text), void *arg)
{
    struct sc_outcomes *outcomes = calloc(1, sizeof(*outcomes));
    if (!outcomes || !stir_map_init(&outcomes->by_tenant) || !stir_map_init(&outcomes->by_warning)) {
        sc_outcomes_free(outcomes);
        return NULL;
    }
    outcomes_set_text(outcomes->tenants[NONE].name, sizeof(outcomes->tenants[NONE].name), "none");
    outcomes_set_text(outcomes->tenants[OTHER].name, sizeof(outcomes->tenants[OTHER].name), "other");
    outcomes->tenant_count = FIRST;
    outcomes->warning_count = 1;
    outcomes->due_ms = UINT64_MAX;
    outcomes->say = say;
    outcomes->arg = arg;
    return outcomes;
}

void sc_outcomes_free(struct sc_outcomes *outcomes)
{
    if (outcomes) {
        stir_map_free(&outcomes->by_tenant);
        stir_map_free(&outcomes->by_warning);
        free(outcomes);
    }
}

/* ---- by tenant ---- */

/* Returns the entry of a tenant, which is made if there is room; otherwise that of the others. */
static struct sc_outcome_tenant *outcomes_tenant(struct sc_outcomes *outcomes, const char *name)
{
    uint64_t hash = stir_map_hash(&outcomes->by_tenant, name, strlen(name), NULL, 0);
    for (struct stir_map_node *node = stir_map_first(&outcomes->by_tenant, hash); node; node = stir_map_next(node)) {
        struct sc_outcome_tenant *tenant = (struct sc_outcome_tenant *)node;
        if (strcmp(tenant->name, name) == 0) {
            return tenant;
        }
    }
    if (outcomes->tenant_count == FIRST + SC_OUTCOME_TENANTS) {
        return &outcomes->tenants[OTHER];
    }
    struct sc_outcome_tenant *made = &outcomes->tenants[outcomes->tenant_count++];
    outcomes_set_text(made->name, sizeof(made->name), name);
    stir_map_put(&outcomes->by_tenant, &made->node, hash);
    return made;
}

void sc_outcomes_count(struct sc_outcomes *outcomes, const char *system_id, bool has_tenant, enum sc_outcome outcome)
{
    struct sc_outcome_tenant *tenant = has_tenant ? outcomes_tenant(outcomes, system_id) : &outcomes->tenants[NONE];
    tenant->counts[outcome]++;
}

/* ---- warnings ---- */

/* Writes a number with commas between the thousands. */
static void outcomes_write_number(char out[32], uint64_t number)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, number), n = 0;
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) {
            out[n++] = ',';
        }
        out[n++] = digits[i];
    }
    out[n] = '\0';
}

static void outcomes_say(struct sc_outcomes *outcomes, struct sc_outcome_warning *warning, uint64_t now_ms)
{
    char number[32], text[512];
    bool others = warning == &outcomes->warnings[0];
    outcomes_write_number(number, warning->untold);
    (void)snprintf(text, sizeof(text), "%s%s%s%s%s: %s message%s %s%s%s%s",
                   others ? "other system_ids" : "system_id \"", warning->system_id, others ? "" : "\"",
                   others ? "" : " ", others ? " send messages that are not signed" : sc_unsigned_does(warning->why),
                   number, warning->untold == 1 ? "" : "s", sc_outcome_name(warning->outcome),
                   warning->detail[0] ? " (" : "", warning->detail, warning->detail[0] ? ")" : "");
    warning->untold = 0;
    warning->told_ms = now_ms;
    outcomes->say(outcomes->arg, text);
}

/* Returns a place for a new pair: a free one, or that of a pair without recent messages. */
static struct sc_outcome_warning *outcomes_make_place(struct sc_outcomes *outcomes, uint64_t now_ms)
{
    if (outcomes->warning_count < 1 + SC_OUTCOME_WARNINGS) {
        return &outcomes->warnings[outcomes->warning_count++];
    }
    for (size_t i = 1; i < outcomes->warning_count; i++) {
        struct sc_outcome_warning *warning = &outcomes->warnings[i];
        if (!warning->untold && now_ms - warning->told_ms >= SC_WARNING_EVERY_MS) {
            stir_map_remove(&outcomes->by_warning, &warning->node);
            return warning;
        }
    }
    return NULL;
}

static struct sc_outcome_warning *outcomes_warning(struct sc_outcomes *outcomes, const char *system_id,
                                                   enum sc_outcome outcome, unsigned why, uint64_t now_ms)
{
    const unsigned pair[] = {why, outcome};
    uint64_t hash = stir_map_hash(&outcomes->by_warning, system_id, strlen(system_id), pair, sizeof(pair));
    for (struct stir_map_node *node = stir_map_first(&outcomes->by_warning, hash); node; node = stir_map_next(node)) {
        struct sc_outcome_warning *warning = (struct sc_outcome_warning *)node;
        if (warning->why == why && warning->outcome == outcome && strcmp(warning->system_id, system_id) == 0) {
            return warning;
        }
    }
    struct sc_outcome_warning *made = outcomes_make_place(outcomes, now_ms);
    if (!made) {
        outcomes->warnings[0].outcome = outcome;
        return &outcomes->warnings[0];
    }
    *made = (struct sc_outcome_warning){.why = why, .outcome = outcome};
    outcomes_set_text(made->system_id, sizeof(made->system_id), system_id);
    stir_map_put(&outcomes->by_warning, &made->node, hash);
    return made;
}

void sc_outcomes_warn(struct sc_outcomes *outcomes, const char *system_id, bool has_tenant, enum sc_outcome outcome,
                      unsigned why, const char *detail, uint64_t now_ms)
{
    struct sc_outcome_warning *warning = outcomes_warning(outcomes, system_id, outcome, why, now_ms);
    bool first = !warning->told_ms;
    sc_outcomes_count(outcomes, system_id, has_tenant, outcome);
    outcomes_set_text(warning->detail, sizeof(warning->detail), detail ? detail : "");
    warning->untold++;
    uint64_t due_ms = warning->told_ms + SC_WARNING_EVERY_MS;
    if (first || now_ms >= due_ms) {
        outcomes_say(outcomes, warning, now_ms ? now_ms : 1);
    } else {
        outcomes->due_ms = outcomes->due_ms < due_ms ? outcomes->due_ms : due_ms;
    }
}

void sc_outcomes_expire(struct sc_outcomes *outcomes, uint64_t now_ms)
{
    if (now_ms < outcomes->due_ms) {
        return;
    }
    outcomes->due_ms = UINT64_MAX;
    for (size_t i = 0; i < outcomes->warning_count; i++) {
        struct sc_outcome_warning *warning = &outcomes->warnings[i];
        uint64_t due_ms = warning->told_ms + SC_WARNING_EVERY_MS;
        if (warning->untold && now_ms >= due_ms) {
            outcomes_say(outcomes, warning, now_ms);
        } else if (warning->untold && due_ms < outcomes->due_ms) {
            outcomes->due_ms = due_ms;
        }
    }
}

void sc_outcomes_end(struct sc_outcomes *outcomes)
{
    for (size_t i = 0; i < outcomes->warning_count; i++) {
        if (outcomes->warnings[i].untold) {
            outcomes_say(outcomes, &outcomes->warnings[i], outcomes->warnings[i].told_ms);
        }
    }
    outcomes->due_ms = UINT64_MAX;
}
