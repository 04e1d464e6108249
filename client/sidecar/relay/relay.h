#pragma once

#include "client/sidecar/relay/counters.h"
#include "client/sidecar/relay/held_message.h"
#include "common/base/error.h"
#include "common/base/log.h"

/*
 * One ESME's connection and ours to the peer, without any I/O: octets of either leg in, octets, wishes and events out
 * through the owner's table. It can be driven octet by octet. One thread.
 *
 * The first whole bind opens the peer's leg and goes there as it came. From then on everything goes through octet for
 * octet, at once and with its sequence number, but for the messages that the filter is to see (see held.h).
 *
 * What the relay says itself:
 * - to an ESME that is not bound: ESME_RINVBNDSTS for what needs a bind, enquire_link_resp, generic_nack for unknown
 *   commands; ESME_RBINDFAIL for a bind that cannot be read, has an overlong system_id, is over the limit of binds or
 *   finds no peer in time; ESME_RALYBND for a second bind. Never ESME_RINVPASWD, _RINVSYSID, _RINVSYSTYP: those make
 *   gateways give a peer up for good, so only the peer may say them;
 * - where no telling is possible where the next PDU begins: generic_nack (nothing to HTTP and TLS), then it closes;
 * - enquire_link to a leg that is silent, unbind when it is drained, both with sequence numbers from 0x7fffffff
 *   downwards that are not outstanding; their responses go no further.
 * All else that is wrong in a PDU is the peers' own business.
 *
 * When a leg is lost, what was written to the other one is still sent, then that is closed too. Messages that were not
 * passed on by then (undecided, or waiting for their turn) are left unanswered, whoever sent them: SMPP's senders
 * repeat what was not answered, and an answer that arrives in the moment of closing may or may not be seen. So no
 * message is lost, and none doubled by us.
 */

enum sc_state {
    SC_OPEN,       /* waits for a bind; no peer */
    SC_CONNECTING, /* the peer's leg is being opened; nothing is read from the ESME */
    SC_BINDING,    /* the peer has the bind; messages from the ESME wait for its answer */
    SC_BOUND,
    SC_UNBOUND,   /* the peer's leg is open, but the bind was refused or has ended */
    SC_DRAINING,  /* as bound, but new requests are dropped unanswered; unbind when nothing is under way */
    SC_UNBINDING, /* we have said unbind to both legs */
    SC_CLOSED,    /* both legs are closed or told to: nothing happens any more */
    SC_STATE_COUNT,
};

/* Messages held by all relays together. Zeroed but for the limits; outlives the relays. */
struct sc_pool {
    size_t held, held_max;
    size_t octets, octets_max;
    struct sc_relay *first_waiting, *last_waiting; /* relays that have stopped reading for want of room */
};

/* What a relay wants of its owner. None of these may call back into the relay or free it. */
struct sc_relay_ops {
    /* Appends octets to what is sent to a leg; they are the relay's, so they are copied. */
    void (*write)(void *arg, enum sc_leg leg, const void *data, size_t n);
    /* Stop or go on reading from a leg. What was read already may still be given to sc_relay_input. */
    void (*read)(void *arg, enum sc_leg leg, bool on);
    /* May this bind be (limit of binds of a system_id)? False: it is answered ESME_RBINDFAIL and the ESME's leg is
     * closed. An admitted one counts until released() or the next admit(). */
    bool (*admit)(void *arg, const struct sc_bind *bind);
    void (*released)(void *arg);
    /* Open the peer's leg: sc_relay_connected() or, when that fails, sc_relay_lost(SC_PEER) is the answer. */
    void (*connect)(void *arg);
    /* Send what was written to this leg, then close it. sc_relay_lost() need not be called for it, but may. */
    void (*close)(void *arg, enum sc_leg leg);
    /* There is room again: call sc_relay_resume() soon. */
    void (*resume)(void *arg);
    /* A line for the log, without anything that a peer sent. */
    void (*log)(void *arg, enum stir_log_level level, const char *text);
};

/* Shared by all relays of a sidecar; the owner may change it between calls (SIGHUP). Times in milliseconds, 0: never.
 */
struct sc_relay_options {
    size_t max_pdu;         /* octets */
    size_t max_unbound_pdu; /* before a bind was accepted; the smaller of both counts */
    size_t held_max;        /* messages held in each direction; one may always be */
    size_t held_octets_max;
    uint32_t bind_ms;          /* from a connection's start to its bind, and from the bind to the peer's answer */
    uint32_t enquire_ms;       /* a leg that says nothing for so long is asked with enquire_link */
    uint32_t answer_ms;        /* and is taken for dead when it then says nothing for so long */
    uint32_t pdu_ms;           /* from a PDU's first octet to its last */
    uint32_t idle_ms;          /* nothing but enquire_link for so long ends the connection */
    uint32_t unbind_ms;        /* an unbind waits for the messages before it, and its sender for the answer, so long */
    bool offers[SC_LEG_COUNT]; /* messages from this leg are offered to the filter */
    const struct sc_filter *filter;
    struct sc_pool *pool;
    struct sc_counters *counters;
};

struct sc_relay;

/* A relay for an ESME that has just connected from `address`. Options and ops outlive it. STIR_E_NOMEM. */
enum stir_code sc_relay_new(struct sc_relay **out, const struct sc_relay_options *options,
                            const struct sc_relay_ops *ops, void *arg, const char *address, uint64_t connection,
                            uint64_t now_ms) STIR_MUST_CHECK;

/* Undecided messages are reported to the filter as abandoned. Closes nothing. */
void sc_relay_free(struct sc_relay *relay);

/* Octets from a leg, any number of them. What cannot be dealt with now is kept; it does not grow beyond one PDU and
 * what one call brings as long as the owner heeds read(). */
void sc_relay_input(struct sc_relay *relay, enum sc_leg leg, const void *data, size_t n, uint64_t now_ms);

/* The peer's leg is open. */
void sc_relay_connected(struct sc_relay *relay, uint64_t now_ms);

/* A leg has ended, or could not be opened: `why` is for the log, NULL for an orderly end. */
void sc_relay_lost(struct sc_relay *relay, enum sc_leg leg, const char *why, uint64_t now_ms);

/* The queue of octets for a leg is over its limit (nothing more is read from the other one), or has room again. */
void sc_relay_full(struct sc_relay *relay, enum sc_leg leg, bool full, uint64_t now_ms);

void sc_relay_resume(struct sc_relay *relay, uint64_t now_ms);

/* To be called a few times a second: timeouts. */
void sc_relay_tick(struct sc_relay *relay, uint64_t now_ms);

/* SIGTERM: no new messages; when those that are held have gone on and the answers to those under way are back, or half
 * of `limit_ms` has gone, unbind on both legs, then close; close in any case when limit_ms has gone. */
void sc_relay_drain(struct sc_relay *relay, uint64_t limit_ms, uint64_t now_ms);

/* Closes both legs at once. */
void sc_relay_abort(struct sc_relay *relay, uint64_t now_ms);

enum sc_state sc_relay_state(const struct sc_relay *relay);
const char *sc_state_name(enum sc_state state);

/* Who is bound, or was last; the address and the connection's number are there from the start. */
const struct sc_bind *sc_relay_bind(const struct sc_relay *relay);

/* Messages held now, in both directions. */
size_t sc_relay_held(const struct sc_relay *relay);
