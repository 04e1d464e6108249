/* SPDX-License-Identifier: MIT */
#include "common/cert/list_refresh.h"

#include <assert.h>

bool stir_list_refresh_is_due(const struct stir_list_refresh *refresh, int64_t now_ms)
{
    return now_ms >= refresh->due_ms;
}

void stir_list_refresh_end(struct stir_list_refresh *refresh, bool good, int64_t now_ms, int64_t now_s,
                           int64_t every_ms)
{
    assert(every_ms > 0);
    int64_t wait_ms = good || every_ms < STIR_LIST_RETRY_MS ? every_ms : STIR_LIST_RETRY_MS;
    refresh->tried = true;
    refresh->due_ms = now_ms + wait_ms;
    if (good) {
        refresh->good_at = now_s;
    } else {
        refresh->failures++;
    }
}

enum stir_list_age stir_list_age(int64_t exp, int64_t grace_s, int64_t now)
{
    if (now <= exp) {
        return STIR_LIST_CURRENT;
    }
    return now - grace_s <= exp ? STIR_LIST_IN_GRACE : STIR_LIST_EXPIRED;
}
