/* SPDX-License-Identifier: MIT */
#include "client/lib/context/errors.h"
#include "common/passport/verdict.h"
#include "tests/unit/unit.h"

/* The public list and common/'s agree: every code has its namesake with the same text, and the way back by name. */
static void test_codes(void)
{
    for (int code = 0; code < STIR_CODE_COUNT; code++) {
        enum cps_code ours = cps_of_stir((enum stir_code)code);
        UNIT_STR(cps_error_name(ours) + strlen("CPS_"), stir_error_name((enum stir_code)code) + strlen("STIR_"),
                 "name");
        UNIT_STR(cps_strerror(ours), stir_strerror((enum stir_code)code), "text");
        UNIT_CHECK((code == STIR_OK) == (ours == CPS_OK), "%s", cps_error_name(ours));
        for (int other = 0; other < code; other++) {
            UNIT_CHECK(cps_of_stir((enum stir_code)other) != ours, "%s twice", cps_error_name(ours));
        }
    }
}

static void test_own_codes(void)
{
    static const enum cps_code own[] = {CPS_E_BUSY,        CPS_E_IN_CALLBACK,  CPS_E_CLOSED,
                                        CPS_E_REPLAY_FULL, CPS_E_REPLAY_STORE, CPS_E_SPOOL_FULL,
                                        CPS_E_SPOOL_STORE, CPS_E_OUTSIDE,      CPS_E_AWAY};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        UNIT_CHECK(strncmp(cps_error_name(own[i]), "CPS_E_", 6) == 0, "%d has no name", own[i]);
        UNIT_CHECK(strcmp(cps_strerror(own[i]), "unknown error") != 0, "%d has no text", own[i]);
        UNIT_CHECK(cps_verdict_of(own[i]) == CPS_CPS_UNAVAILABLE, "%s: verdict", cps_error_name(own[i]));
    }
}

static void test_outside(void)
{
    static const int outside[] = {-1, 9, 19, 129, 100000};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        UNIT_STR(cps_error_name((enum cps_code)outside[i]), "unknown", "name");
        UNIT_STR(cps_strerror((enum cps_code)outside[i]), "unknown error", "text");
        CU_ASSERT_EQUAL(cps_verdict_of((enum cps_code)outside[i]), CPS_CPS_UNAVAILABLE);
    }
    UNIT_STR(cps_verdict_name((enum cps_verdict)99), "unknown", "verdict");
    CU_ASSERT_EQUAL(cps_verdict_sip((enum cps_verdict)99), 0);
    CU_ASSERT_NOT_EQUAL(cps_of_stir(STIR_CODE_COUNT), CPS_OK);
}

/* Values that a caller of the library may store are those of common/passport/verdict.h. */
static void test_verdicts(void)
{
#define SAME(value, text, sip) CU_ASSERT_EQUAL((int)CPS_##value, (int)STIR_##value);
#define ROW(value, text, sip)                                                                                          \
    UNIT_STR(cps_verdict_name((enum cps_verdict)value), text, text);                                                   \
    CU_ASSERT_EQUAL(cps_verdict_sip((enum cps_verdict)value), sip);
    STIR_VERDICT_LIST(ROW)
    CU_ASSERT_EQUAL((int)CPS_VERDICT_COUNT, (int)STIR_VERDICT_COUNT);
    SAME(PASSED, , )
    SAME(REPLAYED, , )
    SAME(MSGI_MISMATCH, , )
    SAME(DEST_MISMATCH, , )
    SAME(BAD_SIGNATURE, , )
    SAME(STALE, , )
    SAME(NOT_AUTHORIZED, , )
    SAME(CERTIFICATE_UNREACHABLE, , )
    SAME(UNTRUSTED_CERTIFICATE, , )
    SAME(BAD_CERTIFICATE, , )
    SAME(ORIG_MISMATCH, , )
    SAME(UNSUPPORTED, , )
    SAME(MALFORMED, , )
    SAME(NO_PASSPORT, , )
    SAME(TIMEOUT, , )
    SAME(CPS_UNAVAILABLE, , )
    for (int code = 0; code < STIR_CODE_COUNT; code++) {
        CU_ASSERT_EQUAL((int)cps_verdict_of(cps_of_stir((enum stir_code)code)),
                        (int)stir_verdict_of((enum stir_code)code));
    }
#undef SAME
#undef ROW
}

static void test_fail(void)
{
    struct cps_error err = {.http_status = 500, .retry_after_s = 3};
    struct stir_error cause = {.code = STIR_E_JSON, .text = "line 1"};
    CU_ASSERT_EQUAL(cps_fail(&err, CPS_E_IO, "%s\n%c", "one", 7), CPS_E_IO);
    UNIT_STR(err.text, "one  ", "no second line");
    CU_ASSERT_EQUAL(err.http_status, 0);
    CU_ASSERT_EQUAL(cps_fail_prefix(&err, CPS_E_IO, "file"), CPS_E_IO);
    UNIT_STR(err.text, "file: one  ", "prefix");
    CU_ASSERT_EQUAL(cps_fail_stir(&err, STIR_E_JSON, &cause), CPS_E_JSON);
    UNIT_STR(err.text, "line 1", "its text");
    CU_ASSERT_EQUAL(cps_fail_stir(&err, STIR_E_NOMEM, &cause), CPS_E_NOMEM);
    UNIT_STR(err.text, "out of memory", "not another code's text");
    CU_ASSERT_EQUAL(cps_fail(NULL, CPS_E_IO, "x"), CPS_E_IO);
    CU_ASSERT_EQUAL(cps_fail_prefix(NULL, CPS_E_IO, "x"), CPS_E_IO);
}

UNIT_MAIN("libcps errors", {"codes", test_codes}, {"own codes", test_own_codes}, {"outside the lists", test_outside},
          {"verdicts", test_verdicts}, {"texts", test_fail})
