#pragma once

#include "cps/request.h"

/*
 * Reports of bogus PASSporTs. Nobody but the holder of a destination can read what comes for it, so nobody else can
 * tell that a publisher fills its box with what is of no use (RFC 8816 section 7.5). A report counts against the
 * publisher where one is known: [limits] report_cost tokens of its bucket.
 */

/* POST /cps/{dest}/ppts/{id}/report: 204, also the second time, which counts for nothing; 404. */
void cpsd_report(struct cpsd_request *request);

/* Remembers for an envelope's life who published it, beside the request's own way: nobody waits for it, and where it
 * fails, a report of that envelope is of an unknown publisher. Nothing where reports cost nothing. */
void cpsd_report_remember(struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS], int64_t ttl_ms);
