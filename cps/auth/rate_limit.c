/* SPDX-License-Identifier: MIT */
#include "cps/auth/rate_limit.h"

#include "common/jose/b64.h"
#include "cps/auth/client_cert.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"
#include "cps/http/route.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BUCKET_NET "net:"
#define BUCKET_PAIR "pair:"
#define BUCKET_CHAIN "chain:"   /* certificates that are not known as good; in this process only */
#define BUCKET_ISSUER "issuer:" /* the same, per claimed issuer */
#define ISSUER_PART 4           /* one claimed issuer may use this fraction of the limit of a network */
#define BUCKET_CHECK "check:"   /* credentials that are not verified yet; in this process only */

/* Writes "net:192.0.2.1" or "net:2001:db8:1:2::", the /64. Returns false for an all-zero address. */
static bool rate_limit_name_network(char out[CPSD_BUCKET_NAME], const char *prefix, const struct in6_addr *address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr network = *address;
    if (IN6_IS_ADDR_UNSPECIFIED(address)) {
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        (void)inet_ntop(AF_INET, &address->s6_addr[12], text, sizeof(text));
    } else {
        memset(&network.s6_addr[8], 0, 8);
        (void)inet_ntop(AF_INET6, &network, text, sizeof(text));
    }
    (void)snprintf(out, CPSD_BUCKET_NAME, "%s%s", prefix, text);
    return true;
}

static struct cpsd_bucket rate_limit_bucket(int64_t per_s, int64_t burst_s)
{
    int64_t burst = per_s * burst_s;
    return (struct cpsd_bucket){.per_s = (uint32_t)per_s, .burst = (uint32_t)(burst < UINT32_MAX ? burst : UINT32_MAX)};
}

static struct cpsd_bucket rate_limit_publisher_bucket(const struct cpsd_config *config, struct stir_view publisher)
{
    struct cpsd_bucket bucket = rate_limit_bucket(config->publish_by_spc, config->burst_s);
    static_assert(CPSD_PUBLISHER_NAME <= CPSD_BUCKET_NAME, "a bucket name has room for the name of a publisher");
    cpsd_publisher_name(bucket.name, publisher);
    return bucket;
}

void cpsd_rate_limit_holder(char out[CPSD_PUBLISHER_NAME], const struct cpsd_request *request)
{
    struct stir_numtable_row row;
    const struct stir_numtable *numbers = request->service->trusted ? request->service->trusted->numbers : NULL;
    out[0] = '\0';
    if (numbers && request->dest.kind == STIR_IDENTITY_TN && stir_numtable_find(numbers, request->dest.text, &row)) {
        (void)snprintf(out, CPSD_PUBLISHER_NAME, "spc:%s", row.spc);
        stir_spc_normalize(out + strlen("spc:"));
    }
}

/* Both names may hold any character, so the bucket is named after a digest of them. If the number table does not say
 * which provider holds the destination, the destination itself stands for its holder. */
struct cpsd_bucket cpsd_rate_limit_of_pair(const struct cpsd_request *request, struct stir_view publisher)
{
    struct cpsd_bucket bucket =
        rate_limit_bucket(request->service->config->publish_by_spc, request->service->config->burst_s);
    char text[2 * CPSD_PUBLISHER_NAME + STIR_IDENTITY_MAX] = "";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t n = CPSD_PUBLISHER_NAME; /* the publisher's name is padded with zeros */
    cpsd_publisher_name(text, publisher);
    cpsd_rate_limit_holder(text + n, request);
    if (text[n]) {
        n += strlen(text + n);
    } else {
        memcpy(text + n, "dest:", 5);
        memcpy(text + n + 5, request->dest.text, request->dest.len);
        n += 5 + request->dest.len;
    }
    SHA256((const unsigned char *)text, n, digest);
    memcpy(bucket.name, BUCKET_PAIR, strlen(BUCKET_PAIR));
    n = strlen(BUCKET_PAIR) + stir_b64url_encode(bucket.name + strlen(BUCKET_PAIR), digest, sizeof(digest));
    bucket.name[n] = '\0';
    return bucket;
}

static void rate_limit_add(struct cpsd_spend *spend, struct cpsd_bucket bucket, unsigned cost)
{
    bucket.cost = cost < bucket.burst ? cost : bucket.burst; /* more than the bucket can hold would never pass */
    spend->bucket[spend->count++] = bucket;
}

/* Writes the prefix and the text, or the digest of the text if it is too long for a name. */
static void rate_limit_name_text(char out[CPSD_BUCKET_NAME], const char *prefix, const char *text, size_t len)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    size_t n = strlen(prefix);
    memcpy(out, prefix, n);
    if (n + len < CPSD_BUCKET_NAME) {
        memcpy(out + n, text, len);
        n += len;
    } else {
        SHA256((const unsigned char *)text, len, digest);
        out[n++] = '/'; /* no destination and no network begins with a slash */
        n += stir_b64url_encode(out + n, digest, sizeof(digest));
    }
    out[n] = '\0';
}

/* Returns the bucket of a destination, which all of its boxes and both publishing interfaces share. */
static struct cpsd_bucket rate_limit_dest_bucket(const struct cpsd_config *config, const struct stir_identity *dest)
{
    struct cpsd_bucket bucket = rate_limit_bucket(config->publish_by_destination, config->burst_s);
    rate_limit_name_text(bucket.name, CPSD_BUCKET_DEST, dest->text, dest->len);
    return bucket;
}

void cpsd_rate_limit_publish(struct cpsd_spend *out, const struct cpsd_request *request, struct stir_view publisher,
                             unsigned cost)
{
    const struct cpsd_config *config = request->service->config;
    struct cpsd_bucket network = rate_limit_bucket(config->publish_by_address, config->burst_s);
    out->count = 0;
    /* A verified publisher is limited by its code or certificate, and per holder of the destination once holders report
     * bogus envelopes. Without a credential the network is limited. */
    if (config->publish_by_spc && publisher.len) {
        rate_limit_add(out, rate_limit_publisher_bucket(config, publisher), cost);
    }
    if (config->publish_by_spc && publisher.len && config->report_cost) {
        rate_limit_add(out, cpsd_rate_limit_of_pair(request, publisher), cost);
    }
    if (config->publish_by_address && !cpsd_caller_authenticated(&request->caller) &&
        rate_limit_name_network(network.name, BUCKET_NET, &request->caller.address)) {
        rate_limit_add(out, network, cost);
    }
    if (config->publish_by_destination) {
        rate_limit_add(out, rate_limit_dest_bucket(config, &request->dest), cost);
    }
}

void cpsd_rate_limit_fields(struct cpsd_response *response, char room[CPSD_RATE_LIMIT_ROOM],
                            const struct cpsd_spend *spend, int64_t left)
{
    const struct cpsd_bucket *least = NULL;
    for (size_t i = 0; i < spend->count; i++) {
        least = !least || spend->bucket[i].burst < least->burst ? &spend->bucket[i] : least;
    }
    if (!least) {
        return;
    }
    /* the smallest bucket is the one that a client meets first */
    int64_t per_s = least->per_s > 0 ? least->per_s : 1;
    left = left < 0 ? 0 : left < least->burst ? left : least->burst;
    char *limit = room, *remaining = room + CPSD_RATE_LIMIT_ROOM / 3, *reset = remaining + CPSD_RATE_LIMIT_ROOM / 3;
    (void)snprintf(limit, CPSD_RATE_LIMIT_ROOM / 3, "%u", least->burst);
    (void)snprintf(remaining, CPSD_RATE_LIMIT_ROOM / 3, "%lld", (long long)left);
    (void)snprintf(reset, CPSD_RATE_LIMIT_ROOM / 3, "%lld", (long long)((least->burst - left + per_s - 1) / per_s));
    cpsd_response_field(response, "RateLimit-Limit", limit);
    cpsd_response_field(response, "RateLimit-Remaining", remaining);
    cpsd_response_field(response, "RateLimit-Reset", reset);
}

/* Returns what the bucket limits, for the caller to read. */
static const char *rate_limit_detail(const struct cpsd_bucket *bucket)
{
    static const struct {
        const char *prefix, *detail;
    } kinds[] = {{"spc:", "this service provider code sends too fast; send more slowly"},
                 {"cert:", "the holder of this certificate's numbers sends too fast; send more slowly"},
                 {BUCKET_PAIR, "the holder of this destination has reported envelopes of this publisher as bogus; see "
                               "/cps/reports, and send to its numbers more slowly"},
                 {BUCKET_NET, "this client address sends too many requests; send more slowly"},
                 {BUCKET_CHECK, "this client address sends too many requests whose credential is not verified yet; "
                                "send more slowly"},
                 {BUCKET_CHAIN,
                  "this client address sends too many certificates that are not known here as good; send more "
                  "slowly"},
                 {BUCKET_ISSUER,
                  "this client address sends too many certificates of this issuer that are not known here "
                  "as good; send more slowly"}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(bucket->name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            return kinds[i].detail;
        }
    }
    return "this destination receives too many envelopes; send to it more slowly";
}

void cpsd_rate_limit_refuse(struct cpsd_request *request, const struct cpsd_spend *spend, unsigned which,
                            int64_t retry_after_ms)
{
    char room[CPSD_RATE_LIMIT_ROOM], retry[24];
    struct stir_buf body = {.limit = 1024};
    struct cpsd_spend one = {.count = 0};
    if (which >= 1 && which <= spend->count) {
        one = (struct cpsd_spend){.bucket = {spend->bucket[which - 1]}, .count = 1};
    }
    struct cpsd_response response = {.status = 429, .content_type = "application/problem+json"};
    cpsd_problem_put(&body, request, 429, "more requests than the limit allows",
                     one.count ? rate_limit_detail(&one.bucket[0]) : NULL);
    response.body = stir_view(body.ptr, body.len);
    (void)snprintf(retry, sizeof(retry), "%lld", (long long)((retry_after_ms + 999) / 1000));
    cpsd_response_field(&response, "Retry-After", retry);
    cpsd_rate_limit_fields(&response, room, &one, 0);
    cpsd_respond(request, &response);
    stir_buf_free(&body);
}

/* ---- before the credential is checked ---- */

/* Returns true if the request has something to verify: a credential, or a key record. */
static bool rate_limit_must_verify(const struct cpsd_request *request)
{
    return request->fields[CPSD_AUTHORIZATION].len || request->client_cert ||
           request->route->action == CPSD_ACT_KEYS_PUT;
}

/* Fills in what the request takes before its credential is checked; no bucket if it is not limited. */
static void rate_limit_spend_before(struct cpsd_spend *spend, const struct cpsd_request *request)
{
    const struct cpsd_config *config = request->service->config;
    bool reads = request->route->method == CPSD_GET;
    int64_t per_s = reads ? config->read_by_address : rate_limit_must_verify(request) ? config->publish_by_address : 0;
    struct cpsd_bucket network = rate_limit_bucket(per_s, config->burst_s);
    spend->count = 0;
    if (per_s && rate_limit_name_network(network.name, reads ? BUCKET_NET : BUCKET_CHECK, &request->caller.address)) {
        rate_limit_add(spend, network, 1);
    }
}

static bool rate_limit_has_good_certificate(const struct cpsd_request *request)
{
    struct timespec now;
    if (!request->client_cert || request->fields[CPSD_AUTHORIZATION].len) {
        return false;
    }
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return cpsd_client_cert_is_good(request->client_cert, request->service->trusted, now.tv_sec);
}

bool cpsd_rate_limit_admit(struct cpsd_request *request)
{
    struct cpsd_spend spend;
    rate_limit_spend_before(&spend, request);
    if (!spend.count || rate_limit_has_good_certificate(request)) {
        return true;
    }
    struct cpsd_spent spent = cpsd_buckets_spend(request->service->reads, &spend, "", (int64_t)(uv_hrtime() / 1000));
    if (spent.refused) {
        cpsd_count(&request->service->metrics->unchecked, rate_limit_must_verify(request));
        cpsd_rate_limit_refuse(request, &spend, spent.which, spent.wait_us / 1000 + 1);
    }
    request->counted = !spent.refused;
    return !spent.refused;
}

void cpsd_rate_limit_give_back(struct cpsd_request *request)
{
    struct cpsd_spend spend;
    if (request->counted) {
        request->counted = false;
        rate_limit_spend_before(&spend, request);
        cpsd_buckets_give_back(request->service->reads, &spend, "", (int64_t)(uv_hrtime() / 1000));
    }
}

const char *cpsd_rate_limit_full_detail(enum cpsd_full full)
{
    switch (full) {
    case CPSD_FULL_SHARE:
        return "your share of this box is used up; some of your envelopes must expire or be taken out first";
    case CPSD_FULL_TAKEN:
        return "too many envelopes of this box were taken out and are remembered until they expire; try again later";
    default:
        return "the box is full; envelopes must expire or be taken out first";
    }
}

/* ---- chains that are not known as good ---- */

static void rate_limit_spend_chain(struct cpsd_spend *spend, const struct cpsd_request *request, const char *issuer)
{
    const struct cpsd_config *config = request->service->config;
    int64_t per_s = config->chains_by_address;
    struct cpsd_bucket network = rate_limit_bucket(per_s, config->burst_s);
    struct cpsd_bucket pair = rate_limit_bucket(per_s / ISSUER_PART ? per_s / ISSUER_PART : 1, config->burst_s);
    struct stir_buf name = {.limit = 4096};
    spend->count = 0;
    if (!per_s || !rate_limit_name_network(network.name, BUCKET_CHAIN, &request->caller.address)) {
        return;
    }
    stir_buf_printf(&name, "%s %s", network.name + strlen(BUCKET_CHAIN), issuer);
    rate_limit_name_text(pair.name, BUCKET_ISSUER, name.ptr ? name.ptr : "", name.len);
    stir_buf_free(&name);
    rate_limit_add(spend, network, 1);
    rate_limit_add(spend, pair, 1);
}

bool cpsd_rate_limit_chain(struct cpsd_chain_limit *limit, const struct cpsd_request *request, const char *issuer)
{
    if (!limit->taken) {
        rate_limit_spend_chain(&limit->spend, request, issuer);
    }
    if (!limit->spend.count) {
        return true;
    }
    limit->spent = cpsd_buckets_spend(request->service->reads, &limit->spend, "", (int64_t)(uv_hrtime() / 1000));
    limit->taken += !limit->spent.refused;
    return !limit->spent.refused;
}

void cpsd_rate_limit_refuse_chain(struct cpsd_request *request, const struct cpsd_chain_limit *limit)
{
    cpsd_count(&request->service->metrics->unchecked, 1);
    cpsd_rate_limit_refuse(request, &limit->spend, limit->spent.which, limit->spent.wait_us / 1000 + 1);
}

void cpsd_rate_limit_give_back_chain(struct cpsd_chain_limit *limit, const struct cpsd_request *request)
{
    for (; limit->taken; limit->taken--) {
        cpsd_buckets_give_back(request->service->reads, &limit->spend, "", (int64_t)(uv_hrtime() / 1000));
    }
}
