/* SPDX-License-Identifier: MIT */
#include "client/ctl/admin.h"
#include "client/ctl/commands.h"
#include "client/ctl/date.h"
#include "client/ctl/groups.h"
#include "client/ctl/stat/scrape.h"
#include "client/ctl/stat/stat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Reads /metrics of a server repeatedly and prints the rates and percentiles between two readings.
 */
#define ROUTES_MAX 32
#define CLEAR_SCREEN "\033[H\033[J"

static const struct ctl_option options[] = {
    {"admin", CTL_TEXT, "ADDRESS", CTL_AT(admin),
     .text =
         "the admin listener of cpsd or cps-smpp ([admin] listen), ADDRESS:PORT or unix:/PATH; default: 127.0.0.1:8081",
     .env = "CPS_ADMIN"},
    {"every", CTL_NUMBER, "SECONDS", CTL_AT(every_s), .text = "the time that one table covers", .initial = 2, .min = 1,
     .max = 3600},
    {"count", CTL_NUMBER, "N", CTL_AT(count), .text = "the number of tables; default: unlimited on a terminal, else 1",
     .min = 0, .max = 1000000},
    {"timeout", CTL_NUMBER, "SECONDS", CTL_AT(timeout_s), .text = "the time limit for one request", .initial = 5,
     .min = 1, .max = 3600},
};
static const struct ctl_group group = CTL_GROUP("Measuring", options);

/* Collects the routes that the server has counted, in its order. Returns their number. */
static size_t stat_find_routes(char routes[ROUTES_MAX][32], const struct ctl_scrape *scrape)
{
    size_t count = 0;
    for (size_t i = 0; i < scrape->count && count < ROUTES_MAX; i++) {
        char *route = routes[count];
        if (strcmp(scrape->samples[i].name, "cpsd_request_duration_seconds_count") == 0 &&
            ctl_sample_label(&scrape->samples[i], "route", route, 32)) {
            count++;
        }
    }
    return count;
}

static double stat_rate_of_class(const struct ctl_view *view, const char *route, char status_class)
{
    double sum = 0;
    char value[32];
    for (size_t i = 0; i < view->now->count; i++) {
        const struct ctl_sample *sample = &view->now->samples[i];
        if (strcmp(sample->name, "cpsd_requests_total") == 0 && strstr(sample->labels, route) &&
            ctl_sample_label(sample, "status", value, sizeof(value)) && value[0] == status_class) {
            sum += ctl_view_rate(view, "cpsd_requests_total", sample->labels);
        }
    }
    return sum;
}

static json_t *stat_route_json(const struct ctl_view *view, const char *name)
{
    char part[64];
    (void)snprintf(part, sizeof(part), "route=\"%s\"", name);
    const char *histogram = "cpsd_request_duration_seconds";
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "per_s",
                     ctl_view_rate(view, "cpsd_request_duration_seconds_count", part), "2xx",
                     stat_rate_of_class(view, part, '2') + stat_rate_of_class(view, part, '3'), "4xx",
                     stat_rate_of_class(view, part, '4'), "5xx", stat_rate_of_class(view, part, '5'), "p50_ms",
                     ctl_view_quantile_ms(view, histogram, part, 0.5), "p99_ms",
                     ctl_view_quantile_ms(view, histogram, part, 0.99));
}

static json_t *stat_routes_json(const struct ctl_view *view)
{
    char routes[ROUTES_MAX][32];
    size_t count = stat_find_routes(routes, view->now);
    json_t *object = json_object();
    for (size_t i = 0; object && i < count; i++) {
        if (json_object_set_new(object, routes[i], stat_route_json(view, routes[i])) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static json_t *stat_server_json(const struct ctl_view *view, const char *admin)
{
    const char *operation = "cpsd_store_operation_seconds";
    json_t *store =
        json_pack("{s:f, s:f, s:f, s:f, s:f}", "connections", ctl_scrape_sum(view->now, "cpsd_store_connections", ""),
                  "operations_per_s", ctl_view_rate(view, "cpsd_store_operation_seconds_count", ""), "failures_per_s",
                  ctl_view_rate(view, "cpsd_store_failures_total", ""), "p50_ms",
                  ctl_view_quantile_ms(view, operation, "", 0.5), "p99_ms",
                  ctl_view_quantile_ms(view, operation, "", 0.99));
    return json_pack("{s:s, s:f, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "admin", admin, "seconds", view->seconds,
                     "routes", stat_routes_json(view), "connections", ctl_scrape_sum(view->now, "cpsd_connections", ""),
                     "connections_per_s", ctl_view_rate(view, "cpsd_connections_total", ""), "waiters",
                     ctl_scrape_sum(view->now, "cpsd_waiters", ""), "stored_per_s",
                     ctl_view_rate(view, "cpsd_stored_total", ""), "served_per_s",
                     ctl_view_rate(view, "cpsd_envelopes_served_total", ""), "dummies_per_s",
                     ctl_view_rate(view, "cpsd_dummies_served_total", ""), "store", store);
}

static double stat_number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static void stat_put_routes(struct stir_buf *out, const json_t *routes)
{
    const char *name;
    json_t *route;
    stir_buf_printf(out, "%-14s %10s %10s %10s %10s %10s %10s\n", "route", "requests/s", "2xx/s", "4xx/s", "5xx/s",
                    "p50 ms", "p99 ms");
    json_object_foreach((json_t *)(uintptr_t)routes, name, route)
    {
        stir_buf_printf(out, "%-14s %10.1f %10.1f %10.1f %10.1f %10.2f %10.2f\n", name, stat_number(route, "per_s"),
                        stat_number(route, "2xx"), stat_number(route, "4xx"), stat_number(route, "5xx"),
                        stat_number(route, "p50_ms"), stat_number(route, "p99_ms"));
    }
}

static void stat_put_server(struct stir_buf *out, const json_t *stat)
{
    char when[CTL_DATE_MAX];
    const json_t *store = json_object_get(stat, "store");
    (void)ctl_date_text(when, (int64_t)time(NULL));
    stir_buf_printf(out, "cpsd at %s   %s   over %.1f s\n\n", json_string_value(json_object_get(stat, "admin")), when,
                    stat_number(stat, "seconds"));
    stat_put_routes(out, json_object_get(stat, "routes"));
    stir_buf_printf(out,
                    "\nconnections %.0f (%.1f new/s)   waiting %.0f\n"
                    "envelopes   %.1f stored/s   %.1f served/s   %.1f dummies/s\n"
                    "store       %.0f connections   %.1f operations/s   %.1f failures/s   p50 %.2f ms   p99 %.2f ms\n",
                    stat_number(stat, "connections"), stat_number(stat, "connections_per_s"),
                    stat_number(stat, "waiters"), stat_number(stat, "stored_per_s"), stat_number(stat, "served_per_s"),
                    stat_number(stat, "dummies_per_s"), stat_number(store, "connections"),
                    stat_number(store, "operations_per_s"), stat_number(store, "failures_per_s"),
                    stat_number(store, "p50_ms"), stat_number(store, "p99_ms"));
}

static enum ctl_exit stat_scrape(struct ctl *ctl, struct ctl_scrape *out)
{
    struct stir_buf text = {.limit = 16u << 20};
    struct timespec now;
    enum ctl_exit status = ctl_admin_get(ctl, "/metrics", &text);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    out->at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    if (status == CTL_GOOD && !ctl_scrape_read(out, &text)) {
        status = ctl_no_memory(ctl);
    }
    stir_buf_free(&text);
    if (status == CTL_GOOD && !ctl_stat_is_sidecar(out) && ctl_scrape_sum(out, "cpsd_connections_total", "") <= 0) {
        ctl_scrape_clear(out);
        status =
            ctl_fail_text(ctl, CTL_REFUSED, "CPS_E_PROTOCOL",
                          "%s: /metrics has no metrics of cpsd or cps-smpp; is this another service?", ctl->args.admin);
    }
    return status;
}

/* Prints all tables but the last at once; the last one becomes the answer of the command. */
static enum ctl_exit stat_show(struct ctl *ctl, const struct ctl_view *view, bool last, bool terminal)
{
    bool sidecar = ctl_stat_is_sidecar(view->now);
    json_t *stat = sidecar ? ctl_stat_sidecar(view, ctl->args.admin) : stat_server_json(view, ctl->args.admin);
    if (!stat) {
        return ctl_no_memory(ctl);
    }
    (sidecar ? ctl_stat_put_sidecar : stat_put_server)(&ctl->text, stat);
    if (last) {
        return ctl_answer(ctl, stat);
    }
    char *line = ctl->args.json ? json_dumps(stat, JSON_INDENT(2)) : NULL;
    int wrote = ctl->args.json ? printf("%s\n", line ? line : "")
                               : printf("%s%s%s", terminal ? CLEAR_SCREEN : "", ctl->text.ptr ? ctl->text.ptr : "",
                                        terminal ? "" : "\n");
    free(line);
    json_decref(stat);
    stir_buf_free(&ctl->text);
    return wrote < 0 || fflush(stdout) != 0
               ? ctl_fail_text(ctl, CTL_WRONG, "CPS_E_IO", "cannot write to standard output")
               : CTL_GOOD;
}

static enum ctl_exit stat_run(struct ctl *ctl)
{
    struct ctl_scrape before = {0}, now = {0};
    bool terminal = isatty(STDOUT_FILENO) && !ctl->args.json;
    int64_t left = ctl->args.count ? ctl->args.count : terminal ? INT64_MAX : 1;
    ctl->args.admin = ctl->args.admin ? ctl->args.admin : "127.0.0.1:8081";
    enum ctl_exit status = stat_scrape(ctl, &before);
    for (; status == CTL_GOOD && left > 0; left--) {
        struct timespec pause = {.tv_sec = (time_t)ctl->args.every_s};
        (void)nanosleep(&pause, NULL);
        status = stat_scrape(ctl, &now);
        if (status == CTL_GOOD) {
            struct ctl_view view = {.before = &before, .now = &now, .seconds = now.at - before.at};
            status = stat_show(ctl, &view, left == 1, terminal);
            ctl_scrape_clear(&before);
            before = now;
            now = (struct ctl_scrape){0};
        }
    }
    ctl_scrape_clear(&before);
    return status;
}

const struct ctl_command ctl_cmd_stat = {
    .syntax =
        {
            .name = "stat",
            .text = "show the current load of cpsd or cps-smpp, repeatedly",
            .details = "Reads /metrics of the admin listener, on the host of the server. Percentiles cover the time of "
                       "one table;\n"
                       "their precision is that of the histogram's buckets.",
            .groups = {&group},
        },
    .run = stat_run,
};
