/* SPDX-License-Identifier: MIT */
#include "cps/api/admin.h"

#include "common/base/log_writer.h"
#include "common/base/process_metrics.h"
#include "common/jose/json.h"
#include "cps/api/id_text.h"
#include "cps/api/store_problem.h"
#include "cps/auth/cert_cache.h"
#include "cps/auth/trust_status.h"
#include "cps/http/problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HEALTH_LIFE_MS 1000
#define HEALTH_OCTETS 4096 /* size of the test record: a store with less room refuses ordinary envelopes */

static const struct stir_identity health_name = {.kind = STIR_IDENTITY_URI, .len = 7, .text = "/health"};

static void admin_answer_ok(struct cpsd_request *request)
{
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    response.body = stir_view_str("{\"status\":200,\"message\":\"OK\"}");
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_respond(request, &response);
}

static void admin_answer_away(struct cpsd_request *request)
{
    cpsd_problem(request, 503, stir_strerror(STIR_E_UNAVAILABLE),
                 "the store cannot be reached or does not accept writes", 1, NULL);
}

/* Answers 200 with advice for the operator: settings of the store's servers that are missing, and lists of trust that
 * were never loaded or have expired. Those need attention, but are no reason to send requests elsewhere. */
static void admin_answer_ready(struct cpsd_request *request)
{
    char advice[1024];
    struct stir_buf body = {.limit = 131072}, lists = {.limit = 65536};
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    /* "store": what the store's servers should be set to */
    cpsd_backend_advice(request->service->backend, advice, sizeof(advice));
    stir_buf_puts(&body, "{\"status\":200,\"message\":\"OK\"");
    if (advice[0]) {
        stir_buf_puts(&body, ",\"store\":");
        stir_json_quote(&body, advice, strlen(advice));
    }
    /* "trust": which lists are missing or out of date */
    cpsd_trust_status_advise(&lists, request->service->trust_status, (int64_t)time(NULL));
    if (lists.len) {
        stir_buf_puts(&body, ",\"trust\":");
        stir_json_quote(&body, lists.ptr, lists.len);
    }
    stir_buf_free(&lists);
    stir_buf_puts(&body, "}");
    response.body = stir_view(body.ptr, body.len);
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_respond(request, &response);
    stir_buf_free(&body);
}

struct health_state {
    void (*answer)(struct cpsd_request *request); /* called when the store has passed the test */
};
CPSD_STATE_FITS(struct health_state);

static void health_dropped(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct health_state *state = (const void *)request->state;
    (void)result; /* a record that could not be removed expires soon */
    state->answer(request);
}

static void health_written(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code == STIR_OK) {
        cpsd_store_drop(request->service->store, &health_name, NULL, health_dropped, request);
    } else {
        admin_answer_away(request);
    }
}

/* Tests the store by writing a record: a connection that is up proves little, and a replica or a server whose memory is
 * used up still reads. The record is removed at once; otherwise the next test could find room only because it replaces
 * this one. */
static void health_test_write(struct cpsd_request *request, void (*answer)(struct cpsd_request *request))
{
    char text[HEALTH_OCTETS];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)uv_hrtime());
    memset(text + n, ' ', sizeof(text) - (size_t)n);
    ((struct health_state *)(void *)request->state)->answer = answer;
    if (cpsd_store_ready(request->service->store)) {
        cpsd_store_keep(request->service->store, &health_name, stir_view(text, sizeof(text)), HEALTH_LIFE_MS, 0, NULL,
                        health_written, request);
    } else {
        admin_answer_away(request);
    }
}

static void health_read(void *arg, const struct cpsd_store_result *result)
{
    if (result->code == STIR_OK || result->code == STIR_E_NOT_FOUND) {
        admin_answer_ok(arg);
    } else {
        admin_answer_away(arg);
    }
}

/* Tests the store by reading: lists, fetches and deletes work while the store is full, and such a server should still
 * get them. */
static void health_test_read(struct cpsd_request *request)
{
    if (cpsd_store_ready(request->service->store)) {
        cpsd_store_look(request->service->store, &health_name, NULL, health_read, request);
    } else {
        admin_answer_away(request);
    }
}

void cpsd_admin_health(struct cpsd_request *request)
{
    struct stir_view use = stir_view_str("write");
    (void)cpsd_http_query(request->query, "for", &use);
    if (stir_view_is(use, "read")) {
        health_test_read(request);
    } else if (stir_view_is(use, "write")) {
        health_test_write(request, admin_answer_ok);
    } else {
        cpsd_problem(request, 400, "the query is not valid", "for must be read or write", 0, NULL);
    }
}

void cpsd_admin_ready(struct cpsd_request *request)
{
    if (request->service->draining) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_UNAVAILABLE), "the server is stopping", 1, NULL);
        return;
    }
    health_test_write(request, admin_answer_ready);
}

void cpsd_admin_metrics(struct cpsd_request *request)
{
    struct cpsd_service *service = request->service;
    struct cpsd_store_stats stats = {0};
    struct stir_buf text = {.limit = 1 << 20};
    /* counters of the workers, then those of the process: certificates, trust, memory, log */
    cpsd_backend_stats(service->backend, &stats);
    cpsd_metrics_render(&text, service->all_metrics, service->worker_count, &stats);
    if (service->certs) {
        struct cpsd_cert_cache_stats certs;
        cpsd_cert_cache_stats(service->certs, &certs);
        cpsd_metrics_render_certs(&text, &certs);
    }
    cpsd_trust_status_render(&text, service->trust_status);
    const struct stir_certificate_end own = {"listen", service->certificate_end};
    stir_certificate_metrics(&text, "cpsd", &own, 1);
    stir_process_metrics(&text, "cpsd", service->reloads);
    cpsd_metrics_render_log(&text, stir_log_writer_dropped(service->log->writer),
                            stir_log_writer_left_out(service->log->writer));
    if (stir_buf_state(&text) != STIR_OK) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    } else {
        struct cpsd_response response = {.status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8"};
        response.body = stir_view(text.ptr, text.len);
        cpsd_respond(request, &response);
    }
    stir_buf_free(&text);
}

/* ---- GET /boxes/{dest} ---- */

/* A box as the operator sees it: what is really in it, without dummies and without the content of envelopes. */
#define ENTRIES_MAX 10000
#define OCTETS_MAX ((size_t)8 << 20)
#define BODY_MAX (4u << 20)

static void admin_box_put_entry(struct stir_buf *body, const struct cpsd_entry *entry)
{
    char id[CPSD_ID_TEXT];
    cpsd_id_text(id, entry->id);
    stir_buf_printf(body,
                    "{\"id\":\"%.*s\",\"arrived_us\":%" PRId64 ",\"expires_us\":%" PRId64
                    ",\"octets\":%zu,\"taken\":%s}",
                    (int)sizeof(id), id, entry->arrival_us, entry->expires_us, entry->envelope.len,
                    entry->taken ? "true" : "false");
}

static void admin_box_listed(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    struct stir_buf body = {.limit = BODY_MAX};
    size_t octets = 0;
    if (result->code != STIR_OK) {
        cpsd_store_problem(request, result);
        return;
    }
    stir_buf_printf(&body, "{\"now_us\":%" PRId64 ",\"envelopes\":[", result->now_us);
    for (size_t i = 0; i < result->count; i++) {
        stir_buf_puts(&body, i ? "," : "");
        admin_box_put_entry(&body, &result->entries[i]);
        octets += result->entries[i].envelope.len;
    }
    stir_buf_printf(&body, "],\"octets\":%zu,\"more\":%s}", octets, result->more ? "true" : "false");
    if (stir_buf_state(&body) == STIR_OK) {
        struct cpsd_response response = {.status = 200,
                                         .content_type = "application/json",
                                         .body = stir_view(body.ptr, body.len)};
        cpsd_response_field(&response, "Cache-Control", "no-store");
        cpsd_respond(request, &response);
    } else {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    }
    stir_buf_free(&body);
}

void cpsd_admin_box(struct cpsd_request *request)
{
    cpsd_store_list(request->service->store, &request->dest, 0, ENTRIES_MAX, OCTETS_MAX, NULL, admin_box_listed,
                    request);
}
