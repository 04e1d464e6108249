/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay_internal.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* What the owner calls: a connection's beginning, its input, its end, and its time limits. */

static const char *const state_names[SC_STATE_COUNT] = {
    [SC_OPEN] = "open",       [SC_CONNECTING] = "connecting", [SC_BINDING] = "binding",     [SC_BOUND] = "bound",
    [SC_UNBOUND] = "unbound", [SC_DRAINING] = "draining",     [SC_UNBINDING] = "unbinding", [SC_CLOSED] = "closed",
};

const char *sc_state_name(enum sc_state state)
{
    return (unsigned)state < SC_STATE_COUNT ? state_names[state] : "";
}

enum sc_state sc_relay_state(const struct sc_relay *relay)
{
    return relay->state;
}

const struct sc_bind *sc_relay_bind(const struct sc_relay *relay)
{
    return &relay->bind;
}

size_t sc_relay_held(const struct sc_relay *relay)
{
    return relay->side[SC_ESME].queue.count + relay->side[SC_PEER].queue.count;
}

/* ---- beginning and end ---- */

static void side_open(struct sc_side *side, uint64_t now_ms)
{
    side->open = true;
    side->opening = false;
    side->reading = true;
    side->heard_ms = now_ms;
}

enum stir_code sc_relay_new(struct sc_relay **out, const struct sc_relay_options *options,
                            const struct sc_relay_ops *ops, void *arg, const char *address, uint64_t connection,
                            uint64_t now_ms)
{
    struct sc_relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        return STIR_E_NOMEM;
    }
    relay->options = options;
    relay->ops = ops;
    relay->arg = arg;
    relay->now_ms = relay->since_ms = relay->traffic_ms = now_ms;
    relay->bind.connection = connection;
    (void)snprintf(relay->bind.address, sizeof(relay->bind.address), "%s", address);
    for (int leg = 0; leg < SC_LEG_COUNT; leg++) {
        relay->side[leg].next_own = 0x7fffffff;
    }
    side_open(&relay->side[SC_ESME], now_ms);
    *out = relay;
    return STIR_OK;
}

static void side_free(struct sc_side *side)
{
    sc_queue_clear(&side->queue);
    free(side->watched);
    free(side->in.ptr);
}

static void bind_pdu_free(struct sc_relay *relay)
{
    if (relay->bind_pdu) {
        OPENSSL_cleanse(relay->bind_pdu, relay->bind_len); /* a password */
        free(relay->bind_pdu);
        relay->bind_pdu = NULL;
    }
}

void sc_relay_free(struct sc_relay *relay)
{
    if (relay) {
        sc_relay_abandon(relay, SC_ESME);
        sc_relay_abandon(relay, SC_PEER);
        sc_pool_leave(relay);
        sc_pool_wake(relay->options->pool);
        bind_pdu_free(relay);
        side_free(&relay->side[SC_ESME]);
        side_free(&relay->side[SC_PEER]);
        free(relay);
    }
}

void sc_relay_abort(struct sc_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    sc_relay_shut(relay);
}

/* ---- reading ---- */

static bool side_may_read(const struct sc_relay *relay, enum sc_leg leg)
{
    const struct sc_side *side = &relay->side[leg];
    return relay->state != SC_CONNECTING && !side->stalled && !side->waiting && !side->parked &&
           !relay->side[sc_other(leg)].full;
}

/* Tells the owner which legs to read. */
static void relay_update_reading(struct sc_relay *relay)
{
    for (int i = 0; i < SC_LEG_COUNT; i++) {
        enum sc_leg leg = (enum sc_leg)i;
        struct sc_side *side = &relay->side[leg];
        bool reading = side_may_read(relay, leg);
        if (side->open && reading != side->reading) {
            side->reading = reading;
            if (reading) { /* its silence until now was caused by not reading it */
                side->heard_ms = relay->now_ms;
                side->asked_ms = 0;
                side->partial_ms = side->partial_ms ? relay->now_ms : 0;
            }
            relay->ops->read(relay->arg, leg, reading);
        }
    }
}

/* ---- unbinding ---- */

/* Sends unbind to both legs. */
static void relay_unbind(struct sc_relay *relay)
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
    relay_update_reading(relay);
}

/* Unbinds when a drain has nothing more to wait for. */
static void relay_check_drained(struct sc_relay *relay)
{
    if (relay->state == SC_DRAINING && sc_relay_held(relay) == 0 && relay->side[SC_ESME].outstanding == 0 &&
        relay->side[SC_PEER].outstanding == 0) {
        relay_unbind(relay);
    }
}

/* ---- input ---- */

void sc_relay_input(struct sc_relay *relay, enum sc_leg leg, const void *data, size_t n, uint64_t now_ms)
{
    struct sc_side *side = &relay->side[leg];
    relay->now_ms = now_ms;
    if (relay->state == SC_CLOSED || !side->open) {
        return;
    }
    /* any octet is a sign of life */
    side->heard_ms = now_ms;
    side->asked_ms = 0;
    if (!sc_relay_feed(relay, leg, data, n)) {
        sc_relay_say(relay, STIR_LOG_ERROR, "closed: out of memory");
        sc_relay_shut(relay);
    }
    /* the peer may have answered the bind that messages of the ESME waited for */
    if (relay->side[SC_ESME].waiting && relay->state != SC_BINDING) {
        sc_relay_work(relay, SC_ESME);
    }
    relay_check_drained(relay);
    relay_update_reading(relay);
}

void sc_relay_full(struct sc_relay *relay, enum sc_leg leg, bool full, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    if (relay->side[leg].full != full) {
        relay->side[leg].full = full;
        if (!full) {
            sc_relay_work(relay, sc_other(leg));
        }
        relay_update_reading(relay);
    }
}

void sc_relay_resume(struct sc_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    relay->resuming = false;
    sc_relay_work(relay, SC_ESME);
    sc_relay_work(relay, SC_PEER);
    relay_check_drained(relay);
    relay_update_reading(relay);
    if (!relay->in_line) {
        sc_pool_wake(relay->options->pool);
    }
}

/* ---- the peer's leg ---- */

void sc_relay_connected(struct sc_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    if (relay->state != SC_CONNECTING) {
        return;
    }
    side_open(&relay->side[SC_PEER], now_ms);
    sc_relay_send(relay, SC_PEER, relay->bind_pdu, relay->bind_len);
    bind_pdu_free(relay);
    sc_relay_state_set(relay, SC_BINDING);
    sc_relay_work(relay, SC_ESME);
    relay_update_reading(relay);
}

void sc_relay_lost(struct sc_relay *relay, enum sc_leg leg, const char *why, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    if (relay->state == SC_CLOSED) {
        return;
    }
    relay->side[leg].open = relay->side[leg].opening = false;
    /* before the peer has accepted the bind, the ESME gets an answer */
    if (leg == SC_PEER && (relay->state == SC_CONNECTING || relay->state == SC_BINDING)) {
        sc_relay_fail_bind(relay, why ? why : "the peer closed the connection");
    } else if (relay->state == SC_UNBINDING) {
        sc_relay_leg_done(relay, leg);
    } else {
        if (why) {
            sc_relay_say(relay, STIR_LOG_WARNING, "%s is lost while %s: %s", sc_leg_name(leg),
                         sc_state_name(relay->state), why);
        } else {
            bool bound = relay->state == SC_BOUND || relay->state == SC_DRAINING;
            sc_relay_say(relay, bound ? STIR_LOG_NOTICE : STIR_LOG_INFO, "%s has closed while %s", sc_leg_name(leg),
                         sc_state_name(relay->state));
        }
        sc_relay_shut(relay);
    }
}

/* ---- draining and time limits ---- */

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
        relay_check_drained(relay);
        relay_update_reading(relay);
        break;
    case SC_OPEN:
    case SC_UNBOUND:
        sc_relay_shut(relay);
        break;
    default:
        break;
    }
}

static bool time_is_over(uint64_t since_ms, uint64_t limit_ms, uint64_t now_ms)
{
    return limit_ms && now_ms >= since_ms && now_ms - since_ms >= limit_ms;
}

static void relay_time_out(struct sc_relay *relay, enum sc_leg leg, const char *what)
{
    relay->options->counters->timeouts++;
    sc_relay_say(relay, STIR_LOG_WARNING, "closed: %s %s", sc_leg_name(leg), what);
    sc_relay_shut(relay);
}

static void relay_check_state(struct sc_relay *relay)
{
    const struct sc_relay_options *options = relay->options;
    uint64_t now = relay->now_ms;
    switch (relay->state) {
    case SC_OPEN:
    case SC_UNBOUND:
        if (relay->drain_ms) { /* it has unbound while draining */
            sc_relay_shut(relay);
        } else if (time_is_over(relay->since_ms, options->bind_ms, now)) {
            relay_time_out(relay, SC_ESME, "does not bind");
        }
        break;
    case SC_BINDING:
        if (time_is_over(relay->since_ms, options->bind_ms, now)) {
            options->counters->timeouts++;
            sc_relay_fail_bind(relay, "the peer does not answer it");
        }
        break;
    case SC_BOUND:
        if (time_is_over(relay->traffic_ms, options->idle_ms, now)) {
            sc_relay_say(relay, STIR_LOG_NOTICE, "idle: unbinding after [timeouts] idle_s without traffic");
            relay->drain_ms = now + options->unbind_ms;
            relay_unbind(relay);
        }
        break;
    case SC_DRAINING: /* the other half of the time is for the unbind */
        if (now - relay->since_ms >= (relay->drain_ms - relay->since_ms) / 2) {
            relay_unbind(relay);
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

/* Checks what a leg must deliver in time: the rest of a PDU, a sign of life, the answer to an unbind. */
static void relay_check_leg(struct sc_relay *relay, enum sc_leg leg)
{
    const struct sc_relay_options *options = relay->options;
    struct sc_side *side = &relay->side[leg];
    uint64_t now = relay->now_ms;
    /* an unbind has waited long enough for the messages before it: they are left unanswered */
    if (side->parked && time_is_over(side->parked_ms, options->unbind_ms, now)) {
        sc_relay_abandon(relay, leg);
        sc_relay_work(relay, leg);
    }
    if (relay->state == SC_CLOSED) {
        return;
    }
    if (side->unbind_ms && time_is_over(side->unbind_ms, options->unbind_ms, now)) {
        relay_time_out(relay, sc_other(leg), "does not answer an unbind");
    } else if (!side->open || !side->reading) {
        return;
    } else if (side->partial_ms && time_is_over(side->partial_ms, options->pdu_ms, now)) {
        relay_time_out(relay, leg, "does not complete a PDU");
    } else if (side->asked_ms && time_is_over(side->asked_ms, options->answer_ms, now)) {
        relay_time_out(relay, leg, "does not answer enquire_link");
    } else if (relay->state == SC_BOUND && !side->asked_ms && time_is_over(side->heard_ms, options->enquire_ms, now)) {
        side->asked_ms = now ? now : 1;
        options->counters->enquiries++;
        sc_relay_ask(relay, leg, SMPP_ENQUIRE_LINK);
    }
}

void sc_relay_tick(struct sc_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    relay_check_state(relay);
    relay_check_leg(relay, SC_ESME);
    relay_check_leg(relay, SC_PEER);
    relay_update_reading(relay);
}
