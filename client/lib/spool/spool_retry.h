#pragma once

#include "client/lib/context/errors.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * When the spool may try, and how much at once. No clock, no I/O, no chance of its own: the caller brings the time (ms
 * of any one clock) and random bits. Not thread-safe.
 */
#define CPS_SPOOL_RETRY_AFTER_MAX_S 3600
#define CPS_SPOOL_AWAY_MS 500 /* between looks whether a CPS that is away is back */

/* What an answer means for the entry that was tried. */
enum cps_spool_fate {
    CPS_FATE_PUBLISHED,
    CPS_FATE_BOX,     /* this box takes nothing now */
    CPS_FATE_CPS,     /* the CPS takes nothing now, or cannot be reached */
    CPS_FATE_AWAY,    /* the CPS is known to be away: nobody was asked */
    CPS_FATE_REFUSED, /* never */
    CPS_FATE_LOCAL,   /* it was not tried at all */
};

enum cps_spool_fate cps_spool_fate(enum cps_code code);

/* True for a failure that may pass: what could not be published may be spooled. */
bool cps_spool_may_pass(enum cps_code code);

struct cps_spool_pace {
    uint32_t min_ms;   /* bound of the first pause */
    uint32_t max_ms;   /* of the longest */
    uint32_t parallel; /* most at once */
};

/* A pause before the next try, after `tries` failures: full jitter, and what the CPS asked for on top. */
int64_t cps_spool_pause(const struct cps_spool_pace *pace, unsigned tries, unsigned retry_after_s, uint64_t random);

struct cps_spool_retry {
    struct cps_spool_pace pace;
    unsigned window;       /* so many at once; starts at 1: the first one asks how the CPS is */
    unsigned failures;     /* of the CPS, one after the other */
    unsigned box_refusals; /* one after the other: so many full boxes are rather too many requests */
    int64_t not_before_ms;
    bool away;
};

void cps_spool_retry_init(struct cps_spool_retry *retry, const struct cps_spool_pace *pace);

/* How many more may be tried now that so many are under way. */
unsigned cps_spool_room(const struct cps_spool_retry *retry, int64_t now_ms, unsigned under_way);

/* Takes an answer in. */
void cps_spool_heard(struct cps_spool_retry *retry, enum cps_spool_fate fate, unsigned retry_after_s, int64_t now_ms,
                     uint64_t random);
