/* SPDX-License-Identifier: MIT */
#include "cps/api/cursor.h"
#include "cps/api/feed.h"
#include "cps/api/feed_entry.h"
#include "cps/api/spc_path.h"
#include "cps/api/store_problem.h"
#include "cps/auth/trusted.h"
#include "cps/http/problem.h"

#include <stdio.h>
#include <string.h>

struct prefix_state {
    struct stir_identity box;
    char prefix[STIR_TN_MAX + 1];
    int64_t after_us;
};

CPSD_STATE_FITS(struct prefix_state);

/* Reads the digits before the asterisk. Returns false after answering 400. */
static bool prefix_read(struct cpsd_request *request, char out[STIR_TN_MAX + 1])
{
    const struct cpsd_config *config = request->service->config;
    struct stir_view text = request->segment[0];
    char detail[80];
    text.len--; /* the asterisk */
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    if (digits != text.len || digits < (size_t)config->prefix_min || digits > STIR_TN_MAX) {
        (void)snprintf(detail, sizeof(detail), "write %u to %d digits before the asterisk",
                       (unsigned)config->prefix_min, STIR_TN_MAX);
        cpsd_problem(request, 400, "the path does not name a prefix of numbers", detail, 0, NULL);
        return false;
    }
    memcpy(out, text.ptr, digits);
    out[digits] = '\0';
    return true;
}

bool cpsd_prefix_path(struct cpsd_request *request)
{
    const struct cpsd_service *service = request->service;
    const struct stir_numtable *numbers = service->trusted ? service->trusted->numbers : NULL;
    char prefix[STIR_TN_MAX + 1];
    struct stir_numtable_row row;
    if (!prefix_read(request, prefix)) {
        return false;
    }
    if (!service->config->feeds || !numbers || !stir_numtable_find(numbers, prefix, &row)) {
        cpsd_problem(request, 404, stir_strerror(STIR_E_NOT_FOUND),
                     service->config->feeds ? "the number table assigns these numbers to no provider"
                                            : "this server offers no lists by prefix ([feeds] enabled = no)",
                     0, NULL);
        return false;
    }
    cpsd_spc_identity(&request->dest, row.spc);
    request->has_dest = true;
    return true;
}

/* Appends the entries whose number starts with the prefix. Returns the arrival time of the last entry of the list,
 * shown or not: the next list continues there. */
static int64_t prefix_put_entries(struct stir_buf *body, const struct prefix_state *state,
                                  const struct cpsd_store_result *result)
{
    size_t n = strlen(state->prefix);
    bool any = false;
    for (size_t i = 0; i < result->count; i++) {
        struct stir_view dest, envelope;
        if (cpsd_feed_entry(&result->entries[i], &dest, &envelope) && dest.len >= n &&
            memcmp(dest.ptr, state->prefix, n) == 0) {
            stir_buf_puts(body, any ? "," : "");
            cpsd_feed_render(body, &result->entries[i], dest, envelope);
            any = true;
        }
    }
    return result->count ? result->entries[result->count - 1].arrival_us : state->after_us;
}

static void prefix_list_done(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct prefix_state *state = (const void *)request->state;
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    struct stir_buf body = {.limit = 80u << 20}, link = {.limit = 4096};
    char cursor[CPSD_CURSOR_TEXT + 1];
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
        return;
    }
    stir_buf_puts(&body, "{\"ppts\":[");
    cpsd_cursor_text(cursor, prefix_put_entries(&body, state, result));
    stir_buf_printf(&body, "],\"cursor\":\"%s\"}", cursor);
    cpsd_response_field(&response, "Cache-Control", "no-store");
    /* RFC 8288: where the rest is; an entry list of no match can be followed by more */
    if (result->more) {
        stir_buf_printf(&link, "<%s/cps/%s*/ppts?after=%s>; rel=\"next\"", request->service->config->public_url,
                        state->prefix, cursor);
        cpsd_response_field(&response, "Link", link.ptr ? link.ptr : "");
    }
    if (stir_buf_state(&body) == STIR_OK && stir_buf_state(&link) == STIR_OK) {
        response.body = stir_view(body.ptr, body.len);
        cpsd_respond(request, &response);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&link);
    stir_buf_free(&body);
}

void cpsd_prefix(struct cpsd_request *request)
{
    struct prefix_state *state = (void *)request->state;
    const struct cpsd_config *config = request->service->config;
    if (!prefix_read(request, state->prefix) || !cpsd_cursor_after(request, stir_view(NULL, 0), &state->after_us)) {
        return;
    }
    cpsd_feed_box(&state->box, request->dest.text + strlen(CPSD_SPC_SCHEME));
    cpsd_store_list(request->service->store, &state->box, state->after_us, (size_t)config->list_max_entries,
                    (size_t)config->list_max_bytes, cpsd_request_claim(request), prefix_list_done, request);
}
