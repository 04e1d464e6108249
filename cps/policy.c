#include "cps/policy.h"

#include <stddef.h>

const char *const cpsd_policy_names[] = {[CPSD_OPEN] = "open", [CPSD_NOBODY] = "nobody", NULL};

static const char *const action_names[CPSD_ACTION_COUNT] = {
    [CPSD_ACT_PUBLISH] = "publish",
    [CPSD_ACT_LIST] = "list",
    [CPSD_ACT_FETCH] = "fetch",
    [CPSD_ACT_DELETE] = "delete",
};

const char *cpsd_action_name(enum cpsd_action action)
{
    return action_names[action];
}

bool cpsd_policy_allows(enum cpsd_policy policy, const struct cpsd_caller *caller)
{
    (void)caller;
    return policy == CPSD_OPEN;
}
