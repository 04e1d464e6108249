/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/expectation.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

/* Whether a PASSporT can be expected. The clock is the test's. */

#define START 1700000000
#define ROUTE "s esme"

static struct sc_expect *expect;

static void begin(void)
{
    expect = sc_expect_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(expect);
}

static void end(void)
{
    sc_expect_free(expect);
    expect = NULL;
}

static void check(const char *orig, int64_t now, enum sc_expected expected, const char *label)
{
    enum sc_expected got = sc_expect_ask(expect, ROUTE, orig, now);
    UNIT_CHECK(got == expected, "%s: %d, not %d", label, (int)got, (int)expected);
}

/* Messages that were waited for in vain. */
static void miss(const char *orig, unsigned count, int64_t now)
{
    for (unsigned i = 0; i < count; i++) {
        sc_expect_saw(expect, ROUTE, orig, false, true, now);
    }
}

static void pass(const char *orig, unsigned count, int64_t now)
{
    for (unsigned i = 0; i < count; i++) {
        sc_expect_saw(expect, ROUTE, orig, true, false, now);
    }
}

/* F24: only the first messages of unsigned traffic wait, and then one now and then. */
static void test_unsigned(void)
{
    unsigned waits = 0, probes = 0, most = SC_EXPECT_PROBES + 1 + 600 / SC_EXPECT_KNOWN_S;
    begin();
    for (unsigned i = 0; i < 6000; i++) { /* ten a second */
        int64_t now = START + i / 10;
        enum sc_expected expected = sc_expect_ask(expect, ROUTE, "12025550100", now);
        waits += expected == SC_EXPECT_PASSPORT;
        probes += expected == SC_EXPECT_PROBE;
        sc_expect_saw(expect, ROUTE, "12025550100", false, expected != SC_EXPECT_NOTHING, now);
    }
    UNIT_CHECK(waits == 0 && probes <= most && probes >= most - 2, "%u waits, %u probes", waits, probes);
    end();
}

/* The same from a sender of its own for each message. */
static void test_unsigned_from_many(void)
{
    unsigned waits = 0, probes = 0, most = SC_EXPECT_PROBES + 600 / SC_EXPECT_NEW_S;
    char orig[16];
    begin();
    for (unsigned i = 0; i < 6000; i++) {
        int64_t now = START + i / 10;
        (void)snprintf(orig, sizeof(orig), "1202%07u", i);
        enum sc_expected expected = sc_expect_ask(expect, ROUTE, orig, now);
        waits += expected == SC_EXPECT_PASSPORT;
        probes += expected == SC_EXPECT_PROBE;
        sc_expect_saw(expect, ROUTE, orig, false, expected != SC_EXPECT_NOTHING, now);
    }
    UNIT_CHECK(waits == 0 && probes <= most && probes >= most - 2, "%u waits, %u probes", waits, probes);
    end();
}

static void test_signer(void)
{
    begin();
    miss("1", 100, START);
    for (unsigned i = 0; i < SC_EXPECT_PROBES; i++) {
        check("2", START, SC_EXPECT_PROBE, "a new sender on a route without PASSporTs");
    }
    check("2", START + SC_EXPECT_NEW_S - 1, SC_EXPECT_NOTHING, "some at once");
    check("2", START + SC_EXPECT_NEW_S, SC_EXPECT_PROBE, "and then now and then");
    pass("2", 1, START);
    check("2", START + 1, SC_EXPECT_PASSPORT, "one that signs");
    check("2", START + SC_EXPECT_RECENT_S - 1, SC_EXPECT_PASSPORT, "for a day"); /* which is not written down */
    check("1", START + 1, SC_EXPECT_PROBE, "one that does not");
    check("1", START + SC_EXPECT_KNOWN_S, SC_EXPECT_NOTHING, "now and then");
    check("1", START + 1 + SC_EXPECT_KNOWN_S, SC_EXPECT_PROBE, "now and then");
    miss("2", SC_EXPECT_MISSES_SIGNER - 1, START + 40);
    check("2", START + 41, SC_EXPECT_PASSPORT, "some without do not matter");
    miss("2", 1, START + 42);
    check("2", START + 43, SC_EXPECT_NOTHING, "it does not sign any more");
    pass("2", 1, START + 44);
    check("2", START + 45, SC_EXPECT_PASSPORT, "it does");
    check("2", START + 44 + SC_EXPECT_RECENT_S, SC_EXPECT_PROBE, "not for a day");
    end();
}

/* Where PASSporTs are usual, a new sender has the full wait; one that is known not to sign has not. */
static void test_usual(void)
{
    char orig[16];
    begin();
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(orig, sizeof(orig), "%u", i % 4);
        sc_expect_saw(expect, ROUTE, orig, i % 4 == 0, true, START);
    }
    check("new", START, SC_EXPECT_PASSPORT, "a quarter has one");
    check("1", START + 1000, SC_EXPECT_PROBE, "one that does not sign");
    check("1", START + 1000, SC_EXPECT_NOTHING, "one that does not sign");
    check("new", START + 1000, SC_EXPECT_PASSPORT, "a quarter has one");
    miss("5", 100, START + 1000);
    check("new", START + 1001, SC_EXPECT_PROBE, "now hardly any");
    UNIT_CHECK(sc_expect_ask(expect, "d esme", "1", START) == SC_EXPECT_PROBE, "another route");
    pass("0", 100, START + 1001);
    check("new", START + 1002, SC_EXPECT_PASSPORT, "now many");
    check("new", START + 2 * SC_EXPECT_RECENT_S, SC_EXPECT_PROBE, "days ago");
    end();
}

static void test_clock_set_back(void)
{
    begin();
    miss("1", 100, START);
    check("1", START, SC_EXPECT_PROBE, "a probe");
    check("1", START - 3600, SC_EXPECT_PROBE, "the clock was set back");
    check("1", START - 3599, SC_EXPECT_NOTHING, "and counts");
    end();
}

/* More senders than are remembered: those that sign stay. */
static void test_bounds(void)
{
    char orig[16];
    unsigned kept = 0;
    begin();
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(orig, sizeof(orig), "%u", i);
        pass(orig, 1, START);
    }
    for (unsigned i = 0; i < 4 * SC_EXPECT_SENDERS; i++) {
        (void)snprintf(orig, sizeof(orig), "x%u", i);
        miss(orig, 1, START + 1);
    }
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(orig, sizeof(orig), "%u", i);
        kept += sc_expect_ask(expect, ROUTE, orig, START + 2) == SC_EXPECT_PASSPORT;
    }
    /* in one of a hundred runs, four senders that sign have the same four places, and another one takes one of them */
    UNIT_CHECK(kept >= 990, "%u are known", kept);
    struct stir_buf text = {0};
    UNIT_OK(sc_expect_save(expect, &text));
    UNIT_CHECK(text.len <= SC_EXPECT_FILE_MAX, "%zu octets", text.len);
    stir_buf_free(&text);
    end();
}

static void test_restart(void)
{
    struct stir_buf text = {0};
    struct stir_error err = {0};
    begin();
    UNIT_CHECK(!sc_expect_is_changed(expect), "nothing was learned");
    miss("1", 100, START);
    pass("2", 1, START);
    UNIT_CHECK(sc_expect_is_changed(expect), "something was learned");
    struct sc_expect *copy = sc_expect_take_copy(expect);
    UNIT_NEED(copy);
    UNIT_CHECK(!sc_expect_is_changed(expect), "it is in the copy");
    UNIT_OK(sc_expect_save(copy, &text));
    sc_expect_free(copy);
    end();
    begin();
    UNIT_CODE(sc_expect_load(expect, text.ptr, text.len, &err), STIR_OK, err.text);
    UNIT_CHECK(!sc_expect_is_changed(expect), "as it is in the file");
    check("1", START + 1, SC_EXPECT_PROBE, "one that does not sign");
    check("1", START + 2, SC_EXPECT_NOTHING, "one that does not sign");
    check("2", START + 2, SC_EXPECT_PASSPORT, "one that does");
    end();
    /* what cannot be used changes nothing */
    begin();
    pass("3", 1, START);
    for (size_t n = 0; n < text.len; n++) {
        UNIT_CHECK(sc_expect_load(expect, text.ptr, n, NULL) == STIR_E_IO, "%zu octets", n);
        text.ptr[n] ^= 1;
        UNIT_CHECK(sc_expect_load(expect, text.ptr, text.len, NULL) == STIR_E_IO, "octet %zu", n);
        text.ptr[n] ^= 1;
    }
    check("3", START + 1, SC_EXPECT_PASSPORT, "it is known still");
    stir_buf_free(&text);
    end();
}

UNIT_MAIN("sc_expect", {"F24: unsigned traffic", test_unsigned}, {"F24: from many senders", test_unsigned_from_many},
          {"a sender that signs", test_signer}, {"where PASSporTs are usual", test_usual},
          {"a clock that is set back", test_clock_set_back}, {"bounds", test_bounds}, {"restart", test_restart})
