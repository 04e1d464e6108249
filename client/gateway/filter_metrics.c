#include "client/gateway/filter_metrics.h"

#include <inttypes.h>
#include <string.h>

#define PREFIX "cps_smpp_"

static const char *const unsigned_names[GW_UNSIGNED_COUNT] = {
#define GW_UNSIGNED_ROW(value, label) [GW_UNSIGNED_##value] = label,
    GW_UNSIGNED_LIST(GW_UNSIGNED_ROW)
#undef GW_UNSIGNED_ROW
};

const char *gw_unsigned_name(unsigned why)
{
    return why < GW_UNFIT_COUNT      ? gw_unfit_name((enum gw_unfit)why)
           : why < GW_UNSIGNED_COUNT ? unsigned_names[why]
                                     : "";
}

void gw_waited_add(struct gw_waited *waited, uint64_t ms)
{
    size_t bucket = 0;
    for (uint64_t bound = 1; ms > bound && bucket < GW_WAITED_BUCKETS - 1; bound *= 2) {
        bucket++;
    }
    waited->bucket[bucket]++;
    waited->sum_ms += ms;
}

static void header(struct stir_buf *out, const char *name, const char *type, const char *help)
{
    stir_buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void render_counters(struct stir_buf *out, const struct gw_filter_counters *counters)
{
    const struct {
        uint64_t value;
        const char *name;
        const char *help;
    } rows[] = {
#define GW_FILTER_COUNTER_ROW(field, name, help) {counters->field, name, help},
        GW_FILTER_COUNTER_LIST(GW_FILTER_COUNTER_ROW)
#undef GW_FILTER_COUNTER_ROW
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].help) {
            char name[64] = "";
            memcpy(name, rows[i].name, strcspn(rows[i].name, "{"));
            header(out, name, "counter", rows[i].help);
        }
        stir_buf_printf(out, PREFIX "%s %" PRIu64 "\n", rows[i].name, rows[i].value);
    }
}

static void render_reasons(struct stir_buf *out, const char *name, const char *help,
                           const uint64_t reasons[GW_UNSIGNED_COUNT])
{
    header(out, name, "counter", help);
    for (unsigned why = GW_FIT + 1; why < GW_UNSIGNED_COUNT; why++) {
        stir_buf_printf(out, PREFIX "%s{reason=\"%s\"} %" PRIu64 "\n", name, gw_unsigned_name(why), reasons[why]);
    }
}

static void render_verdicts(struct stir_buf *out, const struct gw_filter_counters *counters)
{
    header(out, "verdicts_total", "counter", "Messages judged, by verdict and what was done with them.");
    for (int verdict = 0; verdict < STIR_VERDICT_COUNT; verdict++) {
        for (int treatment = 0; treatment < GW_TREATMENT_COUNT; treatment++) {
            stir_buf_printf(out, PREFIX "verdicts_total{verdict=\"%s\",action=\"%s\"} %" PRIu64 "\n",
                            stir_verdict_name((enum stir_verdict)verdict),
                            gw_treatment_name((enum gw_treatment)treatment), counters->verdicts[verdict][treatment]);
        }
    }
}

static void render_waited(struct stir_buf *out, const char *action, const struct gw_waited *waited)
{
    uint64_t total = 0, bound = 1;
    for (size_t i = 0; i < GW_WAITED_BUCKETS - 1; i++, bound *= 2) {
        total += waited->bucket[i];
        stir_buf_printf(out, PREFIX "waited_seconds_bucket{action=\"%s\",le=\"%g\"} %" PRIu64 "\n", action,
                        (double)bound / 1e3, total);
    }
    total += waited->bucket[GW_WAITED_BUCKETS - 1];
    stir_buf_printf(out, PREFIX "waited_seconds_bucket{action=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", action, total);
    stir_buf_printf(out, PREFIX "waited_seconds_sum{action=\"%s\"} %.3f\n", action, (double)waited->sum_ms / 1e3);
    stir_buf_printf(out, PREFIX "waited_seconds_count{action=\"%s\"} %" PRIu64 "\n", action, total);
}

static void gauge(struct stir_buf *out, const char *name, const char *help, uint64_t value)
{
    header(out, name, "gauge", help);
    stir_buf_printf(out, PREFIX "%s %" PRIu64 "\n", name, value);
}

static void render_spool(struct stir_buf *out, const struct cps_spool_stats *spool)
{
    gauge(out, "spool_queued", "PASSporTs that wait in the spool.", spool->queued);
    gauge(out, "spool_bytes", "Octets of these.", spool->octets);
    gauge(out, "spool_oldest_seconds", "Age of the one that waits longest.", (uint64_t)spool->oldest_s);
    gauge(out, "spool_cps_away", "1 while the spool finds that the CPS does not answer.", spool->away);
    header(out, "spool_published_total", "counter", "PASSporTs published from the spool, since its file was made.");
    stir_buf_printf(out, PREFIX "spool_published_total %" PRIu64 "\n", spool->published);
    header(out, "spool_dropped_total", "counter", "PASSporTs dropped from the spool, since its file was made.");
    for (int reason = 0; reason < CPS_SPOOL_REASON_COUNT; reason++) {
        stir_buf_printf(out, PREFIX "spool_dropped_total{reason=\"%s\"} %" PRIu64 "\n",
                        cps_spool_reason_name((enum cps_spool_reason)reason), spool->dropped[reason]);
    }
}

void gw_filter_metrics_render(struct stir_buf *out, const struct gw_filter_counters *counters,
                              const struct gw_filter_gauges *gauges)
{
    render_counters(out, counters);
    render_reasons(out, "unsigned_total", "Messages, or segments, that went on unsigned.", counters->unsigned_);
    render_reasons(out, "sign_rejected_total", "Messages that were rejected because they could not be signed.",
                   counters->rejected);
    render_verdicts(out, counters);
    header(out, "waited_seconds", "histogram", "How long messages waited for their PASSporT.");
    render_waited(out, "sign", &counters->waited_sign);
    render_waited(out, "verify", &counters->waited_verify);
    gauge(out, "undecided", "Messages that wait for their PASSporT now.", gauges->undecided);
    gauge(out, "operations", "Operations under way at the CPS now.", gauges->under_way);
    gauge(out, "operations_queued", "Operations that wait for their turn.", gauges->queued);
    gauge(out, "join_messages", "Long messages of which segments are missing.", gauges->join_messages);
    gauge(out, "join_segments", "Segments kept of these.", gauges->join_segments);
    gauge(out, "join_bytes", "Octets of memory for these.", gauges->join_octets);
    gauge(out, "tenants", "Tenants that are signed for.", gauges->tenants);
    gauge(out, "recipients", "Keys that PASSporTs are encrypted to.", gauges->recipients);
    if (gauges->has_spool) {
        render_spool(out, &gauges->spool);
    }
}
