#include "client/lib/chain.h"

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

static bool is_known(struct cps_chain *chain, int64_t minute)
{
    bool known = false;
    pthread_mutex_lock(&chain->lock);
    for (int i = 0; i < CPS_CHAIN_MINUTES; i++) {
        known |= chain->good[i] == minute;
    }
    pthread_mutex_unlock(&chain->lock);
    return known;
}

static void remember(struct cps_chain *chain, int64_t minute)
{
    pthread_mutex_lock(&chain->lock);
    chain->good[chain->next] = minute;
    chain->next = (chain->next + 1) % CPS_CHAIN_MINUTES;
    pthread_mutex_unlock(&chain->lock);
}

enum cps_code cps_chain_trusted(struct cps_chain *chain, const struct stir_trust *trust, int64_t at,
                                struct cps_error *err)
{
    struct stir_error cause = {0};
    int64_t minute = at / 60;
    if (at >= 0 && is_known(chain, minute)) {
        return CPS_OK;
    }
    /* Validity is one stretch of time: trusted at both ends of the minute is trusted in between. */
    if (at >= 0 && stir_trust_verify(trust, chain->chain, minute * 60, NULL) == STIR_OK &&
        stir_trust_verify(trust, chain->chain, minute * 60 + 59, NULL) == STIR_OK) {
        remember(chain, minute);
        return CPS_OK;
    }
    enum stir_code code = stir_trust_verify(trust, chain->chain, at, &cause);
    return code == STIR_OK ? CPS_OK : cps_fail_stir(err, code, &cause);
}
