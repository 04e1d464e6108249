/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/relay.h"
#include "client/smpp/pdu_write.h"
#include "common/base/buf.h"
#include "tests/unit/smpp_make.h"

#include <stdlib.h>

/*
 * A relay between two ends that only write down what they get. What happens is told in one line of text:
 * "P:submit_sm#7" for a PDU to the peer (E: to the ESME; !status in hexadecimal unless 0), "connect", "close E", "stop
 * E", "read E", "resume", "released", "abandoned#7".
 */
enum { RIG_HELD_MAX = 2048, RIG_PDU_MAX = 70000 };

struct rig {
    struct sc_relay *relay;
    struct sc_relay_options options;
    struct sc_pool pool;
    struct sc_counters counters;
    struct sc_filter filter;
    struct stir_buf out[SC_LEG_COUNT]; /* all octets since the last look */
    struct stir_buf told;
    struct sc_held *held[RIG_HELD_MAX];
    size_t held_count;
    unsigned writes;
    uint64_t now;
    bool by_octet; /* input comes octet by octet */
    bool admits;   /* what is answered to admit() */
    bool pass_all; /* the filter passes within offer() */
    bool reading[SC_LEG_COUNT];
    char said[256]; /* the last line for the log */
};

static inline const char *rig_leg(enum sc_leg leg)
{
    return leg == SC_ESME ? "E" : "P";
}

static inline void rig_tell(struct rig *rig, const char *fmt, ...) STIR_PRINTF(2, 3);
static inline void rig_tell(struct rig *rig, const char *fmt, ...)
{
    char text[128];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    stir_buf_printf(&rig->told, "%s%s", rig->told.len ? " " : "", text);
}

static inline void rig_write(void *arg, enum sc_leg leg, const void *data, size_t n)
{
    struct rig *rig = arg;
    rig->writes++;
    stir_buf_put(&rig->out[leg], data, n);
    for (const char *at = data, *end = at + n; at < end;) { /* whole PDUs only are ever sent */
        struct smpp_header header = smpp_header_read(at);
        const char *name = smpp_command_name(header.command);
        UNIT_CHECK(header.length >= SMPP_HEADER_LEN && header.length <= (size_t)(end - at), "half a PDU is sent");
        rig_tell(rig, "%s:%s#%x", rig_leg(leg), name ? name : "?", (unsigned)header.sequence);
        if (header.status) {
            stir_buf_printf(&rig->told, "!%x", (unsigned)header.status);
        }
        at += header.length >= SMPP_HEADER_LEN ? header.length : n;
    }
}

static inline void rig_read(void *arg, enum sc_leg leg, bool on)
{
    struct rig *rig = arg;
    rig->reading[leg] = on;
    rig_tell(rig, "%s %s", on ? "read" : "stop", rig_leg(leg));
}

static inline bool rig_admit(void *arg, const struct sc_bind *bind)
{
    struct rig *rig = arg;
    (void)bind;
    return rig->admits;
}

static inline void rig_released(void *arg)
{
    rig_tell(arg, "released");
}

static inline void rig_connect(void *arg)
{
    rig_tell(arg, "connect");
}

static inline void rig_close(void *arg, enum sc_leg leg)
{
    rig_tell(arg, "close %s", rig_leg(leg));
}

static inline void rig_resume(void *arg)
{
    rig_tell(arg, "resume");
}

static inline void rig_log(void *arg, enum stir_log_level level, const char *text)
{
    struct rig *rig = arg;
    (void)level;
    (void)snprintf(rig->said, sizeof(rig->said), "%s", text);
}

static const struct sc_relay_ops rig_ops = {rig_write,   rig_read,  rig_admit,  rig_released,
                                            rig_connect, rig_close, rig_resume, rig_log};

static inline void rig_offer(void *arg, struct sc_held *held)
{
    struct rig *rig = arg;
    if (rig->pass_all) {
        sc_held_pass(held);
    } else if (rig->held_count < RIG_HELD_MAX) {
        rig->held[rig->held_count++] = held;
    }
}

static inline void rig_abandoned(void *arg, struct sc_held *held)
{
    struct rig *rig = arg;
    rig_tell(rig, "abandoned#%x", (unsigned)held->pdu.header.sequence);
}

static const struct sc_relay_options rig_options = {
    .max_pdu = 65536,
    .max_unbound_pdu = 4096,
    .held_max = 1000,
    .held_octets_max = 1 << 20,
    .bind_ms = 10000,
    .enquire_ms = 60000,
    .answer_ms = 20000,
    .pdu_ms = 120000,
    .unbind_ms = 5000,
};

/* A second relay may share the first one's options and pool: of = the first. */
static inline void rig_init(struct rig *rig, struct rig *of)
{
    *rig = (struct rig){.options = rig_options, .now = 1000000, .admits = true, .reading = {true, true}};
    rig->pool.held_max = 10000;
    rig->pool.octets_max = 10 << 20;
    rig->filter = (struct sc_filter){.offer = rig_offer, .abandoned = rig_abandoned, .arg = rig};
    rig->options.filter = &rig->filter;
    rig->options.pool = of ? &of->pool : &rig->pool;
    rig->options.counters = &rig->counters;
    UNIT_OK(sc_relay_new(&rig->relay, &rig->options, &rig_ops, rig, "192.0.2.1", 7, rig->now));
}

static inline void rig_clear(struct rig *rig)
{
    stir_buf_free(&rig->told);
    stir_buf_free(&rig->out[SC_ESME]);
    stir_buf_free(&rig->out[SC_PEER]);
    rig->told = rig->out[SC_ESME] = rig->out[SC_PEER] = (struct stir_buf){0};
}

static inline void rig_free(struct rig *rig)
{
    sc_relay_free(rig->relay);
    rig->relay = NULL;
    rig_clear(rig);
}

/* Octets from a leg. */
static inline void rig_in(struct rig *rig, enum sc_leg leg, const void *data, size_t n)
{
    size_t step = rig->by_octet ? 1 : n;
    for (size_t at = 0; at < n; at += step) {
        char *own = malloc(step); /* so that whoever reads on, or later, is caught */
        if (!own) {
            abort();
        }
        memcpy(own, (const char *)data + at, step);
        sc_relay_input(rig->relay, leg, own, step, rig->now);
        free(own);
    }
}

struct rig_pdu {
    size_t len;
    uint8_t octets[MAKE_MAX];
};

static inline struct rig_pdu rig_pdu(uint32_t command, uint32_t status, uint32_t sequence, const char *body)
{
    struct rig_pdu pdu;
    uint8_t number[4] = {(uint8_t)(sequence >> 24), (uint8_t)(sequence >> 16), (uint8_t)(sequence >> 8),
                         (uint8_t)sequence};
    pdu.len = make_pdu(pdu.octets, command, status, body);
    memcpy(pdu.octets + 12, number, sizeof(number));
    return pdu;
}

static inline void rig_send(struct rig *rig, enum sc_leg leg, uint32_t command, uint32_t status, uint32_t sequence,
                            const char *body)
{
    struct rig_pdu pdu = rig_pdu(command, status, sequence, body);
    rig_in(rig, leg, pdu.octets, pdu.len);
}

#define RIG_BIND "'me' 00 'secret' 00 00 34 00 00 00"
#define RIG_RESP "00" /* a message_id or system_id of no characters */

/* A message from "source" to "dest". */
static inline struct rig_pdu rig_message(uint32_t command, uint32_t sequence, const char *source, const char *dest)
{
    char body[256];
    (void)snprintf(body, sizeof(body), "00 0101 '%s' 00 0101 '%s' 00 00 00 00 00 00 00 00 00 00 02 'hi'", source, dest);
    return rig_pdu(command, 0, sequence, body);
}

static inline void rig_say(struct rig *rig, enum sc_leg leg, uint32_t sequence, const char *source, const char *dest)
{
    struct rig_pdu pdu = rig_message(leg == SC_ESME ? SMPP_SUBMIT_SM : SMPP_DELIVER_SM, sequence, source, dest);
    rig_in(rig, leg, pdu.octets, pdu.len);
}

/* What happened since the last look. */
#define RIG_TOLD(rig, expected, label)                                                                                 \
    do {                                                                                                               \
        UNIT_STR((rig)->told.ptr ? (rig)->told.ptr : "", expected, label);                                             \
        rig_clear(rig);                                                                                                \
    } while (0)

#define RIG_STATE(rig, expected, label)                                                                                \
    UNIT_STR(sc_state_name(sc_relay_state((rig)->relay)), sc_state_name(expected), label)

/* The octets that went to a leg are these; forgets them. */
static inline void rig_went(struct rig *rig, enum sc_leg leg, const void *octets, size_t n, const char *label)
{
    UNIT_CHECK(rig->out[leg].len == n && (n == 0 || memcmp(rig->out[leg].ptr, octets, n) == 0),
               "%s: not the octets that were to go to %s", label, rig_leg(leg));
    rig_clear(rig);
}

static inline struct sc_held *rig_held(struct rig *rig, uint32_t sequence)
{
    for (size_t i = 0; i < rig->held_count; i++) {
        if (rig->held[i] && rig->held[i]->pdu.header.sequence == sequence) {
            struct sc_held *held = rig->held[i];
            rig->held[i] = NULL;
            return held;
        }
    }
    (void)UNIT_CHECK(false, "%u is not held", (unsigned)sequence);
    abort();
}

/* Brings a fresh rig into a state. */
static inline void rig_bring(struct rig *rig, enum sc_state state)
{
    if (state == SC_OPEN) {
        return;
    }
    if (state == SC_CLOSED) {
        sc_relay_abort(rig->relay, rig->now);
        rig_clear(rig);
        return;
    }
    rig_send(rig, SC_ESME, SMPP_BIND_TRANSCEIVER, 0, 1, RIG_BIND);
    if (state != SC_CONNECTING) {
        sc_relay_connected(rig->relay, rig->now);
    }
    if (state != SC_CONNECTING && state != SC_BINDING) {
        rig_send(rig, SC_PEER, SMPP_BIND_TRANSCEIVER | SMPP_RESP, state == SC_UNBOUND ? SMPP_RINVPASWD : 0, 1,
                 RIG_RESP);
    }
    if (state == SC_DRAINING) { /* a request is outstanding */
        rig_send(rig, SC_ESME, SMPP_QUERY_SM, 0, 99, "");
    }
    if (state == SC_DRAINING || state == SC_UNBINDING) {
        sc_relay_drain(rig->relay, 10000, rig->now);
    }
    RIG_STATE(rig, state, "brought");
    rig_clear(rig);
}
