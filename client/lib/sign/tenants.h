#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/sign/signer.h"

#include <pthread.h>

/* Tenants by their names. The table holds a reference to each signer for each of its names. */
#define CPS_TENANT_NAME_MAX 63

struct cps_tenant_entry {
    char name[CPS_TENANT_NAME_MAX + 1];
    struct cps_signer *signer;
};

struct cps_tenant_table {
    struct cps_tenant_entry *entries;
    size_t count, cap;
    size_t tenants; /* different signers */
};

struct cps_tenants {
    char *domain; /* of alphanumeric senders; "": none */
    bool with_chain;
    pthread_mutex_t lock; /* of the table */
    struct cps_tenant_table table;
};

/* A signer that signs for what the tenant may originate from, and nothing else. As cps_tenants_put. */
enum cps_code cps_tenant_open(struct cps_signer **out, const struct cps_tenants *tenants,
                              const struct cps_tenant *tenant, struct cps_error *err) STIR_MUST_CHECK;

/* Puts a signer behind what is there, out of order. CPS_E_CONFIG: no name; CPS_E_NOMEM. */
enum cps_code cps_tenant_table_append(struct cps_tenant_table *table, const char *name, struct cps_signer *signer,
                                      struct cps_error *err) STIR_MUST_CHECK;
void cps_tenant_table_clear(struct cps_tenant_table *table);

/* tenants_file.c: reads a file or a directory, whose entries are left out of order. As cps_tenants_load. */
enum cps_code cps_tenants_read(struct cps_tenant_table *out, const struct cps_tenants *tenants, const char *path,
                               struct cps_error *err) STIR_MUST_CHECK;
