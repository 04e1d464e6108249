#pragma once

#include "cps/http/request.h"

/*
 * What a carrier gets without asking for each number: everything that is published for the numbers that the number
 * table
 * ([numbers] table) gives it, as a stream of server-sent events, or by prefix.
 *
 * A feed is a box of its own beside the destinations' boxes, filled by POST /cps/{dest}/ppts after the envelope was
 * stored: where the store goes away in between, the envelope is missing there and nowhere else. It holds [limits]
 * feed_limit entries: the oldest make room, and are counted. Its entries live as long as the envelopes, or until those
 * are deleted. It has no dummies: only its provider may read it.
 */

/* {spc} of GET /feed/{spc}, into the request's dest, as "spc:CODE". */
bool cpsd_feed_path(struct cpsd_request *request);

/* GET /feed/{spc}: 200 text/event-stream, from the oldest entry or from behind Last-Event-ID (or ?after=) on. Each
 * event is {"dest","id","ppt"} with a cursor as its id; a comment every 15 s. Ends when the server stops, or when the
 * client takes nothing for 30 s. */
void cpsd_feed(struct cpsd_request *request);

/* By prefix: GET of a box's list whose {dest} ends with a bare asterisk ("1202555*"; an asterisk that belongs to a
 * number is written as %2A). The path gives the request's dest, the provider that the table gives the prefix to; the
 * answer is 200 {"ppts":[{"dest","id","ppt"}],"cursor"}, what that provider's feed has for numbers that begin so, with
 * ?after= and Link as for a box. */
bool cpsd_prefix_path(struct cpsd_request *request);
void cpsd_prefix(struct cpsd_request *request);

/* What a publish has to remember until its envelope is stored. NULL: nobody is fed with it. */
struct cpsd_feeding;
struct cpsd_feeding *cpsd_feeding_begin(const struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS],
                                        struct stir_view envelope, int64_t ttl_ms);

/* Puts it into the feed (stored) or forgets it; frees it. */
void cpsd_feeding_end(struct cpsd_feeding *feeding, bool stored);

/* Takes envelopes of the request's destination out of its provider's feed, beside the request's own way: nobody waits
 * for it. ids: CPSD_ID_OCTETS each. */
void cpsd_feed_forget(const struct cpsd_request *request, struct stir_view ids);
