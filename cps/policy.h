#pragma once

#include "cps/caller.h"

#include <stdbool.h>

/*
 * Who may do what: one table, action by policy. A policy is what the operator wrote for the action; whether this caller
 * may is decided here and nowhere else.
 */
enum cpsd_action {
    CPSD_ACT_NONE, /* nothing to decide: health, metrics */
    CPSD_ACT_PUBLISH,
    CPSD_ACT_LIST,
    CPSD_ACT_FETCH,
    CPSD_ACT_DELETE,
    CPSD_ACTION_COUNT,
};

enum cpsd_policy {
    CPSD_OPEN,   /* anybody */
    CPSD_NOBODY, /* switched off */
    CPSD_POLICY_COUNT,
};

extern const char *const cpsd_policy_names[]; /* NULL-terminated, indexed by enum cpsd_policy */

/* "publish", "list", ...; NULL for CPSD_ACT_NONE. */
const char *cpsd_action_name(enum cpsd_action action);

bool cpsd_policy_allows(enum cpsd_policy policy, const struct cpsd_caller *caller);
