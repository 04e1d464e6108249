/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * The handlers of the RFC 8816 interface: envelopes in the box of a destination (section 9; cps/README.md and
 * cps/openapi.yaml describe the details). The route has read {dest} into the request (cpsd_box_dest). Each handler
 * answers exactly once.
 */

/* POST /cps/{dest}/ppts stores an envelope. Answers 201, or 200 if the same envelope was there already, with Location;
 * 400, 413, 415, 422, 429, 503. */
void cpsd_ppts_publish(struct cpsd_request *request);

/* GET /cps/{dest}/ppts lists the box as application/link-format (RFC 6690), or as JSON with a cursor. ?after=CURSOR
 * continues a list, Prefer: wait=N (RFC 7240) waits up to N seconds for an arrival, ?dummies=no leaves out dummies. */
void cpsd_ppts_list(struct cpsd_request *request);

/* GET /cps/{dest}/ppts/{id} returns one envelope, real or dummy. 404. */
void cpsd_ppts_fetch(struct cpsd_request *request);

/* DELETE /cps/{dest}/ppts/{id} takes one envelope out of the box, once. Answers 204; 410 if it was taken before; 404 if
 * it is not there. With ?claim=yes an id that is not there counts as taken from now on. */
void cpsd_ppts_delete(struct cpsd_request *request);

/* DELETE /cps/{dest}/ppts takes out everything that is in the box. Answers 204. Only the holder of the destination may,
 * whatever the policy of "delete" is. */
void cpsd_ppts_empty(struct cpsd_request *request);
