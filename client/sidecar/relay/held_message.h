/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/smpp/pdu.h"
#include "client/smpp/pdu_edit.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A message in the sidecar, from when it is offered to the filter until the filter has decided. Everything here happens
 * on the loop's thread.
 */

/* The two connections of a relay. As `from` it also names the direction: from the ESME that bound to us ([submit]), or
 * from the peer to which we bound for it ([deliver]). The direction counts, not the command: data_sm goes both ways. */
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
    SC_SYSTEM_ID_MAX = 63, /* SMPP 3.4, 5.2.1 allows 15; a longer one is refused */
    SC_ADDRESS_MAX = 63,
    SC_MESSAGE_ID_MAX = 64, /* of a response: SMPP 3.4, 5.2.23 */
};

/* Who is bound. */
struct sc_bind {
    char system_id[SC_SYSTEM_ID_MAX + 1]; /* accepted by the peer together with the password, see sc_held.bind */
    char address[SC_ADDRESS_MAX + 1];     /* the ESME's, without port */
    uint64_t connection;                  /* unique for each connection of this process */
    uint32_t command;                     /* SMPP_BIND_RECEIVER, _TRANSMITTER, _TRANSCEIVER */
    uint8_t interface_version;
};

struct sc_held {
    enum sc_leg from;
    const struct sc_bind *bind; /* messages from the ESME are offered only after the peer has accepted the bind */
    struct smpp_pdu pdu;        /* views into octets that the held message owns; valid as long as it is held */
    enum smpp_fault fault;      /* not SMPP_OK: a mandatory field of the PDU cannot be read (flaw says which one), and
                                 * only the fields before it are set in pdu. It may be passed as it is, or answered
                                 * smpp_status_of(fault, flaw.field). A PDU that is damaged after its mandatory fields
                                 * has no fault, but a pdu.tail */
    struct smpp_flaw flaw;
    uint64_t arrived_ms; /* uv_now() */
    bool incomplete;     /* set within offer() and cleared by the filter: a segment that waits for the rest of its
                          * message. Later messages do not wait for it. */
    void *own;           /* for the filter */
};

/*
 * Decisions. After a decision the filter must not use held any more. It may decide at any time: within offer(), later,
 * and, for other messages, within abandoned().
 *
 * Messages of one direction of a connection with the same source and destination are forwarded in the order in which
 * they arrived; a submit_multi counts for each of its destinations. A message that passes while an earlier one is
 * undecided waits for it in the relay, unless the earlier one is `incomplete`. Answers do not wait.
 */

/* Forwards a message unchanged. */
void sc_held_pass(struct sc_held *held);

/* Forwards a message edited. `edit` and what it points to are read during the call only. A text (edit->body) replaces
 * the old one, UDH included. When verifying, the filter must drop our tags from the message, or a sender could write
 * its own verdict. STIR_E_INVAL and STIR_E_TOO_BIG as smpp_pdu_edit, the latter also if the PDU would be longer than
 * max_pdu_bytes; STIR_E_NOMEM. After an error the message is still undecided. */
enum stir_code sc_held_edit(struct sc_held *held, const struct smpp_edit *edit) STIR_MUST_CHECK;

/* Answers a message with an error and does not forward it. Status 0 stands for SMPP_RSYSERR. */
void sc_held_answer(struct sc_held *held, uint32_t status);

/* Puts messages of the same connection and direction into the order of `items`, within the places that they have: for
 * the segments of a message that arrived out of order. All must be undecided. */
void sc_held_reorder(struct sc_held *const *items, size_t count);

/* PDUs that are shown to the filter without being held: they carry no text that could be signed or verified. */
enum sc_exempt {
    SC_EXEMPT_RECEIPT,   /* a delivery receipt or an intermediate notification of the SMSC */
    SC_EXEMPT_REPLACE,   /* replace_sm: its text has no destination */
    SC_EXEMPT_BROADCAST, /* broadcast_sm: its text has no destination */
    SC_EXEMPT_UNKNOWN,   /* an unknown command */
    SC_EXEMPT_OTHER,     /* another request or a response with TLVs, one of which may be a planted verdict */
    SC_EXEMPT_COUNT,
};

/* The filter's answer for such a PDU. All zero: it is forwarded unchanged. */
struct sc_passage {
    uint32_t refuse; /* not 0: it is answered with this command_status and not forwarded */
    bool edits;      /* it is forwarded with this edit */
    struct smpp_edit edit;
};

/* The filter, which decides about messages. Callbacks that may be NULL say so. */
struct sc_config;
struct stir_buf;

struct sc_health;

struct sc_filter {
    /* Takes a message (submit_sm, deliver_sm, data_sm, submit_multi; not a receipt of the SMSC) in a direction whose
     * action is not `pass`. The filter must decide it at some time. */
    void (*offer)(void *arg, struct sc_held *held);

    /* An undecided message has lost its connection, or its bind has ended. It was neither answered nor forwarded, so
     * its sender will repeat it. held is freed when this returns. */
    void (*abandoned)(void *arg, struct sc_held *held);

    /* Decides about a PDU that is not held, in a direction whose action is not `pass`: fills in `out`, whose edit may
     * point to memory that is valid until the next reload. held is valid during the call only. May be NULL: all such
     * PDUs are forwarded. */
    void (*exempt)(void *arg, const struct sc_held *held, enum sc_exempt kind, struct sc_passage *out);

    /* A response to a forwarded message came: its sequence number, its status, which is not 0 if the message was
     * refused or is to be sent again, and its message_id, or an empty view. Also called for responses to other requests
     * in that direction. May be NULL. */
    void (*answered)(void *arg, const struct sc_bind *bind, enum sc_leg from, uint32_t sequence, uint32_t status,
                     struct stir_view message_id);

    /* A bind has ended, after the last abandoned(): forwarded messages without an answer will be sent again. closed:
     * its connections have ended, too, and answers sent before may not have been read. May be called more than once for
     * a bind. May be NULL. */
    void (*ended)(void *arg, const struct sc_bind *bind, bool closed);

    /* `from` has read all answers that were sent to it: it has unbound, or has answered an unbind that was sent after
     * them. May be NULL. */
    void (*caught_up)(void *arg, const struct sc_bind *bind, enum sc_leg from);

    /* SIGHUP: takes a new configuration, which is valid until the next one. On failure the filter keeps the one it has,
     * and the caller drops the new one. Undecided messages stay undecided. May be NULL. */
    enum stir_code (*reload)(void *arg, const struct sc_config *config, struct stir_error *err);

    /* SIGUSR1: opens the files of its records again, so that they can be rotated. On failure the old files stay in use.
     * May be NULL. */
    enum stir_code (*reopen)(void *arg, struct stir_error *err);

    /* Appends its metrics as Prometheus text. May be NULL. */
    void (*metrics)(void *arg, struct stir_buf *out);
    /* Appends, in one line, what needs an operator's attention although messages are served. May be NULL. */
    void (*advise)(void *arg, struct stir_buf *out);

    /* Fills in why messages would not be signed or verified as configured (client/sidecar/filter/health.h). May be
     * NULL. */
    void (*health)(void *arg, struct sc_health *out);

    /* SIGTERM: undecided messages are to be decided soon. May be NULL. */
    void (*stop)(void *arg);

    /* The last call, when no message is held any more: ends its operations and closes its handles on the loop, which
     * runs until they are closed. May be NULL. */
    void (*close)(void *arg);

    void *arg;
};
