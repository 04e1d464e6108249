#pragma once

#include "cps/http/request.h"

/*
 * The RFC 8816 interface: envelopes in the box of a destination (section 9, as cps/README.md describes it).
 */

/* POST /cps/{dest}/ppts: stores an envelope. 201 or, if it was there, 200; Location. 400, 413, 415, 422, 429, 503. */
void cpsd_ppts_publish(struct cpsd_request *request);

/* Reads {dest} into request->dest; false: answered 400. The routes' dest. */
bool cpsd_ppts_dest(struct cpsd_request *request);

/* The list is asked for without dummies (?dummies=no), which is for the holder of the destination only. */
bool cpsd_ppts_without_dummies(const struct cpsd_request *request);

/* GET /cps/{dest}/ppts: the box as application/link-format or JSON with cursor; ?after=cursor; Prefer: wait=N. */
void cpsd_ppts_list(struct cpsd_request *request);

/* GET /cps/{dest}/ppts/{id}: one envelope, a dummy like any other. */
void cpsd_ppts_fetch(struct cpsd_request *request);

/* DELETE /cps/{dest}/ppts/{id}: takes it out, once. 204; 410 if it was taken before; 404 if it is not there: with
 * ?claim=yes it counts as taken from then on. */
void cpsd_ppts_delete(struct cpsd_request *request);

/* DELETE /cps/{dest}/ppts: takes out all that is in the box. 204. For the holder of the destination only, whatever the
 * policy of deleting is. */
void cpsd_ppts_empty(struct cpsd_request *request);
