#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether the PASSporT of a message can be expected, by what was seen before of its sender and of the route that it
 * came on. A message waits for its PASSporT only where that is worth it: an unsigned one would wait in vain, and its
 * sender's window with it. No clock, no I/O, not thread-safe; memory is bounded: what was seen longest ago is forgotten
 * first.
 *
 * The full wait is for a sender with a PASSporT within the last day; and for a sender about whom little is known, on a
 * route on which at least one message in SC_EXPECT_USUAL has one. Nobody else waits, but for a probe now and then: on
 * each route, of the senders about whom little is known the first SC_EXPECT_PROBES messages and then one in
 * SC_EXPECT_NEW_S, and one in SC_EXPECT_KNOWN_S of those who were found not to sign. A PASSporT that is there when the
 * message comes counts without any wait.
 */
enum {
    SC_EXPECT_RECENT_S = 86400,
    SC_EXPECT_USUAL = 8,
    SC_EXPECT_PROBES = 3,
    SC_EXPECT_NEW_S = 5,
    SC_EXPECT_KNOWN_S = 30,
    SC_EXPECT_MISSES = 3,         /* messages without a PASSporT until a sender is known not to sign, */
    SC_EXPECT_MISSES_SIGNER = 20, /* or one that did sign not to do so any more */
    SC_EXPECT_ROUTES = 1024,
    SC_EXPECT_SENDERS = 65536,
    SC_EXPECT_FILE_MAX = 4 << 20, /* octets of a saved one, at most */
};

enum sc_expected {
    SC_EXPECT_NOTHING, /* the message does not wait */
    SC_EXPECT_PROBE,   /* it waits, to find out whether others should */
    SC_EXPECT_PASSPORT,
    SC_EXPECTED_COUNT,
};

struct sc_expect;

/* NULL: out of memory, or no random octets. */
struct sc_expect *sc_expect_new(void);
void sc_expect_free(struct sc_expect *expect);

/* Tells how long a message from `orig` on `route` waits; a probe that is given is not given again soon. now_s: seconds
 * of the wall clock, so that what was learned is of use after a restart. */
enum sc_expected sc_expect_ask(struct sc_expect *expect, const char *route, const char *orig, int64_t now_s);

/* Takes in that the message had a PASSporT that passed, or that none was found; waited: after the full wait. */
void sc_expect_saw(struct sc_expect *expect, const char *route, const char *orig, bool passport, bool waited,
                   int64_t now_s);

/* Whether anything was learned since it was loaded or copied. */
bool sc_expect_is_changed(const struct sc_expect *expect);

/* Makes a copy that another thread can save; the caller frees it. NULL: out of memory. */
struct sc_expect *sc_expect_take_copy(struct sc_expect *expect);

/* Appends all of it to out, for a file. Senders and routes are in it as keyed hashes, with their key. STIR_E_NOMEM. */
enum stir_code sc_expect_save(const struct sc_expect *expect, struct stir_buf *out) STIR_MUST_CHECK;

/* Takes over what was saved. STIR_E_IO, nothing changed: this is not what sc_expect_save wrote. */
enum stir_code sc_expect_load(struct sc_expect *expect, const void *data, size_t len,
                              struct stir_error *err) STIR_MUST_CHECK;
