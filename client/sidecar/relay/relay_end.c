#include "client/sidecar/relay/relay_internal.h"

/* Time limits, and how a connection comes to its end in order. */

static const char *name_of(enum sc_leg leg)
{
    return leg == SC_ESME ? "the ESME" : "the peer";
}

/* ---- unbinding ---- */

void sc_relay_unbind(struct sc_relay *relay)
{
    sc_relay_bind_end(relay);
    sc_relay_state_set(relay, SC_UNBINDING);
    for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
        if (relay->side[leg].open) {
            sc_relay_ask(relay, (enum sc_leg)leg, SMPP_UNBIND);
        }
    }
    sc_relay_work(relay, SC_ESME);
    sc_relay_work(relay, SC_PEER);
    sc_relay_update(relay);
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

void sc_relay_check_drained(struct sc_relay *relay)
{
    if (relay->state == SC_DRAINING && sc_relay_held(relay) == 0 && relay->side[SC_ESME].under_way == 0 &&
        relay->side[SC_PEER].under_way == 0) {
        sc_relay_unbind(relay);
    }
}

void sc_relay_drain(struct sc_relay *relay, uint64_t limit_ms, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    relay->drain_ms = now_ms + limit_ms;
    switch (relay->state) {
    case SC_CONNECTING:
    case SC_BINDING:
        sc_relay_fail_bind(relay, "the sidecar is stopping");
        break;
    case SC_BOUND:
        sc_relay_state_set(relay, SC_DRAINING);
        sc_relay_work(relay, SC_ESME);
        sc_relay_work(relay, SC_PEER);
        sc_relay_check_drained(relay);
        sc_relay_update(relay);
        break;
    case SC_OPEN:
    case SC_UNBOUND:
        sc_relay_shut(relay);
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

static void time_out(struct sc_relay *relay, enum sc_leg leg, const char *what)
{
    relay->options->counters->timeouts++;
    sc_relay_say(relay, STIR_LOG_WARNING, "closed: %s %s", name_of(leg), what);
    sc_relay_shut(relay);
}

static void check_state(struct sc_relay *relay)
{
    const struct sc_relay_options *options = relay->options;
    uint64_t now = relay->now_ms;
    switch (relay->state) {
    case SC_OPEN:
    case SC_UNBOUND:
        if (relay->drain_ms) {
            sc_relay_shut(relay);
        } else if (is_over(relay->since_ms, options->bind_ms, now)) {
            time_out(relay, SC_ESME, "does not bind");
        }
        break;
    case SC_BINDING:
        if (is_over(relay->since_ms, options->bind_ms, now)) {
            options->counters->timeouts++;
            sc_relay_fail_bind(relay, "the peer does not answer it");
        }
        break;
    case SC_BOUND:
        if (is_over(relay->traffic_ms, options->idle_ms, now)) {
            sc_relay_say(relay, STIR_LOG_NOTICE, "nothing to do for long: unbinding");
            relay->drain_ms = now + options->unbind_ms;
            sc_relay_unbind(relay);
        }
        break;
    case SC_DRAINING:
        if (now - relay->since_ms >= (relay->drain_ms - relay->since_ms) / 2) {
            sc_relay_unbind(relay);
        }
        break;
    case SC_UNBINDING:
        if (now >= relay->drain_ms) {
            sc_relay_shut(relay);
        }
        break;
    default:
        break;
    }
}

/* What a leg owes: the rest of a PDU, a sign of life, the answer to an unbind. */
static void check_leg(struct sc_relay *relay, enum sc_leg leg)
{
    const struct sc_relay_options *options = relay->options;
    struct sc_side *side = &relay->side[leg];
    uint64_t now = relay->now_ms;
    if (side->parked && is_over(side->parked_ms, options->unbind_ms, now)) {
        sc_relay_abandon(relay, leg);
        sc_relay_work(relay, leg);
    }
    if (relay->state == SC_CLOSED) {
        return;
    }
    if (side->unbind_ms && is_over(side->unbind_ms, options->unbind_ms, now)) {
        time_out(relay, sc_other(leg), "does not answer an unbind");
    } else if (!side->open || !side->reading) {
        return;
    } else if (side->partial_ms && is_over(side->partial_ms, options->pdu_ms, now)) {
        time_out(relay, leg, "does not complete a PDU");
    } else if (side->asked_ms && is_over(side->asked_ms, options->answer_ms, now)) {
        time_out(relay, leg, "does not answer enquire_link");
    } else if (relay->state == SC_BOUND && !side->asked_ms && is_over(side->heard_ms, options->enquire_ms, now)) {
        side->asked_ms = now ? now : 1;
        options->counters->enquiries++;
        sc_relay_ask(relay, leg, SMPP_ENQUIRE_LINK);
    }
}

void sc_relay_tick(struct sc_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    check_state(relay);
    check_leg(relay, SC_ESME);
    check_leg(relay, SC_PEER);
    sc_relay_update(relay);
}
