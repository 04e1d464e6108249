/* SPDX-License-Identifier: MIT */
#include "cps/api/cursor.h"

#include "common/jose/b64.h"
#include "cps/http/problem.h"

void cpsd_cursor_text(char out[CPSD_CURSOR_TEXT + 1], int64_t arrival_us)
{
    uint8_t octets[8];
    for (int i = 0; i < 8; i++) {
        octets[i] = (uint8_t)((uint64_t)arrival_us >> (56 - 8 * i));
    }
    (void)stir_b64url_encode(out, octets, sizeof(octets));
    out[CPSD_CURSOR_TEXT] = '\0';
}

bool cpsd_cursor_parse(struct stir_view text, int64_t *arrival_us)
{
    uint8_t octets[8];
    size_t len = 0;
    if (text.len != CPSD_CURSOR_TEXT ||
        stir_b64url_decode(octets, sizeof(octets), &len, text.ptr, text.len) != STIR_OK || len != sizeof(octets)) {
        return false;
    }
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) {
        n = n << 8 | octets[i];
    }
    *arrival_us = (int64_t)n;
    return n <= INT64_MAX;
}

bool cpsd_cursor_after(struct cpsd_request *request, struct stir_view event, int64_t *after_us)
{
    struct stir_view text = event;
    *after_us = 0;
    if ((text.len || cpsd_http_query(request->query, "after", &text)) && !cpsd_cursor_parse(text, after_us)) {
        cpsd_problem(request, 400, "the place to continue from is not a cursor",
                     "send the cursor of an earlier list in ?after=, or the id of an event in Last-Event-ID, unchanged",
                     0, NULL);
        return false;
    }
    return true;
}
