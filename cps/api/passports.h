/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * The handlers of the ATIS interface: PASSporTs by destination and originator. /passports/{dest}/{orig} is
 * ATIS-1000096: PASSporTs are kept as long as the local policy says. /passports/{spc}/{dest}/{orig} is ATIS-1000105:
 * they are kept until the token's exp. What the provider with that code published itself can be retrieved by it and by
 * the [atis] partners; what another provider published there, by the provider with that code alone.
 */

/* Reads {spc}, {dest} and {orig} of the path into the request. Returns false after answering 400. */
bool cpsd_passports_path(struct cpsd_request *request);

/* True if the path has an {spc}. */
static inline bool cpsd_passports_has_spc(const struct cpsd_request *request)
{
    return request->spc[0] != '\0';
}

/* POST publishes and, with a token whose action is "republish", republishes. Answers 201; 400, 401, 403, 413, 415, 422,
 * 429, 503. */
void cpsd_passports_publish(struct cpsd_request *request);

/* GET retrieves. Answers 200 with the PASSporTs; 404 if there are none; 400, 401, 403, 503. */
void cpsd_passports_retrieve(struct cpsd_request *request);
