#include "cps/api/cursor.h"
#include "cps/api/feed_common.h"
#include "cps/api/ppts_common.h"
#include "cps/api/report.h"
#include "cps/api/report_common.h"
#include "cps/http/problem.h"

#include <time.h>

/* What a publisher sees of the reports of its envelopes. */
struct reports_state {
    int64_t after_us;
};
CPSD_STATE_FITS(struct reports_state);

static void put_report(struct stir_buf *out, const struct cpsd_entry *entry)
{
    char at[sizeof("2026-11-29T12:34:56Z")] = "";
    time_t seconds = (time_t)(entry->arrival_us / 1000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm)) {
        (void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    stir_buf_printf(out, "{\"at\":\"%s\",", at);
    stir_buf_put(out, entry->envelope.ptr, entry->envelope.len);
    stir_buf_puts(out, "}");
}

static void listed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct reports_state *state = (const void *)request->state;
    char cursor[CPSD_CURSOR_TEXT + 1];
    struct stir_buf body = {.limit = 64u << 20};
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    if (result->code != STIR_OK) {
        cpsd_ppts_store_problem(request, result);
        return;
    }
    stir_buf_puts(&body, "{\"reports\":[");
    for (size_t i = 0; i < result->count; i++) {
        stir_buf_puts(&body, i ? "," : "");
        put_report(&body, &result->entries[i]);
    }
    cpsd_cursor_text(cursor, result->count ? result->entries[result->count - 1].arrival_us : state->after_us);
    stir_buf_printf(&body, "],\"cursor\":\"%s\",\"more\":%s}", cursor, result->more ? "true" : "false");
    if (stir_buf_state(&body) == STIR_OK) {
        response.body = stir_view(body.ptr, body.len);
        cpsd_response_field(&response, "Cache-Control", "no-store");
        cpsd_respond(request, &response);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&body);
}

void cpsd_reports(struct cpsd_request *request)
{
    struct reports_state *state = (void *)request->state;
    const struct cpsd_config *config = request->service->config;
    uint8_t room[CPSD_PUBLISHER_MAX];
    struct stir_view publisher;
    struct stir_identity box;
    struct stir_error err = {0};
    if (cpsd_publisher_of(&publisher, room, &request->caller) != STIR_OK) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
        return;
    }
    if (!publisher.len) { /* the policy may be "open" */
        (void)stir_fail(&err, STIR_E_UNAUTHORIZED, "whose reports? a publisher sees its own, with its credential");
        cpsd_problem_error(request, &err);
        return;
    }
    if (cpsd_feed_after(request, stir_view(NULL, 0), &state->after_us)) {
        cpsd_reports_box(&box, publisher);
        cpsd_store_list(request->service->store, &box, state->after_us, (size_t)config->list_max_entries,
                        (size_t)config->list_max_bytes, cpsd_request_claim(request), listed, request);
    }
}
