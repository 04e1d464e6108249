/* SPDX-License-Identifier: MIT */
/* The number table: which row counts, what a line may be, how much it takes. */
#include "common/base/buf.h"
#include "common/number/numtable.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char table_text[] = "# prefix,spc,cps_url\n"
                                 "\n"
                                 "1215,1111\r\n"
                                 "  +12155 , 2222 , https://cps.example.com/x \n"
                                 "121555512,3333,\n"
                                 "12155551212,4444\n"
                                 "44,GB-1\n"
                                 "9,one\n"
                                 "*31,star\n"
                                 "1234567890123456,long";

static struct stir_numtable *parse(const char *text)
{
    struct stir_numtable *table = NULL;
    UNIT_OK(stir_numtable_parse(&table, text, strlen(text), NULL));
    return table;
}

static void test_longest_prefix(void)
{
    static const struct {
        const char *tn, *spc, *url;
    } rows[] = {
        {"12155551212", "4444", NULL},
        {"12155551213", "3333", NULL},
        {"121555512129", "4444", NULL},
        {"12155551312", "2222", "https://cps.example.com/x"},
        {"12155", "2222", "https://cps.example.com/x"},
        {"12154", "1111", NULL},
        {"12156", "1111", NULL},
        {"1215", "1111", NULL},
        {"121", NULL, NULL},
        {"1216", NULL, NULL},
        {"1", NULL, NULL},
        {"", NULL, NULL},
        {"+1215", NULL, NULL},
        {"0", NULL, NULL},
        {"43", NULL, NULL},
        {"447700900123", "GB-1", NULL},
        {"45", NULL, NULL},
        {"9", "one", NULL},
        {"99999999999999999999999999999999", "one", NULL},
        {"*31", "star", NULL},
        {"*3", NULL, NULL},
        {"#31", NULL, NULL},
        {"1234567890123456", "long", NULL},
        {"12345678901234567", "long", NULL},
        {"1234567890123457", NULL, NULL},
        {"123456789012345", NULL, NULL},
        {"sip:1215@example.com", NULL, NULL},
    };
    struct stir_numtable *table = parse(table_text);
    UNIT_NEED(table);
    CU_ASSERT_EQUAL(stir_numtable_rows(table), 8);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_numtable_row row = {0};
        bool found = stir_numtable_find(table, rows[i].tn, &row);
        UNIT_CHECK(found == (rows[i].spc != NULL), "%s: %d", rows[i].tn, found);
        UNIT_STR(row.spc, rows[i].spc, rows[i].tn);
        UNIT_STR(row.cps_url, rows[i].url, rows[i].tn);
    }
    stir_numtable_unref(table);
}

/* Goes through all numbers with a given count of digits by runs: each run says of its numbers what a look-up says, and
 * there are no more runs than the table's rows can cause. */
static void check_runs(const struct stir_numtable *table, unsigned digits, size_t most)
{
    uint64_t end = 1;
    uint64_t last = 0;
    size_t runs = 0;
    size_t bad = 0;
    for (unsigned i = 0; i < digits; i++) {
        end *= 10;
    }
    for (uint64_t first = 0; first < end; first = last + 1, runs++) {
        struct stir_numtable_row run = {0};
        bool found = stir_numtable_find_run(table, first, digits, &run, &last);
        if (!UNIT_CHECK(last >= first && last < end, "%llu..%llu", (unsigned long long)first,
                        (unsigned long long)last)) {
            return;
        }
        for (uint64_t tn = first; tn <= last; tn++) {
            struct stir_numtable_row row = {0};
            char text[24];
            (void)snprintf(text, sizeof(text), "%0*llu", (int)digits, (unsigned long long)tn);
            bad += stir_numtable_find(table, text, &row) != found || (found && row.spc != run.spc);
        }
    }
    UNIT_CHECK(bad == 0, "%u digits: %zu numbers differ", digits, bad);
    UNIT_CHECK(runs <= most, "%u digits: %zu runs", digits, runs);
}

static void test_runs(void)
{
    static const char *const tables[] = {
        "",
        "1,a\n",
        "1,a\n12,b\n",
        "12,b\n123,c\n1234,d\n12345,e\n",
        "0,a\n00,b\n9,c\n99,d\n9999,e\n",
        "12*,x\n12#3,y\n1,a\n",
        "*1,x\n9,a\n99*,b\n",
        "1,a\n1*2,b\n19*,c\n1999*,d\n2,e\n",
        "123456789012,long\n5,a\n",
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct stir_numtable *table = parse(tables[i]);
        UNIT_NEED(table);
        for (unsigned digits = 1; digits <= 4; digits++) {
            check_runs(table, digits, 2 * stir_numtable_rows(table) + 1);
        }
        stir_numtable_unref(table);
    }
    /* a number that is longer than a prefix can be: number by number */
    struct stir_numtable *table = parse("1,a\n");
    struct stir_numtable_row row;
    uint64_t last = 0;
    UNIT_NEED(table);
    CU_ASSERT_TRUE(stir_numtable_find_run(table, 12345678901234567, 17, &row, &last));
    CU_ASSERT_EQUAL(last, 12345678901234567);
    CU_ASSERT_FALSE(stir_numtable_find_run(table, 12345678901234567, 18, &row, &last)); /* "012..." */
    CU_ASSERT_TRUE(stir_numtable_find_run(table, 1000000000, 10, &row, &last));
    CU_ASSERT_EQUAL(last, 1999999999);
    stir_numtable_unref(table);
}

/* Each number of six digits of which the prefixes have any. */
static void check_against_scan(const struct stir_numtable *table, char (*prefixes)[8], size_t count)
{
    for (unsigned tn = 0; tn < 4096; tn++) {
        char text[8];
        const char *best = NULL;
        for (int i = 0; i < 6; i++) {
            text[i] = (char)('0' + (tn >> (2 * i)) % 4);
        }
        text[6] = '\0';
        for (size_t i = 0; i < count; i++) {
            size_t n = strlen(prefixes[i]);
            if (strncmp(prefixes[i], text, n) == 0 && (!best || n > strlen(best))) {
                best = prefixes[i];
            }
        }
        struct stir_numtable_row row = {0};
        bool found = stir_numtable_find(table, text, &row);
        UNIT_CHECK(found == (best != NULL) && (!found || strcmp(row.spc + 1, best) == 0), "%s: %s, expected %s", text,
                   found ? row.spc : "none", best ? best : "none");
    }
}

/* Against the plain way, on prefixes that lie in one another. */
static void test_against_scan(void)
{
    static char prefixes[3000][8];
    struct stir_buf csv = {0};
    size_t count = 0;
    uint32_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        char one[8];
        size_t n = 0, same = 0;
        seed = seed * 1103515245 + 12345;
        for (size_t len = 1 + (seed >> 16) % 6; n < len; n++) {
            seed = seed * 1103515245 + 12345;
            one[n] = (char)('0' + (seed >> 16) % 4);
        }
        one[n] = '\0';
        while (same < count && strcmp(prefixes[same], one) != 0) {
            same++;
        }
        if (same == count) {
            memcpy(prefixes[count++], one, n + 1);
            stir_buf_printf(&csv, "%s,s%s\n", one, one);
        }
    }
    struct stir_numtable *table = parse(csv.ptr);
    UNIT_NEED(table);
    check_against_scan(table, prefixes, count);
    check_runs(table, 5, 2 * stir_numtable_rows(table) + 1);
    stir_numtable_unref(table);
    /* the same among many others, which do not lie in the way but are looked past */
    for (unsigned i = 0; i < 6000; i++) {
        stir_buf_printf(&csv, "%u%05u,other\n", 4 + i % 6, i);
    }
    table = parse(csv.ptr);
    UNIT_NEED(table);
    check_against_scan(table, prefixes, count);
    stir_numtable_unref(table);
    stir_buf_free(&csv);
}

static void test_refusals(void)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"1215", "line 1"},
        {"1215,", "line 1"},
        {",1111", "line 1"},
        {"+,1111", "line 1"},
        {"++1,1111", "line 1"},
        {"12a,1111", "line 1"},
        {"1 2,1111", "line 1"},
        {"12345678901234567,1111", "line 1"},
        {"1215,123456789012345678901234567890123", "line 1"},
        {"1215,11 11", "line 1"},
        {"1215,\"1111\"x\x7f", "line 1"},
        {"1215,1111,http://cps.example.com", "line 1"},
        {"1215,1111,https://", "line 1"},
        {"1215,1111,https://a b", "line 1"},
        {"1215,1111,https://a,b", "line 1"},
        {"1,1\n\n# x\n1215,1111,,", "line 4"},
        {"1215,1111\n12,2222\n+1215,3333\n", "line 3: the prefix occurs twice"},
        {"1215,1111\n1215", "line 2"},
        {"1215,1111\n1215,\n", "line 2"},
        {"prefix,spc\n", "line 1: the prefix"},
    };
    struct stir_numtable *table = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stir_error err = {0};
        UNIT_CODE(stir_numtable_parse(&table, rows[i].text, strlen(rows[i].text), &err), STIR_E_CONFIG, rows[i].text);
        UNIT_CHECK(strstr(err.text, rows[i].says) != NULL, "%s: %s", rows[i].text, err.text);
        CU_ASSERT_PTR_NULL(table);
    }
    UNIT_CODE(stir_numtable_parse(&table, "1,1\n\0\n", 6, NULL), STIR_E_CONFIG, "NUL");
    CU_ASSERT_PTR_NULL(table);
}

static void test_empty(void)
{
    struct stir_numtable_row row = {0};
    struct stir_numtable *table = parse("");
    UNIT_NEED(table);
    CU_ASSERT_EQUAL(stir_numtable_rows(table), 0);
    CU_ASSERT_FALSE(stir_numtable_find(table, "12155551212", &row));
    stir_numtable_unref(stir_numtable_ref(table));
    stir_numtable_unref(table);
    stir_numtable_unref(NULL);
    table = parse("\n \r\n# none\n");
    CU_ASSERT_EQUAL(stir_numtable_rows(table), 0);
    stir_numtable_unref(table);
}

static void test_file(void)
{
    char path[] = "/tmp/test_numtable.XXXXXX";
    struct stir_numtable *table = NULL;
    struct stir_error err = {0};
    int fd = mkstemp(path);
    UNIT_CHECK(write(fd, "", 0) == 0, "a file");
    UNIT_OK(stir_numtable_load(&table, path, &err)); /* empty */
    stir_numtable_unref(table);
    table = NULL;
    UNIT_CHECK(write(fd, "1,a\nx", 5) == 5, "a file");
    UNIT_CODE(stir_numtable_load(&table, path, &err), STIR_E_CONFIG, "a broken file");
    UNIT_CHECK(strstr(err.text, path) && strstr(err.text, "line 2"), "%s", err.text);
    CU_ASSERT_PTR_NULL(table);
    (void)close(fd);
    (void)unlink(path);
    UNIT_CODE(stir_numtable_load(&table, path, &err), STIR_E_IO, "no file");
    UNIT_CHECK(strstr(err.text, path) != NULL, "%s", err.text);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* A million rows are there within 2 s and are looked up in within 1 us; bounds as wide as a sanitizer's build and a
 * busy machine need. */
static void test_a_million(void)
{
    enum { ROWS = 1000000, FINDS = 1000000 };
    struct stir_buf csv = {0};
    struct timespec start;
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned n = (unsigned)((i * UINT64_C(7368787)) % ROWS);
        stir_buf_printf(&csv, "1%09u,%04u\n", n, n % 5000);
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    struct stir_numtable *table = parse(csv.ptr);
    double took = seconds_since(&start);
    UNIT_NEED(table);
    CU_ASSERT_EQUAL(stir_numtable_rows(table), ROWS);
    UNIT_CHECK(took < 10, "loading took %.3f s", took);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    unsigned bad = 0;
    for (unsigned i = 0; i < FINDS; i++) {
        struct stir_numtable_row row = {0};
        char tn[] = "10000000005";
        unsigned n = (unsigned)((i * UINT64_C(2654435761)) % ROWS), want = n % 5000;
        for (unsigned at = 9, rest = n; rest; rest /= 10) {
            tn[at--] = (char)('0' + rest % 10);
        }
        bad += !stir_numtable_find(table, tn, &row) || (unsigned)strtoul(row.spc, NULL, 10) != want;
    }
    took = seconds_since(&start);
    CU_ASSERT_EQUAL(bad, 0);
    double each = took / (double)FINDS;
    UNIT_CHECK(each < 10e-6, "a look-up took %.0f ns", each * 1e9);
    stir_numtable_unref(table);
    stir_buf_free(&csv);
}

UNIT_MAIN("numtable", {"the longest prefix", test_longest_prefix}, {"runs of numbers", test_runs},
          {"against a scan", test_against_scan}, {"refusals", test_refusals}, {"empty", test_empty},
          {"file", test_file}, {"a million rows", test_a_million})
