/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * Reports of bogus PASSporTs. Only the holder of a destination can read what is published for it, so nobody else can
 * notice that a publisher fills its box with useless envelopes (RFC 8816 section 7.5).
 *
 * A report costs the publisher [limits] report_cost envelopes of what it may send to this holder, and nothing of what
 * it may send to others: a holder that reports genuine envelopes only blocks what is sent to its own numbers. A
 * publisher can see the reports of its envelopes.
 */

/* POST /cps/{dest}/ppts/{id}/report, with ?reason=: 204, also for a repeated report, which counts for nothing; 400,
 * 404.
 */
void cpsd_report(struct cpsd_request *request);

/* GET /cps/reports, with ?after=: 200 with the reports of the caller's envelopes, oldest first. The last
 * CPSD_REPORTS_KEPT are kept, for [store] ttl_max_s. 401 for a caller without a verified credential. */
#define CPSD_REPORTS_KEPT 1000
void cpsd_reports(struct cpsd_request *request);
