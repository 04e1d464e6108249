#pragma once

#include "client/cps.h"
#include "common/base/error.h"

/* Records a failure and returns its code, as stir_fail does. err may be NULL. */
enum cps_code cps_fail(struct cps_error *err, enum cps_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

/* Hands on a failure from common/: its code by name, its text. cause may be NULL or hold another code's text: then the
 * code's own text stands in. */
enum cps_code cps_fail_stir(struct cps_error *err, enum stir_code code, const struct stir_error *cause);

/* Puts "prefix: " in front of what err says; returns its code, or `code` where err is NULL. */
enum cps_code cps_fail_prefix(struct cps_error *err, enum cps_code code, const char *fmt, ...) STIR_PRINTF(3, 4);

/* The code of the same name. Total. */
enum cps_code cps_of_stir(enum stir_code code);

#ifdef __clang_analyzer__
/* As in common/base/error.h: analysis goes file by file and would take it that these may return CPS_OK. */
#define cps_fail(err, code, ...) STIR_RETURNS_CODE(cps_fail(err, code, __VA_ARGS__), code)
#define cps_fail_stir(err, code, cause)                                                                                \
    STIR_RETURNS_CODE(cps_fail_stir(err, code, cause), (code) == STIR_OK ? CPS_OK : CPS_E_CRYPTO)
#define cps_fail_prefix(err, code, ...) STIR_RETURNS_CODE(cps_fail_prefix(err, code, __VA_ARGS__), code)
#endif

/* Replaces control characters, so that what a peer said cannot make a second line. */
void cps_tame(char *text);
