/* SPDX-License-Identifier: MIT */
#pragma once

#include "common/base/buf.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Decides whether a message should wait for its PASSporT, from what was seen before of its sender and its route. An
 * unsigned message would wait in vain and block its sender's window. No clock, no I/O, not thread-safe. Memory is
 * bounded: what was seen longest ago is forgotten first.
 *
 * Two kinds of messages wait: those of a sender that had a PASSporT within the last day, and those of a new sender on a
 * route on which at least one message in SC_EXPECT_USUAL has one. Other messages do not wait, except for probes: on
 * each route the first SC_EXPECT_PROBES messages of new senders, then one message of new senders in SC_EXPECT_NEW_S
 * seconds, and one message of senders known not to sign in SC_EXPECT_KNOWN_S seconds. A PASSporT that is at the CPS
 * when the message arrives counts without any wait.
 */
enum {
    SC_EXPECT_RECENT_S = 86400,
    SC_EXPECT_USUAL = 8,
    SC_EXPECT_PROBES = 3,
    SC_EXPECT_NEW_S = 5,
    SC_EXPECT_KNOWN_S = 30,
    SC_EXPECT_MISSES = 3,         /* messages without a PASSporT after which a sender is known not to sign, */
    SC_EXPECT_MISSES_SIGNER = 20, /* or, if it signed before, is known to sign no more */
    SC_EXPECT_ROUTES = 1024,
    SC_EXPECT_SENDERS = 65536,
    SC_EXPECT_FILE_MAX = 4 << 20, /* maximum size of the saved file in octets */
};

enum sc_expected {
    SC_EXPECT_NOTHING, /* the message does not wait */
    SC_EXPECT_PROBE,   /* it waits to find out whether others should */
    SC_EXPECT_PASSPORT,
    SC_EXPECTED_COUNT,
};

struct sc_expect;

/* Returns NULL if out of memory or without random octets. */
struct sc_expect *sc_expect_new(void);
void sc_expect_free(struct sc_expect *expect);

/* Returns whether a message from `orig` on `route` waits. A probe is counted as used. now_s: wall clock in seconds, so
 * that what was learned can be used after a restart. */
enum sc_expected sc_expect_ask(struct sc_expect *expect, const char *route, const char *orig, int64_t now_s);

/* Learns that a message had a PASSporT that passed, or that none was found. waited: it had waited for it. */
void sc_expect_saw(struct sc_expect *expect, const char *route, const char *orig, bool passport, bool waited,
                   int64_t now_s);

/* Returns true if anything was learned since it was loaded or copied. */
bool sc_expect_is_changed(const struct sc_expect *expect);

/* Returns a copy that another thread can save and the caller frees; NULL if out of memory. */
struct sc_expect *sc_expect_take_copy(struct sc_expect *expect);

/* Appends everything to out, to be written to a file: the key, and senders and routes as keyed hashes. STIR_E_NOMEM. */
enum stir_code sc_expect_save(const struct sc_expect *expect, struct stir_buf *out) STIR_MUST_CHECK;

/* Restores what sc_expect_save wrote. STIR_E_IO if the data is something else; nothing is changed then. */
enum stir_code sc_expect_load(struct sc_expect *expect, const void *data, size_t len,
                              struct stir_error *err) STIR_MUST_CHECK;
