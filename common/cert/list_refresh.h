/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * When a list that certificates are judged by is read or fetched again: a revocation list, or a list of roots. After a
 * success that is one refresh interval later, after a failure at most a minute later. No I/O and no clock: the caller
 * passes the time.
 */
#define STIR_LIST_RETRY_MS 60000

struct stir_list_refresh {
    int64_t due_ms;    /* of the next attempt, by a clock that does not jump */
    bool tried;        /* the first attempt has ended */
    int64_t good_at;   /* the last success, seconds since the epoch; 0: none */
    uint64_t failures; /* attempts that failed */
};

/* Returns true if an attempt is due. */
bool stir_list_refresh_is_due(const struct stir_list_refresh *refresh, int64_t now_ms);

/* An attempt has ended, well or not. every_ms: the refresh interval. now_s: seconds since the epoch. */
void stir_list_refresh_end(struct stir_list_refresh *refresh, bool good, int64_t now_ms, int64_t now_s,
                           int64_t every_ms);

/* How far a list is past its end. */
enum stir_list_age {
    STIR_LIST_CURRENT,
    STIR_LIST_IN_GRACE, /* expired, and to be used for the time of grace */
    STIR_LIST_EXPIRED,
};

/* Returns the age of a list at `now`. exp, now: seconds since the epoch; grace_s: seconds after exp. */
enum stir_list_age stir_list_age(int64_t exp, int64_t grace_s, int64_t now);
