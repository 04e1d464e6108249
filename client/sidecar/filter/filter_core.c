/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter_core.h"

void sc_filter_say(struct sc_filter_core *core, const char *what, const char *reason)
{
    uint64_t now = sc_now(core);
    if (core->said_ms && now - core->said_ms < 1000) {
        core->unsaid++;
        return;
    }
    if (core->unsaid) {
        stir_log_plain(core->log, STIR_LOG_WARNING, "%s: %s (and %llu more)", what, reason,
                       (unsigned long long)core->unsaid);
    } else {
        stir_log_plain(core->log, STIR_LOG_WARNING, "%s: %s", what, reason);
    }
    core->said_ms = now;
    core->unsaid = 0;
}
