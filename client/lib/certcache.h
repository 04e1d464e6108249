#pragma once

#include "client/lib/chain.h"
#include "client/lib/handle.h"
#include "common/view.h"

struct cps_task;

/*
 * Certificate chains by the URL in x5u, and those that travel with PASSporTs by what they are. One fetch serves all who
 * wait for it; failures are remembered for a while too. Thread-safe.
 */
struct cps_certcache;

enum cps_found {
    CPS_FOUND,
    CPS_FOUND_NOT, /* err says why */
    CPS_FOUND_LATER,
};

enum cps_code cps_certcache_new(struct cps_certcache **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* After the transport has ended. */
void cps_certcache_free(struct cps_certcache *cache);

/* The chain at a URL; *out is a new reference. CPS_FOUND_LATER: it is being fetched, and the task is woken when it has
 * come or failed, until cps_certcache_leave. CPS_FOUND_NOT: CPS_E_X5U, CPS_E_X5U_FETCH, CPS_E_CERT, CPS_E_NOMEM. */
enum cps_found cps_certcache_get(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                 struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;
void cps_certcache_leave(struct cps_certcache *cache, struct cps_task *task);

/* A chain from its DER certificates, leaf first; *out is a new reference. CPS_E_CERT, CPS_E_TOO_BIG, CPS_E_NOMEM. */
enum cps_code cps_certcache_from_der(struct cps_certcache *cache, struct cps_chain **out, const struct stir_view *certs,
                                     size_t count, struct cps_error *err) STIR_MUST_CHECK;
