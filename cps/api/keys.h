/* SPDX-License-Identifier: MIT */
#pragma once

#include "cps/http/request.h"

/*
 * The directory of key records (common/passport/keyrecord.h): PUT and GET /keys/{subject}. A subject is a number in any
 * visual form, a service provider code, or that as "spc:CODE" (cpsd_keys_path). A record is kept until it expires; a
 * record never replaces one that was issued later. Under each number two records are kept: one that names the number,
 * and one that covers it by a range, so that a holder and the carrier of its block do not replace each other's. Readers
 * verify records themselves; the server verifies them too, so that nobody can displace the record of another.
 */

/* PUT: 201, or 200 if the same record is there already; 409 if a record issued later is there; 415, 422 and 403 if the
 * text is not a valid record of the subject. */
void cpsd_keys_put(struct cpsd_request *request);

/* GET: the records that cover the subject are, in this order, the number's own, that of a range with the number in it,
 * that of the provider that the number table gives it to, and that of a code of this name. With Accept:
 * application/json the answer is {"records":["..."]} with all of them, otherwise the first one. 304 for If-None-Match,
 * 404. */
void cpsd_keys_get(struct cpsd_request *request);
