/* SPDX-License-Identifier: MIT */
#include "cps/api/report.h"

#include "common/jose/json.h"
#include "cps/api/cursor.h"
#include "cps/api/id_text.h"
#include "cps/api/store_problem.h"
#include "cps/auth/publisher.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <assert.h>
#include <openssl/sha.h>
#include <string.h>
#include <time.h>

#define REASON_MAX 32
#define RECORD_LIFE_MS (INT64_C(259200) * 1000) /* the store cuts it to [store] ttl_max_s */

/*
 * The store keeps the publisher of each envelope beside it. A report takes three steps: get the envelope; claim to be
 * the first report of it and add an entry to the publisher's reports, in one operation; take the tokens of the rate
 * limit.
 *
 * An entry of a publisher's reports is the members of a JSON object: "dest", "id" and, where they are known, "holder"
 * and "reason".
 */
struct report_state {
    uint8_t id[CPSD_ID_OCTETS];
    uint8_t publisher[CPSD_PUBLISHER_MAX];
    size_t publisher_len; /* 0: published without a verified credential */
    char reason[REASON_MAX + 1];
};
CPSD_STATE_FITS(struct report_state);

static struct report_state *report_state(struct cpsd_request *request)
{
    return (void *)request->state;
}

static struct stir_view report_publisher(struct cpsd_request *request)
{
    const struct report_state *state = report_state(request);
    return stir_view((const char *)state->publisher, state->publisher_len);
}

/* Writes the name of the box of a publisher's reports. */
static void report_box(struct stir_identity *out, struct stir_view publisher)
{
    static const char prefix[] = "/reports/"; /* no destination starts with a slash, so no path names this box */
    char name[CPSD_PUBLISHER_NAME];
    cpsd_publisher_name(name, publisher);
    size_t n = strlen(name);
    out->kind = STIR_IDENTITY_URI;
    memcpy(out->text, prefix, sizeof(prefix) - 1);
    memcpy(out->text + sizeof(prefix) - 1, name, n + 1);
    out->len = (unsigned)(sizeof(prefix) - 1 + n);
}

/* ---- the answer ---- */

static void report_accept(struct cpsd_request *request)
{
    struct cpsd_response response = {.status = 204};
    cpsd_respond(request, &response);
}

static void report_paid(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
    } else {
        report_accept(request);
    }
}

/* ---- the first report of an envelope ---- */

static void report_log(struct cpsd_request *request)
{
    char publisher[CPSD_PUBLISHER_NAME], holder[CPSD_PUBLISHER_NAME];
    const struct report_state *state = report_state(request);
    cpsd_publisher_name(publisher, report_publisher(request));
    cpsd_rate_limit_holder(holder, request);
    const struct stir_log_field fields[] = {
        {"publisher", publisher[0] ? publisher : NULL},
        {"holder", holder[0] ? holder : NULL},
        {"reason", state->reason[0] ? state->reason : NULL},
    };
    stir_log_limited(request->service->log, "report", STIR_LOG_NOTICE, fields, sizeof(fields) / sizeof(fields[0]),
                     publisher[0]
                         ? "report: a holder reports an envelope as bogus"
                         : "report: a holder reports an envelope as bogus; it was published without a credential");
}

static void report_added(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct cpsd_config *config = request->service->config;
    struct stir_view publisher = report_publisher(request);
    if (result->code == STIR_E_REPLAYED) {
        report_accept(request); /* it was reported before: counts for nothing */
        return;
    }
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
        return;
    }
    /* the first report of this envelope */
    cpsd_count(publisher.len ? &request->service->metrics->reports_known : &request->service->metrics->reports_unknown,
               1);
    report_log(request);
    if (!publisher.len || !config->publish_by_spc || !config->report_cost) {
        report_accept(request);
        return;
    }
    /* it costs the publisher tokens of what it may send to this holder, and to nobody else */
    struct cpsd_bucket bucket = cpsd_rate_limit_of_pair(request, publisher);
    bucket.cost = (uint32_t)config->report_cost;
    cpsd_store_owe(request->service->store, &bucket, report_paid, request);
}

static void report_put_member(struct stir_buf *out, const char *name, struct stir_view value)
{
    if (value.len) {
        stir_buf_printf(out, "%s\"%s\":", out->len ? "," : "", name);
        stir_json_quote(out, value.ptr, value.len);
    }
}

/* Adds the report to those of the publisher, if it is the first one of the envelope. */
static void report_add(struct cpsd_request *request, const struct cpsd_claim *claim)
{
    struct stir_buf text = {.limit = 4096};
    struct stir_identity box;
    char id[CPSD_ID_TEXT], holder[CPSD_PUBLISHER_NAME];
    const struct report_state *state = report_state(request);
    cpsd_id_text(id, state->id);
    cpsd_rate_limit_holder(holder, request);
    report_put_member(&text, "dest", stir_view(request->dest.text, request->dest.len));
    report_put_member(&text, "id", stir_view(id, sizeof(id)));
    report_put_member(&text, "holder", stir_view_str(holder));
    report_put_member(&text, "reason", stir_view_str(state->reason));
    const struct cpsd_put put = {.id = claim->id,
                                 .envelope = stir_view(text.ptr, text.len),
                                 .ttl_ms = RECORD_LIFE_MS,
                                 .claim = claim,
                                 .ring = CPSD_REPORTS_KEPT};
    if (stir_buf_state(&text) == STIR_OK) {
        report_box(&box, report_publisher(request));
        cpsd_store_publish(request->service->store, &box, &put, report_added, request);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&text);
}

/* ---- the envelope ---- */

/* Writes the claim that only the first report of an envelope in a box can make. */
static void report_claim(struct cpsd_claim *claim, const struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS])
{
    uint8_t text[7 + CPSD_ID_OCTETS + STIR_IDENTITY_MAX] = "report:", digest[SHA256_DIGEST_LENGTH];
    memcpy(text + 7, id, CPSD_ID_OCTETS);
    memcpy(text + 7 + CPSD_ID_OCTETS, request->dest.text, request->dest.len);
    SHA256(text, 7 + CPSD_ID_OCTETS + request->dest.len, digest);
    memcpy(claim->id, digest, sizeof(claim->id));
}

static void report_found(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct report_state *state = report_state(request);
    struct cpsd_claim claim;
    if (result->code != STIR_OK || !result->count) {
        cpsd_store_problem(request, result);
        return;
    }
    const struct cpsd_entry *entry = &result->entries[0];
    assert(entry->publisher.len <= sizeof(state->publisher));
    memcpy(state->publisher, entry->publisher.ptr, entry->publisher.len);
    state->publisher_len = entry->publisher.len;
    report_claim(&claim, request, state->id);
    claim.ttl_ms = (entry->expires_us - result->now_us) / 1000 + 1;
    if (state->publisher_len) {
        report_add(request, &claim);
    } else {
        cpsd_store_once(request->service->store, &claim, report_added, request);
    }
}

/* Reads ?reason=, a word that the holder chooses. Returns false after answering 400. */
static bool report_read_reason(struct cpsd_request *request)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    struct report_state *state = report_state(request);
    struct stir_view text;
    if (!cpsd_http_query(request->query, "reason", &text)) {
        return true;
    }
    size_t n = text.len <= REASON_MAX ? text.len : 0; /* 0 is refused below */
    memcpy(state->reason, text.ptr, n);
    if (n == 0 || strspn(state->reason, allowed) != n) {
        cpsd_problem(request, 400, "the query is not valid",
                     "reason must be a word of up to 32 lower-case letters, digits and hyphens", 0, NULL);
        return false;
    }
    return true;
}

void cpsd_report(struct cpsd_request *request)
{
    struct report_state *state = report_state(request);
    if (cpsd_id_from_path(request, state->id) && report_read_reason(request)) {
        cpsd_store_get(request->service->store, &request->dest, state->id, cpsd_request_claim(request), report_found,
                       request);
    }
}

/* ---- GET /cps/reports ---- */

struct reports_state {
    int64_t after_us;
};
CPSD_STATE_FITS(struct reports_state);

static void reports_put(struct stir_buf *out, const struct cpsd_entry *entry)
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

static void reports_listed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct reports_state *state = (const void *)request->state;
    char cursor[CPSD_CURSOR_TEXT + 1];
    struct stir_buf body = {.limit = 64u << 20};
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
        return;
    }
    stir_buf_puts(&body, "{\"reports\":[");
    for (size_t i = 0; i < result->count; i++) {
        stir_buf_puts(&body, i ? "," : "");
        reports_put(&body, &result->entries[i]);
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
    /* the policy can be "open", but only a credential says whose reports to show */
    if (!publisher.len) {
        (void)stir_fail(&err, STIR_E_UNAUTHORIZED,
                        "reports are shown to the publisher of the envelopes only: send its credential");
        cpsd_problem_error(request, &err);
        return;
    }
    if (cpsd_cursor_after(request, stir_view(NULL, 0), &state->after_us)) {
        report_box(&box, publisher);
        cpsd_store_list(request->service->store, &box, state->after_us, (size_t)config->list_max_entries,
                        (size_t)config->list_max_bytes, cpsd_request_claim(request), reports_listed, request);
    }
}
