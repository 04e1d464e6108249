/* SPDX-License-Identifier: MIT */
#include "cps/auth/trust_status.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct cpsd_trust_status {
    uv_mutex_t lock;
    struct cpsd_trust_status_entry *entries;
    size_t count;
};

struct cpsd_trust_status *cpsd_trust_status_new(void)
{
    struct cpsd_trust_status *status = calloc(1, sizeof(*status));
    if (status && uv_mutex_init(&status->lock) < 0) {
        free(status);
        return NULL;
    }
    return status;
}

void cpsd_trust_status_free(struct cpsd_trust_status *status)
{
    if (status) {
        uv_mutex_destroy(&status->lock);
        free(status->entries);
        free(status);
    }
}

void cpsd_trust_status_put(struct cpsd_trust_status *status, const struct cpsd_trust_status_entry *entries,
                           size_t count)
{
    struct cpsd_trust_status_entry *copy = calloc(count + 1, sizeof(*copy));
    if (!copy) {
        return;
    }
    memcpy(copy, entries, count * sizeof(*copy));
    uv_mutex_lock(&status->lock);
    struct cpsd_trust_status_entry *old = status->entries;
    status->entries = copy;
    status->count = count;
    uv_mutex_unlock(&status->lock);
    free(old);
}

/* Appends a label value, escaped as Prometheus's text format demands. */
static void trust_status_put_label(struct stir_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            stir_buf_printf(out, "\\%c", *text);
        } else if (*text == '\n') {
            stir_buf_puts(out, "\\n");
        } else {
            stir_buf_put(out, text, 1);
        }
    }
}

enum number { IN_FORCE, GOOD_AT, EXP, FAILURES };

static uint64_t trust_status_number(const struct cpsd_trust_status_entry *entry, enum number which)
{
    switch (which) {
    case IN_FORCE:
        return entry->in_force;
    case GOOD_AT:
        return (uint64_t)entry->good_at;
    case EXP:
        return (uint64_t)entry->exp;
    case FAILURES:
        break;
    }
    return entry->failures;
}

void cpsd_trust_status_render(struct stir_buf *out, struct cpsd_trust_status *status)
{
    static const struct {
        enum number which;
        const char *name, *type, *help;
    } metrics[] = {
        {IN_FORCE, "cpsd_trust_list_in_force", "gauge", "1 if a good list of this name is in use, else 0."},
        {GOOD_AT, "cpsd_trust_list_good_timestamp_seconds", "gauge",
         "When a good list was last read or fetched; 0: never."},
        {EXP, "cpsd_trust_list_expires_timestamp_seconds", "gauge",
         "When the list in use ends: exp of a list of roots, the earliest nextUpdate of a revocation list."},
        {FAILURES, "cpsd_trust_list_failures_total", "counter", "Attempts to read or fetch the list that failed."},
    };
    if (!status) {
        return;
    }
    uv_mutex_lock(&status->lock);
    for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
        stir_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name, metrics[m].help, metrics[m].name,
                        metrics[m].type);
        for (size_t i = 0; i < status->count; i++) {
            const struct cpsd_trust_status_entry *entry = &status->entries[i];
            /* an unknown end is left out, as 0 would look like 1970 */
            if (metrics[m].which == EXP && !entry->exp) {
                continue;
            }
            stir_buf_printf(out, "%s{kind=\"%s\",list=\"", metrics[m].name, entry->kind);
            trust_status_put_label(out, entry->name);
            stir_buf_printf(out, "\"} %llu\n", (unsigned long long)trust_status_number(entry, metrics[m].which));
        }
    }
    uv_mutex_unlock(&status->lock);
}

void cpsd_trust_status_advise(struct stir_buf *out, struct cpsd_trust_status *status, int64_t now)
{
    if (!status) {
        return;
    }
    uv_mutex_lock(&status->lock);
    for (size_t i = 0; i < status->count; i++) {
        const struct cpsd_trust_status_entry *entry = &status->entries[i];
        const char *what = strcmp(entry->kind, "crl") == 0 ? "revocation list" : "list of roots";
        if (!entry->in_force) {
            stir_buf_printf(out, "%s%s %s %s", out->len ? "; " : "", what, entry->name,
                            entry->good_at ? "has expired and is no longer in force" : "was never loaded");
        } else if (entry->exp && entry->exp < now) {
            stir_buf_printf(out, "%s%s %s has expired and stays in force %s", out->len ? "; " : "", what, entry->name,
                            strcmp(entry->kind, "crl") == 0 ? "until a newer one is available"
                                                            : "for [trust] list_grace_s");
        }
    }
    uv_mutex_unlock(&status->lock);
}
