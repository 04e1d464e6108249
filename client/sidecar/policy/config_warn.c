/* SPDX-License-Identifier: MIT */
#include "client/sidecar/policy/config.h"

#include <stdlib.h>

/* Warnings about settings that are valid but do not do what one might expect. */

static bool config_verifies(const struct sc_config *config)
{
    return config->submit.action == SC_VERIFY || config->deliver.action == SC_VERIFY;
}

void sc_config_warn(const struct sc_config *config, void (*say)(void *arg, const char *text), void *arg)
{
    bool remembers = config->trust_replay == SC_REPLAY_SQLITE || config->cps_claim;
    const struct {
        bool applies;
        const char *text;
    } warnings[] = {
        {config_verifies(config) && config->verify_reject[0] && config->join_hold != SC_HOLD_ALWAYS,
         "[verify] reject does not reject every long message: a sender that pauses between segments gets its first "
         "ones forwarded, and the last one is tagged, not rejected. [join] hold = always rejects all, but senders "
         "that wait for each answer cannot send long messages then"},
        {config_verifies(config) && remembers && !config->repeat_file[0] && !getenv("STATE_DIRECTORY"),
         "[repeat] file is not set: a message that is under way when cps-smpp is killed is called replayed when it is "
         "sent again, because [trust] replay = sqlite or [cps] claim = yes remember that its PASSporT was used"},
    };
    stir_conf_outdated(config, sc_config_table, sc_config_count, say, arg);
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
        if (warnings[i].applies) {
            say(arg, warnings[i].text);
        }
    }
}
