/* SPDX-License-Identifier: MIT */
#include "common/number/tn.h"

#include "tests/unit/unit.h"

#define TEXT(literal) literal, sizeof(literal) - 1

/* With the default numbering. */
static const struct {
    const char *text;
    size_t n;
    const char *tn; /* NULL: refused */
} plain[] = {
    {TEXT("12155551212"), "12155551212"},
    {TEXT("+12155551212"), "12155551212"},
    {TEXT("2.222.555.2222"), "22225552222"}, /* RFC 8816 section 9 */
    {TEXT("+1 (215) 555-1212"), "12155551212"},
    {TEXT("+1-(215)-555-1212"), "12155551212"},
    {TEXT("(+44) 7700 900123"), "447700900123"},
    {TEXT(" 1215 "), "1215"},
    {TEXT("-1.2-"), "12"},
    {TEXT("911"), "911"},
    {TEXT("72345"), "72345"},
    {TEXT("*69"), "*69"},
    {TEXT("#31#12155551212"), "#31#12155551212"},
    {TEXT("*#06#"), "*#06#"},
    {TEXT("0012155551212"), "0012155551212"}, /* no prefix is configured */
    {TEXT("123456789012345"), "123456789012345"},
    {TEXT("1234567890123456"), NULL},
    {TEXT("+1234567890123456"), NULL},
    {TEXT("12"), "12"},
    {TEXT("1"), NULL},
    {TEXT("+1"), NULL},
    {TEXT(""), NULL},
    {TEXT("+"), NULL},
    {TEXT(" "), NULL},
    {TEXT(".."), NULL},
    {TEXT("../"), NULL},
    {TEXT("/../12155551212"), NULL},
    {TEXT("++12155551212"), NULL},
    {TEXT("1+2155551212"), NULL},
    {TEXT("12155551212+"), NULL},
    {TEXT("1-800-FLOWERS"), NULL},
    {TEXT("alice"), NULL},
    {TEXT("1215555121e1"), NULL},
    {TEXT("0x12155551"), NULL},
    {TEXT("1215555\0"
          "1212"),
     NULL},
    {TEXT("12155551212\0"), NULL},
    {TEXT("\0"), NULL},
    {TEXT("1215\n5551212"), NULL},
    {TEXT("1215\t5551212"), NULL},
    {TEXT("12155551212;ext=1"), NULL},
    {TEXT("12,15"), NULL},
    {TEXT("12:15"), NULL},
    {TEXT("%2B12155551212"), NULL},
    {TEXT("%00"), NULL},
    {TEXT("%zz"), NULL},
    {TEXT("\xd9\xa1\xd9\xa2\xd9\xa3"), NULL}, /* Arabic digits */
    {TEXT("\xef\xbc\x91\xef\xbc\x92"), NULL}, /* full-width digits */
    {TEXT("1\xc2\xa0"
          "2155551212"),
     NULL}, /* a no-break space */
    {TEXT("1\xe2\x80\x91"
          "215"),
     NULL}, /* a no-break hyphen */
};

/* numbering NULL: a canonical number. expected NULL: it is refused. */
static void check(const char *text, size_t n, const char *expected, const struct stir_numbering *numbering)
{
    struct stir_error err = {0};
    struct stir_tn tn;
    memset(&tn, 0xee, sizeof(tn));
    enum stir_code code =
        numbering ? stir_tn_parse_user(&tn, text, n, numbering, &err) : stir_tn_parse_canonical(&tn, text, n, 0, &err);
    UNIT_CODE(code, expected ? STIR_OK : STIR_E_TN, text);
    if (code == STIR_OK && expected) {
        UNIT_STR(tn.digits, expected, text);
        UNIT_CHECK(tn.len == strlen(expected), "%s: len %u", text, tn.len);
    } else {
        UNIT_CHECK((unsigned char)tn.digits[0] == 0xee, "%s: out was touched", text);
        UNIT_CHECK(err.text[0] != '\0', "%s: no text", text);
    }
}

static void test_plain(void)
{
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        check(plain[i].text, plain[i].n, plain[i].tn, NULL);
    }
    check(NULL, 0, NULL, NULL);
}

/* However long the text, and however many separators are in it. */
static void test_long_texts(void)
{
    char text[5001] = {0};
    memset(text, '1', sizeof(text) - 1);
    for (size_t n = 16; n < sizeof(text); n = n < 64 ? n + 1 : n * 2) {
        UNIT_CHECK(stir_tn_parse_canonical(&(struct stir_tn){0}, text, n, 0, NULL) == STIR_E_TN, "%zu digits", n);
    }
    memset(text, '-', sizeof(text) - 1);
    memcpy(text + sizeof(text) - 5, "1215", 4);
    check(text, sizeof(text) - 1, "1215", NULL);
}

static void refused(const char *text, const char *reason)
{
    struct stir_tn tn = {0};
    struct stir_error err = {0};
    UNIT_CODE(stir_tn_parse_canonical(&tn, text, strlen(text), 0, &err), STIR_E_TN, text);
    UNIT_CHECK(strstr(err.text, reason) != NULL, "%s: %s", text, err.text);
}

static void test_misread_spellings(void)
{
    refused("+44 (0)20 7123 4567", "leave out the 0");
    refused("+44(0)2071234567", "leave out the 0");
    refused("+44 ( 0 ) 20 7123 4567", "leave out the 0");
    refused("44 (0)20 7123 4567", "leave out the 0");
    refused("+0044 20 7123 4567", "no country code begins with 0");
    refused("+00442071234567", "no country code begins with 0");
    refused("(+0)44", "no country code begins with 0");
    check(TEXT("+39 (06) 1234567"), "39061234567", NULL); /* Italian numbers keep their 0 */
    check(TEXT("+44 (20) 7123 4567"), "442071234567", NULL);
    check(TEXT("(0)20 7123 4567"), "02071234567", NULL);
    check(TEXT("+1 (00) 23"), "10023", NULL);
}

static void test_lengths(void)
{
    const char *digits = "1234567890123456789012345678901234567890";
    struct stir_numbering numbering = STIR_NUMBERING_DEFAULT;
    for (unsigned max = 1; max <= 40; max++) {
        numbering.max_digits = max;
        numbering.min_digits = 1;
        for (unsigned n = 1; n <= 40; n++) {
            enum stir_code code = stir_tn_parse_user(&(struct stir_tn){0}, digits, n, &numbering, NULL);
            UNIT_CHECK((code == STIR_OK) == (n <= max && n <= STIR_TN_MAX), "%u digits of %u", n, max);
            code = stir_tn_parse_canonical(&(struct stir_tn){0}, digits, n, max, NULL);
            UNIT_CHECK((code == STIR_OK) == (n >= 2 && n <= max && n <= STIR_TN_MAX), "canonical: %u of %u", n, max);
            UNIT_CHECK(stir_tn_is_canonical(digits, n, max) == (n <= max && n <= STIR_TN_MAX), "%u of %u", n, max);
        }
    }
    numbering.min_digits = 5;
    check(TEXT("1234"), NULL, &numbering);
    check(TEXT("12345"), "12345", &numbering);
    check(TEXT("*123#"), "*123#", &numbering);
    check(TEXT("12155551212"), "12155551212", &(struct stir_numbering){.short_code_digits = 6}); /* 0: the default */
    check(TEXT("1234567890123456"), NULL, &(struct stir_numbering){.short_code_digits = 6});
    struct stir_error err = {0};
    CU_ASSERT_EQUAL(stir_tn_parse_canonical(&(struct stir_tn){0}, TEXT("2125551212345678"), 0, &err), STIR_E_TN);
    CU_ASSERT_PTR_NULL(strstr(err.text, "2125551212345678")); /* the number is not shown */
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "16 digits"));
}

/* A country with one length of national numbers. */
static const struct stir_numbering north_america = {.max_digits = 15,
                                                    .min_digits = 2,
                                                    .short_code_digits = 6,
                                                    .country_code = "1",
                                                    .international_prefix = "011",
                                                    .national_prefix = "1",
                                                    .national_digits = 10};
/* One with a trunk prefix and numbers of several lengths. */
static const struct stir_numbering britain = {.max_digits = 15,
                                              .min_digits = 2,
                                              .short_code_digits = 6,
                                              .country_code = "44",
                                              .international_prefix = "00",
                                              .national_prefix = "0"};
/* One without a trunk prefix. */
static const struct stir_numbering denmark = {.max_digits = 15,
                                              .min_digits = 2,
                                              .short_code_digits = 6,
                                              .country_code = "45",
                                              .international_prefix = "00",
                                              .national_digits = 8};
/* A country code and nothing else. */
static const struct stir_numbering simple = {.max_digits = 15,
                                             .min_digits = 2,
                                             .short_code_digits = 6,
                                             .country_code = "1"};

static const struct stir_numbering no_short_codes = {.max_digits = 15,
                                                     .min_digits = 1,
                                                     .country_code = "1",
                                                     .international_prefix = "011"};

static const struct {
    const struct stir_numbering *numbering;
    const char *text;
    const char *tn;
} national[] = {
    {&north_america, "2155551212", "12155551212"},
    {&north_america, "(215) 555-1212", "12155551212"},
    {&north_america, "12155551212", "12155551212"},
    {&north_america, "+12155551212", "12155551212"},
    {&north_america, "+2155551212", "2155551212"}, /* with '+' it is global, whatever its length */
    {&north_america, "011447700900123", "447700900123"},
    {&north_america, "447700900123", "447700900123"},
    {&north_america, "911", "911"},
    {&north_america, "72345", "72345"},
    {&north_america, "*69", "*69"},
    {&north_america, "*2155551212", "*2155551212"},
    {&north_america, "2155551212#", "2155551212#"},
    {&north_america, "*215555121", "*215555121"}, /* ten characters are no national number with '*' in it */
    {&north_america, "1", NULL},
    {&britain, "07700900123", "447700900123"},
    {&britain, "07700 900123", "447700900123"},
    {&britain, "447700900123", "447700900123"},
    {&britain, "+447700900123", "447700900123"},
    {&britain, "00447700900123", "447700900123"},
    {&britain, "0012155551212", "12155551212"},
    {&britain, "12155551212", "12155551212"},
    {&britain, "999", "999"},
    {&britain, "60777", "60777"},
    {&britain, "012345678901234", NULL}, /* 16 digits with the country code */
    {&britain, "01234567890123", "441234567890123"},
    {&denmark, "45123456", "4545123456"}, /* starts like the country code, but has eight digits */
    {&denmark, "4545123456", "4545123456"},
    {&denmark, "12345678", "4512345678"},
    {&denmark, "0045 12 34 56 78", "4512345678"},
    {&simple, "2155551212", "12155551212"},
    {&simple, "12155551212", "12155551212"},
    {&simple, "+447700900123", "447700900123"},
    {&simple, "911", "911"},
    {&simple, "723456", "723456"},
    {&simple, "7234567", "17234567"},
    {&simple, "*7234567", "*7234567"},
    {&no_short_codes, "911", "1911"},
    {&no_short_codes, "011", "1011"}, /* a prefix with nothing behind it is no prefix */
    {&no_short_codes, "0112", "2"},
    {&britain, "(0)7700 900123", "447700900123"}, /* the national prefix in brackets */
    {&britain, "0044 (0)7700 900123", NULL},
    {&britain, "0004477009001", NULL},
    {&britain, "00 07700 900123", NULL},
};

static void test_national(void)
{
    for (size_t i = 0; i < sizeof(national) / sizeof(national[0]); i++) {
        check(national[i].text, strlen(national[i].text), national[i].tn, national[i].numbering);
    }
}

/* A canonical number is read as what it is, whatever it would be if a user had dialled it. */
static void test_canonical(void)
{
    static const char *const foreign[] = {
        "4512345678",  /* Denmark's, with ten digits as a North American national number */
        "81312345678", /* Japan's, which begins with Russia's national prefix */
        "0044207123",  /* no prefix is taken off */
        "390612345678", "447700900123", "12155551212", "911", "*2155551212"};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        check(foreign[i], strlen(foreign[i]), foreign[i], NULL);
    }
    for (size_t i = 0; i < sizeof(national) / sizeof(national[0]); i++) {
        const char *tn = national[i].tn;
        if (tn && strlen(tn) > 1) {
            check(tn, strlen(tn), tn, NULL);
        }
    }
}

static void test_is_canonical(void)
{
    CU_ASSERT(stir_tn_is_canonical(TEXT("1"), 15));
    CU_ASSERT(stir_tn_is_canonical(TEXT("*69#0"), 15));
    CU_ASSERT(!stir_tn_is_canonical(TEXT(""), 15));
    CU_ASSERT(!stir_tn_is_canonical(NULL, 0, 15));
    CU_ASSERT(!stir_tn_is_canonical(TEXT("+1215"), 15));
    CU_ASSERT(!stir_tn_is_canonical(TEXT("1 215"), 15));
    CU_ASSERT(!stir_tn_is_canonical(TEXT("1215\0"), 15));
    CU_ASSERT(!stir_tn_is_canonical(TEXT("121a"), 15));
    CU_ASSERT(!stir_tn_is_canonical(TEXT("121/"), 15));
    CU_ASSERT(!stir_tn_is_canonical(TEXT("121:"), 15));
}

UNIT_MAIN("tn", {"visual forms, and what is no number", test_plain},
          {"F30: +44 (0)20 and +0044 are refused with the reason", test_misread_spellings},
          {"long texts", test_long_texts}, {"limits on the length", test_lengths}, {"national numbers", test_national},
          {"F14: canonical numbers are never read as national ones", test_canonical},
          {"stir_tn_is_canonical", test_is_canonical})
