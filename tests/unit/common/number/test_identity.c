/* SPDX-License-Identifier: MIT */
#include "common/number/identity.h"

#include "tests/unit/unit.h"

#include <stdlib.h>

#define TEXT(literal) literal, sizeof(literal) - 1

static const struct {
    const char *text;
    size_t n;
    enum stir_code code;
    enum stir_identity_kind kind;
    const char *canonical;
} identities[] = {
    {TEXT("+1 (215) 555-1212"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("2.222.555.2222"), STIR_OK, STIR_IDENTITY_TN, "22225552222"},
    {TEXT("*69"), STIR_OK, STIR_IDENTITY_TN, "*69"},
    {TEXT("tel:+1-215-555-1212"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("TEL:+12155551212"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("tel:+12155551212;ext=22;isub=1"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("tel:+12155551212;phone-context=example.com"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("tel:%2B12155551212"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("tel:911"), STIR_OK, STIR_IDENTITY_TN, "911"},
    {TEXT("tel:*21#"), STIR_OK, STIR_IDENTITY_TN, "*21#"},
    {TEXT("tel:%2a21%23"), STIR_OK, STIR_IDENTITY_TN, "*21#"},
    {TEXT("sip:+12155551212@example.com"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("sip:+1-215-555-1212@example.com;user=phone"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("sips:12155551212@example.com;user=phone"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("sip:12155551212@example.com;lr;USER=Phone;x=y?Subject=z"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("sip:+12155551212;ext=5@example.com"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("sip:+12155551212:secret@example.com:5060"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("sip:%2B12155551212@example.com"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("\"Al\\\"<ice>\" <sip:+12155551212@example.com>;tag=1"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},
    {TEXT("<tel:+12155551212>"), STIR_OK, STIR_IDENTITY_TN, "12155551212"},

    {TEXT("sip:alice@example.com"), STIR_OK, STIR_IDENTITY_URI, "sip:alice@example.com"},
    {TEXT("SIP:Alice@EXAMPLE.Com"), STIR_OK, STIR_IDENTITY_URI, "sip:alice@example.com"},
    {TEXT("sips:alice@example.com"), STIR_OK, STIR_IDENTITY_URI, "sips:alice@example.com"},
    {TEXT("sip:alice:secret@example.com:5060;transport=tcp?Subject=x"), STIR_OK, STIR_IDENTITY_URI,
     "sip:alice@example.com"},
    {TEXT("sip:alice@example.com:15061"), STIR_OK, STIR_IDENTITY_URI, "sip:alice@example.com"},
    {TEXT("sip:%41lice%2dA@example.com"), STIR_OK, STIR_IDENTITY_URI, "sip:alice-a@example.com"},
    {TEXT("sip:a%2fb%c3%a9@example.com"), STIR_OK, STIR_IDENTITY_URI, "sip:a%2Fb%C3%A9@example.com"},
    {TEXT("sip:a?b;c=d@example.com"), STIR_OK, STIR_IDENTITY_URI, "sip:a?b;c=d@example.com"},
    {TEXT("Alice <sip:alice@example.com>;tag=9"), STIR_OK, STIR_IDENTITY_URI, "sip:alice@example.com"},
    {TEXT("sip:alice@192.0.2.1"), STIR_OK, STIR_IDENTITY_URI, "sip:alice@192.0.2.1"},
    {TEXT("sip:alice@[2001:DB8::1]:5060"), STIR_OK, STIR_IDENTITY_URI, "sip:alice@[2001:db8::1]"},
    {TEXT("sip:12155551212@example.com"), STIR_OK, STIR_IDENTITY_URI, "sip:12155551212@example.com"},
    {TEXT("sip:12155551212@example.com;user=ip"), STIR_OK, STIR_IDENTITY_URI, "sip:12155551212@example.com"},
    {TEXT("sip:alice@example.com;user=phone"), STIR_OK, STIR_IDENTITY_URI, "sip:alice@example.com"},
    {TEXT("sip:+alice@example.com"), STIR_OK, STIR_IDENTITY_URI, "sip:+alice@example.com"},
    {TEXT("sip:+1234567890123456@example.com"), STIR_OK, STIR_IDENTITY_URI, "sip:+1234567890123456@example.com"},
    {TEXT("sip:7042;phone-context=pbx.example.com@example.com;user=phone"), STIR_OK, STIR_IDENTITY_URI,
     "sip:7042;phone-context=pbx.example.com@example.com"},
    {TEXT("im:Alice@Example.COM"), STIR_OK, STIR_IDENTITY_URI, "im:Alice@example.com"},
    {TEXT("pres:alice@example.com"), STIR_OK, STIR_IDENTITY_URI, "pres:alice@example.com"},
    {TEXT("URN:Service:SOS"), STIR_OK, STIR_IDENTITY_URI, "urn:service:SOS"},
    {TEXT("xmpp:Bob@Example.com/Home"), STIR_OK, STIR_IDENTITY_URI, "xmpp:Bob@example.com/Home"},
    {TEXT("HTTPS://U@Example.com/A%7eb?Q=%3a"), STIR_OK, STIR_IDENTITY_URI, "https://U@example.com/A~b?Q=%3A"},

    {TEXT(""), STIR_E_TN, 0, NULL},
    {TEXT("1"), STIR_E_TN, 0, NULL},
    {TEXT("1234567890123456"), STIR_E_TN, 0, NULL},
    {TEXT("alice"), STIR_E_TN, 0, NULL},
    {TEXT("alice@example.com"), STIR_E_TN, 0, NULL},
    {TEXT("../"), STIR_E_TN, 0, NULL},
    {TEXT("%00"), STIR_E_TN, 0, NULL},
    {TEXT("1:2"), STIR_E_TN, 0, NULL},
    {TEXT(":"), STIR_E_TN, 0, NULL},
    {TEXT("tel:"), STIR_E_TN, 0, NULL},
    {TEXT("tel:alice"), STIR_E_TN, 0, NULL},
    {TEXT("tel:+1234567890123456"), STIR_E_TN, 0, NULL},
    {TEXT("tel:7042;phone-context=pbx.example.com"), STIR_E_URI, 0, NULL},
    {TEXT("tel:8631234;phone-context=+1-914-555"), STIR_E_URI, 0, NULL},
    {TEXT("tel:8631234;x=1;Phone-Context=+1"), STIR_E_URI, 0, NULL}, /* no country is configured */
    {TEXT("tel:1215 5551212"), STIR_E_URI, 0, NULL},
    {TEXT("sip:"), STIR_E_URI, 0, NULL},
    {TEXT("sip:@"), STIR_E_URI, 0, NULL},
    {TEXT("sip:example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip::pw@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@;x=y"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@:5060"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.com:"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.com:port"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.com:123456"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@exam_ple.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@ex%61mple.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@[2001:db8::1"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@[]"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@[::g]"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@[::1]x"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@[::1]x50"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.co_"), STIR_E_URI, 0, NULL},
    {TEXT("sip:[a]@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@bob@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:al ice@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:al\"ice@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.com\r\nX: y"), STIR_E_URI, 0, NULL},
    {TEXT("sip:al%0d%0aice@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:al%00ice@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:al%7Fice@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:al\0ice@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:al%zzice@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.com;x=%4"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.com;x=%"), STIR_E_URI, 0, NULL},
    {TEXT("sip:\xc3\xa9@example.com"), STIR_E_URI, 0, NULL},
    {TEXT("sip:alice@example.com#fragment"), STIR_E_URI, 0, NULL},
    {TEXT("<sip:alice@example.com"), STIR_E_TN, 0, NULL},
    {TEXT("\"Alice <sip:alice@example.com>"), STIR_E_TN, 0, NULL},
    {TEXT("\"Alice\\"), STIR_E_TN, 0, NULL},
    {TEXT("<>"), STIR_E_TN, 0, NULL},
    {TEXT("urn:"), STIR_E_URI, 0, NULL},
    {TEXT("im:a b"), STIR_E_URI, 0, NULL},
};

static void test_parse(void)
{
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        struct stir_error err = {0};
        struct stir_identity id;
        memset(&id, 0xee, sizeof(id));
        char *exact = malloc(identities[i].n + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, identities[i].text, identities[i].n);
        enum stir_code code = stir_identity_parse_canonical(&id, exact, identities[i].n, 0, &err);
        UNIT_CODE(code, identities[i].code, identities[i].text);
        if (code == STIR_OK && identities[i].canonical) {
            UNIT_STR(id.text, identities[i].canonical, identities[i].text);
            UNIT_CHECK(id.kind == identities[i].kind, "%s: kind", identities[i].text);
            UNIT_CHECK(id.len == strlen(id.text), "%s: len", identities[i].text);
        } else {
            UNIT_CHECK((unsigned char)id.text[0] == 0xee, "%s: out was touched", identities[i].text);
            UNIT_CHECK(err.text[0] && !strstr(err.text, "ice"), "%s: \"%s\"", identities[i].text, err.text);
        }
        free(exact);
    }
}

/* A canonical text is its own canonical text, and survives the way through a path. */
static void test_idempotent(void)
{
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        struct stir_identity once;
        struct stir_identity again;
        char path[3 * STIR_IDENTITY_MAX + 1];
        if (identities[i].code != STIR_OK) {
            continue;
        }
        UNIT_CODE(stir_identity_parse_canonical(&once, identities[i].text, identities[i].n, 0, NULL), STIR_OK, "once");
        UNIT_CODE(stir_identity_parse_canonical(&again, once.text, once.len, 0, NULL), STIR_OK, once.text);
        UNIT_STR(again.text, once.text, "again");
        size_t n = stir_identity_to_path(path, &once);
        UNIT_CHECK(n == strlen(path) && strspn(path, "%-._~0123456789abcdefghijklmnopqrstuvwxyz"
                                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n,
                   "%s: as a path", path);
        UNIT_CODE(stir_identity_from_path(&again, path, n, 0, NULL), STIR_OK, path);
        UNIT_CHECK(stir_identity_equal(&once, &again), "%s: through a path", path);
    }
}

static void test_numbering(void)
{
    const struct stir_numbering numbering = {
        .max_digits = 15, .min_digits = 2, .country_code = "1", .national_digits = 10, .short_code_digits = 6};
    static const struct {
        const char *text;
        enum stir_code code;
        const char *canonical;
    } rows[] = {
        {"2155551212", STIR_OK, "12155551212"},
        {"tel:2155551212", STIR_OK, "12155551212"},
        {"tel:215-555-1212;phone-context=+1", STIR_OK, "12155551212"},
        {"tel:911;phone-context=+1", STIR_OK, "911"},
        {"tel:2155551212;phone-context=+44", STIR_E_URI, NULL},
        {"tel:2155551212;phone-context=+", STIR_E_URI, NULL},
        {"tel:2155551212;phone-context=1", STIR_E_URI, NULL},
        {"tel:2155551212;phone-context=x1", STIR_E_URI, NULL},
        {"sip:2155551212@example.com;user=phone", STIR_OK, "12155551212"},
        {"sip:2155551212;phone-context=+1@example.com;user=phone", STIR_OK, "12155551212"},
        {"sip:2155551212;phone-context=+44@example.com;user=phone", STIR_OK,
         "sip:2155551212;phone-context=+44@example.com"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_identity id = {0};
        enum stir_code code = stir_identity_parse_user(&id, rows[i].text, strlen(rows[i].text), &numbering, NULL);
        UNIT_CODE(code, rows[i].code, rows[i].text);
        UNIT_STR(id.text, rows[i].canonical ? rows[i].canonical : "", rows[i].text);
    }
}

/* The same texts in claims and paths: nothing is put before them, and a number that is local to a context is refused.
 */
static void test_canonical(void)
{
    static const struct {
        const char *text;
        enum stir_code code;
        const char *canonical;
    } rows[] = {
        {"4512345678", STIR_OK, "4512345678"},
        {"tel:4512345678", STIR_OK, "4512345678"},
        {"tel:+45-12-34-56-78", STIR_OK, "4512345678"},
        {"sip:4512345678@example.com;user=phone", STIR_OK, "4512345678"},
        {"tel:12345678;phone-context=+45", STIR_E_URI, NULL},
        {"sip:12345678;phone-context=+45@example.com;user=phone", STIR_OK,
         "sip:12345678;phone-context=+45@example.com"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_identity id = {0};
        enum stir_code code = stir_identity_parse_canonical(&id, rows[i].text, strlen(rows[i].text), 15, NULL);
        UNIT_CODE(code, rows[i].code, rows[i].text);
        UNIT_STR(id.text, rows[i].canonical ? rows[i].canonical : "", rows[i].text);
    }
}

static const struct {
    const char *segment;
    size_t n;
    enum stir_code code;
    const char *canonical;
} segments[] = {
    {TEXT("12155551212"), STIR_OK, "12155551212"},
    {TEXT("%2B12155551212"), STIR_OK, "12155551212"},
    {TEXT("+12155551212"), STIR_OK, "12155551212"},
    {TEXT("2.222.555.2222"), STIR_OK, "22225552222"},
    {TEXT("+1%20(215)%20555-1212"), STIR_OK, "12155551212"},
    {TEXT("%2A69"), STIR_OK, "*69"},
    {TEXT("*69"), STIR_OK, "*69"},
    {TEXT("%2331%23"), STIR_OK, "#31#"},
    {TEXT("%31%32%31%35"), STIR_OK, "1215"},
    {TEXT("sip%3Aalice%40example.com"), STIR_OK, "sip:alice@example.com"},
    {TEXT("sip:alice@example.com"), STIR_OK, "sip:alice@example.com"},
    {TEXT("sip%3aa%252Fb%40example.com"), STIR_OK, "sip:a%2Fb@example.com"},
    {TEXT("tel%3A%2B12155551212"), STIR_OK, "12155551212"},
    {TEXT(""), STIR_E_TN, NULL},
    {TEXT("1"), STIR_E_TN, NULL},
    {TEXT("1234567890123456"), STIR_E_TN, NULL},
    {TEXT("alice"), STIR_E_TN, NULL},
    {TEXT(".."), STIR_E_TN, NULL},
    {TEXT("%2e%2e"), STIR_E_TN, NULL},
    {TEXT("../"), STIR_E_URI, NULL},
    {TEXT("%2e%2e%2f"), STIR_E_TN, NULL},
    {TEXT("%2e%2e%2fetc"), STIR_E_TN, NULL},
    {TEXT("..%5c"), STIR_E_TN, NULL},
    {TEXT("%00"), STIR_E_URI, NULL},
    {TEXT("12155551212%00"), STIR_E_URI, NULL},
    {TEXT("12155551212%0a"), STIR_E_URI, NULL},
    {TEXT("12155551212%7f"), STIR_E_URI, NULL},
    {TEXT("%zz"), STIR_E_URI, NULL},
    {TEXT("%"), STIR_E_URI, NULL},
    {TEXT("%3"), STIR_E_URI, NULL},
    {TEXT("1215%3"), STIR_E_URI, NULL},
    {TEXT("%%31"), STIR_E_URI, NULL},
    {TEXT("%2531"), STIR_E_TN, NULL}, /* decoded once, never twice */
    {TEXT("%-1"), STIR_E_URI, NULL},
    {TEXT("12 15"), STIR_E_URI, NULL},
    {TEXT("1215?x"), STIR_E_URI, NULL},
    {TEXT("1215#"), STIR_E_URI, NULL},
    {TEXT("1215/6"), STIR_E_URI, NULL},
    {TEXT("1215\0"), STIR_E_URI, NULL},
    {TEXT("1215\xff"), STIR_E_URI, NULL},
    {TEXT("%ff%fe"), STIR_E_TN, NULL},
    {TEXT("%c0%af"), STIR_E_TN, NULL},
};

static void test_paths(void)
{
    for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        struct stir_error err = {0};
        struct stir_identity id = {0};
        char *exact = malloc(segments[i].n + 1);
        memcpy(exact, segments[i].segment, segments[i].n);
        enum stir_code code = stir_identity_from_path(&id, exact, segments[i].n, 0, &err);
        UNIT_CODE(code, segments[i].code, segments[i].segment);
        UNIT_STR(id.text, segments[i].canonical ? segments[i].canonical : "", segments[i].segment);
        free(exact);
    }
}

static void test_lengths(void)
{
    char text[8192];
    struct stir_identity id;
    memset(text, 'a', sizeof(text));
    memcpy(text, "sip:", 4);
    memcpy(text + STIR_IDENTITY_MAX - 2, "@b", 2);
    UNIT_OK(stir_identity_parse_canonical(&id, text, STIR_IDENTITY_MAX, 0, NULL));
    CU_ASSERT_EQUAL(id.len, STIR_IDENTITY_MAX);
    CU_ASSERT_EQUAL(strlen(id.text), STIR_IDENTITY_MAX);
    char path[3 * STIR_IDENTITY_MAX + 1];
    CU_ASSERT_EQUAL(stir_identity_to_path(path, &id), STIR_IDENTITY_MAX + 4);
    UNIT_CODE(stir_identity_parse_canonical(&id, text, STIR_IDENTITY_MAX + 1, 0, NULL), STIR_E_TOO_BIG,
              "one octet over");

    memset(text, 'a', sizeof(text));
    memcpy(text, "sip:a@b;", 8);
    UNIT_OK(stir_identity_parse_canonical(&id, text, 1024, 0, NULL));
    UNIT_CODE(stir_identity_parse_canonical(&id, text, 1025, 0, NULL), STIR_E_TOO_BIG, "long parameters");

    memcpy(text, "urn:", 4);
    UNIT_CODE(stir_identity_parse_canonical(&id, text, 1024, 0, NULL), STIR_E_TOO_BIG, "the longest text that is read");
    UNIT_CODE(stir_identity_parse_canonical(&id, text, sizeof(text), 0, NULL), STIR_E_TOO_BIG, "over-long");
    UNIT_CODE(stir_identity_from_path(&id, text, sizeof(text), 0, NULL), STIR_E_TOO_BIG, "an over-long segment");
    memset(text, '1', sizeof(text));
    UNIT_CODE(stir_identity_from_path(&id, text, 100, 0, NULL), STIR_E_TN, "100 digits");

    /* the worst case of a path: every octet escaped */
    memset(&id, 0, sizeof(id));
    memset(id.text, '!', STIR_IDENTITY_MAX);
    id.len = STIR_IDENTITY_MAX;
    CU_ASSERT_EQUAL(stir_identity_to_path(path, &id), 3 * STIR_IDENTITY_MAX);
    CU_ASSERT_EQUAL(path[3 * STIR_IDENTITY_MAX], '\0');
}

static void test_equal(void)
{
    struct stir_identity a = {.kind = STIR_IDENTITY_TN, .len = 4, .text = "1215"};
    struct stir_identity b = a;
    CU_ASSERT(stir_identity_equal(&a, &b));
    b.text[3] = '6';
    CU_ASSERT(!stir_identity_equal(&a, &b));
    b = a;
    b.len = 3;
    CU_ASSERT(!stir_identity_equal(&a, &b));
    b = a;
    b.kind = STIR_IDENTITY_URI;
    CU_ASSERT(!stir_identity_equal(&a, &b));
}

UNIT_MAIN("identity", {"numbers and URIs", test_parse}, {"canonical texts stay as they are", test_idempotent},
          {"numbering", test_numbering}, {"F14: canonical numbers are never read as national ones", test_canonical},
          {"path segments", test_paths}, {"lengths", test_lengths}, {"equality", test_equal})
