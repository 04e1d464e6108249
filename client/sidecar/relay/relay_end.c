/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay_internal.h"

/* How a bind, a leg and the whole connection end. */

void sc_relay_bind_end(struct sc_relay *relay)
{
    const struct sc_filter *filter = relay->options->filter;
    /* set for both first: what is abandoned on one leg must not release messages of the other */
    relay->side[SC_ESME].abandoning = relay->side[SC_PEER].abandoning = true;
    sc_relay_abandon(relay, SC_ESME);
    sc_relay_abandon(relay, SC_PEER);
    relay->side[SC_ESME].outstanding = relay->side[SC_PEER].outstanding = 0;
    if (filter && filter->ended) {
        filter->ended(filter->arg, &relay->bind, relay->state == SC_CLOSED);
    }
    if (relay->admitted) {
        relay->admitted = false;
        relay->ops->released(relay->arg);
    }
}

void sc_relay_shut(struct sc_relay *relay)
{
    if (relay->state == SC_CLOSED) {
        return;
    }
    sc_relay_flush(relay);
    sc_relay_state_set(relay, SC_CLOSED);
    sc_relay_bind_end(relay);
    sc_pool_leave(relay);
    for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
        if (relay->side[leg].open || relay->side[leg].opening) {
            relay->side[leg].open = relay->side[leg].opening = false;
            relay->ops->close(relay->arg, (enum sc_leg)leg);
        }
    }
}

void sc_relay_fail_bind(struct sc_relay *relay, const char *why)
{
    struct smpp_header bind = {.command = relay->bind.command, .sequence = relay->bind_sequence};
    relay->options->counters->binds_failed++;
    sc_relay_say(relay, STIR_LOG_WARNING, "bind answered ESME_RBINDFAIL: %s", why);
    sc_relay_answer(relay, SC_ESME, &bind, SMPP_RBINDFAIL);
    sc_relay_shut(relay);
}

void sc_relay_leg_done(struct sc_relay *relay, enum sc_leg leg)
{
    struct sc_side *side = &relay->side[leg];
    if (side->open) {
        side->open = false;
        relay->ops->close(relay->arg, leg);
    }
    if (!relay->side[sc_other(leg)].open) {
        sc_relay_shut(relay);
    }
}
