/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/log.h"
#include "common/number/identity.h"
#include "cps/base/metrics.h"
#include "cps/net/fetch.h"
#include "cps/net/peers.h"

#include <jansson.h>
#include <uv.h>

/*
 * Forwards what was published here to the peers (ATIS-1000096): after the publisher has its answer, once to each peer,
 * with a token of this CPS whose action is "republish", and the publisher's token in the body. A failed delivery is
 * tried again, at growing intervals, until the PASSporTs expire. What a peer has forwarded is never given to
 * cpsd_republish, so that there are no loops between servers.
 *
 * A republisher belongs to a worker and is used on its loop only.
 */
struct cpsd_republisher;

/* Makes a republisher. fetcher may be NULL if there are no peers. metrics, log and fetcher must outlive it.
 * STIR_E_NOMEM.
 */
enum stir_code cpsd_republisher_new(struct cpsd_republisher **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                                    struct cpsd_metrics *metrics, const struct stir_log *log,
                                    struct stir_error *err) STIR_MUST_CHECK;

/* Sets the peers for new publications (NULL: none), with a reference of its own. Deliveries in progress keep theirs. */
void cpsd_republisher_use(struct cpsd_republisher *republisher, struct cpsd_peers *peers);

/* Returns true if there are peers. republisher may be NULL. */
bool cpsd_republishes(const struct cpsd_republisher *republisher);

/* Returns the number of deliveries that wait or are in progress. */
size_t cpsd_republisher_pending(const struct cpsd_republisher *republisher);

/*
 * Begins to forward a publication. All arguments are read during the call only. passports is the array as it was
 * published; token is the publisher's; ttl_ms is the time until the PASSporTs expire. Deliveries that do not fit into
 * the queue are dropped and counted.
 */
void cpsd_republish(struct cpsd_republisher *republisher, const struct stir_identity *dest,
                    const struct stir_identity *orig, const json_t *passports, const char *token, int64_t ttl_ms);

/* Drops the remaining deliveries, logs their number, and frees the republisher; `closed` is called when the loop no
 * longer uses it. */
void cpsd_republisher_close(struct cpsd_republisher *republisher, void (*closed)(void *arg), void *arg);
