#pragma once

#include "client/sidecar/relay/queue.h"
#include "client/sidecar/relay/relay.h"

#include <stddef.h>

/* What the files of the relay share. */

enum {
    SC_OWN_MAX = 8,      /* of our own requests that a leg has not answered, so many are remembered */
    SC_WINDOW = 1 << 16, /* sequence numbers below 0x80000000 that are watched, for ours to differ from them */
    SC_LOG_TEXT = 256,
};

/* A request of our own that went to a leg. */
struct sc_own {
    uint32_t sequence; /* 0: none */
    uint32_t command;
};

/* A stretch of octets that was read and cannot be dealt with yet. */
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
    bool stalled;    /* the next PDU from it is a message that there is no room to hold */
    bool waiting;    /* the next PDU from it has to wait for the bind's answer */
    bool parked;     /* the next PDU from it is an unbind behind messages that are held */
    bool abandoning; /* what is held from it is being given up */
    struct sc_input in;
    struct sc_queue queue; /* messages from it */
    size_t under_way;      /* requests from it that were passed on and not answered */
    uint64_t *watched;     /* bits: which of the highest sequence numbers these have; NULL: none of them */
    uint32_t next_own;     /* the sequence number of our next request to it, if nobody else uses it */
    struct sc_own own[SC_OWN_MAX];
    unsigned own_at;
    uint64_t heard_ms;   /* when it said something */
    uint64_t asked_ms;   /* when it was sent enquire_link and has said nothing since; 0: it was not */
    uint64_t partial_ms; /* since when the PDU that is coming in is; 0: there is none */
    uint64_t parked_ms;
    uint32_t unbind_sequence; /* of the unbind that it has sent; ... */
    uint64_t unbind_ms;       /* and when; 0: it has not */
};

/* Octets that go to a leg as they came, not given to the owner yet. */
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
    uint64_t since_ms;   /* the state's beginning */
    uint64_t traffic_ms; /* the last PDU that was no enquire_link */
    uint64_t drain_ms;   /* when draining is over, done or not */
    struct sc_side side[SC_LEG_COUNT];
    struct sc_run run;
    struct sc_bind bind;
    bool admitted;
    uint32_t bind_sequence;
    char *bind_pdu; /* until the peer can take it */
    size_t bind_len;
    bool resuming; /* the owner was asked to */
    bool in_line;  /* for room in the pool */
    struct sc_relay *next_waiting, *previous_waiting;
};

/* ---- relay.c ---- */

void sc_relay_state_set(struct sc_relay *relay, enum sc_state state);
void sc_relay_say(struct sc_relay *relay, enum stir_log_level level, const char *fmt, ...) STIR_PRINTF(3, 4);

/* Gives octets to the owner, behind those of the run. */
void sc_relay_send(struct sc_relay *relay, enum sc_leg to, const void *data, size_t n);
void sc_relay_flush(struct sc_relay *relay);

/* Tells the owner which legs to read. */
void sc_relay_update(struct sc_relay *relay);

/* The end: nothing more goes on, both legs are closed. */
void sc_relay_shut(struct sc_relay *relay);

/* The answer without a body to a request from this leg. */
void sc_relay_answer(struct sc_relay *relay, enum sc_leg to, const struct smpp_header *request, uint32_t status);

/* A bind that cannot be: answers it and shuts. */
void sc_relay_fail_bind(struct sc_relay *relay, const char *why);

void sc_relay_bind_end(struct sc_relay *relay);

/* ---- relay_input.c ---- */

/* Deals with what was kept of a leg, as far as that is possible now. */
void sc_relay_work(struct sc_relay *relay, enum sc_leg leg);

/* ---- relay_pdu.c ---- */

enum sc_taken {
    SC_TAKEN, /* dealt with */
    SC_ON,    /* goes on to the other leg as it is */
    SC_WAIT,  /* cannot be dealt with now: the side says why */
};

/* One whole PDU from a leg. */
enum sc_taken sc_relay_take(struct sc_relay *relay, enum sc_leg leg, const char *pdu, size_t n);

/* ---- relay_held.c ---- */

/* A message in a direction whose messages are looked at, or that has held ones. */
enum sc_taken sc_relay_hold(struct sc_relay *relay, enum sc_leg leg, const char *pdu, size_t n);

/* Asks the filter about a PDU that is not held, and does as it says. */
enum sc_taken sc_relay_exempt(struct sc_relay *relay, const struct sc_held *held, enum sc_exempt kind);

/* Ends what is held from a leg: nothing of it goes on, nobody is answered. */
void sc_relay_abandon(struct sc_relay *relay, enum sc_leg leg);

/* Asks the owner to call sc_relay_resume, once. */
void sc_relay_want_resume(struct sc_relay *relay);
void sc_pool_leave(struct sc_relay *relay);
void sc_pool_wake(struct sc_pool *pool);

/* ---- relay_own.c ---- */

/* Notes that a request went on from a leg, and a response from the other one to it. */
void sc_relay_note_request(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header);
void sc_relay_note_response(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header);

/* Sends a request of our own: enquire_link or unbind. */
void sc_relay_ask(struct sc_relay *relay, enum sc_leg to, uint32_t command);

/* Is this response the answer to a request of ours, and to which? 0: it is not. It is forgotten. */
uint32_t sc_relay_own_answer(struct sc_relay *relay, enum sc_leg from, const struct smpp_header *header);

/* ---- relay_end.c ---- */

/* Says unbind to both legs. */
void sc_relay_unbind(struct sc_relay *relay);

/* Whether a drain may go on to that. */
void sc_relay_check_drained(struct sc_relay *relay);

/* In SC_UNBINDING: a leg has nothing more to say. */
void sc_relay_leg_done(struct sc_relay *relay, enum sc_leg leg);
