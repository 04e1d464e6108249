/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"
#include "cps/http/request.h"

/*
 * Errors as application/problem+json (RFC 7807): `title` names the cause, `detail` says what to change. Under
 * /passports the title is also in `error`, as ATIS-1000096 demands.
 */

/* Returns the HTTP status of an error code. The only such map; it covers every code. */
int cpsd_status_of(enum stir_code code);

/* Answers with a problem. detail may be NULL. retry_after_s > 0 adds Retry-After, in seconds; allow, if not NULL, adds
 * Allow; status 401 adds WWW-Authenticate. The texts must not contain anything of the request's body, nor a telephone
 * number. */
void cpsd_problem(struct cpsd_request *request, int status, const char *title, const char *detail,
                  unsigned retry_after_s, const char *allow);

/* Answers with a problem and this WWW-Authenticate (RFC 6750 section 3); NULL: without it. */
void cpsd_problem_challenge(struct cpsd_request *request, int status, const char *title, const char *detail,
                            unsigned retry_after_s, const char *challenge);

/* Answers with the status of err->code, the fixed text of the code as title, and err->text as detail. */
void cpsd_problem_error(struct cpsd_request *request, const struct stir_error *err);

/* Appends only the body of a request's problem. */
void cpsd_problem_put(struct stir_buf *out, const struct cpsd_request *request, int status, const char *title,
                      const char *detail);

/* Appends only the body of a problem, for requests that are refused before their path is known: `error` is always
 * there.
 */
void cpsd_problem_body(struct stir_buf *out, int status, const char *title, const char *detail);
