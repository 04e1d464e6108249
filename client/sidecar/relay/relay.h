/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/sidecar/relay/counters.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"
#include "common/base/log.h"

/*
 * One ESME's connection and our connection to the peer, its two legs, without I/O. The owner gives it the octets that
 * arrive on either leg, and gets octets, requests and events through a table of callbacks. It can be driven octet by
 * octet. One thread.
 *
 * The first complete bind opens the peer's leg and is forwarded unchanged. From then on all PDUs are forwarded
 * unchanged and at once, with their sequence numbers, except for messages that are offered to the filter (see
 * held_message.h).
 *
 * What the relay sends itself:
 * - to an ESME that is not bound: ESME_RINVBNDSTS for requests that need a bind, enquire_link_resp, generic_nack for
 *   unknown commands; ESME_RBINDFAIL for a bind that cannot be read, has an overlong system_id, is over the limit of
 *   binds, or finds no peer in time; ESME_RALYBND for a second bind. Never ESME_RINVPASWD, _RINVSYSID or _RINVSYSTYP:
 *   a gateway gives a peer up for good on these, so only the peer may send them;
 * - if the start of the next PDU is unknown: generic_nack (nothing to HTTP and TLS), then it closes;
 * - enquire_link to a silent leg, and unbind after draining, both with sequence numbers from 0x7fffffff downwards that
 *   are not outstanding. Their responses are not forwarded.
 * Any other fault in a PDU is left to the peers.
 *
 * When a leg is lost, octets queued for the other leg are still sent, then that leg is closed, too. Messages that were
 * not forwarded by then (undecided, or waiting for their turn) are not answered: an SMPP sender repeats messages
 * without an answer, and may not see an answer that is sent just before closing. So no message is lost or duplicated by
 * us.
 */

enum sc_state {
    SC_OPEN,       /* waiting for a bind; the peer's leg is not open */
    SC_CONNECTING, /* the peer's leg is being opened; the ESME is not read */
    SC_BINDING,    /* the bind was sent to the peer; messages from the ESME wait for its answer */
    SC_BOUND,
    SC_UNBOUND,   /* the peer's leg is open, but the bind was refused or has ended */
    SC_DRAINING,  /* as bound, but new requests are dropped unanswered; unbinds when nothing is outstanding */
    SC_UNBINDING, /* the relay has sent unbind to both legs */
    SC_CLOSED,    /* both legs are closed or being closed: the end */
    SC_STATE_COUNT,
};

/* Counts the messages held by all relays together. The owner zeroes it and sets the limits; it outlives the relays. */
struct sc_pool {
    size_t held, held_max;
    size_t octets, octets_max;
    struct sc_relay *first_waiting, *last_waiting; /* relays that have stopped reading for lack of room */
};

/* Callbacks to the owner. None of them may call a function of the relay or free it. */
struct sc_relay_ops {
    /* Queues octets for sending to a leg. The owner copies them. */
    void (*write)(void *arg, enum sc_leg leg, const void *data, size_t n);
    /* Stops or resumes reading from a leg. Octets that were read already may still be given to sc_relay_input. */
    void (*read)(void *arg, enum sc_leg leg, bool on);
    /* Returns true if this bind is allowed (limit of binds of a system_id). Otherwise it is answered ESME_RBINDFAIL and
     * the ESME's leg is closed. An admitted bind counts until released(). */
    bool (*admit)(void *arg, const struct sc_bind *bind);
    void (*released)(void *arg);
    /* Opens the peer's leg. The owner then calls sc_relay_connected() or sc_relay_lost(SC_PEER). */
    void (*connect)(void *arg);
    /* Sends what is queued for a leg, then closes it. The owner may call sc_relay_lost() for it, but need not. */
    void (*close)(void *arg, enum sc_leg leg);
    /* Asks the owner to call sc_relay_resume() soon. */
    void (*resume)(void *arg);
    /* Writes a log line, which contains nothing that a peer sent. */
    void (*log)(void *arg, enum stir_log_level level, const char *text);
};

/* Shared by all relays of a sidecar; the owner may change it between calls (SIGHUP). Times in milliseconds; 0: no
 * limit.
 */
struct sc_relay_options {
    size_t max_pdu;         /* octets */
    size_t max_unbound_pdu; /* octets, before a bind was accepted; the smaller of both counts */
    size_t held_max;        /* messages held in each direction; one is always allowed */
    size_t held_octets_max;
    uint32_t bind_ms;          /* from the start of a connection to its bind, and from the bind to the peer's answer */
    uint32_t enquire_ms;       /* idle time after which a leg is sent an enquire_link, */
    uint32_t answer_ms;        /* and time for its answer, after which the leg is considered dead */
    uint32_t pdu_ms;           /* from a PDU's first octet to its last */
    uint32_t idle_ms;          /* time without any PDU but enquire_link after which the connection is ended */
    uint32_t unbind_ms;        /* time that an unbind waits for the messages before it, and its sender for the answer */
    bool offers[SC_LEG_COUNT]; /* messages from this leg are offered to the filter */
    const struct sc_filter *filter;
    struct sc_pool *pool;
    struct sc_counters *counters;
};

struct sc_relay;

/* Makes a relay for an ESME that has just connected from `address`. options, ops and arg outlive it. STIR_E_NOMEM. */
enum stir_code sc_relay_new(struct sc_relay **out, const struct sc_relay_options *options,
                            const struct sc_relay_ops *ops, void *arg, const char *address, uint64_t connection,
                            uint64_t now_ms) STIR_MUST_CHECK;

/* Frees a relay and reports its undecided messages to the filter as abandoned. Does not close the legs. relay may be
 * NULL. */
void sc_relay_free(struct sc_relay *relay);

/* Takes any number of octets from a leg. Octets that cannot be taken now are copied and kept: one PDU and the octets of
 * one call at most, if the owner obeys read(). */
void sc_relay_input(struct sc_relay *relay, enum sc_leg leg, const void *data, size_t n, uint64_t now_ms);

/* Notes that the peer's leg is open. */
void sc_relay_connected(struct sc_relay *relay, uint64_t now_ms);

/* Notes that a leg has ended or could not be opened. `why` is for the log, NULL for an orderly end. */
void sc_relay_lost(struct sc_relay *relay, enum sc_leg leg, const char *why, uint64_t now_ms);

/* Notes that the queue of octets for a leg is over its limit, so that the other leg is not read, or has room again. */
void sc_relay_full(struct sc_relay *relay, enum sc_leg leg, bool full, uint64_t now_ms);

/* Continues with what waited for room. */
void sc_relay_resume(struct sc_relay *relay, uint64_t now_ms);

/* Checks time limits. Called a few times per second. */
void sc_relay_tick(struct sc_relay *relay, uint64_t now_ms);

/* Ends the connection after SIGTERM: takes no new messages. When held messages are forwarded and outstanding requests
 * answered, or after half of `limit_ms`, unbinds on both legs, then closes; closes after limit_ms in any case. */
void sc_relay_drain(struct sc_relay *relay, uint64_t limit_ms, uint64_t now_ms);

/* Closes both legs at once. */
void sc_relay_abort(struct sc_relay *relay, uint64_t now_ms);

/* Returns the state, and its name, for example "bound". */
enum sc_state sc_relay_state(const struct sc_relay *relay);
const char *sc_state_name(enum sc_state state);

/* Returns who is bound, or was bound last. The address and the connection's number are set from the start. */
const struct sc_bind *sc_relay_bind(const struct sc_relay *relay);

/* Returns the number of messages held in both directions. */
size_t sc_relay_held(const struct sc_relay *relay);
