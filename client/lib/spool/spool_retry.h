/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Decides when the spool may publish, and how many envelopes at once. It has no clock, I/O or random numbers of its
 * own: the caller passes the time (milliseconds of one clock) and random bits. Not thread-safe.
 */
#define CPS_SPOOL_RETRY_AFTER_MAX_S 3600
#define CPS_SPOOL_AWAY_MS 500 /* between attempts while the CPS is known to be away */

/* What an answer means for the entry that was tried. */
enum cps_spool_fate {
    CPS_FATE_PUBLISHED,
    CPS_FATE_BOX,     /* this box accepts nothing now */
    CPS_FATE_CPS,     /* the CPS accepts nothing now, or cannot be reached */
    CPS_FATE_AWAY,    /* the CPS is known to be away: nothing was sent */
    CPS_FATE_REFUSED, /* the CPS refuses it for good */
    CPS_FATE_LOCAL,   /* it was not sent, for a reason on our side */
};

/* Returns the fate that follows from the result of publishing. */
enum cps_spool_fate cps_spool_fate(enum cps_code code);

/* Returns true for a failure that may pass, so that the envelope may be spooled. */
bool cps_spool_may_pass(enum cps_code code);

struct cps_spool_pace {
    uint32_t min_ms;   /* upper bound of the first pause */
    uint32_t max_ms;   /* upper bound of the longest pause */
    uint32_t parallel; /* most envelopes at once */
};

/* Returns the pause before the next attempt, in milliseconds, after `tries` failures: full jitter, after the time that
 * the CPS has asked for. */
int64_t cps_spool_pause(const struct cps_spool_pace *pace, unsigned tries, unsigned retry_after_s, uint64_t random);

struct cps_spool_retry {
    struct cps_spool_pace pace;
    unsigned window;       /* envelopes at once; starts at 1: the first one shows how the CPS is */
    unsigned failures;     /* of the CPS, in sequence */
    unsigned box_refusals; /* in sequence: many full boxes more likely mean too many requests */
    int64_t not_before_ms;
    bool away;
};

/* Begins with a window of 1. */
void cps_spool_retry_init(struct cps_spool_retry *retry, const struct cps_spool_pace *pace);

/* Returns how many more envelopes may be tried while under_way are being published. */
unsigned cps_spool_room(const struct cps_spool_retry *retry, int64_t now_ms, unsigned under_way);

/* Adjusts window and pauses after an answer. */
void cps_spool_heard(struct cps_spool_retry *retry, enum cps_spool_fate fate, unsigned retry_after_s, int64_t now_ms,
                     uint64_t random);
