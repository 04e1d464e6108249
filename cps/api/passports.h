#pragma once

#include "cps/http/request.h"

/*
 * The ATIS interface: PASSporTs by destination and originator. `/passports/{dest}/{orig}` is ATIS-1000096: kept for as
 * long as the local policy says. `/passports/{spc}/{dest}/{orig}` is ATIS-1000105: kept until the token's exp. What the
 * provider with that code published itself is retrieved by it and by [atis] partners, what another one published there
 * by that provider alone.
 */

/* Reads the path's {spc}, {dest} and {orig} into the request; false: answered 400. The routes' dest. */
bool cpsd_passports_path(struct cpsd_request *request);

/* POST: publish, and with a token of that action republish. 201; 400, 401, 403, 413, 415, 422, 429, 503. */
void cpsd_passports_publish(struct cpsd_request *request);

/* GET: 200 with what is there; 404 if nothing is; 400, 401, 403, 503. */
void cpsd_passports_retrieve(struct cpsd_request *request);
