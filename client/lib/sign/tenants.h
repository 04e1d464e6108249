/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/sign/signer.h"

#include <pthread.h>

/* Tenants by name. The table holds a reference to a signer for each of its names. */
#define CPS_TENANT_NAME_MAX 63

struct cps_tenant_entry {
    char name[CPS_TENANT_NAME_MAX + 1];
    struct cps_signer *signer;
};

struct cps_tenant_table {
    struct cps_tenant_entry *entries;
    size_t count, cap;
    size_t tenants; /* number of different signers */
};

struct cps_tenants {
    char *domain; /* of alphanumeric senders; "": they are not signed */
    bool with_chain;
    pthread_mutex_t lock; /* of the table */
    struct cps_tenant_table table;
};

/* ---- tenant_table.c ---- */

/* Returns true if a name can be a tenant's: 1 to CPS_TENANT_NAME_MAX octets. name may be NULL. */
bool cps_tenant_is_name(const char *name);

/* Records that a name cannot be a tenant's, and returns CPS_E_CONFIG. */
enum cps_code cps_tenant_bad_name(struct cps_error *err);

/* Makes room for `more` further entries. CPS_E_NOMEM. */
enum cps_code cps_tenant_table_reserve(struct cps_tenant_table *table, size_t more,
                                       struct cps_error *err) STIR_MUST_CHECK;

/* Puts a signer at its place in a sorted table that has room, in the place of one with the same name. */
void cps_tenant_table_put(struct cps_tenant_table *table, const char *name, struct cps_signer *signer);

/* Appends a signer without regard to the order. CPS_E_CONFIG: not a name; CPS_E_NOMEM. */
enum cps_code cps_tenant_table_append(struct cps_tenant_table *table, const char *name, struct cps_signer *signer,
                                      struct cps_error *err) STIR_MUST_CHECK;

/* Sorts a table by name. path: where it was read, for the error text. CPS_E_CONFIG: two entries have one name. */
enum cps_code cps_tenant_table_sort(struct cps_tenant_table *table, const char *path,
                                    struct cps_error *err) STIR_MUST_CHECK;

/* Returns the entry of a name in a sorted table, borrowed; NULL if there is none. */
const struct cps_tenant_entry *cps_tenant_table_find(const struct cps_tenant_table *table, const char *name);

/* Gives back every signer and the table's memory. */
void cps_tenant_table_clear(struct cps_tenant_table *table);

/* Makes the signer of a tenant, which signs for what the tenant may originate from and nothing else. *out is a
 * reference of the caller's. As cps_tenants_put. */
enum cps_code cps_tenant_open(struct cps_signer **out, const struct cps_tenants *tenants,
                              const struct cps_tenant *tenant, struct cps_error *err) STIR_MUST_CHECK;

/* ---- tenants_file.c ---- */

/* Reads a tenant's file, or all files of a directory. The entries are not sorted. As cps_tenants_load. */
enum cps_code cps_tenants_read(struct cps_tenant_table *out, const struct cps_tenants *tenants, const char *path,
                               struct cps_error *err) STIR_MUST_CHECK;
