#include "client/sidecar/relay/relay_internal.h"

/* Time limits, and how a connection comes to its end in order. */

static const char *name_of(enum gw_leg leg)
{
    return leg == GW_ESME ? "the ESME" : "the peer";
}

/* ---- unbinding ---- */

void gw_relay_unbind(struct gw_relay *relay)
{
    gw_relay_bind_end(relay);
    gw_relay_state_set(relay, GW_UNBINDING);
    for (int leg = 0; leg < GW_LEG_COUNT; leg++) {
        if (relay->side[leg].open) {
            gw_relay_ask(relay, (enum gw_leg)leg, SMPP_UNBIND);
        }
    }
    gw_relay_work(relay, GW_ESME);
    gw_relay_work(relay, GW_PEER);
    gw_relay_update(relay);
}

void gw_relay_leg_done(struct gw_relay *relay, enum gw_leg leg)
{
    struct gw_side *side = &relay->side[leg];
    if (side->open) {
        side->open = false;
        relay->ops->close(relay->arg, leg);
    }
    if (!relay->side[gw_other(leg)].open) {
        gw_relay_shut(relay);
    }
}

void gw_relay_check_drained(struct gw_relay *relay)
{
    if (relay->state == GW_DRAINING && gw_relay_held(relay) == 0 && relay->side[GW_ESME].under_way == 0 &&
        relay->side[GW_PEER].under_way == 0) {
        gw_relay_unbind(relay);
    }
}

void gw_relay_drain(struct gw_relay *relay, uint64_t limit_ms, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    relay->drain_ms = now_ms + limit_ms;
    switch (relay->state) {
    case GW_CONNECTING:
    case GW_BINDING:
        gw_relay_fail_bind(relay, "the gateway is stopping");
        break;
    case GW_BOUND:
        gw_relay_state_set(relay, GW_DRAINING);
        gw_relay_work(relay, GW_ESME);
        gw_relay_work(relay, GW_PEER);
        gw_relay_check_drained(relay);
        gw_relay_update(relay);
        break;
    case GW_OPEN:
    case GW_UNBOUND:
        gw_relay_shut(relay);
        break;
    default:
        break;
    }
}

/* ---- time limits ---- */

static bool is_over(uint64_t since_ms, uint64_t limit_ms, uint64_t now_ms)
{
    return limit_ms && now_ms >= since_ms && now_ms - since_ms >= limit_ms;
}

static void time_out(struct gw_relay *relay, enum gw_leg leg, const char *what)
{
    relay->options->counters->timeouts++;
    gw_relay_say(relay, STIR_LOG_WARNING, "closed: %s %s", name_of(leg), what);
    gw_relay_shut(relay);
}

static void check_state(struct gw_relay *relay)
{
    const struct gw_relay_options *options = relay->options;
    uint64_t now = relay->now_ms;
    switch (relay->state) {
    case GW_OPEN:
    case GW_UNBOUND:
        if (relay->drain_ms) {
            gw_relay_shut(relay);
        } else if (is_over(relay->since_ms, options->bind_ms, now)) {
            time_out(relay, GW_ESME, "does not bind");
        }
        break;
    case GW_BINDING:
        if (is_over(relay->since_ms, options->bind_ms, now)) {
            options->counters->timeouts++;
            gw_relay_fail_bind(relay, "the peer does not answer it");
        }
        break;
    case GW_BOUND:
        if (is_over(relay->traffic_ms, options->idle_ms, now)) {
            gw_relay_say(relay, STIR_LOG_NOTICE, "nothing to do for long: unbinding");
            relay->drain_ms = now + options->unbind_ms;
            gw_relay_unbind(relay);
        }
        break;
    case GW_DRAINING:
        if (now - relay->since_ms >= (relay->drain_ms - relay->since_ms) / 2) {
            gw_relay_unbind(relay);
        }
        break;
    case GW_UNBINDING:
        if (now >= relay->drain_ms) {
            gw_relay_shut(relay);
        }
        break;
    default:
        break;
    }
}

/* What a leg owes: the rest of a PDU, a sign of life, the answer to an unbind. */
static void check_leg(struct gw_relay *relay, enum gw_leg leg)
{
    const struct gw_relay_options *options = relay->options;
    struct gw_side *side = &relay->side[leg];
    uint64_t now = relay->now_ms;
    if (side->parked && is_over(side->parked_ms, options->unbind_ms, now)) {
        gw_relay_abandon(relay, leg);
        gw_relay_work(relay, leg);
    }
    if (relay->state == GW_CLOSED) {
        return;
    }
    if (side->unbind_ms && is_over(side->unbind_ms, options->unbind_ms, now)) {
        time_out(relay, gw_other(leg), "does not answer an unbind");
    } else if (!side->open || !side->reading) {
        return;
    } else if (side->partial_ms && is_over(side->partial_ms, options->pdu_ms, now)) {
        time_out(relay, leg, "does not complete a PDU");
    } else if (side->asked_ms && is_over(side->asked_ms, options->answer_ms, now)) {
        time_out(relay, leg, "does not answer enquire_link");
    } else if (relay->state == GW_BOUND && !side->asked_ms && is_over(side->heard_ms, options->enquire_ms, now)) {
        side->asked_ms = now ? now : 1;
        options->counters->enquiries++;
        gw_relay_ask(relay, leg, SMPP_ENQUIRE_LINK);
    }
}

void gw_relay_tick(struct gw_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    check_state(relay);
    check_leg(relay, GW_ESME);
    check_leg(relay, GW_PEER);
    gw_relay_update(relay);
}
