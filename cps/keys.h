#pragma once

#include "cps/request.h"

/*
 * The directory of key records (common/keyrecord.h): PUT and GET /keys/{subject}, where a subject is a number in any
 * visual form, a service provider code, or that as "spc:CODE". A record is kept until it ends; one that was issued
 * earlier never takes the place of a later one. Readers verify what they get by themselves; what is put is verified as
 * well, so that nobody can put another's out of reach.
 */

/* The route's dest: a number, or "spc:CODE" as a URI. For PUT a short text of digits is the code if the record is about
 * that. */
bool cpsd_keys_path(struct cpsd_request *request);

/* PUT: 201, or 200 if the very record is there; 409 if a later one is; 415, 422 and 403 for what is not a good record
 * of the subject. */
void cpsd_keys_put(struct cpsd_request *request);

/* GET: the number's own record, else that of the provider that the number table gives it to, else that of a code of
 * this name; 304 for If-None-Match, 404. */
void cpsd_keys_get(struct cpsd_request *request);
