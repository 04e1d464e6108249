/* SPDX-License-Identifier: MIT */
#include "cps/base/metrics.h"

#include <inttypes.h>

static const char *const route_names[CPSD_ROUTE_COUNT] = {
    [CPSD_ROUTE_PUBLISH] = "publish",
    [CPSD_ROUTE_LIST] = "list",
    [CPSD_ROUTE_FETCH] = "fetch",
    [CPSD_ROUTE_DELETE] = "delete",
    [CPSD_ROUTE_EMPTY] = "empty",
    [CPSD_ROUTE_REPORT] = "report",
    [CPSD_ROUTE_REPORTS] = "reports",
    [CPSD_ROUTE_FEED] = "feed",
    [CPSD_ROUTE_PREFIX] = "prefix",
    [CPSD_ROUTE_ATIS_PUBLISH] = "atis_publish",
    [CPSD_ROUTE_ATIS_RETRIEVE] = "atis_retrieve",
    [CPSD_ROUTE_KEYS_PUT] = "keys_put",
    [CPSD_ROUTE_KEYS_GET] = "keys_get",
    [CPSD_ROUTE_HEALTH] = "health",
    [CPSD_ROUTE_READY] = "ready",
    [CPSD_ROUTE_METRICS] = "metrics",
    [CPSD_ROUTE_BOX] = "box",
    [CPSD_ROUTE_OTHER] = "other",
};

static const char *const republish_outcomes[CPSD_REPUBLISH_OUTCOMES] = {
    [CPSD_REPUBLISH_DELIVERED] = "delivered",
    [CPSD_REPUBLISH_REFUSED] = "refused",
    [CPSD_REPUBLISH_EXPIRED] = "expired",
    [CPSD_REPUBLISH_DROPPED] = "dropped",
};

static const int statuses[CPSD_STATUS_COUNT] = {
    200, 201, 204, 304, 400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 417, 422, 429, 431, 500, 503, 505,
};

const char *const cpsd_token_refused_names[] = {
    [CPSD_TOKEN_MALFORMED] = "malformed",
    [CPSD_TOKEN_ALG] = "algorithm",
    [CPSD_TOKEN_AUD] = "audience",
    [CPSD_TOKEN_ACTION] = "action",
    [CPSD_TOKEN_STALE] = "stale",
    [CPSD_TOKEN_FUTURE] = "future",
    [CPSD_TOKEN_PATH] = "path",
    [CPSD_TOKEN_DIGEST] = "digest",
    [CPSD_TOKEN_X5U] = "x5u",
    [CPSD_TOKEN_FETCH] = "fetch",
    [CPSD_TOKEN_CERT] = "certificate",
    [CPSD_TOKEN_UNTRUSTED] = "untrusted",
    [CPSD_TOKEN_REVOKED] = "revoked",
    [CPSD_TOKEN_SCOPE] = "scope",
    [CPSD_TOKEN_SIGNATURE] = "signature",
    [CPSD_TOKEN_REPLAYED] = "replayed",
    [CPSD_TOKEN_UNAVAILABLE] = "unavailable",
};

#define FIRST_BUCKET_US 50u
#define STATUS_500 18 /* index in `statuses`: for a status that is not in it */

void cpsd_metrics_request(struct cpsd_metrics *metrics, enum cpsd_route_id route, int status, uint64_t us)
{
    size_t row = STATUS_500;
    for (size_t i = 0; i < CPSD_STATUS_COUNT; i++) {
        if (statuses[i] == status) {
            row = i;
            break;
        }
    }
    size_t bucket = 0; /* the first whose bound is not below the time */
    for (uint64_t bound = FIRST_BUCKET_US; us > bound && bucket < CPSD_LATENCY_BUCKETS - 1; bound *= 2) {
        bucket++;
    }
    cpsd_count(&metrics->requests[route][row], 1);
    cpsd_count(&metrics->latency[route][bucket], 1);
    cpsd_count(&metrics->latency_sum_us[route], us);
}

static uint64_t metrics_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Returns the sum over all workers of the counter at an offset in struct cpsd_metrics. */
static uint64_t metrics_sum(struct cpsd_metrics *const *workers, size_t count, size_t offset)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += metrics_read((const _Atomic uint64_t *)(const void *)((const char *)workers[i] + offset));
    }
    return total;
}

#define SUM(field) metrics_sum(workers, count, offsetof(struct cpsd_metrics, field))

static void metrics_header(struct stir_buf *out, const char *name, const char *type, const char *help)
{
    stir_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void metrics_single(struct stir_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    metrics_header(out, name, type, help);
    stir_buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

/* Routes and statuses that have not occurred have no line: most pairs never do. */
static void metrics_requests(struct stir_buf *out, struct cpsd_metrics *const *workers, size_t count)
{
    metrics_header(out, "cpsd_requests_total", "counter", "Requests answered, by route and status.");
    for (size_t route = 0; route < CPSD_ROUTE_COUNT; route++) {
        for (size_t status = 0; status < CPSD_STATUS_COUNT; status++) {
            uint64_t n = SUM(requests[route][status]);
            if (n) {
                stir_buf_printf(out, "cpsd_requests_total{route=\"%s\",status=\"%d\"} %" PRIu64 "\n",
                                route_names[route], statuses[status], n);
            }
        }
    }
}

static void metrics_latency(struct stir_buf *out, struct cpsd_metrics *const *workers, size_t count)
{
    const char *name = "cpsd_request_duration_seconds";
    metrics_header(out, name, "histogram", "From a request's last octet to its answer, waiting included.");
    for (size_t route = 0; route < CPSD_ROUTE_COUNT; route++) {
        uint64_t total = 0, bound = FIRST_BUCKET_US;
        for (size_t i = 0; i < CPSD_LATENCY_BUCKETS; i++, bound *= 2) {
            total += SUM(latency[route][i]);
            if (i < CPSD_LATENCY_BUCKETS - 1) {
                stir_buf_printf(out, "%s_bucket{route=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, route_names[route],
                                (double)bound / 1e6, total);
            }
        }
        stir_buf_printf(out, "%s_bucket{route=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, route_names[route], total);
        stir_buf_printf(out, "%s_sum{route=\"%s\"} %.6f\n", name, route_names[route],
                        (double)SUM(latency_sum_us[route]) / 1e6);
        stir_buf_printf(out, "%s_count{route=\"%s\"} %" PRIu64 "\n", name, route_names[route], total);
    }
}

static void metrics_tokens(struct stir_buf *out, struct cpsd_metrics *const *workers, size_t count)
{
    metrics_single(
        out, "cpsd_credentials_unchecked_total", "counter",
        "Requests answered 429 before their credential was checked: over read_by_address, publish_by_address or "
        "chains_by_address.",
        SUM(unchecked));
    metrics_single(out, "cpsd_tokens_accepted_total", "counter", "Bearer tokens accepted.", SUM(tokens_accepted));
    metrics_header(out, "cpsd_tokens_refused_total", "counter", "Bearer tokens refused, by reason.");
    for (size_t i = 0; i < CPSD_TOKEN_REFUSED_COUNT; i++) {
        stir_buf_printf(out, "cpsd_tokens_refused_total{reason=\"%s\"} %" PRIu64 "\n", cpsd_token_refused_names[i],
                        SUM(tokens_refused[i]));
    }
}

static void metrics_republish(struct stir_buf *out, struct cpsd_metrics *const *workers, size_t count)
{
    metrics_header(out, "cpsd_republished_total", "counter",
                   "Publications forwarded to a peer, by outcome; each peer counts.");
    for (size_t i = 0; i < CPSD_REPUBLISH_OUTCOMES; i++) {
        stir_buf_printf(out, "cpsd_republished_total{outcome=\"%s\"} %" PRIu64 "\n", republish_outcomes[i],
                        SUM(republished[i]));
    }
    metrics_single(out, "cpsd_republish_retries_total", "counter", "Deliveries to a peer that are tried again.",
                   SUM(republish_retries));
    metrics_single(out, "cpsd_republish_pending", "gauge", "Deliveries to peers that wait or are in progress.",
                   SUM(republish_pending));
}

static void metrics_full(struct stir_buf *out, const struct cpsd_store_stats *store)
{
    static const char *const reasons[CPSD_FULL_COUNT] = {
        [CPSD_FULL_BOX] = "box", [CPSD_FULL_SHARE] = "share", [CPSD_FULL_TAKEN] = "taken"};
    metrics_header(out, "cpsd_full_total", "counter",
                   "Envelopes refused because there was no room: in the box, in the publisher's share of it, or among "
                   "those taken.");
    for (size_t i = 0; i < CPSD_FULL_COUNT; i++) {
        stir_buf_printf(out, "cpsd_full_total{reason=\"%s\"} %" PRIu64 "\n", reasons[i], store->full[i]);
    }
}

static void metrics_store(struct stir_buf *out, const struct cpsd_store_stats *store)
{
    const char *name = "cpsd_store_operation_seconds";
    metrics_header(out, name, "histogram", "Store operations, from the call to the completion.");
    /* buckets of 100 us * 2^i; Prometheus wants the sum of all up to each bound */
    uint64_t total = 0, bound = 100;
    const size_t buckets = sizeof(store->latency_bucket) / sizeof(store->latency_bucket[0]);
    for (size_t i = 0; i + 1 < buckets; i++, bound *= 2) {
        total += store->latency_bucket[i];
        stir_buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)bound / 1e6, total);
    }
    total += store->latency_bucket[buckets - 1];
    stir_buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name, total, name,
                    (double)store->latency_sum_us / 1e6, name, total);
    metrics_single(out, "cpsd_store_failures_total", "counter", "Store operations that failed.", store->failures);
    metrics_single(out, "cpsd_store_reconnects_total", "counter", "Connections to the store that were made again.",
                   store->reconnects);
    metrics_single(out, "cpsd_store_connections", "gauge",
                   "Connections to the store that are up; with memory: the number of workers.", store->connections_up);
    metrics_single(out, "cpsd_stored_total", "counter", "Envelopes stored.", store->stored);
    metrics_single(out, "cpsd_consumed_total", "counter", "Envelopes taken out by their holder.", store->consumed);
    metrics_single(out, "cpsd_expired_total", "counter", "Expired envelopes that were removed.", store->expired_seen);
    metrics_single(out, "cpsd_emptied_total", "counter", "Envelopes taken out by holders who emptied their boxes.",
                   store->emptied);
    metrics_single(out, "cpsd_feed_dropped_total", "counter",
                   "Oldest entries of full feeds that were replaced by new ones.", store->dropped);
    metrics_full(out, store);
    metrics_single(out, "cpsd_taken", "gauge",
                   "Envelopes that were taken out and are remembered until they expire (memory store only).",
                   store->taken);
    metrics_single(out, "cpsd_held", "gauge", "Envelopes held now (memory store only).", store->held);
    metrics_single(out, "cpsd_held_bytes", "gauge", "Octets held now (memory store only).", store->held_octets);
}

void cpsd_metrics_render(struct stir_buf *out, struct cpsd_metrics *const *workers, size_t count,
                         const struct cpsd_store_stats *store)
{
    metrics_requests(out, workers, count);
    metrics_latency(out, workers, count);
    metrics_single(out, "cpsd_connections", "gauge", "Connections open now.", SUM(connections));
    metrics_single(out, "cpsd_connections_total", "counter", "Connections accepted.", SUM(connections_total));
    metrics_single(out, "cpsd_connections_refused_total", "counter",
                   "Connections closed at once: over max_connections or connections_by_address.",
                   SUM(connections_refused));
    metrics_single(out, "cpsd_handshakes", "gauge", "TLS handshakes in progress now.", SUM(handshakes));
    metrics_single(out, "cpsd_handshakes_ended_total", "counter",
                   "TLS handshakes that cpsd ended: over max_handshakes, handshakes_by_address or handshake_timeout_s.",
                   SUM(handshakes_ended));
    metrics_single(out, "cpsd_output_bytes", "gauge", "Octets of answers that clients have not read yet.", SUM(output));
    metrics_single(out, "cpsd_output_ended_total", "counter",
                   "Connections closed because clients read their answers too slowly: over max_output_bytes.",
                   SUM(output_ended));
    metrics_single(out, "cpsd_accept_pauses_total", "counter",
                   "Pauses in accepting connections: the process had no file descriptor left.", SUM(accept_pauses));
    metrics_single(out, "cpsd_timeouts_total", "counter",
                   "Connections closed because a request was not complete in time.", SUM(timeouts));
    metrics_single(out, "cpsd_waiters", "gauge", "Requests that wait for an arrival now.", SUM(waiters));
    metrics_single(out, "cpsd_dummies_served_total", "counter", "Dummy envelopes served.", SUM(dummies));
    metrics_single(out, "cpsd_envelopes_served_total", "counter", "Real envelopes served.", SUM(envelopes));
    metrics_tokens(out, workers, count);
    metrics_republish(out, workers, count);
    metrics_single(out, "cpsd_feeds", "gauge", "Feeds that are being served now.", SUM(feeds));
    metrics_single(out, "cpsd_feed_missed_total", "counter",
                   "Envelopes that were stored but are missing in their provider's feed because the store failed.",
                   SUM(feed_missed));
    metrics_header(out, "cpsd_reports_total", "counter",
                   "Reports of bogus envelopes, by whether their publisher is known.");
    stir_buf_printf(out,
                    "cpsd_reports_total{publisher=\"known\"} %" PRIu64 "\n"
                    "cpsd_reports_total{publisher=\"unknown\"} %" PRIu64 "\n",
                    SUM(reports_known), SUM(reports_unknown));
    metrics_store(out, store);
}

void cpsd_metrics_render_certs(struct stir_buf *out, const struct cpsd_cert_cache_stats *certs)
{
    metrics_single(out, "cpsd_certificate_hits_total", "counter", "Tokens whose certificate was known.", certs->hits);
    metrics_single(out, "cpsd_certificate_fetches_total", "counter", "Certificates fetched by their URL.",
                   certs->fetches);
    metrics_single(out, "cpsd_certificate_failures_total", "counter", "Certificates that could not be fetched.",
                   certs->failures);
    metrics_single(out, "cpsd_certificate_verifications_total", "counter", "Certificate chains verified.",
                   certs->verifications);
    metrics_single(out, "cpsd_certificates", "gauge", "Certificate chains and failures remembered now.", certs->held);
    metrics_single(out, "cpsd_certificates_good", "gauge",
                   "Of these, chains that have verified a signature; other chains do not displace them.", certs->good);
}

void cpsd_metrics_render_log(struct stir_buf *out, uint64_t dropped, uint64_t left_out)
{
    metrics_single(out, "cpsd_log_dropped_total", "counter",
                   "Log lines dropped because the log's reader or disk was too slow.", dropped);
    metrics_single(out, "cpsd_log_left_out_total", "counter",
                   "Log lines left out because there were too many of their kind.", left_out);
}
