/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * What a carrier can get without asking for each number: everything that is published for the numbers that the number
 * table ([numbers] table) gives it, as a stream of server-sent events or by prefix.
 *
 * A feed is a box of its own beside the boxes of the destinations. POST /cps/{dest}/ppts fills it after the envelope is
 * stored: if the store goes away in between, the envelope is missing in the feed and nowhere else. A feed holds
 * [limits] feed_limit entries; the oldest make room for new ones and are counted. Entries live as long as their
 * envelopes, or until those are deleted. A feed has no dummies, because only its provider may read it.
 */

/* Reads {spc} of GET /feed/{spc} into the request's dest, as "spc:CODE". Returns false after answering 400. */
bool cpsd_feed_path(struct cpsd_request *request);

/* GET /feed/{spc}: 200 text/event-stream (WHATWG HTML section 9.2), from the oldest entry or after Last-Event-ID (or
 * ?after=). Each event is {"dest","id","ppt"} with a cursor as its id; a comment is sent every 15 s. The stream ends
 * when the server stops, when the client reads nothing for 30 s, and after [feeds] max_life_s. */
void cpsd_feed(struct cpsd_request *request);

/* By prefix: GET of a box's list whose {dest} ends with a bare asterisk ("1202555*"; an asterisk that belongs to a
 * number is written as %2A). cpsd_prefix_path sets the request's dest to the provider that the number table gives the
 * prefix to, or answers 400 or 404 and returns false. The answer is 200 {"ppts":[{"dest","id","ppt"}],"cursor"}: the
 * entries of that provider's feed whose number starts with the prefix, with ?after= and Link as for a box. */
bool cpsd_prefix_path(struct cpsd_request *request);
void cpsd_prefix(struct cpsd_request *request);

/* Copies what the feed needs of an envelope, until the envelope is stored. Returns NULL if no feed gets it: feeds are
 * off, the number belongs to no provider, or memory is used up (which is counted). */
struct cpsd_feeding;
struct cpsd_feeding *cpsd_feeding_begin(const struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS],
                                        struct stir_view envelope, int64_t ttl_ms);

/* Adds the envelope to the feed (stored) or drops it; frees `feeding`, which may be NULL. */
void cpsd_feeding_end(struct cpsd_feeding *feeding, bool stored);

/* Removes envelopes of the request's destination from its provider's feed; the request does not wait for that. ids
 * holds CPSD_ID_OCTETS for each. */
void cpsd_feed_forget(const struct cpsd_request *request, struct stir_view ids);
