/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/decide.h"

#include "client/sidecar/filter/filter_core.h"
#include "client/sidecar/filter/tag.h"

/*
 * PDUs that are not held, because they carry no text that a PASSporT could vouch for. In a verifying direction
 * planted verdicts are removed from them, and those that pass without a verdict are counted and recorded.
 */

static const char *exempt_address_text(struct stir_identity *id, const struct smpp_address *address,
                                       const struct sc_policy *policy)
{
    return smpp_address_identity(id, address, &policy->addressing, NULL) == STIR_OK ? id->text : NULL;
}

static void exempt_record(struct sc_filter_core *core, const struct sc_held *held, enum sc_exempt kind,
                          const char *action)
{
    struct stir_identity orig, dest;
    struct sc_message_log *log = core->policy->ways[held->from].action == SC_SIGN ? &core->signed_ : &core->judged;
    struct sc_exempted exempted = {
        .subject =
            {
                .from = held->from,
                .system_id = held->bind->system_id,
                .orig = exempt_address_text(&orig, &held->pdu.source, core->policy),
                .dest = exempt_address_text(&dest, &held->pdu.dest, core->policy),
                .numbers = core->policy->log_numbers,
            },
        .kind = sc_exempt_name(kind),
        .action = action,
    };
    if (core->policy->log_exempt && log->on) {
        struct stir_buf text = {0};
        sc_line_write_exempted(&text, &core->number_key, &exempted);
        sc_line_say(NULL, log, &text, false);
    }
}

/* Decides about replace_sm and broadcast_sm, whose text has no destination. */
static void exempt_take_replacement(struct sc_filter_core *core, const struct sc_held *held, enum sc_exempt kind,
                                    enum sc_replace mode, struct sc_passage *out)
{
    bool refused = mode == SC_REPLACE_REFUSE;
    if (refused) {
        out->refuse = kind == SC_EXEMPT_REPLACE ? SMPP_RREPLACEFAIL : SMPP_RBCASTFAIL;
        core->counters.refused[kind]++;
        sc_filter_say(core, kind == SC_EXEMPT_REPLACE ? "replace_sm was refused" : "broadcast_sm was refused",
                      "its text has no destination, so no PASSporT can vouch for it; to forward it set \"replace "
                      "= pass\" in [sign] or [verify]");
    } else {
        core->counters.exempt[kind]++;
    }
    exempt_record(core, held, kind, refused ? "reject" : "pass");
}

void sc_exempt_take(struct sc_filter_core *core, const struct sc_held *held, enum sc_exempt kind,
                    struct sc_passage *out)
{
    const struct sc_policy *policy = core->policy;
    enum sc_action action = policy->ways[held->from].action;
    bool replaces = kind == SC_EXEMPT_REPLACE || kind == SC_EXEMPT_BROADCAST;
    if (action == SC_PASS) {
        return;
    }
    if (replaces) {
        exempt_take_replacement(core, held, kind, action == SC_SIGN ? policy->sign.replace : policy->verify.replace,
                                out);
    }
    if (action == SC_SIGN || out->refuse) {
        return;
    }
    out->edits = held->fault == SMPP_OK && sc_tag_clean(&out->edit, &held->pdu, policy);
    core->counters.planted += out->edits;
    if (!replaces && kind != SC_EXEMPT_OTHER) {
        core->counters.exempt[kind]++;
        exempt_record(core, held, kind, "pass");
    }
}
