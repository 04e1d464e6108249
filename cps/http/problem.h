#pragma once

#include "common/base/error.h"
#include "cps/http/request.h"

/*
 * Errors as application/problem+json (RFC 7807): `title` names the cause, `detail` says what to change. Below
 * /passports the title stands in `error` too, as ATIS-1000096 has it.
 */

/* The one map from a cause to an HTTP status. Total. */
int cpsd_status_of(enum stir_code code);

/* Answers with a problem. detail NULL: the title alone. retry_after_s > 0 adds Retry-After. allow (may be NULL) adds
 * Allow. 401 adds WWW-Authenticate. The text must not hold anything of the request's body, nor a number. */
void cpsd_problem(struct cpsd_request *request, int status, const char *title, const char *detail,
                  unsigned retry_after_s, const char *allow);

/* The same with a WWW-Authenticate of its own (RFC 6750 section 3); NULL: none. */
void cpsd_problem_challenge(struct cpsd_request *request, int status, const char *title, const char *detail,
                            unsigned retry_after_s, const char *challenge);

/* Answers with the status that belongs to err->code, its fixed text as title and err->text as detail. */
void cpsd_problem_error(struct cpsd_request *request, const struct stir_error *err);

/* Writes the body of a request's problem alone. */
void cpsd_problem_put(struct stir_buf *out, const struct cpsd_request *request, int status, const char *title,
                      const char *detail);

/* The same for what is refused before its path is looked at; the server uses it. `error` is always there. */
void cpsd_problem_body(struct stir_buf *out, int status, const char *title, const char *detail);
