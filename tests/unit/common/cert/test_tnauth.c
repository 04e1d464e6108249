/* SPDX-License-Identifier: MIT */
#include "common/cert/tnauthlist.h"

#include "tests/unit/certs.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <time.h>

/* Octets from hexadecimal text in a block of just that size, so that a sanitizer sees a read past the end. */
static uint8_t *exact(const char *hex, size_t *n)
{
    size_t cap = strlen(hex) / 2;
    uint8_t *octets = malloc(cap ? cap : 1);
    *n = octets ? unit_unhex(octets, cap, hex) : 0;
    return octets;
}

static const struct {
    const char *hex;
    const char *text;
} good[] = {
    /* the first is the value of the extension in RFC 9118's example certificate */
    {"3008a006160431323334", "spc:1234"},
    {"3031a006160431323334a1123010160b3132313535353531303030020164a20d160b31323135353535313231"
     "32a2041602232a",
     "spc:1234,range:12155551000+100,tn:12155551212,tn:#*"},
    {"300ba10930071602313002015a", "range:10+90"},
    {"300ea10c300a16043030303002022710", "range:0000+10000"},
    {"300aa1083006160130020102", "range:0+2"},
    {"300da10b3009160331323002020080", "range:120+128"},
    {"301ea11c301a160f3030303030303030303030303030300207038d7ea4c68000", "range:000000000000000+1000000000000000"},
    {"302ba011160f4142434445464748494a4b4c4d4e4fa211160f313233343536373839303132333435a2031601"
     "31",
     "spc:ABCDEFGHIJKLMNO,tn:123456789012345,tn:1"},
    {"308196a20d160b3132313535353530303030a20d160b3132313535353530303031a20d160b31323135353535"
     "30303032a20d160b3132313535353530303033a20d160b3132313535353530303034a20d160b313231353535"
     "3530303035a20d160b3132313535353530303036a20d160b3132313535353530303037a20d160b3132313535"
     "353530303038a20d160b3132313535353530303039",
     "tn:12155550000,tn:12155550001,tn:12155550002,tn:12155550003,tn:12155550004,tn:12155550005,tn:12155550006,tn:"
     "12155550007,tn:12155550008,tn:12155550009"},
};

static void check_good(const char *hex, const char *text)
{
    struct stir_tnauth list = {0};
    struct stir_tnauth from_text = {0};
    struct stir_buf der = {0};
    struct stir_buf shown = {0};
    size_t n = 0;
    uint8_t *octets = exact(hex, &n);
    UNIT_CODE(stir_tnauth_parse(&list, octets, n, NULL), STIR_OK, text);
    stir_tnauth_to_text(&shown, &list);
    UNIT_STR(shown.ptr, text, "text");
    UNIT_CODE(stir_tnauth_from_text(&from_text, text, NULL), STIR_OK, text);
    UNIT_CODE(stir_tnauth_encode(&der, &from_text, NULL), STIR_OK, text);
    UNIT_CHECK(der.len == n && memcmp(der.ptr, octets, n) == 0, "%s: another encoding", text);
    for (size_t cut = 0; cut < n; cut++) {
        struct stir_tnauth none = {0};
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, octets, cut);
        UNIT_CODE(stir_tnauth_parse(&none, part, cut, NULL), STIR_E_CERT, "truncated");
        free(part);
    }
    stir_tnauth_clear(&list);
    stir_tnauth_clear(&from_text);
    stir_buf_free(&der);
    stir_buf_free(&shown);
    free(octets);
}

static void test_good(void)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        check_good(good[i].hex, good[i].text);
    }
}

static const struct {
    const char *label;
    const char *hex;
} refused[] = {
    {"nothing", ""},
    {"no entry", "3000"},
    {"a bare IA5String, as libstirshaken writes it", "160431323334"},
    {"an IA5String in the list without its tag", "3006160431323334"},
    {"implicit tagging", "3006800431323334"},
    {"implicit tagging, constructed", "3006a00431323334"},
    {"the choice's tag not constructed", "30088006160431323334"},
    {"a SET for the SEQUENCE", "3108a006160431323334"},
    {"UTF8String", "3008a0060c0431323334"},
    {"PrintableString", "3008a006130431323334"},
    {"an unknown choice", "3008a306160431323334"},
    {"an unknown choice behind a good one", "3010a006160431323334a306160431323334"},
    {"a length that is not minimal", "308108a006160431323334"},
    {"a length of two octets that is not minimal", "30820008a006160431323334"},
    {"an inner length that is not minimal", "3009a00716810431323334"},
    {"an indefinite length", "3080a0061604313233340000"},
    {"a length of five octets", "30850000000008a006160431323334"},
    {"an octet behind it", "3008a00616043132333400"},
    {"an octet behind the string, in the choice", "3009a00716043132333400"},
    {"an octet behind the entry, in the list", "3009a00616043132333400"},
    {"two strings in a choice", "300ea00c160431323334160435363738"},
    {"an inner length one beyond the end", "3008a007160431323334"},
    {"an empty choice", "3002a000"},
    {"an SPC with a NUL", "3008a006160431003334"},
    {"an SPC beyond 7 bits", "3008a006160431e93334"},
    {"an empty number", "3004a2021600"},
    {"a number of 16 digits", "3014a212161031323334353637383930313233343536"},
    {"a number with '+'", "3008a20616042b313233"},
    {"a number with a letter", "3008a206160431323341"},
    {"a number with a NUL", "3008a206160431323300"},
    {"a range of 1", "300da10b3009160431323334020101"},
    {"a range of 0", "300da10b3009160431323334020100"},
    {"a negative count", "300da10b30091604313233340201ff"},
    {"a count that is not minimal", "300ea10c300a16043132333402020064"},
    {"a count of no octets", "300ca10a30081604313233340200"},
    {"a count of 9 octets", "3015a11330111604313233340209010000000000000000"},
    {"a count of 2^64 - 1", "3015a1133011160431323334020900ffffffffffffffff"},
    {"a count of 2^63 - 1", "3014a112301016043132333402087fffffffffffffff"},
    {"a count as a string", "300da10b3009160431323334160132"},
    {"a range without a count", "300aa1083006160431323334"},
    {"a range without a start", "3007a1053003020102"},
    {"a range in the wrong order", "300da10b3009020102160431323334"},
    {"a range whose third member has no end", "3010a10e300c160431323334020102020201"},
    {"a range not in a SEQUENCE", "300ba109160431323334020102"},
    {"a range from '*'", "300da10b30091604312a3334020102"},
    {"a range of no start", "3009a10730051600020102"},
    {"a range from 16 digits", "3019a1173015161031323334353637383930313233343536020102"},
    {"a range that grows longer: 10 and 91 of RFC 8226 section 9", "300ba10930071602313002015b"},
    {"a range that grows longer by one", "300da10b3009160439393939020102"},
    {"a good entry, then a bad one", "3010a006160431323334a006160431323300"},
    {"a nested list", "300a3008a006160431323334"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct stir_tnauth list = {.count = 77};
        struct stir_error err = {0};
        size_t n = 0;
        uint8_t *octets = exact(refused[i].hex, &n);
        UNIT_CODE(stir_tnauth_parse(&list, octets, n, &err), STIR_E_CERT, refused[i].label);
        UNIT_CHECK(list.count == 77 && !list.entries, "%s: touched", refused[i].label);
        UNIT_CHECK(err.code == STIR_E_CERT && strstr(err.text, "TNAuthList"), "%s: %s", refused[i].label, err.text);
        free(octets);
    }
}

/* What is not understood breaks nothing, and grants nothing. */
static void test_tolerated(void)
{
    static const struct {
        const char *label;
        const char *hex;
        size_t count, skipped;
        const char *text;
    } rows[] = {
        {"an SPC of 16 characters", "3014a012161031323334353637383930313233343536", 1, 0, "spc:1234567890123456"},
        {"an SPC of 40 characters",
         "302ca02a16283132333435363738393031323334353637383930313233343536373839303132333435363738"
         "3930",
         0, 1, ""},
        {"an empty SPC", "3004a0021600", 0, 1, ""},
        {"an SPC with a space", "3008a006160431203334", 0, 1, ""},
        {"an SPC with a comma", "3008a0061604312c3334", 0, 1, ""},
        {"an SPC with a line end, then a good one", "3010a0061604310a3334a006160431323334", 1, 1, "spc:1234"},
        {"a range with a third member (RFC 8226 section 9: ...)", "3010a10e300c160431323334020102020101", 1, 0,
         "range:1234+2"},
        {"a range with two more", "3012a110300e1604313233340201020500040100", 1, 0, "range:1234+2"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_tnauth list = {0};
        struct stir_buf text = {0};
        size_t n = 0;
        uint8_t *octets = exact(rows[i].hex, &n);
        UNIT_CODE(stir_tnauth_parse(&list, octets, n, NULL), STIR_OK, rows[i].label);
        UNIT_CHECK(list.count == rows[i].count && list.skipped == rows[i].skipped, "%s", rows[i].label);
        stir_tnauth_to_text(&text, &list);
        UNIT_STR(text.ptr ? text.ptr : "", rows[i].text, rows[i].label);
        CU_ASSERT_FALSE(stir_tnauth_has_spc(&list, "1 34"));
        stir_buf_free(&text);
        stir_tnauth_clear(&list);
        free(octets);
    }
}

static void test_text_refused(void)
{
    static const char *const rows[] = {
        "",
        ",",
        "spc:1234,",
        ",spc:1234",
        "1234",
        "spc:",
        "spc",
        "SPC:1234",
        "spc:12 34",
        "spc:123456789012345678901234567890123",
        "tn:",
        "tn:+12155551212",
        "tn:1215-555",
        "tn:1234567890123456",
        "tn:12a",
        "range:",
        "range:12155551000",
        "range:12155551000+",
        "range:+100",
        "range:12155551000+1",
        "range:12155551000+0",
        "range:12155551000+-5",
        "range:12155551000+1x",
        "range:10+91",
        "range:1*0+5",
        "range:1000+10000000000000000",
        "range:1000+99999999999999999999",
        "tn:123;tn:124",
        "spc:1234,,tn:123",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_tnauth list = {.count = 77};
        struct stir_error err = {0};
        UNIT_CODE(stir_tnauth_from_text(&list, rows[i], &err), STIR_E_INVAL, rows[i]);
        UNIT_CHECK(list.count == 77 && err.text[0] == '"', "%s: %s", rows[i], err.text);
    }
}

static void test_text_spaces(void)
{
    struct stir_tnauth list = {0};
    struct stir_buf text = {0};
    UNIT_OK(stir_tnauth_from_text(&list, " spc:12 , tn:34  ,range:56+7", NULL));
    stir_tnauth_to_text(&text, &list);
    UNIT_STR(text.ptr, "spc:12,tn:34,range:56+7", "spaces around items");
    stir_buf_free(&text);
    stir_tnauth_clear(&list);
    stir_tnauth_clear(&list); /* again is fine */
}

static void test_encode_refused(void)
{
    static const struct stir_tnauth_entry rows[] = {
        {STIR_TNAUTH_SPC, "", 1},
        {STIR_TNAUTH_SPC, "1234", 2},
        {STIR_TNAUTH_ONE, "12155551212", 0},
        {STIR_TNAUTH_ONE, "+12155551212", 1},
        {STIR_TNAUTH_ONE, "1234567890123456", 1},
        {STIR_TNAUTH_RANGE, "12155551000", 1},
        {STIR_TNAUTH_RANGE, "10", 91},
        {STIR_TNAUTH_RANGE, "1#", 2},
        {STIR_TNAUTH_RANGE, "99999999999999999999999", 2},
        {(enum stir_tnauth_kind)9, "1234", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_tnauth_entry entry = rows[i];
        struct stir_tnauth list = {.entries = &entry, .count = 1};
        struct stir_buf out = {0};
        UNIT_CODE(stir_tnauth_encode(&out, &list, NULL), STIR_E_INVAL, rows[i].value);
        CU_ASSERT_EQUAL(out.len, 0);
    }
    struct stir_buf out = {0};
    UNIT_CODE(stir_tnauth_encode(&out, &(struct stir_tnauth){0}, NULL), STIR_E_INVAL, "no entry");
    struct stir_buf small = {.limit = 5};
    struct stir_tnauth_entry entry = {STIR_TNAUTH_SPC, "1234", 1};
    UNIT_CODE(stir_tnauth_encode(&small, &(struct stir_tnauth){.entries = &entry, .count = 1}, NULL), STIR_E_TOO_BIG,
              "a full buffer");
    stir_buf_free(&small);
}

static void test_has(void)
{
    static const struct {
        const char *tn;
        bool has;
    } rows[] = {
        {"12155551000", true},
        {"12155551099", true},
        {"12155551100", false},
        {"12155550999", false},
        {"1215555105", false},
        {"121555510500", false},
        {"012155551050", false},
        {"12155551212", true},
        {"12155551213", false},
        {"*69", true},
        {"*6", false},
        {"*690", false},
        {"", false},
        {"+12155551212", false},
        {"1234", false},
        {"007", true},
        {"07", false},
        {"7", false},
        {"009", true},
        {"010", false},
        {"1215555105*", false},
        {"12345678901234567890123456789012", false},
    };
    struct stir_tnauth list = {0};
    UNIT_OK(stir_tnauth_from_text(&list, "spc:1234,range:12155551000+100,tn:12155551212,tn:*69,range:005+5", NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CHECK(stir_tnauth_has_tn(&list, rows[i].tn) == rows[i].has, "%s", rows[i].tn);
    }
    CU_ASSERT_TRUE(stir_tnauth_has_spc(&list, "1234"));
    CU_ASSERT_FALSE(stir_tnauth_has_spc(&list, "123"));
    CU_ASSERT_FALSE(stir_tnauth_has_spc(&list, "12155551212"));
    CU_ASSERT_FALSE(stir_tnauth_has_spc(&list, ""));
    CU_ASSERT_TRUE(stir_tnauth_any_spc(&list));
    stir_tnauth_clear(&list);
    UNIT_OK(stir_tnauth_from_text(&list, "tn:1234", NULL));
    CU_ASSERT_FALSE(stir_tnauth_any_spc(&list));
    CU_ASSERT_FALSE(stir_tnauth_has_spc(&list, "1234"));
    stir_tnauth_clear(&list);
}

static void test_spc_case(void)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {{"554A", "554a", true},
                {"554a", "554a", true},
                {"554", "554A", false},
                {"554A", "554", false},
                {"", "", true},
                {"", "a", false},
                {"[1", "{1", false},
                {"@x", "`x", false},
                {"\xe4"
                 "1",
                 "\xc4"
                 "1",
                 false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNIT_CHECK(stir_spc_equal(rows[i].a, rows[i].b) == rows[i].equal, "%s, %s", rows[i].a, rows[i].b);
        UNIT_CHECK(stir_spc_equal(rows[i].b, rows[i].a) == rows[i].equal, "%s, %s", rows[i].b, rows[i].a);
    }
    struct stir_tnauth list = {0};
    struct stir_tnauth below = {0};
    UNIT_OK(stir_tnauth_from_text(&list, "spc:554a", NULL));
    UNIT_OK(stir_tnauth_from_text(&below, "spc:554A", NULL));
    CU_ASSERT_TRUE(stir_tnauth_has_spc(&list, "554A"));
    CU_ASSERT_TRUE(stir_tnauth_covers(&list, &below, NULL));
    stir_tnauth_clear(&below);
    stir_tnauth_clear(&list);
    char code[] = "5z4a-9{";
    stir_spc_normalize(code);
    UNIT_STR(code, "5Z4A-9{", "normalized");
}

static void test_covers(void)
{
    static const struct {
        const char *parent;
        const char *child;
        bool covers;
    } rows[] = {
        /* RFC 9060 section 4's example */
        {"range:12125551000+1000", "range:12125551500+100", true},
        {"range:12125551000+1000", "tn:12125551824", true},
        {"range:12125551000+1000", "range:12125551000+1000", true},
        {"range:12125551000+1000", "range:12125551000+1001", false},
        {"range:12125551000+1000", "range:12125550999+2", false},
        {"range:12125551000+1000", "range:12125551999+2", false},
        {"range:12125551000+1000", "tn:12125552000", false},
        {"range:12125551000+1000", "tn:2125551824", false},
        {"range:12125551000+1000", "tn:12125551824,tn:12125559999", false},
        {"range:12125551000+1000", "spc:1234", false},
        /* several of the parent's entries together */
        {"range:12125551000+100,range:12125551100+100", "range:12125551050+100", true},
        {"range:12125551100+100,range:12125551000+100", "range:12125551000+200", true},
        {"range:12125551000+100,range:12125551101+99", "range:12125551050+100", false},
        {"range:12125551000+150,range:12125551050+100,range:12125551010+10", "range:12125551000+150", true},
        {"range:12125551000+150,range:12125551050+100,range:12125551010+10", "range:12125551000+151", false},
        {"tn:100,tn:101,tn:102", "range:100+3", true},
        {"tn:100,tn:102", "range:100+3", false},
        {"tn:099,tn:100", "range:099+2", true},
        {"tn:99,tn:100", "range:099+2", false},
        {"tn:100,tn:100,range:100+2", "tn:100,tn:101,tn:100", true},
        /* a provider delegates its numbers, and itself, but no other provider */
        {"spc:1234", "tn:12125551824", true},
        {"spc:1234", "range:12125551000+1000,tn:*69", true},
        {"spc:1234", "spc:1234", true},
        {"spc:1234", "spc:1234,tn:100", true},
        {"spc:1234", "spc:5678", false},
        {"spc:1234", "spc:123", false},
        {"spc:1234,spc:5678", "spc:5678", true},
        {"spc:1234", "spc:1234,spc:5678", false},
        {"tn:1234", "spc:1234", false},
        /* numbers that are not of a series */
        {"tn:*69,tn:100", "tn:*69", true},
        {"tn:*69", "tn:*6", false},
        {"range:100+100", "tn:*69", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_tnauth parent = {0};
        struct stir_tnauth child = {0};
        UNIT_CODE(stir_tnauth_from_text(&parent, rows[i].parent, NULL), STIR_OK, rows[i].parent);
        UNIT_CODE(stir_tnauth_from_text(&child, rows[i].child, NULL), STIR_OK, rows[i].child);
        UNIT_CHECK(stir_tnauth_covers(&parent, &child, NULL) == rows[i].covers, "%s over %s", rows[i].parent,
                   rows[i].child);
        stir_tnauth_clear(&parent);
        stir_tnauth_clear(&child);
    }
}

/* With a number table an SPC covers the numbers that the table gives to it. */
static void test_covers_by_table(void)
{
    static const char csv[] = "1212,1000\n12125,1234\n121255512,1000\n1212555124,1234\n45,Dk01\n*6,1234\n";
    static const struct {
        const char *parent;
        const char *child;
        bool covers;
    } rows[] = {
        {"spc:1234", "tn:12125551824", true},
        {"spc:1234", "tn:12125551224", false}, /* 1000's */
        {"spc:1000", "tn:12125551224", true},
        {"spc:1234", "tn:12125551248", true},
        {"spc:1234", "tn:13125551824", false}, /* in no line */
        {"spc:1234", "range:12125551000+100", true},
        {"spc:1234", "range:12125551000+1000", false},
        {"spc:1000,spc:1234", "range:12125551000+1000", true},
        {"spc:1234", "range:12125551239+2", false},
        {"spc:1234", "range:12125551240+10", true},
        {"spc:1234", "range:12125551240+11", false},
        {"spc:1234,tn:12125551250", "range:12125551240+11", true}, /* a number of its own beside the table's */
        {"spc:1234,range:12125551200+40,range:12125551250+50", "range:12125551000+1000", true},
        {"spc:1234,range:12125551200+40,range:12125551251+49", "range:12125551000+1000", false},
        {"spc:1234", "range:12125599990+10", true},
        {"spc:1234", "range:12125999990+20", false}, /* beyond the prefix, within the shorter one */
        {"spc:1000,spc:1234", "range:12120000000+10000000", true},
        {"spc:1000,spc:1234", "range:12120000000+10000001", false},
        {"spc:1234", "range:1212500+10", true}, /* of another length */
        {"spc:1234", "tn:*69", true},
        {"spc:1000", "tn:*69", false},
        {"spc:dK01", "tn:4512345678", true},
        {"spc:1234", "spc:1234", true},
        {"spc:1234", "spc:1000", false},
        {"spc:1234", "spc:1234,tn:12125551224", false},
        {"tn:12125551824", "tn:12125551824", true}, /* its own, whoever has it in the table */
        {"tn:12125551824", "tn:12125551825", false},
    };
    struct stir_numtable *table = NULL;
    UNIT_OK(stir_numtable_parse(&table, csv, sizeof(csv) - 1, NULL));
    UNIT_NEED(table);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_tnauth parent = {0};
        struct stir_tnauth child = {0};
        UNIT_CODE(stir_tnauth_from_text(&parent, rows[i].parent, NULL), STIR_OK, rows[i].parent);
        UNIT_CODE(stir_tnauth_from_text(&child, rows[i].child, NULL), STIR_OK, rows[i].child);
        UNIT_CHECK(stir_tnauth_covers(&parent, &child, table) == rows[i].covers, "%s over %s", rows[i].parent,
                   rows[i].child);
        stir_tnauth_clear(&parent);
        stir_tnauth_clear(&child);
    }
    stir_numtable_unref(table);
}

/* A list of `count` numbers, every second one, in DER. */
static void many(struct stir_buf *der, size_t count)
{
    struct stir_tnauth list = {.entries = calloc(count, sizeof(*list.entries)), .count = count};
    for (size_t i = 0; i < count; i++) {
        struct stir_tnauth_entry *entry = &list.entries[i];
        *entry = (struct stir_tnauth_entry){.kind = STIR_TNAUTH_ONE, .count = 1};
        (void)snprintf(entry->value, sizeof(entry->value), "1215%07zu", i * 2);
    }
    if (count <= STIR_TNAUTH_ENTRIES) {
        UNIT_OK(stir_tnauth_encode(der, &list, NULL));
    } else {
        UNIT_CODE(stir_tnauth_encode(der, &list, NULL), STIR_E_INVAL, "too many entries");
    }
    free(list.entries);
}

static void test_limit(void)
{
    struct stir_buf der = {0};
    struct stir_tnauth list = {0};
    many(&der, STIR_TNAUTH_ENTRIES);
    UNIT_OK(stir_tnauth_parse(&list, (const uint8_t *)der.ptr, der.len, NULL));
    CU_ASSERT_EQUAL(list.count, STIR_TNAUTH_ENTRIES);
    CU_ASSERT_TRUE(stir_tnauth_has_tn(&list, "12150019998"));
    CU_ASSERT_FALSE(stir_tnauth_has_tn(&list, "12150019999"));
    clock_t begin = clock();
    CU_ASSERT_TRUE(stir_tnauth_covers(&list, &list, NULL));
    CU_ASSERT_TRUE(clock() - begin < CLOCKS_PER_SEC); /* not the square of the number of entries */
    stir_tnauth_clear(&list);
    stir_buf_free(&der);
    many(&der, STIR_TNAUTH_ENTRIES + 1);

    /* made by hand: as many as may be, one more, and a length that takes an octet too many */
    size_t content = STIR_TNAUTH_ENTRIES * 5;
    uint8_t *octets = malloc(5 + content + 5);
    for (size_t i = 0; i <= STIR_TNAUTH_ENTRIES; i++) {
        memcpy(octets + 4 + i * 5,
               "\xa2\x03\x16\x01"
               "7",
               5);
    }
    memcpy(octets, (uint8_t[]){0x30, 0x82, (uint8_t)(content >> 8), (uint8_t)content}, 4);
    UNIT_CODE(stir_tnauth_parse(&list, octets, 4 + content, NULL), STIR_OK, "10,000 entries");
    stir_tnauth_clear(&list);
    content += 5;
    memcpy(octets, (uint8_t[]){0x30, 0x82, (uint8_t)(content >> 8), (uint8_t)content}, 4);
    UNIT_CODE(stir_tnauth_parse(&list, octets, 4 + content, NULL), STIR_E_CERT, "10,001 entries");
    content -= 5;
    memmove(octets + 5, octets + 4, content);
    memcpy(octets, (uint8_t[]){0x30, 0x83, 0, (uint8_t)(content >> 8), (uint8_t)content}, 5);
    UNIT_CODE(stir_tnauth_parse(&list, octets, 5 + content, NULL), STIR_E_CERT, "a length of three octets for two");
    free(octets);
}

static void test_of_certificate(void)
{
    static const uint8_t spc_1234[] = "\x30\x08\xa0\x06\x16\x04"
                                      "1234";
    static const uint8_t bare[] = "\x16\x04"
                                  "1234";
    struct stir_tnauth list = {0};
    EVP_PKEY *key = NULL;
    X509 *none = certs_make((struct stir_cert_spec){.common_name = "none"}, &key);
    UNIT_CODE(stir_tnauth_of(&list, none, NULL), STIR_E_NOT_FOUND, "no list");
    X509 *once = certs_with_ext(none, key, "1.3.6.1.5.5.7.1.26", spc_1234, 10, false);
    UNIT_CODE(stir_tnauth_of(&list, once, NULL), STIR_OK, "one list");
    CU_ASSERT_TRUE(stir_tnauth_has_spc(&list, "1234"));
    stir_tnauth_clear(&list);
    X509 *critical = certs_with_ext(none, key, "1.3.6.1.5.5.7.1.26", spc_1234, 10, true);
    UNIT_CODE(stir_tnauth_of(&list, critical, NULL), STIR_OK, "marked critical");
    stir_tnauth_clear(&list);
    X509 *twice = certs_with_ext(once, key, "1.3.6.1.5.5.7.1.26", spc_1234, 10, false);
    UNIT_CODE(stir_tnauth_of(&list, twice, NULL), STIR_E_CERT, "two lists");
    X509 *libstirshaken = certs_with_ext(none, key, "1.3.6.1.5.5.7.1.26", bare, 6, false);
    UNIT_CODE(stir_tnauth_of(&list, libstirshaken, NULL), STIR_E_CERT, "a bare IA5String");
    X509 *other = certs_with_ext(none, key, "1.3.6.1.5.5.7.1.27", spc_1234, 10, false);
    UNIT_CODE(stir_tnauth_of(&list, other, NULL), STIR_E_NOT_FOUND, "under another identifier");
    certs_end();
}

UNIT_MAIN("tnauth", {"good lists, their encoding and every truncation", test_good}, {"refused lists", test_refused},
          {"lists of a later version", test_tolerated}, {"refused texts", test_text_refused},
          {"spaces in a text", test_text_spaces}, {"what is not encoded", test_encode_refused},
          {"numbers and SPCs of a list", test_has}, {"SPCs are compared without case", test_spc_case},
          {"a list covers another", test_covers}, {"a list covers another by the number table", test_covers_by_table},
          {"limits", test_limit}, {"the list of a certificate", test_of_certificate})
