/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/auth/publisher.h"
#include "cps/http/request.h"
#include "cps/store/token_bucket.h"

/*
 * How many requests a caller may make: the rates of [limits]. Publishing takes tokens from buckets that all servers of
 * a store share, in the round trip that publishes; reading is counted in each process. Connections are limited by
 * conn_limit.h.
 */

/* Fills in what a publish of `cost` envelopes takes: from the buckets of the publisher (cps/auth/publisher.h), of the
 * publisher and the holder of the destination together, of the caller's network (an IPv4 address, an IPv6 /64; only
 * without a verified credential) and of the destination, as far as the configuration limits them. */
void cpsd_rate_limit_publish(struct cpsd_spend *out, const struct cpsd_request *request, struct stir_view publisher,
                             unsigned cost);

/* Returns the bucket of a publisher and the holder of the request's destination, with cost 0. It holds as much as the
 * publisher's own; envelopes to other holders take nothing from it. */
struct cpsd_bucket cpsd_rate_limit_of_pair(const struct cpsd_request *request, struct stir_view publisher);

/* Writes the holder of the request's destination by the number table, "spc:CODE"; "" if the table does not say. */
void cpsd_rate_limit_holder(char out[CPSD_PUBLISHER_NAME], const struct cpsd_request *request);

/* Adds RateLimit-Limit, -Remaining and -Reset (draft-ietf-httpapi-ratelimit-headers) to an answer; none if no bucket is
 * in use. `left`: the tokens left. `room` holds the texts and must outlive the answer. */
#define CPSD_RATE_LIMIT_ROOM 72
void cpsd_rate_limit_fields(struct cpsd_response *response, char room[CPSD_RATE_LIMIT_ROOM],
                            const struct cpsd_spend *spend, int64_t left);

/* Answers 429: bucket `which` (from 1) of *spend lacks tokens, for retry_after_ms milliseconds. */
void cpsd_rate_limit_refuse(struct cpsd_request *request, const struct cpsd_spend *spend, unsigned which,
                            int64_t retry_after_ms);

/*
 * Counts a request in this process against its network, before its credential is looked at: reading (lists, envelopes,
 * key records) against read_by_address, other requests with something to verify against publish_by_address. A request
 * with a client certificate that was judged good already is not counted. Returns false if it was answered 429.
 */
bool cpsd_rate_limit_admit(struct cpsd_request *request);

/* Gives back what cpsd_rate_limit_admit counted: the credential is good, and limits by address are for callers without
 * one. */
void cpsd_rate_limit_give_back(struct cpsd_request *request);

/* Returns why a put found no room, for the detail of a problem. */
const char *cpsd_rate_limit_full_detail(enum cpsd_full full);

/*
 * Counts fetches and verifications of certificates that are not known as good ([limits] chains_by_address): per
 * network, and per network and claimed issuer, so that one client that claims to be a provider does not use up the
 * limit of other clients of that provider. Embedded in a request's state, zeroed.
 */
struct cpsd_chain_limit {
    struct cpsd_spend spend;
    struct cpsd_spent spent; /* the last result */
    unsigned taken;          /* how often it was counted */
};

/* Counts once more. Returns false if the limit is reached; cpsd_rate_limit_refuse_chain then answers. issuer: as the
 * credential claims. */
bool cpsd_rate_limit_chain(struct cpsd_chain_limit *limit, const struct cpsd_request *request, const char *issuer);

/* Returns true if a failure means that cpsd_rate_limit_chain has refused the certificate. */
static inline bool cpsd_rate_limit_chain_refused(const struct cpsd_chain_limit *limit, const struct stir_error *err)
{
    return limit->spent.refused && err->code == STIR_E_UNAVAILABLE;
}

void cpsd_rate_limit_refuse_chain(struct cpsd_request *request, const struct cpsd_chain_limit *limit);

/* Gives back everything that was counted: the credential is good. */
void cpsd_rate_limit_give_back_chain(struct cpsd_chain_limit *limit, const struct cpsd_request *request);
