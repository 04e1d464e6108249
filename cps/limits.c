#include "cps/limits.h"

#include "cps/problem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* "net:192.0.2.1", "net:2001:db8:1:2::/64"; nothing for an address of zeros. */
static bool network_name(char out[CPSD_BUCKET_NAME], const struct in6_addr *address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr prefix = *address;
    if (IN6_IS_ADDR_UNSPECIFIED(address)) {
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        (void)inet_ntop(AF_INET, &address->s6_addr[12], text, sizeof(text));
    } else {
        memset(&prefix.s6_addr[8], 0, 8);
        (void)inet_ntop(AF_INET6, &prefix, text, sizeof(text));
    }
    (void)snprintf(out, CPSD_BUCKET_NAME, "net:%s", text);
    return true;
}

static struct cpsd_bucket bucket_of(int64_t per_s, int64_t burst_s)
{
    int64_t burst = per_s * burst_s;
    return (struct cpsd_bucket){.per_s = (uint32_t)per_s, .burst = (uint32_t)(burst < UINT32_MAX ? burst : UINT32_MAX)};
}

struct cpsd_bucket cpsd_limits_of_spc(const struct cpsd_config *config, struct stir_view spc)
{
    struct cpsd_bucket bucket = bucket_of(config->publish_by_spc, config->burst_s);
    (void)snprintf(bucket.name, sizeof(bucket.name), "spc:%.*s", (int)spc.len, spc.ptr);
    return bucket;
}

static void add(struct cpsd_spend *spend, struct cpsd_bucket bucket, unsigned cost)
{
    bucket.cost = cost < bucket.burst ? cost : bucket.burst; /* what is more than it ever holds would never pass */
    spend->bucket[spend->count++] = bucket;
}

void cpsd_limits_publish(struct cpsd_spend *out, const struct cpsd_request *request, unsigned cost)
{
    const struct cpsd_config *config = request->service->config;
    struct cpsd_bucket network = bucket_of(config->publish_by_address, config->burst_s);
    out->count = 0;
    if (config->publish_by_spc && request->caller.spc[0]) {
        add(out, cpsd_limits_of_spc(config, stir_view_str(request->caller.spc)), cost);
    }
    if (config->publish_by_address && network_name(network.name, &request->caller.address)) {
        add(out, network, cost);
    }
    if (config->publish_by_destination) {
        add(out, bucket_of(config->publish_by_destination, config->burst_s), cost); /* has the box's own name: none */
    }
}

void cpsd_limits_fields(struct cpsd_response *response, char room[CPSD_LIMITS_ROOM], const struct cpsd_spend *spend,
                        int64_t left)
{
    const struct cpsd_bucket *least = NULL;
    for (size_t i = 0; i < spend->count; i++) {
        least = !least || spend->bucket[i].burst < least->burst ? &spend->bucket[i] : least;
    }
    if (!least) {
        return;
    }
    int64_t per_s = least->per_s > 0 ? least->per_s : 1;
    left = left < 0 ? 0 : left < least->burst ? left : least->burst;
    char *limit = room, *remaining = room + CPSD_LIMITS_ROOM / 3, *reset = remaining + CPSD_LIMITS_ROOM / 3;
    (void)snprintf(limit, CPSD_LIMITS_ROOM / 3, "%u", least->burst);
    (void)snprintf(remaining, CPSD_LIMITS_ROOM / 3, "%lld", (long long)left);
    (void)snprintf(reset, CPSD_LIMITS_ROOM / 3, "%lld", (long long)((least->burst - left + per_s - 1) / per_s));
    cpsd_response_field(response, "RateLimit-Limit", limit);
    cpsd_response_field(response, "RateLimit-Remaining", remaining);
    cpsd_response_field(response, "RateLimit-Reset", reset);
}

/* What the bucket is for, as the caller is to read it. */
static const char *detail_of(const struct cpsd_bucket *bucket)
{
    return strncmp(bucket->name, "spc:", 4) == 0   ? "the limit is of this service provider code; send more slowly"
           : strncmp(bucket->name, "net:", 4) == 0 ? "the limit is of this client address; send more slowly"
                                                   : "the limit is of this destination; send to it more slowly";
}

void cpsd_limits_refuse(struct cpsd_request *request, const struct cpsd_spend *spend, unsigned which,
                        int64_t retry_after_ms)
{
    char room[CPSD_LIMITS_ROOM], retry[24];
    struct stir_buf body = {.limit = 1024};
    struct cpsd_spend one = {.count = 0};
    if (which >= 1 && which <= spend->count) {
        one = (struct cpsd_spend){.bucket = {spend->bucket[which - 1]}, .count = 1};
    }
    struct cpsd_response response = {.status = 429, .content_type = "application/problem+json"};
    cpsd_problem_put(&body, request, 429, "more requests than the limit allows",
                     one.count ? detail_of(&one.bucket[0]) : NULL);
    response.body = stir_view(body.ptr, body.len);
    (void)snprintf(retry, sizeof(retry), "%lld", (long long)((retry_after_ms + 999) / 1000));
    cpsd_response_field(&response, "Retry-After", retry);
    cpsd_limits_fields(&response, room, &one, 0);
    cpsd_respond(request, &response);
    stir_buf_free(&body);
}

bool cpsd_limits_read(struct cpsd_request *request)
{
    const struct cpsd_config *config = request->service->config;
    struct cpsd_bucket network = bucket_of(config->read_by_address, config->burst_s);
    struct cpsd_spend spend = {.count = 0};
    if (!config->read_by_address || !network_name(network.name, &request->caller.address)) {
        return true;
    }
    add(&spend, network, 1);
    struct cpsd_spent spent = cpsd_buckets_spend(request->service->reads, &spend, "", (int64_t)(uv_hrtime() / 1000));
    if (spent.refused) {
        cpsd_limits_refuse(request, &spend, spent.which, spent.wait_us / 1000 + 1);
    }
    return !spent.refused;
}
