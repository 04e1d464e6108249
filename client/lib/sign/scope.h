#pragma once

#include "client/lib/context/errors.h"
#include "client/lib/sign/number_set.h"
#include "common/number/identity.h"

/* What a tenant may originate from: numbers, and alphanumeric senders as the identities that they are signed as.
 * Immutable once made, thread-safe. */
struct cps_scope {
    struct cps_numbers numbers;
    char (*senders)[STIR_IDENTITY_MAX + 1]; /* sorted */
    size_t sender_count;
};

/* numbers, senders: lists as in struct cps_tenant, or NULL; domain: of the senders, NULL or "": they count for nothing.
 * CPS_E_CONFIG names the item: also where there is neither a number nor a sender; CPS_E_NOMEM. */
enum cps_code cps_scope_new(struct cps_scope **out, const char *numbers, const char *senders, const char *domain,
                            struct cps_error *err) STIR_MUST_CHECK;
void cps_scope_free(struct cps_scope *scope);

bool cps_scope_has(const struct cps_scope *scope, const struct stir_identity *orig);
