/* SPDX-License-Identifier: MIT */
#include "common/jose/json.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
    const char *text;
    size_t n;
    enum stir_code code;
    const char *reason;
} texts[] = {
    {TEXT("{}"), STIR_OK, NULL},
    {TEXT(" \t\r\n[1,2.5,-0,true,false,null,\"\\u20ac\",{\"a\":{}}] "), STIR_OK, NULL},
    {TEXT("\"text\""), STIR_OK, NULL},
    {TEXT("1"), STIR_OK, NULL},
    {TEXT("\"\\ud83d\\ude00\""), STIR_OK, NULL},                         /* a surrogate pair */
    {TEXT("\"\xf0\x9f\x98\x80\""), STIR_OK, NULL},                       /* the same in UTF-8 */
    {TEXT("[9223372036854775807,-9223372036854775808]"), STIR_OK, NULL}, /* int64's ends */
    {TEXT("[9223372036854775808,-9223372036854775809]"), STIR_OK, NULL}, /* F26: beyond them */
    {TEXT("[{\"a\":18446744073709551616, \"b\":[340282366920938463463374607431768211456]}]"), STIR_OK, NULL},
    {TEXT("123456789012345678901234567890"), STIR_OK, NULL},
    {TEXT("[99999999999999999999,\"99999999999999999999\\\"99999999999999999999\",1]"), STIR_OK, NULL},
    {TEXT("[99999999999999999999x]"), STIR_E_JSON, NULL},
    {TEXT("[099999999999999999999]"), STIR_E_JSON, NULL},
    {TEXT("[-99999999999999999999-]"), STIR_E_JSON, NULL},
    {TEXT("[99999999999999999999"), STIR_E_JSON, "ends too early"},
    {TEXT("{\"a\":99999999999999999999,\"a\":1}"), STIR_E_JSON, "occurs twice"},
    {TEXT("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""), STIR_OK, NULL},                  /* no nesting: a string */
    {TEXT("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[\\\\\""), STIR_OK, NULL},                /* with escaped quotes in it */
    {TEXT("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"), STIR_OK, NULL},                    /* 16 levels */
    {TEXT("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), STIR_E_JSON, "nested"},          /* 17 */
    {TEXT("[[[[[[[[[[[[[[[[{\"a\":1}]]]]]]]]]]]]]]]]"), STIR_E_JSON, "nested"},   /* 17, mixed */
    {TEXT("[[[[[[[[[[[[[[[[["), STIR_E_JSON, "nested"},                           /* never closed */
    {TEXT("[\"\\\"\",[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), STIR_E_JSON, "nested"}, /* behind a string that is a quote */
    {TEXT("[\"\\\\\",[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), STIR_E_JSON, "nested"}, /* and one that is a backslash */
    {TEXT("[\"a\\\"[[[[[[[[[[[[[[[[[\",1]"), STIR_OK, NULL},
    {TEXT("\"[[[[[[[[[[[[[[[[[\\"), STIR_E_JSON, NULL},
    {TEXT(""), STIR_E_JSON, NULL},
    {TEXT(" "), STIR_E_JSON, NULL},
    {TEXT("{"), STIR_E_JSON, "ends too early"},
    {TEXT("{\"a\":1"), STIR_E_JSON, "ends too early"},
    {TEXT("{\"a\":1,}"), STIR_E_JSON, NULL},
    {TEXT("[1,]"), STIR_E_JSON, NULL},
    {TEXT("{a:1}"), STIR_E_JSON, NULL},
    {TEXT("{'a':1}"), STIR_E_JSON, NULL},
    {TEXT("{} {}"), STIR_E_JSON, "after the end"},
    {TEXT("{}x"), STIR_E_JSON, "after the end"},
    {TEXT("{}\0"), STIR_E_JSON, NULL},
    {TEXT("\0{}"), STIR_E_JSON, NULL},
    {TEXT("{\"a\0b\":1}"), STIR_E_JSON, NULL},
    {TEXT("{\"a\":1,\"b\":2,\"a\":3}"), STIR_E_JSON, "occurs twice"},
    {TEXT("{\"a\":1,\"\\u0061\":2}"), STIR_E_JSON, "occurs twice"}, /* the same name, escaped */
    {TEXT("[{\"x\":{\"a\":1,\"a\":1}}]"), STIR_E_JSON, "occurs twice"},
    {TEXT("\"\\u0000\""), STIR_E_JSON, "NUL"},
    {TEXT("{\"a\\u0000b\":1}"), STIR_E_JSON, "NUL"},
    {TEXT("\"\x01\""), STIR_E_JSON, NULL},                /* a control character as it is */
    {TEXT("\"\n\""), STIR_E_JSON, NULL},                  /* a line end in a string */
    {TEXT("\"\xff\""), STIR_E_JSON, "UTF-8"},             /* no octet of UTF-8 */
    {TEXT("\"\xc3\x28\""), STIR_E_JSON, "UTF-8"},         /* a broken sequence */
    {TEXT("\"\xc0\xaf\""), STIR_E_JSON, "UTF-8"},         /* an overlong '/' */
    {TEXT("\"\xed\xa0\x80\""), STIR_E_JSON, "UTF-8"},     /* a surrogate */
    {TEXT("\"\xf4\x90\x80\x80\""), STIR_E_JSON, "UTF-8"}, /* beyond U+10FFFF */
    {TEXT("\"\xe2\x82"), STIR_E_JSON, NULL},              /* cut within a character */
    {TEXT("\"\\ud83d\""), STIR_E_JSON, NULL},             /* half a pair */
    {TEXT("\"\\udc00\\ud800\""), STIR_E_JSON, NULL},      /* the wrong way round */
    {TEXT("\"\\x41\""), STIR_E_JSON, NULL},
    {TEXT("[1e400]"), STIR_E_JSON, "too large"},
    {TEXT("[-1e400]"), STIR_E_JSON, "too large"},
    {TEXT("[01]"), STIR_E_JSON, NULL},
    {TEXT("[+1]"), STIR_E_JSON, NULL},
    {TEXT("[.5]"), STIR_E_JSON, NULL},
    {TEXT("[1.]"), STIR_E_JSON, NULL},
    {TEXT("[0x10]"), STIR_E_JSON, NULL},
    {TEXT("[NaN]"), STIR_E_JSON, NULL},
    {TEXT("[Infinity]"), STIR_E_JSON, NULL},
    {TEXT("[True]"), STIR_E_JSON, NULL},
    {TEXT("// comment\n{}"), STIR_E_JSON, NULL},
    {TEXT("\xef\xbb\xbf{}"), STIR_E_JSON, NULL}, /* a byte order mark */
};

static void test_parse(void)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stir_error err = {0};
        json_t *value = NULL;
        char *exact = malloc(texts[i].n + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, texts[i].text, texts[i].n);
        enum stir_code code = stir_json_parse(&value, exact, texts[i].n, &err);
        UNIT_CODE(code, texts[i].code, texts[i].text);
        UNIT_CHECK((value != NULL) == (code == STIR_OK), "%s: out", texts[i].text);
        if (texts[i].reason) {
            UNIT_CHECK(strstr(err.text, texts[i].reason) != NULL, "%s: \"%s\"", texts[i].text, err.text);
        }
        json_decref(value);
        free(exact);
    }
    json_t *value = NULL;
    UNIT_CODE(stir_json_parse(&value, NULL, 0, NULL), STIR_E_JSON, "nothing at all");
}

/* What failed is not quoted: it may be a message. */
static void test_error_text(void)
{
    struct stir_error err = {0};
    json_t *value = NULL;
    const char *text = "{\"secret\":\n secret}";
    UNIT_CODE(stir_json_parse(&value, text, strlen(text), &err), STIR_E_JSON, "syntax");
    CU_ASSERT_PTR_NULL(strstr(err.text, "secret"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "line 2"));
    UNIT_CODE(stir_json_parse_object(&value, text, strlen(text), "the header", &err), STIR_E_JSON, "object");
    CU_ASSERT(strncmp(err.text, "the header: ", 12) == 0);
    UNIT_CODE(stir_json_parse_object(&value, "[]", 2, "the header", &err), STIR_E_JSON, "array");
    UNIT_STR(err.text, "the header: not a JSON object", "text");
    CU_ASSERT_PTR_NULL(value);
    UNIT_OK(stir_json_parse_object(&value, "{}", 2, "the header", &err));
    json_decref(value);
}

static void test_truncations(void)
{
    const char *text =
        "{\"dest\":{\"tn\":[\"12155551212\"]},\"iat\":1471375418,\"orig\":{\"uri\":\"\xc3\xa9\\u00e9\"}}";
    for (size_t n = 0; n < strlen(text); n++) {
        json_t *value = NULL;
        char *cut = malloc(n + 1);
        memcpy(cut, text, n);
        UNIT_CHECK(stir_json_parse(&value, cut, n, NULL) == STIR_E_JSON, "cut at %zu", n);
        free(cut);
    }
}

static void test_members(void)
{
    struct stir_error err = {0};
    const char *text = "{\"s\":\"x\",\"e\":\"\",\"i\":-5,\"max\":9223372036854775807,\"r\":1.0,\"x\":1e3,\"t\":true,"
                       "\"n\":null,\"a\":[1],\"d\":\"5\",\"big\":9223372036854775808,\"low\":-9223372036854775809}";
    json_t *object = NULL;
    const char *string = "untouched";
    int64_t number = 42;
    UNIT_OK(stir_json_parse_object(&object, text, strlen(text), "it", &err));
    UNIT_OK(stir_json_string(&string, object, "s", &err));
    UNIT_STR(string, "x", "string");
    UNIT_OK(stir_json_string(&string, object, "e", &err));
    UNIT_STR(string, "", "an empty string is one");
    const char *const no_strings[] = {"i", "t", "n", "a", "absent"};
    string = "untouched";
    for (size_t i = 0; i < 5; i++) {
        UNIT_CODE(stir_json_string(&string, object, no_strings[i], &err), STIR_E_JSON, no_strings[i]);
        CU_ASSERT(strncmp(err.text, no_strings[i], strlen(no_strings[i])) == 0);
        UNIT_STR(string, "untouched", no_strings[i]);
    }
    UNIT_OK(stir_json_int(&number, object, "i", &err));
    CU_ASSERT_EQUAL(number, -5);
    UNIT_OK(stir_json_int(&number, object, "max", &err));
    CU_ASSERT_EQUAL(number, INT64_MAX);
    const char *const no_ints[] = {"r", "x", "s", "d", "t", "n", "a", "absent", "big", "low"};
    number = 42;
    for (size_t i = 0; i < sizeof(no_ints) / sizeof(no_ints[0]); i++) {
        UNIT_CODE(stir_json_int(&number, object, no_ints[i], &err), STIR_E_JSON, no_ints[i]);
        CU_ASSERT_EQUAL(number, 42);
    }
    json_decref(object);
}

static void test_dates(void)
{
    static const struct {
        const char *text;
        int64_t date;
    } rows[] = {{"1443208345", 1443208345},
                {"1443208345.0", 1443208345},
                {"1443208345.25", 1443208346},
                {"1.4432083455e9", 1443208346},
                {"0", 0},
                {"-1", 0},
                {"-0.5", 0},
                {"0.1", 1},
                {"9007199254740991", 9007199254740991},
                {"9007199254740993", STIR_JSON_DATE_MAX},
                {"9223372036854775807", STIR_JSON_DATE_MAX},
                {"1e300", STIR_JSON_DATE_MAX},
                {"-1e300", 0}};
    static const char *const no_dates[] = {"\"1\"", "null", "true", "[1]", "{}"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t date = -1;
        json_t *object = json_object();
        json_object_set_new(object, "exp", json_loads(rows[i].text, JSON_DECODE_ANY, NULL));
        UNIT_OK(stir_json_date(&date, object, "exp", NULL));
        UNIT_CHECK(date == rows[i].date, "%s: %lld", rows[i].text, (long long)date);
        json_decref(object);
    }
    for (size_t i = 0; i < sizeof(no_dates) / sizeof(no_dates[0]); i++) {
        struct stir_error err = {0};
        int64_t date = 42;
        json_t *object = json_object();
        json_object_set_new(object, "exp", json_loads(no_dates[i], JSON_DECODE_ANY, NULL));
        UNIT_CODE(stir_json_date(&date, object, "exp", &err), STIR_E_JSON, no_dates[i]);
        UNIT_STR(err.text, "exp is not a number", no_dates[i]);
        UNIT_CODE(stir_json_date(&date, object, "nbf", &err), STIR_E_JSON, "absent");
        UNIT_STR(err.text, "nbf is missing", no_dates[i]);
        CU_ASSERT_EQUAL(date, 42);
        json_decref(object);
    }
}

static void test_time(void)
{
    static const struct {
        const char *text;
        int64_t down, up; /* -1: refused */
    } rows[] = {
        {"0", 0, 0},
        {"1700000000", 1700000000, 1700000000},
        {"1700000000.0", 1700000000, 1700000000},
        {"1700000000.25", 1700000000, 1700000001},
        {"1.7e9", 1700000000, 1700000000},
        {"9007199254740992", INT64_C(9007199254740992), INT64_C(9007199254740992)},
        {"9007199254740993", -1, -1},
        {"1e300", -1, -1},
        {"-0.5", -1, -1},
        {"-1", -1, -1},
        {"\"1700000000\"", -1, -1},
        {"true", -1, -1},
        {"null", -1, -1},
        {"[1]", -1, -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *value = NULL;
        int64_t down = -1, up = -1;
        UNIT_OK(stir_json_parse(&value, rows[i].text, strlen(rows[i].text), NULL));
        CU_ASSERT_EQUAL(stir_json_time(value, false, &down), rows[i].down >= 0);
        CU_ASSERT_EQUAL(stir_json_time(value, true, &up), rows[i].up >= 0);
        UNIT_CHECK(down == rows[i].down && up == rows[i].up, "%s", rows[i].text);
        json_decref(value);
    }
    int64_t untouched = 42;
    CU_ASSERT_FALSE(stir_json_time(NULL, false, &untouched));
    CU_ASSERT_EQUAL(untouched, 42);
}

static void check_jcs(const char *text, const char *expected)
{
    struct stir_buf out = {0};
    json_t *value = NULL;
    UNIT_OK(stir_json_parse(&value, text, strlen(text), NULL));
    stir_jcs(&out, value);
    UNIT_OK(stir_buf_state(&out));
    UNIT_STR(out.ptr, expected, text);
    stir_buf_free(&out);
    json_decref(value);
}

static void test_jcs(void)
{
    uint8_t octets[256];
    size_t n = unit_unhex(octets, sizeof(octets) - 1, /* section 3.2.4 */
                          "7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72"
                          "75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72 73 22 3a"
                          "5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31"
                          "65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32 2c 31 65 2d 32 37"
                          "5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30"
                          "30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d");
    octets[n] = '\0';
    CU_ASSERT_EQUAL(n, 118);
    /* section 3.2.2 */
    check_jcs(
        "{\n  \"numbers\": [333333333.33333329, 1E30, 4.50,\n              2e-3, 0.000000000000000000000000001],\n"
        "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
        "  \"literals\": [null, true, false]\n}",
        (const char *)octets);
    /* section 3.2.3: names in the order of their UTF-16 code units, U+1F600 (D83D DE00) before U+FB33 */
    check_jcs("{\n  \"\\u20ac\": \"Euro Sign\",\n  \"\\r\": \"Carriage Return\",\n"
              "  \"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\",\n  \"1\": \"One\",\n"
              "  \"\\ud83d\\ude00\": \"Emoji: Grinning Face\",\n  \"\\u0080\": \"Control\",\n"
              "  \"\\u00f6\": \"Latin Small Letter O With Diaeresis\"\n}",
              "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
              "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\","
              "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
              "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
    check_jcs("{\"b\":[{\"d\":[],\"c\":{}}],\"a\":\"\"}", "{\"a\":\"\",\"b\":[{\"c\":{},\"d\":[]}]}");
    check_jcs("{\"aa\":1,\"a\":2,\"\":3,\"A\":4}", "{\"\":3,\"A\":4,\"a\":2,\"aa\":1}");
    check_jcs("\"\\b\\t\\n\\f\\r\\u001f\\u007f\\u0001\"", "\"\\b\\t\\n\\f\\r\\u001f\x7f\\u0001\"");
    check_jcs("[0,-0,-0.0,1,-1,9007199254740991,9007199254740993,9223372036854775807,-9223372036854775808]",
              "[0,0,0,1,-1,9007199254740991,9007199254740992,9223372036854776000,-9223372036854776000]");
}

/* RFC 8785 appendix B, and doubles where the nearest decimal of the shortest length does not read back. */
static const struct {
    uint64_t bits;
    const char *text;
} numbers[] = {
    {0x0000000000000000, "0"},
    {0x8000000000000000, "0"},
    {0x0000000000000001, "5e-324"},
    {0x8000000000000001, "-5e-324"},
    {0x7fefffffffffffff, "1.7976931348623157e+308"},
    {0xffefffffffffffff, "-1.7976931348623157e+308"},
    {0x4340000000000000, "9007199254740992"},
    {0xc340000000000000, "-9007199254740992"},
    {0x4430000000000000, "295147905179352830000"},
    {0x44b52d02c7e14af5, "9.999999999999997e+22"},
    {0x44b52d02c7e14af6, "1e+23"},
    {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
    {0x444b1ae4d6e2ef4e, "999999999999999700000"},
    {0x444b1ae4d6e2ef4f, "999999999999999900000"},
    {0x444b1ae4d6e2ef50, "1e+21"},
    {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
    {0x3eb0c6f7a0b5ed8d, "0.000001"},
    {0x41b3de4355555553, "333333333.3333332"},
    {0x41b3de4355555554, "333333333.33333325"},
    {0x41b3de4355555555, "333333333.3333333"},
    {0x41b3de4355555556, "333333333.3333334"},
    {0x41b3de4355555557, "333333333.33333343"},
    {0xbecbf647612f3696, "-0.0000033333333333333333"},
    {0x43143ff3c1cb0959, "1424953923781206.2"},
    {0x3d30000000000000, "5.684341886080802e-14"}, /* 2^-44: ...801 is nearer, but reads back as another double */
    {0x7fffffffffffffff, NULL},                    /* NaN */
    {0x7ff0000000000000, NULL},                    /* infinity */
};

static void test_jcs_numbers(void)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct stir_buf out = {0};
        double value = 0;
        memcpy(&value, &numbers[i].bits, sizeof(value));
        json_t *json = json_real(value); /* NULL for what JSON cannot hold, which is a failure too */
        stir_jcs(&out, json);
        UNIT_CODE(stir_buf_state(&out), numbers[i].text ? STIR_OK : STIR_E_INVAL, numbers[i].text);
        UNIT_STR(out.ptr, numbers[i].text, "number");
        stir_buf_free(&out);
        json_decref(json);
    }
}

static void test_jcs_failures(void)
{
    struct stir_buf out = {.limit = 5};
    json_t *value = json_pack("{s:s}", "a", "b");
    stir_jcs(&out, value);
    UNIT_CODE(stir_buf_state(&out), STIR_E_TOO_BIG, "one octet over the limit");
    stir_buf_free(&out);
    json_decref(value);

    json_t *deep = json_array();
    for (int i = 0; i < 100; i++) {
        json_t *outer = json_array();
        CU_ASSERT_EQUAL(json_array_append_new(outer, deep), 0);
        deep = outer;
    }
    out.limit = 0;
    stir_jcs(&out, deep);
    UNIT_CODE(stir_buf_state(&out), STIR_E_INVAL, "built deeper than any JSON of ours");
    stir_buf_free(&out);
    json_decref(deep);
}

static const struct {
    const char *text;
    size_t n;
    const char *quoted;
} quotes[] = {
    {TEXT(""), "\"\""},
    {TEXT("plain"), "\"plain\""},
    {TEXT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\""},
    {TEXT("\n"), "\"\\n\""},
    {TEXT("a\0b"), "\"a\\u0000b\""},
    {TEXT("\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {TEXT("a\xff"
          "b"),
     "\"a\xef\xbf\xbd"
     "b\""},
    {TEXT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {TEXT("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {TEXT("\xc1\x81"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {TEXT("end\xe2\x82"), "\"end\xef\xbf\xbd\xef\xbf\xbd\""},
};

static void test_quote(void)
{
    for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
        struct stir_buf out = {0};
        json_t *back = NULL;
        stir_json_quote(&out, quotes[i].text, quotes[i].n);
        UNIT_STR(out.ptr, quotes[i].quoted, "quoted");
        if (!memchr(quotes[i].text, '\0', quotes[i].n)) {
            UNIT_CODE(stir_json_parse(&back, out.ptr, out.len, NULL), STIR_OK, out.ptr);
        }
        json_decref(back);
        stir_buf_free(&out);
    }
    struct stir_buf out = {0};
    stir_json_quote(&out, NULL, 0);
    UNIT_STR(out.ptr, "\"\"", "no text");
    stir_buf_free(&out);
}

UNIT_MAIN("json", {"what is JSON and what is not", test_parse}, {"errors do not quote", test_error_text},
          {"every truncation", test_truncations}, {"members", test_members}, {"dates, rounded either way", test_time},
          {"dates, with and without a fraction", test_dates}, {"RFC 8785 sections 3.2.2 to 3.2.4", test_jcs},
          {"RFC 8785 appendix B", test_jcs_numbers}, {"JCS failures stick", test_jcs_failures}, {"quoting", test_quote})
