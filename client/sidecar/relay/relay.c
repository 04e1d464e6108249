#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_write.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void open_side(struct sc_side *side, uint64_t now_ms)
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
    open_side(&relay->side[SC_ESME], now_ms);
    *out = relay;
    return STIR_OK;
}

static void free_side(struct sc_side *side)
{
    sc_queue_clear(&side->queue);
    free(side->watched);
    free(side->in.ptr);
}

static void forget_bind(struct sc_relay *relay)
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
        forget_bind(relay);
        free_side(&relay->side[SC_ESME]);
        free_side(&relay->side[SC_PEER]);
        free(relay);
    }
}

void sc_relay_state_set(struct sc_relay *relay, enum sc_state state)
{
    relay->state = state;
    relay->since_ms = relay->now_ms;
}

void sc_relay_bind_end(struct sc_relay *relay)
{
    relay->side[SC_ESME].abandoning = relay->side[SC_PEER].abandoning = true; /* none of them goes on any more */
    sc_relay_abandon(relay, SC_ESME);
    sc_relay_abandon(relay, SC_PEER);
    relay->side[SC_ESME].under_way = relay->side[SC_PEER].under_way = 0;
    if (relay->options->filter && relay->options->filter->ended) {
        relay->options->filter->ended(relay->options->filter->arg, &relay->bind, relay->state == SC_CLOSED);
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

void sc_relay_abort(struct sc_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    sc_relay_shut(relay);
}

/* ---- what goes out ---- */

void sc_relay_say(struct sc_relay *relay, enum stir_log_level level, const char *fmt, ...)
{
    char text[SC_LOG_TEXT];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    relay->ops->log(relay->arg, level, text);
}

void sc_relay_flush(struct sc_relay *relay)
{
    if (relay->run.len && relay->side[relay->run.to].open) {
        relay->ops->write(relay->arg, relay->run.to, relay->run.ptr, relay->run.len);
    }
    relay->run.len = 0;
}

void sc_relay_send(struct sc_relay *relay, enum sc_leg to, const void *data, size_t n)
{
    if (relay->run.to == to) {
        sc_relay_flush(relay);
    }
    if (relay->side[to].open) {
        relay->ops->write(relay->arg, to, data, n);
    }
}

void sc_relay_answer(struct sc_relay *relay, enum sc_leg to, const struct smpp_header *request, uint32_t status)
{
    char answer[SMPP_HEADER_LEN];
    if (smpp_answer(answer, request, status)) {
        sc_relay_send(relay, to, answer, sizeof(answer));
        relay->options->counters->nacked += status != SMPP_ROK;
    }
}

/* ---- what is read ---- */

static bool wants_reading(const struct sc_relay *relay, enum sc_leg leg)
{
    const struct sc_side *side = &relay->side[leg];
    return relay->state != SC_CONNECTING && !side->stalled && !side->waiting && !side->parked &&
           !relay->side[sc_other(leg)].full;
}

void sc_relay_update(struct sc_relay *relay)
{
    for (int i = 0; i < SC_LEG_COUNT; i++) {
        enum sc_leg leg = (enum sc_leg)i;
        struct sc_side *side = &relay->side[leg];
        bool reading = wants_reading(relay, leg);
        if (side->open && reading != side->reading) {
            side->reading = reading;
            if (reading) { /* what it did not say meanwhile was our doing */
                side->heard_ms = relay->now_ms;
                side->asked_ms = 0;
                side->partial_ms = side->partial_ms ? relay->now_ms : 0;
            }
            relay->ops->read(relay->arg, leg, reading);
        }
    }
}

void sc_relay_full(struct sc_relay *relay, enum sc_leg leg, bool full, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    if (relay->side[leg].full != full) {
        relay->side[leg].full = full;
        if (!full) {
            sc_relay_work(relay, sc_other(leg));
        }
        sc_relay_update(relay);
    }
}

void sc_relay_resume(struct sc_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    relay->resuming = false;
    sc_relay_work(relay, SC_ESME);
    sc_relay_work(relay, SC_PEER);
    sc_relay_check_drained(relay);
    sc_relay_update(relay);
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
    open_side(&relay->side[SC_PEER], now_ms);
    sc_relay_send(relay, SC_PEER, relay->bind_pdu, relay->bind_len);
    forget_bind(relay);
    sc_relay_state_set(relay, SC_BINDING);
    sc_relay_work(relay, SC_ESME);
    sc_relay_update(relay);
}

void sc_relay_fail_bind(struct sc_relay *relay, const char *why)
{
    struct smpp_header bind = {.command = relay->bind.command, .sequence = relay->bind_sequence};
    relay->options->counters->binds_failed++;
    sc_relay_say(relay, STIR_LOG_WARNING, "bind answered ESME_RBINDFAIL: %s", why);
    sc_relay_answer(relay, SC_ESME, &bind, SMPP_RBINDFAIL);
    sc_relay_shut(relay);
}

void sc_relay_lost(struct sc_relay *relay, enum sc_leg leg, const char *why, uint64_t now_ms)
{
    static const char *const who[] = {[SC_ESME] = "the ESME", [SC_PEER] = "the peer"};
    relay->now_ms = now_ms;
    if (relay->state == SC_CLOSED) {
        return;
    }
    relay->side[leg].open = relay->side[leg].opening = false;
    if (leg == SC_PEER && (relay->state == SC_CONNECTING || relay->state == SC_BINDING)) {
        sc_relay_fail_bind(relay, why ? why : "the peer closed the connection");
    } else if (relay->state == SC_UNBINDING) {
        sc_relay_leg_done(relay, leg);
    } else {
        if (why) {
            sc_relay_say(relay, STIR_LOG_WARNING, "%s is lost while %s: %s", who[leg], sc_state_name(relay->state),
                         why);
        } else {
            bool bound = relay->state == SC_BOUND || relay->state == SC_DRAINING;
            sc_relay_say(relay, bound ? STIR_LOG_NOTICE : STIR_LOG_INFO, "%s has closed while %s", who[leg],
                         sc_state_name(relay->state));
        }
        sc_relay_shut(relay);
    }
}
