/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/number_set.h"
#include "tests/unit/unit.h"

/* Sets of numbers: what a tenant may originate from. */

static void check_sets(const char *const *items, const char *const *in, const char *const *out)
{
    struct cps_numbers numbers = {0};
    for (; *items; items++) {
        UNIT_CODE(cps_numbers_add(&numbers, *items, NULL), STIR_OK, *items);
    }
    cps_numbers_seal(&numbers);
    for (; *in; in++) {
        UNIT_CHECK(cps_numbers_has(&numbers, *in), "%s is not in the set", *in);
    }
    for (; *out; out++) {
        UNIT_CHECK(!cps_numbers_has(&numbers, *out), "%s is in the set", *out);
    }
    cps_numbers_clear(&numbers);
}
#define SET(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_numbers(void)
{
    check_sets(SET("12155551212", "72345"), SET("12155551212", "72345"),
               SET("12155551211", "12155551213", "1215555121", "121555512120", "7234", "723456", "", "+12155551212"));
    check_sets(SET("12155551000-12155551999"), SET("12155551000", "12155551500", "12155551999"),
               SET("12155550999", "12155552000", "1215555150", "121555515000", "1215555100#", "12155551*00"));
    check_sets(SET("1215*"), SET("1215", "12150", "12159999999999999999999999999999"),
               SET("121", "1214", "1216", "12a", "1215#", "*1215"));
    check_sets(SET("*"), SET("1", "12155551212"), SET("", "*", "#31#", "a"));
    check_sets(SET("*31#", "#1"), SET("*31#", "#1"), SET("*31", "31", "#", "*3#"));
}

/* Ranges in any order, one within another, touching, of other lengths. */
static void test_merging(void)
{
    check_sets(SET("500-599", "100-199", "150-160", "155-250", "5000-5999", "300", "7*", "71"),
               SET("100", "160", "161", "199", "200", "250", "300", "500", "599", "5000", "71", "7", "79"),
               SET("99", "251", "299", "301", "499", "600", "4999", "6000", "1000", "10"));
    struct cps_numbers numbers = {0};
    char item[16];
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(item, sizeof(item), "%u", 100000 + i * 7919 % 50000 * 2);
        UNIT_OK(cps_numbers_add(&numbers, item, NULL));
    }
    cps_numbers_seal(&numbers);
    unsigned wrong = 0;
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(item, sizeof(item), "%u", 100000 + i * 7919 % 50000 * 2);
        wrong += !cps_numbers_has(&numbers, item);
        item[5] = (char)(item[5] + 1); /* an odd one */
        wrong += cps_numbers_has(&numbers, item);
    }
    UNIT_CHECK(wrong == 0, "%u of 10000 are misjudged", wrong);
    cps_numbers_clear(&numbers);
    cps_numbers_seal(&numbers);
    UNIT_CHECK(!cps_numbers_has(&numbers, "1"), "an empty set has nothing");
}

static void test_wrong_items(void)
{
    static const char *const items[] = {
        "",
        "+12155551212",
        "1215555121a",
        "1-2-3",
        "10-9",
        "10-100",
        "-10",
        "10-",
        "-",
        "1215**",
        "1*5*",
        "12*-13*",
        "#1-#5",
        "1215-1216*",
        "1 2",
        "a*",
        "123456789012345678901234567890123",
        "1-123456789012345678901234567890123",
    };
    struct cps_numbers numbers = {0};
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct stir_error err = {0};
        UNIT_CODE(cps_numbers_add(&numbers, items[i], &err), STIR_E_CONFIG, items[i]);
    }
    UNIT_CHECK(numbers.range_count + numbers.prefix_count + numbers.service_count == 0, "nothing was added");
    cps_numbers_clear(&numbers);
}

UNIT_MAIN("libcps numbers", {"numbers, ranges, prefixes", test_numbers}, {"merging", test_merging},
          {"wrong items", test_wrong_items})
