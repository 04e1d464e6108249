/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/box/box.h"
#include "client/lib/box/claim.h"
#include "client/lib/box/match.h"
#include "client/lib/context/key.h"
#include "common/passport/msgi.h"

/*
 * The state of one cps_receive, shared by receive.c, which reads the box and waits, and receive_judge.c, which opens
 * and judges. Calls go from receive.c to receive_judge.c only.
 */

/* Which of the entries from the message's sender are judged. */
enum cps_judging {
    CPS_JUDGE_EXACT, /* those whose digest is that of the text, or without a digest for a message without a body */
    CPS_JUDGE_LOOSE, /* those without a digest for a message with a body; judged if no exact one passes */
    CPS_JUDGE_OTHER, /* the rest: one of them may be evidence that the text was changed */
    CPS_JUDGINGS,
};

#define CPS_DIGESTS (STIR_MSGI_SHA512 + 1) /* of one body */

/* A message that arrived, on its way to a verdict. */
struct receiving {
    struct cps_task task;
    struct cps_checked message;
    struct cps_keys keys;
    char msgi[CPS_DIGESTS][STIR_MSGI_MAX];                     /* of the body */
    const char *digests[CPS_DIGESTS * (1 + CPS_READINGS_MAX)]; /* of the body, then of its readings */
    size_t digest_count;                                       /* 0: the message has no body */
    uint32_t wait_ms;
    int64_t deadline_ms; /* until when a PASSporT may arrive (monotonic) */
    int64_t last_ms;     /* when the operation ends whatever is missing (monotonic) */

    bool found; /* the lookup of where the box is has ended */
    struct cps_box *box;
    enum {
        READING, /* reads all that is in the box now */
        WAITING, /* waits for PASSporTs that arrive later */
        LAST,    /* waits for certificates only */
    } phase;
    uint64_t read; /* number of the plain read that has to end; then of the one that came to the end of the box */
    bool retried;  /* the one retry of a failed read was used */
    int64_t retry_ms;

    struct cps_arrival arrival;     /* how other messages at the box know this one */
    uint64_t seen[CPS_JUDGINGS];    /* number of the last entry that was judged */
    struct cps_candidates pending;  /* their certificates are being fetched */
    struct cps_vouches vouches;     /* good PASSporTs, with the text or without one: see loose */
    bool loose;                     /* the vouches are those without a digest of the text */
    bool match_due;                 /* the vouches have changed since they were matched */
    bool fitted;                    /* a PASSporT with the message's text was found, good or not */
    size_t group;                   /* the group of vouches that was used up for this message */
    struct cps_claim claim;         /* of that group */
    size_t others;                  /* number of entries of CPS_JUDGE_OTHER that were verified */
    struct cps_candidates suspects; /* those entries that are good but for their text */
    struct cps_result best;         /* the best result so far, */
    bool any;                       /* if there is one */
    size_t candidates;              /* PASSporTs from this sender with other texts that were seen */

    cps_result_cb callback;
    void *arg;
};

/* Puts the envelopes of an answer into the box, and gives the read back. */
void cps_receiving_take(struct receiving *op, struct cps_read *read);

/* Opens the envelopes in the box, newest first, and judges what can pass until something does. With options.claim all
 * are opened first, since a PASSporT may be in several envelopes. Sets *busy if other tasks are opening the rest and
 * will wake this one. CPS_E_NOMEM. */
enum cps_code cps_receiving_look(struct receiving *op, bool *busy, struct cps_error *err) STIR_MUST_CHECK;

/* Looks for evidence about a message that nothing vouches for: a PASSporT that fits in everything but the text, or an
 * envelope that opens but holds no PASSporT. CPS_E_NOMEM. */
enum cps_code cps_receiving_find_evidence(struct receiving *op, struct cps_error *err) STIR_MUST_CHECK;

/* Judges the entries again whose certificates were being fetched. */
void cps_receiving_judge_pending(struct receiving *op);

/* Gives up the entries whose certificates have not come; why: the reason for the error text. */
void cps_receiving_give_up(struct receiving *op, const char *why);

/* Takes the result of the claim that is under way. Returns false while it is not over. Otherwise *code is CPS_OK if the
 * operation continues, or the failure with which it ends. */
bool cps_receiving_settle(struct receiving *op, enum cps_code *code, struct cps_error *err);

/* Returns true if the message has passed. */
bool cps_receiving_passed(const struct receiving *op);

/* Returns true if nothing more has to be judged: the message has passed, or its PASSporT is being claimed. */
bool cps_receiving_found(const struct receiving *op);
