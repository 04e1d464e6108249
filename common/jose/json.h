/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"
#include "common/base/view.h"

#include <jansson.h>

/*
 * Strict JSON (RFC 8259) on jansson: duplicate names, U+0000, invalid UTF-8, trailing text and nesting deeper than
 * STIR_JSON_DEPTH are refused; so are numbers that a double cannot hold. An integer of 2^63 or more is read as a
 * double, so that a member that nobody reads does not spoil the others. Thread-safe as jansson is: values are not
 * shared.
 */
#define STIR_JSON_DEPTH 16

/* Parses n octets of text. *out is a new reference; untouched on failure. STIR_E_JSON with line and column in err,
 * STIR_E_NOMEM. */
enum stir_code stir_json_parse(json_t **out, const char *text, size_t n, struct stir_error *err) STIR_MUST_CHECK;

/* As above, and the value must be an object. `what` names it in the error text ("the header"). */
enum stir_code stir_json_parse_object(json_t **out, const char *text, size_t n, const char *what,
                                      struct stir_error *err) STIR_MUST_CHECK;

/* A member that must be a string (integer, array of strings): borrowed, valid while the object is. STIR_E_JSON naming
 * the member when it is missing or of another type. stir_json_int takes no reals (1.5) and no integer beyond 64 bits.
 */
enum stir_code stir_json_string(const char **out, const json_t *object, const char *name,
                                struct stir_error *err) STIR_MUST_CHECK;
enum stir_code stir_json_int(int64_t *out, const json_t *object, const char *name,
                             struct stir_error *err) STIR_MUST_CHECK;

#define STIR_JSON_DATE_MAX ((int64_t)1 << 53) /* beyond it JSON numbers are not exact everywhere */

/* Reads a NumericDate (RFC 7519 section 2): seconds since the epoch, possibly with a fraction, which is rounded up to
 * the next second. A date outside 0..STIR_JSON_DATE_MAX becomes the nearer of the two. STIR_E_JSON names the member
 * when it is missing or not a number. */
enum stir_code stir_json_date(int64_t *out, const json_t *object, const char *name,
                              struct stir_error *err) STIR_MUST_CHECK;

/* Reads a NumericDate (RFC 7519 section 2): seconds since the epoch, perhaps with a fraction, from 0 to 2^53. up: a
 * fraction rounds up, else down. value may be NULL. False: not a number, or out of range; *out is untouched then. */
bool stir_json_time(const json_t *value, bool up, int64_t *out);

/* Appends the JSON Canonicalization Scheme form (RFC 8785): names sorted by UTF-16 code units, no white space, shortest
 * escapes, numbers as ECMAScript prints them (as IEEE doubles: integers beyond 2^53 lose what a double loses). Failures
 * stick in buf. */
void stir_jcs(struct stir_buf *out, const json_t *value);

/* Appends text as a JSON string with quotes and the escapes that RFC 8785 section 3.2.2.2 asks for. Octets that are not
 * UTF-8 become U+FFFD, so that what comes out is JSON whatever went in. */
void stir_json_quote(struct stir_buf *out, const char *text, size_t n);
