/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/error.h"

#include <CUnit/Basic.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * A test program on CUnit: functions that assert, and one line at the end of the file:
 *
 *     UNIT_MAIN("b64", {"RFC 4648 section 10", test_vectors}, {"refusals", test_refusals})
 *
 * Its exit status is 0 only if every test ran and no assertion failed.
 */
struct unit_test {
    const char *title;
    void (*run)(void);
};

static inline int unit_run(const char *name, const struct unit_test *tests, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return 2;
    }
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    bool added = suite != NULL;
    for (size_t i = 0; added && i < count; i++) {
        added = CU_add_test(suite, tests[i].title, tests[i].run) != NULL;
    }
    int status = 2;
    if (added) {
        CU_basic_set_mode(CU_BRM_VERBOSE);
        (void)CU_basic_run_tests();
        status = CU_get_number_of_failures() || CU_get_number_of_tests_run() != count ? 1 : 0;
    }
    CU_cleanup_registry();
    return status;
}

#define UNIT_MAIN(name, ...)                                                                                           \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        static const struct unit_test unit_tests[] = {__VA_ARGS__};                                                    \
        return unit_run(name, unit_tests, sizeof(unit_tests) / sizeof(unit_tests[0]));                                 \
    }

static inline bool unit_check(bool good, unsigned line, const char *file, const char *fmt, ...) STIR_PRINTF(4, 5);
static inline bool unit_check(bool good, unsigned line, const char *file, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)CU_assertImplementation(good, line, text, file, "", CU_FALSE);
    return good;
}

/* A condition with a printf text that says which row of a table failed; yields the condition. */
#define UNIT_CHECK(condition, ...) unit_check((condition), __LINE__, __FILE__, __VA_ARGS__)

/* A pointer without which the rest of the test makes no sense: leaves it if there is none. */
#define UNIT_NEED(pointer)                                                                                             \
    do {                                                                                                               \
        if (!(pointer)) {                                                                                              \
            (void)UNIT_CHECK(false, "%s is NULL", #pointer);                                                           \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

static inline bool unit_code(enum stir_code is, enum stir_code expected, const char *label, unsigned line,
                             const char *file)
{
    return unit_check(is == expected, line, file, "%s: %s, expected %s", label, stir_error_name(is),
                      stir_error_name(expected));
}

/* A result code, compared by name in the report; label says which row. */
#define UNIT_CODE(actual, expected, label) unit_code((actual), (expected), (label), __LINE__, __FILE__)
#define UNIT_OK(actual) unit_code((actual), STIR_OK, #actual, __LINE__, __FILE__)

static inline bool unit_str(const char *is, const char *expected, const char *label, unsigned line, const char *file)
{
    bool same = is && expected ? strcmp(is, expected) == 0 : is == expected;
    return unit_check(same, line, file, "%s: \"%s\", expected \"%s\"", label, is ? is : "(null)",
                      expected ? expected : "(null)");
}

/* Two texts, both shown when they differ. */
#define UNIT_STR(actual, expected, label) unit_str((actual), (expected), (label), __LINE__, __FILE__)

/* Octets from hexadecimal text, white space ignored; returns how many. Stops at cap. */
static inline size_t unit_unhex(uint8_t *out, size_t cap, const char *hex)
{
    size_t n = 0;
    int high = -1;
    for (; *hex && n < cap; hex++) {
        if (!isxdigit((unsigned char)*hex)) {
            continue;
        }
        int digit = isdigit((unsigned char)*hex) ? *hex - '0' : tolower((unsigned char)*hex) - 'a' + 10;
        if (high < 0) {
            high = digit;
        } else {
            out[n++] = (uint8_t)(high << 4 | digit);
            high = -1;
        }
    }
    return n;
}
