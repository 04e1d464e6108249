/* SPDX-License-Identifier: MIT */
#include "cps/api/passports_rules.h"

#include "common/jose/jwe.h"
#include "common/jose/jws.h"
#include "cps/api/spc_path.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static EVP_PKEY *box_key, *sign_key;

static char *envelope(size_t plaintext)
{
    struct stir_buf out = {0};
    uint8_t *octets = calloc(1, plaintext);
    UNIT_OK(stir_jwe_encrypt(&out, octets, plaintext, box_key, NULL));
    free(octets);
    return stir_buf_steal(&out, NULL);
}

static char *signed_token(const char *header)
{
    char *out = NULL;
    size_t len;
    UNIT_OK(stir_jws_sign(&out, &len, stir_view_str(header), stir_view_str("{\"iat\":1}"), sign_key, NULL));
    return out;
}

static enum stir_code parse(struct cpsd_passports_body *body, const char *text, bool any, struct stir_error *err)
{
    const struct cpsd_passports_rule rule = {.count = 3, .take_any = any};
    return cpsd_passports_body_parse(body, stir_view_str(text), &rule, err);
}

/* format has %s where the envelope goes. */
static void fill(char *out, size_t cap, const char *format, const char *one)
{
    size_t n = 0;
    for (const char *p = format; *p; p++) {
        int wrote = 1;
        if (*p == '$') {
            wrote = snprintf(out + n, cap - n, "%s", one);
        } else {
            out[n] = *p;
        }
        n += (size_t)wrote;
    }
    out[n] = '\0';
}

static void test_good(void)
{
    char *one = envelope(256), text[8192];
    struct cpsd_passports_body body = {0};
    fill(text, sizeof(text), " {\"future\":{\"x\":[1]},\"passports\":[\"$\",\"$\"],\"token\":\"a.b.c\"}\n", one);
    UNIT_OK(parse(&body, text, false, NULL));
    CU_ASSERT_EQUAL(body.count, 2);
    CU_ASSERT(stir_view_is(body.passports[0], one) && stir_view_is(body.passports[1], one));
    CU_ASSERT(stir_view_is(body.token, "a.b.c"));
    CU_ASSERT_EQUAL(json_array_size(body.array), 2);
    cpsd_passports_body_clear(&body);
    CU_ASSERT_PTR_NULL(body.root);
    fill(text, sizeof(text), "{\"passports\":[\"$\"]}", one);
    text[15] = text[15] == '\\' ? 'x' : text[15];
    UNIT_OK(parse(&body, text, false, NULL));
    CU_ASSERT_PTR_NULL(body.token.ptr);
    cpsd_passports_body_clear(&body);
    cpsd_passports_body_clear(&body);
    free(one);
}

static void test_refused(void)
{
    static const struct {
        const char *text;
        enum stir_code code;
        const char *word;
    } rows[] = {
        {"", STIR_E_JSON, "the body"},
        {"[\"$\"]", STIR_E_JSON, "not a JSON object"},
        {"\"$\"", STIR_E_JSON, "not a JSON object"},
        {"{}", STIR_E_JSON, "passports"},
        {"{\"passports\":null}", STIR_E_JSON, "passports"},
        {"{\"passports\":\"$\"}", STIR_E_JSON, "passports"},
        {"{\"passports\":{\"0\":\"$\"}}", STIR_E_JSON, "passports"},
        {"{\"passports\":[]}", STIR_E_JSON, "one or more"},
        {"{\"passports\":[\"$\",1]}", STIR_E_JSON, "passports[1] is not a string"},
        {"{\"passports\":[[\"$\"]]}", STIR_E_JSON, "passports[0]"},
        {"{\"passports\":[\"$\"],\"passports\":[\"$\"]}", STIR_E_JSON, "a name occurs twice"},
        {"{\"passports\":[\"$\"],\"\\u0070assports\":[\"$\"]}", STIR_E_JSON, "a name occurs twice"},
        {"{\"passports\":[\"$\"],\"token\":1}", STIR_E_JSON, "token is not a string"},
        {"{\"passports\":[\"$\"]}{", STIR_E_JSON, "text after the end"},
        {"{\"passports\":[\"$\"]", STIR_E_JSON, "ends too early"},
        {"{\"passports\":[\"$\"],\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", STIR_E_JSON, "nested deeper"},
        {"{\"passports\":[\"$\",\"$\",\"$\",\"$\"]}", STIR_E_TOO_BIG, "more than 3"},
        {"{\"passports\":[\"\"]}", STIR_E_JWE, "passports[0]"},
        {"{\"passports\":[\"$\",\"$.\"]}", STIR_E_JWE, "passports[1]"},
        {"{\"passports\":[\" $\"]}", STIR_E_JWE, "passports[0]"},
        {"{\"passports\":[\"$\\u0000\"]}", STIR_E_JSON, "NUL"},
        {"{\"passports\":[\"a.b.c\"]}", STIR_E_JWE, "five parts"},
    };
    char *one = envelope(256), text[8192];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cpsd_passports_body body = {.count = 99};
        struct stir_error err = {0};
        fill(text, sizeof(text), rows[i].text, one);
        UNIT_CODE(parse(&body, text, false, &err), rows[i].code, rows[i].text);
        UNIT_CHECK(strstr(err.text, rows[i].word) != NULL, "%s: %s", rows[i].text, err.text);
        UNIT_CHECK(!strstr(err.text, one), "the text shows the PASSporT");
        CU_ASSERT_EQUAL(body.count, 99);
    }
    free(one);
}

/* Any type is conveyed, but not encrypted only where that is configured. */
static void test_plain(void)
{
    static const struct {
        const char *header;
        bool passport;
    } rows[] = {
        {"{\"alg\":\"ES256\",\"ppt\":\"shaken\",\"typ\":\"passport\",\"x5u\":\"https://c.example/1\"}", true},
        {"{\"alg\":\"ES256\",\"ppt\":\"msg\",\"typ\":\"passport\"}", true},
        {"{\"alg\":\"ES256\",\"typ\":\"passport\"}", true},
        {"{\"alg\":\"ES256\",\"ppt\":\"never-heard-of\",\"typ\":\"passport\"}", true},
        {"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", false},
        {"{\"alg\":\"ES256\",\"typ\":\"passport\",\"crit\":[\"x\"]}", false},
        {"{\"alg\":\"none\",\"typ\":\"passport\"}", false},
        {"{\"alg\":\"ES256\",\"typ\":1}", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = signed_token(rows[i].header), text[4096];
        struct cpsd_passports_body body = {0};
        struct stir_error err = {0};
        fill(text, sizeof(text), "{\"passports\":[\"$\"]}", token);
        UNIT_CODE(parse(&body, text, true, &err), rows[i].passport ? STIR_OK : STIR_E_JWE, rows[i].header);
        cpsd_passports_body_clear(&body);
        UNIT_CODE(parse(&body, text, false, &err), STIR_E_JWE, rows[i].header);
        UNIT_CHECK(!strstr(err.text, "accept = any") == !rows[i].passport, "%s: %s", rows[i].header, err.text);
        free(token);
    }
}

static void test_sizes(void)
{
    static char text[STIR_JWE_MAX + 64], one[STIR_JWE_MAX + 2];
    struct cpsd_passports_body body = {0};
    memset(one, 'A', sizeof(one) - 1);
    fill(text, sizeof(text), "{\"passports\":[\"$\"]}", one);
    UNIT_CODE(parse(&body, text, false, NULL), STIR_E_TOO_BIG, "an envelope beyond the limit");
    UNIT_CODE(parse(&body, text, true, NULL), STIR_E_TOO_BIG, "an envelope beyond the limit");
    one[STIR_JWE_MAX] = '\0';
    fill(text, sizeof(text), "{\"passports\":[\"$\"]}", one);
    UNIT_CODE(parse(&body, text, false, NULL), STIR_E_JWE, "one at the limit is looked at");
}

static void test_keys(void)
{
    UNIT_OK(stir_key_generate(&box_key, STIR_CURVE_X25519, NULL));
    UNIT_OK(stir_key_generate(&sign_key, STIR_CURVE_P256, NULL));
}

static void test_done(void)
{
    EVP_PKEY_free(box_key);
    EVP_PKEY_free(sign_key);
}

static struct stir_identity identity(const char *text)
{
    struct stir_identity id = {0};
    UNIT_OK(stir_identity_parse_canonical(&id, text, strlen(text), 0, NULL));
    return id;
}

static void test_names(void)
{
    static const struct {
        const char *spc, *dest, *orig, *box;
    } rows[] = {
        {"", "12155551213", "+1 (215) 555-1212", "/passports/12155551213/12155551212"},
        {"1234", "12155551213", "12155551212", "/passports/1234/12155551213/12155551212"},
        {"709J", "12155551213", "sip:Alice@Example.com", "/passports/709J/12155551213/sip%3Aalice%40example.com"},
        {"a/b#", "12155551213", "911", "/passports/a%2Fb%23/12155551213/911"},
        {"", "urn:service:sos", "12155551212", "/passports/urn%3Aservice%3Asos/12155551212"},
        {"", "*67#", "12155551212", "/passports/%2A67%23/12155551212"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_identity dest = identity(rows[i].dest), orig = identity(rows[i].orig), box;
        cpsd_passports_box(&box, rows[i].spc, &dest, &orig);
        UNIT_STR(box.text, rows[i].box, rows[i].dest);
        CU_ASSERT_EQUAL(box.len, strlen(box.text));
    }
}

static void test_own(void)
{
    uint8_t id[CPSD_ID_OCTETS], other[CPSD_ID_OCTETS];
    for (unsigned last = 0; last < 256; last++) {
        memset(id, 0x55, sizeof(id));
        id[CPSD_ID_OCTETS - 1] = (uint8_t)last;
        memcpy(other, id, sizeof(id));
        cpsd_passports_id_set_own(id, true);
        cpsd_passports_id_set_own(other, false);
        CU_ASSERT_TRUE(cpsd_passports_id_is_own(id));
        CU_ASSERT_FALSE(cpsd_passports_id_is_own(other));
        CU_ASSERT_EQUAL(memcmp(id, other, CPSD_ID_OCTETS - 1), 0);
        CU_ASSERT_EQUAL(id[CPSD_ID_OCTETS - 1] ^ other[CPSD_ID_OCTETS - 1], 1);
    }
}

/* A box that somebody could name as a destination could be listed by anybody. */
static void test_no_destination_is_a_box(void)
{
    static const char *const texts[] = {"/passports/12155551213/12155551212", "%2Fpassports%2F12155551213%2F1",
                                        "/passports#xyz", "//passports/1/2", "urn:/passports/1/2"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stir_identity id = {0};
        enum stir_code code = stir_identity_from_path(&id, texts[i], strlen(texts[i]), 0, NULL);
        UNIT_CHECK(code != STIR_OK || id.text[0] != '/', "%s is taken as %s", texts[i], id.text);
    }
}

/* Names that are too long are hashed: as different as what they stand for. */
static void test_long_names(void)
{
    char text[250] = "sip:";
    struct stir_identity orig = identity("12155551212"), one, other, third;
    memset(text + 4, 'a', 200);
    memcpy(text + 204, "@example.com", 13);
    struct stir_identity dest = identity(text);
    cpsd_passports_box(&one, "1234", &dest, &orig);
    CU_ASSERT_EQUAL(one.len, strlen(one.text)); /* 200 + escapes fit */
    text[150] = '$';
    memset(text + 151, '$', 50); /* three octets each when escaped */
    dest = identity(text);
    cpsd_passports_box(&one, "1234", &dest, &orig);
    UNIT_CHECK(strncmp(one.text, "/passports#", 11) == 0 && one.len == 54, "%s", one.text);
    text[10] = 'b';
    dest = identity(text);
    cpsd_passports_box(&other, "1234", &dest, &orig);
    CU_ASSERT_FALSE(stir_identity_equal(&one, &other));
    cpsd_passports_box(&third, "1235", &dest, &orig);
    CU_ASSERT_FALSE(stir_identity_equal(&third, &other));
}

static void test_spc(void)
{
    static const struct {
        const char *segment, *spc;
    } rows[] = {
        {"1234", "1234"},
        {"709J", "709J"},
        {"%37%30%39j", "709J"},
        {"123456789012345", "123456789012345"},
        {"123456789012345678901234567890123", NULL},
        {"", NULL},
        {"12%", NULL},
        {"12%3", NULL},
        {"12%GG", NULL},
        {"12%00", NULL},
        {"12%20", NULL},
        {"12,34", NULL},
        {"12%2C34", NULL},
        {"12\x80", NULL},
        {"12%7F", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char spc[STIR_SPC_MAX + 1] = "untouched";
        enum stir_code code = cpsd_spc_from_path(spc, stir_view_str(rows[i].segment), NULL);
        UNIT_CODE(code, rows[i].spc ? STIR_OK : STIR_E_URI, rows[i].segment);
        UNIT_STR(spc, rows[i].spc ? rows[i].spc : "untouched", rows[i].segment);
    }
}

static void test_life(void)
{
    static const struct {
        const char *label;
        struct cpsd_passports_life life;
        int64_t ttl_ms;
    } rows[] = {
        {"1000096: local policy", {1000, 0, false, 15, 60}, 15000},
        {"1000096: exp is not what counts", {1000, 1300, false, 15, 60}, 15000},
        {"1000105: until exp", {1000, 1040, true, 15, 60}, 40000},
        {"1000105: at most retain_max", {1000, 1061, true, 15, 60}, 60000},
        {"1000105: exactly retain_max", {1000, 1060, true, 15, 60}, 60000},
        {"1000105: far exp", {1000, INT64_MAX / 2, true, 15, 60}, 60000},
        {"1000105: one second", {1000, 1001, true, 15, 60}, 1000},
        {"1000105: over", {1000, 1000, true, 15, 60}, 0},
        {"1000105: long over", {1000, 1, true, 15, 60}, 0},
        {"1000105: no token", {1000, 0, true, 15, 60}, 15000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ttl = cpsd_passports_ttl_ms(&rows[i].life);
        UNIT_CHECK(ttl == rows[i].ttl_ms, "%s: %lld", rows[i].label, (long long)ttl);
    }
}

UNIT_MAIN("passports_rules", {"keys", test_keys}, {"good bodies", test_good}, {"refused bodies", test_refused},
          {"PASSporTs that are not encrypted", test_plain}, {"sizes", test_sizes}, {"keys are freed", test_done},
          {"names of boxes", test_names}, {"no destination is a box", test_no_destination_is_a_box},
          {"long names", test_long_names}, {"provider codes in paths", test_spc}, {"F40: the provider's own", test_own},
          {"retention", test_life})
