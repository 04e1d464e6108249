/* SPDX-License-Identifier: MIT */
#include "client/lib/verify/chain.h"

#include "client/lib/verify/trust.h"

#include <stdlib.h>

enum cps_code cps_chain_wrap(struct cps_chain **out, struct stir_chain *chain, struct cps_error *err)
{
    struct cps_chain *wrapped = calloc(1, sizeof(*wrapped));
    if (!wrapped) {
        stir_chain_unref(chain);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    wrapped->chain = chain;
    atomic_init(&wrapped->refs, 1);
    pthread_mutex_init(&wrapped->lock, NULL);
    for (int i = 0; i < CPS_CHAIN_MINUTES; i++) {
        wrapped->good[i] = -1;
    }
    *out = wrapped;
    return CPS_OK;
}

struct cps_chain *cps_chain_ref(struct cps_chain *chain)
{
    if (chain) {
        atomic_fetch_add(&chain->refs, 1);
    }
    return chain;
}

void cps_chain_unref(struct cps_chain *chain)
{
    if (chain && atomic_fetch_sub(&chain->refs, 1) == 1) {
        stir_chain_unref(chain->chain);
        pthread_mutex_destroy(&chain->lock);
        free(chain);
    }
}

/* Looks up the result for a minute. A new revocation list, with a new generation, makes all results void. */
static bool chain_is_known(struct cps_chain *chain, uint64_t generation, int64_t minute, int *lacks)
{
    bool known = false;
    pthread_mutex_lock(&chain->lock);
    for (int i = 0; chain->generation == generation && i < CPS_CHAIN_MINUTES; i++) {
        if (chain->good[i] == minute) {
            *lacks = chain->lacks[i];
            known = true;
        }
    }
    pthread_mutex_unlock(&chain->lock);
    return known;
}

static void chain_remember(struct cps_chain *chain, uint64_t generation, int64_t minute, int lacks)
{
    pthread_mutex_lock(&chain->lock);
    for (int i = 0; chain->generation != generation && i < CPS_CHAIN_MINUTES; i++) {
        chain->good[i] = -1;
    }
    chain->generation = generation;
    chain->good[chain->next] = minute;
    chain->lacks[chain->next] = lacks;
    chain->next = (chain->next + 1) % CPS_CHAIN_MINUTES;
    pthread_mutex_unlock(&chain->lock);
}

/* Returns true if the chain is good for the whole minute: validity is one interval, so both ends decide. */
static bool chain_is_good_all_minute(const struct stir_trust *trust, const struct stir_chain *chain, int64_t minute,
                                     struct stir_chain_used *used)
{
    struct stir_chain_used at_end;
    return stir_trust_verify_path(trust, chain, minute * 60, used, NULL) == STIR_OK &&
           stir_trust_verify_path(trust, chain, minute * 60 + 59, &at_end, NULL) == STIR_OK &&
           used->lacks == at_end.lacks;
}

enum cps_code cps_chain_lacks(struct cps_chain *chain, struct cps_trust *trust, int64_t at, int *lacks,
                              struct cps_error *err)
{
    struct stir_error cause = {0};
    uint64_t generation = cps_trust_generation(trust);
    int64_t minute = at / 60;
    if (at >= 0 && chain_is_known(chain, generation, minute, lacks)) {
        return CPS_OK;
    }
    /* A result that holds for the whole minute is remembered; otherwise only this moment is judged. */
    struct stir_trust *current = cps_trust_hold(trust, &generation);
    struct stir_chain_used used = {.lacks = -1};
    enum stir_code code = STIR_OK;
    if (at >= 0 && chain_is_good_all_minute(current, chain->chain, minute, &used)) {
        chain_remember(chain, generation, minute, used.lacks);
    } else {
        code = stir_trust_verify_path(current, chain->chain, at, &used, &cause);
    }
    *lacks = used.lacks;
    if (code == STIR_E_CERT_UNTRUSTED && !cps_trust_is_complete(trust)) {
        code = stir_fail_prefix(&cause, STIR_E_UNAVAILABLE,
                                "a list of roots is not loaded, so the chain cannot be judged");
    }
    stir_trust_unref(current);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}

enum cps_code cps_chain_trusted(struct cps_chain *chain, struct cps_trust *trust, int64_t at, struct cps_error *err)
{
    int lacks = -1;
    enum cps_code code = cps_chain_lacks(chain, trust, at, &lacks, err);
    if (code == CPS_OK && lacks > 0) {
        return cps_fail(err, CPS_E_CERT_SCOPE, "the TNAuthList of an authority is at %s and was not fetched",
                        chain->chain->list_urls[lacks]);
    }
    return code;
}
