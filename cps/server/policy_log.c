/* SPDX-License-Identifier: MIT */
#include "cps/base/partners.h"
#include "cps/server/server_state.h"

static void policy_log_action(const struct stir_log *log, enum cpsd_action action, enum cpsd_policy policy)
{
    bool loose = policy < cpsd_action_default(action);
    stir_log_plain(log, loose ? STIR_LOG_WARNING : STIR_LOG_NOTICE, "policy: %s is %s%s", cpsd_action_name(action),
                   cpsd_policy_names[policy],
                   policy == CPSD_POLICY_OPEN ? ": anyone can do this without a credential" : "");
}

void cpsd_policy_log(const struct stir_log *log, const struct cpsd_config *config)
{
    for (int action = CPSD_ACT_PUBLISH; action < CPSD_ACTION_COUNT; action++) {
        policy_log_action(log, (enum cpsd_action)action, (enum cpsd_policy)config->policy[action]);
    }
    if (!config->publish_by_spc) {
        stir_log_plain(log, STIR_LOG_WARNING,
                       "limits: publish_by_spc is 0, so the publishing rate of a provider is not limited; set it to "
                       "the number of envelopes per second to accept from one provider");
    }
    if (cpsd_partners_any(config->atis_partners)) {
        stir_log_plain(log, STIR_LOG_WARNING,
                       "atis: partners is *, so every provider can retrieve what another provider published under "
                       "its own code; list your partners' service provider codes to restrict this");
    }
    if (!config->dummies_secret_file[0]) {
        stir_log_plain(log, STIR_LOG_NOTICE,
                       "dummies: secret_file is not set, so a random secret is used until the next restart; set it if "
                       "several servers share one store");
    }
}
