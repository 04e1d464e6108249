#pragma once

#include "cps/buckets.h"
#include "cps/request.h"

/*
 * How much one caller may do: [limits]. Publishing takes tokens from buckets that all servers of a store share, in the
 * store's own round trip; reading and connections are counted in each process.
 */

/* What a publish of `cost` envelopes takes: from the buckets of the caller's SPC, of its network (an IPv4 address, an
 * IPv6 /64) and of the destination's box, as far as the configuration has them. */
void cpsd_limits_publish(struct cpsd_spend *out, const struct cpsd_request *request, unsigned cost);

/* The bucket of a service provider code, of no cost yet. */
struct cpsd_bucket cpsd_limits_of_spc(const struct cpsd_config *config, struct stir_view spc);

/* Adds RateLimit-Limit, -Remaining and -Reset (draft-ietf-httpapi-ratelimit-headers) to an answer; `room` holds their
 * texts until it was sent. Nothing where no bucket is in use. */
#define CPSD_LIMITS_ROOM 72
void cpsd_limits_fields(struct cpsd_response *response, char room[CPSD_LIMITS_ROOM], const struct cpsd_spend *spend,
                        int64_t left);

/* Answers 429: bucket `which` (from 1) of what was to be spent lacks tokens for so long. */
void cpsd_limits_refuse(struct cpsd_request *request, const struct cpsd_spend *spend, unsigned which,
                        int64_t retry_after_ms);

/* Reading (lists, envelopes, key records), by network. False: it was answered 429. */
bool cpsd_limits_read(struct cpsd_request *request);

/* The connections of one network that are open in this process: the limit of [limits] connections_by_address. */
struct cpsd_crowd;
struct cpsd_crowd *cpsd_crowd_new(void); /* NULL: out of memory */
void cpsd_crowd_free(struct cpsd_crowd *crowd);

/* Counts a connection in, unless there are `most` from its network already (0: no limit; an address of zeros is never
 * refused). What entered leaves. Thread-safe. */
bool cpsd_crowd_enter(struct cpsd_crowd *crowd, const struct in6_addr *address, uint64_t most);
void cpsd_crowd_leave(struct cpsd_crowd *crowd, const struct in6_addr *address);
