/* SPDX-License-Identifier: MIT */
#include "client/lib/sign/tenants.h"

#include <stdlib.h>
#include <string.h>

/* ---- tenants ---- */

static enum cps_code tenants_check_argument(const struct cps_tenant *tenant, struct cps_error *err)
{
    if (!tenant || tenant->size != sizeof(*tenant) || !tenant->names || tenant->name_count == 0) {
        return cps_fail(err, CPS_E_INVAL, "a tenant needs size, a name, key, chain_file and x5u");
    }
    for (size_t i = 0; i < tenant->name_count; i++) {
        if (!cps_tenant_is_name(tenant->names[i])) {
            return cps_tenant_bad_name(err);
        }
    }
    return CPS_OK;
}

enum cps_code cps_tenants_put(struct cps_tenants *tenants, const struct cps_tenant *tenant, struct cps_error *err)
{
    struct cps_signer *signer = NULL;
    enum cps_code code =
        tenants ? tenants_check_argument(tenant, err) : cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    if (code == CPS_OK) {
        code = cps_tenant_open(&signer, tenants, tenant, err);
    }
    if (code != CPS_OK) {
        return code;
    }
    pthread_mutex_lock(&tenants->lock);
    code = cps_tenant_table_reserve(&tenants->table, tenant->name_count, err);
    for (size_t i = 0; code == CPS_OK && i < tenant->name_count; i++) {
        cps_tenant_table_put(&tenants->table, tenant->names[i], signer);
    }
    pthread_mutex_unlock(&tenants->lock);
    cps_signer_free(signer);
    return code;
}

enum cps_code cps_tenants_load(struct cps_tenants *tenants, const char *path, struct cps_error *err)
{
    struct cps_tenant_table table = {0};
    if (!tenants || !path) {
        return cps_fail(err, CPS_E_INVAL, "a pointer is NULL");
    }
    enum cps_code code = cps_tenants_read(&table, tenants, path, err);
    if (code == CPS_OK) {
        code = cps_tenant_table_sort(&table, path, err);
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
    const struct cps_tenant_entry *entry = cps_tenant_table_find(&tenants->table, name);
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
        return cps_fail(err, CPS_E_INVAL, "out is NULL, or options.size is not sizeof(struct cps_tenants_options)");
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
