/* SPDX-License-Identifier: MIT */
#include "client/sidecar/filter/filter_metrics.h"

#include "client/sidecar/filter/sign_outcomes.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define PREFIX "cps_smpp_"

static const struct {
    const char *name, *does;
} unsigneds[SC_UNSIGNED_COUNT] = {
#define SC_UNSIGNED_ROW(value, label, does) [SC_UNSIGNED_##value] = {label, does},
    SC_UNSIGNED_LIST(SC_UNSIGNED_ROW)
#undef SC_UNSIGNED_ROW
};

static const char *const outcomes[SC_OUTCOME_COUNT] = {
#define SC_OUTCOME_ROW(value, name) [SC_OUTCOME_##value] = name,
    SC_OUTCOME_LIST(SC_OUTCOME_ROW)
#undef SC_OUTCOME_ROW
};

const char *sc_exempt_name(enum sc_exempt kind)
{
    static const char *const names[SC_EXEMPT_COUNT] = {[SC_EXEMPT_RECEIPT] = "receipt",
                                                       [SC_EXEMPT_REPLACE] = "replace_sm",
                                                       [SC_EXEMPT_BROADCAST] = "broadcast_sm",
                                                       [SC_EXEMPT_UNKNOWN] = "unknown",
                                                       [SC_EXEMPT_OTHER] = "other"};
    return names[kind];
}

const char *sc_unsigned_name(unsigned why)
{
    return why < SC_UNFIT_COUNT      ? sc_unfit_name((enum sc_unfit)why)
           : why < SC_UNSIGNED_COUNT ? unsigneds[why].name
                                     : "";
}

const char *sc_unsigned_does(unsigned why)
{
    return why < SC_UNFIT_COUNT      ? sc_unfit_does((enum sc_unfit)why)
           : why < SC_UNSIGNED_COUNT ? unsigneds[why].does
                                     : "";
}

const char *sc_outcome_name(enum sc_outcome outcome)
{
    return outcomes[outcome];
}

void sc_waited_add(struct sc_waited *waited, uint64_t ms)
{
    size_t bucket = 0;
    for (uint64_t bound = 1; ms > bound && bucket < SC_WAITED_BUCKETS - 1; bound *= 2) {
        bucket++;
    }
    waited->bucket[bucket]++;
    waited->sum_ms += ms;
}

static void render_header(struct stir_buf *out, const char *name, const char *type, const char *help)
{
    stir_buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void render_label(struct stir_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            stir_buf_puts(out, "\\");
        }
        stir_buf_put(out, *text == '\n' ? " " : text, 1);
    }
}

static void render_counters(struct stir_buf *out, const struct sc_filter_counters *counters)
{
    const struct {
        uint64_t value;
        const char *name;
        const char *help;
    } rows[] = {
#define SC_FILTER_COUNTER_ROW(field, name, help) {counters->field, name, help},
        SC_FILTER_COUNTER_LIST(SC_FILTER_COUNTER_ROW)
#undef SC_FILTER_COUNTER_ROW
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].help) {
            char name[64] = "";
            memcpy(name, rows[i].name, strcspn(rows[i].name, "{"));
            render_header(out, name, "counter", rows[i].help);
        }
        stir_buf_printf(out, PREFIX "%s %" PRIu64 "\n", rows[i].name, rows[i].value);
    }
}

static void render_reasons(struct stir_buf *out, const char *name, const char *help,
                           const uint64_t reasons[SC_UNSIGNED_COUNT])
{
    render_header(out, name, "counter", help);
    for (unsigned why = SC_FIT + 1; why < SC_UNSIGNED_COUNT; why++) {
        stir_buf_printf(out, PREFIX "%s{reason=\"%s\"} %" PRIu64 "\n", name, sc_unsigned_name(why), reasons[why]);
    }
}

static void render_tenants(struct stir_buf *out, const struct sc_filter_gauges *gauges)
{
    render_header(out, "tenant_messages_total", "counter",
                  "Messages in signing directions, by tenant and what was done with them.");
    for (size_t i = 0; gauges->outcomes && i < gauges->outcomes->tenant_count; i++) {
        const struct sc_outcome_tenant *tenant = &gauges->outcomes->tenants[i];
        for (int outcome = 0; outcome < SC_OUTCOME_COUNT; outcome++) {
            stir_buf_puts(out, PREFIX "tenant_messages_total{tenant=\"");
            render_label(out, tenant->name);
            stir_buf_printf(out, "\",outcome=\"%s\"} %" PRIu64 "\n", outcomes[outcome], tenant->counts[outcome]);
        }
    }
}

static void render_exempt(struct stir_buf *out, const struct sc_filter_counters *counters)
{
    render_header(out, "exempt_total", "counter",
                  "PDUs forwarded without a verdict in verifying directions, and replace_sm and broadcast_sm "
                  "that were let through.");
    for (int kind = 0; kind < SC_EXEMPT_OTHER; kind++) {
        stir_buf_printf(out, PREFIX "exempt_total{kind=\"%s\"} %" PRIu64 "\n", sc_exempt_name((enum sc_exempt)kind),
                        counters->exempt[kind]);
    }
    render_header(out, "replace_refused_total", "counter",
                  "replace_sm and broadcast_sm refused, because no PASSporT can vouch for their text.");
    for (int kind = SC_EXEMPT_REPLACE; kind <= SC_EXEMPT_BROADCAST; kind++) {
        stir_buf_printf(out, PREFIX "replace_refused_total{command=\"%s\"} %" PRIu64 "\n",
                        sc_exempt_name((enum sc_exempt)kind), counters->refused[kind]);
    }
}

static void render_verdicts(struct stir_buf *out, const struct sc_filter_counters *counters)
{
    render_header(out, "verdicts_total", "counter", "Messages verified, by verdict and what was done with them.");
    for (int verdict = 0; verdict < STIR_VERDICT_COUNT; verdict++) {
        for (int treatment = 0; treatment < SC_TREATMENT_COUNT; treatment++) {
            stir_buf_printf(out, PREFIX "verdicts_total{verdict=\"%s\",action=\"%s\"} %" PRIu64 "\n",
                            stir_verdict_name((enum stir_verdict)verdict),
                            sc_treatment_name((enum sc_treatment)treatment), counters->verdicts[verdict][treatment]);
        }
    }
}

static void render_waits(struct stir_buf *out, const struct sc_filter_counters *counters)
{
    static const char *const names[SC_EXPECTED_COUNT] = {
        [SC_EXPECT_NOTHING] = "none", [SC_EXPECT_PROBE] = "probe", [SC_EXPECT_PASSPORT] = "full"};
    render_header(out, "verify_waits_total", "counter",
                  "Messages whose PASSporT was looked for, by whether they wait for it.");
    for (int expected = 0; expected < SC_EXPECTED_COUNT; expected++) {
        stir_buf_printf(out, PREFIX "verify_waits_total{wait=\"%s\"} %" PRIu64 "\n", names[expected],
                        counters->waits[expected]);
    }
}

static void render_waited(struct stir_buf *out, const char *action, const struct sc_waited *waited)
{
    uint64_t total = 0, bound = 1;
    for (size_t i = 0; i < SC_WAITED_BUCKETS - 1; i++, bound *= 2) {
        total += waited->bucket[i];
        stir_buf_printf(out, PREFIX "waited_seconds_bucket{action=\"%s\",le=\"%g\"} %" PRIu64 "\n", action,
                        (double)bound / 1e3, total);
    }
    total += waited->bucket[SC_WAITED_BUCKETS - 1];
    stir_buf_printf(out, PREFIX "waited_seconds_bucket{action=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", action, total);
    stir_buf_printf(out, PREFIX "waited_seconds_sum{action=\"%s\"} %.3f\n", action, (double)waited->sum_ms / 1e3);
    stir_buf_printf(out, PREFIX "waited_seconds_count{action=\"%s\"} %" PRIu64 "\n", action, total);
}

static void render_gauge(struct stir_buf *out, const char *name, const char *help, uint64_t value)
{
    render_header(out, name, "gauge", help);
    stir_buf_printf(out, PREFIX "%s %" PRIu64 "\n", name, value);
}

static void render_spool(struct stir_buf *out, const struct cps_spool_stats *spool)
{
    render_gauge(out, "spool_queued", "PASSporTs that wait in the spool.", spool->queued);
    render_gauge(out, "spool_bytes", "Octets of the PASSporTs in the spool.", spool->octets);
    render_gauge(out, "spool_oldest_seconds", "Age of the oldest PASSporT in the spool.", (uint64_t)spool->oldest_s);
    render_gauge(out, "spool_disk_full", "1 while the disk of the spool file is full.",
                 spool->disk == CPS_SPOOL_DISK_FULL);
    render_gauge(out, "spool_disk_failing", "1 while the spool file cannot be written for another reason.",
                 spool->disk == CPS_SPOOL_DISK_FAILING);
    render_gauge(out, "spool_cps_away", "1 while the CPS does not answer the spool.", spool->away);
    render_header(out, "spool_published_total", "counter",
                  "PASSporTs published from the spool since its file was created.");
    stir_buf_printf(out, PREFIX "spool_published_total %" PRIu64 "\n", spool->published);
    render_header(out, "spool_dropped_total", "counter",
                  "PASSporTs dropped from the spool since its file was created.");
    for (int reason = 0; reason < CPS_SPOOL_REASON_COUNT; reason++) {
        stir_buf_printf(out, PREFIX "spool_dropped_total{reason=\"%s\"} %" PRIu64 "\n",
                        cps_spool_reason_name((enum cps_spool_reason)reason), spool->dropped[reason]);
    }
}

void sc_filter_metrics_render(struct stir_buf *out, const struct sc_filter_counters *counters,
                              const struct sc_filter_gauges *gauges)
{
    render_counters(out, counters);
    render_reasons(out, "unsigned_total", "Messages or segments forwarded unsigned.", counters->unsigned_);
    render_reasons(out, "sign_rejected_total", "Messages rejected because they could not be signed.",
                   counters->rejected);
    render_tenants(out, gauges);
    render_verdicts(out, counters);
    render_exempt(out, counters);
    render_waits(out, counters);
    render_header(out, "waited_seconds", "histogram", "Time that messages waited for their PASSporT.");
    render_waited(out, "sign", &counters->waited_sign);
    render_waited(out, "verify", &counters->waited_verify);
    render_gauge(out, "undecided", "Messages waiting for their PASSporT.", gauges->undecided);
    render_gauge(out, "operations", "Operations in progress at the CPS.", gauges->under_way);
    render_gauge(out, "operations_queued", "Operations waiting to start.", gauges->queued);
    render_gauge(out, "join_messages", "Incomplete long messages.", gauges->join_messages);
    render_gauge(out, "join_segments", "Segments kept of incomplete long messages.", gauges->join_segments);
    render_gauge(out, "join_bytes", "Octets of memory used for incomplete long messages.", gauges->join_octets);
    render_gauge(out, "tenants", "Tenants for which messages are signed.", gauges->tenants);
    render_gauge(out, "recipients", "Keys to which PASSporTs are encrypted.", gauges->recipients);
    /* these exist only while there is something that they could describe */
    if (gauges->has_cps) {
        render_gauge(out, "cps_away", "1 while the CPS of [cps] url does not answer: requests to it fail at once.",
                     gauges->cps.away);
        render_gauge(out, "cps_others_away", "CPSs of the number table and of key records that do not answer.",
                     gauges->cps.others);
        render_header(out, "cps_lost_total", "counter", "Number of times a CPS stopped answering.");
        stir_buf_printf(out, PREFIX "cps_lost_total %" PRIu64 "\n", gauges->cps.lost);
    }
    if (gauges->has_spool) {
        render_spool(out, &gauges->spool);
    }
}

/* ---- lists that trust depends on ---- */

#define LISTS_MAX 112 /* more lists than the options of a handle can name */

enum list_number { IN_FORCE, GOOD_AT, EXPIRES, FAILURES };

static uint64_t render_number(const struct cps_crl_status *list, enum list_number which)
{
    switch (which) {
    case IN_FORCE:
        return list->in_force;
    case GOOD_AT:
        return (uint64_t)list->good_at;
    case EXPIRES:
        return (uint64_t)list->exp;
    case FAILURES:
        break;
    }
    return list->failures;
}

void sc_filter_lists_render(struct stir_buf *out, const struct cps *cps)
{
    static const struct {
        enum list_number which;
        const char *name, *type, *help;
    } metrics[] = {
        {IN_FORCE, "trust_list_in_force", "gauge", "1 if a valid list of this name is in use, else 0."},
        {GOOD_AT, "trust_list_good_timestamp_seconds", "gauge",
         "Time at which a valid list was last read or fetched; 0: never."},
        {EXPIRES, "trust_list_expires_timestamp_seconds", "gauge",
         "Time at which the list in use expires: exp of a list of roots, the earliest nextUpdate of "
         "a revocation list."},
        {FAILURES, "trust_list_failures_total", "counter", "Failed attempts to read or fetch the list."},
    };
    struct cps_crl_status lists[LISTS_MAX];
    size_t count = cps_crls_status(cps, lists, LISTS_MAX);
    count = count < LISTS_MAX ? count : LISTS_MAX;
    /* Prometheus wants all samples of one metric together */
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        render_header(out, metrics[m].name, metrics[m].type, metrics[m].help);
        for (size_t i = 0; i < count; i++) {
            if (metrics[m].which != EXPIRES || lists[i].exp) {
                stir_buf_printf(out, PREFIX "%s{kind=\"%s\",list=\"", metrics[m].name,
                                lists[i].is_roots ? "roots" : "crl");
                render_label(out, lists[i].name);
                stir_buf_printf(out, "\"} %" PRIu64 "\n", render_number(&lists[i], metrics[m].which));
            }
        }
    }
}

void sc_filter_lists_advise(struct stir_buf *out, const struct cps *cps)
{
    struct cps_crl_status lists[LISTS_MAX];
    size_t count = cps_crls_status(cps, lists, LISTS_MAX);
    int64_t now = (int64_t)time(NULL);
    for (size_t i = 0; i < count && i < LISTS_MAX; i++) {
        const struct cps_crl_status *list = &lists[i];
        const char *what = list->is_roots ? "list of roots" : "revocation list";
        if (!list->in_force) {
            stir_buf_printf(out, "%s%s %s %s", out->len ? "; " : "", what, list->name,
                            list->good_at ? "has expired and is no longer in force" : "was never loaded");
        } else if (list->exp && list->exp < now) {
            stir_buf_printf(out, "%s%s %s has expired and stays in force %s", out->len ? "; " : "", what, list->name,
                            list->is_roots ? "for a while" : "until there is a newer one");
        }
    }
}
