#pragma once

#include "cps/http/request.h"

/*
 * The directory of key records (common/passport/keyrecord.h): PUT and GET /keys/{subject}, where a subject is a number
 * in any visual form, a service provider code, or that as "spc:CODE". A record is kept until it ends; one that was
 * issued earlier never takes the place of a later one. Under a number one record is kept that names the number, and one
 * that has it in a range: a holder and the carrier of its block do not take each other's place. Readers verify what
 * they get by themselves; what is put is verified as well, so that nobody can put another's out of reach.
 */

/* The route's dest: a number, or "spc:CODE" as a URI. For PUT a short text of digits is the code if the record is about
 * that. */
bool cpsd_keys_path(struct cpsd_request *request);

/* PUT: 201, or 200 if the very record is there; 409 if a later one is; 415, 422 and 403 for what is not a good record
 * of the subject. */
void cpsd_keys_put(struct cpsd_request *request);

/* GET: the records that cover the subject are the number's own, that of a range with the number in it, that of the
 * provider that the number table gives it to, and that of a code of this name. With Accept: application/json the answer
 * is {"records":["..."]} with all of them, in this order; otherwise it is the first. 304 for If-None-Match, 404. */
void cpsd_keys_get(struct cpsd_request *request);
