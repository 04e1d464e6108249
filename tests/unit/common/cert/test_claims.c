/* SPDX-License-Identifier: MIT */
#include "common/cert/claim_constraints.h"

#include "common/jose/json.h"
#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* RFC 9118 section 5, figure 2. */
#define FIGURE_2                                                                                                       \
    "3040a00e300c160a636f6e666964656e6365a120301e301c160a636f6e666964656e6365300e0c0468696768"                         \
    "0c066d656469756da20c300a16087072696f72697479"
#define INCLUDE_CONFIDENCE "3010a00e300c160a636f6e666964656e6365"
#define CONFIDENCE_HIGH "301aa11830163014160a636f6e666964656e636530060c0468696768"
#define EXCLUDE_PRIORITY "300ea20c300a16087072696f72697479"

static enum stir_code parse(struct stir_claims *out, const char *hex, bool enhanced, struct stir_error *err)
{
    size_t cap = strlen(hex) / 2;
    uint8_t *der = malloc(cap ? cap : 1); /* just as large, so that a sanitizer sees a read past the end */
    size_t n = unit_unhex(der, cap, hex);
    enum stir_code code = stir_claims_parse(out, der, n, enhanced, err);
    free(der);
    return code;
}

static void check_same(const struct stir_claims *constraints, const char *hex, bool enhanced)
{
    struct stir_buf der = {0};
    uint8_t expected[256];
    size_t n = unit_unhex(expected, sizeof(expected), hex);
    UNIT_OK(stir_claims_encode(&der, constraints, enhanced, NULL));
    UNIT_CHECK(der.len == n && memcmp(der.ptr, expected, n) == 0, "another encoding than %s", hex);
    stir_buf_free(&der);
}

static void test_rfc9118(void)
{
    struct stir_claims read = {0};
    UNIT_CODE(parse(&read, FIGURE_2, true, NULL), STIR_OK, "figure 2");
    CU_ASSERT_EQUAL_FATAL(read.must_include_count, 1);
    UNIT_STR(read.must_include[0], "confidence", "mustInclude");
    CU_ASSERT_EQUAL_FATAL(read.permitted_count, 1);
    UNIT_STR(read.permitted[0].claim, "confidence", "permittedValues");
    CU_ASSERT_EQUAL_FATAL(read.permitted[0].value_count, 2);
    UNIT_STR(read.permitted[0].values[0], "high", "first value");
    UNIT_STR(read.permitted[0].values[1], "medium", "second value");
    CU_ASSERT_EQUAL_FATAL(read.must_exclude_count, 1);
    UNIT_STR(read.must_exclude[0], "priority", "mustExclude");
    check_same(&read, FIGURE_2, true);
    stir_claims_clear(&read);
    stir_claims_clear(&read); /* again is fine */

    char *names[] = {"confidence", "medium", "high", "priority"};
    struct stir_claims_permitted permitted = {.claim = names[0], .values = (char *[]){"high", "medium"}, 2};
    check_same(&(struct stir_claims){names, 1, &permitted, 1, names + 3, 1}, FIGURE_2, true);
    check_same(&(struct stir_claims){.must_include = names, 1}, INCLUDE_CONFIDENCE, false);
    check_same(&(struct stir_claims){.must_include = names, 1}, INCLUDE_CONFIDENCE, true);
    check_same(&(struct stir_claims){.must_exclude = names + 3, .must_exclude_count = 1}, EXCLUDE_PRIORITY, true);
}

static void test_forms(void)
{
    static const char *const both[] = {
        INCLUDE_CONFIDENCE,
        CONFIDENCE_HIGH,
        /* several names, several claims, an empty value, a value beyond ASCII */
        "3026a0083006160161160162a11a3018300c16016330070c000c03e282ac300816016430030c0178",
    };
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        for (int enhanced = 0; enhanced < 2; enhanced++) {
            struct stir_claims read = {0};
            UNIT_CODE(parse(&read, both[i], enhanced, NULL), STIR_OK, both[i]);
            check_same(&read, both[i], enhanced);
            stir_claims_clear(&read);
        }
    }
}

static void test_truncations(void)
{
    uint8_t der[256];
    size_t n = unit_unhex(der, sizeof(der), FIGURE_2);
    for (size_t cut = 0; cut < n; cut++) {
        struct stir_claims read = {0};
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, der, cut);
        UNIT_CHECK(stir_claims_parse(&read, part, cut, true, NULL) == STIR_E_CERT, "cut to %zu", cut);
        CU_ASSERT_PTR_NULL(read.must_include);
        free(part);
    }
}

static void test_refused(void)
{
    static const struct {
        const char *label;
        const char *hex;
        bool enhanced;
    } rows[] = {
        {"nothing", "", true},
        {"an empty SEQUENCE", "3000", true},
        {"an empty mustInclude", "3004a0023000", true},
        {"a mustInclude of nothing", "3002a000", true},
        {"an empty permittedValues", "3004a1023000", true},
        {"a claim without values", "300ba109300730051601613000", true},
        {"a claim without its values' list", "3009a10730053003160161", true},
        {"an empty mustExclude", "3004a2023000", true},
        {"an empty name", "3006a00430021600", true},
        {"an empty name among others", "300ca00a30081601611600160162", true},
        {"an empty name with values", "300da10b30093007160030030c0178", true},
        {"a name beyond ASCII", "300ca00a30081606636f6e66c3a9", true},
        {"a name with NUL", "3009a00730051603610062", true},
        {"a name as UTF8String", "3007a00530030c0161", true},
        {"a value as IA5String", "300ea10c300a30081601613003160178", true},
        {"a value that is not UTF-8", "300ea10c300a300816016130030c01ff", true},
        {"a value cut in a character", "300fa10d300b300916016130040c02e282", true},
        {"a value with a surrogate", "3010a10e300c300a16016130050c03eda080", true},
        {"a value with an overlong character", "300fa10d300b300916016130040c02c0af", true},
        {"a value with NUL", "3010a10e300c300a16016130050c03780079", true},
        {"the members in the wrong order", "3015a10c300a300816016130030c0178a0053003160161", true},
        {"mustExclude before mustInclude", "300ea2053003160162a0053003160161", true},
        {"mustInclude twice", "300ea0053003160161a0053003160162", true},
        {"an unknown member", "300ea0053003160161a3053003160162", true},
        {"implicit tagging", "3005a003160161", true},
        {"no tag", "30053003160161", true},
        {"an octet behind it", "3007a005300316016100", true},
        {"an octet behind the members", "3008a005300316016100", true},
        {"an octet behind a list", "3008a006300316016100", true},
        {"a third member beside claim and values", "3011a10f300d300b16016130030c0178160162", true},
        {"a length that is not minimal", "308107a0053003160161", true},
        {"an indefinite length", "3080a00530031601610000", true},
        {"a SET", "3107a0053003160161", true},
        {"mustExclude in RFC 8226's form",
         "3040a00e300c160a636f6e666964656e6365a120301e301c160a636f6e666964656e6365300e0c0468696768"
         "0c066d656469756da20c300a16087072696f72697479",
         false},
        {"mustExclude alone in RFC 8226's form", "3007a2053003160161", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_claims read = {.permitted_count = 77};
        struct stir_error err = {0};
        UNIT_CODE(parse(&read, rows[i].hex, rows[i].enhanced, &err), STIR_E_CERT, rows[i].label);
        UNIT_CHECK(read.permitted_count == 77 && !read.must_include, "%s: touched", rows[i].label);
        UNIT_CHECK(err.code == STIR_E_CERT && strstr(err.text, "ClaimConstraints"), "%s: %s", rows[i].label, err.text);
    }
}

static void test_encode_refused(void)
{
    char *names[] = {"confidence", "iat", "", "caf\xc3\xa9", "\xff"};
    struct stir_claims_permitted no_value = {.claim = names[0]};
    struct stir_claims_permitted bad_value = {names[0], names + 4, 1};
    struct stir_claims_permitted bad_claim = {names[3], names, 1};
    const struct {
        const char *label;
        struct stir_claims constraints;
        bool enhanced;
    } rows[] = {
        {"nothing", {0}, true},
        {"mustExclude in RFC 8226's form", {.must_exclude = names, .must_exclude_count = 1}, false},
        {"mustExclude of iat", {.must_exclude = names, .must_exclude_count = 2}, true},
        {"included and excluded", {names, 1, NULL, 0, names, 1}, true},
        {"an empty name", {.must_include = names + 2, 1}, true},
        {"a name beyond ASCII", {.must_include = names + 3, 1}, true},
        {"a claim without values", {.permitted = &no_value, .permitted_count = 1}, true},
        {"a value that is not UTF-8", {.permitted = &bad_value, .permitted_count = 1}, false},
        {"a claim beyond ASCII", {.permitted = &bad_claim, .permitted_count = 1}, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_buf out = {0};
        UNIT_CODE(stir_claims_encode(&out, &rows[i].constraints, rows[i].enhanced, NULL), STIR_E_INVAL, rows[i].label);
        CU_ASSERT_EQUAL(out.len, 0);
        stir_buf_free(&out);
    }
    struct stir_buf small = {.limit = 10};
    UNIT_CODE(stir_claims_encode(&small, &(struct stir_claims){.must_include = names, 1}, true, NULL), STIR_E_TOO_BIG,
              "a full buffer");
    stir_buf_free(&small);
}

#define BASE "\"iat\":1443208345,\"orig\":{\"tn\":\"12155551212\"},\"dest\":{\"tn\":[\"12155551213\"]}"

/* RFC 9118 section 4's examples and what lies beside them. */
static void test_check(void)
{
    static const struct {
        const char *constraints;
        const char *claims;
        const char *names; /* the claim that the error names; NULL: passes */
    } rows[] = {
        {INCLUDE_CONFIDENCE, "{" BASE ",\"confidence\":\"low\"}", NULL},
        {INCLUDE_CONFIDENCE, "{" BASE ",\"confidence\":null}", NULL},
        {INCLUDE_CONFIDENCE, "{" BASE "}", "confidence"},
        {INCLUDE_CONFIDENCE, "{" BASE ",\"Confidence\":\"low\"}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":\"high\"}", NULL},
        {CONFIDENCE_HIGH, "{" BASE "}", NULL},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":\"low\"}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":\"High\"}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":\"high \"}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":\"hig\"}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":\"\"}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":null}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":[\"high\"]}", "confidence"},
        {CONFIDENCE_HIGH, "{" BASE ",\"confidence\":{\"high\":1}}", "confidence"},
        {EXCLUDE_PRIORITY, "{" BASE "}", NULL},
        {EXCLUDE_PRIORITY, "{" BASE ",\"priority\":\"low\"}", "priority"},
        {EXCLUDE_PRIORITY, "{" BASE ",\"priority\":null}", "priority"},
        {FIGURE_2, "{" BASE ",\"confidence\":\"medium\"}", NULL},
        {FIGURE_2, "{" BASE ",\"confidence\":\"low\"}", "confidence"},
        {FIGURE_2, "{" BASE ",\"confidence\":\"high\",\"priority\":1}", "priority"},
        {FIGURE_2, "{" BASE "}", "confidence"},
        /* the baseline claims are always demanded */
        {CONFIDENCE_HIGH, "{\"orig\":{},\"dest\":{}}", "iat"},
        {CONFIDENCE_HIGH, "{\"iat\":1,\"dest\":{}}", "orig"},
        {CONFIDENCE_HIGH, "{\"iat\":1,\"orig\":{}}", "dest"},
        {CONFIDENCE_HIGH, "{}", "iat"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_claims constraints = {0};
        struct stir_error err = {0};
        json_t *claims = json_loads(rows[i].claims, 0, NULL);
        UNIT_CODE(parse(&constraints, rows[i].constraints, true, NULL), STIR_OK, rows[i].constraints);
        UNIT_CODE(stir_claims_check(&constraints, claims, &err), rows[i].names ? STIR_E_CERT_CONSTRAINT : STIR_OK,
                  rows[i].claims);
        if (rows[i].names) {
            UNIT_CHECK(strstr(err.text, rows[i].names) != NULL, "%s: %s", rows[i].claims, err.text);
        }
        json_decref(claims);
        stir_claims_clear(&constraints);
    }
}

static void test_check_other_types(void)
{
    static const struct {
        const char *claim;
        bool permitted;
    } rows[] = {
        {"{\"b\":[1,true],\"a\":\"x\"}", true},
        {"{\"a\":\"x\",\"b\":[1,true]}", true},
        {"2", true},
        {"\"2\"", true},
        {"true", false},
        {"2.5", false},
        {"{\"a\":\"x\"}", false},
        {"{\"a\":\"x\",\"b\":[1,false]}", false},
        {"[2]", false},
        {"\"high\\u0000\"", false},
    };
    char *values[] = {"{\"a\":\"x\",\"b\":[1,true]}", "2", "high"};
    struct stir_claims_permitted permitted = {.claim = "c", .values = values, .value_count = 3};
    struct stir_claims constraints = {.permitted = &permitted, .permitted_count = 1};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *claims = json_loads("{" BASE "}", 0, NULL);
        json_object_set_new(claims, "c", json_loads(rows[i].claim, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
        CU_ASSERT_PTR_NOT_NULL(json_object_get(claims, "c"));
        UNIT_CODE(stir_claims_check(&constraints, claims, NULL), rows[i].permitted ? STIR_OK : STIR_E_CERT_CONSTRAINT,
                  rows[i].claim);
        json_decref(claims);
    }
}

/* RFC 9118 section 3: a mustExclude that names a baseline claim undoes the whole extension. Section 8: a claim that is
 * demanded and excluded lets nothing pass. */
static void test_baseline_excluded(void)
{
    json_t *claims = json_loads("{" BASE ",\"priority\":1}", 0, NULL);
    struct stir_claims constraints = {0};
    UNIT_CODE(parse(&constraints, "3009a20730051603696174", true, NULL), STIR_OK, "excludes iat");
    CU_ASSERT_TRUE(stir_claims_void(&constraints));
    UNIT_OK(stir_claims_check(&constraints, claims, NULL));
    stir_claims_clear(&constraints);
    UNIT_CODE(parse(&constraints, "301ca00c300a16087072696f72697479a20c300a16087072696f72697479", true, NULL), STIR_OK,
              "includes and excludes priority");
    CU_ASSERT_FALSE(stir_claims_void(&constraints));
    UNIT_CODE(stir_claims_check(&constraints, claims, NULL), STIR_E_CERT_CONSTRAINT, "excluded");
    json_object_del(claims, "priority");
    UNIT_CODE(stir_claims_check(&constraints, claims, NULL), STIR_E_CERT_CONSTRAINT, "demanded");
    stir_claims_clear(&constraints);
    json_decref(claims);
}

static X509 *with(X509 *cert, EVP_PKEY *key, const char *oid, const char *hex)
{
    uint8_t der[256];
    size_t n = unit_unhex(der, sizeof(der), hex);
    return certs_with_ext(cert, key, oid, der, n, false);
}

static void test_certificate(void)
{
    EVP_PKEY *key = NULL;
    json_t *claims = json_loads("{" BASE ",\"priority\":1}", 0, NULL);
    X509 *none = certs_make((struct stir_cert_spec){.common_name = "none"}, &key);
    X509 *plain = with(none, key, "1.3.6.1.5.5.7.1.27", INCLUDE_CONFIDENCE);
    X509 *enhanced = with(none, key, "1.3.6.1.5.5.7.1.33", EXCLUDE_PRIORITY);
    X509 *critical = certs_with_ext(none, key, "1.3.6.1.5.5.7.1.27", (const uint8_t *)"\x30\x00", 2, true);
    const struct {
        const char *label;
        X509 *cert;
        enum stir_code code;
    } rows[] = {
        {"none", none, STIR_OK},
        {"RFC 8226's", plain, STIR_E_CERT_CONSTRAINT},
        {"RFC 9118's", enhanced, STIR_E_CERT_CONSTRAINT},
        {"both kinds", with(plain, key, "1.3.6.1.5.5.7.1.33", EXCLUDE_PRIORITY), STIR_E_CERT},
        {"RFC 8226's twice", with(plain, key, "1.3.6.1.5.5.7.1.27", INCLUDE_CONFIDENCE), STIR_E_CERT},
        {"RFC 9118's twice", with(enhanced, key, "1.3.6.1.5.5.7.1.33", EXCLUDE_PRIORITY), STIR_E_CERT},
        {"malformed", critical, STIR_E_CERT},
        {"mustExclude in RFC 8226's", with(none, key, "1.3.6.1.5.5.7.1.27", EXCLUDE_PRIORITY), STIR_E_CERT},
        {"void", with(none, key, "1.3.6.1.5.5.7.1.33", "3009a20730051603696174"), STIR_OK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CODE(stir_claims_check_cert(rows[i].cert, claims, NULL), rows[i].code, rows[i].label);
    }
    struct stir_claims read = {0};
    bool kind = false;
    UNIT_CODE(stir_claims_of(&read, &kind, none, NULL), STIR_E_NOT_FOUND, "none");
    UNIT_OK(stir_claims_of(&read, &kind, enhanced, NULL));
    CU_ASSERT_TRUE(kind);
    stir_claims_clear(&read);
    UNIT_OK(stir_claims_of(&read, &kind, plain, NULL));
    CU_ASSERT_FALSE(kind);
    stir_claims_clear(&read);
    json_decref(claims);
    certs_end();
}

/* The certificate printed in RFC 9118, figure 1. */
static void test_rfc9118_certificate(void)
{
    struct stir_chain *chain = NULL;
    UNIT_OK(stir_chain_parse(&chain, CERTS_RFC9118, strlen(CERTS_RFC9118), NULL));
    CU_ASSERT_PTR_NOT_NULL_FATAL(chain);
    CU_ASSERT_TRUE(stir_tnauth_has_spc(&chain->tnauth, "1234"));
    CU_ASSERT_EQUAL(chain->tnauth.count, 1);
    struct stir_claims read = {0};
    bool enhanced = false;
    UNIT_OK(stir_claims_of(&read, &enhanced, chain->certs[0], NULL));
    CU_ASSERT_TRUE(enhanced);
    check_same(&read, FIGURE_2, true);
    stir_claims_clear(&read);
    json_t *claims = json_loads("{" BASE ",\"confidence\":\"high\"}", 0, NULL);
    UNIT_OK(stir_claims_check_cert(chain->certs[0], claims, NULL));
    json_object_set_new(claims, "confidence", json_string("low"));
    UNIT_CODE(stir_claims_check_cert(chain->certs[0], claims, NULL), STIR_E_CERT_CONSTRAINT, "low");
    json_decref(claims);
    stir_chain_unref(chain);
}

UNIT_MAIN("claims", {"RFC 9118 figure 2, read and written", test_rfc9118}, {"both forms", test_forms},
          {"every truncation", test_truncations}, {"refused", test_refused},
          {"what is not encoded", test_encode_refused}, {"claims against constraints", test_check},
          {"claims that are no strings", test_check_other_types}, {"a baseline claim excluded", test_baseline_excluded},
          {"constraints of a certificate", test_certificate}, {"RFC 9118's certificate", test_rfc9118_certificate})
