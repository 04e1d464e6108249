/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/sign/tenants.h"

/* Calls `say` with a sentence for each number, range and prefix of a tenant that its certificate does not cover,
 * neither by its numbers nor by its SPC with the handle's number table or allow_spc. A prefix is covered if all its
 * numbers of some length are. Tenants whose certificate gives its TNAuthList by URL are left out. */
void cps_tenants_check(const struct cps_tenants *tenants, const struct cps *cps,
                       void (*say)(void *arg, const char *text), void *arg);

/* Returns the number of names whose tenant has a certificate chain that is no longer valid at `now` (seconds). Writes
 * one of these names to `name`. */
size_t cps_tenants_expired(struct cps_tenants *tenants, int64_t now, char name[CPS_TENANT_NAME_MAX + 1]);

/* Returns when the first of the tenants' certificate chains expires, in seconds; 0 if there is no tenant. */
int64_t cps_tenants_end(struct cps_tenants *tenants);

/* Calls `take` with the private key (a file or pkcs11: URI) that each readable tenant file at `path` names. */
void cps_tenants_keys(const char *path, void (*take)(void *arg, const char *key), void *arg);
