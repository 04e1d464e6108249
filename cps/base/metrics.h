/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "cps/store/store.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * Counters of one worker: its thread writes them with relaxed atomics, the thread that renders /metrics reads them.
 * They are never reset.
 */
enum cpsd_route_id {
    CPSD_ROUTE_PUBLISH,
    CPSD_ROUTE_LIST,
    CPSD_ROUTE_FETCH,
    CPSD_ROUTE_DELETE,
    CPSD_ROUTE_EMPTY,
    CPSD_ROUTE_REPORT,
    CPSD_ROUTE_REPORTS,
    CPSD_ROUTE_FEED,
    CPSD_ROUTE_PREFIX,
    CPSD_ROUTE_ATIS_PUBLISH, /* both shapes of the path, republish too */
    CPSD_ROUTE_ATIS_RETRIEVE,
    CPSD_ROUTE_KEYS_PUT,
    CPSD_ROUTE_KEYS_GET,
    CPSD_ROUTE_HEALTH,
    CPSD_ROUTE_READY,
    CPSD_ROUTE_METRICS,
    CPSD_ROUTE_BOX,
    CPSD_ROUTE_OTHER, /* no such path, or not even a request */
    CPSD_ROUTE_COUNT,
};

/* The outcome of a delivery to one peer. */
enum cpsd_republished {
    CPSD_REPUBLISH_DELIVERED,
    CPSD_REPUBLISH_REFUSED, /* the peer refused it */
    CPSD_REPUBLISH_EXPIRED, /* not delivered before the PASSporTs expired */
    CPSD_REPUBLISH_DROPPED, /* the queue was full, or the server stopped */
    CPSD_REPUBLISH_OUTCOMES,
};

/* Why a bearer token was refused. */
enum cpsd_token_refused {
    CPSD_TOKEN_MALFORMED,
    CPSD_TOKEN_ALG,
    CPSD_TOKEN_AUD,
    CPSD_TOKEN_ACTION, /* it is for another action */
    CPSD_TOKEN_STALE,
    CPSD_TOKEN_FUTURE,
    CPSD_TOKEN_PATH, /* orig or dest differs */
    CPSD_TOKEN_DIGEST,
    CPSD_TOKEN_X5U, /* the URL or its address is not allowed */
    CPSD_TOKEN_FETCH,
    CPSD_TOKEN_CERT, /* not a usable certificate, or not now */
    CPSD_TOKEN_UNTRUSTED,
    CPSD_TOKEN_REVOKED,
    CPSD_TOKEN_SCOPE, /* TNAuthList */
    CPSD_TOKEN_SIGNATURE,
    CPSD_TOKEN_REPLAYED,
    CPSD_TOKEN_UNAVAILABLE, /* could not be checked */
    CPSD_TOKEN_REFUSED_COUNT,
};
extern const char *const cpsd_token_refused_names[]; /* for logs and metrics */

#define CPSD_STATUS_COUNT 21
#define CPSD_LATENCY_BUCKETS 14 /* 50 us * 2^i, the last is open */

struct cpsd_metrics {
    _Atomic uint64_t requests[CPSD_ROUTE_COUNT][CPSD_STATUS_COUNT];
    _Atomic uint64_t latency[CPSD_ROUTE_COUNT][CPSD_LATENCY_BUCKETS];
    _Atomic uint64_t latency_sum_us[CPSD_ROUTE_COUNT];
    _Atomic uint64_t connections;         /* open now */
    _Atomic uint64_t connections_total;   /* since start */
    _Atomic uint64_t connections_refused; /* over the limit */
    _Atomic uint64_t handshakes;          /* in progress now */
    _Atomic uint64_t handshakes_ended;    /* refused or ended: too many in progress, or too slow */
    _Atomic uint64_t output;              /* octets that clients have not read, at the last tick */
    _Atomic uint64_t output_ended;        /* connections closed: over max_output_bytes */
    _Atomic uint64_t accept_pauses;       /* no file descriptors were left for new connections */
    _Atomic uint64_t timeouts;            /* connections closed because a request was not complete in time */
    _Atomic uint64_t waiters;             /* requests that wait for an arrival now */
    _Atomic uint64_t dummies;             /* served in lists and fetches */
    _Atomic uint64_t feeds;               /* streams that are being served now */
    _Atomic uint64_t feed_missed;         /* envelopes that were stored but are missing in their feed */
    _Atomic uint64_t reports_known;       /* of bogus envelopes, counted against their publisher */
    _Atomic uint64_t reports_unknown;     /* the same, of publishers that are not known */
    _Atomic uint64_t envelopes;           /* real ones served */
    _Atomic uint64_t unchecked;           /* requests refused before their credential was checked: over a limit */
    _Atomic uint64_t tokens_accepted;
    _Atomic uint64_t tokens_refused[CPSD_TOKEN_REFUSED_COUNT];
    _Atomic uint64_t republished[CPSD_REPUBLISH_OUTCOMES];
    _Atomic uint64_t republish_retries;
    _Atomic uint64_t republish_pending; /* deliveries that wait or are in progress now */
};

static inline void cpsd_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void cpsd_uncount(_Atomic uint64_t *counter)
{
    atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
}

/* Counts one answered request; us is its duration in microseconds. A status that this server does not use counts as
 * 500. */
void cpsd_metrics_request(struct cpsd_metrics *metrics, enum cpsd_route_id route, int status, uint64_t us);

/* Appends the Prometheus text form (version 0.0.4) of all workers' counters and the store's. */
void cpsd_metrics_render(struct stir_buf *out, struct cpsd_metrics *const *workers, size_t count,
                         const struct cpsd_store_stats *store);

/* Counters of the certificate cache, for the process. */
struct cpsd_cert_cache_stats {
    uint64_t hits, fetches, failures, verifications;
    uint64_t held; /* chains and remembered failures now */
    uint64_t good; /* of these, chains that a signature has verified with */
};
void cpsd_metrics_render_certs(struct stir_buf *out, const struct cpsd_cert_cache_stats *certs);

/* Appends the counters of the log's writer, for the process. */
void cpsd_metrics_render_log(struct stir_buf *out, uint64_t dropped, uint64_t left_out);
