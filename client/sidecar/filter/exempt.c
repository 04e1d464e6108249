#include "client/sidecar/filter/filter_internal.h"

/*
 * What is not held because it carries no text that a PASSporT could vouch for. Where messages are verified none of it
 * may bring a verdict along; what passes there without one is counted and recorded.
 */

const char *gw_exempt_name(enum gw_exempt kind)
{
    static const char *const names[GW_EXEMPT_COUNT] = {[GW_EXEMPT_RECEIPT] = "receipt",
                                                       [GW_EXEMPT_REPLACE] = "replace_sm",
                                                       [GW_EXEMPT_BROADCAST] = "broadcast_sm",
                                                       [GW_EXEMPT_UNKNOWN] = "unknown",
                                                       [GW_EXEMPT_OTHER] = "other"};
    return names[kind];
}

static const char *address_text(struct stir_identity *id, const struct smpp_address *address,
                                const struct gw_policy *policy)
{
    return smpp_address_identity(id, address, &policy->addressing, NULL) == STIR_OK ? id->text : NULL;
}

static void record(struct gw_filter_core *core, const struct gw_held *held, enum gw_exempt kind, const char *action)
{
    struct stir_identity orig, dest;
    struct gw_message_log *log = core->policy->ways[held->from].action == GW_SIGN ? &core->signed_ : &core->judged;
    struct gw_exempted exempted = {
        .subject =
            {
                .from = held->from,
                .system_id = held->bind->system_id,
                .orig = address_text(&orig, &held->pdu.source, core->policy),
                .dest = address_text(&dest, &held->pdu.dest, core->policy),
                .numbers = core->policy->log_numbers,
            },
        .kind = gw_exempt_name(kind),
        .action = action,
    };
    if (core->policy->log_exempt && log->on) {
        struct stir_buf text = {0};
        gw_line_write_exempted(&text, &core->number_key, &exempted);
        gw_line_say(NULL, log, &text, false);
    }
}

/* A text without a destination. */
static void take_replacement(struct gw_filter_core *core, const struct gw_held *held, enum gw_exempt kind,
                             enum gw_replace mode, struct gw_passage *out)
{
    bool refused = mode == GW_REPLACE_REFUSE;
    if (refused) {
        out->refuse = kind == GW_EXEMPT_REPLACE ? SMPP_RREPLACEFAIL : SMPP_RBCASTFAIL;
        core->counters.refused[kind]++;
        gw_filter_say(core, kind == GW_EXEMPT_REPLACE ? "replace_sm was refused" : "broadcast_sm was refused",
                      "its text names no destination, so no PASSporT can vouch for it; \"replace = pass\" in [sign] or "
                      "[verify] lets it through");
    } else {
        core->counters.exempt[kind]++;
    }
    record(core, held, kind, refused ? "reject" : "pass");
}

void gw_exempt_take(struct gw_filter_core *core, const struct gw_held *held, enum gw_exempt kind,
                    struct gw_passage *out)
{
    const struct gw_policy *policy = core->policy;
    enum gw_action action = policy->ways[held->from].action;
    bool replaces = kind == GW_EXEMPT_REPLACE || kind == GW_EXEMPT_BROADCAST;
    if (action == GW_PASS) {
        return;
    }
    if (replaces) {
        take_replacement(core, held, kind, action == GW_SIGN ? policy->sign.replace : policy->verify.replace, out);
    }
    if (action == GW_SIGN || out->refuse) {
        return;
    }
    out->edits = held->fault == SMPP_OK && gw_tag_clean(&out->edit, &held->pdu, policy);
    core->counters.planted += out->edits;
    if (!replaces && kind != GW_EXEMPT_OTHER) {
        core->counters.exempt[kind]++;
        record(core, held, kind, "pass");
    }
}
