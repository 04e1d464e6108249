/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/cps.h"
#include "common/base/error.h"

/* Records a failure in *err, formatted as by printf and cut to one line, and returns its code. err may be NULL. */
enum cps_code cps_fail(struct cps_error *err, enum cps_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

/* Records a failure of common/ and returns the code of the same name. The text is that of cause; if cause is NULL or
 * was filled by another failure, the code's own text is used. */
enum cps_code cps_fail_stir(struct cps_error *err, enum stir_code code, const struct stir_error *cause);

/* Puts "prefix: " before the text of *err. Returns the code in *err, or `code` if err is NULL. */
enum cps_code cps_fail_prefix(struct cps_error *err, enum cps_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

/* Returns the code of the same name; CPS_E_CRYPTO for a number outside the enum. */
enum cps_code cps_of_stir(enum stir_code code);

#ifdef __clang_analyzer__
/* As in common/base/error.h: the analyzer sees one file at a time and would assume that these may return CPS_OK. */
#define cps_fail(err, code, ...) STIR_RETURNS_CODE(cps_fail(err, code, __VA_ARGS__), code)
#define cps_fail_stir(err, code, cause)                                                                                \
    STIR_RETURNS_CODE(cps_fail_stir(err, code, cause), (code) == STIR_OK ? CPS_OK : CPS_E_CRYPTO)
#define cps_fail_prefix(err, code, ...) STIR_RETURNS_CODE(cps_fail_prefix(err, code, __VA_ARGS__), code)
#endif

/* Replaces control characters by spaces, in place, so that text from a peer cannot begin a second line. */
void cps_tame(char *text);
