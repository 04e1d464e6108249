#pragma once

#include "client/lib/box.h"
#include "client/lib/claim.h"
#include "client/lib/key.h"
#include "common/msgi.h"

/* One cps_receive: between the file that leads it to its end and the one that opens and judges what came. */

/* Which entries from orig are judged. */
enum cps_judging {
    CPS_JUDGE_EXACT, /* those with the body's digest; all that can pass if there is no body */
    CPS_JUDGE_ANY,   /* those without a digest, which can pass too, where no exact one does */
    CPS_JUDGE_ALL,   /* all, to tell what is wrong */
    CPS_JUDGINGS,
};

/* A message that arrived, on its way to a verdict. */
struct receiving {
    struct cps_task task;
    struct cps_checked message;
    struct cps_keys keys;
    char msgi[3][STIR_MSGI_MAX]; /* of the body */
    const char *digests[3];
    size_t digest_count; /* 0: the message has no body */
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
    uint64_t read; /* the plain read that has to be over */
    bool retried;
    int64_t retry_ms;

    uint64_t seen[CPS_JUDGINGS];   /* entries judged */
    struct cps_candidates pending; /* their certificates are being fetched */
    struct cps_claim claim;        /* of one that passes */
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

/* Judges entries that were not judged before. CPS_E_NOMEM. */
enum cps_code cps_receiving_judge(struct receiving *op, enum cps_judging which, struct cps_error *err) STIR_MUST_CHECK;

/* Judges those again whose certificates were being fetched, and gives them up. */
void cps_receiving_judge_pending(struct receiving *op);
void cps_receiving_give_up(struct receiving *op, const char *why);

/* With a claim under way. True: it is over, and *code says how: CPS_OK, the operation goes on; else it ends. */
bool cps_receiving_settle(struct receiving *op, enum cps_code *code, struct cps_error *err);

/* Something was found that passes. Nothing more is to be judged: so, or it is being claimed. */
bool cps_receiving_passed(const struct receiving *op);
bool cps_receiving_found(const struct receiving *op);
