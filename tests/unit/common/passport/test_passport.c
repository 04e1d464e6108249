/* SPDX-License-Identifier: MIT */
/* PASSporTs as they are read. */
#include "tests/unit/passport_fixture.h"

static const struct {
    const char *claims;
    enum stir_code code;
    const char *text; /* what err says, or part of it */
} claims[] = {
    {CLAIMS(DEST, IAT, ORIG), STIR_OK, ""},
    {CLAIMS(DEST, "0", ORIG), STIR_OK, ""},
    {CLAIMS(DEST, "9007199254740992", ORIG), STIR_OK, ""}, /* 2^53 */
    {CLAIMS(DEST, "4102444800", ORIG), STIR_OK, ""},       /* far ahead: not for the parser to judge */
    {CLAIMS(DEST, "9007199254740993", ORIG), STIR_E_PASSPORT, "iat is outside"},
    {CLAIMS(DEST, "9223372036854775807", ORIG), STIR_E_PASSPORT, "iat is outside"},
    {CLAIMS(DEST, "9223372036854775808", ORIG), STIR_E_PASSPORT, "iat is not an integer"},
    {CLAIMS(DEST, "1e400", ORIG), STIR_E_JSON, "too large"},
    {CLAIMS(DEST, "-1", ORIG), STIR_E_PASSPORT, "iat is outside"},
    {CLAIMS(DEST, "\"1443208345\"", ORIG), STIR_E_PASSPORT, "iat is not an integer"},
    {CLAIMS(DEST, "1443208345.0", ORIG), STIR_E_PASSPORT, "iat is not an integer"}, /* RFC 8225 section 9 rule 4 */
    {CLAIMS(DEST, "1443208345.5", ORIG), STIR_E_PASSPORT, "iat is not an integer"},
    {CLAIMS(DEST, "1.443208345e9", ORIG), STIR_E_PASSPORT, "iat is not an integer"},
    {CLAIMS(DEST, "true", ORIG), STIR_E_PASSPORT, "iat is not an integer"},
    {CLAIMS(DEST, "null", ORIG), STIR_E_PASSPORT, "iat is not an integer"},
    {CLAIMS(DEST, "[1443208345]", ORIG), STIR_E_PASSPORT, "iat is not an integer"},
    {"{\"dest\":" DEST ",\"orig\":" ORIG "}", STIR_E_PASSPORT, "iat is missing"},
    {"{\"dest\":" DEST ",\"iat\":1,\"iat\":2,\"orig\":" ORIG "}", STIR_E_JSON, "occurs twice"},

    {CLAIMS("{\"tn\":[\"12125551212\"],\"uri\":[\"sip:a@b\"]}", IAT, ORIG), STIR_OK, ""},
    {CLAIMS("{\"uri\":[\"sip:a@b\"],\"tn\":[\"12125551212\"]}", IAT, ORIG), STIR_OK, ""},
    {CLAIMS("{\"tn\":[\"12125551212\"],\"spc\":[\"1234\"]}", IAT, ORIG), STIR_OK, ""}, /* RFC 8225 section 5.2.1.3 */
    {CLAIMS("{\"tn\":[\"+1 212 555-1212\"]}", IAT, ORIG), STIR_OK, ""},
    {CLAIMS("{\"tn\":[\"12\",\"12\"]}", IAT, ORIG), STIR_OK, ""},
    {CLAIMS("{}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"spc\":[\"1234\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"tn\":[]}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"tn\":[],\"uri\":[]}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"tn\":[\"12125551212\"],\"uri\":{}}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"tn\":[\"12125551212\"],\"uri\":null}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"tn\":\"12125551212\"}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"tn\":{\"0\":\"12125551212\"}}", IAT, ORIG), STIR_E_PASSPORT, "dest does not hold"},
    {CLAIMS("{\"tn\":[12125551212]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn is not a string"},
    {CLAIMS("{\"tn\":[[\"12125551212\"]]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn is not a string"},
    {CLAIMS("{\"tn\":[null]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn is not a string"},
    {CLAIMS("{\"tn\":[\"12125551212\",7]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn is not a string"},
    {CLAIMS("{\"tn\":[\"\",\"alice\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn: "},
    {CLAIMS("{\"tn\":[\"1234567890123456\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn: "},
    {CLAIMS("{\"tn\":[\"alice\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn: "},
    {CLAIMS("{\"tn\":[\"tel:+12125551212\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn is not a valid identity"},
    {CLAIMS("{\"tn\":[\"Bob <12125551212>\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: tn is not a valid identity"},
    {CLAIMS("{\"uri\":[\"12125551212\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: uri is not a valid identity"},
    {CLAIMS("{\"uri\":[\"<sip:a@b>\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: uri is not a valid identity"},
    {CLAIMS("{\"uri\":[\"sip:b\"]}", IAT, ORIG), STIR_E_PASSPORT, "dest: uri: "},
    {CLAIMS("[\"12125551212\"]", IAT, ORIG), STIR_E_PASSPORT, "dest is not an object"},
    {CLAIMS("\"12125551212\"", IAT, ORIG), STIR_E_PASSPORT, "dest is not an object"},
    {"{\"iat\":1,\"orig\":" ORIG "}", STIR_E_PASSPORT, "dest is missing"},
    {CLAIMS("{\"tn\":[\"1\"],\"tn\":[\"2\"]}", IAT, ORIG), STIR_E_JSON, "occurs twice"},

    {CLAIMS(DEST, IAT, "{\"uri\":\"sip:Alice@Example.com;lr\"}"), STIR_OK, ""},
    {CLAIMS(DEST, IAT, "{\"tn\":\"12155551212\",\"uri\":\"sip:a@b\"}"), STIR_E_PASSPORT, "orig does not hold"},
    {CLAIMS(DEST, IAT, "{\"tn\":\"12155551212\",\"name\":\"Alice\"}"), STIR_E_PASSPORT, "orig does not hold"},
    {CLAIMS(DEST, IAT, "{\"spc\":\"1234\"}"), STIR_E_PASSPORT, "orig does not hold"},
    {CLAIMS(DEST, IAT, "{}"), STIR_E_PASSPORT, "orig does not hold"},
    {CLAIMS(DEST, IAT, "{\"tn\":[\"12155551212\"]}"), STIR_E_PASSPORT, "orig: tn is not a string"},
    {CLAIMS(DEST, IAT, "{\"tn\":12155551212}"), STIR_E_PASSPORT, "orig: tn is not a string"},
    {CLAIMS(DEST, IAT, "{\"tn\":\"\"}"), STIR_E_PASSPORT, "orig: tn: "},
    {CLAIMS(DEST, IAT, "{\"tn\":\"sip:a@b\"}"), STIR_E_PASSPORT, "orig: tn is not a valid identity"},
    {CLAIMS(DEST, IAT, "{\"uri\":\"12155551212\"}"), STIR_E_PASSPORT, "orig: uri is not a valid identity"},
    {CLAIMS(DEST, IAT, "[{\"tn\":\"12155551212\"}]"), STIR_E_PASSPORT, "orig is not an object"},
    {CLAIMS(DEST, IAT, "\"12155551212\""), STIR_E_PASSPORT, "orig is not an object"},
    {"{\"dest\":" DEST ",\"iat\":1}", STIR_E_PASSPORT, "orig is missing"},
    {CLAIMS(DEST, IAT, "{\"tn\":\"1215\\u00005551212\"}"), STIR_E_JSON, "NUL"},
    {CLAIMS(DEST, IAT, "{\"tn\":\"1215\xff\"}"), STIR_E_JSON, "UTF-8"},

    {"{\"orig\":" ORIG ",\"iat\":1,\"dest\":" DEST "}", STIR_OK, ""},                /* any order */
    {" { \"dest\" : " DEST " ,\n\"iat\" : 1 , \"orig\" : " ORIG " } ", STIR_OK, ""}, /* white space */
    {"{\"x\":{\"y\":[1.5,null]},\"dest\":" DEST ",\"iat\":1,\"mky\":[],\"orig\":" ORIG ",\"rcd\":{}}", STIR_OK, ""},
    {"{\"dest\":" DEST ",\"iat\":1,\"orig\":" ORIG ",\"x\":1,\"x\":1}", STIR_E_JSON, "occurs twice"},
    {"{\"dest\":" DEST ",\"iat\":1,\"msgi\":\"" MSGI "\",\"orig\":" ORIG "}", STIR_OK, ""},
    {"{\"dest\":" DEST ",\"iat\":1,\"msgi\":[\"" MSGI "\"],\"orig\":" ORIG "}", STIR_E_PASSPORT,
     "msgi is not a string"},
    {"{\"dest\":" DEST ",\"iat\":1,\"msgi\":null,\"orig\":" ORIG "}", STIR_E_PASSPORT, "msgi is not a string"},
    {"[]", STIR_E_JSON, "not a JSON object"},
    {"null", STIR_E_JSON, "not a JSON object"},
    {"{", STIR_E_JSON, "ends too early"},
    {"{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", STIR_E_JSON, "nested"},
};

static void test_claims(void)
{
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        struct stir_error err = {0};
        enum stir_code code = STIR_OK;
        struct stir_passport *passport = parse(HEADER_MSG, claims[i].claims, &code, &err);
        UNIT_CODE(code, claims[i].code, claims[i].claims);
        UNIT_CHECK(err.code == code, "%s: err.code %s", claims[i].claims, stir_error_name(err.code));
        UNIT_CHECK(strstr(err.text, claims[i].text) != NULL, "%s: \"%s\"", claims[i].claims, err.text);
        stir_passport_free(passport);
    }
    stir_passport_free(NULL);
}

#define BODY CLAIMS(DEST, IAT, ORIG)
#define HEAD(more) "{\"alg\":\"ES256\"" more "}"
#define TYP ",\"typ\":\"passport\""

static const struct {
    const char *header;
    enum stir_code code;
    enum stir_ppt ppt;
    const char *text;
} headers[] = {
    {HEAD(TYP), STIR_OK, STIR_PPT_NONE, ""},
    {HEAD(TYP ",\"ppt\":\"msg\""), STIR_OK, STIR_PPT_MSG, ""},
    {HEAD(",\"x5u\":\"https://a.example/c\"" TYP ",\"ppt\":\"msg\""), STIR_OK, STIR_PPT_MSG, ""},
    {HEAD(TYP ",\"ppt\":\"foo\""), STIR_OK, STIR_PPT_UNKNOWN, ""},
    {HEAD(TYP ",\"ppt\":\"\""), STIR_OK, STIR_PPT_UNKNOWN, ""},
    {HEAD(TYP ",\"ppt\":\"MSG\""), STIR_OK, STIR_PPT_UNKNOWN, ""},
    {HEAD(TYP ",\"ppt\":\"rph\",\"kid\":\"1\""), STIR_OK, STIR_PPT_UNKNOWN, ""},
    {HEAD(TYP ",\"ppt\":null"), STIR_E_PASSPORT, 0, "ppt is not a string"},
    {HEAD(TYP ",\"ppt\":[\"msg\"]"), STIR_E_PASSPORT, 0, "ppt is not a string"},
    {HEAD(TYP ",\"ppt\":\"shaken\""), STIR_E_PASSPORT, 0, "attest is missing"},
    {HEAD(TYP ",\"ppt\":\"div\""), STIR_E_PASSPORT, 0, "div is missing"},
    {HEAD(TYP ",\"ppt\":\"div-o\""), STIR_E_PASSPORT, 0, "div is missing"},
    {HEAD(""), STIR_E_PASSPORT, 0, "typ is missing"},
    {HEAD(",\"typ\":\"JWT\""), STIR_E_PASSPORT, 0, "typ is not passport"},
    {HEAD(",\"typ\":\"Passport\""), STIR_E_PASSPORT, 0, "typ is not passport"},
    {HEAD(",\"typ\":\"passport \""), STIR_E_PASSPORT, 0, "typ is not passport"},
    {HEAD(",\"typ\":\"cps-keys+jwt\""), STIR_E_PASSPORT, 0, "typ is not passport"},
    {HEAD(",\"typ\":1"), STIR_E_PASSPORT, 0, "typ is not a string"},
    {HEAD(TYP ",\"x5u\":\"HTTPS://a.example/c\""), STIR_OK, STIR_PPT_NONE, ""},
    {HEAD(TYP ",\"x5u\":\"http://a.example/c\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"file:///etc/passwd\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"https://\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"https:///c\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"https://:443/c\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"https://a b/c\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"https://a/c\\r\\nX: y\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"https://\xc3\xa9.example/\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":\"\""), STIR_E_X5U, 0, "x5u is not an https URL"},
    {HEAD(TYP ",\"x5u\":[\"https://a.example/c\"]"), STIR_E_PASSPORT, 0, "x5u is not a string"},
    {HEAD(TYP ",\"x5u\":null"), STIR_E_PASSPORT, 0, "x5u is not a string"},
    {HEAD(TYP TYP), STIR_E_JSON, 0, "occurs twice"},
    {HEAD(TYP ",\"crit\":[\"ppt\"]"), STIR_E_CRIT, 0, ""},
    {"{\"alg\":\"none\"" TYP "}", STIR_E_ALG, 0, ""},
    {"{\"alg\":\"HS256\"" TYP "}", STIR_E_ALG, 0, ""},
    {"{\"alg\":\"ES384\"" TYP "}", STIR_E_ALG, 0, ""},
    {"{\"typ\":\"passport\"}", STIR_E_ALG, 0, ""},
};

static void test_headers(void)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct stir_error err = {0};
        enum stir_code code = STIR_OK;
        struct stir_passport *passport = parse(headers[i].header, BODY, &code, &err);
        UNIT_CODE(code, headers[i].code, headers[i].header);
        UNIT_CHECK(strstr(err.text, headers[i].text) != NULL, "%s: \"%s\"", headers[i].header, err.text);
        if (passport) {
            UNIT_CHECK(passport->ppt == headers[i].ppt, "%s: ppt %d", headers[i].header, (int)passport->ppt);
            UNIT_CHECK(stir_passport_supported(passport) == (passport->ppt != STIR_PPT_UNKNOWN), "%s",
                       headers[i].header);
        }
        stir_passport_free(passport);
    }
}

/* The claims that a type demands, and msgi, which belongs to "msg" alone (RFC 9475 section 3.2). */
static void test_types(void)
{
    static const struct {
        const char *ppt;
        const char *more;
        enum stir_ppt type;
    } rows[] = {
        {"msg", "", STIR_PPT_MSG},
        {"shaken", ",\"attest\":\"A\",\"origid\":\"123e4567-e89b-12d3-a456-426655440000\"", STIR_PPT_SHAKEN},
        {"div", ",\"div\":{\"tn\":\"12155551213\"}", STIR_PPT_DIV},
        {"div-o", ",\"div\":{\"tn\":\"12155551213\"},\"opt\":\"a.b.c\"", STIR_PPT_DIV_O},
        {"foo", "", STIR_PPT_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const char *const msgis[] = {"\"" MSGI "\"", "42"}; /* elsewhere whatever it is */
        for (size_t k = 0; k < 2; k++) {
            char header[256];
            char body[512];
            enum stir_code code = STIR_OK;
            (void)snprintf(header, sizeof(header), HEAD(TYP ",\"ppt\":\"%s\""), rows[i].ppt);
            (void)snprintf(body, sizeof(body), "{\"dest\":" DEST ",\"iat\":1,\"msgi\":%s,\"orig\":" ORIG "%s}",
                           msgis[k], rows[i].more);
            struct stir_passport *passport = parse(header, body, &code, NULL);
            bool msg = rows[i].type == STIR_PPT_MSG;
            UNIT_CODE(code, msg && k == 1 ? STIR_E_PASSPORT : STIR_OK, body);
            if (passport) {
                UNIT_CHECK(passport->ppt == rows[i].type, "%s", rows[i].ppt);
                UNIT_STR(passport->ppt_name, rows[i].ppt, "ppt_name");
                UNIT_STR(passport->msgi, msg ? MSGI : NULL, rows[i].ppt);
            }
            stir_passport_free(passport);
        }
    }
}

/* exp and nbf are NumericDates; attest is kept for "shaken" alone, and only a string is one. */
static void test_dates_and_attest(void)
{
    static const struct {
        const char *ppt, *more, *refused, *attest;
        int64_t exp, nbf;
    } rows[] = {
        {"msg", "", NULL, NULL, 0, 0},
        {"msg", ",\"exp\":100,\"nbf\":50", NULL, NULL, 100, 50},
        {"msg", ",\"exp\":99.5,\"nbf\":49.5", NULL, NULL, 100, 50},
        {"msg", ",\"exp\":0,\"nbf\":-7", NULL, NULL, 1, 1},
        {"msg", ",\"exp\":1e300,\"attest\":\"A\"", NULL, NULL, STIR_IAT_MAX, 0},
        {"msg", ",\"exp\":\"100\"", "exp is not a number", NULL, 0, 0},
        {"msg", ",\"nbf\":null", "nbf is not a number", NULL, 0, 0},
        {"shaken", ",\"attest\":\"A\",\"origid\":\"x\"", NULL, "A", 0, 0},
        {"shaken", ",\"attest\":\"C\",\"origid\":\"x\"", NULL, "C", 0, 0},
        {"shaken", ",\"attest\":{\"a\":1},\"origid\":\"x\"", NULL, NULL, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char header[256];
        char body[512];
        struct stir_error err = {0};
        enum stir_code code = STIR_OK;
        (void)snprintf(header, sizeof(header), HEAD(TYP ",\"ppt\":\"%s\""), rows[i].ppt);
        (void)snprintf(body, sizeof(body), "{\"dest\":" DEST ",\"iat\":1,\"orig\":" ORIG "%s}", rows[i].more);
        struct stir_passport *passport = parse(header, body, &code, &err);
        UNIT_CODE(code, rows[i].refused ? STIR_E_PASSPORT : STIR_OK, body);
        UNIT_CHECK(!rows[i].refused || strstr(err.text, rows[i].refused), "%s: %s", body, err.text);
        if (passport) {
            UNIT_CHECK(passport->exp == rows[i].exp && passport->nbf == rows[i].nbf, "%s", body);
            UNIT_STR(passport->attest, rows[i].attest, body);
        }
        stir_passport_free(passport);
    }
}

static void test_many_dests(void)
{
    for (size_t count = STIR_PASSPORT_DESTS - 1; count <= STIR_PASSPORT_DESTS + 1; count++) {
        struct stir_buf body = {0};
        struct stir_error err = {0};
        enum stir_code code = STIR_OK;
        stir_buf_puts(&body, "{\"dest\":{\"tn\":[");
        for (size_t i = 0; i + 1 < count; i++) {
            stir_buf_printf(&body, "%s\"%zu\"", i ? "," : "", 12155550000 + i);
        }
        stir_buf_puts(&body, "],\"uri\":[\"sip:a@b\"]},\"iat\":1,\"orig\":" ORIG "}");
        struct stir_passport *passport = parse(HEADER_MSG, body.ptr, &code, &err);
        UNIT_CHECK((code == STIR_OK) == (count <= STIR_PASSPORT_DESTS), "%zu: %s", count, stir_error_name(code));
        if (passport) {
            struct stir_identity first = identity("+1-215-555-0000");
            struct stir_identity last = identity("sip:A@B");
            struct stir_identity other = identity("sips:a@b");
            CU_ASSERT_EQUAL(passport->dest_count, count);
            CU_ASSERT(stir_passport_has_dest(passport, &first));
            CU_ASSERT(stir_passport_has_dest(passport, &last));
            CU_ASSERT(!stir_passport_has_dest(passport, &other));
            CU_ASSERT(!stir_passport_has_dest(passport, &passport->orig));
        } else {
            UNIT_CODE(code, STIR_E_PASSPORT, "256 destinations");
            UNIT_STR(err.text, "dest holds 256 identities; 255 are allowed", "256 destinations");
        }
        stir_passport_free(passport);
        stir_buf_free(&body);
    }
}

/* A member that is not understood, or that nobody reads, does not spoil the destination beside it. */
static void test_other_members(void)
{
    static const char *const bodies[] = {
        "{\"dest\":{\"tn\":[\"12155551213\"],\"uri\":[\"sip:example.com\"]},\"iat\":1,\"orig\":" ORIG "}",
        "{\"dest\":{\"tn\":[\"12155551213\"],\"uri\":[\"https://a/#x\"]},\"iat\":1,\"orig\":" ORIG "}",
        "{\"dest\":{\"tn\":[\"12155551213\"],\"uri\":[]},\"iat\":1,\"orig\":" ORIG "}",
        "{\"dest\":{\"tn\":[\"1\",\"12155551213\",\"\",\"tel:1\",\"x y\"]},\"iat\":1,\"orig\":" ORIG "}",
        "{\"dest\":{\"tn\":[\"12155551213\"]},\"iat\":1,\"orig\":" ORIG ",\"x\":9223372036854775808}",
        "{\"dest\":{\"tn\":[\"12155551213\"]},\"iat\":1,\"orig\":" ORIG ",\"x\":[{\"y\":-99999999999999999999999}]}",
    };
    struct stir_identity ours = identity("12155551213");
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct stir_error err = {0};
        enum stir_code code = STIR_OK;
        struct stir_passport *passport = parse(HEADER_MSG, bodies[i], &code, &err);
        UNIT_CODE(code, STIR_OK, err.text);
        UNIT_CHECK(passport && passport->dest_count == 1 && stir_passport_has_dest(passport, &ours), "%s", bodies[i]);
        stir_passport_free(passport);
    }
}

/* Claims are canonical numbers: separators and '+' are dropped, and the reader's longest number counts. */
static void test_numbers(void)
{
    size_t len = 0;
    struct stir_passport *passport = NULL;
    char *token =
        token_of(HEADER_MSG, CLAIMS("{\"tn\":[\"2125551212\"]}", "1", "{\"tn\":\"+1-215.555 (1212)\"}"), &len);
    UNIT_OK(stir_passport_parse(&passport, token, len, 15, NULL));
    UNIT_NEED(passport);
    UNIT_STR(passport->dest[0].text, "2125551212", "dest");
    UNIT_STR(passport->orig.text, "12155551212", "orig");
    stir_passport_free(passport);
    free(token);

    token = token_of(HEADER_MSG, CLAIMS("{\"tn\":[\"12345678901234567890\"]}", "1", ORIG), &len);
    UNIT_CODE(stir_passport_parse(&passport, token, len, 15, NULL), STIR_E_PASSPORT, "20 digits of 15");
    UNIT_OK(stir_passport_parse(&passport, token, len, 20, NULL));
    stir_passport_free(passport);
    free(token);
}

/* A uri that is a telephone number is that number, whoever writes it. */
static void test_uri_that_is_a_number(void)
{
    enum stir_code code = STIR_OK;
    struct stir_passport *passport =
        parse(HEADER_MSG, CLAIMS(DEST, "1", "{\"uri\":\"sip:+12155551212@gw.example;user=phone\"}"), &code, NULL);
    UNIT_NEED(passport);
    CU_ASSERT_EQUAL(passport->orig.kind, STIR_IDENTITY_TN);
    UNIT_STR(passport->orig.text, "12155551212", "orig");
    stir_passport_free(passport);
}

static void test_truncations(void)
{
    size_t len = 0;
    char *token = good_token(&len);
    for (size_t n = 0; n < len; n++) {
        struct stir_passport *passport = NULL;
        char *cut = malloc(n + 1); /* so that a sanitizer sees a read past the end */
        memcpy(cut, token, n);
        UNIT_CHECK(stir_passport_parse(&passport, cut, n, 0, NULL) != STIR_OK && !passport, "cut at %zu", n);
        free(cut);
    }
    free(token);
}

/* No octet can be changed: what still parses does not verify. */
static void test_changes(void)
{
    size_t len = 0;
    char *token = good_token(&len);
    for (size_t i = 0; i < len; i++) {
        struct stir_passport *passport = NULL;
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        if (stir_passport_parse(&passport, token, len, 0, NULL) == STIR_OK) {
            UNIT_CHECK(stir_jws_verify(&passport->jws, signing_key, NULL) == STIR_E_SIGNATURE, "changed at %zu", i);
        }
        stir_passport_free(passport);
        token[i] = was;
    }
    free(token);
}

static void test_shapes(void)
{
    size_t len = 0;
    char *token = good_token(&len);
    struct stir_passport *passport = NULL;
    char longer[STIR_PASSPORT_MAX + 2];
    static const char *const around[][2] = {{" ", ""}, {"", " "}, {"", "\n"}, {"", "."},
                                            {".", ""}, {"", "="}, {"", "A"}};
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        int n = snprintf(longer, sizeof(longer), "%s%s%s", around[i][0], token, around[i][1]);
        UNIT_CHECK(stir_passport_parse(&passport, longer, (size_t)n, 0, NULL) != STIR_OK, "shape %zu", i);
    }
    (void)snprintf(longer, sizeof(longer), "%s", token);
    UNIT_CHECK(stir_passport_parse(&passport, longer, len + 1, 0, NULL) != STIR_OK, "a NUL behind it");
    /* the compact form, where the receiver has to rebuild header and claims (RFC 8225 section 7) */
    int n = snprintf(longer, sizeof(longer), "..%s", (const char *)memrchr(token, '.', len) + 1);
    UNIT_CODE(stir_passport_parse(&passport, longer, (size_t)n, 0, NULL), STIR_E_JWS, "compact form");
    UNIT_CODE(stir_passport_parse(&passport, NULL, 0, 0, NULL), STIR_E_JWS, "nothing");
    memset(longer, 'A', sizeof(longer));
    UNIT_CODE(stir_passport_parse(&passport, longer, STIR_PASSPORT_MAX, 0, NULL), STIR_E_JWS, "the longest");
    UNIT_CODE(stir_passport_parse(&passport, longer, STIR_PASSPORT_MAX + 1, 0, NULL), STIR_E_TOO_BIG, "one over");
    free(token);
}

UNIT_MAIN("passport", {"a key", make_key}, {"claims", test_claims}, {"headers", test_headers},
          {"types and msgi", test_types}, {"exp, nbf and attest", test_dates_and_attest},
          {"F26: 255 destinations and 256", test_many_dests},
          {"F26: members that are not understood", test_other_members}, {"numbers", test_numbers},
          {"a uri that is a number", test_uri_that_is_a_number}, {"every truncation", test_truncations},
          {"every change", test_changes}, {"shapes", test_shapes}, {"no key", free_key})
