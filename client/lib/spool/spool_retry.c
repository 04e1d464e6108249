/* SPDX-License-Identifier: MIT */
#include "client/lib/spool/spool_retry.h"

#define BOX_REFUSALS_MAX 16 /* in sequence, before everything pauses */

enum cps_spool_fate cps_spool_fate(enum cps_code code)
{
    switch (code) {
    case CPS_OK:
        return CPS_FATE_PUBLISHED;
    case CPS_E_BOX_FULL:
    case CPS_E_FORBIDDEN:
        return CPS_FATE_BOX;
    case CPS_E_AWAY:
        return CPS_FATE_AWAY;
    case CPS_E_CONNECT:
    case CPS_E_TLS:
    case CPS_E_CERT_TIME: /* our credential has expired and has to be renewed */
    case CPS_E_TIMEOUT:
    case CPS_E_PROTOCOL:
    case CPS_E_UNAVAILABLE:
    case CPS_E_UNAUTHORIZED: /* the fault of our credential, which may be replaced while the entry is fresh */
        return CPS_FATE_CPS;
    case CPS_E_REFUSED:
        return CPS_FATE_REFUSED;
    default:
        return CPS_FATE_LOCAL;
    }
}

bool cps_spool_may_pass(enum cps_code code)
{
    switch (code) {
    case CPS_E_CONNECT:
    case CPS_E_TLS:
    case CPS_E_CERT_TIME: /* our credential has expired and has to be renewed */
    case CPS_E_TIMEOUT:
    case CPS_E_UNAVAILABLE:
    case CPS_E_AWAY:
    case CPS_E_BOX_FULL:
    case CPS_E_BUSY:
    case CPS_E_CLOSED:
        return true;
    default:
        return false;
    }
}

int64_t cps_spool_pause(const struct cps_spool_pace *pace, unsigned tries, unsigned retry_after_s, uint64_t random)
{
    uint64_t bound = pace->min_ms;
    for (unsigned i = 1; i < tries && bound < pace->max_ms; i++) {
        bound *= 2;
    }
    bound = bound < pace->max_ms ? bound : pace->max_ms;
    uint64_t asked = retry_after_s < CPS_SPOOL_RETRY_AFTER_MAX_S ? retry_after_s : CPS_SPOOL_RETRY_AFTER_MAX_S;
    return (int64_t)(asked * 1000 + 1 + random % bound);
}

void cps_spool_retry_init(struct cps_spool_retry *retry, const struct cps_spool_pace *pace)
{
    *retry = (struct cps_spool_retry){.pace = *pace, .window = 1};
}

unsigned cps_spool_room(const struct cps_spool_retry *retry, int64_t now_ms, unsigned under_way)
{
    if (now_ms < retry->not_before_ms || under_way >= retry->window) {
        return 0;
    }
    return retry->window - under_way;
}

/* Pauses everything after a failure. Attempts that were made together and fail together count as one failure. */
static void spool_retry_pause_all(struct cps_spool_retry *retry, unsigned retry_after_s, int64_t now_ms,
                                  uint64_t random)
{
    if (now_ms >= retry->not_before_ms && retry->failures < UINT32_MAX) {
        retry->failures++;
    }
    int64_t until = now_ms + cps_spool_pause(&retry->pace, retry->failures, retry_after_s, random);
    if (now_ms >= retry->not_before_ms || (retry_after_s && until > retry->not_before_ms)) {
        retry->not_before_ms = until;
    }
    retry->window = 1;
}

static void spool_retry_answered(struct cps_spool_retry *retry)
{
    retry->away = false;
    retry->failures = 0;
    retry->not_before_ms = 0;
}

void cps_spool_heard(struct cps_spool_retry *retry, enum cps_spool_fate fate, unsigned retry_after_s, int64_t now_ms,
                     uint64_t random)
{
    switch (fate) {
    case CPS_FATE_PUBLISHED:
        spool_retry_answered(retry);
        retry->box_refusals = 0;
        retry->window = retry->window < retry->pace.parallel / 2 ? retry->window * 2 : retry->pace.parallel;
        break;
    case CPS_FATE_BOX:
        retry->away = false;
        retry->window = retry->window > 1 ? retry->window / 2 : 1;
        if (++retry->box_refusals >= BOX_REFUSALS_MAX) {
            retry->box_refusals = 0;
            spool_retry_pause_all(retry, retry_after_s, now_ms, random);
        }
        break;
    case CPS_FATE_CPS:
        retry->away = true;
        spool_retry_pause_all(retry, retry_after_s, now_ms, random);
        break;
    case CPS_FATE_AWAY: /* costs nothing to find out, so it is tried again soon */
        retry->away = true;
        retry->window = 1;
        retry->not_before_ms = now_ms + CPS_SPOOL_AWAY_MS;
        break;
    case CPS_FATE_REFUSED:
        spool_retry_answered(retry);
        break;
    case CPS_FATE_LOCAL:
        break;
    }
}
