/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/message.h"
#include "client/lib/verify/chain.h"
#include "common/passport/passport.h"

struct cps_task;

/*
 * The steps of RFC 8816 section 8.2 for one PASSporT. A proof keeps the results that do not depend on the message, so
 * that a PASSporT in a box is verified once. Its owner guards it.
 */
struct cps_proof {
    enum cps_proved {
        CPS_PROVED_NOTHING,
        CPS_PROVED_CREDENTIALS,
        CPS_PROVED_SIGNATURE,
    } known;
    uint64_t generation;      /* of the trust that the results are for; 0: none */
    struct cps_chain *chain;  /* trusted, or NULL */
    struct cps_chain *tried;  /* the chain from x5u that the results are for, trusted or not; NULL: another chain */
    bool without_x5c;         /* the chain from the envelope has failed: that from x5u counts */
    enum cps_code x5c_failed; /* why; this is the result if x5u serves no certificate */
    char *x5c_text;
    enum cps_code failed; /* the first failure; CPS_OK: none */
    char *text;           /* its text; NULL: the code's own text */
    bool by_spc;          /* the authority over orig comes from an SPC */
};

/* Frees what a proof holds, and zeroes it. */
void cps_proof_clear(struct cps_proof *proof);

/* Verifies everything but whether the PASSporT was used before (used_passports.h). Returns false while the certificate
 * is being fetched; the task will be woken. Otherwise `out` holds the verdict; the caller fills in its passport and
 * envelope_id. x5c: the chain from the envelope, or NULL. message may be NULL. */
bool cps_verify(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c, struct cps_proof *proof,
                const struct cps_checked *message, struct cps_task *task, struct cps_result *out);

/* The initial value of a result: not passed. */
#define CPS_NO_RESULT ((struct cps_result){.verdict = CPS_CPS_UNAVAILABLE, .error = {.code = CPS_E_INVAL}})

/* Sets verdict and error from a code. err: the details; NULL: the code's own text. */
void cps_result_set(struct cps_result *out, enum cps_code code, const struct cps_error *err);

/* Puts a copy of the PASSporT, its type and its attestation into a result. Without memory the copy is left out. */
void cps_result_show(struct cps_result *out, const struct stir_passport *passport);

/* Names the signer in a result, if the proof has a trusted chain. */
void cps_result_name_signer(struct cps_result *out, const struct cps_proof *proof);
