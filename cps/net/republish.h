#pragma once

#include "common/base/log.h"
#include "common/number/identity.h"
#include "cps/base/metrics.h"
#include "cps/net/fetch.h"
#include "cps/net/peers.h"

#include <jansson.h>
#include <uv.h>

/*
 * Handing on to the peers what was published here (ATIS-1000096): after the publisher has his answer, once to each,
 * with a token of this CPS whose action is `republish` and the publisher's token in the body. What cannot be delivered
 * is tried again, later each time, for as long as the PASSporTs live. What a peer handed on is never given to
 * cpsd_republish, so that nothing goes in circles.
 *
 * A republisher belongs to a worker and is used on its loop only.
 */
struct cpsd_republisher;

/* fetcher may be NULL where there are no peers. metrics, log and fetcher outlive it. STIR_E_NOMEM. */
enum stir_code cpsd_republisher_new(struct cpsd_republisher **out, uv_loop_t *loop, struct cpsd_fetcher *fetcher,
                                    struct cpsd_metrics *metrics, const struct stir_log *log,
                                    struct stir_error *err) STIR_MUST_CHECK;

/* Whom to hand on to from now on (NULL: nobody), by a reference of its own. What is under way keeps its peers. */
void cpsd_republisher_use(struct cpsd_republisher *republisher, struct cpsd_peers *peers);

/* True if there are peers. NULL is fine. */
bool cpsd_republishes(const struct cpsd_republisher *republisher);

/* Deliveries that wait or are under way. */
size_t cpsd_republisher_pending(const struct cpsd_republisher *republisher);

/*
 * Begins to hand on. All arguments are read during the call only. passports is the array as it was published; token is
 * the publisher's; ttl_ms is how long it lives from now on. What does not fit in the queue is dropped and counted.
 */
void cpsd_republish(struct cpsd_republisher *republisher, const struct stir_identity *dest,
                    const struct stir_identity *orig, const json_t *passports, const char *token, int64_t ttl_ms);

/* Drops what is left, says how much it was, and frees it; `closed` is called when the loop has let go. */
void cpsd_republisher_close(struct cpsd_republisher *republisher, void (*closed)(void *arg), void *arg);
