#include "client/lib/sign/tenants.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct cps_tenant_entry *)a)->name, ((const struct cps_tenant_entry *)b)->name);
}

static bool is_name(const char *name)
{
    size_t len = name ? strnlen(name, CPS_TENANT_NAME_MAX + 1) : 0;
    return len > 0 && len <= CPS_TENANT_NAME_MAX;
}

static enum cps_code bad_name(struct cps_error *err)
{
    return cps_fail(err, CPS_E_CONFIG, "a system_id has 1 to %d octets", CPS_TENANT_NAME_MAX);
}

static enum cps_code make_room(struct cps_tenant_table *table, size_t more, struct cps_error *err)
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

static void fill_entry(struct cps_tenant_table *table, struct cps_tenant_entry *entry, const char *name,
                       struct cps_signer *signer)
{
    *entry = (struct cps_tenant_entry){.signer = cps_signer_ref(signer)};
    memcpy(entry->name, name, strlen(name));
    table->tenants += signer->names++ == 0;
}

static void empty_entry(struct cps_tenant_table *table, struct cps_tenant_entry *entry)
{
    table->tenants -= --entry->signer->names == 0;
    cps_signer_free(entry->signer);
}

enum cps_code cps_tenant_table_append(struct cps_tenant_table *table, const char *name, struct cps_signer *signer,
                                      struct cps_error *err)
{
    enum cps_code code = is_name(name) ? make_room(table, 1, err) : bad_name(err);
    if (code == CPS_OK) {
        fill_entry(table, &table->entries[table->count++], name, signer);
    }
    return code;
}

void cps_tenant_table_clear(struct cps_tenant_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        empty_entry(table, &table->entries[i]);
    }
    free(table->entries);
    *table = (struct cps_tenant_table){0};
}

/* There is room. */
static void put_name(struct cps_tenant_table *table, const char *name, struct cps_signer *signer)
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
        empty_entry(table, entry);
    } else {
        memmove(entry + 1, entry, (table->count - low) * sizeof(*entry));
        table->count++;
    }
    fill_entry(table, entry, name, signer);
}

static const struct cps_tenant_entry *find(const struct cps_tenant_table *table, const char *name)
{
    struct cps_tenant_entry key = {0};
    if (!is_name(name) || table->count == 0) {
        return NULL;
    }
    memcpy(key.name, name, strlen(name));
    return bsearch(&key, table->entries, table->count, sizeof(*table->entries), by_name);
}

/* ---- tenants ---- */

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

static enum cps_code check_tenant(const struct cps_tenant *tenant, struct cps_error *err)
{
    if (!tenant || tenant->size != sizeof(*tenant) || !tenant->names || tenant->name_count == 0) {
        return cps_fail(err, CPS_E_INVAL, "a tenant needs size, a name, key, chain_file and x5u");
    }
    for (size_t i = 0; i < tenant->name_count; i++) {
        if (!is_name(tenant->names[i])) {
            return bad_name(err);
        }
    }
    return CPS_OK;
}

enum cps_code cps_tenants_put(struct cps_tenants *tenants, const struct cps_tenant *tenant, struct cps_error *err)
{
    struct cps_signer *signer = NULL;
    enum cps_code code = tenants ? check_tenant(tenant, err) : cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    if (code == CPS_OK) {
        code = cps_tenant_open(&signer, tenants, tenant, err);
    }
    if (code != CPS_OK) {
        return code;
    }
    pthread_mutex_lock(&tenants->lock);
    code = make_room(&tenants->table, tenant->name_count, err);
    for (size_t i = 0; code == CPS_OK && i < tenant->name_count; i++) {
        put_name(&tenants->table, tenant->names[i], signer);
    }
    pthread_mutex_unlock(&tenants->lock);
    cps_signer_free(signer);
    return code;
}

static enum cps_code sort(struct cps_tenant_table *table, const char *path, struct cps_error *err)
{
    if (table->count) {
        qsort(table->entries, table->count, sizeof(*table->entries), by_name);
    }
    for (size_t i = 1; i < table->count; i++) {
        if (by_name(&table->entries[i - 1], &table->entries[i]) == 0) {
            return cps_fail(err, CPS_E_CONFIG, "%s: two tenants have the system_id %s", path, table->entries[i].name);
        }
    }
    return CPS_OK;
}

enum cps_code cps_tenants_load(struct cps_tenants *tenants, const char *path, struct cps_error *err)
{
    struct cps_tenant_table table = {0};
    if (!tenants || !path) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum cps_code code = cps_tenants_read(&table, tenants, path, err);
    if (code == CPS_OK) {
        code = sort(&table, path, err);
    }
    if (code == CPS_OK) {
        pthread_mutex_lock(&tenants->lock);
        struct cps_tenant_table before = tenants->table;
        tenants->table = table;
        pthread_mutex_unlock(&tenants->lock);
        table = before;
    }
    cps_tenant_table_clear(&table);
    return code;
}

enum cps_code cps_tenants_signer(struct cps_tenants *tenants, const char *name, struct cps_signer **out,
                                 struct cps_error *err)
{
    if (!tenants || !name || !out) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    pthread_mutex_lock(&tenants->lock);
    const struct cps_tenant_entry *entry = find(&tenants->table, name);
    struct cps_signer *signer = entry ? cps_signer_ref(entry->signer) : NULL;
    pthread_mutex_unlock(&tenants->lock);
    if (!signer) {
        return cps_fail(err, CPS_E_NOT_FOUND, "there is no tenant \"%.*s\"", CPS_TENANT_NAME_MAX, name);
    }
    *out = signer;
    return CPS_OK;
}

size_t cps_tenants_count(struct cps_tenants *tenants)
{
    if (!tenants) {
        return 0;
    }
    pthread_mutex_lock(&tenants->lock);
    size_t count = tenants->table.tenants;
    pthread_mutex_unlock(&tenants->lock);
    return count;
}

enum cps_code cps_tenants_new(struct cps_tenants **out, const struct cps_tenants_options *options,
                              struct cps_error *err)
{
    if (!out || (options && options->size != sizeof(*options))) {
        return cps_fail(err, CPS_E_INVAL, "tenants need a place to go, and options their size");
    }
    struct cps_tenants *tenants = calloc(1, sizeof(*tenants));
    if (!tenants) {
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    tenants->domain = strdup(options && options->alphanumeric_domain ? options->alphanumeric_domain : "");
    if (!tenants->domain) {
        free(tenants);
        return cps_fail(err, CPS_E_NOMEM, "out of memory");
    }
    tenants->with_chain = options && options->with_chain;
    pthread_mutex_init(&tenants->lock, NULL);
    *out = tenants;
    return CPS_OK;
}

void cps_tenants_free(struct cps_tenants *tenants)
{
    if (tenants) {
        cps_tenant_table_clear(&tenants->table);
        pthread_mutex_destroy(&tenants->lock);
        free(tenants->domain);
        free(tenants);
    }
}

/* ---- signing for one ---- */

enum cps_code cps_sign_as(struct cps *cps, struct cps_tenants *tenants, const char *tenant,
                          const struct cps_message *message, char **passport, size_t *len, struct cps_error *err)
{
    struct cps_signer *signer = NULL;
    enum cps_code code = cps_tenants_signer(tenants, tenant, &signer, err);
    if (code == CPS_OK) {
        code = cps_sign(cps, signer, message, passport, len, err);
    }
    cps_signer_free(signer);
    return code;
}

enum cps_code cps_send_as(struct cps *cps, struct cps_tenants *tenants, const char *tenant,
                          const struct cps_message *message, const struct cps_recipient *recipients,
                          size_t recipient_count, uint32_t ttl_s, enum cps_spooling spooling, struct cps_sent *out,
                          struct cps_error *err)
{
    struct cps_signer *signer = NULL;
    struct cps_error failure = {0};
    enum cps_code code = cps_tenants_signer(tenants, tenant, &signer, &failure);
    if (code == CPS_OK) {
        code = cps_send_with_spool(cps, signer, message, recipients, recipient_count, ttl_s, spooling, out, err);
    } else {
        if (out) {
            *out = (struct cps_sent){.error = failure};
        }
        if (err) {
            *err = failure;
        }
    }
    cps_signer_free(signer);
    return code;
}
