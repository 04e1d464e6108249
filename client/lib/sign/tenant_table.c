/* SPDX-License-Identifier: MIT */
/* A table of tenants by name, and making the signer of one. */
#include "client/lib/sign/tenants.h"

#include <stdlib.h>
#include <string.h>

static int tenant_entry_compare(const void *a, const void *b)
{
    return strcmp(((const struct cps_tenant_entry *)a)->name, ((const struct cps_tenant_entry *)b)->name);
}

bool cps_tenant_is_name(const char *name)
{
    size_t len = name ? strnlen(name, CPS_TENANT_NAME_MAX + 1) : 0;
    return len > 0 && len <= CPS_TENANT_NAME_MAX;
}

enum cps_code cps_tenant_bad_name(struct cps_error *err)
{
    return cps_fail(err, CPS_E_CONFIG, "a system_id has 1 to %d octets", CPS_TENANT_NAME_MAX);
}

enum cps_code cps_tenant_table_reserve(struct cps_tenant_table *table, size_t more, struct cps_error *err)
{
    size_t cap = table->cap ? table->cap : 16;
    while (cap - table->count < more) {
        cap *= 2;
    }
    if (cap == table->cap) {
        return CPS_OK;
    }
    struct cps_tenant_entry *moved = reallocarray(table->entries, cap, sizeof(*moved));
    if (!moved) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    table->entries = moved;
    table->cap = cap;
    return CPS_OK;
}

static void tenant_entry_fill(struct cps_tenant_table *table, struct cps_tenant_entry *entry, const char *name,
                              struct cps_signer *signer)
{
    *entry = (struct cps_tenant_entry){.signer = cps_signer_ref(signer)};
    memcpy(entry->name, name, strlen(name));
    table->tenants += signer->names++ == 0;
}

static void tenant_entry_empty(struct cps_tenant_table *table, struct cps_tenant_entry *entry)
{
    table->tenants -= --entry->signer->names == 0;
    cps_signer_free(entry->signer);
}

enum cps_code cps_tenant_table_append(struct cps_tenant_table *table, const char *name, struct cps_signer *signer,
                                      struct cps_error *err)
{
    enum cps_code code = cps_tenant_is_name(name) ? cps_tenant_table_reserve(table, 1, err) : cps_tenant_bad_name(err);
    if (code == CPS_OK) {
        tenant_entry_fill(table, &table->entries[table->count++], name, signer);
    }
    return code;
}

void cps_tenant_table_clear(struct cps_tenant_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        tenant_entry_empty(table, &table->entries[i]);
    }
    free(table->entries);
    *table = (struct cps_tenant_table){0};
}

void cps_tenant_table_put(struct cps_tenant_table *table, const char *name, struct cps_signer *signer)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->entries[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    struct cps_tenant_entry *entry = &table->entries[low];
    if (low < table->count && strcmp(entry->name, name) == 0) {
        tenant_entry_empty(table, entry);
    } else {
        memmove(entry + 1, entry, (table->count - low) * sizeof(*entry));
        table->count++;
    }
    tenant_entry_fill(table, entry, name, signer);
}

const struct cps_tenant_entry *cps_tenant_table_find(const struct cps_tenant_table *table, const char *name)
{
    struct cps_tenant_entry key = {0};
    if (!cps_tenant_is_name(name) || table->count == 0) {
        return NULL;
    }
    memcpy(key.name, name, strlen(name));
    return bsearch(&key, table->entries, table->count, sizeof(*table->entries), tenant_entry_compare);
}

enum cps_code cps_tenant_table_sort(struct cps_tenant_table *table, const char *path, struct cps_error *err)
{
    if (table->count) {
        qsort(table->entries, table->count, sizeof(*table->entries), tenant_entry_compare);
    }
    for (size_t i = 1; i < table->count; i++) {
        if (tenant_entry_compare(&table->entries[i - 1], &table->entries[i]) == 0) {
            return cps_fail(err, CPS_E_CONFIG, "%s: two tenants have the system_id %s", path, table->entries[i].name);
        }
    }
    return CPS_OK;
}

enum cps_code cps_tenant_open(struct cps_signer **out, const struct cps_tenants *tenants,
                              const struct cps_tenant *tenant, struct cps_error *err)
{
    const struct cps_signer_options options = {.size = sizeof(options),
                                               .key = tenant->key,
                                               .chain_file = tenant->chain_file,
                                               .x5u = tenant->x5u,
                                               .with_chain = tenants->with_chain};
    struct cps_scope *scope = NULL;
    struct cps_signer *signer = NULL;
    enum cps_code code = cps_scope_new(&scope, tenant->numbers, tenant->senders, tenants->domain, err);
    if (code == CPS_OK) {
        code = cps_signer_open(&signer, &options, err);
    }
    if (code != CPS_OK) {
        cps_scope_free(scope);
        return code;
    }
    signer->scope = scope;
    *out = signer;
    return CPS_OK;
}
