/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/handle.h"
#include "client/lib/verify/chain.h"
#include "common/base/view.h"

#include <jansson.h>

struct cps_task;

/*
 * A cache of certificate chains: by the URL in x5u, and by their content for those that come with PASSporTs. One fetch
 * serves all tasks that wait for it. Failures are kept for a while too. Thread-safe.
 */
struct cps_certcache;

enum cps_found {
    CPS_FOUND,
    CPS_FOUND_NOT, /* err says why */
    CPS_FOUND_LATER,
};

/* Makes an empty cache. CPS_E_NOMEM. */
enum cps_code cps_certcache_new(struct cps_certcache **out, struct cps *cps, struct cps_error *err) STIR_MUST_CHECK;

/* Frees the cache; must be called after the transport has ended. NULL is fine. */
void cps_certcache_free(struct cps_certcache *cache);

/* Gets the chain at a URL; *out is a new reference. CPS_FOUND_LATER: it is being fetched, and the task is woken when
 * the fetch ends, until cps_certcache_leave. CPS_FOUND_NOT: CPS_E_X5U, CPS_E_X5U_FETCH, CPS_E_CERT, CPS_E_NOMEM. */
enum cps_found cps_certcache_get(struct cps_certcache *cache, struct cps_chain **out, const char *url,
                                 struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;

/* Completes a chain with TNAuthLists that are given by URL (RFC 8226 section 10.1), of the leaf or of an authority on
 * the path to the root. The lists are fetched under the rules of x5u, once the chain is known to lead to a root, and
 * *chain, a reference of the caller's, is replaced by a chain with the lists. Other chains stay as they are. Returns as
 * cps_certcache_get; CPS_FOUND_NOT leaves *chain as it is. */
enum cps_found cps_certcache_complete(struct cps_certcache *cache, struct cps_chain **chain, struct cps_task *task,
                                      struct cps_error *err) STIR_MUST_CHECK;

/* Stops waking a task; does nothing if it does not wait. */
void cps_certcache_leave(struct cps_certcache *cache, struct cps_task *task);

/* Asks for a newer chain at a URL than `tried`, with which a PASSporT did not verify: the certificate may have been
 * replaced since it was cached. CPS_FOUND: there is another chain now; get it. CPS_FOUND_LATER: it is being fetched, as
 * in cps_certcache_get; `tried` stays in use meanwhile. CPS_FOUND_NOT: it is still the same, or the URL was fetched
 * within the last 10 s, and err->code is CPS_OK; or fetching failed, and err says why. */
enum cps_found cps_certcache_renew(struct cps_certcache *cache, const struct cps_chain *tried, const char *url,
                                   struct cps_task *task, struct cps_error *err) STIR_MUST_CHECK;

/* Gets a chain from its DER certificates, leaf first; *out is a new reference. CPS_E_CERT, CPS_E_TOO_BIG, CPS_E_NOMEM.
 */
enum cps_code cps_certcache_from_der(struct cps_certcache *cache, struct cps_chain **out, const struct stir_view *certs,
                                     size_t count, struct cps_error *err) STIR_MUST_CHECK;

/* Gets a chain from a token's x5c (RFC 7515 section 4.1.6), as above. CPS_E_CERT, CPS_E_NOMEM. */
enum cps_code cps_certcache_from_x5c(struct cps_certcache *cache, struct cps_chain **out, const json_t *x5c,
                                     struct cps_error *err) STIR_MUST_CHECK;
