/* SPDX-License-Identifier: MIT */
#include "common/base/error.h"

#include "common/passport/verdict.h"
#include "tests/unit/unit.h"

#include <openssl/err.h>
#include <openssl/evp.h>

static void test_every_code(void)
{
    for (unsigned i = 0; i < STIR_CODE_COUNT; i++) {
        enum stir_code code = (enum stir_code)i;
        const char *name = stir_error_name(code);
        const char *text = stir_strerror(code);
        UNIT_NEED(name);
        UNIT_NEED(text);
        UNIT_CHECK(strncmp(name, "STIR_", 5) == 0, "code %u has no name", i);
        UNIT_CHECK(strlen(text) > 4, "%s has no text", name);
        UNIT_CHECK(strchr(text, '\n') == NULL && text[strlen(text) - 1] != '.', "%s: one line, no final stop", name);
        for (unsigned k = 0; k < i; k++) {
            UNIT_CHECK(strcmp(text, stir_strerror((enum stir_code)k)) != 0, "%s: a text of its own", name);
        }
        enum stir_verdict verdict = stir_verdict_of(code);
        UNIT_CHECK(verdict < STIR_VERDICT_COUNT, "%s has no verdict", name);
        UNIT_CHECK((verdict == STIR_PASSED) == (code == STIR_OK), "%s: only success passes", name);
    }
    UNIT_STR(stir_error_name(STIR_E_JSON), "STIR_E_JSON", "name");
    UNIT_STR(stir_strerror(STIR_CODE_COUNT), "unknown error", "past the end");
    UNIT_STR(stir_error_name((enum stir_code) - 1), "unknown", "before the start");
    CU_ASSERT_EQUAL(stir_verdict_of((enum stir_code) - 1), STIR_CPS_UNAVAILABLE);
}

static const struct {
    enum stir_code code;
    const char *verdict;
    int sip; /* RFC 8224 section 6.2.2 */
} verdicts[] = {
    {STIR_OK, "passed", 0},
    {STIR_E_REPLAYED, "replayed", 0},
    {STIR_E_MSGI_MISMATCH, "msgi-mismatch", 438},
    {STIR_E_DEST_MISMATCH, "dest-mismatch", 438},
    {STIR_E_SIGNATURE, "bad-signature", 438},
    {STIR_E_STALE, "stale", 403},
    {STIR_E_FUTURE, "stale", 403},
    {STIR_E_CERT_SCOPE, "not-authorized", 437},
    {STIR_E_CERT_CONSTRAINT, "not-authorized", 437},
    {STIR_E_X5U_FETCH, "certificate-unreachable", 436},
    {STIR_E_X5U, "certificate-unreachable", 436},
    {STIR_E_CERT_UNTRUSTED, "untrusted-certificate", 437},
    {STIR_E_CERT_REVOKED, "untrusted-certificate", 437},
    {STIR_E_CERT, "bad-certificate", 437},
    {STIR_E_ORIG_MISMATCH, "orig-mismatch", 438},
    {STIR_E_PPT, "unsupported", 428},
    {STIR_E_PASSPORT, "malformed", 438},
    {STIR_E_ALG, "malformed", 438},
    {STIR_E_NO_PASSPORT, "no-passport", 428},
    {STIR_E_TIMEOUT, "timeout", 0},
    {STIR_E_CONNECT, "cps-unavailable", 0},
    {STIR_E_NOMEM, "cps-unavailable", 0},
};

static void test_verdicts(void)
{
    bool seen[STIR_VERDICT_COUNT] = {false};
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        enum stir_verdict verdict = stir_verdict_of(verdicts[i].code);
        UNIT_STR(stir_verdict_name(verdict), verdicts[i].verdict, stir_error_name(verdicts[i].code));
        UNIT_CHECK(stir_verdict_sip(verdict) == verdicts[i].sip, "%s: SIP %d", verdicts[i].verdict,
                   stir_verdict_sip(verdict));
        seen[verdict] = true;
    }
    for (unsigned i = 0; i < STIR_VERDICT_COUNT; i++) {
        UNIT_CHECK(seen[i], "no cause leads to %s", stir_verdict_name((enum stir_verdict)i));
    }
    UNIT_STR(stir_verdict_name(STIR_VERDICT_COUNT), "unknown", "past the end");
    CU_ASSERT_EQUAL(stir_verdict_sip(STIR_VERDICT_COUNT), 0);
}

static void test_fail(void)
{
    struct stir_error err = {0};
    UNIT_CODE(stir_fail(&err, STIR_E_JSON, "member %s", "iat"), STIR_E_JSON, "stir_fail");
    UNIT_CODE(err.code, STIR_E_JSON, "err");
    UNIT_STR(err.text, "member iat", "text");
    UNIT_CODE(stir_fail(NULL, STIR_E_JSON, "member %s", "iat"), STIR_E_JSON, "without err");
}

static void test_prefix(void)
{
    struct stir_error err = {0};
    (void)stir_fail(&err, STIR_E_JSON, "iat is missing");
    UNIT_CODE(stir_fail_prefix(&err, STIR_E_PASSPORT, "%s", "the claims"), STIR_E_PASSPORT, "prefix");
    UNIT_CODE(err.code, STIR_E_PASSPORT, "err");
    UNIT_STR(err.text, "the claims: iat is missing", "text");
    UNIT_CODE(stir_fail_prefix(&err, STIR_E_PASSPORT, "a.txt"), STIR_E_PASSPORT, "twice");
    UNIT_STR(err.text, "a.txt: the claims: iat is missing", "text");
    UNIT_CODE(stir_fail_prefix(NULL, STIR_E_IO, "a.txt"), STIR_E_IO, "without err");
}

static void test_truncation(void)
{
    struct stir_error err = {0};
    char long_text[600];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    (void)stir_fail(&err, STIR_E_IO, "%s", long_text);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    (void)stir_fail_prefix(&err, STIR_E_IO, "short");
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    CU_ASSERT(strncmp(err.text, "short: xxx", 10) == 0);
    (void)stir_fail_prefix(&err, STIR_E_IO, "%s", long_text);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    CU_ASSERT_EQUAL(err.text[0], 'x');
}

/* The reason of the newest queued error is shown, and the queue is empty afterwards. */
static void test_openssl(void)
{
    struct stir_error err = {0};
    ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
    ERR_raise(ERR_LIB_EVP, EVP_R_INVALID_KEY);
    UNIT_CODE(stir_fail_openssl(&err, STIR_E_KEY, "key %d", 1), STIR_E_KEY, "stir_fail_openssl");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "key 1: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ERR_reason_error_string(ERR_PACK(ERR_LIB_EVP, 0, EVP_R_INVALID_KEY))));
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);

    UNIT_CODE(stir_fail_openssl(&err, STIR_E_KEY, "nothing queued"), STIR_E_KEY, "empty queue");
    UNIT_STR(err.text, "nothing queued", "text");
    ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
    UNIT_CODE(stir_fail_openssl(NULL, STIR_E_KEY, "x"), STIR_E_KEY, "without err");
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

UNIT_MAIN("error", {"every code has a name, a text, a verdict", test_every_code},
          {"causes and verdicts", test_verdicts}, {"stir_fail", test_fail}, {"stir_fail_prefix", test_prefix},
          {"long texts are cut", test_truncation}, {"OpenSSL's queue", test_openssl})
