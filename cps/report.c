#include "cps/report.h"

#include "cps/limits.h"
#include "cps/ppts_common.h"
#include "cps/problem.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

/*
 * Who published an envelope is a record beside it, in its box's slot. A report asks for the envelope, then claims to be
 * the first one of it, then looks for the record, then takes the tokens.
 */
struct report_state {
    uint8_t id[CPSD_ID_OCTETS];
};

/* "/publisher/{dest}/{id}". The length of a name is bounded: a long destination stands in it by its digest. */
static void record_name(struct stir_identity *out, const struct stir_identity *dest, const uint8_t id[CPSD_ID_OCTETS])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char id_text[CPSD_ID_TEXT];
    cpsd_ppts_id_text(id_text, id);
    SHA256((const unsigned char *)dest->text, dest->len, digest);
    out->kind = STIR_IDENTITY_URI;
    int n =
        snprintf(out->text, sizeof(out->text), "/publisher/%02x%02x%02x%02x%02x%02x%02x%02x/%.*s", digest[0], digest[1],
                 digest[2], digest[3], digest[4], digest[5], digest[6], digest[7], (int)sizeof(id_text), id_text);
    out->len = (unsigned)n;
}

static void nobody_waits(void *arg, const struct cpsd_store_result *result)
{
    (void)arg, (void)result;
}

void cpsd_report_remember(struct cpsd_request *request, const uint8_t id[CPSD_ID_OCTETS], int64_t ttl_ms)
{
    const struct cpsd_config *config = request->service->config;
    struct stir_identity name;
    if (config->report_cost && config->publish_by_spc && request->caller.spc[0]) {
        record_name(&name, &request->dest, id);
        cpsd_store_keep(request->service->store, &name, stir_view_str(request->caller.spc), ttl_ms, 0, NULL,
                        nobody_waits, NULL);
    }
}

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

static void publisher_found(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct cpsd_config *config = request->service->config;
    if (result->code != STIR_OK && result->code != STIR_E_NOT_FOUND) {
        cpsd_ppts_store_problem(request, result);
        return;
    }
    bool known = result->code == STIR_OK && result->count == 1 && result->entries[0].envelope.len <= STIR_SPC_MAX;
    cpsd_count(known ? &request->service->metrics->reports_known : &request->service->metrics->reports_unknown, 1);
    if (!known || !config->publish_by_spc || !config->report_cost) {
        stir_log_plain(request->service->log, STIR_LOG_NOTICE, "report: an envelope of an unknown publisher is bogus");
        accept_report(request);
        return;
    }
    struct cpsd_bucket bucket = cpsd_limits_of_spc(config, result->entries[0].envelope);
    bucket.cost = (uint32_t)config->report_cost;
    stir_log_plain(request->service->log, STIR_LOG_NOTICE, "report: an envelope that %s published is bogus",
                   bucket.name);
    cpsd_store_owe(request->service->store, &bucket, paid, request);
}

static void claimed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct report_state *state = (const void *)request->state;
    struct stir_identity name;
    if (result->code == STIR_E_REPLAYED) {
        accept_report(request);
    } else if (result->code != STIR_OK) {
        cpsd_ppts_store_problem(request, result);
    } else {
        record_name(&name, &request->dest, state->id);
        cpsd_store_look(request->service->store, &name, NULL, publisher_found, request);
    }
}

static void found(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct report_state *state = (const void *)request->state;
    uint8_t text[7 + CPSD_ID_OCTETS] = "report:", digest[SHA256_DIGEST_LENGTH];
    struct cpsd_claim claim;
    if (result->code != STIR_OK || !result->count) {
        cpsd_ppts_store_problem(request, result);
        return;
    }
    memcpy(text + 7, state->id, CPSD_ID_OCTETS);
    SHA256(text, sizeof(text), digest);
    memcpy(claim.id, digest, sizeof(claim.id));
    claim.ttl_ms = (result->entries[0].expires_us - result->now_us) / 1000 + 1;
    cpsd_store_once(request->service->store, &request->dest, &claim, claimed, request);
}

void cpsd_report(struct cpsd_request *request)
{
    struct report_state *state = (void *)request->state;
    if (cpsd_ppts_id(request, state->id)) {
        cpsd_store_get(request->service->store, &request->dest, state->id, cpsd_request_claim(request), found, request);
    }
}
