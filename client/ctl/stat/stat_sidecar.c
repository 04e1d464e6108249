/* SPDX-License-Identifier: MIT */
#include "client/ctl/date.h"
#include "client/ctl/stat/stat.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What cpsctl stat shows of a cps-smpp. */

double ctl_view_rate(const struct ctl_view *view, const char *name, const char *part)
{
    return (ctl_scrape_sum(view->now, name, part) - ctl_scrape_sum(view->before, name, part)) / view->seconds;
}

double ctl_view_quantile_ms(const struct ctl_view *view, const char *name, const char *part, double share)
{
    double s = ctl_scrape_quantile(view->before, view->now, name, part, share);
    return s < 0 ? 0 : s * 1000;
}

bool ctl_stat_is_sidecar(const struct ctl_scrape *scrape)
{
    for (size_t i = 0; i < scrape->count; i++) {
        if (strcmp(scrape->samples[i].name, "cps_smpp_bound") == 0) {
            return true;
        }
    }
    return false;
}

/* The rates of a counter by the values of one of its labels. */
static json_t *sidecar_rates(const struct ctl_view *view, const char *name, const char *label)
{
    json_t *object = json_object();
    char value[64], part[100];
    for (size_t i = 0; object && i < view->now->count; i++) {
        const struct ctl_sample *sample = &view->now->samples[i];
        if (strcmp(sample->name, name) != 0 || !ctl_sample_label(sample, label, value, sizeof(value)) ||
            json_object_get(object, value)) {
            continue;
        }
        (void)snprintf(part, sizeof(part), "%s=\"%s\"", label, value);
        if (json_object_set_new(object, value, json_real(ctl_view_rate(view, name, part))) < 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static double sidecar_value(const struct ctl_view *view, const char *name)
{
    return ctl_scrape_sum(view->now, name, "");
}

/* Parts that are not well; without the metric, none. */
static json_t *sidecar_unhealthy(const struct ctl_view *view)
{
    json_t *parts = json_array();
    char part[32];
    for (size_t i = 0; parts && i < view->now->count; i++) {
        const struct ctl_sample *sample = &view->now->samples[i];
        if (strcmp(sample->name, "cps_smpp_healthy") == 0 && sample->value == 0 &&
            ctl_sample_label(sample, "part", part, sizeof(part))) {
            (void)json_array_append_new(parts, json_string(part));
        }
    }
    return parts;
}

json_t *ctl_stat_sidecar(const struct ctl_view *view, const char *admin)
{
    const char *waited = "cps_smpp_waited_seconds";
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:f, s:o}", "sidecar",
                     admin, "seconds", view->seconds, "binds", sidecar_value(view, "cps_smpp_bound"), "connections",
                     sidecar_value(view, "cps_smpp_connections"), "held", sidecar_value(view, "cps_smpp_held_messages"),
                     "pdus_from_esme_per_s", ctl_view_rate(view, "cps_smpp_pdus_from_esme_total", ""),
                     "pdus_from_peer_per_s", ctl_view_rate(view, "cps_smpp_pdus_from_peer_total", ""), "signed_per_s",
                     sidecar_rates(view, "cps_smpp_signed_total", "outcome"), "unsigned_per_s",
                     sidecar_rates(view, "cps_smpp_unsigned_total", "reason"), "sign_rejected_per_s",
                     sidecar_rates(view, "cps_smpp_sign_rejected_total", "reason"), "verdicts_per_s",
                     sidecar_rates(view, "cps_smpp_verdicts_total", "verdict"), "waited_p50_ms",
                     ctl_view_quantile_ms(view, waited, "", 0.5), "waited_p99_ms",
                     ctl_view_quantile_ms(view, waited, "", 0.99), "operations",
                     sidecar_value(view, "cps_smpp_operations"), "spool_queued",
                     sidecar_value(view, "cps_smpp_spool_queued"), "spool_oldest_s",
                     sidecar_value(view, "cps_smpp_spool_oldest_seconds"), "unhealthy", sidecar_unhealthy(view));
}

static double sidecar_number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* Appends the rates that are not 0, or a dash if all are 0. */
static void sidecar_put_rates(struct stir_buf *out, const char *title, const json_t *rates)
{
    const char *name;
    json_t *rate;
    bool any = false;
    stir_buf_printf(out, "%-14s", title);
    json_object_foreach((json_t *)(uintptr_t)rates, name, rate)
    {
        if (json_number_value(rate) > 0) {
            stir_buf_printf(out, "  %s %.1f/s", name, json_number_value(rate));
            any = true;
        }
    }
    stir_buf_puts(out, any ? "\n" : "  -\n");
}

static void sidecar_put_unhealthy(struct stir_buf *out, const json_t *parts)
{
    for (size_t i = 0; i < json_array_size(parts); i++) {
        stir_buf_printf(out, "%s%s", i ? ", " : "UNHEALTHY: ", json_string_value(json_array_get(parts, i)));
    }
    stir_buf_puts(out, json_array_size(parts) ? "; GET /health tells the reason\n" : "");
}

void ctl_stat_put_sidecar(struct stir_buf *out, const json_t *stat)
{
    char when[CTL_DATE_MAX];
    (void)ctl_date_text(when, (int64_t)time(NULL));
    stir_buf_printf(out, "cps-smpp at %s   %s   over %.1f s\n\n", json_string_value(json_object_get(stat, "sidecar")),
                    when, sidecar_number(stat, "seconds"));
    sidecar_put_unhealthy(out, json_object_get(stat, "unhealthy"));
    stir_buf_printf(out, "%-14s  %.0f of %.0f connections   %.0f messages held\n", "binds",
                    sidecar_number(stat, "binds"), sidecar_number(stat, "connections"), sidecar_number(stat, "held"));
    stir_buf_printf(out, "%-14s  %.1f/s from ESMEs   %.1f/s from the peer\n", "PDUs",
                    sidecar_number(stat, "pdus_from_esme_per_s"), sidecar_number(stat, "pdus_from_peer_per_s"));
    sidecar_put_rates(out, "signed", json_object_get(stat, "signed_per_s"));
    sidecar_put_rates(out, "unsigned", json_object_get(stat, "unsigned_per_s"));
    sidecar_put_rates(out, "rejected", json_object_get(stat, "sign_rejected_per_s"));
    sidecar_put_rates(out, "verdicts", json_object_get(stat, "verdicts_per_s"));
    stir_buf_printf(out, "%-14s  %.0f in progress   waited p50 %.1f ms   p99 %.1f ms\n", "CPS",
                    sidecar_number(stat, "operations"), sidecar_number(stat, "waited_p50_ms"),
                    sidecar_number(stat, "waited_p99_ms"));
    stir_buf_printf(out, "%-14s  %.0f queued   the oldest for %.0f s\n", "spool", sidecar_number(stat, "spool_queued"),
                    sidecar_number(stat, "spool_oldest_s"));
}
