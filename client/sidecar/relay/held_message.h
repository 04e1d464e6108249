#pragma once

#include "client/smpp/pdu.h"
#include "client/smpp/pdu_edit.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A message on its way through the sidecar, from when it is offered to the filter until that has decided. Everything
 * here happens on the loop's thread.
 */

/* The two connections of a relay, and, as `from`, the two directions: from the ESME that bound to us ([submit]), from
 * the peer that we bound to for it ([deliver]). The direction counts, not the command: data_sm goes both ways. */
enum sc_leg {
    SC_ESME,
    SC_PEER,
    SC_LEG_COUNT,
};

static inline enum sc_leg sc_other(enum sc_leg leg)
{
    return leg == SC_ESME ? SC_PEER : SC_ESME;
}

enum {
    SC_SYSTEM_ID_MAX = 63, /* the specification has 15; a bind with more than this is refused */
    SC_ADDRESS_MAX = 63,
    SC_MESSAGE_ID_MAX = 64, /* of an answer, as the specification has it */
};

/* Who is bound. */
struct sc_bind {
    char system_id[SC_SYSTEM_ID_MAX + 1]; /* the peer accepted it together with the password, see sc_held.bind */
    char address[SC_ADDRESS_MAX + 1];     /* the ESME's, without port */
    uint64_t connection;                  /* a number of its own for each connection of this process */
    uint32_t command;                     /* SMPP_BIND_RECEIVER, _TRANSMITTER, _TRANSCEIVER */
    uint8_t interface_version;
};

struct sc_held {
    enum sc_leg from;
    const struct sc_bind *bind; /* from the ESME nothing is offered before the peer has accepted the bind */
    struct smpp_pdu pdu;        /* views into octets that belong to the held message; an address, text, TLV may be
                                 * looked at as long as it is held */
    enum smpp_fault fault;      /* not SMPP_OK: a mandatory field of the PDU cannot be read (flaw says which one), and
                                 * only the fields before it are set in pdu. It may be passed on as it is, or answered
                                 * smpp_status_of(fault, flaw.field). A PDU that is damaged only after its mandatory
                                 * fields has no fault, but a pdu.tail */
    struct smpp_flaw flaw;
    uint64_t arrived_ms; /* uv_now() */
    bool incomplete;     /* the filter's to set within offer() and to clear: a segment that waits for the rest of its
                          * message. Later messages are forwarded before it. */
    void *own;           /* the filter's */
};

/*
 * Decisions. Each ends the filter's part in the message: held is not to be touched after it. They may be taken at any
 * time, within offer() and, for other messages, within abandoned() too.
 *
 * Messages of one direction of a connection with the same source and destination go on in the order in which they came
 * (submit_multi: with those to any of its destinations): one that is passed while an earlier one is undecided waits for
 * it in the relay, unless the earlier one is `incomplete`. An answer waits for nothing.
 */

/* It goes on, octet for octet. */
void sc_held_pass(struct sc_held *held);

/* It goes on, edited; what `edit` points to is read during the call only. STIR_E_INVAL and STIR_E_TOO_BIG as
 * smpp_pdu_edit, the latter also when it would be longer than max_pdu_bytes; STIR_E_NOMEM: then it is still undecided.
 * A text (edit->body) is put in place of the old one, UDH included; in verify, drop the tags that are ours from what
 * arrived, or a sender writes his own verdict. */
enum stir_code sc_held_edit(struct sc_held *held, const struct smpp_edit *edit) STIR_MUST_CHECK;

/* It goes nowhere: its sender gets a response with this status, an error (0 stands for SMPP_RSYSERR). */
void sc_held_answer(struct sc_held *held, uint32_t status);

/* Those of `items` that came over the same connection and direction exchange their places, so that they go on in this
 * order: the segments of a message that did not come in theirs. All are undecided. */
void sc_held_reorder(struct sc_held *const *items, size_t count);

/* What the filter is asked about without holding it: it carries no text that could be signed or verified. */
enum sc_exempt {
    SC_EXEMPT_RECEIPT,   /* a delivery receipt or an intermediate notification of the SMSC's */
    SC_EXEMPT_REPLACE,   /* replace_sm: its text has no destination */
    SC_EXEMPT_BROADCAST, /* broadcast_sm: likewise */
    SC_EXEMPT_UNKNOWN,   /* a command that is not known here */
    SC_EXEMPT_OTHER,     /* another request, or a response, with TLVs: one of them may be a planted verdict */
    SC_EXEMPT_COUNT,
};

/* The filter's answer to that; all zero: it is forwarded as it came. */
struct sc_passage {
    uint32_t refuse; /* a command_status: it is not forwarded, its sender gets this answer */
    bool edits;      /* it is forwarded edited */
    struct smpp_edit edit;
};

/*
 * Who decides. The first two are called by a relay, the others, which may be NULL, by the sidecar.
 */
struct sc_config;
struct stir_buf;

struct sc_health;

struct sc_filter {
    /* A message (submit_sm, deliver_sm, data_sm, submit_multi, and no receipt of the SMSC's) in a direction whose
     * action is not `pass`. It must come to a decision some time. */
    void (*offer)(void *arg, struct sc_held *held);

    /* An undecided message has lost its connection, or its bind has ended. Nobody was answered, nothing was sent on:
     * its sender will repeat it. held is gone when this returns. */
    void (*abandoned)(void *arg, struct sc_held *held);

    /* A PDU that is not held, in a direction whose action is not `pass`: fills in `out`, whose edit may point to what
     * lives until the next reload. held is valid during the call only. May be NULL: all of them are forwarded. */
    void (*exempt)(void *arg, const struct sc_held *held, enum sc_exempt kind, struct sc_passage *out);

    /* The response to a message that was passed on: its sequence number, a status other than 0 if it is to be sent
     * again or was refused, and its message_id, which is empty if it has none. Also called for other requests in that
     * direction. May be NULL. */
    void (*answered)(void *arg, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence, uint32_t status,
                     struct stir_view message_id);

    /* A bind has ended, after the last abandoned(): what was passed on and not answered will be sent again by those
     * who did not see the answer. closed: its connections, too; answers that were sent before may not have been read.
     * May come again. May be NULL. */
    void (*ended)(void *arg, const struct sc_bind *bind, bool closed);

    /* `from` has read all answers that were sent to it: it has unbound, or answered an unbind that came after them. May
     * be NULL. */
    void (*caught_up)(void *arg, const struct sc_bind *bind, enum sc_leg from);

    /* SIGHUP: a new configuration, valid until the next. On failure the filter goes on with the one it has, and the
     * sidecar drops the new one. Undecided messages stay undecided. */
    enum stir_code (*reload)(void *arg, const struct sc_config *config, struct stir_error *err);

    /* SIGUSR1: opens the files of its records again, so that they can be rotated. On failure they stay as they were.
     * May be NULL. */
    enum stir_code (*reopen)(void *arg, struct stir_error *err);

    /* Prometheus text, behind the sidecar's own. */
    void (*metrics)(void *arg, struct stir_buf *out);
    /* Appends, in one line, what an operator should look at although messages are served; nothing if all is well. NULL:
     * nothing ever. */
    void (*advise)(void *arg, struct stir_buf *out);

    /* Fills in the reasons why messages would not be signed or verified as configured (client/sidecar/server/health.h).
     * NULL: there are none ever. */
    void (*health)(void *arg, struct sc_health *out);

    /* SIGTERM has come: what is undecided now is to be decided without further waiting where that is possible. */
    void (*stop)(void *arg);

    /* The last call, when no message is held any more: closes its handles on the loop and ends what is under way. The
     * loop runs until they are closed. */
    void (*close)(void *arg);

    void *arg;
};
