#include "cps/api/passports_body.h"

#include "common/jose/jwe.h"
#include "common/jose/jws.h"
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

UNIT_MAIN("passports_body", {"keys", test_keys}, {"good bodies", test_good}, {"refused bodies", test_refused},
          {"PASSporTs that are not encrypted", test_plain}, {"sizes", test_sizes}, {"keys are freed", test_done})
