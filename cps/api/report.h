#pragma once

#include "cps/http/request.h"

/*
 * Reports of bogus PASSporTs. Nobody but the holder of a destination can read what comes for it, so nobody else can
 * tell that a publisher fills its box with what is of no use (RFC 8816 section 7.5).
 *
 * A report costs its publisher [limits] report_cost envelopes of what it may send to this holder, and nothing of what
 * it may send to others: a holder that reports genuine envelopes stops what comes for its own numbers. A publisher can
 * see the reports of its envelopes.
 */

/* POST /cps/{dest}/ppts/{id}/report, ?reason=: 204, also the second time, which counts for nothing; 400, 404. */
void cpsd_report(struct cpsd_request *request);

/* GET /cps/reports, ?after=: 200 with the last reports of the caller's envelopes, oldest first: as many as
 * CPSD_REPORTS_KEPT, as long as [store] ttl_max_s. 401 for a caller without a verified credential. */
#define CPSD_REPORTS_KEPT 1000
void cpsd_reports(struct cpsd_request *request);
