#include "cps/api/report.h"

#include "common/jose/json.h"
#include "cps/api/ppts_common.h"
#include "cps/api/report_common.h"
#include "cps/auth/rate_limit.h"
#include "cps/http/problem.h"

#include <openssl/sha.h>
#include <string.h>

#define REASON_MAX 32
#define RECORD_LIFE_MS (INT64_C(259200) * 1000) /* cut to [store] ttl_max_s by the store */

/*
 * The store keeps beside each envelope who published it. A report asks for the envelope; then it claims to be the first
 * one of it and adds itself to the publisher's reports, in one step; then it takes the tokens.
 */
struct report_state {
    uint8_t id[CPSD_ID_OCTETS];
    uint8_t publisher[CPSD_PUBLISHER_MAX];
    size_t publisher_len; /* 0: it had no verified credential */
    char reason[REASON_MAX + 1];
};
CPSD_STATE_FITS(struct report_state);

static struct report_state *state_of(struct cpsd_request *request)
{
    return (void *)request->state;
}

static struct stir_view publisher_of(struct cpsd_request *request)
{
    const struct report_state *state = state_of(request);
    return stir_view((const char *)state->publisher, state->publisher_len);
}

void cpsd_reports_box(struct stir_identity *out, struct stir_view publisher)
{
    static const char prefix[] = "/reports/"; /* no path names a box that begins with a slash */
    char name[CPSD_PUBLISHER_NAME];
    cpsd_publisher_name(name, publisher);
    size_t n = strlen(name);
    out->kind = STIR_IDENTITY_URI;
    memcpy(out->text, prefix, sizeof(prefix) - 1);
    memcpy(out->text + sizeof(prefix) - 1, name, n + 1);
    out->len = (unsigned)(sizeof(prefix) - 1 + n);
}

/* ---- the answer ---- */

static void accept_report(struct cpsd_request *request)
{
    struct cpsd_response response = {.status = 204};
    cpsd_respond(request, &response);
}

static void paid(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code != STIR_OK) {
        cpsd_ppts_store_problem(request, result);
    } else {
        accept_report(request);
    }
}

/* ---- the first report of an envelope ---- */

static void log_report(struct cpsd_request *request)
{
    char publisher[CPSD_PUBLISHER_NAME], holder[CPSD_PUBLISHER_NAME];
    const struct report_state *state = state_of(request);
    cpsd_publisher_name(publisher, publisher_of(request));
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

static void reported(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct cpsd_config *config = request->service->config;
    struct stir_view publisher = publisher_of(request);
    if (result->code == STIR_E_REPLAYED) {
        accept_report(request); /* it was reported before */
        return;
    }
    if (result->code != STIR_OK) {
        cpsd_ppts_store_problem(request, result);
        return;
    }
    cpsd_count(publisher.len ? &request->service->metrics->reports_known : &request->service->metrics->reports_unknown,
               1);
    log_report(request);
    if (!publisher.len || !config->publish_by_spc || !config->report_cost) {
        accept_report(request);
        return;
    }
    struct cpsd_bucket bucket = cpsd_rate_limit_of_pair(request, publisher);
    bucket.cost = (uint32_t)config->report_cost;
    cpsd_store_owe(request->service->store, &bucket, paid, request);
}

static void put_member(struct stir_buf *out, const char *name, struct stir_view value)
{
    if (value.len) {
        stir_buf_printf(out, "%s\"%s\":", out->len ? "," : "", name);
        stir_json_quote(out, value.ptr, value.len);
    }
}

/* Adds the report to its publisher's, if this is the first one of the envelope. */
static void add_report(struct cpsd_request *request, const struct cpsd_claim *claim)
{
    struct stir_buf text = {.limit = 4096};
    struct stir_identity box;
    char id[CPSD_ID_TEXT], holder[CPSD_PUBLISHER_NAME];
    const struct report_state *state = state_of(request);
    cpsd_ppts_id_text(id, state->id);
    cpsd_rate_limit_holder(holder, request);
    put_member(&text, "dest", stir_view(request->dest.text, request->dest.len));
    put_member(&text, "id", stir_view(id, sizeof(id)));
    put_member(&text, "holder", stir_view_str(holder));
    put_member(&text, "reason", stir_view_str(state->reason));
    const struct cpsd_put put = {.id = claim->id,
                                 .envelope = stir_view(text.ptr, text.len),
                                 .ttl_ms = RECORD_LIFE_MS,
                                 .claim = claim,
                                 .ring = CPSD_REPORTS_KEPT};
    if (stir_buf_state(&text) == STIR_OK) {
        cpsd_reports_box(&box, publisher_of(request));
        cpsd_store_publish(request->service->store, &box, &put, reported, request);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&text);
}

/* ---- the envelope ---- */

/* The name of the first report of an envelope in a box. */
static void claim_of(struct cpsd_claim *claim, const struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS])
{
    uint8_t text[7 + CPSD_ID_OCTETS + STIR_IDENTITY_MAX] = "report:", digest[SHA256_DIGEST_LENGTH];
    memcpy(text + 7, id, CPSD_ID_OCTETS);
    memcpy(text + 7 + CPSD_ID_OCTETS, request->dest.text, request->dest.len);
    SHA256(text, 7 + CPSD_ID_OCTETS + request->dest.len, digest);
    memcpy(claim->id, digest, sizeof(claim->id));
}

static void found(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct report_state *state = state_of(request);
    struct cpsd_claim claim;
    if (result->code != STIR_OK || !result->count) {
        cpsd_ppts_store_problem(request, result);
        return;
    }
    const struct cpsd_entry *entry = &result->entries[0];
    memcpy(state->publisher, entry->publisher.ptr, entry->publisher.len);
    state->publisher_len = entry->publisher.len;
    claim_of(&claim, request, state->id);
    claim.ttl_ms = (entry->expires_us - result->now_us) / 1000 + 1;
    if (state->publisher_len) {
        add_report(request, &claim);
    } else {
        cpsd_store_once(request->service->store, &claim, reported, request);
    }
}

/* ?reason=: a word of the holder's. False: answered 400. */
static bool read_reason(struct cpsd_request *request)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    struct report_state *state = state_of(request);
    struct stir_view text;
    if (!cpsd_http_query(request->query, "reason", &text)) {
        return true;
    }
    size_t n = text.len <= REASON_MAX ? text.len : 0;
    memcpy(state->reason, text.ptr, n);
    if (n == 0 || strspn(state->reason, allowed) != n) {
        cpsd_problem(request, 400, "the query is not understood",
                     "reason is a word of up to 32 lower-case letters, digits and hyphens", 0, NULL);
        return false;
    }
    return true;
}

void cpsd_report(struct cpsd_request *request)
{
    struct report_state *state = state_of(request);
    if (cpsd_ppts_id(request, state->id) && read_reason(request)) {
        cpsd_store_get(request->service->store, &request->dest, state->id, cpsd_request_claim(request), found, request);
    }
}
