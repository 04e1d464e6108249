#include "cps/admin.h"

#include "common/json.h"
#include "cps/certs.h"
#include "cps/problem.h"

#include <stdio.h>

#define HEALTH_LIFE_MS 1000

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

static void asked(void *arg, const struct cpsd_store_result *result)
{
    if (result->code == STIR_OK) {
        answer_ok(arg);
    } else {
        away(arg);
    }
}

/* With what the store's servers are not set to, as far as they told: reason to look, none to send nobody here. */
static void answer_ready(struct cpsd_request *request)
{
    char advice[1024];
    struct stir_buf body = {.limit = 8192};
    struct cpsd_response response = {.status = 200, .content_type = "application/json"};
    cpsd_backend_advice(request->service->backend, advice, sizeof(advice));
    stir_buf_puts(&body, "{\"status\":200,\"message\":\"OK\"");
    if (advice[0]) {
        stir_buf_puts(&body, ",\"store\":");
        stir_json_quote(&body, advice, strlen(advice));
    }
    stir_buf_puts(&body, "}");
    response.body = stir_view(body.ptr, body.len);
    cpsd_response_field(&response, "Cache-Control", "no-store");
    cpsd_respond(request, &response);
    stir_buf_free(&body);
}

static void asked_ready(void *arg, const struct cpsd_store_result *result)
{
    if (result->code == STIR_OK) {
        answer_ready(arg);
    } else {
        away(arg);
    }
}

/* A connection that is up proves little, and a replica or a server whose memory is used up still reads: a record that
 * nobody wants is written and, because its text is looked at first, read. */
static void ask(struct cpsd_request *request, cpsd_store_done *done)
{
    static const struct stir_identity name = {.kind = STIR_IDENTITY_URI, .len = 7, .text = "/health"};
    char text[24];
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)uv_hrtime());
    if (cpsd_store_ready(request->service->store)) {
        cpsd_store_keep(request->service->store, &name, stir_view(text, (size_t)n), HEALTH_LIFE_MS, 0, NULL, done,
                        request);
    } else {
        away(request);
    }
}

void cpsd_admin_health(struct cpsd_request *request)
{
    ask(request, asked);
}

void cpsd_admin_ready(struct cpsd_request *request)
{
    if (request->service->draining) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_UNAVAILABLE), "the server is being stopped", 1, NULL);
        return;
    }
    ask(request, asked_ready);
}

void cpsd_admin_metrics(struct cpsd_request *request)
{
    struct cpsd_service *service = request->service;
    struct cpsd_store_stats stats = {0};
    struct stir_buf text = {.limit = 1 << 20};
    cpsd_backend_stats(service->backend, &stats);
    cpsd_metrics_render(&text, service->all_metrics, service->worker_count, &stats);
    if (service->certs) {
        struct cpsd_certs_stats certs;
        cpsd_certs_stats(service->certs, &certs);
        cpsd_metrics_render_certs(&text, &certs);
    }
    if (stir_buf_state(&text) != STIR_OK) {
        cpsd_problem(request, 503, stir_strerror(STIR_E_NOMEM), NULL, 1, NULL);
    } else {
        struct cpsd_response response = {.status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8"};
        response.body = stir_view(text.ptr, text.len);
        cpsd_respond(request, &response);
    }
    stir_buf_free(&text);
}
