/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/tenants_check.h"

#include "client/lib/context/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define E164_MAX 15 /* digits */

struct check {
    const char *tenant;
    const struct stir_tnauth *all;  /* the certificate's list */
    const struct stir_tnauth *held; /* what of it counts */
    const struct stir_numtable *numbers;
    void (*say)(void *arg, const char *text);
    void *arg;
};

static bool tenants_check_covers(const struct check *check, const char *first, const char *last)
{
    struct stir_tnauth_entry entry = {.kind = STIR_TNAUTH_ONE, .count = 1};
    const struct stir_tnauth child = {.entries = &entry, .count = 1};
    (void)snprintf(entry.value, sizeof(entry.value), "%s", first);
    if (strcmp(first, last) != 0) {
        entry.kind = STIR_TNAUTH_RANGE;
        entry.count = strtoull(last, NULL, 10) - strtoull(first, NULL, 10) + 1;
    }
    return stir_tnauth_covers(check->held, &child, check->numbers);
}

static bool tenants_check_covers_prefix(const struct check *check, const char *prefix)
{
    char first[STIR_TN_MAX + 1], last[STIR_TN_MAX + 1];
    for (size_t n = strlen(prefix) + 1; n <= E164_MAX; n++) {
        size_t digits = strlen(prefix);
        memcpy(first, prefix, digits);
        memcpy(last, prefix, digits);
        memset(first + digits, '0', n - digits);
        memset(last + digits, '9', n - digits);
        first[n] = last[n] = '\0';
        if (tenants_check_covers(check, first, last)) {
            return true;
        }
    }
    return false;
}

static void tenants_check_report(const struct check *check, const char *first, const char *dash, const char *last)
{
    char text[512];
    struct stir_buf held = {.limit = 120};
    stir_tnauth_to_text(&held, check->all);
    (void)snprintf(
        text, sizeof(text),
        "tenant %s: its certificate (%s) does not cover %s%s%s; such messages are not signed: correct numbers, "
        "the certificate or [numbers] table",
        check->tenant, held.ptr && stir_buf_state(&held) == STIR_OK ? held.ptr : "many numbers", first, dash, last);
    stir_buf_free(&held);
    check->say(check->arg, text);
}

static void tenants_check_numbers(const struct check *check, const struct cps_numbers *numbers)
{
    for (size_t i = 0; i < numbers->range_count; i++) {
        const struct cps_number_range *range = &numbers->ranges[i];
        bool one = strcmp(range->first, range->last) == 0;
        if (!tenants_check_covers(check, range->first, range->last)) {
            tenants_check_report(check, range->first, one ? "" : "-", one ? "" : range->last);
        }
    }
    for (size_t i = 0; i < numbers->prefix_count; i++) {
        if (!tenants_check_covers_prefix(check, numbers->prefixes[i])) {
            tenants_check_report(check, numbers->prefixes[i], "*", "");
        }
    }
    for (size_t i = 0; i < numbers->service_count; i++) {
        if (!tenants_check_covers(check, numbers->services[i], numbers->services[i])) {
            tenants_check_report(check, numbers->services[i], "", "");
        }
    }
}

/* A code covers nothing without a table, unless it covers everything (allow_spc). */
static void tenants_check_drop_codes(struct stir_tnauth *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].kind != STIR_TNAUTH_SPC) {
            list->entries[kept++] = list->entries[i];
        }
    }
    list->count = kept;
}

static void tenants_check_tenant(const struct cps_tenant_entry *entry, const struct stir_authority *authority,
                                 void (*say)(void *arg, const char *text), void *arg)
{
    const struct stir_chain *chain = entry->signer->chain;
    struct stir_tnauth held = {0};
    if (!entry->signer->scope || chain->list_urls[0] || stir_tnauth_of(&held, chain->certs[0], NULL) != STIR_OK) {
        return;
    }
    if (!authority->numbers && !authority->allow_spc) {
        tenants_check_drop_codes(&held);
    }
    const struct check check = {.tenant = entry->name,
                                .all = &chain->tnauth,
                                .held = &held,
                                .numbers = authority->numbers,
                                .say = say,
                                .arg = arg};
    tenants_check_numbers(&check, &entry->signer->scope->numbers);
    stir_tnauth_clear(&held);
}

/* Whether the signer was there already, under another of its tenant's names. */
static bool tenants_check_is_seen(const struct cps_tenant_table *table, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (table->entries[j].signer == table->entries[i].signer) {
            return true;
        }
    }
    return false;
}

void cps_tenants_check(const struct cps_tenants *tenants, const struct cps *cps,
                       void (*say)(void *arg, const char *text), void *arg)
{
    const struct stir_authority authority = cps_authority(cps);
    for (size_t i = 0; i < tenants->table.count; i++) {
        if (!tenants_check_is_seen(&tenants->table, i)) {
            tenants_check_tenant(&tenants->table.entries[i], &authority, say, arg);
        }
    }
}

size_t cps_tenants_expired(struct cps_tenants *tenants, int64_t now, char name[CPS_TENANT_NAME_MAX + 1])
{
    size_t expired = 0;
    pthread_mutex_lock(&tenants->lock);
    for (size_t i = 0; i < tenants->table.count; i++) {
        const struct cps_tenant_entry *entry = &tenants->table.entries[i];
        if (entry->signer->chain->not_after <= now) {
            memcpy(name, entry->name, sizeof(entry->name));
            expired++;
        }
    }
    pthread_mutex_unlock(&tenants->lock);
    return expired;
}

int64_t cps_tenants_end(struct cps_tenants *tenants)
{
    int64_t end = 0;
    pthread_mutex_lock(&tenants->lock);
    for (size_t i = 0; i < tenants->table.count; i++) {
        int64_t own = tenants->table.entries[i].signer->chain->not_after;
        end = i == 0 || own < end ? own : end;
    }
    pthread_mutex_unlock(&tenants->lock);
    return end;
}
