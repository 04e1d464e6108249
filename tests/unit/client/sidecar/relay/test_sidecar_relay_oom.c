/* SPDX-License-Identifier: MIT */
#include "client/sidecar/relay/relay.h"
#include "tests/unit/oom.h"
#include "tests/unit/relay_rig.h"

/* Every allocation fails in turn: nothing leaks, and no message is taken for sent that is not. */

/* The relay's allocations only: the rig's own do not fail. */
static void input(struct rig *rig, enum sc_leg leg, const struct rig_pdu *pdu)
{
    bool armed = oom_pause();
    char *octets = malloc(pdu->len);
    if (!octets) {
        abort();
    }
    memcpy(octets, pdu->octets, pdu->len);
    oom_resume(armed);
    size_t half = pdu->len / 2;
    sc_relay_input(rig->relay, leg, octets, half, rig->now);
    sc_relay_input(rig->relay, leg, octets + half, pdu->len - half, rig->now);
    free(octets);
}

static void quiet_write(void *arg, enum sc_leg leg, const void *data, size_t n)
{
    bool armed = oom_pause();
    rig_write(arg, leg, data, n);
    oom_resume(armed);
}

static void quiet_event(void *arg)
{
    (void)arg;
}

static void quiet_leg(void *arg, enum sc_leg leg)
{
    (void)arg, (void)leg;
}

static void quiet_read(void *arg, enum sc_leg leg, bool on)
{
    (void)arg, (void)leg, (void)on;
}

static void quiet_abandoned(void *arg, struct sc_held *held)
{
    struct rig *rig = arg;
    for (size_t i = 0; i < rig->held_count; i++) {
        if (rig->held[i] == held) {
            rig->held[i] = rig->held[--rig->held_count];
            return;
        }
    }
    (void)UNIT_CHECK(false, "abandoned, and never offered");
}

static const struct sc_relay_ops quiet_ops = {quiet_write, quiet_read, rig_admit,   quiet_event,
                                              quiet_event, quiet_leg,  quiet_event, rig_log};

enum { MESSAGES = 80 };

static void decide_all(struct rig *rig)
{
    struct smpp_tlv tag = {0x1501, stir_view_str("passed")};
    struct smpp_edit edit = {.append = &tag, .append_count = 1};
    for (size_t i = 0; i < rig->held_count; i++) {
        if (i % 2 || sc_held_edit(rig->held[i], &edit) != STIR_OK) {
            sc_held_pass(rig->held[i]);
        }
    }
    rig->held_count = 0;
}

/* Binds, sends messages one by one to as many numbers, ends. */
static void play(struct rig *rig)
{
    struct rig_pdu bind = rig_pdu(SMPP_BIND_TRANSCEIVER, 0, 1, RIG_BIND);
    struct rig_pdu bound = rig_pdu(SMPP_BIND_TRANSCEIVER | SMPP_RESP, 0, 1, RIG_RESP);
    struct rig_pdu high = rig_pdu(SMPP_QUERY_SM, 0, 0x7fffffff, "");
    input(rig, SC_ESME, &bind);
    sc_relay_connected(rig->relay, rig->now);
    input(rig, SC_PEER, &bound);
    input(rig, SC_ESME, &high);
    for (unsigned i = 0; i < MESSAGES; i++) {
        char dest[8];
        (void)snprintf(dest, sizeof(dest), "%u", i);
        struct rig_pdu pdu = rig_message(SMPP_SUBMIT_SM, 100 + i, "1", dest);
        input(rig, SC_ESME, &pdu);
    }
    decide_all(rig);
}

/* Octets of out that are PDUs of this command (or any of messages). */
static unsigned count(const struct stir_buf *out, uint32_t command)
{
    unsigned n = 0;
    for (size_t at = 0; at < out->len; at += smpp_header_read(out->ptr + at).length) {
        n += smpp_header_read(out->ptr + at).command == command;
    }
    return n;
}

static void test_sweep(void)
{
    unsigned runs = 0;
    for (unsigned long at = 0;; at++) {
        struct rig rig;
        rig_init(&rig, NULL);
        sc_relay_free(rig.relay);
        rig.relay = NULL;
        rig.filter.abandoned = quiet_abandoned;
        rig.options.offers[SC_ESME] = true;
        oom_begin(at);
        enum stir_code code = sc_relay_new(&rig.relay, &rig.options, &quiet_ops, &rig, "192.0.2.1", 1, rig.now);
        if (code == STIR_OK) {
            play(&rig);
        } else {
            UNIT_CODE(code, STIR_E_NOMEM, "sc_relay_new");
            UNIT_CHECK(!rig.relay, "untouched");
        }
        bool failed = oom_end();
        bool closed = code != STIR_OK || sc_relay_state(rig.relay) == SC_CLOSED;
        unsigned sent = count(&rig.out[SC_PEER], SMPP_SUBMIT_SM);
        unsigned answered = count(&rig.out[SC_ESME], SMPP_SUBMIT_SM | SMPP_RESP);
        UNIT_CHECK(closed || sent + answered == MESSAGES, "allocation %lu: %u sent, %u answered", at, sent, answered);
        UNIT_CHECK(answered <= 1, "allocation %lu: %u answered", at, answered);
        rig_free(&rig);
        UNIT_CHECK(rig.pool.held == 0 && rig.pool.octets == 0, "allocation %lu: something is held", at);
        runs++;
        if (!failed) {
            break;
        }
    }
    UNIT_CHECK(runs > MESSAGES * 2, "%u allocations", runs);
}

UNIT_MAIN("sc_relay_oom", {"every allocation fails in turn", test_sweep})
