#pragma once

#include "client/lib/box/box.h"
#include "client/lib/box/claim.h"
#include "client/lib/box/match.h"
#include "client/lib/context/key.h"
#include "common/passport/msgi.h"

/* One cps_receive: between the file that leads it to its end and the one that opens and judges what came. */

/* Which entries from orig are judged. */
enum cps_judging {
    CPS_JUDGE_EXACT, /* those with the message's text, or with neither text nor body */
    CPS_JUDGE_LOOSE, /* those that say nothing of the text, where no exact one passes */
    CPS_JUDGE_OTHER, /* the rest: whether one of them is evidence that the text was changed */
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
    int64_t deadline_ms; /* for a PASSporT to arrive */
    int64_t last_ms;     /* for everything */

    bool found; /* where the box is */
    struct cps_box *box;
    enum {
        READING, /* all that is in the box now */
        WAITING, /* for what comes next */
        LAST,    /* nothing more is waited for but certificates */
    } phase;
    uint64_t read; /* the plain read that has to be over; then the one that came to the end of the box */
    bool retried;
    int64_t retry_ms;

    struct cps_arrival arrival;     /* tells other messages of this one */
    uint64_t seen[CPS_JUDGINGS];    /* entries judged */
    struct cps_candidates pending;  /* their certificates are being fetched */
    struct cps_vouches vouches;     /* those that are good, by the text or without one: see loose */
    bool loose;                     /* the vouches are those that say nothing of the text */
    bool match_due;                 /* something has changed since they were matched */
    bool fitted;                    /* a PASSporT with the message's text was found, good or not */
    size_t group;                   /* of the vouches: what was used up for this message */
    struct cps_claim claim;         /* of it */
    size_t others;                  /* entries of CPS_JUDGE_OTHER that were verified */
    struct cps_candidates suspects; /* those of them that are good but for their text */
    struct cps_result best;
    bool any;
    size_t candidates;

    cps_result_cb callback;
    void *arg;
};

/* Puts what an answer brought into the box. */
void cps_receiving_take(struct receiving *op, struct cps_read *read);

/* Opens what is in the box, the newest first, and judges what can pass, until something does. With claims all is opened
 * first: a PASSporT may be in several envelopes. *busy: others are opening the rest, and will wake the task.
 * CPS_E_NOMEM. */
enum cps_code cps_receiving_look(struct receiving *op, bool *busy, struct cps_error *err) STIR_MUST_CHECK;

/* Looks for evidence about a message that nothing vouches for: a PASSporT that fits in all but the text, or something
 * that is no PASSporT. CPS_E_NOMEM. */
enum cps_code cps_receiving_find_evidence(struct receiving *op, struct cps_error *err) STIR_MUST_CHECK;

/* Judges those again whose certificates were being fetched, and gives them up. */
void cps_receiving_judge_pending(struct receiving *op);
void cps_receiving_give_up(struct receiving *op, const char *why);

/* With a claim under way. True: it is over, and *code says how: CPS_OK, the operation goes on; else it ends. */
bool cps_receiving_settle(struct receiving *op, enum cps_code *code, struct cps_error *err);

/* Something was found that passes. Nothing more is to be judged: so, or it is being claimed. */
bool cps_receiving_passed(const struct receiving *op);
bool cps_receiving_found(const struct receiving *op);
