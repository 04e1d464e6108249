#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/verify/chain.h"
#include "common/base/view.h"

#include <jansson.h>

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

/* Completes a chain of which a TNAuthList is elsewhere (RFC 8226 section 10.1), that of the leaf or of an authority on
 * the path to the root: the lists are fetched under x5u's rules once the chain is known to lead to a root, and *chain,
 * a reference of the caller's, is replaced by one that has them. Other chains stay as they are. Returns as
 * cps_certcache_get; CPS_FOUND_NOT leaves *chain alone. */
enum cps_found cps_certcache_complete(struct cps_certcache *cache, struct cps_chain **chain, struct cps_task *task,
                                      struct cps_error *err) STIR_MUST_CHECK;
void cps_certcache_leave(struct cps_certcache *cache, struct cps_task *task);

/* Asks for a later chain at a URL than `tried`, with which a PASSporT did not verify: the certificate may have been
 * changed since it was cached. CPS_FOUND: there is another one now, get it. CPS_FOUND_LATER: it is being fetched, as in
 * cps_certcache_get; `tried` stays in use meanwhile. CPS_FOUND_NOT: it is the same, or the URL was asked within the
 * last 10 s; err->code is CPS_OK then, and CPS_E_X5U_FETCH, CPS_E_CERT or the like if it could not be fetched. */
enum cps_found cps_certcache_renew(struct cps_certcache *cache, const struct cps_chain *tried, const char *url,
                                   struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;

/* A chain from its DER certificates, leaf first; *out is a new reference. CPS_E_CERT, CPS_E_TOO_BIG, CPS_E_NOMEM. */
enum cps_code cps_certcache_from_der(struct cps_certcache *cache, struct cps_chain **out, const struct stir_view *certs,
                                     size_t count, struct cps_error *err) STIR_MUST_CHECK;

/* The same from a token's x5c (RFC 7515 section 4.1.6). CPS_E_CERT, CPS_E_NOMEM. */
enum cps_code cps_certcache_from_x5c(struct cps_certcache *cache, struct cps_chain **out, const json_t *x5c,
                                     struct cps_error *err) STIR_MUST_CHECK;
