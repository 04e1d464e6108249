#pragma once

#include "client/lib/sign/tenants.h"

/* Calls `say` with a sentence for each number, range and prefix of a tenant that its certificate does not cover: not by
 * its own numbers, nor by its service provider code and what the handle has to judge that (number table, allow_spc). A
 * prefix is covered if all its numbers of some length are. Whose certificate names a TNAuthList by URL is left out. */
void cps_tenants_check(const struct cps_tenants *tenants, const struct cps *cps,
                       void (*say)(void *arg, const char *text), void *arg);

/* Returns the number of names of tenants whose certificate chain is no longer valid at `now` (seconds since the epoch).
 * `name` becomes that of one of them. */
size_t cps_tenants_expired(struct cps_tenants *tenants, int64_t now, char name[CPS_TENANT_NAME_MAX + 1]);

/* When the first of their certificate chains is no longer valid, seconds since the epoch; 0: there is no tenant. */
int64_t cps_tenants_end(struct cps_tenants *tenants);

/* Calls `take` with the private key (a file or pkcs11: URI) of each tenant's file below `path`, as far as it can be
 * read. */
void cps_tenants_keys(const char *path, void (*take)(void *arg, const char *key), void *arg);
