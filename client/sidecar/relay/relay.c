#include "client/sidecar/relay/relay_internal.h"

#include "client/smpp/pdu_write.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[GW_STATE_COUNT] = {
    [GW_OPEN] = "open",       [GW_CONNECTING] = "connecting", [GW_BINDING] = "binding",     [GW_BOUND] = "bound",
    [GW_UNBOUND] = "unbound", [GW_DRAINING] = "draining",     [GW_UNBINDING] = "unbinding", [GW_CLOSED] = "closed",
};

const char *gw_state_name(enum gw_state state)
{
    return (unsigned)state < GW_STATE_COUNT ? state_names[state] : "";
}

enum gw_state gw_relay_state(const struct gw_relay *relay)
{
    return relay->state;
}

const struct gw_bind *gw_relay_bind(const struct gw_relay *relay)
{
    return &relay->bind;
}

size_t gw_relay_held(const struct gw_relay *relay)
{
    return relay->side[GW_ESME].queue.count + relay->side[GW_PEER].queue.count;
}

/* ---- beginning and end ---- */

static void open_side(struct gw_side *side, uint64_t now_ms)
{
    side->open = true;
    side->opening = false;
    side->reading = true;
    side->heard_ms = now_ms;
}

enum stir_code gw_relay_new(struct gw_relay **out, const struct gw_relay_options *options,
                            const struct gw_relay_ops *ops, void *arg, const char *address, uint64_t connection,
                            uint64_t now_ms)
{
    struct gw_relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        return STIR_E_NOMEM;
    }
    relay->options = options;
    relay->ops = ops;
    relay->arg = arg;
    relay->now_ms = relay->since_ms = relay->traffic_ms = now_ms;
    relay->bind.connection = connection;
    (void)snprintf(relay->bind.address, sizeof(relay->bind.address), "%s", address);
    for (int leg = 0; leg < GW_LEG_COUNT; leg++) {
        relay->side[leg].next_own = 0x7fffffff;
    }
    open_side(&relay->side[GW_ESME], now_ms);
    *out = relay;
    return STIR_OK;
}

static void free_side(struct gw_side *side)
{
    gw_queue_clear(&side->queue);
    free(side->watched);
    free(side->in.ptr);
}

static void forget_bind(struct gw_relay *relay)
{
    if (relay->bind_pdu) {
        OPENSSL_cleanse(relay->bind_pdu, relay->bind_len); /* a password */
        free(relay->bind_pdu);
        relay->bind_pdu = NULL;
    }
}

void gw_relay_free(struct gw_relay *relay)
{
    if (relay) {
        gw_relay_abandon(relay, GW_ESME);
        gw_relay_abandon(relay, GW_PEER);
        gw_pool_leave(relay);
        gw_pool_wake(relay->options->pool);
        forget_bind(relay);
        free_side(&relay->side[GW_ESME]);
        free_side(&relay->side[GW_PEER]);
        free(relay);
    }
}

void gw_relay_state_set(struct gw_relay *relay, enum gw_state state)
{
    relay->state = state;
    relay->since_ms = relay->now_ms;
}

void gw_relay_bind_end(struct gw_relay *relay)
{
    relay->side[GW_ESME].abandoning = relay->side[GW_PEER].abandoning = true; /* none of them goes on any more */
    gw_relay_abandon(relay, GW_ESME);
    gw_relay_abandon(relay, GW_PEER);
    relay->side[GW_ESME].under_way = relay->side[GW_PEER].under_way = 0;
    if (relay->options->filter && relay->options->filter->ended) {
        relay->options->filter->ended(relay->options->filter->arg, &relay->bind, relay->state == GW_CLOSED);
    }
    if (relay->admitted) {
        relay->admitted = false;
        relay->ops->released(relay->arg);
    }
}

void gw_relay_shut(struct gw_relay *relay)
{
    if (relay->state == GW_CLOSED) {
        return;
    }
    gw_relay_flush(relay);
    gw_relay_state_set(relay, GW_CLOSED);
    gw_relay_bind_end(relay);
    gw_pool_leave(relay);
    for (int leg = 0; leg < GW_LEG_COUNT; leg++) {
        if (relay->side[leg].open || relay->side[leg].opening) {
            relay->side[leg].open = relay->side[leg].opening = false;
            relay->ops->close(relay->arg, (enum gw_leg)leg);
        }
    }
}

void gw_relay_abort(struct gw_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    gw_relay_shut(relay);
}

/* ---- what goes out ---- */

void gw_relay_say(struct gw_relay *relay, enum stir_log_level level, const char *fmt, ...)
{
    char text[GW_LOG_TEXT];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    relay->ops->log(relay->arg, level, text);
}

void gw_relay_flush(struct gw_relay *relay)
{
    if (relay->run.len && relay->side[relay->run.to].open) {
        relay->ops->write(relay->arg, relay->run.to, relay->run.ptr, relay->run.len);
    }
    relay->run.len = 0;
}

void gw_relay_send(struct gw_relay *relay, enum gw_leg to, const void *data, size_t n)
{
    if (relay->run.to == to) {
        gw_relay_flush(relay);
    }
    if (relay->side[to].open) {
        relay->ops->write(relay->arg, to, data, n);
    }
}

void gw_relay_answer(struct gw_relay *relay, enum gw_leg to, const struct smpp_header *request, uint32_t status)
{
    char answer[SMPP_HEADER_LEN];
    if (smpp_answer(answer, request, status)) {
        gw_relay_send(relay, to, answer, sizeof(answer));
        relay->options->counters->nacked += status != SMPP_ROK;
    }
}

/* ---- what is read ---- */

static bool wants_reading(const struct gw_relay *relay, enum gw_leg leg)
{
    const struct gw_side *side = &relay->side[leg];
    return relay->state != GW_CONNECTING && !side->stalled && !side->waiting && !side->parked &&
           !relay->side[gw_other(leg)].full;
}

void gw_relay_update(struct gw_relay *relay)
{
    for (int i = 0; i < GW_LEG_COUNT; i++) {
        enum gw_leg leg = (enum gw_leg)i;
        struct gw_side *side = &relay->side[leg];
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

void gw_relay_full(struct gw_relay *relay, enum gw_leg leg, bool full, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    if (relay->side[leg].full != full) {
        relay->side[leg].full = full;
        if (!full) {
            gw_relay_work(relay, gw_other(leg));
        }
        gw_relay_update(relay);
    }
}

void gw_relay_resume(struct gw_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    relay->resuming = false;
    gw_relay_work(relay, GW_ESME);
    gw_relay_work(relay, GW_PEER);
    gw_relay_check_drained(relay);
    gw_relay_update(relay);
    if (!relay->in_line) {
        gw_pool_wake(relay->options->pool);
    }
}

/* ---- the peer's leg ---- */

void gw_relay_connected(struct gw_relay *relay, uint64_t now_ms)
{
    relay->now_ms = now_ms;
    if (relay->state != GW_CONNECTING) {
        return;
    }
    open_side(&relay->side[GW_PEER], now_ms);
    gw_relay_send(relay, GW_PEER, relay->bind_pdu, relay->bind_len);
    forget_bind(relay);
    gw_relay_state_set(relay, GW_BINDING);
    gw_relay_work(relay, GW_ESME);
    gw_relay_update(relay);
}

void gw_relay_fail_bind(struct gw_relay *relay, const char *why)
{
    struct smpp_header bind = {.command = relay->bind.command, .sequence = relay->bind_sequence};
    relay->options->counters->binds_failed++;
    gw_relay_say(relay, STIR_LOG_WARNING, "bind answered ESME_RBINDFAIL: %s", why);
    gw_relay_answer(relay, GW_ESME, &bind, SMPP_RBINDFAIL);
    gw_relay_shut(relay);
}

void gw_relay_lost(struct gw_relay *relay, enum gw_leg leg, const char *why, uint64_t now_ms)
{
    static const char *const who[] = {[GW_ESME] = "the ESME", [GW_PEER] = "the peer"};
    relay->now_ms = now_ms;
    if (relay->state == GW_CLOSED) {
        return;
    }
    relay->side[leg].open = relay->side[leg].opening = false;
    if (leg == GW_PEER && (relay->state == GW_CONNECTING || relay->state == GW_BINDING)) {
        gw_relay_fail_bind(relay, why ? why : "the peer closed the connection");
    } else if (relay->state == GW_UNBINDING) {
        gw_relay_leg_done(relay, leg);
    } else {
        if (why) {
            gw_relay_say(relay, STIR_LOG_WARNING, "%s is lost while %s: %s", who[leg], gw_state_name(relay->state),
                         why);
        } else {
            bool bound = relay->state == GW_BOUND || relay->state == GW_DRAINING;
            gw_relay_say(relay, bound ? STIR_LOG_NOTICE : STIR_LOG_INFO, "%s has closed while %s", who[leg],
                         gw_state_name(relay->state));
        }
        gw_relay_shut(relay);
    }
}
