/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/queue.h"
#include "client/sidecar/relay/relay.h"

#include <stddef.h>

/*
 * What the files of the relay share. Calls go down only: relay.c (what the owner calls), relay_input.c (octets to PDUs,
 * and what is done with each), relay_end.c (how a bind and a connection end), relay_held.c (held messages), relay_out.c
 * (what is sent).
 */

enum {
    SC_OWN_MAX = 8,      /* the relay's own requests to a leg that are remembered until they are answered */
    SC_WINDOW = 1 << 16, /* the topmost sequence numbers, which the relay's own requests use */
    SC_LOG_TEXT = 256,
};

/* A request of the relay itself to a leg. */
struct sc_own {
    uint32_t sequence; /* 0: no request */
    uint32_t command;
};

/* Octets that were read and cannot be taken yet. */
struct sc_input {
    char *ptr;
    size_t start, len, cap;
};

/* One leg, and the direction that comes from it. */
struct sc_side {
    bool open;
    bool opening;    /* the owner was asked to open it */
    bool reading;    /* what the owner was told */
    bool full;       /* enough is waiting to be sent to it */
    bool stalled;    /* the next PDU from it is a message without room to be held */
    bool waiting;    /* the next PDU from it waits for the answer to the bind */
    bool parked;     /* the next PDU from it is an unbind that waits for held messages */
    bool abandoning; /* its held messages are being given up */
    struct sc_input in;
    struct sc_queue queue; /* messages from it */
    size_t outstanding;    /* requests from it that were forwarded and not answered */
    uint64_t *watched;     /* a bit for each of the topmost sequence numbers that they use; NULL: no bit is set */
    uint32_t next_own;     /* the sequence number of the relay's next request to it, if it is free then */
    struct sc_own own[SC_OWN_MAX];
    unsigned own_at;
    uint64_t heard_ms;        /* when octets last came from it */
    uint64_t asked_ms;        /* when it was sent an enquire_link that is not answered; 0: there is no such */
    uint64_t partial_ms;      /* when the incomplete PDU began to arrive; 0: there is no such PDU */
    uint64_t parked_ms;       /* when its unbind was first parked; 0: it is not */
    uint32_t unbind_sequence; /* of its unbind that the other leg has not answered */
    uint64_t unbind_ms;       /* when that was forwarded; 0: there is no such unbind */
};

/* Adjacent PDUs that go to a leg as they came and were not given to the owner yet. */
struct sc_run {
    enum sc_leg to;
    const char *ptr;
    size_t len;
};

struct sc_relay {
    const struct sc_relay_options *options;
    const struct sc_relay_ops *ops;
    void *arg;
    enum sc_state state;
    uint64_t now_ms;
    uint64_t since_ms;   /* when the state began */
    uint64_t traffic_ms; /* when the last PDU other than enquire_link came */
    uint64_t drain_ms;   /* when a drain ends in any case; 0: no drain */
    struct sc_side side[SC_LEG_COUNT];
    struct sc_run run;
    struct sc_bind bind;
    bool admitted;
    uint32_t bind_sequence;
    char *bind_pdu; /* until the peer's leg is open */
    size_t bind_len;
    bool resuming; /* the owner was asked to call sc_relay_resume */
    bool in_line;  /* it waits for room in the pool */
    struct sc_relay *next_waiting, *previous_waiting;
};

enum sc_taken {
    SC_TAKE_DONE,    /* done */
    SC_TAKE_FORWARD, /* goes on to the other leg as it is */
    SC_TAKE_WAIT,    /* cannot be taken now: a flag of the side says why */
};

/* ---- relay_out.c ---- */

/* Returns "the ESME" or "the peer". */
const char *sc_leg_name(enum sc_leg leg);

void sc_relay_state_set(struct sc_relay *relay, enum sc_state state);
void sc_relay_say(struct sc_relay *relay, enum stir_log_level level, const char *fmt, ...) STIR_PRINTF(3, 4);

/* Gives octets to the owner, after those of the run. */
void sc_relay_send(struct sc_relay *relay, enum sc_leg to, const void *data, size_t n);

/* Adds a PDU to the run; data stays valid until sc_relay_flush, which gives the run to the owner. */
void sc_relay_forward(struct sc_relay *relay, enum sc_leg to, const char *pdu, size_t n);
void sc_relay_flush(struct sc_relay *relay);

/* Answers a request from this leg with a response without a body. */
void sc_relay_answer(struct sc_relay *relay, enum sc_leg to, const struct smpp_header *request, uint32_t status);

/* Notes that a request was forwarded from a leg, or a response from the other one to it. */
void sc_relay_note_request(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header);
void sc_relay_note_response(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header);

/* Sends a request of the relay's own: enquire_link or unbind. */
void sc_relay_ask(struct sc_relay *relay, enum sc_leg to, uint32_t command);

/* Returns the command of the relay's own request that this response answers, and forgets the request; 0 if it answers
 * no such request. */
uint32_t sc_relay_own_answer(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header);

/* ---- relay_held.c ---- */

/* Takes a message in a direction whose messages are offered to the filter, or that has held ones. */
enum sc_taken sc_relay_hold(struct sc_relay *relay, enum sc_leg leg, const char *pdu, size_t n);

/* Asks the filter about a PDU that is not held, and does as it says. */
enum sc_taken sc_relay_exempt(struct sc_relay *relay, const struct sc_held *held, enum sc_exempt kind);

/* Gives up all messages held from a leg: they are neither forwarded nor answered. */
void sc_relay_abandon(struct sc_relay *relay, enum sc_leg leg);

/* Removes a relay from those that wait for room in the pool. */
void sc_pool_leave(struct sc_relay *relay);

/* If there is room, lets the relay that has waited longest try again. It wakes the next one if room is left then. */
void sc_pool_wake(struct sc_pool *pool);

/* ---- relay_end.c ---- */

/* Ends the bind: what is held is given up, the filter and the owner are told. */
void sc_relay_bind_end(struct sc_relay *relay);

/* Ends the connection: nothing more is forwarded, both legs are closed. */
void sc_relay_shut(struct sc_relay *relay);

/* Answers the bind with ESME_RBINDFAIL and ends the connection. */
void sc_relay_fail_bind(struct sc_relay *relay, const char *why);

/* In SC_UNBINDING: this leg has answered its unbind, or is lost. */
void sc_relay_leg_done(struct sc_relay *relay, enum sc_leg leg);

/* ---- relay_input.c ---- */

/* Takes PDUs from octets of a leg, and keeps a copy of the rest. Returns false if out of memory. */
bool sc_relay_feed(struct sc_relay *relay, enum sc_leg leg, const char *data, size_t n);

/* Takes what was kept of a leg, as far as that is possible now. */
void sc_relay_work(struct sc_relay *relay, enum sc_leg leg);
