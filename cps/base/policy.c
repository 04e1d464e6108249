/* SPDX-License-Identifier: MIT */
#include "cps/base/policy.h"

#include <stddef.h>
#include <string.h>

const char *const cpsd_policy_names[] = {
    [CPSD_POLICY_OPEN] = "open",     [CPSD_POLICY_TOKEN] = "token", [CPSD_POLICY_HOLDER] = "holder",
    [CPSD_POLICY_NOBODY] = "nobody", [CPSD_POLICY_COUNT] = NULL,
};

static const char *const action_names[CPSD_ACTION_COUNT] = {
#define CPSD_ACTION_NAME(action, key, policy, text) [CPSD_ACT_##action] = (key),
    CPSD_ACTION_LIST(CPSD_ACTION_NAME)
#undef CPSD_ACTION_NAME
};

const char *cpsd_action_name(enum cpsd_action action)
{
    return action_names[action];
}

enum cpsd_policy cpsd_action_default(enum cpsd_action action)
{
    static const char *const defaults[CPSD_ACTION_COUNT] = {
#define CPSD_ACTION_DEFAULT(action, key, policy, text) [CPSD_ACT_##action] = (policy),
        CPSD_ACTION_LIST(CPSD_ACTION_DEFAULT)
#undef CPSD_ACTION_DEFAULT
    };
    for (int i = 0; defaults[action] && i < CPSD_POLICY_COUNT; i++) {
        if (strcmp(defaults[action], cpsd_policy_names[i]) == 0) {
            return (enum cpsd_policy)i;
        }
    }
    return CPSD_POLICY_NOBODY;
}

enum stir_code cpsd_policy_check(enum cpsd_policy policy, enum cpsd_action action, const struct cpsd_caller *caller,
                                 const struct stir_identity *dest, const struct stir_numtable *table,
                                 struct stir_error *err)
{
    const char *name = action_names[action];
    if (policy == CPSD_POLICY_OPEN) {
        return STIR_OK;
    }
    if (policy != CPSD_POLICY_TOKEN && policy != CPSD_POLICY_HOLDER) {
        return stir_fail(err, STIR_E_FORBIDDEN, "the policy of this server for \"%s\" is \"nobody\"", name);
    }
    if (!cpsd_caller_authenticated(caller)) {
        return stir_fail(err, STIR_E_UNAUTHORIZED,
                         "\"%s\" needs a credential: a bearer token signed with an STI certificate, or such a "
                         "certificate in the TLS handshake",
                         name);
    }
    if (policy == CPSD_POLICY_HOLDER && (!dest || !cpsd_caller_holds(caller, dest, table))) {
        return stir_fail(err, STIR_E_FORBIDDEN,
                         "only the holder of the destination may use \"%s\": neither your certificate nor the number "
                         "table assigns it to you",
                         name);
    }
    return STIR_OK;
}
