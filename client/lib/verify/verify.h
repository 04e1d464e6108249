#pragma once

#include "client/lib/context/message.h"
#include "client/lib/verify/chain.h"
#include "common/passport/passport.h"

struct cps_task;

/*
 * The steps of RFC 8816 section 8.2 for one PASSporT. What they say of the PASSporT alone does not change from message
 * to message; a proof keeps it, so that a PASSporT in a box is proved once. Guarded by its owner.
 */
struct cps_proof {
    enum cps_proved {
        CPS_PROVED_NOTHING,
        CPS_PROVED_CREDENTIALS,
        CPS_PROVED_SIGNATURE,
    } known;
    uint64_t generation;      /* of the trust that it is known by; 0: of none */
    struct cps_chain *chain;  /* trusted, or NULL */
    struct cps_chain *tried;  /* the chain of x5u that this is known by, trusted or not; NULL: another one */
    bool without_x5c;         /* the chain that travelled along was tried in vain: x5u counts */
    enum cps_code x5c_failed; /* why; what counts if x5u serves no certificate */
    char *x5c_text;
    enum cps_code failed; /* CPS_OK: all that is known is good */
    char *text;           /* why not; NULL: the code's own text */
    bool by_spc;
};

void cps_proof_clear(struct cps_proof *proof);

/* Verifies all but whether the PASSporT was used before (used.h).
 * False: the certificate is being fetched, and the task will be woken. True: `out` holds the verdict; its passport and
 * envelope_id are the caller's to fill. x5c: the chain that travelled along, or NULL. message NULL: none. */
bool cps_verify(struct cps *cps, const struct stir_passport *passport, struct cps_chain *x5c, struct cps_proof *proof,
                const struct cps_checked *message, struct cps_task *task, struct cps_result *out);

/* What a result is as long as nobody has said otherwise: not passed. */
#define CPS_NO_RESULT ((struct cps_result){.verdict = CPS_CPS_UNAVAILABLE, .error = {.code = CPS_E_INVAL}})

/* Sets verdict and error from a code; err NULL: the code's own text. */
void cps_result_set(struct cps_result *out, enum cps_code code, const struct cps_error *err);

/* Puts a copy of the PASSporT into a result; without memory it has none. */
void cps_result_show(struct cps_result *out, const struct stir_passport *passport);

/* Names the signer in a result, as far as a proof has found a trusted chain. */
void cps_result_name_signer(struct cps_result *out, const struct cps_proof *proof);
