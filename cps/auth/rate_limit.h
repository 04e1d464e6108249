#pragma once

#include "cps/auth/publisher.h"
#include "cps/http/request.h"
#include "cps/store/token_bucket.h"

/*
 * How much one caller may do: [limits]. Publishing takes tokens from buckets that all servers of a store share, in the
 * store's own round trip; reading and connections are counted in each process.
 */

/* What a publish of `cost` envelopes takes: from the buckets of the publisher (cps/auth/publisher.h), of the publisher
 * and the holder of the destination together, of the caller's network (an IPv4 address, an IPv6 /64; only without a
 * verified credential) and of the destination, as far as the configuration has them. */
void cpsd_limits_publish(struct cpsd_spend *out, const struct cpsd_request *request, struct stir_view publisher,
                         unsigned cost);

/* The bucket of a publisher and the holder of the request's destination, of no cost yet: it holds as much as the
 * publisher's own, and what the publisher sends to another holder takes nothing from it. */
struct cpsd_bucket cpsd_limits_of_pair(const struct cpsd_request *request, struct stir_view publisher);

/* Writes who holds the request's destination by the number table, "spc:CODE"; "" where the table does not say. */
void cpsd_limits_holder(char out[CPSD_PUBLISHER_NAME], const struct cpsd_request *request);

/* Adds RateLimit-Limit, -Remaining and -Reset (draft-ietf-httpapi-ratelimit-headers) to an answer; `room` holds their
 * texts until it was sent. Nothing where no bucket is in use. */
#define CPSD_LIMITS_ROOM 72
void cpsd_limits_fields(struct cpsd_response *response, char room[CPSD_LIMITS_ROOM], const struct cpsd_spend *spend,
                        int64_t left);

/* Answers 429: bucket `which` (from 1) of what was to be spent lacks tokens for so long. */
void cpsd_limits_refuse(struct cpsd_request *request, const struct cpsd_spend *spend, unsigned which,
                        int64_t retry_after_ms);

/*
 * Counts a request in this process against its network, before its credential is looked at: what reads (lists,
 * envelopes, key records) by read_by_address, everything else that brings something to verify by publish_by_address. A
 * client certificate that was judged good already is not counted. False: it was answered 429.
 */
bool cpsd_limits_admit(struct cpsd_request *request);

/* Gives back what cpsd_limits_admit has counted: the credential is good, and the limits by address are for callers
 * without one. */
void cpsd_limits_give_back(struct cpsd_request *request);

/* Why a put found no room, for a problem's detail. */
const char *cpsd_limits_full_detail(enum cpsd_full full);

/*
 * A certificate that is not known as good is fetched or verified: counted by network, and by network and claimed issuer
 * together, so that whoever names a provider spends nothing of others' who do ([limits] chains_by_address). Embedded in
 * a request's state, zeroed.
 */
struct cpsd_chain_limit {
    struct cpsd_spend spend;
    struct cpsd_spent spent; /* of the last time */
    unsigned taken;          /* times */
};

/* Counts once more. False: it is too much; cpsd_limits_refuse_chain then answers. issuer: as the credential says. */
bool cpsd_limits_chain(struct cpsd_chain_limit *limit, const struct cpsd_request *request, const char *issuer);

/* True if a failure is that cpsd_limits_chain has refused the certificate. */
static inline bool cpsd_limits_chain_refused(const struct cpsd_chain_limit *limit, const struct stir_error *err)
{
    return limit->spent.refused && err->code == STIR_E_UNAVAILABLE;
}

void cpsd_limits_refuse_chain(struct cpsd_request *request, const struct cpsd_chain_limit *limit);

/* Gives back all that was counted: the credential is good. */
void cpsd_limits_give_back_chain(struct cpsd_chain_limit *limit, const struct cpsd_request *request);
