/* SPDX-License-Identifier: MIT */
#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/sign/number_set.h"
#include "common/number/identity.h"

/* What a tenant may originate from: numbers, and alphanumeric senders in the form of the identities that are signed.
 * Immutable once made; thread-safe. */
struct cps_scope {
    struct cps_numbers numbers;
    char (*senders)[STIR_IDENTITY_MAX + 1]; /* sorted */
    size_t sender_count;
};

/* Makes a scope. numbers, senders: lists as in struct cps_tenant, or NULL. domain: of the senders; NULL or "": the
 * senders have no effect. CPS_E_CONFIG names the item that cannot be read, or says that the scope is empty;
 * CPS_E_NOMEM. */
enum cps_code cps_scope_new(struct cps_scope **out, const char *numbers, const char *senders, const char *domain,
                            struct cps_error *err) STIR_MUST_CHECK;
void cps_scope_free(struct cps_scope *scope);

/* Returns true if the tenant may originate from this identity. */
bool cps_scope_has(const struct cps_scope *scope, const struct stir_identity *orig);
