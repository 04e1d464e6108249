#include "cps/api/admin.h"

#include "common/base/log_writer.h"

#include "common/base/process_metrics.h"
#include "common/jose/json.h"
#include "cps/auth/cert_cache.h"
#include "cps/auth/trust_status.h"
#include "cps/http/problem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define HEALTH_LIFE_MS 1000
#define HEALTH_OCTETS 4096 /* of the record that is written: a store with less room refuses ordinary envelopes */

static const struct stir_identity health_name = {.kind = STIR_IDENTITY_URI, .len = 7, .text = "/health"};

static void answer_ok(struct cpsd_request *request)
{
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    response.body = stir_view_str("{\"status\":200,\"message\":\"OK\"}");
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_respond(request, &response);
}

static void away(struct cpsd_request *request)
{
    cpsd_problem(request, 503, stir_strerror(STIR_E_UNAVAILABLE), "the store cannot be reached, or takes nothing", 1,
                 NULL);
}

/* Adds what the store's servers are not set to, as far as they told, and lists of trust that were never loaded or have
 * expired: a reason to look, not a reason to send requests elsewhere. */
static void answer_ready(struct cpsd_request *request)
{
    char advice[1024];
    struct stir_buf body = {.limit = 131072}, lists = {.limit = 65536};
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    cpsd_backend_advice(request->service->backend, advice, sizeof(advice));
    stir_buf_puts(&body, "{\"status\":200,\"message\":\"OK\"");
    if (advice[0]) {
        stir_buf_puts(&body, ",\"store\":");
        stir_json_quote(&body, advice, strlen(advice));
    }
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

/* What the question was about. */
struct health_state {
    void (*answer)(struct cpsd_request *request);
};
CPSD_STATE_FITS(struct health_state);

static void dropped(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    const struct health_state *state = (const void *)request->state;
    (void)result; /* otherwise it expires */
    state->answer(request);
}

static void written(void *arg, const struct cpsd_store_result *result)
{
    struct cpsd_request *request = arg;
    if (result->code == STIR_OK) {
        cpsd_store_drop(request->service->store, &health_name, NULL, dropped, request);
    } else {
        away(request);
    }
}

/* A connection that is up proves little, and a replica or a server whose memory is used up still reads: a record is
 * written. It is taken away again at once: otherwise it would be the room that the next one finds in a full store. */
static void ask_for_writing(struct cpsd_request *request, void (*answer)(struct cpsd_request *request))
{
    char text[HEALTH_OCTETS];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)uv_hrtime());
    memset(text + n, ' ', sizeof(text) - (size_t)n);
    ((struct health_state *)(void *)request->state)->answer = answer;
    if (cpsd_store_ready(request->service->store)) {
        cpsd_store_keep(request->service->store, &health_name, stir_view(text, sizeof(text)), HEALTH_LIFE_MS, 0, NULL,
                        written, request);
    } else {
        away(request);
    }
}

static void looked(void *arg, const struct cpsd_store_result *result)
{
    if (result->code == STIR_OK || result->code == STIR_E_NOT_FOUND) {
        answer_ok(arg);
    } else {
        away(arg);
    }
}

/* Lists, fetches and deletes work while the store is full: a server that can do these should still get them. */
static void ask_for_reading(struct cpsd_request *request)
{
    if (cpsd_store_ready(request->service->store)) {
        cpsd_store_look(request->service->store, &health_name, NULL, looked, request);
    } else {
        away(request);
    }
}

void cpsd_admin_health(struct cpsd_request *request)
{
    struct stir_view use = stir_view_str("write");
    (void)cpsd_http_query(request->query, "for", &use);
    if (stir_view_is(use, "read")) {
        ask_for_reading(request);
    } else if (stir_view_is(use, "write")) {
        ask_for_writing(request, answer_ok);
    } else {
        cpsd_problem(request, 400, "the query is not understood", "for is read or write", 0, NULL);
    }
}

void cpsd_admin_ready(struct cpsd_request *request)
{
    if (request->service->draining) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_UNAVAILABLE), "the server is being stopped", 1, NULL);
        return;
    }
    ask_for_writing(request, answer_ready);
}

void cpsd_admin_metrics(struct cpsd_request *request)
{
    struct cpsd_service *service = request->service;
    struct cpsd_store_stats stats = {0};
    struct stir_buf text = {.limit = 1 << 20};
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
